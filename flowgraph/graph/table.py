"""A graph as a table of text: one line a box."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box.leaves import Parameter
from flowgraph.graph.flops import number_text, total_flops
from flowgraph.graph.topology import Topology
from flowgraph.printable import printable
from flowgraph.shapes.size import product
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
                total_flops([(box, 1)]).text,
            )
        )
    return rows


def graph_table(graph: Topology) -> str:
    """The rows under their headings, and the totals."""
    parameters = sum(int(product(box.shape)) for box in graph.parameters)
    flops = total_flops((box, 1) for box in graph.boxes)
    rows = [HEADINGS, *graph_rows(graph)]
    total = ("", f"{len(graph)} boxes", "", "", number_text(parameters), flops.text)
    return _aligned([*rows, total])


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [c.ljust(w) if i < 4 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
