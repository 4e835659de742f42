"""Slices of an array put in, taken out, or cut off at its ends."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from flowgraph.box.inference import Axes, axes_of, axis_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Value
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.indexing.index import arange_like
from flowgraph.boxes.numpy_api.constructors import (
    as_box,
    as_element,
    expand_along,
    require_static,
    slice_of_zeros,
    take_axis,
)
from flowgraph.errors import IndexingError, UsageError
from flowgraph.shapes.size import Size


@implements(np.insert)
def insert(arr: Value, obj: Value, values: Value, axis: int | None = None) -> Any:
    """np.insert of boxes: values before the places `obj` of an axis; both arrays may be boxes, the places are known."""
    a, axis = _rows(arr, axis)
    size = a.shape[axis]
    values = as_element(values, a.dtype, "np.insert")
    places = _places(obj, size, "np.insert")
    if isinstance(size, int) and np.any((places < -size) | (places > size)):
        raise IndexingError(f"np.insert: found the places {places.tolist()} on an axis of {size} of {a.title}")
    if places.size != 1:
        return _insert_several(a, places, values, axis)
    place = operator.index(places.item())
    if np.ndim(values) < a.ndim:
        values = np.expand_dims(values, tuple(range(a.ndim - np.ndim(values))))
    if places.ndim == 0 and not isinstance(obj, slice):
        values = np.moveaxis(values, 0, axis)
    block = slice_of_zeros(a, axis) + values
    if isinstance(size, int):
        return np.concatenate(
            [take_axis(a, axis, slice(None, place)), block, take_axis(a, axis, slice(place, None))], axis
        )
    new = block.shape[axis]
    joined = np.concatenate([a, block], axis)
    i, n = arange_like(joined, axis), count_like(arange_like(a, axis))
    start = place if place >= 0 else n + place
    order = np.where(i < start, i, np.where(i < start + new, n + i - start, i - new))
    return take_axis(joined, axis, order)


@implements(np.delete)
def delete(arr: Value, obj: Value, axis: int | None = None) -> Any:
    """np.delete of a box: without the slices at some places; on an axis that follows the batch one place or a slice."""
    a, axis = _rows(arr, axis)
    size = a.shape[axis]
    if isinstance(size, int):
        places = obj if isinstance(obj, slice) else _places(obj, size, "np.delete", masks=False)
        try:
            return take_axis(a, axis, np.delete(np.arange(size), places))
        except (IndexError, ValueError) as error:
            raise IndexingError(f"np.delete: {error}, in {a.title}") from None
    n = count_like(arange_like(a, axis))
    if isinstance(obj, int | np.integer):
        i = arange_like(take_axis(a, axis, slice(1, None)), axis)
        return take_axis(a, axis, np.where(i < (obj if obj >= 0 else n + obj), i, i + 1))
    if not isinstance(obj, slice) or (obj.step or 1) < 1:
        raise UsageError(f"np.delete: found {obj!r} on an axis of {size}, needs a place or a slice, or use a mask")
    i, start, stop = arange_like(a, axis), obj.start or 0, n if obj.stop is None else obj.stop
    start = np.maximum(n + start, 0) if start < 0 else start
    stop = n + stop if obj.stop is not None and stop < 0 else stop
    return take_axis(a, axis, (i < start) | (i >= stop) | ((i - start) % (obj.step or 1) != 0))


@implements(np.trim_zeros)
def trim_zeros(filt: Value, trim: str = "fb", axis: Axes | None = None) -> Any:
    """np.trim_zeros of a box: without zeros at the ends of its axes; the new size is known only in a run."""
    a = as_box(filt)
    ends = trim.lower()
    if ends not in ("f", "b", "fb", "bf"):
        raise UsageError(f"np.trim_zeros: found trim={trim!r}, needs 'f' for the front, 'b' for the back, or both")
    axes = tuple(range(a.ndim)) if axis is None else axes_of(a, axis, a.ndim)
    kept = []
    for i in axes:
        nonzero = np.any(a != 0, axis=tuple(j for j in range(a.ndim) if j != i)).astype(int)
        before, after = np.cumsum(nonzero), np.flip(np.cumsum(np.flip(nonzero)))
        mask = np.any(nonzero) & (before == before)
        mask = mask & (before > 0) if "f" in ends else mask
        kept.append(mask & (after > 0) if "b" in ends else mask)
    for i, mask in zip(axes, kept, strict=True):
        a = take_axis(a, i, mask)
    return a


def _rows(arr: Value, axis: int | None) -> tuple[Any, int]:
    """The array and the axis to edit; all elements in rows for None."""
    a = as_box(arr)
    if axis is None:
        return (a if a.ndim == 1 else np.ravel(a)), 0
    return a, axis_of(a, axis, a.ndim)


def _places(obj: Value, size: Any, function: str, masks: bool = True) -> Any:
    """The places as integers: of a slice, of a mask, or as they are."""
    if isinstance(obj, slice):
        if isinstance(size, Size):
            raise UsageError(f"{function}: found {obj!r} on an axis of {size}, needs places known before a run")
        return np.arange(*obj.indices(size))
    places = require_static(obj, function, "places")
    if places.dtype.kind == "b" and masks:
        return np.flatnonzero(places)
    return places if places.size else places.astype(int)


def _insert_several(a: Value, places: Value, values: Value, axis: int) -> Any:
    """One slice of values before each of several places of an axis whose size is known."""
    size = a.shape[axis]
    if isinstance(size, Size):
        raise UsageError(f"np.insert: found {places.size} places on an axis of {size}, needs one; or join slices")
    order = np.insert(np.arange(size), places, size + np.arange(places.size))
    block = slice_of_zeros(a, axis) + expand_along(np.zeros(places.size, a.dtype), axis, a.ndim) + values
    return take_axis(np.concatenate([a, block], axis), axis, order)
