"""Numbers from one to another: evenly spaced, or their logarithms are."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Value
from flowgraph.box.numpy_dispatch import implements
from flowgraph.boxes.numpy_api.array_arguments import as_box, common_dtype
from flowgraph.errors import UsageError


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
    whole = stop - start
    line = np.arange(num).reshape(-1, *(1,) * whole.ndim) / max(gaps, 1)
    samples = np.moveaxis(start * (1 - line) + stop * line, 0, axis).astype(common)
    if dtype is not None:
        samples = np.astype(np.floor(samples) if np.dtype(dtype).kind in "iu" else samples, dtype)
    return (samples, whole / gaps if gaps > 0 else whole * np.nan) if retstep else samples


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
