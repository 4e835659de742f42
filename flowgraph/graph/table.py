"""A graph as a table of text: one line a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowgraph.box.leaves import Parameter
from flowgraph.graph.topology import Topology
from flowgraph.printable import printable
from flowgraph.shapes.size import Size, add, product
from flowgraph.shapes.spec import shape_text

HEADINGS = ("name", "box", "shape", "dtype", "parameters", "flops")


def graph_rows(graph: Topology) -> list[tuple[str, ...]]:
    """Name, box, shape, dtype, parameters and floating-point operations of every box, as text."""
    rows: list[tuple[str, ...]] = []
    for box in graph.boxes:
        count = product(box.shape) if isinstance(box, Parameter) else 0
        rows.append(
            (
                printable(graph.names[box]),
                type(box).__name__,
                " ".join(shape_text(spec.shape) for spec in box.outputs),
                " ".join(dict.fromkeys(str(spec.dtype) for spec in box.outputs)),
                number_text(count),
                number_text(flops_of(box)),
            )
        )
    return rows


def graph_table(graph: Topology) -> str:
    """The rows under their headings, and the totals."""
    parameters = sum(int(product(box.shape)) for box in graph.parameters)
    flops: int | Size = 0
    for box in graph.boxes:
        flops = add(flops, flops_of(box))
    rows = [HEADINGS, *graph_rows(graph)]
    total = ("", f"{len(graph)} boxes", "", "", number_text(parameters), number_text(flops))
    return _aligned([*rows, total])


def flops_of(box: Any) -> Any:
    """Floating-point operations of one fprop of a box; 0 where they cannot be told before a run."""
    if not box.children or len(box.outputs) != 1:
        return 0
    return box.flops(box.shape, *[child.shape for child in box.children if len(child.outputs) == 1])


def number_text(number: int | Size) -> str:
    """A number with thousands set apart; nothing for 0."""
    return "" if number == 0 else f"{number:,}" if isinstance(number, int) else str(number)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [c.ljust(w) if i < 4 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
