"""What an expert writes instead: labels by their places, sums as products of matrices, short rows as columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.arithmetic import Add, Multiply, Positive, Subtract
from flowgraph.boxes.arrangement import Transpose
from flowgraph.boxes.extremes import Max
from flowgraph.boxes.label import MinusAt, OneHot, PlacesOf
from flowgraph.boxes.linear_algebra import MatMul
from flowgraph.boxes.reduction import Sum
from flowgraph.boxes.shape import Reshape
from flowgraph.plan.builder import Builder
from flowgraph.plan.scalars import as_written
from flowgraph.plan.writers import VIEWS
from flowgraph.size import product

_SHORT, _MANY = 32, 128
"""Rows of so few numbers, and so many of them: NumPy's maximum is 20 times slower along them than along columns."""


def minus_one_hot(make: Builder, box: Box) -> Box | None:
    """f - e(y) changes one number per example."""
    f, one_hot = box.children
    if not isinstance(one_hot, OneHot) or f.shape != box.shape or f.dtype != box.dtype:
        return None
    places = make.make(PlacesOf, *one_hot.children)
    return make.make(MinusAt, f, places, make.constant(1, box.dtype))


def sum_as_product(make: Builder, box: Any) -> Box | None:
    """Σ x y over everything is an inner product, Σ x over rows or columns a product with ones."""
    (a,) = box.children
    if a.dtype != box.dtype or a.dtype not in (np.float32, np.float64) or 0 in a.shape or box.keepdims:
        return None
    if isinstance(a, Multiply) and box.shape == () and a.ndim and all(_in_rows(c, a) for c in a.children):
        flat = [make.make(Reshape, child, to=(product(a.shape),)) for child in a.children]
        return make.make(MatMul, *flat)
    if a.ndim != 2 or not _in_rows(a, a) or box.axis is None:
        return None
    (axis,) = box.axes(2) if len(box.axes(2)) == 1 else (None,)
    if axis is None:
        return None
    ones = make.shared(Constant(np.ones(a.shape[axis], a.dtype)))
    return make.make(MatMul, ones, a) if axis == 0 else make.make(MatMul, a, ones)


def _in_rows(child: Box, parent: Box) -> bool:
    """Whether the value lies in memory row by row, with no view between."""
    return child.shape == parent.shape and (type(child) not in VIEWS or isinstance(child, Reshape))


def max_of_columns(make: Builder, box: Any) -> Box | None:
    """The maximum of many short rows is taken of columns, of a transposed copy."""
    (a,) = box.children
    if a.ndim != 2 or box.keepdims or box.axes(2) != (1,) or a.shape[1] > _SHORT or a.shape[0] < _MANY:
        return None
    return make.make(Max, make.make(Positive, make.make(Transpose, a)), axis=0)


def written(make: Builder, box: Box) -> Box | None:
    """Back from factors to differences."""
    return as_written(box, box.children)


LABELS: dict[type[Box], list[Any]] = {Subtract: [minus_one_hot]}

RULES: dict[type[Box], list[Any]] = {
    Sum: [sum_as_product],
    Max: [max_of_columns],
    Add: [written],
    Multiply: [written],
}
