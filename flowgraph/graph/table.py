"""A graph as a table of text, and its floating-point operations; what is not known is said, and never counted as 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.graph.topology import Topology
from flowgraph.printable import printable
from flowgraph.shapes.size import Size, add, multiply, product
from flowgraph.shapes.spec import shape_text

Count = int | Size


class Flops(NamedTuple):
    """The operations that are known, and whether there are others, of boxes without a rule."""

    known: Count = 0
    complete: bool = True

    @property
    def text(self) -> str:
        """The known count with thousands separators, "?" if part of it is unknown; empty for 0."""
        return self.mark_incomplete(number_text(self.known))

    def mark_incomplete(self, known: str) -> str:
        """A text of the known part, "+ ?" after it where there is more."""
        return " + ".join(part for part in (known, "" if self.complete else "?") if part)


def flops_of(box: Box) -> Count | None:
    """Floating-point operations of one fprop of a box; None where they are not known before a run."""
    if not box.children or not box.arithmetic:
        return 0
    if len(box.outputs) != 1 or any(len(child.outputs) != 1 for child in box.children):
        return None
    count: Count | None = box.flops(box.shape, *[child.shape for child in box.children])
    return None if isinstance(count, Size) and count.unknown else count


def total_flops(boxes: Iterable[tuple[Any, int]]) -> Flops:
    """The sum over boxes, each with the number of its like."""
    known: Count = 0
    complete = True
    for box, times in boxes:
        count = flops_of(box)
        complete = complete and count is not None
        known = add(known, multiply(times, count or 0))
    return Flops(known, complete)


def number_text(number: Count) -> str:
    """A number with thousands set apart; nothing for 0."""
    return "" if number == 0 else f"{number:,}" if isinstance(number, int) else str(number)


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
    return align_rows([*rows, total])


def align_rows(rows: Sequence[Sequence[str]]) -> str:
    """A table of text: headings, rows, totals, four columns to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [c.ljust(w) if i < 4 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
