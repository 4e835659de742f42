"""How NumPy computes some patterns in least time: few classes in columns, one example as numbers, pooling first."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.elementwise.arithmetic import Divide, Multiply, Positive
from flowgraph.boxes.elementwise.comparison import Equal, Greater
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Maximum, Where
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.label import MinusAt, PlaceOf, PlacesOf
from flowgraph.boxes.neural.pooling import MaxPool, SpreadToLargest, SpreadToRectified
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.passes.shapes import reshape
from flowgraph.plan.rebuild import Builder, RuleSet, built_for, elements, number_of, owner_of, shape_of, sizes_known
from flowgraph.shapes.indexing import ARRAY

# Layout: scores of few classes for many examples are stored with the classes first.

SHORT, MANY, LARGE = 32, 16, 256
"""Rows of at most so many numbers, at least so many of them; from LARGE rows on a product is copied, not turned.

A softmax over 10 classes gains nothing in columns for 8 examples, 10 % for 16, half for 64. Products made as columns
take as long as those made in rows and copied from 256 rows on, and less below (`python -m benchmarks thresholds`).
SHORT is an estimate, which no benchmark has tuned.
"""


def scores(graph: Graph) -> set[Box]:
    """The products whose short rows a maximum is taken of, also after steps that work element by element."""
    products: set[Box] = set()
    seen: set[Box] = set()
    stack = [box.children[0] for box in graph.boxes if isinstance(box, Max) and box.axes(box.children[0].ndim) == (1,)]
    while stack:
        box = stack.pop()
        if box in seen or not _is_long(box):
            continue
        seen.add(box)
        if isinstance(box, MatMul) and box.dtype.kind == "f":
            products.add(box)
        elif ufunc_of(box) is not None:
            stack.extend(child for child in box.children if child.shape == box.shape)
    return products


def _is_long(box: Box) -> bool:
    """Whether the value is a matrix of many short rows."""
    return box.ndim == 2 and 1 < shape_of(box)[1] <= SHORT and shape_of(box)[0] >= MANY


def in_columns(make: Builder, box: Box) -> Box:
    """A product as the transposed view of its columns, which are made to begin with, or copied where they are many."""
    if shape_of(box)[0] >= LARGE:
        return make.share_box(Transpose(make.share_box(Positive(Transpose(make.share_box(box))))))
    left, right = box.children
    return make.share_box(Transpose(make.share_box(MatMul(_transpose(make, right), _transpose(make, left)))))


def _transpose(make: Builder, box: Box) -> Box:
    if isinstance(box, Transpose) and box.ndim == 2:
        return box.children[0]
    return make.share_box(Transpose(box))


def _in_columns(box: Box) -> bool:
    """Whether the value is a transposed view of columns."""
    return isinstance(box, Transpose) and _is_long(box)


def in_columns_too(make: Builder, box: Box) -> Box | None:
    """Element by element the order does not matter: what reads columns makes columns."""
    if box.ndim != 2 or (ufunc_of(box) is None and not isinstance(box, Cast)):
        return None
    if not any(_in_columns(child) and child.shape == box.shape for child in box.children):
        return None
    children = [_beside(make, child) for child in box.children]
    return make.share_box(Transpose(make.reduce_box(box.with_children(*children))))


def _beside(make: Builder, child: Box) -> Box:
    """A child as it is read beside columns."""
    if child.ndim == 2:
        if 1 in child.shape and not isinstance(child, Transpose):
            return make.make(Reshape, child.children[0] if isinstance(child, Reshape) else child, to=child.shape[::-1])
        return _transpose(make, child)
    return child if child.ndim == 0 else make.make(Reshape, child, to=(*child.shape, 1))


def over_columns(make: Builder, box: Box) -> Box | None:
    """A reduction of the short rows goes over the columns."""
    (a,) = box.children
    if not _in_columns(a) or box.keepdims or len(box.axes(2)) != 1:
        return None
    return make.make(type(box), a.children[0], axis=1 - box.axes(2)[0])


def pick_from_columns(make: Builder, box: Any) -> Box | None:
    """The score at each label is picked from the columns."""
    if box.index != (ARRAY,) or not isinstance(box.children[1], PlacesOf) or box.children[1].columns:
        return None
    scores, places = box.children
    if not isinstance(scores, Reshape) or not _in_columns(scores.children[0]):
        return None
    columns = scores.children[0].children[0]
    flat = make.make(Reshape, columns, to=(elements(columns),))
    return make.share_box(Index(flat, _by_columns(make, places), index=box.index))


def minus_at(make: Builder, box: Box) -> Box | None:
    """A number is subtracted at the labels in the columns."""
    a, places, amount = box.children
    if not _in_columns(a) or not isinstance(places, PlacesOf) or places.columns:
        return None
    return make.share_box(Transpose(make.share_box(MinusAt(a.children[0], _by_columns(make, places), amount))))


def _by_columns(make: Builder, places: PlacesOf) -> Box:
    by_columns = PlacesOf(*places.children, columns=True)
    built_for(by_columns, owner_of(places))
    return make.share_box(by_columns)


COLUMNS = RuleSet(
    "transpose_layout",
    {
        Sum: [over_columns],
        Max: [over_columns],
        Min: [over_columns],
        Index: [pick_from_columns],
        MinusAt: [minus_at],
    },
    (in_columns_too,),
)


# Batch of one: arrays of one element are computed as Python's numbers, which have less overhead.


def is_single(box: Box) -> bool:
    """Whether the value is an array of one element."""
    return len(box.outputs) == 1 and box.shape != () and box.shape.count(1) == len(box.shape)


def _number(make: Builder, box: Box) -> Box:
    """The only element of a value, as a number."""
    return box if box.ndim == 0 else make.make(Reshape, box, to=())


def of_one(make: Builder, box: Box) -> Box | None:
    """Element by element, of one element, is arithmetic of numbers."""
    if ufunc_of(box) is None or box.dtype.kind != "f":
        return None
    if not is_single(box):
        return _beside_numbers(make, box)
    if not all(child.ndim == 0 or is_single(child) for child in box.children):
        return None
    number = make.reduce_box(box.with_children(*[_number(make, child) for child in box.children]))
    return make.make(Reshape, number, to=box.shape)


def _beside_numbers(make: Builder, box: Box) -> Box | None:
    """A child that is a number in the shape of an array is read as the number."""
    if Reshape not in map(type, box.children) or not any(child.shape == box.shape for child in box.children):
        return None
    children = [_number(make, child) if _is_reshaped_number(child) else child for child in box.children]
    if all(new is old for new, old in zip(children, box.children, strict=True)):
        return None
    return make.reduce_box(box.with_children(*children))


def _is_reshaped_number(box: Box) -> bool:
    return isinstance(box, Reshape) and is_single(box) and box.children[0].ndim == 0


def extreme(make: Builder, box: Box) -> Box | None:
    """The largest or smallest of a single row is a number."""
    (a,) = box.children
    if not is_single(box) or not sizes_known(a) or box.keepdims:
        return None
    row = make.make(Reshape, a, to=(elements(a),))
    return make.make(Reshape, make.make(type(box), row, axis=None), to=box.shape)


def product(make: Builder, box: Box) -> Box | None:
    """A product with one element is an inner product of rows."""
    left, right = box.children
    if not is_single(box) or box.ndim == 0 or max(left.ndim, right.ndim) > 2 or elements(left) != elements(right):
        return None
    flat = [make.make(Reshape, child, to=(elements(child),)) for child in (left, right)]
    return make.make(Reshape, make.make(MatMul, *flat), to=box.shape)


def place(make: Builder, box: Box) -> Box | None:
    """The place of the only label is a number, of the row as of the column."""
    return make.make(Reshape, make.make(PlaceOf, *box.children), to=(1,)) if is_single(box) else None


def index(make: Builder, box: Any) -> Box | None:
    """One element, picked by its place."""
    if box.index != (ARRAY,) or not _is_place(box.children[1]):
        return None
    picked = make.make(Index, box.children[0], box.children[1].children[0], index=box.index)
    return make.make(Reshape, picked, to=box.shape)


def _is_place(box: Box) -> bool:
    return isinstance(box, Reshape) and isinstance(box.children[0], PlaceOf)


OF_ONE = RuleSet(
    "batch_one",
    {
        Reshape: [reshape],
        MatMul: [product],
        Max: [extreme],
        Min: [extreme],
        PlacesOf: [place],
        Index: [index],
    },
    (of_one,),
)


# A rectifier under max pooling: what is pooled is rectified, and its gradient finds the largest in the same pass.


def rectified_last(make: Builder, box: Any) -> Box | None:
    """The largest of what is raised to a number is the largest, raised to it: fewer elements are raised."""
    (raised,) = box.children
    operands = _base_and_exponent(raised)
    if operands is None:
        return None
    source, floor = operands
    return make.make(Maximum, make.make(MaxPool, source, **box.setting_values()), floor)


def slope_of_both(make: Builder, box: Any) -> Box | None:
    """The slope of a rectifier times what the pooling sends back: 1 or 0, and half of it at the floor, or nothing."""
    mask, sent, zero = box.children
    if number_of(zero) != 0 or not isinstance(mask, Equal | Greater):
        return None
    strict = isinstance(mask, Greater)
    spread = sent if strict else _halved_branch(sent)
    if not isinstance(spread, SpreadToLargest) or spread.dtype != box.dtype:
        return None
    if not spread.sliding.apart or any(map(any, spread.sliding.padding)):  # for which no back end has lines
        return None
    g, raised = spread.children
    operands = _base_and_exponent(raised)
    if operands is None or g.dtype != raised.dtype or not sizes_known(spread):
        return None
    source, floor = operands
    if strict and not (mask.children[0] is source and number_of(mask.children[1]) == number_of(floor)):
        return None
    if not strict and not (_are(mask, source, raised) and _are(sent.children[0], source, floor)):
        return None
    settings: Any = spread.setting_values()
    largest = make.make(MaxPool, raised, **settings)
    return make.make(SpreadToRectified, g, source, largest, **settings, floor=float(number_of(floor)), half=not strict)


def _base_and_exponent(box: Box) -> tuple[Box, Box] | None:
    """What is raised to a number, and the number."""
    if not isinstance(box, Maximum) or box.dtype not in (np.float32, np.float64):
        return None
    for source, floor in (box.children, box.children[::-1]):
        number = number_of(floor)
        if number is not None and np.isfinite(number) and source.shape == box.shape and source.dtype == box.dtype:
            return source, floor
    return None


def _halved_branch(box: Box) -> Box | None:
    """What is chosen where a condition does not hold, of which half is where it holds."""
    if not isinstance(box, Where):
        return None
    mask, half, whole = box.children
    return whole if isinstance(mask, Equal) and _is_half(half, whole) else None


def _is_half(half: Box, whole: Box) -> bool:
    if isinstance(half, Divide):
        return half.children[0] is whole and number_of(half.children[1]) == 2
    return isinstance(half, Multiply) and any(
        operand is whole and number_of(other) == 0.5 for operand, other in (half.children, half.children[::-1])
    )


def _are(box: Box, first: Box, second: Box) -> bool:
    """Whether the children of a box are these two, numbers by their value."""
    for a, b in (box.children, box.children[::-1]):
        if a is first and (b is second or (number_of(b) is not None and number_of(b) == number_of(second))):
            return True
    return False


POOLING = RuleSet("pooling", {MaxPool: [rectified_last], Where: [slope_of_both]})
