"""How the value of each box is held: in a buffer, as a view, as a number, and in which order of memory."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Array, Box, Constant, Leaf
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Where
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d, ConvInput
from flowgraph.boxes.neural.pooling import MaxPool, MeanPool, SpreadToLargest, SpreadToRectified
from flowgraph.plan.numpy.lines import fill_of, number_of, view_of
from flowgraph.plan.numpy.rules import VIEWS, Fill, ufunc_of
from flowgraph.plan.rebuild import elements, shape_of, sizes_known

# The order of the axes of a value in memory: convolutions return the examples last, and so is what follows.

Order = tuple[int, ...]
"""The axes of a value from the one with the largest stride to the one with the smallest."""

_FOLLOWS: dict[type[Box], int] = {MaxPool: 0, MeanPool: 0, SpreadToLargest: 1, SpreadToRectified: 1}
"""Boxes whose fprop returns its value in the order of one of the children."""


def order_of(box: Box, orders: Mapping[Box, Order]) -> Order | None:
    """The order of a value of a box that is computed from values in these orders; None for rows, as NumPy has them.

    Element by element NumPy goes fastest over arrays of one order. A value that comes in another order than said here
    is right too, and only takes longer to read.
    """
    if type(box) in (Conv1d, Conv2d, Conv3d, ConvInput):
        return (2, 1, *range(3, box.ndim), 0)
    if not orders:
        return None
    place = _FOLLOWS.get(type(box))
    if place is not None:
        return orders.get(box.children[place])
    if type(box) in (Where, Cast) or ufunc_of(box) is not None:
        return next((orders[child] for child in box.children if child in orders and child.shape == box.shape), None)
    return None


def in_order(flat: Array, shape: tuple[int, ...], order: Order | None) -> Array:
    """Numbers one after another as an array of a shape, its axes in this order in memory."""
    if order is None:
        return flat.reshape(shape)
    inner: Array = flat.reshape([shape[axis] for axis in order])
    return inner.transpose([int(axis) for axis in np.argsort(order)])


def empty(shape: tuple[int, ...], dtype: DTypeLike, order: Order | None) -> Any:
    """An array in this order, whose numbers are still to be written."""
    return in_order(np.empty(int(np.prod(shape)), dtype), shape, order)


# How the value of each box of a plan comes: from outside, as a number, a view, a buffer that is filled, or a call.


class Kinds(dict[Box, str]):
    """The kind of each value, found when it is first asked for.

    "given" is a leaf from outside, "fixed" a constant, or a leaf in memory of the plan (`fixed`), or a flat array of
    parameters (`joined`); "number", "view", "fill" (a buffer is filled), "call" (fprop returns it). What is made of a
    constant is a view, as it is made only once. `orders` are those of values that do not lie in rows; they are to be
    told by `in_order` before what reads such a value is asked for. `fills` says how each buffer is filled.
    """

    def __init__(self, fixed: Container[Box] = (), joined: Container[Box] = ()) -> None:
        super().__init__()
        self.orders: dict[Box, Order] = {}
        self.fills: dict[Box, Fill] = {}
        self._fixed = fixed
        self._joined = joined
        self._layouts: dict[Box, Array] = {}
        self._block = np.empty(0, np.uint8)

    def __missing__(self, box: Box) -> str:
        chain = [box]
        while (below := chain[-1].children) and below[0] not in self and _may_view(chain[-1]):
            chain.append(below[0])
        for link in reversed(chain):
            self[link] = self._kind_of(link)
        return self[box]

    def in_order(self, box: Box) -> str:
        """The kind of a box, whose value lies in the order of those that it is computed from."""
        order = order_of(box, self.orders)
        kind = self[box]
        if order is not None and kind in ("fill", "call") and _is_array(box):
            self.orders[box] = order
            self._layouts.pop(box, None)
        return kind

    def forget_layouts(self) -> None:
        """Let go of the arrays by which views were found out; they are made again if another kind is asked for."""
        self._layouts.clear()
        self._block = np.empty(0, np.uint8)

    def _kind_of(self, box: Box) -> str:
        if isinstance(box, Leaf):
            return "fixed" if isinstance(box, Constant) or box in self._fixed else "given"
        if box in self._joined:
            return "fixed"
        if not _is_array(box):
            return "call"
        if box.shape == () and number_of(box) is not None:
            return "number"
        if _may_view(box) and self._views(box):
            return "view"
        writing = fill_of(box)
        if writing is None:
            return "call"
        self.fills[box] = writing
        return "fill"

    def _views(self, box: Box) -> bool:
        """Whether the value is a view of the child, as that lies in memory."""
        child = box.children[0]
        layout = self._layout(child)
        if view_of(box, self._unread(child) if layout is None else layout) is None:
            return False
        self._layouts[box] = self._unread(box) if layout is None else np.asarray(box.fprop(layout))
        return True

    def _layout(self, box: Box) -> Array | None:
        """An array of no account that lies in memory as the value does; None where that is not known."""
        if box not in self._layouts:
            given = isinstance(box, Leaf) and not isinstance(box, Constant) and box.shape != ()
            if not given and box not in self.orders and (isinstance(box, Leaf) or self[box] != "fill"):
                return None
            self._layouts[box] = self._unread(box)
        return self._layouts[box]

    def _unread(self, box: Box) -> Array:
        """An array in the order of the value, whose numbers nobody reads: all lie in one block of memory."""
        count = elements(box)
        needed = count * box.dtype.itemsize
        if needed > self._block.size:
            self._block = np.empty(2 * needed, np.uint8)
        return in_order(self._block[:needed].view(box.dtype), shape_of(box), self.orders.get(box))


def _may_view(box: Box) -> bool:
    """Whether there is a rule by which the value may be a view of the first child."""
    return VIEWS.has(box) and box.shape != () and _is_array(box) and _is_array(box.children[0])


def _is_array(box: Box) -> bool:
    return len(box.outputs) == 1 and sizes_known(box)
