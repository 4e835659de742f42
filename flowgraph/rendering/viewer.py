"""A page to move about in a picture: pan, zoom, search, a panel for each box, modules to close and open; no network."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from flowgraph.rendering.alike import Alike, rounded
from flowgraph.rendering.layout import Placer
from flowgraph.rendering.openable import openable
from flowgraph.rendering.page import html_page
from flowgraph.rendering.panel import panel_data, panel_script
from flowgraph.rendering.picture import Picture
from flowgraph.rendering.relayout import relayout_data
from flowgraph.rendering.subject import Memory, Subject
from flowgraph.rendering.svg_text import svg_text
from flowgraph.rendering.theming import adaptive, check_theme, drawn_theme

if TYPE_CHECKING:
    from flowgraph.graph import Graph
    from flowgraph.graph.graph import Grads, Run

_BODY = """<div class="controls" role="group" aria-label="view">
<input id="search" type="search" placeholder="find a box" aria-label="find a box by name, operation or shape">
<span id="count" aria-live="polite"></span><span class="gap"></span>
<button id="out" type="button" aria-label="zoom out">−</button>
<button id="in" type="button" aria-label="zoom in">+</button>
<button id="fit" type="button">whole</button>{modules}
</div>
<div id="main">
<ol id="hits" role="listbox" aria-label="boxes that were found" hidden></ol>
<div id="stage" tabindex="0" role="application" aria-label="{keys}">{svg}</div>
<aside id="panel" aria-label="the box" aria-live="polite" hidden></aside>
</div>{details}{plan}"""

_KEYS = "the graph; arrows move it, plus and minus zoom, 0 shows all, slash searches, escape closes"

_MODULES = """
<button id="close" type="button">close all</button>
<button id="open" type="button">open all</button>"""


MANY = 300
"""Tiles that a browser moves in a frame of 16.7 ms while their texts are large; of more, a page holds those in view."""


class Interactive:
    """The page in a cell of a notebook."""

    def __init__(self, text: str, height: int = 480) -> None:
        self.text = text
        self.height = height

    def _repr_html_(self) -> str:
        framed = escape(self.text, quote=True)
        style = f"width:100%;height:{self.height}px;border:0"
        return f'<iframe srcdoc="{framed}" title="flow graph" style="{style}"></iframe>'


def interactive(
    graph: Graph, view: str = "forward", run: Run | None = None, grads: Grads | None = None,
    memory: Memory | None = None, *, theme: str = "auto", height: int = 480, **settings: Any,
) -> Interactive:  # fmt: skip
    """A graph to move about in, for a notebook; settings as in `render`."""
    subject = Subject(graph, view, run, grads, memory=memory)
    return Interactive(viewer_page(subject, openable(subject, **settings), theme), height)


def viewer_page(subject: Subject, picture: Picture, theme: str = "auto") -> str:
    """The text of the page."""
    check_theme(theme)
    placer = Placer(picture)
    layout, colours = placer.layout(), drawn_theme(theme)
    many = len(picture.tiles) > MANY
    svg = svg_text(picture, rounded(layout), colours, Alike().shortened) if many else svg_text(picture, layout, colours)
    svg = adaptive(svg) if theme == "auto" else svg
    svg = f'<template id="kept">{svg}</template>' if many else svg
    details = panel_script(panel_data(subject, picture))
    if not picture.lids:
        body = _BODY.format(svg=svg, modules="", details=details, plan="", keys=_KEYS)
        return html_page(picture.title, "viewer", body, "alike", "viewer", "panel", "large", "asked", theme=theme)
    data = json.dumps(relayout_data(placer), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    plan = f'\n<script type="application/json" id="plan">{data}</script>'
    body = _BODY.format(svg=svg, modules=_MODULES, details=details, plan=plan, keys=_KEYS)
    return html_page(
        picture.title, "viewer", body, "alike", "viewer", "panel", "relayout", "modules", "large", "asked", theme=theme
    )
