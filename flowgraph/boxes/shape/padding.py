"""More elements at the ends of the axes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.example import example
from flowgraph.boxes.indexing.index import index, index_add, lifted
from flowgraph.boxes.indexing.places import arange_like
from flowgraph.boxes.shape.padding_modes import STATISTICS, pad_constant, pad_odd, pad_ramp, pad_statistic
from flowgraph.errors import UnsupportedError, UsageError
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.spec import Spec

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
        if any(isinstance(one, Box) for one in (values if isinstance(values, tuple | list) else [values])):
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
        if self.mode not in _MODES:
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

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        if self.mode == "constant":
            inside = tuple(slice(before, -after or None) for before, after in self.pad_width)
            return (index(grad, index=inside),)
        ndim = len(self.pad_width)
        places = [
            lifted(np.pad(arange_like(a, axis), width, self.mode), axis, ndim)
            for axis, width in enumerate(self.pad_width)
        ]
        return (index_add(grad, a, *places, index=(ARRAY,) * ndim),)

    def infer(self, a: Spec) -> Spec:
        """The sizes with the widths added."""
        if len(self.pad_width) != len(a.shape):
            raise self.shape_error(f"pad_width has {len(self.pad_width)} pairs for {len(a.shape)} axes")
        pairs = zip(a.shape, self.pad_width, strict=True)
        return Spec(tuple(size + before + after for size, (before, after) in pairs), a.dtype)
