"""Layout: scores of few classes for many examples are stored with the classes first."""

from __future__ import annotations

from typing import Any

from flowgraph.box import Box
from flowgraph.boxes.elementwise.arithmetic import Positive
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.label import MinusAt, PlacesOf
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import Builder, built_for, elements, owner_of, shape_of
from flowgraph.shapes.indexing import ARRAY

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
        return make.shared(Transpose(make.shared(Positive(Transpose(make.shared(box))))))
    left, right = box.children
    return make.shared(Transpose(make.shared(MatMul(_turned(make, right), _turned(make, left)))))


def _turned(make: Builder, box: Box) -> Box:
    if isinstance(box, Transpose) and box.ndim == 2:
        return box.children[0]
    return make.shared(Transpose(box))


def _in_columns(box: Box) -> bool:
    """Whether the value is a transposed view of columns."""
    return isinstance(box, Transpose) and _is_long(box)


def elementwise(make: Builder, box: Box) -> Box | None:
    """Element by element the order does not matter: what reads columns makes columns."""
    if box.ndim != 2 or ufunc_of(box) is None:
        return None
    if not any(_in_columns(child) and child.shape == box.shape for child in box.children):
        return None
    children = [_beside(make, child) for child in box.children]
    return make.shared(Transpose(make.reduced(box.with_children(*children))))


def _beside(make: Builder, child: Box) -> Box:
    """A child as it is read beside columns."""
    if child.ndim == 2:
        if 1 in child.shape and not isinstance(child, Transpose):
            return make.make(Reshape, child.children[0] if isinstance(child, Reshape) else child, to=child.shape[::-1])
        return _turned(make, child)
    return child if child.ndim == 0 else make.make(Reshape, child, to=(*child.shape, 1))


def reduction(make: Builder, box: Box) -> Box | None:
    """A reduction of the short rows goes over the columns."""
    (a,) = box.children
    if not _in_columns(a) or box.keepdims or len(box.axes(2)) != 1:
        return None
    return make.make(type(box), a.children[0], axis=1 - box.axes(2)[0])


def picked(make: Builder, box: Any) -> Box | None:
    """The score at each label is picked from the columns."""
    if box.index != (ARRAY,) or not isinstance(box.children[1], PlacesOf) or box.children[1].columns:
        return None
    scores, places = box.children
    if not isinstance(scores, Reshape) or not _in_columns(scores.children[0]):
        return None
    columns = scores.children[0].children[0]
    flat = make.make(Reshape, columns, to=(elements(columns),))
    return make.shared(Index(flat, _by_columns(make, places), index=box.index))


def minus_at(make: Builder, box: Box) -> Box | None:
    """A number is subtracted at the labels in the columns."""
    a, places, amount = box.children
    if not _in_columns(a) or not isinstance(places, PlacesOf) or places.columns:
        return None
    return make.shared(Transpose(make.shared(MinusAt(a.children[0], _by_columns(make, places), amount))))


def _by_columns(make: Builder, places: PlacesOf) -> Box:
    by_columns = PlacesOf(*places.children, columns=True)
    built_for(by_columns, owner_of(places))
    return make.shared(by_columns)


RULES: dict[type[Box], list[Any]] = {
    Sum: [reduction],
    Max: [reduction],
    Min: [reduction],
    Index: [picked],
    MinusAt: [minus_at],
}
