"""Which elements of its children an element of a box was computed from, where that is one element of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.debugging.bisect_nonfinite import Index, Place, parts_of, unflatten


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
    found = set()
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
        found.add(int(hit[0]) if hit.size else -1)
    if len(found) != 1 or found == {-1}:
        return None
    flat = found.pop()
    for i in floats:
        if flat < values[i].size:
            return i, Place(None, unflatten(flat, values[i].shape))
        flat -= values[i].size
    return None
