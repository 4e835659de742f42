"""Argument conversion shared by the NumPy functions that are made of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from flowgraph.box import Box, Constant, Value, holds_box, joined
from flowgraph.box.inference import Axes, axes_of, is_of_number
from flowgraph.errors import DtypeError, UsageError
from flowgraph.shapes.size import product


def as_box(a: Value) -> Box:
    """A box as it is, everything else as a constant."""
    return joined(a) if holds_box(a) else Constant(a)


def common_dtype(*values: Value) -> np.dtype[Any]:
    """The dtype that NumPy gives boxes, arrays and Python numbers together; of two numbers alone, that of both."""
    return np.result_type(*(v if type(v) in (bool, int, float, complex) else joined(v).dtype for v in values))


def as_element(value: Value, dtype: np.dtype[Any], who: str) -> Any:
    """A value in the dtype of an array that it becomes part of; a number that the dtype cannot hold is refused."""
    if isinstance(value, Box) or (np.iscomplexobj(value) and dtype.kind not in "bc"):
        return as_box(value).astype(dtype)
    try:
        return Constant(value.item() if isinstance(value, np.generic) else value, dtype=dtype)
    except (OverflowError, TypeError, ValueError) as error:
        raise DtypeError(
            f"{who}: found {value!r} for an array of dtype {dtype}, which does not hold it ({error}); convert the "
            f"array, a.astype(...)"
        ) from None


def require_static(a: Value, function: str, what: str) -> Any:
    """An array whose numbers are known before a run; a box that computes them is refused."""
    if isinstance(a, Constant):
        return a.value
    if isinstance(a, Box):
        raise UsageError(f"{function}: found {a.title} as {what}, needs numbers known before a run")
    return np.asarray(a)


def take_axis(a: Value, axis: int, item: object) -> Any:
    """The array at an index of one axis, counted from the front."""
    return a[(*(slice(None),) * axis, item)]


def slice_of_zeros(a: Value, axis: int) -> Any:
    """A slice of zeros, of size 1 along an axis and of the sizes of the array along the others."""
    return np.expand_dims(np.sum(np.zeros_like(a), axis=axis), axis).astype(a.dtype)


def expand_along(line: Value, axis: int, ndim: int) -> Any:
    """A one-dimensional array along one of `ndim` axes; a number as it is."""
    return np.expand_dims(line, tuple(i for i in range(ndim) if i != axis)) if np.ndim(line) else line


def one_axis(a: Box, axis: Axes | None) -> tuple[Any, int]:
    """The array with the axes of a reduction made one, and the place of that one: the last of several axes."""
    if axis is None:
        return (a if a.ndim == 1 else np.ravel(a)), 0
    axes = axes_of(a, axis, a.ndim)
    if len(axes) == 1:
        return a, axes[0]
    rest = [i for i in range(a.ndim) if i not in axes]
    moved: Any = np.transpose(a, (*rest, *sorted(axes)))
    sizes = (*(a.shape[i] for i in rest), product(a.shape[i] for i in axes))
    return np.reshape(moved, cast(Any, sizes)), len(rest)


def with_axis(a: Value, axis: int | None) -> tuple[Any, int]:
    """The array and its axis; in rows where that is None, and a number as a row of one, as NumPy takes it."""
    if axis is None or is_of_number(a.ndim, axis):
        return np.ravel(a), 0
    return a, axis


def axes_back(reduced: Value, a: Box, axis: Axes | None, keepdims: bool, new: int = 0) -> Any:
    """A reduced array with its axes back, with size 1, where `keepdims` asks for them; after `new` axes in front."""
    if not keepdims:
        return reduced
    axes: Sequence[int] = range(a.ndim) if axis is None else axes_of(a, axis, a.ndim)
    return np.expand_dims(reduced, tuple(i + new for i in axes))


def in_precision_of(grad: Value, like: Value) -> Any:
    """A gradient in the precision of an array; operands of a wider dtype may have widened it."""
    return grad.astype(like.dtype) if grad.dtype.kind == like.dtype.kind else grad
