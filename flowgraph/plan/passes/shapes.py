"""Simplification of views, casts, copies and sums of slices."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flowgraph.box import Box, Elementwise
from flowgraph.box.inference import axes_of
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.engine.passing_on import InTraining
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.passes.scalars import is_normal
from flowgraph.plan.rebuild import (
    Builder,
    elements,
    is_scalar,
    on_children,
    rebuild,
    shape_of,
    sizes_known,
)
from flowgraph.shapes.size import product
from flowgraph.shapes.spec import broadcast

# Elimination of redundant views and broadcasts: a view of a view is one view.


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
    """A repetition of a repetition is one; into the same shape, nothing; what is of one element is a number."""
    (a,) = box.children
    if a.shape == box.shape:
        return a
    if isinstance(a, BroadcastTo):
        return make.make(BroadcastTo, a.children[0], to=box.shape)
    if a.shape and all(size == 1 for size in a.shape):
        return make.make(BroadcastTo, make.make(Reshape, a, to=()), to=box.shape)
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
        return make.make(Reshape, make.make(type(box), a, axis=_sort_axes(axes, a.ndim)), to=box.shape)
    if isinstance(a, Reshape) and box.shape == ():
        return make.make(type(box), a.children[0], axis=None)
    return _sum(make, box, a, axes) if isinstance(box, Sum) else None


def _sort_axes(axes: tuple[int, ...], ndim: int) -> tuple[int, ...] | None:
    return None if len(axes) == ndim else tuple(sorted(axes))


def _sum(make: Builder, box: Box, a: object, axes: tuple[int, ...]) -> Box | None:
    """The sum of what is repeated is a product; Σ Σ x is one sum."""
    if isinstance(a, BroadcastTo) and is_scalar(a.children[0]) and a.dtype.kind == "f":
        count = product(a.shape[axis] for axis in axes)
        if not is_normal(count, a.dtype):
            return None
        times = make.constant(count, a.dtype)
        return make.make(BroadcastTo, make.make(Multiply, times, a.children[0]), to=box.shape)
    if isinstance(a, BroadcastTo) and a.dtype.kind == "f" and sizes_known(a.children[0]):
        return _sum_of_repeated(make, box, a, axes)
    if isinstance(a, Sum) and not a.keepdims:
        inner = a.axes(a.children[0].ndim)
        left = [axis for axis in range(a.children[0].ndim) if axis not in inner]
        both = (*inner, *(left[axis] for axis in axes))
        return make.make(Sum, a.children[0], axis=_sort_axes(both, a.children[0].ndim))
    return None


def _sum_of_repeated(make: Builder, box: Box, a: Box, axes: tuple[int, ...]) -> Box | None:
    """Σ over an axis along which an array is repeated is the array, so many times."""
    (source,) = a.children
    sizes = (1,) * (a.ndim - source.ndim) + shape_of(source)
    repeated = [axis for axis in axes if sizes[axis] == 1]
    count = math.prod(shape_of(a)[axis] for axis in repeated)
    if not repeated or not is_normal(count, a.dtype):
        return None
    once = tuple(1 if axis in repeated else size for axis, size in enumerate(shape_of(a)))
    summed = make.make(Sum, make.make(BroadcastTo, make.make(Reshape, source, to=sizes), to=once), axis=axes)
    return make.make(Multiply, make.constant(count, a.dtype), summed)


def without_repetition(make: Builder, box: Box) -> Box | None:
    """A child that was repeated is read as it was; where all children are, so is the result."""
    if not isinstance(box, Elementwise) or BroadcastTo not in map(type, box.children):
        return None
    if type(box).infer is not Elementwise.infer:  # such as a loss, which does not broadcast
        return None
    children = list(box.children)
    for place, child in enumerate(children):
        if isinstance(child, BroadcastTo):
            rest = [old.shape for old in children[:place] + children[place + 1 :]]
            if broadcast([child.children[0].shape, *rest]) == box.shape:
                children[place] = child.children[0]
    if all(new is old for new, old in zip(children, box.children, strict=True)):
        return _repeated_result(make, box)
    return make.reduce_box(box.with_children(*children))


def _repeated_result(make: Builder, box: Box) -> Box | None:
    sources = [child.children[0] if isinstance(child, BroadcastTo) else child for child in box.children]
    shape = broadcast([source.shape for source in sources])
    if shape is None or not all(map(sizes_known, (box, *sources))) or math.prod(map(int, shape)) >= elements(box):
        return None
    return make.make(BroadcastTo, make.reduce_box(box.with_children(*sources)), to=box.shape)


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


# Sums whose terms are sums that nothing else reads: together they are one sum of several terms.


def inner_sums(graph: Graph, fit: Callable[[Box, Box], bool]) -> set[Box]:
    """Sums that one sum reads, once, as a term, where the two fit."""
    outputs = set(graph.outputs)
    readers: dict[Box, list[Box]] = {box: [] for box in graph.boxes if isinstance(box, Add) and box not in outputs}
    for box in graph.boxes if readers else ():
        for child in box.children:
            if child in readers:
                readers[child].append(box)
    return {
        box
        for box, reading in readers.items()
        if len(reading) == 1 and isinstance(reading[0], Add) and fit(box, reading[0])
    }


def terms_of(box: Box, inner: set[Box]) -> list[Box]:
    """What a sum adds, from left to right; in the place of an inner sum stand its terms."""
    terms: list[Box] = []
    stack = list(box.children)[::-1]
    while stack:
        term = stack.pop()
        if term in inner:
            stack += term.children[::-1]
        else:
            terms.append(term)
    return terms


# Arrays that are each zero but in a slice, added up: where the slices have no element in common they are joined.


class Slice(NamedTuple):
    """A box that is not zero in a range of one axis only."""

    start: int
    stop: int
    axis: int
    box: Box


def join_slices(graph: Graph, make: Builder) -> Graph:
    """The graph in which a sum of slices that have no element in common is one array, each of them copied once.

    Gradients of parts of an array come as such sums: of the gates of a recurrent cell, of the steps of a sequence.
    """
    inner = inner_sums(graph, _alike)
    sums = {box for box in graph.boxes if isinstance(box, Add) and box not in inner and sizes_known(box)}
    new: dict[Box, Box] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        new[box] = on_children(box, children)
        if box in sums:
            terms = terms_of(box, inner)
            slices = _apart([term for term in terms if _alike(term, box)])
            if len(slices) > 1:
                total = _join_slices(make, box, [part._replace(box=new.get(part.box, part.box)) for part in slices])
                joined = {part.box for part in slices}
                for term in terms:
                    if term not in joined:
                        total = make.make(Add, total, new.get(term, term))
                new[box] = total
        return new[box]

    return rebuild(graph, rule, sums)


def _alike(box: Box, other: Box) -> bool:
    return box.shape == other.shape and box.dtype == other.dtype


def _apart(terms: Sequence[Box]) -> list[Slice]:
    """Slices along the axis of the first one without a common element, in their order, of terms that come once."""
    times = Counter(terms)
    slices = [part for term in terms if times[term] == 1 and (part := _slice_of(term)) is not None]
    taken: list[Slice] = []
    for part in sorted((part for part in slices if part.axis == slices[0].axis), key=lambda part: part[:2]):
        if not taken or taken[-1].stop <= part.start:
            taken.append(part)
    return taken


def _slice_of(box: Box) -> Slice | None:
    """Where along one axis the box is not zero, None where that is not one range of all other axes."""
    if (
        not isinstance(box, IndexAdd)
        or len(box.children) != 2
        or not sizes_known(box)
        or not sizes_known(box.children[0])
    ):
        return None
    shape = shape_of(box)
    parts = list(box.index)
    if any(part is None or part is Ellipsis for part in parts):
        return None
    only: Slice | None = None
    for axis, (part, size) in enumerate(zip(parts, shape, strict=False)):
        start, stop, step = _range_of(part, size)
        if (start, stop, step) == (0, size, 1) and isinstance(part, slice):
            continue
        if only is not None or step != 1 or stop <= start:
            return None
        only = Slice(start, stop, axis, box)
    return only


def _range_of(part: Any, size: int) -> tuple[int, int, int]:
    if isinstance(part, slice):
        return part.indices(size)
    place = int(part) % size
    return place, place + 1, 1


def _join_slices(make: Builder, box: Box, slices: Sequence[Slice]) -> Box:
    """The slices end to end, zeros where there is none."""
    shape, axis = shape_of(box), slices[0].axis
    pieces: list[Box] = []
    end = 0
    for part in [*slices, Slice(shape[axis], shape[axis], axis, box)]:
        if part.start > end:
            pieces.append(
                make.make(BroadcastTo, make.constant(0, box.dtype), to=_with_size(shape, axis, part.start - end))
            )
        if part.box is not box:
            pieces.append(make.make(Reshape, part.box.children[0], to=_with_size(shape, axis, part.stop - part.start)))
        end = part.stop
    return pieces[0] if len(pieces) == 1 else make.make(Concatenate, *pieces, axis=axis)


def _with_size(shape: Sequence[int], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])
