"""The same elements again and again: grids of coordinates, an array filled up to another shape."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.value import Value
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.indexing.places import arange_like
from flowgraph.boxes.numpy_api.array_arguments import as_box, expand_along
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Size


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """np.meshgrid of boxes: each array along an axis of its own; for "xy" the first two change places."""
    if indexing not in ("xy", "ij"):
        raise UsageError(f"np.meshgrid: found indexing={indexing!r}, needs 'xy' or 'ij'")
    count = len(xi)
    axes = [1, 0, *range(2, count)] if indexing == "xy" and count > 1 else range(count)
    lines = [expand_along(np.ravel(as_box(x)), axis, count) for x, axis in zip(xi, axes, strict=True)]
    return tuple(lines) if sparse else tuple(np.broadcast_arrays(*lines))


@implements(np.resize)
def resize(a: Value, new_shape: int | Sequence[Any]) -> Any:
    """np.resize of a box: its elements in rows, again and again until the shape is full; zeros if there are none."""
    flat: Any = np.ravel(as_box(a))
    shape = tuple(new_shape) if isinstance(new_shape, tuple | list) else (new_shape,)
    if any(isinstance(size, Size) or operator.index(size) < 0 for size in shape):
        raise UsageError(f"np.resize: found new_shape={new_shape!r}, needs numbers from 0; use np.reshape")
    places = np.arange(np.prod(shape, dtype=int))
    if flat.size == 0:
        return np.reshape(np.pad(flat, (0, places.size)), shape)
    if isinstance(flat.size, int):
        return np.reshape(flat[places % flat.size], shape)
    count = np.maximum(count_like(arange_like(flat)), 1)  # of none, the zero that stands behind the elements is read
    return np.reshape(np.pad(flat, (0, 1))[places % count], shape)
