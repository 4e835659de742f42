"""The same elements in another order, or again and again: axes exchanged, elements reversed, rolled or repeated."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import AxisLabels, Core
from flowgraph.box.inference import Axes, axes_of, axis_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.indexing.index import arange_like
from flowgraph.boxes.numpy_api.constructors import as_box, expand_along
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import Spec


class Transpose(Box):
    """The axes in another order, the reverse by default.

    h = aᵀ        da = the gradient, with the axes put back
    """

    axes: Axes | None = None

    numpy = np.transpose
    symbol = "T"
    arithmetic = False
    slopes = "share"
    examples = (example((3, 4)), example((2, 3, 4), axes=(2, 0, -2)), example((4,)), example(()))

    def fprop(self, a: Value) -> Value:
        return a.T if self.axes is None else a.transpose(self.axes)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        if self.axes is None:
            return (grad.T,)
        axes = axes_of(self, self.axes, a.ndim)
        return (grad.transpose(tuple(axes.index(axis) for axis in range(a.ndim))),)

    def infer(self, a: Spec) -> Spec:
        """The sizes in the order of the axes."""
        if self.axes is None:
            return Spec(a.shape[::-1], a.dtype)
        axes = axes_of(self, self.axes, len(a.shape))
        if len(axes) != len(a.shape):
            raise self.shape_error(f"axes = {self.axes} names {len(axes)} axes, needs all {len(a.shape)}")
        return Spec(tuple(a.shape[axis] for axis in axes), a.dtype)

    def axis_labels(self) -> AxisLabels:
        """The axis of the child that each axis is."""
        axes = range(self.ndim)
        return AxisLabels((axes,), axes[::-1] if self.axes is None else axes_of(self, self.axes, self.ndim))


class Flip(Box):
    """The elements in reverse order along some axes, all of them for None.

    h = a, reversed        da = the gradient, reversed
    """

    axis: Axes | None = None

    numpy = np.flip
    symbol = "flip"
    core = Core("axis")
    slopes = "share"
    arithmetic = False
    examples = (example((3, 4)), example((3, 4), axis=0), example((2, 3, 4), axis=(0, -1)), example(()))

    def fprop(self, a: Value) -> Value:
        return np.flip(a, self.axis)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.flip(grad, self.axis),)

    def infer(self, a: Spec) -> Spec:
        """The shape and the dtype of the child."""
        if self.axis is not None:
            axes_of(self, self.axis, len(a.shape))
        return a


class Roll(Box):
    """The elements shifted circularly by `shift` along axes; along the flattened array for axis None.

    h_i = a_{i - shift}        da = the gradient, rolled back

    Parameters
    ----------
    shift : int or tuple of int
        By how many places the elements move, for all axes or for each.
    """

    shift: int | tuple[int, ...]
    axis: Axes | None = None

    numpy = np.roll
    symbol = "roll"
    core = Core("axis", line=True)
    slopes = "share"
    arithmetic = False
    examples = (
        example((3, 4), shift=5),
        example((3, 4), shift=-1, axis=1),
        example((3, 4), shift=(1, 2), axis=(0, -1)),
        example((3, 4), shift=1, axis=(0, 1)),
    )

    @classmethod
    def from_numpy(cls, a: Value, shift: int | Sequence[Any], axis: Axes | None = None) -> Box:
        """np.roll; several shifts along one axis add up."""
        shift = tuple(map(int, cast(Sequence[Any], shift))) if np.ndim(shift) else int(cast(int, shift))
        if axis is None:
            return cls(a, shift=sum(shift) if isinstance(shift, tuple) else shift)
        axes = [i % max(a.ndim, 1) for i in np.ravel(axis).tolist()]
        several = len(set(axes)) < len(axes) or (np.ndim(shift) and np.ndim(shift) != np.ndim(axis))
        if not several or not all(-a.ndim <= i < a.ndim for i in np.ravel(axis).tolist()):
            return cls(a, shift=shift, axis=axis)
        totals = dict.fromkeys(axes, 0)
        for place, distance in np.broadcast(axes, np.array(shift, object)):
            totals[place] += distance
        return cls(a, shift=tuple(totals.values()), axis=tuple(totals))

    def check_settings(self) -> None:
        """Refuse a shift per axis where the axes are others, or the shift is none."""
        axes = np.asarray([] if self.axis is None else self.axis)
        if isinstance(self.shift, tuple) and len(self.shift) not in (1, axes.size):
            raise UsageError(f"Roll: found shift = {self.shift!r} and axis = {self.axis!r}, needs an integer per axis")

    def fprop(self, a: Value) -> Value:
        return np.roll(a, self.shift, self.axis)

    def parts(self, a: Value) -> Value:
        """Along each axis in turn the last elements first; without axes those of the flat array."""
        if self.axis is None:
            return np.reshape(roll_axis(np.reshape(a, (-1,)), self.shift, 0), a.shape)
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        shifts = self.shift if isinstance(self.shift, tuple) else (self.shift,) * len(axes)
        for shift, axis in zip(shifts, axes * (len(shifts) if len(axes) == 1 else 1), strict=True):
            a = roll_axis(a, shift, axis)
        return a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        back = tuple(-shift for shift in self.shift) if isinstance(self.shift, tuple | list) else -self.shift
        return (np.roll(grad, back, self.axis),)

    def infer(self, a: Spec) -> Spec:
        """The shape and the dtype of the child."""
        if self.axis is not None:
            axes_of(self, self.axis, len(a.shape))
        return a


def roll_axis(a: Value, shift: Any, axis: int) -> Any:
    """The last elements of an axis first; a size that follows the batch has no remainder, and is refused."""
    size = a.shape[axis]
    place = shift % size if size else 0
    lead = (slice(None),) * (axis % a.ndim)
    ends = (slice(size - place, None), slice(None, size - place))
    return np.concatenate([a[(*lead, end)] for end in ends], axis=axis)


@implements(np.swapaxes)
def swapaxes(a: Value, axis1: int, axis2: int) -> Any:
    """np.swapaxes of a box."""
    order = list(range(a.ndim))
    first, two = axis_of(a, axis1, a.ndim), axis_of(a, axis2, a.ndim)
    order[first], order[two] = two, first
    return a if first == two else Transpose(a, axes=None if a.ndim == 2 else tuple(order))


@implements(np.moveaxis)
def moveaxis(a: Value, source: Value, destination: Any) -> Any:
    """np.moveaxis of a box."""
    sources, destinations = axes_of(a, source, a.ndim), axes_of(a, destination, a.ndim)
    if len(sources) != len(destinations):
        raise UsageError(f"np.moveaxis: found {len(sources)} axes to move to {len(destinations)} places")
    order = [axis for axis in range(a.ndim) if axis not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return Transpose(a, axes=tuple(order))


@implements(np.rollaxis)
def rollaxis(a: Value, axis: int, start: int = 0) -> Any:
    """np.rollaxis of a box."""
    axis = axis_of(a, axis, a.ndim)
    place = start + a.ndim if start < 0 else start
    return moveaxis(a, axis, place - (place > axis))


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Value, /) -> Any:
    """np.matrix_transpose of a box: its last two axes swapped."""
    if x.ndim < 2:
        raise x.shape_error(f"np.matrix_transpose needs two axes, found {x.ndim}")
    return swapaxes(x, -1, -2)


@implements(np.fliplr)
def fliplr(m: Value) -> Any:
    """np.fliplr of a box: axis 1 reversed."""
    return np.flip(m, 1)


@implements(np.flipud)
def flipud(m: Value) -> Any:
    """np.flipud of a box: axis 0 reversed."""
    return np.flip(m, 0)


@implements(np.rot90)
def rot90(m: Value, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """np.rot90 of a box: k quarter turns from the first axis to the second."""
    first, second = axes_of(m, axes, m.ndim)
    turns = k % 4
    if turns == 0:
        return m
    if turns == 2:
        return np.flip(m, (first, second))
    if turns == 1:
        return swapaxes(np.flip(m, second), first, second)
    return np.flip(swapaxes(m, first, second), second)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """np.meshgrid of boxes: each array along an axis of its own; for "xy" the first two change places."""
    if indexing not in ("xy", "ij"):
        raise UsageError(f"np.meshgrid: found indexing={indexing!r}, needs 'xy' or 'ij'")
    count = len(xi)
    axes = [1, 0, *range(2, count)] if indexing == "xy" and count > 1 else range(count)
    lines = [expand_along(np.ravel(as_box(x)), axis, count) for x, axis in zip(xi, axes, strict=True)]
    return tuple(lines) if sparse else tuple(np.broadcast_arrays(*lines))


@implements(np.resize)
def resize(a: Value, new_shape: int | Sequence[Any]) -> Any:
    """np.resize of a box: its elements in rows, again and again until the shape is full; zeros if there are none."""
    flat: Any = np.ravel(as_box(a))
    shape = tuple(new_shape) if isinstance(new_shape, tuple | list) else (new_shape,)
    if any(isinstance(size, Size) or operator.index(size) < 0 for size in shape):
        raise UsageError(f"np.resize: found new_shape={new_shape!r}, needs numbers from 0; use np.reshape")
    places = np.arange(np.prod(shape, dtype=int))
    if flat.size == 0:
        return np.reshape(np.pad(flat, (0, places.size)), shape)
    if isinstance(flat.size, int):
        return np.reshape(flat[places % flat.size], shape)
    count = np.maximum(count_like(arange_like(flat)), 1)  # of none, the zero that stands behind the elements is read
    return np.reshape(np.pad(flat, (0, 1))[places % count], shape)
