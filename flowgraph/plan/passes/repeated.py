"""Products with rows that are repeated, and sums of the rows of a product: the product is made of fewer rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.inference import axes_of
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.builder import Builder
from flowgraph.plan.rebuild import all_sizes_known, is_scalar, on_children, rebuild, shape_of
from flowgraph.shapes.size import product

_FLOATS = (np.float32, np.float64)
_MOST_TERMS = 8
"""Terms of a sum that are looked at, so that the time stays linear in the boxes."""


def product_of_repeated(make: Builder, box: Box) -> Box | None:
    """The product of a matrix whose rows are repeated is that of each row once, repeated."""
    left, right = box.children
    if not isinstance(left, BroadcastTo) or left.ndim < 2 or right.ndim != 2 or not all_sizes_known(box):
        return None
    shape = _aligned(left.children[0], left.ndim)
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
    source = _aligned(repeated.children[0], repeated.ndim)
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


def sum_of_repeated(make: Builder, box: Any) -> Box | None:
    """Σ over what is repeated n times is n times the sum of what is there once."""
    (a,) = box.children
    if not isinstance(a, BroadcastTo) or is_scalar(a.children[0]) or not all_sizes_known(box) or not _is_float(box):
        return None
    shape = _aligned(a.children[0], a.ndim)
    again = [axis for axis in box.axes(a.ndim) if shape[axis] == 1 != a.shape[axis]]
    if not again or 0 in a.shape:
        return None
    once = tuple(1 if axis in again else size for axis, size in enumerate(a.shape))
    rows = make.make(BroadcastTo, make.make(Reshape, a.children[0], to=shape), to=once)
    summed = make.make(Sum, rows, axis=box.axis, keepdims=box.keepdims)
    count = make.constant(product(a.shape[axis] for axis in again), box.dtype)
    return make.make(Multiply, count, summed)


def sum_before_product(graph: Graph, make: Builder) -> Graph:
    """The graph in which rows are summed before they are multiplied by a matrix: Σ over t of x_t W is (Σ x_t) W."""
    readers: dict[Box, int] = dict.fromkeys(graph.outputs, 2)
    for box in graph.boxes:
        for child in box.children:
            readers[child] = readers.get(child, 0) + 1

    new: dict[Box, Box] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        new[box] = on_children(box, children)
        if isinstance(box, Sum) and _sums_rows(box):
            terms = _terms(box.children[0], readers)
            products = {term for term in terms if _is_product(term) and readers[term] == 1}
            if products:
                new[box] = _distributed(make, box, [(new[term], term in products) for term in terms])
        return new[box]

    return rebuild(graph, rule)


def _distributed(make: Builder, box: Any, terms: list[tuple[Box, bool]]) -> Box:
    """The sum of the sums of the terms; those of products as products of sums."""
    a = box.children[0]
    total: Box | None = None
    for term, is_product in terms:
        if is_product and term.shape == a.shape:
            x, w = term.children
            summed = make.make(MatMul, _sum_of_rows(make, x), w)
            one = make.make(Multiply, _part(make, a.shape[-2], box), summed)
        else:
            one = make.make(Sum, make.make(BroadcastTo, term, to=a.shape), axis=a.ndim - 2, keepdims=True)
        total = one if total is None else make.make(Add, total, one)
    assert total is not None
    return make.make(Reshape, total, to=box.shape)


def _terms(a: Box, readers: dict[Box, int]) -> list[Box]:
    """What is added up to give the box."""
    terms: list[Box] = []
    stack = [a]
    while stack:
        box = stack.pop()
        if isinstance(box, Add) and readers[box] == 1 and box.dtype == a.dtype and len(stack) < _MOST_TERMS:
            stack += [child for child in box.children[::-1] if child.dtype == a.dtype]
            if any(child.dtype != a.dtype for child in box.children):
                return []
        else:
            terms.append(box)
    return terms


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


def _aligned(box: Box, ndim: int) -> tuple[Any, ...]:
    return (1,) * (ndim - box.ndim) + tuple(box.shape)


def _is_float(box: Box) -> bool:
    return box.dtype in _FLOATS and all(child.dtype == box.dtype for child in box.children)


RULES: dict[type[Box], list[Any]] = {MatMul: [product_of_repeated, sum_with_repeated], Sum: [sum_of_repeated]}
