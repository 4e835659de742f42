"""Idioms of hand-written code: labels as indices, sums as matrix products, short rows as columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply, Subtract
from flowgraph.boxes.elementwise.power import Square
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlacesOf
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.plan.builder import Builder
from flowgraph.plan.numpy.rules import VIEWS
from flowgraph.plan.passes.scalars import as_written
from flowgraph.plan.rebuild import sizes_known
from flowgraph.shapes.size import product

_ONES = 4096
"""A row of at most so many numbers is added up as a product with ones, in 0.3 of the time of a reduction for any length
(`python -m benchmarks thresholds`); beside a longer one the ones would be memory that counts."""


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
    if (
        not sizes_known(a)
        or a.dtype != box.dtype
        or a.dtype not in (np.float32, np.float64)
        or 0 in a.shape
        or box.keepdims
    ):
        return None
    factors = a.children if isinstance(a, Multiply) else a.children * 2 if isinstance(a, Square) else ()
    if factors and box.shape == () and a.ndim and all(_in_rows(child, a) for child in factors):
        flat = [make.make(Reshape, child, to=(product(a.shape),)) for child in factors]
        return make.make(MatMul, *flat)
    if a.ndim == 1 and a.shape[0] <= _ONES and _in_rows(a, a):
        return make.make(MatMul, a, make.shared(Constant(np.ones(a.shape, a.dtype))))
    if a.ndim != 2 or not _in_rows(a, a) or box.axis is None:
        return None
    (axis,) = box.axes(2) if len(box.axes(2)) == 1 else (None,)
    if axis is None:
        return None
    ones = make.shared(Constant(np.ones(a.shape[axis], a.dtype)))
    return make.make(MatMul, ones, a) if axis == 0 else make.make(MatMul, a, ones)


def _in_rows(child: Box, parent: Box) -> bool:
    """Whether the value lies in memory row by row, with no view between."""
    return child.shape == parent.shape and (not VIEWS.has(child) or isinstance(child, Reshape))


def square(make: Builder, box: Box) -> Box | None:
    """x * x has a function of its own, which reads x once."""
    a, b = box.children
    return Square(a) if a is b and a.ndim and a.dtype.kind == "f" else None


def same_axes(make: Builder, box: Box) -> Box | None:
    """A child that broadcasts along axes of size 1 only is read in the shape of the result: no loop over axes."""
    children = [
        make.make(Reshape, child, to=box.shape)
        if child.shape != box.shape and child.ndim and product(child.shape) == product(box.shape)
        else child
        for child in box.children
    ]
    if all(one is other for one, other in zip(children, box.children, strict=True)):
        return None
    return make.reduced(box.with_children(*children))


def written(make: Builder, box: Box) -> Box | None:
    """Back from factors to differences."""
    return as_written(box, box.children)


LABELS: dict[type[Box], list[Any]] = {Subtract: [minus_one_hot]}

RULES: dict[type[Box], list[Any]] = {
    Sum: [sum_as_product],
    Add: [written],
    Multiply: [written, square],
}
