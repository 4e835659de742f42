"""How a box is computed on a shard of the batch: rules by class, which say where the batch lies in its value."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.box.axes import core_axes, core_of
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.convolution import ConvFilters, ConvInput, Convolution
from flowgraph.boxes.neural.label import OneHot, PlacesOf
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate, Stack
from flowgraph.boxes.shape.reshaping import BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import product


class BatchAxis(NamedTuple):
    """Where the examples of the batch lie in a value: along an axis, each in `inner` neighbouring places of it."""

    axis: int
    inner: int = 1


class Whole(enum.Enum):
    """What is no part of a value along an axis.

    PARTIAL: the value is the sum over the shards of what each of them gives. NUMBERS: a child that numbers the examples
    of the batch, 0, 1, ..., and so those of a shard from 0 again.
    """

    PARTIAL = "partial"
    NUMBERS = "numbers"


PARTIAL, NUMBERS = Whole.PARTIAL, Whole.NUMBERS


class Way(NamedTuple):
    """How a box is computed in shards.

    `needs` says of each child where it has to be cut, None for one that is read whole; `settings` gives the settings
    that differ in a shard of so many examples.
    """

    result: BatchAxis | Whole
    needs: tuple[BatchAxis | Whole | None, ...]
    settings: Callable[[int], Mapping[str, Any]] | None = None


Cuts = Sequence[BatchAxis | None]
"""Of each child where the batch lies in it, None for one that is the same for all examples."""

Rule = Callable[[Any, Cuts, int], Way | None]
AnyRule = TypeVar("AnyRule", bound=Rule)

_rules: dict[type[Box], Rule] = {}


def shard_rule(*classes: type[Box]) -> Callable[[AnyRule], AnyRule]:
    """Register the rule of classes and of their subclasses in flowgraph: a function of (box, cuts, examples).

    It returns None where a shard of the value is not computed from shards of the children. It is asked only where one
    of the cuts is not None.
    """

    def register(rule: AnyRule) -> AnyRule:
        _rules.update(dict.fromkeys(classes, rule))
        return rule

    return register


def way_of(box: Box, cuts: Cuts, examples: int) -> Way | None:
    """How a box is computed in shards; None where it cannot.

    Boxes from outside of flowgraph are computed whole: what they call may not be fit for threads.
    """
    cls = type(box)
    if len(box.outputs) != 1 or not cls.built_in:
        return None
    if not isinstance(box, Index | IndexAdd) and any(isinstance(child, PlacesOf) for child in box.children):
        return None  # these count from the first example of the shard
    inherited = (_rules[base] for base in cls.__mro__ if base in _rules)
    rule = next(inherited, None if core_of(cls) is None else _of_loop_axes)
    if rule is None or not _is_numeric(box):
        return None
    return rule(box, cuts, examples)


def _is_numeric(box: Box) -> bool:
    """Whether all sizes are numbers, and none of them 0."""
    return all(
        isinstance(n, int) and n for operand in (box, *box.children) for spec in operand.outputs for n in spec.shape
    )


def agreed(cuts: Sequence[BatchAxis]) -> BatchAxis | None:
    """What all say, None where they differ."""
    first = cuts[0]
    return first if all(cut == first for cut in cuts) else None


# Rules for shards of the batch: element by element, sums, shapes, joins and indices.


@shard_rule(Elementwise)
def _elementwise(box: Elementwise, cuts: Cuts, examples: int) -> Way | None:
    result = agreed([_behind(cut, child, box) for cut, child in zip(cuts, box.children, strict=True) if cut])
    if result is None:
        return None
    return Way(result, tuple([_read(child, result, box) for child in box.children]))


def _behind(cut: BatchAxis, child: Box, box: Box) -> BatchAxis:
    """The same axis, counted in the broadcast value."""
    return BatchAxis(cut.axis + box.ndim - child.ndim, cut.inner)


def _read(child: Box, result: BatchAxis, box: Box) -> BatchAxis | None:
    """Where a child that is broadcast to a value has to be cut; None where it is repeated along the batch."""
    axis = result.axis - (box.ndim - child.ndim)
    return BatchAxis(axis, result.inner) if axis >= 0 and child.shape[axis] != 1 else None


@shard_rule(Barrier)
def _barrier(box: Barrier, cuts: Cuts, examples: int) -> Way | None:
    """A shard waits for what is its own of the values before."""
    return None if cuts[0] is None else Way(cuts[0], tuple(cuts))


@shard_rule(BroadcastTo)
def _broadcast(box: BroadcastTo, cuts: Cuts, examples: int) -> Way | None:
    cut = cuts[0]
    assert cut is not None
    result = _behind(cut, box.children[0], box)
    return Way(result, (cut,), partial(_to, box, result))


def _to(box: Any, result: BatchAxis, rows: int) -> Mapping[str, Any]:
    return {"to": shard_shape(shape_of(box), result, rows)}


def shard_shape(shape: Sequence[int], cut: BatchAxis, rows: int) -> tuple[int, ...]:
    """The shape of a shard of so many examples."""
    return (*shape[: cut.axis], rows * cut.inner, *shape[cut.axis + 1 :])


@shard_rule(Reshape, ExpandDims, Squeeze)
def _reshape(box: Any, cuts: Cuts, examples: int) -> Way | None:
    """The batch stays along one axis if it is the outermost part of it, and what stands before it stays before it."""
    cut = cuts[0]
    assert cut is not None
    old, new = shape_of(box.children[0]), shape_of(box)
    before = product(old[: cut.axis])
    for axis, size in enumerate(new):
        if product(new[:axis]) == before and size % examples == 0:
            result = BatchAxis(axis, size // examples)
            return Way(result, (cut,), partial(_to, box, result) if isinstance(box, Reshape) else None)
    return None


@shard_rule(Transpose)
def _transpose(box: Transpose, cuts: Cuts, examples: int) -> Way | None:
    cut = cuts[0]
    assert cut is not None
    axes = box.axes if isinstance(box.axes, tuple) else tuple(range(box.ndim))[::-1]
    return Way(BatchAxis([axis % box.ndim for axis in axes].index(cut.axis), cut.inner), (cut,))


def _of_loop_axes(box: Box, cuts: Cuts, examples: int) -> Way | None:
    """A box whose core axes are declared: the batch stays along a loop axis, and a sum along it is one of sums."""
    cut = agreed([cut for cut in cuts if cut])
    if cut is None or len({child.ndim for child in box.children}) > 1:
        return None
    along, gone = core_axes(box), box.children[0].ndim - box.ndim
    if along is None or gone not in (0, len(along)) or len({shape_of(child)[cut.axis] for child in box.children}) > 1:
        return None
    needs = (cut,) * len(cuts)
    if cut.axis in along:
        return Way(PARTIAL, needs) if isinstance(box, Sum) and is_summed(box) else None
    return Way(BatchAxis(cut.axis - (gone > 0) * sum(axis < cut.axis for axis in along), cut.inner), needs)


def is_summed(box: Box) -> bool:
    """Whether a sum of sums over shards is the sum but for rounding: halves would round too much."""
    return box.dtype.kind in "iufc" and box.dtype != np.float16


@shard_rule(Concatenate, Stack)
def _joined(box: Any, cuts: Cuts, examples: int) -> Way | None:
    """Side by side, not one behind the other."""
    cut = agreed([cut for cut in cuts if cut])
    axis = box.axis % box.ndim
    if cut is None:
        return None
    after = isinstance(box, Stack) and axis <= cut.axis
    if isinstance(box, Concatenate) and axis == cut.axis:
        return None
    return Way(BatchAxis(cut.axis + after, cut.inner), (cut,) * len(cuts))


@shard_rule(Index)
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
    return Way(BatchAxis(kept[a.axis], a.inner), (a, *[None] * len(indices)))


def _rows_of_table(box: Index, cuts: Cuts) -> Way | None:
    """Rows of a table that all examples share, by numbers that are the example's own."""
    cut = cuts[1] if box.index == (ARRAY,) else None
    if cut is None or box.children[1].dtype.kind == "b" or isinstance(box.children[1], PlacesOf):
        return None
    return Way(cut, (None, cut))


def _own_places(
    index: tuple[Any, ...], indices: Sequence[Box], cuts: Cuts, child: Box, cut: BatchAxis, examples: int
) -> tuple[BatchAxis, tuple[BatchAxis | Whole | None, ...]] | None:
    """Where the batch lies in what each example takes out of its own part of a value, and in the indices."""
    first = cuts[0]
    if index == (ARRAY,) and child.ndim == 1 and isinstance(indices[0], PlacesOf) and first is not None:
        classes = shape_of(indices[0].children[1])[-1]
        fits = not indices[0].columns and cut.inner == first.inner * classes
        return (first, (first,)) if fits else None
    rows = index == (ARRAY, ARRAY) and cut == BatchAxis(0) == cuts[1] and indices[1].ndim == 1 and first is None
    if rows and not isinstance(indices[1], PlacesOf):
        return (BatchAxis(0), (NUMBERS, BatchAxis(0))) if _numbers_examples(indices[0], examples) else None
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


@shard_rule(IndexAdd)
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
            result = BatchAxis(axis, a.inner)
            return Way(result, (a, result, *[None] * len(indices)))
    return None


def _added_at_places(box: IndexAdd, cuts: Cuts, examples: int) -> Way | None:
    zeros, indices = box.children[1], box.children[2:]
    if elements(zeros) % examples or (zeros.ndim > 1 and zeros.shape[0] != examples):
        return None
    result = BatchAxis(0, shape_of(zeros)[0] // examples)
    cut_and_needs = _own_places(box.index, indices, cuts[2:], zeros, result, examples)
    if cut_and_needs is None or cut_and_needs[0] != cuts[0]:
        return None
    return Way(result, (cuts[0], result, *cut_and_needs[1]))


def is_zero(box: Box) -> bool:
    """Whether a child is read for its shape and dtype only."""
    return isinstance(box, BroadcastTo) and isinstance(box.children[0], Constant)


# Rules for shards of the batch: matrix products, convolutions, pooling and labels.


@shard_rule(MatMul)
def _product(box: MatMul, cuts: Cuts, examples: int) -> Way | None:
    a, b = cuts
    left, right = box.children
    if _is_between(left, right, a, b):
        cut = a or b
        assert cut is not None
        needs = (BatchAxis(left.ndim - 1, cut.inner), BatchAxis(max(0, right.ndim - 2), cut.inner))
        agrees = (a is None or a == needs[0]) and (b is None or b == needs[1])
        return Way(PARTIAL, needs) if agrees and is_summed(box) else None
    if a is not None and left.ndim > 1 and a.axis == left.ndim - 2:
        row = box.ndim - (1 if right.ndim == 1 else 2)
        return Way(BatchAxis(row, a.inner), (a, None)) if b is None else None
    if b is not None and right.ndim > 1 and b.axis == right.ndim - 1:
        return Way(BatchAxis(box.ndim - 1, b.inner), (None, b)) if a is None else None
    return _stack(box, cuts)


def _is_between(left: Box, right: Box, a: BatchAxis | None, b: BatchAxis | None) -> bool:
    """Whether the batch is what is summed over."""
    of_left = a is not None and a.axis == left.ndim - 1
    return of_left or (b is not None and b.axis == max(0, right.ndim - 2))


def _stack(box: MatMul, cuts: Cuts) -> Way | None:
    """Each example multiplies matrices of its own."""
    loops = max(child.ndim for child in box.children) - 2
    stacked = [
        BatchAxis(cut.axis + loops - max(0, child.ndim - 2), cut.inner)
        for cut, child in zip(cuts, box.children, strict=True)
        if cut
    ]
    result = agreed(stacked)
    if result is None:
        return None
    needs = []
    for child in box.children:
        axis = result.axis - loops + max(0, child.ndim - 2)
        repeated = child.ndim <= 2 or axis < 0 or child.shape[axis] == 1
        needs.append(None if repeated else BatchAxis(axis, result.inner))
    return Way(result, tuple(needs))


FIRST = BatchAxis(0)


@shard_rule(Convolution)
def _convolution(box: Convolution, cuts: Cuts, examples: int) -> Way | None:
    return Way(FIRST, (FIRST, None)) if (cuts[0], cuts[1]) == (FIRST, None) else None


@shard_rule(ConvInput)
def _of_input(box: ConvInput, cuts: Cuts, examples: int) -> Way | None:
    return Way(FIRST, (FIRST, None, FIRST)) if cuts[0] == FIRST and cuts[1] is None else None


@shard_rule(ConvFilters)
def _of_filters(box: ConvFilters, cuts: Cuts, examples: int) -> Way | None:
    fits = all(cut in (None, FIRST) for cut in cuts[:2]) and cuts[2] is None
    return Way(PARTIAL, (FIRST, FIRST, None)) if fits and is_summed(box) else None


@shard_rule(OneHot)
def _one_hot(box: OneHot, cuts: Cuts, examples: int) -> Way | None:
    cut = agreed([cut for cut in cuts if cut])
    return None if cut is None or cut.axis >= box.ndim - 1 else Way(cut, (cut, cut))


@shard_rule(PlacesOf)
def _places(box: PlacesOf, cuts: Cuts, examples: int) -> Way | None:
    cut = agreed([cut for cut in cuts if cut])
    labels = box.children[0]
    if cut is None or cut.axis or box.columns or not labels.ndim:
        return None
    return Way(BatchAxis(0, cut.inner * product(shape_of(labels)[1:])), (cut, cut))
