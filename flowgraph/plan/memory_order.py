"""The order of the axes of a value in memory: convolutions return the examples last, and so is what follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Array, Box
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Where
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d, ConvInput
from flowgraph.boxes.neural.pooling import MaxPool, MeanPool, SpreadToLargest, SpreadToRectified
from flowgraph.plan.numpy.ufuncs import ufunc_of

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
