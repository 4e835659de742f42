"""Pages of the site that stand elsewhere in the repository: CONTRIBUTING and others, and the notebooks."""

from __future__ import annotations

import base64
import json
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {
    "CONTRIBUTING.md": "contributing", "RELEASING.md": "releasing", "CHANGELOG.md": "changelog",
    "notebooks/README.md": "lecture",
}  # fmt: skip
"""The texts at the top of the repository that are pages, and the names of these."""
OF_CODE = {"flowgraph/errors.py": "errors"}
"""Files of code that pages lead to on the code host, and the pages of the site that say what is in them."""
SUFFIX = ".myst"
"""Not .md, by which the tests of documents would find each page a second time and execute it again."""

_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
_TO_CODE = re.compile(r"\[([^\]]*)\]\(([^)#\s]+\.py)\)")


def copied_pages() -> dict[str, str]:
    """The pages by the name of their file."""
    found = {
        page + SUFFIX: _relinked((ROOT / name).read_text(encoding="utf-8"), name.rpartition("/")[0])
        for name, page in TEXTS.items()
    }
    return found | {path.stem + SUFFIX: _notebook(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}


def _relinked(text: str, folder: str) -> str:
    """The links as they lead from docs/generated/, where the page is written; the text stands in `folder`."""

    def led(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[1]))
        if target in TEXTS:
            return f"]({TEXTS[target]}{SUFFIX}"
        if target.startswith("notebooks/"):
            return f"]({Path(target).stem}{SUFFIX}"
        return f"](../{target.removeprefix('docs/')}" if target.startswith("docs/") else f"](../../{target}"

    return _LINK.sub(led, text)


def led_on_the_site(text: str, page: str) -> str:
    """The links of a page of docs/, `reference/index` say, to what stands above docs/, as they lead on the site.

    The code is not on the site: there a link to a file of it is the name alone.
    """
    folder = posixpath.join("docs", posixpath.dirname(page))

    def led(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[1]))
        name = (TEXTS | OF_CODE).get(target)
        return found[0] if name is None else f"]({posixpath.relpath(f'docs/generated/{name}', folder)}"

    def named(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[2]))
        return found[1] if target.startswith("flowgraph/") and target not in OF_CODE else found[0]

    return _LINK.sub(led, _TO_CODE.sub(named, text))


def _notebook(path: Path) -> str:
    """The texts, the code, and what each cell shows."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else _block("python", text))
        parts += map(_shown, cell.get("outputs", ()))
    return "\n\n".join(parts) + "\n"


def _shown(output: dict[str, Any]) -> str:
    """What a cell printed or returned; a picture by itself, so that its styles and identifiers are its own."""
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    if "image/svg+xml" in data:
        content = base64.b64encode(data["image/svg+xml"].encode()).decode()
        return _block("{raw} html", f'<img alt="what the cell shows" src="data:image/svg+xml;base64,{content}">')
    if "text/markdown" in data:
        return re.sub(r"^#", "###", data["text/markdown"], flags=re.MULTILINE)  # below the heading of a slide
    if "text/html" in data:
        return _block("{raw} html", data["text/html"])
    return _block("text", data.get("text/plain") or "".join(output.get("text", "")))


def _block(kind: str, text: str) -> str:
    return f"```{kind}\n{text.rstrip()}\n```"
