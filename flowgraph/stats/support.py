"""What the distributions share: standard form, parameters out of range, values outside of the support."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Value

LOG_ROOT_2_PI = math.log(2 * math.pi) / 2


def read(a: Value) -> Any:
    """A box or a Python number as it is, anything else as an array."""
    return a if isinstance(a, Box) or type(a) in (int, float) else np.asarray(a)


def positive(a: Value, least: float = 0.0, closed: bool = False) -> Any:
    """A parameter, NaN where it is not above its least value (nor equal to it, if that is allowed)."""
    a = read(a)
    if type(a) in (int, float):
        return a if a > least or (closed and a == least) else math.nan
    return np.where((a >= least) if closed else (a > least), a, math.nan)


def standard(x: Value, loc: Value, scale: Value) -> tuple[Any, Any]:
    """The value in units of the scale, and the scale, both NaN where the scale is not positive."""
    scale = positive(scale)
    z = (read(x) - read(loc)) / scale
    return (np.float64(z) if type(z) is float else z), scale


def weak(a: Value) -> Any:
    """What NumPy computed of Python's numbers, as such a number: it widens no array or box of another precision."""
    return float(a) if type(a) is np.float64 else a


def on_support(density: Callable[[Any], Any], z: Value, low: float, high: float, inner: float) -> Any:
    """A log density, minus infinity outside of the support, where its formula is not called; NaN stays NaN.

    `inner` is any value in the support; it stands for those outside, so that no gradient of theirs is NaN.
    """
    outside = (z < low) | (z > high)
    value = density(np.where(outside, inner, z))
    return np.where(outside & ~np.isnan(value), -math.inf, value)
