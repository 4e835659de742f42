"""One array taken apart along an axis: boxes of several outputs."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import axis_of
from flowgraph.box.example import example
from flowgraph.box.numpy_dispatch import implements
from flowgraph.boxes.shape.joining import joined
from flowgraph.errors import UsageError
from flowgraph.shapes.indexing import plain_place, sliced_size
from flowgraph.shapes.size import Size, divide, unknown
from flowgraph.shapes.spec import Spec

MOST_PARTS = 1 << 17
"""Outputs of one box, at most: each is a box of its own."""


class Split(Box):
    """An array split along an axis, at indices or into equal sections; `uneven` lets the first ones be longer.

    h = (a[:i], a[i:j], ..., a[k:])        da = the gradients of the parts, joined

    Parameters
    ----------
    at : int or tuple of int
        The number of sections, or the places at which the array is cut.
    uneven : bool, default False
        Whether sections may differ in length, the first ones being longer.
    """

    at: int | tuple[int, ...]
    axis: int = 0
    uneven: bool = False

    symbol = "split"
    slopes = "share"
    arithmetic = False
    examples = (
        example((6, 4), at=3),
        example((3, 5), at=(1, 4), axis=1),
        example((5,), at=(-3, -1)),
        example((5, 2), at=3, uneven=True),
        example((3,), at=(2, 7)),
    )

    def check_settings(self) -> None:
        """Refuse places that do not follow each other, whose parts would overlap."""
        if isinstance(self.at, int) and 2 <= self.at <= MOST_PARTS:
            return
        if not isinstance(self.at, tuple) or not self.at or not follow_each_other(self.at):
            raise UsageError(
                f"Split: found at={self.at!r}, needs a number of sections from 2 to {MOST_PARTS:,}, or a tuple of "
                f"ascending places, all counted from the front or all from the back"
            )

    def fprop(self, a: Value) -> tuple[Value, ...]:
        return tuple((np.array_split if self.uneven else np.split)(a, self.at, self.axis))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (joined(grad, h, self.axis),)

    def infer(self, a: Spec) -> tuple[Spec, ...]:
        """The sizes of the parts along the axis."""
        axis = axis_of(self, self.axis, len(a.shape))
        return tuple(Spec((*a.shape[:axis], n, *a.shape[axis + 1 :]), a.dtype) for n in self._sizes(a.shape[axis]))

    def _sizes(self, size: int | Size) -> list[int | Size]:
        if not isinstance(self.at, int):
            return [sliced_size(size, slice(*ends)) for ends in itertools.pairwise((None, *self.at, None))]
        equal = divide(size, self.at)
        if equal is not None:
            return [equal] * self.at
        if isinstance(size, Size):
            return [unknown() for _ in range(self.at)]
        if not self.uneven:
            raise self.shape_error(
                f"an axis of size {size} cannot be divided into {self.at} equal sections; use np.array_split"
            )
        return [size // self.at + (i < size % self.at) for i in range(self.at)]


class Unstack(Box):
    """The slices of an array along an axis whose size is known, each without that axis.

    h = (a[0], a[1], ...)        da = the gradients of the slices, stacked
    """

    axis: int = 0

    numpy = np.unstack
    symbol = "unstack"
    slopes = "share"
    arithmetic = False
    examples = (example((3, 4)), example((2, 3, 2), axis=-1), example((2,)))

    @classmethod
    def from_numpy(cls, x: Value, /, *, axis: int = 0) -> tuple[Any, ...]:
        """np.unstack: a tuple of boxes."""
        if x.ndim and x.shape[axis_of(x, axis, x.ndim)] in (0, 1):
            return tuple(np.moveaxis(x, axis, 0))
        return tuple(cls(x, axis=axis))

    def fprop(self, a: Value) -> tuple[Value, ...]:
        return tuple(np.unstack(a, axis=self.axis))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        slices = [np.zeros_like(h[i]) if part is None else part for i, part in enumerate(grad)]
        return (np.stack(slices, axis=self.axis),)

    def infer(self, a: Spec) -> tuple[Spec, ...]:
        """As many slices as the axis is long."""
        axis = axis_of(self, self.axis, len(a.shape))
        size = a.shape[axis]
        if isinstance(size, Size) or not 2 <= size <= MOST_PARTS:
            raise self.shape_error(f"axis {axis} has the size {size}, needs a number from 2 to {MOST_PARTS:,}")
        return (Spec((*a.shape[:axis], *a.shape[axis + 1 :]), a.dtype),) * size


@implements(np.split)
def split(ary: Value, indices_or_sections: int | Sequence[Any], axis: int = 0) -> list[Any]:
    """np.split of a box: a list of its parts."""
    return _parts(ary, indices_or_sections, axis, uneven=False)


@implements(np.array_split)
def array_split(ary: Value, indices_or_sections: int | Sequence[Any], axis: int = 0) -> list[Any]:
    """np.array_split of a box: sections of sizes as equal as can be."""
    return _parts(ary, indices_or_sections, axis, uneven=True)


@implements(np.vsplit)
def vsplit(ary: Value, indices_or_sections: int | Sequence[Any]) -> list[Any]:
    """np.vsplit of a box: along the first axis of two or more."""
    return split(ary, indices_or_sections, _needs_axis(ary, 2, 0))


@implements(np.hsplit)
def hsplit(ary: Value, indices_or_sections: int | Sequence[Any]) -> list[Any]:
    """np.hsplit of a box: along the second axis, a vector along its only one."""
    return split(ary, indices_or_sections, _needs_axis(ary, 1, min(1, ary.ndim - 1)))


@implements(np.dsplit)
def dsplit(ary: Value, indices_or_sections: int | Sequence[Any]) -> list[Any]:
    """np.dsplit of a box: along the third axis."""
    return split(ary, indices_or_sections, _needs_axis(ary, 3, 2))


def follow_each_other(places: tuple[int, ...]) -> bool:
    """Whether places cut an axis of any size into parts that do not overlap."""
    return (places[0] < 0) == (places[-1] < 0) and all(a <= b for a, b in itertools.pairwise(places))


def _parts(a: Value, sections: Any, axis: int, uneven: bool) -> list[Any]:
    axis = axis_of(a, axis, a.ndim)
    lead = (slice(None),) * axis
    if np.ndim(sections) == 0 and not isinstance(sections, Size):
        count = operator.index(sections)
        return [a] if count == 1 else list(Split(a, at=count, axis=axis, uneven=uneven))
    places = tuple(plain_place(place, a.shape[axis]) for place in sections)
    if places and follow_each_other(places):
        return list(Split(a, at=places, axis=axis))
    return [a[(*lead, slice(*ends))] for ends in itertools.pairwise((0, *places, None))]


def _needs_axis(a: Value, ndim: int, axis: int) -> int:
    if a.ndim < ndim:
        raise a.shape_error(f"found {a.ndim} axes, needs {ndim} or more to be split there")
    return axis
