"""The path of a picture or a page that was written, which shows in a notebook what it leads to."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.markup import sized_to_fit

MOST_BYTES = 2_000_000
"""Of a file that a cell shows; of a larger one it shows the path, and the notebook stays small."""

PAGE_HEIGHT = 640
"""Pixels of a page in a cell."""

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # before Python 3.12 only the class of the system can be derived from


class ShownFile(_Path):
    """A path; as the last line of a cell it shows the picture or the page that stands there."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        shown = {"text/plain": repr(self)}
        how = {".svg": _svg, ".png": _png, ".html": _page}.get(self.suffix.lower())
        if how is not None and self.is_file() and self.stat().st_size <= MOST_BYTES:
            shown |= how(self)
        return shown


def _svg(path: Path) -> dict[str, str]:
    return {"image/svg+xml": sized_to_fit(path.read_text(encoding="utf-8"))}


def _png(path: Path) -> dict[str, str]:
    return {"image/png": b64encode(path.read_bytes()).decode("ascii")}


def _page(path: Path) -> dict[str, str]:
    framed = escape(path.read_text(encoding="utf-8"), quote=True)
    style = f"width:100%;height:{PAGE_HEIGHT}px;border:0"
    return {"text/html": f'<iframe srcdoc="{framed}" title="{escape(path.name)}" style="{style}"></iframe>'}
