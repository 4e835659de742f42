"""The shape of a[index], where sizes may follow the batch: NumPy's rules, one function per rule."""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.shapes.size import Shape, Size, divide, unknown
from flowgraph.shapes.spec import broadcast, same, shape_text

ARRAY = "array"
"""In the setting `index` of a box: the place of the next child that holds integers or booleans."""

BEYOND = sys.maxsize
"""A place after the end of every axis."""


class IndexMismatchError(Exception):
    """An index that a shape does not take; the box turns it into an IndexingError that names itself."""


class ArrayIndex(NamedTuple):
    """An array in an index: its shape, whether it is a mask, and its values if it is constant."""

    shape: Shape
    mask: bool
    numbers: Any = None


class Entry(NamedTuple):
    """One entry of an index, with the sizes of the axes that it reads."""

    item: Any
    sizes: Shape


def indexed_shape(shape: Shape, index: Sequence[Any], arrays: Sequence[ArrayIndex]) -> Shape:
    """The shape of a[index] for `a` of this shape; `arrays` take the places marked in the index, in order."""
    plain = None if arrays else _plainly_indexed(shape, index)
    if plain is not None:
        return plain
    entries = _entries(shape, index, arrays)
    fancy = any(isinstance(item, ArrayIndex) and (item.mask or item.shape) for item, _ in entries)
    result: list[int | Size] = []
    chosen: list[Shape] = []
    place, apart, joined = 0, False, False
    for item, sizes in entries:
        advanced = isinstance(item, ArrayIndex) or (fancy and isinstance(item, int))
        if advanced and not chosen:
            place = len(result)
        elif advanced and not joined:
            apart = True
        joined = advanced
        if isinstance(item, ArrayIndex):
            chosen.append(_shape_of_array(item, sizes))
        elif isinstance(item, int):
            _check_range(item, item, sizes[0])
            chosen.append(())
        elif item is None:
            result.append(1)
        elif isinstance(item, slice):
            result.append(sliced_size(sizes[0], item))
    together = broadcast([(), *chosen])
    if together is None:
        raise IndexMismatchError(f"the arrays of the index, {', '.join(map(shape_text, chosen))}, do not broadcast")
    at = 0 if apart and fancy else place
    return (*result[:at], *together, *result[at:])


def _plainly_indexed(shape: Shape, index: Sequence[Any]) -> Shape | None:
    """The same for slices, integers and None alone, as in most indices; None where there is anything else."""
    result: list[int | Size] = []
    axis = 0
    for item in index:
        if item is None:
            result.append(1)
            continue
        if axis == len(shape):
            return None
        size = shape[axis]
        axis += 1
        if type(item) is slice:
            result.append(sliced_size(size, item))
        elif type(item) is int:
            if type(size) is not int or not -size <= item < size:
                _check_range(item, item, size)
        else:
            return None
    return (*result, *shape[axis:])


def sliced_size(size: int | Size, item: slice) -> int | Size:
    """The number of elements that a slice takes of an axis; unknown where it is no polynomial of the size."""
    if isinstance(size, int):
        return len(range(*item.indices(size)))
    if item.start is item.stop is item.step is None:
        return size
    start, stop, step = item.start, item.stop, 1 if item.step is None else item.step
    if step < 0:  # the same elements, counted from the other end: i becomes -1 - i
        start, stop, step = None if start is None else ~start, None if stop is None else ~stop, -step
    start = 0 if start is None else start
    if stop is None:
        return unknown() if start < 0 else _rounded_up(size - start, step)
    if (start < 0) == (stop < 0):
        return 0 if stop <= start else unknown()
    if start < 0:
        return 0 if stop == 0 else unknown()
    return _rounded_up(size - start + stop, step)


def plain_slice(item: slice, size: int | Size) -> slice:
    """The slice with integers; an end such as N - 1 of an axis of N becomes -1."""
    step = None if item.step is None else operator.index(item.step)
    if step == 0:
        raise IndexMismatchError("the step of a slice is 0")
    start, stop = plain_place(item.start, size), plain_place(item.stop, size)
    backwards = step is not None and step < 0
    if (stop if backwards else start) is BEYOND:
        return slice(0, 0)
    return slice(None if start is BEYOND else start, None if stop is BEYOND else stop, step)


def plain_place(number: Any, size: int | Size) -> Any:
    """An integer index, also symbolic: N - 1 on an axis of N is -1, and N is out of bounds."""
    if number is None:
        return None
    if not isinstance(number, Size):
        return operator.index(number)
    beyond = number - size
    if not isinstance(beyond, int):
        raise IndexMismatchError(f"{number} is no place on an axis of {size}")
    return beyond if beyond < 0 else BEYOND


def _entries(shape: Shape, index: Sequence[Any], arrays: Sequence[ArrayIndex]) -> list[Entry]:
    """The entries with the number of axes each reads, arrays filled in, and the ellipsis replaced by whole axes."""
    places = sum(isinstance(item, str) for item in index)
    if places != len(arrays):
        raise IndexMismatchError(f"the index has {places} places for arrays, but {len(arrays)} arrays are given")
    remaining = iter(arrays)
    items = [next(remaining) if isinstance(item, str) else item for item in index]
    if sum(item is Ellipsis for item in items) > 1:
        raise IndexMismatchError("an index has one '...' at most")
    reads = [
        len(item.shape) if isinstance(item, ArrayIndex) and item.mask else int(item is not None and item is not ...)
        for item in items
    ]
    left = len(shape) - sum(reads)
    if left < 0:
        raise IndexMismatchError(f"{sum(reads)} axes are indexed, but there are {len(shape)}, {shape_text(shape)}")
    if not any(item is Ellipsis for item in items):
        items, reads = [*items, ...], [*reads, 0]
    entries, axis = [], 0
    for item, count in zip(items, reads, strict=True):
        if item is Ellipsis:
            entries.append(Entry(..., ()))
            entries += [Entry(slice(None), (size,)) for size in shape[axis : axis + left]]
            axis += left
        else:
            entries.append(Entry(item, shape[axis : axis + count]))
            axis += count
    return entries


def _shape_of_array(item: ArrayIndex, sizes: Shape) -> Shape:
    """The shape that one array contributes: its own; of a mask, the number of its true elements."""
    if not item.mask:
        if item.numbers is not None and item.numbers.size:
            _check_range(item.numbers.min(), item.numbers.max(), sizes[0])
        return item.shape
    if not all(same(own, size) for own, size in zip(item.shape, sizes, strict=True)):
        raise IndexMismatchError(f"a mask of shape {shape_text(item.shape)} lies on axes of {shape_text(sizes)}")
    return (unknown() if item.numbers is None else int(np.count_nonzero(item.numbers)),)


def _check_range(low: int, high: int, size: int | Size) -> None:
    if isinstance(size, int) and not -size <= low <= high < size:
        raise IndexMismatchError(f"the index {low if low < -size else high} lies outside an axis of {size}")


def _rounded_up(length: int | Size, step: int) -> int | Size:
    """length / step, rounded up."""
    constant = length if isinstance(length, int) else length.terms.get((), 0)
    quotient = divide(length + -constant % step, step)
    return unknown() if quotient is None else quotient
