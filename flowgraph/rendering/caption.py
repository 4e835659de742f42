"""The lines under a picture: what the graph amounts to, and the legend of what occurs in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from flowgraph.box import Box
from flowgraph.graph.flops import Flops, total_flops
from flowgraph.rendering.palette import HEAT, KINDS
from flowgraph.rendering.picture import Row, Span, Strip, Swatch, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import amount_text
from flowgraph.shapes.size import Size, add, multiply, product
from flowgraph.shapes.spec import Spec


def caption(subject: Subject, tiles: Sequence[Tile]) -> tuple[Row, ...]:
    """Boxes, parameters, FLOP, bytes and dtype; the legend; the scale of the gradient view."""
    rows = [Row((Span(" · ".join(_facts(subject)), size=11),)), _legend(subject, tiles)]
    if subject.view == "gradients":
        rows.append(_scale())
    if subject.memory is not None:
        rows.append(Row((Span(subject.memory.summary, "value"),)))
    return tuple(rows)


def _facts(subject: Subject) -> list[str]:
    graph = subject.graph
    flops, memory = _amounts(subject)
    count = sum(box.value.size for box in graph.parameters)
    facts = [f"{len(graph):,} boxes" if len(graph) > 1 else "1 box"]
    facts += [f"{count:,} parameters"] if count else []
    known = amount_text(flops.known, "FLOP", subject.sizes) if flops.known else ""
    operations, values = flops.joined(known), amount_text(memory, "B", subject.sizes)
    facts += [f"fprop {operations}"] if operations else []
    facts += [f"values {values}"] if memory and values else []
    return [*facts, subject.dtype]


def _amounts(subject: Subject) -> tuple[Flops, Any]:
    """FLOP of an fprop and bytes of its values; boxes that are alike are counted before they are added up."""
    alike: dict[Any, list[Box]] = {}
    specs: Counter[Spec] = Counter()
    for box in subject.graph.boxes:
        if box.children:
            specs.update(box.outputs)
            settings = id(box) if box.settings else 0
            key = (type(box), settings, box.outputs, tuple(child.outputs for child in box.children))
            alike.setdefault(key, []).append(box)
    flops = total_flops((boxes[0], len(boxes)) for boxes in alike.values())
    memory: int | Size = 0
    for spec, times in specs.items():
        memory = add(memory, multiply(times * spec.dtype.itemsize, product(spec.shape)))
    return flops, memory


def _legend(subject: Subject, tiles: Sequence[Tile]) -> Row:
    occur = set(subject.kind.values()) if len(tiles) < len(subject.kind) else {tile.kind for tile in tiles}
    occur -= set() if any(tile.kind == "constant" for tile in tiles) else {"constant"}
    items: list[Span | Strip | Swatch] = []
    for kind in KINDS:
        if kind in occur:
            items.append(Swatch(f"fill {kind}", f"line {kind}", square=kind == "parameter", width=_border(kind)))
            items.append(Span(f"{kind}   "))
    return Row(tuple(items))


def _border(kind: str) -> float:
    return 2.0 if kind == "loss" else 1.0


def _scale() -> Row:
    return Row(
        (
            Span("rms ∂L/∂box against the output layer:  vanishing (÷1000)   "),
            Strip(tuple(f"heat {step}" for step in range(-HEAT, HEAT + 1, 2))),
            Span("(×1000) exploding   "),
            Swatch("not a number", "not a number"),
            Span("NaN or Inf   "),
            Swatch("not computed", "not computed"),
            Span("not computed"),
        )
    )
