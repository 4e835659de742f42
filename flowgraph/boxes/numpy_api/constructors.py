"""Arrays shaped like a box, and what NumPy tells of an array without its values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Constant, Value
from flowgraph.box.axes import Axes, axes_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.boxes.engine.shape_like import broadcast_like
from flowgraph.boxes.numpy_api.array_arguments import as_element
from flowgraph.shapes.size import product


@implements(np.zeros_like)
def zeros_like(a: Value, dtype: DTypeLike | None = None, *, shape: Any = None) -> Any:
    """np.zeros_like of a box: zeros that follow its shape, or of another one."""
    return _filled(a, 0, dtype, shape)


@implements(np.ones_like)
def ones_like(a: Value, dtype: DTypeLike | None = None, *, shape: Any = None) -> Any:
    """np.ones_like of a box: ones that follow its shape, or of another one."""
    return _filled(a, 1, dtype, shape)


@implements(np.full_like)
def full_like(a: Value, fill_value: Value, dtype: DTypeLike | None = None, *, shape: Any = None) -> Any:
    """np.full_like of a box: one value, a number or a box, in every place of its shape, or of another one."""
    if not isinstance(fill_value, Box):
        return _filled(a, fill_value, dtype, shape)
    if shape is not None:
        return np.broadcast_to(fill_value.astype(a.dtype if dtype is None else dtype), shape)
    return broadcast_like(fill_value.astype(a.dtype if dtype is None else dtype), a)


@implements(np.copy)
def copy(a: Value, order: str = "K", subok: bool = False) -> Any:
    """np.copy of a box: the box itself, which nothing changes."""
    return a


@implements(np.asarray, np.asanyarray)
def asarray(
    a: Value,
    dtype: DTypeLike | None = None,
    order: str | None = None,
    *,
    device: str | None = None,
    copy: bool | None = None,
) -> Any:
    """np.asarray(..., like=box): a box as it is, in the dtype asked for; anything else becomes a constant."""
    a = a if isinstance(a, Box) else Constant(a)
    return a if dtype is None else a.astype(dtype)


@implements(np.shape)
def shape(a: Value) -> Any:
    """np.shape of a box: an int per axis, or a name where it follows the batch."""
    return a.shape


@implements(np.ndim)
def ndim(a: Value) -> int:
    """np.ndim of a box."""
    return len(a.shape)


@implements(np.size)
def size(a: Value, axis: Axes | None = None) -> Any:
    """np.size of a box: an int, or a Size where it follows the batch."""
    if axis is None:
        return a.size
    return product(a.shape[i] for i in axes_of(a, axis, a.ndim))


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    """np.result_type of boxes and arrays."""
    return np.result_type(*(item.dtype if isinstance(item, Box) else item for item in arrays_and_dtypes))


@implements(np.iscomplexobj)
def iscomplexobj(x: Value) -> bool:
    """np.iscomplexobj of a box."""
    return bool(x.dtype.kind == "c")


@implements(np.isrealobj)
def isrealobj(x: Value) -> bool:
    """np.isrealobj of a box."""
    return bool(x.dtype.kind != "c")


def _filled(like: Value, value: Value, dtype: DTypeLike | None, shape: Any) -> Any:
    dtype = like.dtype if dtype is None else np.dtype(dtype)
    filling = as_element(value, dtype, "np.full_like")
    return broadcast_like(filling, like) if shape is None else np.broadcast_to(filling, shape)
