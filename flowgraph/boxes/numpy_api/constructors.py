"""Arguments as NumPy takes them; arrays shaped like a box, numbers from one to another, shapes and dtypes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Constant, Value, holds_box, join_boxes
from flowgraph.box.inference import Axes, axes_of, is_of_number
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.standing_in import StandIn
from flowgraph.boxes.engine.shape_like import broadcast_like
from flowgraph.errors import DtypeError, UsageError
from flowgraph.shapes.size import product


def as_box(a: Value) -> Box:
    """A box as it is, everything else as a constant."""
    return join_boxes(a) if holds_box(a) else Constant(a)


def common_dtype(*values: Value) -> np.dtype[Any]:
    """The dtype that NumPy gives boxes, arrays and Python numbers together; of two numbers alone, that of both."""
    return np.result_type(*(v if type(v) in (bool, int, float, complex) else join_boxes(v).dtype for v in values))


def as_element(value: Value, dtype: np.dtype[Any], who: str) -> Any:
    """A value in the dtype of an array that it becomes part of; a number that the dtype cannot hold is refused."""
    value = join_boxes(value, who) if isinstance(value, list | tuple | StandIn) else value
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


@implements(np.zeros_like)
def zeros_like(a: Value, dtype: DTypeLike | None = None, *, shape: Any = None) -> Any:
    """np.zeros_like of a box: zeros that follow its shape, or of another one."""
    return _fill_like(a, 0, dtype, shape)


@implements(np.ones_like)
def ones_like(a: Value, dtype: DTypeLike | None = None, *, shape: Any = None) -> Any:
    """np.ones_like of a box: ones that follow its shape, or of another one."""
    return _fill_like(a, 1, dtype, shape)


@implements(np.full_like)
def full_like(a: Value, fill_value: Value, dtype: DTypeLike | None = None, *, shape: Any = None) -> Any:
    """np.full_like of a box: one value, a number or a box, in every place of its shape, or of another one."""
    if not isinstance(fill_value, Box):
        return _fill_like(a, fill_value, dtype, shape)
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
    a = as_box(a)
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


def _fill_like(like: Value, value: Value, dtype: DTypeLike | None, shape: Any) -> Any:
    dtype = like.dtype if dtype is None else np.dtype(dtype)
    filling = as_element(value, dtype, "np.full_like")
    return broadcast_like(filling, like) if shape is None else np.broadcast_to(filling, shape)


@implements(np.linspace)
def linspace(
    start: Value,
    stop: Value,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """np.linspace of boxes: start + t (stop − start) for evenly spaced t from 0 to 1."""
    num = operator.index(num)
    if num < 0:
        raise UsageError(f"np.linspace: found num={num}, needs a number from 0")
    common = common_dtype(start, stop, 1.0)
    start, stop = as_box(start) * 1.0, as_box(stop) * 1.0
    gaps = num - 1 if endpoint else num
    whole = (stop - start).astype(common)
    line = np.arange(num).reshape(-1, *(1,) * whole.ndim) / max(gaps, 1)
    samples = np.moveaxis(start * (1 - line) + stop * line, 0, axis).astype(common)
    if dtype is not None:
        samples = np.astype(np.floor(samples) if np.dtype(dtype).kind in "iu" else samples, dtype)
    return (samples, whole / gaps if gaps > 0 else np.nan) if retstep else samples


@implements(np.logspace)
def logspace(
    start: Value,
    stop: Value,
    num: int = 50,
    endpoint: bool = True,
    base: Value = 10.0,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """np.logspace of boxes: powers of `base`, whose exponents are evenly spaced."""
    if np.ndim(base):
        sides = [as_box(start), as_box(stop), as_box(base)]
        most = max(side.ndim for side in sides)
        start, stop, base = (np.expand_dims(side, tuple(range(most - side.ndim))) for side in sides)
        base = np.expand_dims(base, axis)
    samples = (base if type(base) in (int, float) else as_box(base)) ** linspace(start, stop, num, endpoint, axis=axis)
    return samples if dtype is None else np.astype(samples, dtype)


@implements(np.geomspace)
def geomspace(
    start: Value, stop: Value, num: int = 50, endpoint: bool = True, dtype: DTypeLike | None = None, axis: int = 0
) -> Any:
    """np.geomspace of boxes of real numbers: each as many times the one before, of one sign."""
    start, stop = as_box(start) * 1.0, as_box(stop) * 1.0
    if "c" in (start.dtype.kind, stop.dtype.kind):
        raise UsageError("np.geomspace: found complex numbers, boxes take real ones")
    sign: Any = np.sign(start)
    exponents = np.linspace(np.log(start * sign), np.log(stop * sign), num, endpoint, axis=axis)
    samples = np.exp(exponents) * (np.expand_dims(sign, axis) if sign.ndim else sign)
    return samples if dtype is None else np.astype(samples, dtype)
