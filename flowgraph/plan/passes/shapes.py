"""Elimination of redundant views and broadcasts: a view of a view is one view."""

from __future__ import annotations

import math
from typing import Any

from flowgraph.box import Box, Elementwise
from flowgraph.box.inference import axes_of
from flowgraph.boxes.elementwise.arithmetic import Multiply
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.engine.passing_on import InTraining
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.plan.builder import Builder
from flowgraph.plan.passes.ranges import is_normal, is_unit
from flowgraph.plan.rebuild import elements, is_scalar, number_of, sizes_known
from flowgraph.shapes.size import product
from flowgraph.shapes.spec import broadcast


def reshape(make: Builder, box: Box) -> Box | None:
    """A reshape of a reshape is one; of a repeated number, its repetition; into the same shape, nothing."""
    (a,) = box.children
    if a.shape == box.shape:
        return a
    if isinstance(a, Reshape):
        return make.make(Reshape, a.children[0], to=box.shape)
    if isinstance(a, BroadcastTo) and is_scalar(a.children[0]):
        return make.make(BroadcastTo, a.children[0], to=box.shape)
    return None


def broadcast_to(make: Builder, box: Box) -> Box | None:
    """A repetition of a repetition is one; into the same shape, nothing."""
    (a,) = box.children
    if a.shape == box.shape:
        return a
    if isinstance(a, BroadcastTo):
        return make.make(BroadcastTo, a.children[0], to=box.shape)
    return None


def transpose(make: Builder, box: Box) -> Box | None:
    """The transpose of a transpose; axes of size 1 change places by a reshape."""
    (a,) = box.children
    order = _axes(box)
    if order == tuple(range(a.ndim)):
        return a
    if isinstance(a, Transpose):
        inner = _axes(a)
        return make.make(Transpose, a.children[0], axes=tuple(inner[axis] for axis in order))
    if isinstance(a, BroadcastTo) and is_scalar(a.children[0]):
        return make.make(BroadcastTo, a.children[0], to=box.shape)
    if [axis for axis in order if a.shape[axis] != 1] == [i for i in range(a.ndim) if a.shape[i] != 1]:
        return make.make(Reshape, a, to=box.shape)
    return make.make(Transpose, a) if box.axes is not None and order == tuple(range(a.ndim))[::-1] else None


def _axes(box: Box) -> tuple[int, ...]:
    ndim = len(box.shape)
    return tuple(range(ndim))[::-1] if box.axes is None else axes_of(box, box.axes, ndim)


def index(make: Builder, box: Any) -> Box | None:
    """An index of whole slices and new axes is a reshape."""
    whole = (slice(None), None, Ellipsis)
    if len(box.children) == 1 and all(any(part is w or part == w for w in whole) for part in box.index):
        return make.make(Reshape, box.children[0], to=box.shape)
    return None


def cast(make: Builder, box: Box) -> Box | None:
    """A cast to the dtype that is there is nothing."""
    (a,) = box.children
    return a if a.dtype == box.dtype else None


def reduction(make: Builder, box: Box) -> Box | None:
    """Axes of size 1 go by a reshape, `keepdims` is a reshape afterwards, sums of sums are one."""
    (a,) = box.children
    if not sizes_known(a) or a.dtype != box.dtype or a.dtype.kind not in "fc" or 0 in a.shape:
        return None
    axes = tuple(axis for axis in box.axes(a.ndim) if a.shape[axis] != 1)
    if not axes:
        return make.make(Reshape, a, to=box.shape)
    if box.keepdims or len(axes) < len(box.axes(a.ndim)):
        return make.make(Reshape, make.make(type(box), a, axis=_sorted(axes, a.ndim)), to=box.shape)
    if isinstance(a, Reshape) and box.shape == ():
        return make.make(type(box), a.children[0], axis=None)
    return _sum(make, box, a, axes) if isinstance(box, Sum) else None


def _sorted(axes: tuple[int, ...], ndim: int) -> tuple[int, ...] | None:
    return None if len(axes) == ndim else tuple(sorted(axes))


def _sum(make: Builder, box: Box, a: object, axes: tuple[int, ...]) -> Box | None:
    """The sum of a repeated number is a product; Σ Σ x is one sum."""
    if isinstance(a, BroadcastTo) and is_scalar(a.children[0]) and a.dtype.kind == "f":
        count = product(a.shape[axis] for axis in axes)
        if not is_normal(count, a.dtype):
            return None
        times = make.constant(count, a.dtype)
        return make.make(BroadcastTo, make.make(Multiply, times, a.children[0]), to=box.shape)
    if isinstance(a, Sum) and not a.keepdims:
        inner = a.axes(a.children[0].ndim)
        left = [axis for axis in range(a.children[0].ndim) if axis not in inner]
        both = (*inner, *(left[axis] for axis in axes))
        return make.make(Sum, a.children[0], axis=_sorted(both, a.children[0].ndim))
    return None


def factor_of_sum(make: Builder, box: Box) -> Box | None:
    """Σ -x is -Σ x; another factor would move the sum in the range of the dtype."""
    (a,) = box.children
    if isinstance(a, Multiply) and is_unit(number_of(a.children[0])) and a.children[1].shape == a.shape and _floats(a):
        summed = make.make(Sum, a.children[1], axis=box.axis, keepdims=box.keepdims)
        return make.make(Multiply, a.children[0], summed)
    return None


def _floats(box: Box) -> bool:
    return box.dtype.kind == "f" and all(child.dtype == box.dtype for child in box.children)


def without_repetition(make: Builder, box: Box) -> Box | None:
    """A child that was repeated is read as it was; where all children are, so is the result."""
    if not isinstance(box, Elementwise) or BroadcastTo not in map(type, box.children):
        return None
    if type(box).infer is not Elementwise.infer:  # such as a loss, which does not broadcast
        return None
    children = list(box.children)
    for place, child in enumerate(children):
        if isinstance(child, BroadcastTo):
            rest = [other.shape for other in children[:place] + children[place + 1 :]]
            if broadcast([child.children[0].shape, *rest]) == box.shape:
                children[place] = child.children[0]
    if all(one is other for one, other in zip(children, box.children, strict=True)):
        return _repeated_result(make, box)
    return make.reduced(box.with_children(*children))


def _repeated_result(make: Builder, box: Box) -> Box | None:
    sources = [child.children[0] if isinstance(child, BroadcastTo) else child for child in box.children]
    shape = broadcast([source.shape for source in sources])
    if shape is None or not all(map(sizes_known, (box, *sources))) or math.prod(map(int, shape)) >= elements(box):
        return None
    return make.make(BroadcastTo, make.reduced(box.with_children(*sources)), to=box.shape)


def in_training(make: Builder, box: Box) -> Box:
    """A plan is made for one of the two: for training, where what is computed stands as it is."""
    return box.children[0]


RULES: dict[type[Box], list[Any]] = {
    InTraining: [in_training],
    Reshape: [reshape],
    BroadcastTo: [broadcast_to],
    Transpose: [transpose],
    Index: [index],
    Cast: [cast],
    Sum: [reduction],
    Max: [reduction],
    Min: [reduction],
}

GATHERING: dict[type[Box], list[Any]] = {Sum: [factor_of_sum]}
"""Rules that bring signs outwards, to meet others; once factors stand where they cost least, these are left out."""
