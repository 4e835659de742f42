"""Rules for pieces of the batch: element by element, sums, shapes, joins and indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.linear_algebra.diagonal import Triangle
from flowgraph.boxes.neural.label import PlacesOf
from flowgraph.boxes.reduction.products import Running
from flowgraph.boxes.reduction.sums import Reduction, Sum
from flowgraph.boxes.shape.arrangement import Flip, Transpose
from flowgraph.boxes.shape.joining import Concatenate, Stack
from flowgraph.boxes.shape.reshaping import BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.plan.shards.rules import NUMBERS, PARTIAL, Cuts, Shard, Way, Whole, agreed, piece_rule
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import product


@piece_rule(Elementwise)
def _elementwise(box: Elementwise, cuts: Cuts, examples: int) -> Way | None:
    result = agreed([_behind(cut, child, box) for cut, child in zip(cuts, box.children, strict=True) if cut])
    if result is None:
        return None
    return Way(result, tuple([_read(child, result, box) for child in box.children]))


def _behind(cut: Shard, child: Box, box: Box) -> Shard:
    """The same axis, counted in the broadcast value."""
    return Shard(cut.axis + box.ndim - child.ndim, cut.inner)


def _read(child: Box, result: Shard, box: Box) -> Shard | None:
    """Where a child that is broadcast to a value has to be cut; None where it is repeated along the batch."""
    axis = result.axis - (box.ndim - child.ndim)
    return Shard(axis, result.inner) if axis >= 0 and child.shape[axis] != 1 else None


@piece_rule(Barrier)
def _barrier(box: Barrier, cuts: Cuts, examples: int) -> Way | None:
    """A piece waits for what is its own of the values before."""
    return None if cuts[0] is None else Way(cuts[0], tuple(cuts))


@piece_rule(BroadcastTo)
def _broadcast(box: BroadcastTo, cuts: Cuts, examples: int) -> Way | None:
    cut = cuts[0]
    assert cut is not None
    result = _behind(cut, box.children[0], box)
    return Way(result, (cut,), partial(_to, box, result))


def _to(box: Any, result: Shard, rows: int) -> Mapping[str, Any]:
    return {"to": piece_shape(shape_of(box), result, rows)}


def piece_shape(shape: Sequence[int], cut: Shard, rows: int) -> tuple[int, ...]:
    """The shape of a piece of so many examples."""
    return (*shape[: cut.axis], rows * cut.inner, *shape[cut.axis + 1 :])


@piece_rule(Reshape, ExpandDims, Squeeze)
def _reshape(box: Any, cuts: Cuts, examples: int) -> Way | None:
    """The batch stays along one axis if it is the outermost part of it, and what stands before it stays before it."""
    cut = cuts[0]
    assert cut is not None
    old, new = shape_of(box.children[0]), shape_of(box)
    before = product(old[: cut.axis])
    for axis, size in enumerate(new):
        if product(new[:axis]) == before and size % examples == 0:
            result = Shard(axis, size // examples)
            return Way(result, (cut,), partial(_to, box, result) if isinstance(box, Reshape) else None)
    return None


@piece_rule(Transpose)
def _transpose(box: Transpose, cuts: Cuts, examples: int) -> Way | None:
    cut = cuts[0]
    assert cut is not None
    axes = box.axes if isinstance(box.axes, tuple) else tuple(range(box.ndim))[::-1]
    return Way(Shard([axis % box.ndim for axis in axes].index(cut.axis), cut.inner), (cut,))


@piece_rule(Reduction)
def _reduction(box: Reduction, cuts: Cuts, examples: int) -> Way | None:
    cut, child = cuts[0], box.children[0]
    if cut is None or len(box.children) != 1:
        return None
    axes = box.axes(child.ndim)
    if cut.axis not in axes:
        gone = 0 if box.keepdims else sum(axis < cut.axis for axis in axes)
        return Way(Shard(cut.axis - gone, cut.inner), (cut,))
    return Way(PARTIAL, (cut,)) if isinstance(box, Sum) and is_summed(box) else None


def is_summed(box: Box) -> bool:
    """Whether a sum of sums over pieces is the sum but for rounding: halves would round too much."""
    return box.dtype.kind in "iufc" and box.dtype != np.float16


@piece_rule(Running)
def _running(box: Running, cuts: Cuts, examples: int) -> Way | None:
    cut = cuts[0]
    if cut is None or box.axis is None or box.axis % box.ndim == cut.axis:
        return None
    return Way(cut, (cut,))


@piece_rule(Flip)
def _flip(box: Flip, cuts: Cuts, examples: int) -> Way | None:
    cut = cuts[0]
    axes = (box.axis,) if isinstance(box.axis, int) else box.axis
    if cut is None or axes is None or cut.axis in [axis % box.ndim for axis in axes]:
        return None
    return Way(cut, (cut,))


@piece_rule(Triangle)
def _triangle(box: Triangle, cuts: Cuts, examples: int) -> Way | None:
    cut = cuts[0]
    return None if cut is None or cut.axis >= box.ndim - 2 else Way(cut, (cut,))


@piece_rule(Concatenate, Stack)
def _joined(box: Any, cuts: Cuts, examples: int) -> Way | None:
    """Side by side, not one behind the other."""
    cut = agreed([cut for cut in cuts if cut])
    axis = box.axis % box.ndim
    if cut is None:
        return None
    after = isinstance(box, Stack) and axis <= cut.axis
    if isinstance(box, Concatenate) and axis == cut.axis:
        return None
    return Way(Shard(cut.axis + after, cut.inner), (cut,) * len(cuts))


@piece_rule(Index)
def _index(box: Index, cuts: Cuts, examples: int) -> Way | None:
    a, *indices = cuts
    child = box.children[0]
    if isinstance(child, PlacesOf):
        return None
    if a is None:
        return _rows_of_table(box, cuts)
    if any(indices):
        axis = _own_places(box.index, box.children[1:], indices, child, a, examples)
        if axis is None:
            return None
        result, needs = axis
        return Way(result, (a, *needs))
    kept = kept_axes(box.index, shape_of(child), box.children[1:])
    if a.axis not in kept:
        return None
    return Way(Shard(kept[a.axis], a.inner), (a, *[None] * len(indices)))


def _rows_of_table(box: Index, cuts: Cuts) -> Way | None:
    """Rows of a table that all examples share, by numbers that are the example's own."""
    cut = cuts[1] if box.index == (ARRAY,) else None
    if cut is None or box.children[1].dtype.kind == "b" or isinstance(box.children[1], PlacesOf):
        return None
    return Way(cut, (None, cut))


def _own_places(
    index: tuple[Any, ...], indices: Sequence[Box], cuts: Cuts, child: Box, cut: Shard, examples: int
) -> tuple[Shard, tuple[Shard | Whole | None, ...]] | None:
    """Where the batch lies in what each example takes out of its own part of a value, and in the indices."""
    first = cuts[0]
    if index == (ARRAY,) and child.ndim == 1 and isinstance(indices[0], PlacesOf) and first is not None:
        classes = shape_of(indices[0].children[1])[-1]
        fits = not indices[0].columns and cut.inner == first.inner * classes
        return (first, (first,)) if fits else None
    rows = index == (ARRAY, ARRAY) and cut == Shard(0) == cuts[1] and indices[1].ndim == 1 and first is None
    if rows and not isinstance(indices[1], PlacesOf):
        return (Shard(0), (NUMBERS, Shard(0))) if _numbers_examples(indices[0], examples) else None
    return None


def _numbers_examples(box: Box, examples: int) -> bool:
    return isinstance(box, Constant) and np.array_equal(box.value, np.arange(examples))


def kept_axes(index: tuple[Any, ...], shape: Sequence[int], indices: Sequence[Box]) -> dict[int, int]:
    """The axes that an index takes whole, and where each is in what it takes.

    One array of integers may stand among slices.
    """
    arrays = [item for item in index if isinstance(item, str)]
    numbers = any(isinstance(item, int | np.integer) for item in index)
    if len(arrays) > 1 or (arrays and (numbers or indices[0].dtype.kind == "b")):
        return {}
    named = sum(item is not None and item is not Ellipsis for item in index)
    rest = [slice(None)] * (len(shape) - named)
    place = next((i for i, item in enumerate(index) if item is Ellipsis), len(index))
    kept: dict[int, int] = {}
    axis = new = 0
    for item in (*index[:place], *rest, *index[place + 1 :]):
        if item is None:
            new += 1
            continue
        if isinstance(item, slice):
            if item.indices(shape[axis]) == (0, shape[axis], 1):
                kept[axis] = new
            new += 1
        elif isinstance(item, str):
            new += indices[0].ndim
        axis += 1
    return kept


@piece_rule(IndexAdd)
def _index_add(box: IndexAdd, cuts: Cuts, examples: int) -> Way | None:
    """The index of a gradient, the other way round; what is added into rows that examples share is summed whole."""
    a, like, *indices = cuts
    child, zeros = box.children[0], box.children[1]
    if a is None or like is not None or not is_zero(zeros) or isinstance(child, PlacesOf):
        return None
    if any(indices):
        return _added_at_places(box, cuts, examples)
    for axis, new in kept_axes(box.index, shape_of(zeros), box.children[2:]).items():
        if new == a.axis and shape_of(zeros)[axis] == shape_of(child)[new]:
            result = Shard(axis, a.inner)
            return Way(result, (a, result, *[None] * len(indices)))
    return None


def _added_at_places(box: IndexAdd, cuts: Cuts, examples: int) -> Way | None:
    zeros, indices = box.children[1], box.children[2:]
    if elements(zeros) % examples or (zeros.ndim > 1 and zeros.shape[0] != examples):
        return None
    result = Shard(0, shape_of(zeros)[0] // examples)
    found = _own_places(box.index, indices, cuts[2:], zeros, result, examples)
    if found is None or found[0] != cuts[0]:
        return None
    return Way(result, (cuts[0], result, *found[1]))


def is_zero(box: Box) -> bool:
    """Whether a child is read for its shape and dtype only."""
    return isinstance(box, BroadcastTo) and isinstance(box.children[0], Constant)
