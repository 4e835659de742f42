"""Matrix products: sums as products, repeated rows multiplied once, a sum added by BLAS."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.inference import axes_of
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply, Subtract
from flowgraph.boxes.elementwise.exponential import Square
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlacesOf
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.blas import routine
from flowgraph.plan.numpy.lines import shares_memory
from flowgraph.plan.numpy.rules import VIEWS
from flowgraph.plan.passes.scalars import minus_one_times
from flowgraph.plan.passes.shapes import inner_sums, terms_of
from flowgraph.plan.rebuild import (
    Builder,
    Own,
    all_sizes_known,
    elements,
    on_children,
    readers_of,
    rebuild,
    shape_of,
    sizes_known,
)
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import product

# Idioms of hand-written code: labels as indices, sums as matrix products, short rows as columns.

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
        return make.make(MatMul, a, make.share_box(Constant(np.ones(a.shape, a.dtype))))
    return _sum_of_matrix(make, box, a) if a.ndim > 1 and _in_rows(a, a) else None


def _sum_of_matrix(make: Builder, box: Any, a: Box) -> Box | None:
    """Σ over the first axes, or the last ones, is a product of ones with the matrix that the others make up.

    Σ over the rows of each matrix of a stack is one of a row of ones with each, in 0.2 to 0.4 of a reduction's time.
    """
    axes = tuple(sorted(box.axes(a.ndim)))
    count = len(axes)
    if axes == (a.ndim - 2,) and a.ndim > 2 and shape_of(a)[axes[0]] <= _ONES:
        ones = make.share_box(Constant(np.ones((1, shape_of(a)[axes[0]]), a.dtype)))
        return make.make(Reshape, make.make(MatMul, ones, a), to=box.shape)
    first = axes == tuple(range(count))
    if count == a.ndim or not (first or axes == tuple(range(a.ndim - count, a.ndim))):
        return None
    summed = math.prod(shape_of(a)[axis] for axis in axes)
    if a.ndim > 2 and summed > _ONES:
        return None
    rest = product(box.shape)
    matrix = make.make(Reshape, a, to=(summed, rest) if first else (rest, summed))
    ones = make.share_box(Constant(np.ones(summed, a.dtype)))
    summed_matrix = make.make(MatMul, ones, matrix) if first else make.make(MatMul, matrix, ones)
    return make.make(Reshape, summed_matrix, to=box.shape)


def _in_rows(child: Box, parent: Box) -> bool:
    """Whether the value lies in memory row by row, with no view between."""
    gathered = isinstance(child, Index) and child.index == (ARRAY,)
    return child.shape == parent.shape and (gathered or not VIEWS.has(child) or isinstance(child, Reshape))


def square(make: Builder, box: Box) -> Box | None:
    """x * x has a function of its own, which reads x once."""
    a, b = box.children
    return Square(a) if a is b and a.ndim and a.dtype.kind == "f" else None


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
    if all(new is old for new, old in zip(children, box.children, strict=True)):
        return None
    return make.reduce_box(box.with_children(*children))


def product_with_weights(make: Builder, box: Box) -> Box | None:
    """A stack of matrices times one matrix is one product of all rows.

    On one core of an AMD EPYC it takes 0.8 to 0.9 of the time of a stack of 64 products of 32 rows, and several threads
    of BLAS share it. What is copied for it has often been copied for the gradient of the matrix.
    """
    left, right = box.children
    if left.ndim < 3 or right.ndim != 2 or not all_sizes_known(box) or box.dtype not in (np.float32, np.float64):
        return None
    *stack, between = shape_of(left)
    if not _in_rows(left, left) or stack[-1] == 1:
        return None
    source = left.children[0] if isinstance(left, Reshape) else left
    rows = make.make(Reshape, source, to=(math.prod(stack), between))
    return make.make(Reshape, make.make(MatMul, rows, right), to=box.shape)


def copy_of_rows(make: Builder, box: Box) -> Box | None:
    """What has to be copied into rows is copied as a matrix, of which other shapes are views: heads are joined once."""
    (a,) = box.children
    if not isinstance(a, Transpose) or box.ndim < 3 or not all_sizes_known(a) or not elements(box):
        return None
    source = a.children[0]
    if not _in_rows(source, source) or shares_memory(box, np.asarray(a.fprop(np.empty(shape_of(source), bool)))):
        return None
    last = shape_of(box)[-1]
    return make.make(Reshape, make.make(Reshape, a, to=(elements(box) // last, last)), to=box.shape)


LABELS: dict[type[Box], list[Any]] = {Subtract: [minus_one_hot]}

RULES: dict[type[Box], list[Any]] = {
    MatMul: [product_with_weights],
    Reshape: [copy_of_rows],
    Sum: [sum_as_product],
    Multiply: [minus_one_times, square],
}


# Products with rows that are repeated, and sums of the rows of a product: the product is made of fewer rows.

_FLOATS = (np.float32, np.float64)


def product_of_repeated(make: Builder, box: Box) -> Box | None:
    """The product of a matrix whose rows are repeated is that of each row once, repeated."""
    left, right = box.children
    if not isinstance(left, BroadcastTo) or left.ndim < 2 or right.ndim != 2 or not all_sizes_known(box):
        return None
    shape = _aligned_shape(left.children[0], left.ndim)
    if shape[-1] != left.shape[-1] or shape == left.shape:
        return None
    rows = make.make(Reshape, left.children[0], to=shape)
    return make.make(BroadcastTo, make.make(MatMul, rows, right), to=box.shape)


def sum_with_repeated(make: Builder, box: Box) -> Box | None:
    """Σ over n, t of x_nt b_n is Σ over n of (Σ over t of x_nt) b_n."""
    left, right = box.children
    x = _columns(left)
    if x is None or not isinstance(right, Reshape) or box.ndim != 2:
        return None
    repeated = right.children[0]
    if not isinstance(repeated, BroadcastTo) or repeated.ndim < 3 or not all_sizes_known(box) or not _is_float(box):
        return None
    *first, count, columns = shape_of(repeated)
    source = _aligned_shape(repeated.children[0], repeated.ndim)
    if right.shape[1] != columns or source[-1] != columns or source[-2] != 1 or count < 2:
        return None
    rows, width = product(first), left.shape[0]
    summed = _sum_of_rows(make, make.make(Reshape, x, to=(*first, count, width)))
    summed = make.make(Transpose, make.make(Reshape, summed, to=(rows, width)))
    once = make.make(BroadcastTo, make.make(Reshape, repeated.children[0], to=source), to=(*first, 1, columns))
    once = make.make(Reshape, once, to=(rows, columns))
    return make.make(Multiply, _part(make, count, box), make.make(MatMul, summed, once))


def _columns(left: Box) -> Box | None:
    """The array whose last axis the box has first, and all others in one axis after it."""
    if isinstance(left, Transpose) and left.ndim == 2:
        return left.children[0]
    turned = left.children[0] if isinstance(left, Reshape) and left.ndim == 2 else None
    if not isinstance(turned, Transpose) or turned.shape[:1] != left.shape[:1]:
        return None
    order = axes_of(turned, turned.axes, turned.ndim) if turned.axes is not None else ()
    return turned.children[0] if order == (turned.ndim - 1, *range(turned.ndim - 1)) else None


def sum_before_product(graph: Graph, make: Builder) -> Graph:
    """The graph in which rows are summed before they are multiplied by a matrix: Σ over t of x_t W is (Σ x_t) W."""
    sums = {box for box in graph.boxes if isinstance(box, Sum) and _sums_rows(box)}
    readers = readers_of(graph) if sums else Counter()
    inner = inner_sums(graph, lambda term, total: term.dtype == total.dtype) if sums else set()
    new: dict[Box, Box] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        new[box] = on_children(box, children)
        if box in sums:
            a = box.children[0]
            terms = terms_of(a, inner) if isinstance(a, Add) and readers[a] == 1 else [a]
            products = {term for term in terms if _is_product(term) and readers[term] == 1}
            if products and all(term.dtype == a.dtype for term in terms):
                new[box] = _distribute(make, box, [(new.get(term, term), term in products) for term in terms])
        return new[box]

    return rebuild(graph, rule, sums)


def _distribute(make: Builder, box: Any, terms: list[tuple[Box, bool]]) -> Box:
    """The sum of the sums of the terms; those of products as products of sums."""
    a = box.children[0]
    total: Box | None = None
    for term, is_product in terms:
        if is_product and term.shape == a.shape:
            x, w = term.children
            summed = make.make(MatMul, _sum_of_rows(make, x), w)
            part = make.make(Multiply, _part(make, a.shape[-2], box), summed)
        else:
            part = make.make(Sum, make.make(BroadcastTo, term, to=a.shape), axis=a.ndim - 2, keepdims=True)
        total = part if total is None else make.make(Add, total, part)
    assert total is not None
    return make.make(Reshape, total, to=box.shape)


def _sums_rows(box: Any) -> bool:
    a = box.children[0]
    return (
        a.ndim > 2 and all_sizes_known(box) and _is_float(box) and box.axes(a.ndim) == (a.ndim - 2,) and a.shape[-2] > 1
    )


def _is_product(box: Box) -> bool:
    return isinstance(box, MatMul) and box.ndim > 2 and box.children[1].ndim == 2 and _is_float(box)


def _sum_of_rows(make: Builder, x: Box) -> Box:
    """Σ of the rows of x, divided by a power of two, so that it overflows only where a row does."""
    count = x.shape[-2]
    assert isinstance(count, int)
    weights = np.full((1, count), 1 / _power(count), x.dtype)
    return make.make(MatMul, make.constant(weights, x.dtype), x)


def _part(make: Builder, count: Any, box: Box) -> Box:
    """The power of two by which a sum of so many rows was divided."""
    return make.constant(_power(count), box.dtype)


def _power(count: int) -> float:
    return float(2 ** (count - 1).bit_length())


def _aligned_shape(box: Box, ndim: int) -> tuple[Any, ...]:
    return (1,) * (ndim - box.ndim) + tuple(box.shape)


def _is_float(box: Box) -> bool:
    return box.dtype in _FLOATS and all(child.dtype == box.dtype for child in box.children)


REPEATED: dict[type[Box], list[Any]] = {MatMul: [product_of_repeated, sum_with_repeated]}


# Fusion of a matrix product with the sum that it is added to (gemm with beta = 1).

LARGE = 1 << 18
"""Bytes of the result from which the pass that is saved takes longer than the way to the library.

At 64 KB one pass takes 1.1 times as long as two, at 256 KB two do (`python -m benchmarks thresholds`). In a training
step it gains 5 % where 784 x 128 weights decay, and costs 1 to 2 % where arrays are smaller (`python -m benchmarks
passes`).
"""


Adds = Callable[[Box, Box, Box, Counter[Box]], bool]
"""Whether a sum is made in the memory of its other term: of the sum, the product, the other, and how each is read."""


def accumulate(graph: Graph, own: Own, adds: Adds = lambda total, product, other, readers: _is_large(total)) -> Graph:
    """The graph in which AddMatMul stands for sums of a product that nobody else reads and an array of its shape."""
    sums = {box for box in graph.boxes if isinstance(box, Add) and any(_is_added_product(c, box) for c in box.children)}
    readers = readers_of(graph) if sums else Counter()

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        if box in sums:
            for place, child in enumerate(box.children):
                other = box.children[1 - place]
                if _is_added_product(child, box) and readers[child] == 1 and adds(box, child, other, readers):
                    return AddMatMul(children[1 - place], *children[place].children)
        return on_children(box, children, own)

    return rebuild(graph, rule, sums)


def _is_large(box: Box) -> bool:
    return (
        box.dtype in (np.float32, np.float64)
        and elements(box) * box.dtype.itemsize >= LARGE
        and routine(box.dtype) is not None
    )


def _is_added_product(child: Box, box: Box) -> bool:
    if not isinstance(child, MatMul) or any(term.shape != box.shape for term in box.children):
        return False
    return all(each.ndim == 2 and each.dtype == box.dtype for each in (*child.children, *box.children))
