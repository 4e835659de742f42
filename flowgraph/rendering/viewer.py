"""A page to move about in a picture: pan, zoom, search, the links of the box under the pointer; no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from flowgraph.rendering.builtin import draw_builtin
from flowgraph.rendering.page import html_page
from flowgraph.rendering.picture import Picture
from flowgraph.rendering.theming import adaptive, drawn_theme

if TYPE_CHECKING:
    from flowgraph.graph import Graph

_BODY = """<div class="controls" role="group" aria-label="view">
<input id="search" type="search" placeholder="find a box" aria-label="find a box by name, operation or shape">
<span id="count" aria-live="polite"></span>
<button id="out" type="button" aria-label="zoom out">−</button>
<button id="in" type="button" aria-label="zoom in">+</button>
<button id="fit" type="button">whole</button>
</div>
<div id="stage">{svg}</div>"""


class Interactive:
    """The page in a cell of a notebook."""

    def __init__(self, text: str, height: int = 480) -> None:
        self.text = text
        self.height = height

    def _repr_html_(self) -> str:
        framed = escape(self.text, quote=True)
        return f'<iframe srcdoc="{framed}" style="width:100%;height:{self.height}px;border:0"></iframe>'


def interactive(graph: Graph, *, theme: str = "auto", height: int = 480, **settings: Any) -> Interactive:
    """A graph to move about in, for a notebook; settings as in `render`."""
    from flowgraph.rendering.files import picture_of

    return Interactive(viewer_page(picture_of(graph, **settings), theme), height)


def viewer_page(picture: Picture, theme: str = "auto") -> str:
    """The text of the page."""
    svg = draw_builtin(picture, drawn_theme(theme))
    body = _BODY.format(svg=adaptive(svg) if theme == "auto" else svg)
    return html_page(picture.title, "viewer", body, script=True)
