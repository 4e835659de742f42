"""Boxes whose first axis counts rows: what many gradients at once, one per row, are made of."""

from __future__ import annotations

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.example import example
from flowgraph.boxes.engine.shape_like import reshape_like
from flowgraph.shapes.size import product
from flowgraph.shapes.spec import Spec


class UnitRows(Box):
    """One row per element of an array: in each, that element is 1 and the others are 0.

    h_i = e_i, in the shape of `like`; no gradient, as it depends on the shape alone
    """

    public = False
    symbol = "unit rows"
    arithmetic = False
    constant_children = frozenset({"like"})
    examples = (example((2, 3)), example(()), example((4,)))

    def fprop(self, like: Value) -> Value:
        return np.eye(like.size, dtype=like.dtype).reshape(like.size, *like.shape)

    def bprop(self, grad: Value, h: Value, like: Value) -> tuple[Value, ...]:
        return (None,)

    def infer(self, like: Spec) -> Spec:
        """An axis of rows before the axes of `like`."""
        return Spec((product(like.shape), *like.shape), like.dtype)


class RepeatRows(Box):
    """An array repeated in every row of another.

    h_i = a        da = Σ_i of the gradient
    """

    public = False
    symbol = "repeat rows"
    arithmetic = False
    constant_children = frozenset({"rows"})
    examples = (example((2, 3), (4,)), example((), (2, 3)), example((3,), (3, 1)))

    def fprop(self, a: Value, rows: Value) -> Value:
        return np.broadcast_to(a, (rows.shape[0], *a.shape))

    def bprop(self, grad: Value, h: Value, a: Value, rows: Value) -> tuple[Value, ...]:
        return np.sum(grad, axis=0), None

    def infer(self, a: Spec, rows: Spec) -> Spec:
        """The axis of rows before the axes of a."""
        return Spec((rows.shape[0], *a.shape), a.dtype)


class RowsAs(Box):
    """The axis of rows unfolded into the axes of an array with as many elements as there are rows.

    h = a, in the shape of `like`, then that of a row        da = the gradient, in rows
    """

    public = False
    symbol = "rows as"
    arithmetic = False
    constant_children = frozenset({"like"})
    examples = (example((6, 2), (2, 3)), example((1, 2), ()), example((3,), (3,)))

    def fprop(self, a: Value, like: Value) -> Value:
        return np.reshape(a, (*like.shape, *a.shape[1:]))

    def bprop(self, grad: Value, h: Value, a: Value, like: Value) -> tuple[Value, ...]:
        return reshape_like(grad, a), None

    def infer(self, a: Spec, like: Spec) -> Spec:
        """The axes of `like`, then those of a row."""
        if a.shape[:1] != (product(like.shape),):
            raise self.shape_error(f"needs one row per element of `like`, {product(like.shape)}")
        return Spec((*like.shape, *a.shape[1:]), a.dtype)
