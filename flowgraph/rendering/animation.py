"""A page that steps through fprop and bprop: one file, no network."""

from __future__ import annotations

import dataclasses
import json
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.errors import UsageError
from flowgraph.rendering.builtin import draw_builtin
from flowgraph.rendering.compose import compose
from flowgraph.rendering.steps import steps
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.theming import adaptive

if TYPE_CHECKING:
    from flowgraph.graph import Graph

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<div class="controls" role="group" aria-label="steps">
<button id="play" type="button">Play</button>
<button id="back" type="button" aria-label="previous step">‹</button>
<input id="slider" type="range" min="0" value="0" step="1" aria-label="step">
<button id="next" type="button" aria-label="next step">›</button>
<span id="place" class="place"></span>
</div>
<div id="words" class="words" aria-live="polite"></div>
<div id="stage" class="stage">{svg}</div>
<p class="help">← → step, space plays, a click on a box jumps to its next step.</p>
<script type="application/json" id="steps">{steps}</script>
<script>{script}</script>
</body>
</html>
"""


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
    assets = files("flowgraph.rendering") / "assets"
    listed = json.dumps([dataclasses.asdict(step) for step in told], ensure_ascii=False, separators=(",", ":"))
    return _PAGE.format(
        title=escape(picture.title),
        style=(assets / "animation.css").read_text(encoding="utf-8"),
        svg=adaptive(draw_builtin(picture)),
        steps=listed.replace("<", "\\u003c"),
        script=(assets / "animation.js").read_text(encoding="utf-8"),
    )
