"""The change of a table by the gradient of a lookup is a change of the rows that were looked up, and of no other."""

from __future__ import annotations

from collections.abc import Mapping
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply, Negative, Subtract
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.indexing.gather import PlacesOfRows
from flowgraph.boxes.indexing.index import Index, IndexAdd, find_row_numbers
from flowgraph.boxes.indexing.scatter import AddAtRows
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.rebuild import (
    Builder,
    RulesByClass,
    built_for,
    elements,
    is_scalar,
    on_children,
    rebuild,
    shape_of,
    sizes_known,
)
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
        changed = _changed_rows(parameter, new)
        if changed is not None:
            built_for(changed, new)
            outputs[place] = changed
    return graph if all(map(is_, outputs, graph.outputs)) else Graph(*outputs)


def _changed_rows(parameter: Parameter, new: Box) -> Box | None:
    if not isinstance(new, Add | Subtract) or not parameter.shape:
        return None
    left, right = new.children
    if left is not parameter and isinstance(new, Add):
        left, right = right, left
    if left is not parameter or right.dtype != parameter.dtype:
        return None
    added = rows_of(right)
    if added is None:
        return None
    a, rows = added
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
        rows = find_row_numbers(box)
        return None if rows is None or not sizes_known(rows) else (box.children[0], rows)
    if isinstance(box, Negative):
        added = rows_of(box.children[0])
        return None if added is None else (scale_array(None, added[0]), added[1])
    if isinstance(box, Multiply):
        for place, factor in enumerate(box.children):
            added = rows_of(box.children[1 - place]) if is_scalar(factor) else None
            if added is not None:
                return scale_array(factor, added[0]), added[1]
    return None


def scale_array(factor: Box | None, a: Box) -> Box:
    """An array times a number, or its negative; what is repeated is scaled before."""
    if isinstance(a, BroadcastTo | Reshape):
        settings: Any = a.setting_values()
        return type(a)(scale_array(factor, a.children[0]), **settings)
    return Negative(a) if factor is None else Multiply(factor, a)


# The gradient of lookups is kept as rows and what is added to them, where it is read by rows or for its norm alone.


class Added(NamedTuple):
    """What is added to rows of zeros, and the numbers of the rows."""

    a: Box
    rows: Box


def keep_rows(graph: Graph, share: bool = True) -> Graph:
    """The graph in which no array of all rows of a table is made, where some are added to and some, or squares, read.

    What is added to one row is added up at the last place that names it, in an array of as many rows as are named.
    """
    keeper = _Keeper(share)
    return rebuild(graph, keeper.rebuild_box)


class _Keeper:
    """What has been made for one graph: each array once."""

    def __init__(self, share: bool) -> None:
        self.make = Builder(RulesByClass(), share=share)
        self.parts: dict[Box, list[Added]] = {}

    def rebuild_box(self, box: Box, children: tuple[Box, ...]) -> Box:
        """What stands for a box on its new children."""
        same = self.make.share_box(on_children(box, children))
        by_rows: Box | None = None
        if isinstance(same, Add | Subtract):
            by_rows = self.join_terms(same)
        elif isinstance(same, Index):
            by_rows = self.take_rows(same)
        elif isinstance(same, MatMul) and is_scalar(same) and same.children[0] is same.children[1]:
            by_rows = self.sum_squares(same)
        return same if by_rows is None else by_rows

    def terms_of(self, box: Box) -> list[Added]:
        """The terms of a sum of lookups' gradients; none where these are not much fewer rows than there are."""
        if box in self.parts:
            return self.parts[box]
        added = rows_of(box) if box.shape and sizes_known(box) else None
        return [Added(*added)] if added is not None and are_few(elements(added[0]), box) else []

    def join_terms(self, box: Box) -> Box | None:
        """The sum of two of them as one, of the rows of both."""
        left, right = map(self.terms_of, box.children)
        if not left or not right or any(child.dtype != box.dtype for child in box.children):
            return None
        if isinstance(box, Subtract):
            right = [Added(scale_array(None, term.a), term.rows) for term in right]
        parts = [*left, *right]
        if not are_few(sum(elements(term.a) for term in parts), box):
            return None
        row = shape_of(box)[1:]
        a = self.make.make(Concatenate, *[self._reshape_to(term.a, (elements(term.rows), *row)) for term in parts])
        total = self.make.make(IndexAdd, a, self._zeros(box, shape_of(box)), self._numbers(parts), index=(ARRAY,))
        self.parts[total] = parts
        return total

    def _numbers(self, parts: list[Added]) -> Box:
        """The numbers of the rows of all terms, one after another."""
        intp = np.dtype(np.intp)
        cast = [term.rows if term.rows.dtype == intp else self.make.make(Cast, term.rows, to=intp) for term in parts]
        return self.make.make(Concatenate, *[self._reshape_to(rows, (elements(rows),)) for rows in cast])

    def take_rows(self, box: Index) -> Box | None:
        """Some rows of the sum of all that is added to each."""
        source, at = box.children[0], find_row_numbers(box)
        term = None if at is None or not sizes_known(at) else self._as_one(source)
        if term is None or at is None or not are_few(elements(box), source):
            return None
        if at is term.rows and elements(at) == 1:
            return self._reshape_to(term.a, shape_of(box))
        own = self._places(term.rows, term.rows, source)
        if at is term.rows:
            return self.make.make(Index, self._sums(term, own, 0), own, index=(ARRAY,))
        places = self._places(term.rows, at, source)  # the row after the last is one of zeros
        return self.make.make(Index, self._sums(term, own, 1), places, index=(ARRAY,))

    def sum_squares(self, box: MatMul) -> Box | None:
        """The sum of the squares of all numbers."""
        flat = box.children[0]
        source = flat.children[0] if isinstance(flat, Reshape) else flat
        term = self._as_one(source)
        if term is None:
            return None
        sums = term.a
        if elements(term.rows) > 1:
            sums = self._sums(term, self._places(term.rows, term.rows, source), 0)
        numbers = self._reshape_to(sums, (elements(sums),))
        return self.make.make(MatMul, numbers, numbers)

    def _as_one(self, box: Box) -> Added | None:
        """What is added by one IndexAdd, or by a multiple of it."""
        added = rows_of(box) if box.shape and sizes_known(box) else None
        if added is None or not are_few(elements(added[0]), box) or not elements(added[1]):
            return None
        return Added(self.make.share_box(added[0]), added[1])

    def _places(self, rows: Box, at: Box, source: Box) -> Box:
        return self.make.make(PlacesOfRows, rows, at, self._zeros(source, shape_of(source)))

    def _sums(self, term: Added, places: Box, more: int) -> Box:
        """What is added to each row that is named, at its last place; further rows of zeros."""
        row = shape_of(term.a)[term.rows.ndim :]
        like = self._zeros(term.a, (elements(term.rows) + more, *row))
        return self.make.make(IndexAdd, term.a, like, places, index=(ARRAY,))

    def _zeros(self, like: Box, shape: tuple[int, ...]) -> Box:
        """An array that is read for its shape."""
        return self.make.make(BroadcastTo, self.make.constant(0, like.dtype), to=shape)

    def _reshape_to(self, box: Box, shape: tuple[int, ...]) -> Box:
        return box if box.shape == shape else self.make.make(Reshape, box, to=shape)
