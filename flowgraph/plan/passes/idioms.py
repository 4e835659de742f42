"""Idioms of hand-written code: labels as indices, sums as matrix products, short rows as columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply, Positive, Subtract
from flowgraph.boxes.elementwise.comparison import Equal, GreaterEqual, LessEqual
from flowgraph.boxes.elementwise.exponential import Square
from flowgraph.boxes.elementwise.selection import Maximum, Minimum
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlacesOf
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.plan.blas import count_threads
from flowgraph.plan.builder import Builder
from flowgraph.plan.numpy.rules import VIEWS
from flowgraph.plan.passes.scalars import as_written
from flowgraph.plan.rebuild import all_sizes_known, shape_of, sizes_known
from flowgraph.shapes.size import product

_ONES = 4096
"""A row of at most so many numbers is added up as a product with ones, in 0.3 of the time of a reduction for any length
(`python -m benchmarks thresholds`); beside a longer one the ones would be memory that counts."""

_MANY = 2
"""Rows of the product for each column, from which the copy of the matrix, of the size of some of them, is small."""


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
    return _sum_of_matrix(make, box, a) if a.ndim > 1 and _in_rows(a, a) else None


def _sum_of_matrix(make: Builder, box: Any, a: Box) -> Box | None:
    """Σ over the first axes, or the last ones, is a product of ones with the matrix that the others make up."""
    axes = tuple(sorted(box.axes(a.ndim)))
    count = len(axes)
    first = axes == tuple(range(count))
    if count == a.ndim or not (first or axes == tuple(range(a.ndim - count, a.ndim))):
        return None
    summed = math.prod(shape_of(a)[axis] for axis in axes)
    if a.ndim > 2 and summed > _ONES:
        return None
    rest = product(box.shape)
    matrix = make.make(Reshape, a, to=(summed, rest) if first else (rest, summed))
    ones = make.shared(Constant(np.ones(summed, a.dtype)))
    found = make.make(MatMul, ones, matrix) if first else make.make(MatMul, matrix, ones)
    return make.make(Reshape, found, to=box.shape)


def _in_rows(child: Box, parent: Box) -> bool:
    """Whether the value lies in memory row by row, with no view between."""
    return child.shape == parent.shape and (not VIEWS.has(child) or isinstance(child, Reshape))


def square(make: Builder, box: Box) -> Box | None:
    """x * x has a function of its own, which reads x once."""
    a, b = box.children
    return Square(a) if a is b and a.ndim and a.dtype.kind == "f" else None


_QUESTIONS: dict[type[Box], type[Box]] = {Maximum: GreaterEqual, Minimum: LessEqual}


def at_extremum(make: Builder, box: Box) -> Box | None:
    """a = max(a, b) is a ≥ b, which need not read the maximum."""
    for a, h in (box.children, box.children[::-1]):
        question = _QUESTIONS.get(type(h))
        if question is not None and a.dtype.kind in "iuf" and a.dtype == h.dtype:
            for one, other in (h.children, h.children[::-1]):
                if one is a and other.dtype == a.dtype:
                    return make.make(question, one, other)
    return None


def same_axes(make: Builder, box: Box) -> Box | None:
    """A child that broadcasts along axes of size 1 only is read in the shape of the result: no loop over axes."""
    shape = box.shape
    for child in box.children:
        if child.shape != shape and child.shape:
            break
    else:
        return None
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


def product_with_weights(make: Builder, box: Box) -> Box | None:
    """A stack of matrices times one matrix is one product of all rows, where BLAS has several threads for it.

    On one core a stack is faster, whose products fit the kernels of small ones, if the matrix lies in rows: with one
    that is turned, of 256 by 64 numbers, it takes twice as long as with its copy.
    """
    left, right = box.children
    if left.ndim < 3 or right.ndim != 2 or not all_sizes_known(box) or box.dtype not in (np.float32, np.float64):
        return None
    *stack, between = shape_of(left)
    if count_threads() > 1 and _in_rows(left, left) and stack[-1] > 1:
        rows = make.make(Reshape, left, to=(math.prod(stack), between))
        return make.make(Reshape, make.make(MatMul, rows, right), to=box.shape)
    if isinstance(right, Transpose) and math.prod(stack) >= _MANY * shape_of(right)[1]:
        return make.shared(MatMul(left, make.shared(Positive(right))))
    return None


LABELS: dict[type[Box], list[Any]] = {Subtract: [minus_one_hot]}

RULES: dict[type[Box], list[Any]] = {
    MatMul: [product_with_weights],
    Equal: [at_extremum],
    Sum: [sum_as_product],
    Add: [written],
    Multiply: [written, square],
}
