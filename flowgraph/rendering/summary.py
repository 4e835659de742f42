"""A graph in a table by modules, as one prints it to see what a network has: rows of scopes, parameters, FLOP."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.errors import UsageError
from flowgraph.graph.table import align_rows, number_text, total_flops
from flowgraph.graph.topology import Topology
from flowgraph.markup import MOST_ROWS, table, text
from flowgraph.printable import printable
from flowgraph.rendering.kinds import scope_path
from flowgraph.rendering.wording import amount_text, shape_text

HEADINGS = ("name", "what", "output", "dtype", "parameters", "flops")
_MOST_SHOWN, _WIDEST = 30, 110
"""Rows, and signs of a row, that a console shows; what is printed has all."""


class Summary:
    """The table of a graph by modules; `print` shows all of it, a console or a notebook the ends of a long one.

    Parameters
    ----------
    graph : Graph
        What it is of.
    depth : int or None
        How many scopes may stand around one that has one row; None gives each box a row.

    Attributes
    ----------
    rows : list of tuple of str
        Name, what it is, shape and dtype of the output, parameters and floating-point operations, in the order of the
        program; what stands in a scope is indented below it.
    """

    def __init__(self, graph: Topology, depth: int | None = 0) -> None:
        if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
            raise UsageError(f"summary: found depth={depth!r}, needs a depth from 0, or None for every box")
        inside: dict[str, list[Box]] = {}
        below: dict[str, dict[str | Box, None]] = {"": {}}
        for box in graph.boxes:
            path, parts = "", [part for part in scope_path(box).split("/") if part]
            for part in parts if depth is None else parts[: depth + 1]:
                outer, path = path, f"{path}/{part}" if path else part
                below[outer].setdefault(path)
                below.setdefault(path, {})
                inside.setdefault(path, []).append(box)
            if depth is None or len(parts) <= depth:
                below[path].setdefault(box)
        self.rows: list[tuple[str, ...]] = []
        waiting = [(item, 0) for item in reversed(below[""])]
        while waiting:
            item, deep = waiting.pop()
            if isinstance(item, Box):
                name = "  " * deep + printable(graph.names[item].removeprefix(item.scope))
                self.rows.append(_row(name, [item], type(item).__name__))
            else:
                name = "  " * deep + item.rpartition("/")[2]
                self.rows.append(_row(name, inside[item], f"{len(inside[item]):,} boxes"))
                waiting += [(inner, deep + 1) for inner in reversed(below[item])]
        count = sum(box.value.size for box in graph.parameters)
        size = amount_text(sum(box.value.nbytes for box in graph.parameters), "B")
        flops = total_flops((box, 1) for box in graph.boxes).text
        self.total = ("", f"{len(graph):,} boxes", f"parameters of {size}" if count else "", "", f"{count:,}", flops)

    def __str__(self) -> str:
        return align_rows([HEADINGS, *self.rows, self.total])

    def __repr__(self) -> str:
        lines, left = str(self).splitlines(), len(self.rows) - _MOST_SHOWN
        if left > 0:
            lines[2 + _MOST_SHOWN // 2 : -2 - _MOST_SHOWN // 2] = [f"… {left:,} more; print(graph.summary()) has all"]
        return "\n".join(line[:_WIDEST] for line in lines)

    def _repr_html_(self) -> str:
        body = table(HEADINGS, [*self.rows, self.total], 4, MOST_ROWS).replace("<td>  ", "<td>\u2003")
        return f"<div><b>{text(self.total[1])}</b>{body}</div>"


def _row(name: str, boxes: Sequence[Box], what: str) -> tuple[str, ...]:
    """The row of a box, or of a scope, whose output is that of its last box."""
    last = next((box for box in reversed(boxes) if box.children), boxes[-1])
    count = sum(box.value.size for box in boxes if isinstance(box, Parameter))
    shapes = " ".join(shape_text(spec.shape) for spec in last.outputs)
    dtypes = " ".join(dict.fromkeys(str(spec.dtype) for spec in last.outputs))
    return name, what, shapes, dtypes, number_text(count), total_flops((box, 1) for box in boxes).text
