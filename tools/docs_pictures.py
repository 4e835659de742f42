"""Draw the pictures of docs/pictures by the code of the pages that show them: `python -m tools.docs_pictures`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tools import page_runner, pages

FOLDER = pages.ROOT / "docs" / "pictures"
FIRST = "docs/first-graph.md"
FIGURES = ("surface.svg", "rates.svg", "shrinkage.svg", "differences.svg")
SHOWN = {"lecture.svg": "README.md", "first_graph.svg": FIRST, "first_values.svg": FIRST} | dict.fromkeys(
    FIGURES, "docs/figures.md"
)
"""The pictures that the code of a page makes, and the page."""


def drawn_by_its_page(picture: str) -> str:
    """The text of a picture, from the code of its page, which is run in the current folder."""
    names: dict[str, object] = {"__name__": "page"}
    blocks = (block for block in pages.blocks(pages.ROOT / SHOWN[picture]) if block.language == "python")
    while not Path(picture).exists():
        failed = page_runner.python({"text": next(blocks).text, "file": None}, names)["failed"]
        if failed is not None:
            raise SystemExit(f"{SHOWN[picture]}: {failed}")
    return Path(picture).read_text(encoding="utf-8")


def main() -> None:
    """Write each picture."""
    for picture in SHOWN:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            text = drawn_by_its_page(picture)
            os.chdir(pages.ROOT)
        (FOLDER / picture).write_text(text, encoding="utf-8")
        print(f"docs/pictures/{picture}")


if __name__ == "__main__":
    main()
