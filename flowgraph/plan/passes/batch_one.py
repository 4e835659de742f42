"""Batch of one: arrays of one element are computed as Python scalars, which have less overhead."""

from __future__ import annotations

from typing import Any

from flowgraph.box import Box
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.label import PlaceOf, PlacesOf
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import Builder, elements, sizes_known
from flowgraph.shapes.indexing import ARRAY


def is_single(box: Box) -> bool:
    """Whether the value is an array of one element."""
    return len(box.outputs) == 1 and box.ndim > 0 and sizes_known(box) and elements(box) == 1


def _number(make: Builder, box: Box) -> Box:
    """The only element of a value, as a number."""
    return box if box.ndim == 0 else make.make(Reshape, box, to=())


def reshape(make: Builder, box: Box) -> Box | None:
    """A reshape of a reshape is one, so that a number stays a number on its way."""
    (a,) = box.children
    if a.shape == box.shape:
        return a
    return make.make(Reshape, a.children[0], to=box.shape) if isinstance(a, Reshape) else None


def elementwise(make: Builder, box: Box) -> Box | None:
    """Element by element, of one element, is arithmetic of numbers."""
    if ufunc_of(box) is None or box.dtype.kind != "f":
        return None
    if not is_single(box):
        return _beside_numbers(make, box)
    if not all(child.ndim == 0 or is_single(child) for child in box.children):
        return None
    number = make.reduced(box.with_children(*[_number(make, child) for child in box.children]))
    return make.make(Reshape, number, to=box.shape)


def _beside_numbers(make: Builder, box: Box) -> Box | None:
    """A child that is a number in the shape of an array is read as the number."""
    if Reshape not in map(type, box.children) or not any(child.shape == box.shape for child in box.children):
        return None
    children = [_number(make, child) if _is_reshaped_number(child) else child for child in box.children]
    if all(new is old for new, old in zip(children, box.children, strict=True)):
        return None
    return make.reduced(box.with_children(*children))


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


RULES: dict[type[Box], list[Any]] = {
    Reshape: [reshape],
    MatMul: [product],
    Max: [extreme],
    Min: [extreme],
    PlacesOf: [place],
    Index: [index],
}
