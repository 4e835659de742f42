"""The lines under a picture: a summary of the graph, and the legend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from flowgraph.box import Box
from flowgraph.graph.table import Flops, total_flops
from flowgraph.rendering.palette import HEAT, KINDS, LEVELS
from flowgraph.rendering.picture import Row, Span, Strip, Swatch, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import amount_text
from flowgraph.shapes.size import Size, add, multiply, product
from flowgraph.shapes.spec import Spec


def caption(subject: Subject, tiles: Sequence[Tile]) -> tuple[Row, ...]:
    """Boxes, parameters, FLOP, bytes and dtype; the legend; the scale of the gradient view."""
    rows = [Row((Span(" · ".join(_facts(subject)), size=11),)), _legend(tiles)]
    if subject.view == "gradients":
        rows.append(_scale())
    if subject.view == "values":
        rows += [*_strips(subject, tiles), *_of_modules(subject, tiles), *_missing(subject)]
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


def _legend(tiles: Sequence[Tile]) -> Row:
    """The kinds that are seen: of tiles, and of rows in them."""
    occur = {tile.kind for tile in tiles}
    occur |= {row.fill.removeprefix("fill ") for tile in tiles for row in tile.rows}
    items: list[Span | Strip | Swatch] = []
    for kind in KINDS:
        if kind in occur:
            items.append(Swatch(f"fill {kind}", f"line {kind}", square=kind == "parameter", width=_border(kind)))
            items.append(Span(f"{kind}   "))
    return Row(tuple(items))


def _border(kind: str) -> float:
    return 2.0 if kind == "loss" else 1.0


def _strips(subject: Subject, tiles: Sequence[Tile]) -> list[Row]:
    """The legend of the strips on tiles that occur; none for a graph of numbers."""
    if subject.run is None and subject.grads is None:
        return [Row((Span("no values: draw with run= and grads="),))]
    strips = [item for tile in tiles if not tile.stacked for row in tile.rows for item in row.items]
    cells = {cell for strip in strips if isinstance(strip, Strip) for cell in strip.cells}
    items: list[Span | Strip | Swatch] = []
    for name in ("value", "gradient"):
        if any(cell.startswith(name) for cell in cells):
            items.append(Strip(tuple(f"{name} {level}" for level in (1, 5, 9, LEVELS, 9, 5, 1))))
            items.append(Span(f"how many elements of the {name} lie where, around 0   "))
    return [Row((*items, Span("± standard deviation")))] if items else []


def _of_modules(subject: Subject, tiles: Sequence[Tile]) -> list[Row]:
    """The legend of the strips on folded modules, if there are any."""
    if subject.run is None or not any(tile.stacked for tile in tiles):
        return []
    scale = Strip(tuple(f"value {level}" for level in range(0, LEVELS + 1, 3)))
    words = "largest, over three powers of ten or more; NaN and exact zero win"
    return [Row((Span("in a module, from first to last: rms from smallest"), scale, Span(words)))]


def _missing(subject: Subject) -> list[Row]:
    """How many boxes have no value or gradient in a picture that shows those of others."""
    rows = []
    boxes = [box for box in subject.graph.boxes if len(box.outputs) == 1]
    if subject.run is not None and not subject.run.has_all_values:
        count = sum(subject.array(box) is None for box in boxes)
        rows.append(f"values of {count} of {len(boxes)} boxes not computed or not kept: fprop(keep='all')")
    receivers = [box for box in boxes if box in subject.receivers]
    if subject.grads is not None:
        count = sum(box not in subject.grads for box in receivers)
        rows += [f"∇ of {count} of {len(receivers)} boxes not kept: bprop(keep='all')"] if count else []
    return [Row((Span(text),)) for text in rows]


def _scale() -> Row:
    return Row(
        (
            Span("rms ∇ against the output layer:  vanishing (÷1000)   "),
            Strip(tuple(f"heat {step}" for step in range(-HEAT, HEAT + 1, 2))),
            Span("(×1000) exploding   "),
            Swatch("not a number", "not a number"),
            Span("NaN or Inf   "),
            Swatch("not computed", "not computed"),
            Span("not computed"),
        )
    )
