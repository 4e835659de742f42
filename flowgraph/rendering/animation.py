"""A page that steps through fprop and bprop: one file, no network."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.errors import UsageError
from flowgraph.rendering.builtin import draw_builtin
from flowgraph.rendering.compose import compose
from flowgraph.rendering.page import html_page
from flowgraph.rendering.steps import steps
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.theming import adaptive

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
<div id="stage" class="stage">{svg}</div>
<p class="help">← → step, space plays, a click on a box jumps to its next step.</p>
<script type="application/json" id="steps">{steps}</script>"""


def animate(graph: Graph, path: Any, run: Any, grads: Any = None, **settings: Any) -> Path:
    """Write a page that steps through a run of a graph and the bprop of its output; returns its path."""
    target = Path(path)
    if target.suffix.lower() != ".html":
        raise UsageError(f"animate: found {target.name!r}, needs a name that ends in .html")
    target.write_text(page(graph, run, grads, **settings), encoding="utf-8")
    return target


def page(graph: Graph, run: Any, grads: Any = None, **settings: Any) -> str:
    """The text of that page."""
    subject = Subject(graph, "both", run, grads, fades=False)
    picture = compose(subject, stubs=False, **settings)
    told = steps(subject, {box: picture.owners[name] for box, name in graph.names.items()})
    listed = json.dumps([dataclasses.asdict(step) for step in told], ensure_ascii=False, separators=(",", ":"))
    body = _BODY.format(svg=adaptive(draw_builtin(picture)), steps=listed.replace("<", "\\u003c"))
    return html_page(picture.title, "animation", body, script=True)
