"""The panel of a page for one box: typeset formulas, histograms, the line of source code."""

from __future__ import annotations

import json
import linecache
from html import escape
from typing import Any

from flowgraph.box import Box
from flowgraph.errors import RenderError
from flowgraph.printable import printable
from flowgraph.rendering.formulas import plain_formula
from flowgraph.rendering.mathml import mathml
from flowgraph.rendering.picture import Picture
from flowgraph.rendering.statistics import Statistics
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import identifier, number_text


def panel_data(subject: Subject, picture: Picture) -> dict[str, Any]:
    """Formulas by class, histograms by tile, source lines by place; boxes are those that have a tile of their own."""
    tiles = {tile.id for tile in picture.tiles}
    shown = {identifier(name): box for box, name in subject.graph.names.items() if identifier(name) in tiles}
    classes = {type(box) for box in shown.values()}
    return {
        "formulas": {cls.__name__: [_typeset(cls.formula), _typeset(cls.derivative)] for cls in _sorted(classes)},
        "histograms": {id: found for id, box in shown.items() if (found := _histograms(subject, box))},
        "sources": {str(box.built_at): _source(box) for box in shown.values()},
    }


def panel_script(data: dict[str, Any]) -> str:
    """The data as a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'\n<script type="application/json" id="details">{text}</script>'


def _sorted(classes: set[type[Box]]) -> list[type[Box]]:
    return sorted(classes, key=lambda cls: cls.__name__)


def _typeset(latex: str) -> str:
    """A declared formula as HTML: MathML, or plain where its converter is not installed."""
    try:
        return mathml(latex) if latex else ""
    except RenderError:
        return escape(printable(plain_formula(latex)))


def _histograms(subject: Subject, box: Box) -> dict[str, list[Any]]:
    both = {"value": subject.value(box), "gradient": subject.gradient(box)}
    return {name: _bars(found) for name, found in both.items() if found is not None and found.size > 1}


def _bars(found: Statistics) -> list[Any]:
    """The levels of the bins, and what their ends are."""
    most = max(abs(found.low), abs(found.high))
    return [list(found.histogram), number_text(-most), number_text(most)]


def _source(box: Box) -> str:
    return printable(linecache.getline(box.built_at.path, box.built_at.number).strip())
