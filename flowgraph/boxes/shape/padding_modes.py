"""Padding whose frame is computed from the array: means, ramps, odd reflections, and constants that are boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.boxes.numpy_api.array_arguments import as_element, take_axis
from flowgraph.errors import UsageError

Widths = Sequence[tuple[int, int]]

STATISTICS: dict[str, Callable[..., Any]] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


def pad_constant(a: Value, widths: Widths, values: Value) -> Any:
    """The frame is one box, or (before, after)."""
    ends = values if isinstance(values, tuple | list) else (values, values)
    if len(ends) != 2 or any(np.ndim(end) for end in ends):
        raise UsageError("np.pad: found a box in constant_values=, needs one number or box, or (before, after)")
    return _joined(
        a, widths, lambda a, axis, side, width: _repeated(a, axis, width, as_element(ends[side], a.dtype, "np.pad"))
    )


def pad_statistic(a: Value, widths: Widths, mode: str, stat_length: Any) -> Any:
    """The frame is a statistic of the array along the axis, or of the `stat_length` elements at that end."""
    lengths = None if stat_length is None else np.broadcast_to(stat_length, (a.ndim, 2))

    def frame(a: Value, axis: int, side: int, width: int) -> Any:
        count = None if lengths is None else int(lengths[axis, side])
        part = a if count is None else take_axis(a, axis, slice(count) if not side else slice(-count, None))
        value = STATISTICS[mode](part, axis=axis, keepdims=True)
        value = np.rint(value) if a.dtype.kind in "iu" else value
        return _repeated(a, axis, width, value.astype(a.dtype))

    return _joined(a, widths, frame)


def pad_ramp(a: Value, widths: Widths, end_values: int | Sequence[Any]) -> Any:
    """The frame goes straight from the edge to `end_values`."""
    ends = np.broadcast_to(np.asarray(end_values), (a.ndim, 2))

    def frame(a: Value, axis: int, side: int, width: int) -> Any:
        edge = take_axis(a, axis, -1 if side else 0)
        ramp = np.linspace(ends[axis, side], edge, width, endpoint=False, axis=axis)
        ramp = ramp if a.dtype.kind in "fc" else np.floor(ramp)
        return (np.flip(ramp, axis) if side else ramp).astype(a.dtype)

    return _joined(a, widths, frame)


def pad_odd(a: Value, widths: Widths, with_edge: bool) -> Any:
    """Odd reflection: the array reflected at its edges, several times for wide padding."""
    for axis, (before, after) in enumerate(widths):
        size = a.shape[axis]
        if not isinstance(size, int):
            raise UsageError(f"np.pad: found an axis of {size}, needs a number to turn about")
        if size == 1 and not with_edge:  # NumPy repeats what it cannot turn
            edge = take_axis(a, axis, slice(1))
            a = np.concatenate([np.repeat(edge, before, axis), a, np.repeat(edge, after, axis)], axis=axis)
            continue
        period = size if with_edge else size - 1
        while before or after:
            whole = (a.shape[axis] - (not with_edge)) // period * period
            left, right = min(before, whole), min(after, whole)
            ends = _turned(a, axis, left, with_edge), np.flip(_turned(np.flip(a, axis), axis, right, with_edge), axis)
            a = np.concatenate([ends[0], a, ends[1]], axis=axis)
            before, after = before - left, after - right
    return a


def _turned(a: Value, axis: int, width: int, with_edge: bool) -> Any:
    """The first elements reflected about the first one."""
    first = 0 if with_edge else 1
    return 2 * take_axis(a, axis, slice(1)) - np.flip(take_axis(a, axis, slice(first, first + width)), axis)


def _joined(a: Value, widths: Widths, frame: Callable[[Any, int, int, int], Any]) -> Any:
    """The array with what `frame` makes of it at both ends of each axis, one axis after the other."""
    for axis, pair in enumerate(widths):
        ends = [frame(a, axis, side, width) if width else None for side, width in enumerate(pair)]
        a = np.concatenate([part for part in (ends[0], a, ends[1]) if part is not None], axis=axis)
    return a


def _repeated(a: Box, axis: int, width: int, value: Value) -> Any:
    """A value as often as the frame is wide."""
    shape: Any = (*a.shape[:axis], width, *a.shape[axis + 1 :])
    return np.broadcast_to(value, shape)
