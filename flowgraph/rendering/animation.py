"""A run step by step, fprop and bprop: a page to step through, or a picture that plays itself; no network."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.rendering.autoplay import playing_svg
from flowgraph.rendering.builtin import draw_builtin
from flowgraph.rendering.compose import compose
from flowgraph.rendering.metrics import text_width
from flowgraph.rendering.page import html_page
from flowgraph.rendering.picture import Picture, Row, Span, Tile
from flowgraph.rendering.steps import Step, steps
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.theming import adaptive, check_theme, drawn_theme
from flowgraph.saving.formats import by_suffix
from flowgraph.saving.replacing import replace_text
from flowgraph.saving.shown import ShownFile

if TYPE_CHECKING:
    from flowgraph.graph import Graph

_BODY = """<div class="controls" role="group" aria-label="steps">
<button id="play" type="button">Play</button>
<button id="back" type="button" aria-label="previous step">‹</button>
<input id="slider" type="range" min="0" value="0" step="1" aria-label="step">
<button id="next" type="button" aria-label="next step">›</button>
<span id="place" class="place"></span>
</div>
<div id="words" class="words" aria-live="polite"></div>
<div id="stage" class="stage" style="--wide:{wide}px;--high:{high}px">{svg}</div>
<div id="line" class="line"></div>
<p class="help">← → step, space plays, a click on a box jumps to its next step.</p>
<script type="application/json" id="steps">{steps}</script>"""

_SIZE = re.compile(r'<svg[^>]* width="(\d+)" height="(\d+)"')


def animate(
    graph: Graph, path: str | os.PathLike[str], run: Any, grads: Any = None, *, theme: str = "auto", **settings: Any
) -> Path:
    """Write the steps of a run and of its bprop: a page (.html), or a picture that plays itself (.svg)."""
    target = Path(path)
    written = by_suffix("animate", target, {".html": _page, ".svg": playing_svg})
    check_theme(theme)
    return ShownFile(replace_text(target, written(*_told(graph, run, grads, **settings), theme)))


def page(graph: Graph, run: Any, grads: Any = None, *, theme: str = "auto", **settings: Any) -> str:
    """The text of that page."""
    return _page(*_told(graph, run, grads, **settings), theme)


def _told(graph: Graph, run: Any, grads: Any, **settings: Any) -> tuple[Picture, list[Step]]:
    subject = Subject(graph, "both", run, grads, stepped=True)
    picture = compose(subject, stubs=False, **settings)
    told = steps(subject, {box: picture.owners[name] for box, name in graph.names.items()})
    return replace(picture, tiles=tuple(_with_room(tile, told) for tile in picture.tiles)), told


def _with_room(tile: Tile, told: list[Step]) -> Tile:
    """The tile with the widest text that a step writes on it, so that its size holds each of them."""
    written = {
        "value": [step.values[tile.id] for step in told if tile.id in step.values],
        "gradient": [step.gradients[tile.id] for step in told if tile.id in step.gradients],
    }
    return replace(tile, rows=tuple(_with_widest(row, written.get(row.since, [])) for row in tile.rows))


def _with_widest(row: Row, texts: list[str]) -> Row:
    span = row.items[0]
    if not texts or not isinstance(span, Span):
        return row
    return replace(row, items=(replace(span, text=max(texts, key=lambda text: text_width(text, span.size))),))


def _page(picture: Picture, told: list[Step], theme: str) -> str:
    listed = json.dumps([asdict(step) for step in told], ensure_ascii=False, separators=(",", ":"))
    svg = draw_builtin(picture, drawn_theme(theme))
    wide, high = _SIZE.findall(svg)[0]
    shown = adaptive(svg) if theme == "auto" else svg
    body = _BODY.format(svg=shown, wide=wide, high=high, steps=listed.replace("<", "\\u003c"))
    return html_page(picture.title, "animation", body, "animation", theme=theme)
