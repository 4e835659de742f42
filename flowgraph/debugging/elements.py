"""Elements of values and gradients: which is not finite, which of the inputs made it so, from which it was computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.graph.passes import Step, accumulate

Index = tuple[int, ...]


class Place(NamedTuple):
    """An element of a value; `part` counts the outputs of a box that has several."""

    part: int | None
    at: Index


class Source(NamedTuple):
    """The element of the argument number `argument` that made a result nonfinite."""

    argument: int
    place: Place


def element(value: Value, place: Place) -> Any:
    """The number at a place."""
    return (value if place.part is None else value[place.part])[place.at]


def bad_mask(array: Value) -> Any:
    """Where an array holds a NaN or an infinity."""
    if array is None or array.dtype.kind not in "fc":
        return np.zeros(np.shape(array), bool)
    return ~np.isfinite(array)


def is_bad(value: Value) -> bool:
    """Whether a value, or a part of it, holds a NaN or an infinity."""
    return any(bad_mask(part).any() for _, part in parts_of(value))


def first_bad(value: Value) -> Place | None:
    """The first NaN of a value, or its first infinity where it holds no NaN."""
    for test in (np.isnan, np.isinf):
        for number, part in parts_of(value):
            if part is not None and part.dtype.kind in "fc" and test(part).any():
                return Place(number, unflatten(int(np.argmax(test(part))), part.shape))
    return None


def parts_of(value: Value) -> list[tuple[int | None, Any]]:
    """The arrays of a value, each with its number where there are several."""
    return list(enumerate(value)) if isinstance(value, tuple) else [(None, value)]


def unflatten(flat: int, shape: Sequence[int]) -> Index:
    """The index of an element that is counted in rows."""
    return tuple(int(i) for i in np.unravel_index(flat, shape)) if len(shape) else ()


def bisect_nonfinite(call: Callable[..., Any], arguments: Sequence[Any], place: Place) -> Source | None:
    """The bad element among the arguments that makes the result bad at a place; None where no argument is to blame.

    Bad elements are replaced by ones: first all but those of one argument (are they enough?), then those of one
    argument alone (are they needed?, as in inf - inf). Within the argument, half by half.
    """
    suspects = [
        (number, part)
        for number, argument in enumerate(arguments)
        for part, array in parts_of(argument)
        if bad_mask(array).any()
    ]

    def bad_with(others_kept: bool, suspect: tuple[int, int | None], count: int) -> bool:
        changed = [
            _keep_elements(argument, number, suspect, count, others_kept) for number, argument in enumerate(arguments)
        ]
        with np.errstate(all="ignore"):
            return not np.isfinite(element(call(*changed), place))

    for others_kept in (False, True):
        for suspect in suspects:
            array = dict(parts_of(arguments[suspect[0]]))[suspect[1]]
            flat = np.flatnonzero(bad_mask(array))
            if bad_with(others_kept, suspect, 0) or not bad_with(others_kept, suspect, flat.size):
                continue
            few, many = 0, flat.size
            while many - few > 1:
                middle = (few + many) // 2
                few, many = (few, middle) if bad_with(others_kept, suspect, middle) else (middle, many)
            return Source(suspect[0], Place(suspect[1], unflatten(int(flat[many - 1]), array.shape)))
    return None


def _keep_elements(
    argument: object, number: int, suspect: tuple[int, int | None], count: int, others_kept: bool
) -> Any:
    """The argument with the first `count` bad elements of the suspect, and with all or none of the others."""
    arrays = []
    for part, array in parts_of(argument):
        if (number, part) == suspect:
            arrays.append(_clean_array(array, count))
        else:
            arrays.append(array if others_kept else _clean_array(array, 0))
    return tuple(arrays) if isinstance(argument, tuple) else arrays[0]


def _clean_array(array: Value, count: int) -> Any:
    """A copy with ones in place of the bad elements after the first `count`."""
    mask = bad_mask(array)
    if not mask.any():
        return array
    clean = np.array(array, order="C")
    clean.reshape(-1)[np.flatnonzero(mask)[count:]] = 1
    return clean[()]


def elements_read(box: Box, place: Place, values: Sequence[Any]) -> list[tuple[int, Place | None]]:
    """For each child that feeds the element: its position and the place in it, None where it is more than one element.

    Elementwise boxes read where broadcasting puts them. What a box that only moves elements reads is found by moving
    the numbers of the places in place of the values.
    """
    if isinstance(box, Elementwise):
        return [(i, Place(None, unbroadcast(place.at, np.shape(value)))) for i, value in enumerate(values)]
    if isinstance(box, Part):
        return [(0, Place(box.index, place.at))]
    moved = _moved_from(box, place, values)
    if moved is not None:
        return [moved]
    return [(i, None) for i in range(len(values))]


def unbroadcast(index: Index, shape: Sequence[int]) -> Index:
    """The index into an array of this shape of what was broadcast to an element."""
    tail = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else i for i, size in zip(tail, shape, strict=True))


def _moved_from(box: Box, place: Place, values: Sequence[Any]) -> tuple[int, Place] | None:
    """The one element that the box put there, if moving elements is all that it does."""
    floats = [i for i, child in enumerate(box.children) if len(child.outputs) == 1 and child.dtype.kind == "f"]
    total = sum(values[i].size for i in floats)
    if not total:
        return None
    origins = set()
    for numbering in (np.arange(1.0, total + 1), np.arange(1.0, total + 1)[::-1] * 2 + total):
        arguments = list(values)
        start = 0
        for i in floats:
            arguments[i] = numbering[start : start + values[i].size].reshape(values[i].shape)
            start += values[i].size
        try:
            moved = dict(parts_of(box.fprop(*arguments)))[place.part]
        except (ArithmeticError, ValueError, TypeError):
            return None
        hit = np.flatnonzero(numbering == np.asarray(moved)[place.at])
        origins.add(int(hit[0]) if hit.size else -1)
    if len(origins) != 1 or origins == {-1}:
        return None
    flat = origins.pop()
    for i in floats:
        if flat < values[i].size:
            return i, Place(None, unflatten(flat, values[i].shape))
        flat -= values[i].size
    return None


def vjp_contribution(step: Step, child: int, grad: Value, own: Value, *values: Any) -> Any:
    """The gradient that a box sends to the child in a slot: over all places in which it is a child."""
    parts = step.bprop(grad, own, *values)
    total: Any = None
    for position, slot, edge in step.edges:
        if slot == child:
            part = edge.settle_gradient(parts[position], values[position])
            total = part if total is None else accumulate(total, part)
    return total
