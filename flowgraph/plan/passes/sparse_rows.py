"""The change of a table by the gradient of a lookup is a change of the rows that were looked up, and of no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply, Negative, Subtract
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.indexing.scatter import AddAtRows
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.provenance import built_for
from flowgraph.plan.rebuild import elements, is_scalar, sizes_known
from flowgraph.shapes.indexing import ARRAY

FEWER = 8
"""How many times as many numbers a table has as the rows that are added to it.

A row costs about 6 times as much where it is found by its number as where all rows are gone over.
"""

SMALLEST = 1 << 16
"""Bytes of a table from which its rows are found: they cost 30 microseconds before the first number is added."""


def add_at_rows(graph: Graph, updated: Mapping[Parameter, Box]) -> Graph:
    """The graph in which new values of tables are AddAtRows, where much fewer rows change than there are.

    The last outputs of the graph are the new values of `updated`.
    """
    outputs = list(graph.outputs)
    first = len(outputs) - len(updated)
    for place, (parameter, new) in enumerate(updated.items(), first):
        found = _changed_rows(parameter, new)
        if found is not None:
            built_for(found, new)
            outputs[place] = found
    return Graph(*outputs)


def _changed_rows(parameter: Parameter, new: Box) -> Box | None:
    if not isinstance(new, Add | Subtract) or not parameter.shape:
        return None
    left, right = new.children
    if left is not parameter and isinstance(new, Add):
        left, right = right, left
    if left is not parameter or right.dtype != parameter.dtype:
        return None
    found = rows_of(right)
    if found is None:
        return None
    a, rows = found
    if not are_few(elements(a), parameter):
        return None
    return AddAtRows(parameter, Negative(a) if isinstance(new, Subtract) else a, rows)


def are_few(count: int, table: Box) -> bool:
    """Whether so many numbers are few beside those of a table."""
    size = elements(table)
    return FEWER * count <= size and size * table.dtype.itemsize >= SMALLEST


def rows_of(box: Box) -> tuple[Box, Box] | None:
    """What is added at which rows of zeros, if a box is that or a multiple of it."""
    if isinstance(box, IndexAdd):
        whole_rows = box.index == (ARRAY,) and box.children[2].dtype.kind in "iu" and sizes_known(box.children[2])
        return (box.children[0], box.children[2]) if whole_rows else None
    if isinstance(box, Negative):
        found = rows_of(box.children[0])
        return None if found is None else (scaled(None, found[0]), found[1])
    if isinstance(box, Multiply):
        for place, factor in enumerate(box.children):
            found = rows_of(box.children[1 - place]) if is_scalar(factor) else None
            if found is not None:
                return scaled(factor, found[0]), found[1]
    return None


def scaled(factor: Box | None, a: Box) -> Box:
    """An array times a number, or its negative; what is repeated is scaled before."""
    if isinstance(a, BroadcastTo | Reshape):
        settings: Any = a.setting_values()
        return type(a)(scaled(factor, a.children[0]), **settings)
    return Negative(a) if factor is None else Multiply(factor, a)
