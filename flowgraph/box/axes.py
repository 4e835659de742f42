"""Axes given from the front or from the back, as numbers from the front."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from flowgraph.box.base import Box

Axes = int | tuple[int, ...]
"""One axis or several, as a setting; `Axes | None` where None is all of them."""


def axes_of(box: Box, axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of an array of `ndim` axes, each once, from the front; the box is named where they do not exist."""
    try:
        return tuple(normalize_axis_tuple(axis, ndim))
    except (ValueError, TypeError) as error:
        raise box.shape_error(f"axis = {axis!r} does not fit: {error}") from None


def axis_of(box: Box, axis: Any, ndim: int) -> int:
    """One axis of an array of `ndim` axes, from the front."""
    if type(axis) is int and -ndim <= axis < ndim:
        return axis % ndim
    (one,) = axes_of(box, (axis,), ndim)
    return one


def is_of_number(ndim: int, axis: Any) -> bool:
    """Whether this is an axis that NumPy takes for what has none, as if it were a row of one: 0 or -1."""
    return not ndim and not np.ndim(axis) and axis in (0, -1)
