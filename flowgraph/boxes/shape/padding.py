"""More elements at the ends of the axes: constants, edges, reflections, ramps, means."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import AxisLabels
from flowgraph.box.vocabulary import example
from flowgraph.boxes.indexing.index import arange_like, index, index_add, line_along
from flowgraph.boxes.numpy_api.constructors import as_element, take_axis
from flowgraph.errors import UnsupportedError, UsageError
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.spec import Spec

Widths = Sequence[tuple[int, int]]

STATISTICS: dict[str, Callable[..., Any]] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


def pad_constant(a: Value, widths: Widths, values: Value) -> Any:
    """The frame is one box, or (before, after)."""
    ends = values if isinstance(values, tuple | list) else (values, values)
    if len(ends) != 2 or any(np.ndim(end) for end in ends):
        raise UsageError("np.pad: found a box in constant_values=, needs one number or box, or (before, after)")
    return _join_frames(
        a, widths, lambda a, axis, side, width: _repeat_value(a, axis, width, as_element(ends[side], a.dtype, "np.pad"))
    )


def pad_statistic(a: Value, widths: Widths, mode: str, stat_length: Any) -> Any:
    """The frame is a statistic of the array along the axis, or of the `stat_length` elements at that end."""
    lengths = None if stat_length is None else np.broadcast_to(stat_length, (a.ndim, 2))

    def frame(a: Value, axis: int, side: int, width: int) -> Any:
        count = None if lengths is None else int(lengths[axis, side])
        part = a if count is None else take_axis(a, axis, slice(count) if not side else slice(-count, None))
        value = STATISTICS[mode](part, axis=axis, keepdims=True)
        value = np.rint(value) if a.dtype.kind in "iu" else value
        return _repeat_value(a, axis, width, value.astype(a.dtype))

    return _join_frames(a, widths, frame)


def pad_ramp(a: Value, widths: Widths, end_values: int | Sequence[Any]) -> Any:
    """The frame goes straight from the edge to `end_values`."""
    ends = np.broadcast_to(np.asarray(end_values), (a.ndim, 2))

    def frame(a: Value, axis: int, side: int, width: int) -> Any:
        edge = take_axis(a, axis, -1 if side else 0)
        ramp = np.linspace(ends[axis, side], edge, width, endpoint=False, axis=axis)
        ramp = ramp if a.dtype.kind in "fc" else np.floor(ramp)
        return (np.flip(ramp, axis) if side else ramp).astype(a.dtype)

    return _join_frames(a, widths, frame)


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
            ends = (
                _reflect_about_first(a, axis, left, with_edge),
                np.flip(_reflect_about_first(np.flip(a, axis), axis, right, with_edge), axis),
            )
            a = np.concatenate([ends[0], a, ends[1]], axis=axis)
            before, after = before - left, after - right
    return a


def _reflect_about_first(a: Value, axis: int, width: int, with_edge: bool) -> Any:
    """The first elements reflected about the first one."""
    first = 0 if with_edge else 1
    return 2 * take_axis(a, axis, slice(1)) - np.flip(take_axis(a, axis, slice(first, first + width)), axis)


def _join_frames(a: Value, widths: Widths, frame: Callable[[Any, int, int, int], Any]) -> Any:
    """The array with what `frame` makes of it at both ends of each axis, one axis after the other."""
    for axis, pair in enumerate(widths):
        ends = [frame(a, axis, side, width) if width else None for side, width in enumerate(pair)]
        a = np.concatenate([part for part in (ends[0], a, ends[1]) if part is not None], axis=axis)
    return a


def _repeat_value(a: Box, axis: int, width: int, value: Value) -> Any:
    """A value as often as the frame is wide."""
    shape: Any = (*a.shape[:axis], width, *a.shape[axis + 1 :])
    return np.broadcast_to(value, shape)


_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")
_KEYWORDS = {
    "constant": "constant_values", "linear_ramp": "end_values", "reflect": "reflect_type", "symmetric": "reflect_type",
    **dict.fromkeys(STATISTICS, "stat_length"),
}  # fmt: skip


class Pad(Box):
    """An array with elements added before and after each axis, constant or repeated from inside.

    h = a, with a frame        da = the gradient without the frame; where the frame repeats elements, they receive it

    `pad_width` has a pair (before, after) per axis.

    Parameters
    ----------
    pad_width : tuple of (int, int)
        For each axis the numbers of elements before and after it.
    mode : str, default 'constant'
        Where the elements come from, as in `numpy.pad`: 'constant', 'edge', 'reflect', 'symmetric' or 'wrap'.
    constant_values : float, default 0
        The elements that are added in mode 'constant'.
    """

    pad_width: tuple[tuple[int, int], ...]
    mode: Any = "constant"
    constant_values: Any = 0

    numpy = np.pad
    symbol = "pad"
    slopes = "share"
    arithmetic = False
    examples = (
        example((3, 4), pad_width=((1, 2), (0, 1))),
        example((3,), pad_width=((2, 1),), constant_values=1.5),
        example((3, 2), pad_width=((2, 1), (0, 3)), mode="edge"),
        example((4,), pad_width=((2, 3),), mode="reflect"),
        example((3, 2), pad_width=((2, 1), (1, 0)), mode="symmetric"),
        example((3,), pad_width=((2, 7),), mode="wrap"),
        example((), pad_width=()),
    )

    @classmethod
    def from_numpy(cls, array: Value, pad_width: int | Sequence[Any], mode: Any = "constant", **settings: Any) -> Box:
        """np.pad; its widths may be one number, a pair, a pair per axis, or a dict of axes."""
        strange = [name for name in settings if name != _KEYWORDS.get(mode)]
        if strange:
            raise UsageError(f"np.pad: found {strange[0]}=, which mode={mode!r} does not take")
        if isinstance(pad_width, dict):
            named = {axis % max(array.ndim, 1): width for axis, width in pad_width.items()}
            pad_width = [np.broadcast_to(named.get(axis, 0), 2) for axis in range(array.ndim)]
        widths = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)) if array.ndim else np.zeros((0, 2), int)
        pairs = tuple((operator.index(before), operator.index(after)) for before, after in widths)
        values = settings.get("constant_values", 0)
        if any(isinstance(value, Box) for value in (values if isinstance(values, tuple | list) else [values])):
            return pad_constant(array, pairs, values)  # type: ignore[no-any-return]
        if mode != "constant" and any(size == 0 and max(pair) for size, pair in zip(array.shape, pairs, strict=False)):
            raise array.shape_error(f"np.pad: found an empty axis, which mode={mode!r} has nothing to fill from")
        if mode == "linear_ramp":
            return pad_ramp(array, pairs, settings.get("end_values", 0))  # type: ignore[no-any-return]
        if mode in STATISTICS:
            return pad_statistic(array, pairs, mode, settings.get("stat_length"))  # type: ignore[no-any-return]
        if settings.get("reflect_type", "even") == "odd":
            return pad_odd(array, pairs, mode == "symmetric")  # type: ignore[no-any-return]
        return cls(array, pad_width=pairs, mode=mode, constant_values=values)

    def check_settings(self) -> None:
        """Refuse modes that are none, and negative widths."""
        if not isinstance(self.mode, str) or self.mode not in _MODES:
            raise UnsupportedError(
                f"np.pad: found mode={self.mode!r}, which boxes do not take; needs one of {', '.join(_MODES)}"
            )
        if any(width < 0 for pair in self.pad_width for width in pair):
            raise UsageError(f"Pad: found pad_width={self.pad_width}, needs numbers from 0; cut with a slice")

    def fprop(self, a: Value) -> Value:
        if not self.pad_width:
            return a
        values = {"constant_values": self.constant_values} if self.mode == "constant" else {}
        return np.pad(a, self.pad_width, self.mode, **values)

    def axis_labels(self) -> AxisLabels:
        """Axes without a frame are loops."""
        labels = [None if any(pair) else axis for axis, pair in enumerate(self.pad_width)]
        return AxisLabels((labels,), labels)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        if self.mode == "constant":
            inside = tuple(slice(before, -after or None) for before, after in self.pad_width)
            return (index(grad, index=inside),)
        ndim = len(self.pad_width)
        places = [
            line_along(np.pad(arange_like(a, axis), width, self.mode), axis, ndim)
            for axis, width in enumerate(self.pad_width)
        ]
        return (index_add(grad, a, *places, index=(ARRAY,) * ndim),)

    def infer(self, a: Spec) -> Spec:
        """The sizes with the widths added."""
        if len(self.pad_width) != len(a.shape):
            raise self.shape_error(f"pad_width has {len(self.pad_width)} pairs for {len(a.shape)} axes")
        pairs = zip(a.shape, self.pad_width, strict=True)
        return Spec(tuple(size + before + after for size, (before, after) in pairs), a.dtype)
