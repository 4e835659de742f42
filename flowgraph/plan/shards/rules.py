"""How a box is computed on a shard of the batch: where the batch lies in its value, by the labels of its axes.

A few classes have rules of their own.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.axes import Labels, axis_labels
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.neural.label import PlacesOf
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
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
    """Register the rule of classes for which the labels of axes do not say enough: a function of (box, cuts, examples).

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
    if not isinstance(box, Index | IndexAdd) and _reads_places(box):
        return None
    rule: Rule = _rules.get(cls, _by_labels)
    return rule(box, cuts, examples) if _is_numeric(box) else None


def _reads_places(box: Box) -> bool:
    """Whether a child counts from the first example of the shard."""
    return any(isinstance(child, PlacesOf) for child in box.children)


def _is_numeric(box: Box) -> bool:
    """Whether all sizes are numbers, and none of them 0."""
    return all(
        isinstance(n, int) and n for operand in (box, *box.children) for spec in operand.outputs for n in spec.shape
    )


def _by_labels(box: Box, cuts: Cuts, examples: int) -> Way | None:
    """The batch stays along the axis that has the same label; where the value has none, shards are summed."""
    labels = axis_labels(box)
    if labels is None:
        return None
    pairs = zip(labels.children, cuts, strict=True)
    label, *others = {(of_child[cut.axis], cut.inner) for of_child, cut in pairs if cut is not None}
    if others or label[0] is None:
        return None
    needs = tuple([_axis_of_label(of_child, *label) for of_child in labels.children])
    result = _axis_of_label(labels.value, *label)
    if result is None:
        return Way(PARTIAL, needs) if is_summed(box) else None
    return Way(result, needs, _settings(box, result))


def _axis_of_label(labels: Labels, label: Hashable, inner: int) -> BatchAxis | None:
    return BatchAxis([*labels].index(label), inner) if label in labels else None


def is_summed(box: Box) -> bool:
    """Whether a sum of sums over shards is the sum but for rounding: halves would round too much."""
    return box.dtype.kind in "iufc" and box.dtype != np.float16


def _settings(box: Box, result: BatchAxis) -> Callable[[int], Mapping[str, Any]] | None:
    """The shape of a shard, for a box that has it as a setting."""
    if not isinstance(box, BroadcastTo | Reshape):
        return None
    return lambda rows: {"to": shard_shape(shape_of(box), result, rows)}


def shard_shape(shape: Sequence[int], cut: BatchAxis, rows: int) -> tuple[int, ...]:
    """The shape of a shard of so many examples."""
    return (*shape[: cut.axis], rows * cut.inner, *shape[cut.axis + 1 :])


# Boxes whose axes do not each stay one: joined or split into several, indexed, or waited for.


@shard_rule(Barrier)
def _barrier(box: Barrier, cuts: Cuts, examples: int) -> Way | None:
    """A shard waits for what is its own of the values before."""
    return None if cuts[0] is None else Way(cuts[0], tuple(cuts))


@shard_rule(Reshape)
def _reshape(box: Reshape, cuts: Cuts, examples: int) -> Way | None:
    (cut,) = cuts
    result = None if cut is None else _in_shape(cut, shape_of(box.children[0]), shape_of(box), examples)
    return None if result is None else Way(result, (cut,), _settings(box, result))


def _in_shape(cut: BatchAxis, old: Sequence[int], new: Sequence[int], examples: int) -> BatchAxis | None:
    """The batch stays along one axis if it is the outermost part of it, and what stands before it stays before it."""
    before = product(old[: cut.axis])
    for axis, size in enumerate(new):
        if product(new[:axis]) == before and size % examples == 0:
            return BatchAxis(axis, size // examples)
    return None


def way_to(box: Box, result: BatchAxis, examples: int) -> Way | None:
    """How a shard of a value is computed from one child, which is the same for all examples, as the box is."""
    if isinstance(box, Reshape):
        need = _in_shape(result, shape_of(box), shape_of(box.children[0]), examples)
        return None if need is None else Way(result, (need,), _settings(box, result))
    labels = axis_labels(box)
    label = None if labels is None else labels.value[result.axis]
    if labels is None or label is None:
        return None
    return Way(result, (_axis_of_label(labels.children[0], label, result.inner),), _settings(box, result))


@shard_rule(Index)
def _index(box: Index, cuts: Cuts, examples: int) -> Way | None:
    a, *indices = cuts
    if a is None or not any(indices):
        return None if _reads_places(box) else _by_labels(box, cuts, examples)
    found = _own_places(box.index, box.children[1:], indices, box.children[0], a, examples)
    return None if found is None else Way(found[0], (a, *found[1]))


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


@shard_rule(IndexAdd)
def _index_add(box: IndexAdd, cuts: Cuts, examples: int) -> Way | None:
    """The index of a gradient, the other way round; what is added into rows that examples share is summed whole."""
    if cuts[0] is None or cuts[1] is not None or not is_zero(box.children[1]):
        return None
    if any(cuts[2:]):
        return _added_at_places(box, cuts, examples)
    return None if _reads_places(box) else _by_labels(box, cuts, examples)


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


@shard_rule(PlacesOf)
def _places(box: PlacesOf, cuts: Cuts, examples: int) -> Way | None:
    labels = box.children[0]
    cut, *others = {cut for cut in cuts if cut is not None}
    if others or cut.axis or box.columns or not labels.ndim:
        return None
    return Way(BatchAxis(0, cut.inner * product(shape_of(labels)[1:])), (cut, cut))
