"""Rows of a table by their numbers: which of some rows are the same."""

from __future__ import annotations

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.example import example
from flowgraph.shapes.spec import Spec


class PlacesOfRows(Box):
    """For each row of `at` the last place among `rows` that names it too, and their number where there is none.

    h_i = max { j : rows_j and at_i name the same row of `like` }; no gradient, as it is made of integers

    Plans add up what is added to the same row of a table at these places, instead of in an array of all rows.

    Shapes: rows (...), at (...), like (R, ...), h as `at`; places count the rows in their order, from 0.
    """

    public = False
    symbol = "places"
    arithmetic = False
    formula = r"\max \{ j : rows_j = at_i \}"
    constant_children = frozenset({"rows", "at", "like"})
    examples = (
        example(np.array([0, 4, -1, 2]), np.array([4, -5, 1]), (5, 3)),
        example(np.array([[1, 0], [1, 2]]), np.array([[1, 0], [1, 2]]), (3,)),
        example(np.array(1), np.array([1, 0]), (2, 2)),
    )

    def fprop(self, rows: Value, at: Value, like: Value) -> Value:
        places = np.full(like.shape[0], rows.size)
        places[rows.reshape(-1)] = np.arange(rows.size)
        return places[at]

    def bprop(self, grad: Value, h: Value, rows: Value, at: Value, like: Value) -> tuple[Value, ...]:
        return None, None, None

    def infer(self, rows: Spec, at: Spec, like: Spec) -> Spec:
        """A place for each row of `at`."""
        if rows.dtype.kind not in "iu" or at.dtype.kind not in "iu" or not like.shape:
            raise self.shape_error("needs the numbers of rows, as integers, of an array with axes")
        return Spec(at.shape, np.dtype(np.intp))
