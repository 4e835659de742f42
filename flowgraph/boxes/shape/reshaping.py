"""The same elements in another shape: reshape, axes of size 1, repetition along axes."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value, join_boxes
from flowgraph.box.axes import AxisLabels, Core, labels_by_signature
from flowgraph.box.inference import Axes, axes_of, is_of_number
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.shape_like import reshape_like, sum_like
from flowgraph.errors import ShapeError, UnsupportedError
from flowgraph.shapes.size import Shape, Size, divide, product, unknown
from flowgraph.shapes.spec import Spec, broadcast, same, shape_text


class Reshape(Box):
    """The same elements, row by row, in another shape.

    h = a, reshaped        da = the gradient, in the shape of a

    A size in `to` is a number, -1 for what is left, or a range of axes of the child for the product of their sizes:
    so one graph reshapes every batch. np.reshape(box, (box.shape[0], -1)) finds them by itself.

    Parameters
    ----------
    to : tuple
        The shape of the value: for each axis an int, -1 for what is left, or a range of axes of the child.
    """

    to: tuple[int | range, ...]

    numpy = np.reshape
    symbol = "reshape"
    slopes = "share"
    arithmetic = False
    examples = (
        example((3, 4), to=(2, 6)),
        example((3, 4), to=(-1,)),
        example((), to=(1, 1)),
        example((2, 3, 4), to=(range(1), range(1, 3))),
    )

    @classmethod
    def from_numpy(cls, a: Value, /, shape: Shape, order: str = "C", *, copy: bool | None = None) -> Any:
        """np.reshape; the order "F" counts column by column."""
        sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        if order == "F":
            return np.transpose(cls.from_numpy(np.transpose(a), sizes[::-1]))
        if order != "C":
            raise UnsupportedError(f"np.reshape: found order={order!r}, boxes have no memory order; needs 'C' or 'F'")
        return cls(a, to=_targets(a, sizes))

    def fprop(self, a: Value) -> Value:
        return np.reshape(a, self._numbers(a.shape))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (reshape_like(grad, a),)

    def infer(self, a: Spec) -> Spec:
        """The sizes given; in place of -1, what is left of the number of elements."""
        shape = _filled_up(a.shape, self._numbers(a.shape))
        if shape is None:
            raise self.shape_error(
                f"{product(a.shape)} elements do not fit into {shape_text([str(size) for size in self.to])}"
            )
        return Spec(shape, a.dtype)

    def _numbers(self, shape: Shape) -> Shape:
        """The sizes, with ranges of axes looked up."""
        return tuple([product(shape[s.start : s.stop]) if isinstance(s, range) else s for s in self.to])


class ExpandDims(Box):
    """New axes of size 1, at the positions `axis` of the result.

    h = a, with new axes        da = the gradient, without them
    """

    axis: Axes

    numpy = np.expand_dims
    symbol = "expand"
    core = Core("axis", line=True, of_value=True)
    slopes = "share"
    arithmetic = False
    examples = (example((3, 4), axis=1), example((3,), axis=(0, -1)), example((), axis=0), example((3,), axis=()))

    def fprop(self, a: Value) -> Value:
        return np.expand_dims(a, self.axis)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.squeeze(grad, self.axis),)

    def infer(self, a: Spec) -> Spec:
        """A 1 at each new axis."""
        count = len(self.axis) if isinstance(self.axis, tuple | list) else 1
        new = set(axes_of(self, self.axis, len(a.shape) + count))
        rest = iter(a.shape)
        return Spec(tuple(1 if i in new else next(rest) for i in range(len(a.shape) + count)), a.dtype)


class Squeeze(Box):
    """An array without the axes of size 1 in `axis`; np.squeeze(box) removes all that are 1 in every batch.

    h = a, without the axes        da = the gradient, with them
    """

    axis: Axes

    numpy = np.squeeze
    symbol = "squeeze"
    core = Core("axis", line=True)
    slopes = "share"
    arithmetic = False
    examples = (example((3, 1, 4), axis=1), example((1, 3, 1), axis=(0, -1)), example((1,), axis=0))

    @classmethod
    def from_numpy(cls, a: Value, axis: Axes | None = None) -> Any:
        """np.squeeze; a size that follows the batch stays, even if it is 1 in a run."""
        if axis is None or is_of_number(a.ndim, axis):
            axis = tuple(i for i, size in enumerate(a.shape) if size == 1)
        return cls(a, axis=axis)

    def fprop(self, a: Value) -> Value:
        return np.squeeze(a, self.axis)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.expand_dims(grad, self.axis),)

    def infer(self, a: Spec) -> Spec:
        """The other axes."""
        gone = axes_of(self, self.axis, len(a.shape))
        for axis in gone:
            if not same(a.shape[axis], 1):
                raise self.shape_error(f"axis {axis} has the size {a.shape[axis]}, and only an axis of size 1 can go")
        return Spec(tuple(size for i, size in enumerate(a.shape) if i not in gone), a.dtype)


class BroadcastTo(Box):
    """Repeat an array along new axes and axes of size 1, to a shape; -1 leaves an axis as it is.

    h = a, repeated        da = Σ of the gradient over the repeated axes

    Parameters
    ----------
    to : tuple of int
        The shape of the value; -1 keeps the size of that axis of the child.
    """

    to: tuple[int, ...]

    numpy = np.broadcast_to
    symbol = "broadcast"
    slopes = "share"
    arithmetic = False
    examples = (example((3,), to=(2, 3)), example((2, 1), to=(-1, 3)), example((), to=(2,)), example((2,), to=(2,)))

    @classmethod
    def from_numpy(cls, array: Value, shape: Shape) -> Any:
        """np.broadcast_to; a size that follows the batch must be one of the array."""
        sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        if any(not isinstance(size, Size) and operator.index(size) < 0 for size in sizes):
            raise ShapeError(
                f"np.broadcast_to: found the shape {shape_text(sizes)}, needs sizes from 0; that of an axis of the "
                f"array is array.shape[axis]"
            )
        own = (None,) * (len(sizes) - array.ndim) + tuple(array.shape)
        for size, there in zip(sizes, own[-len(sizes) :] if sizes else (), strict=True):
            if isinstance(size, Size) and size != there:
                raise ShapeError(
                    f"np.broadcast_to: found the size {size} in {shape_text(sizes)}, which does not follow from "
                    f"{array.title} {shape_text(array.shape)}; use broadcast_like(array, box) with a box of that "
                    f"shape, or np.broadcast_arrays"
                )
        return cls(array, to=tuple(-1 if isinstance(size, Size) else operator.index(size) for size in sizes))

    def fprop(self, a: Value) -> Value:
        return np.broadcast_to(a, self._shape(a.shape))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (sum_like(grad, a),)

    def infer(self, a: Spec) -> Spec:
        """The sizes given; in place of -1, that of the child."""
        if len(self.to) >= len(a.shape) and -1 not in self.to[: len(self.to) - len(a.shape)]:
            shape = self._shape(a.shape)
            if broadcast([shape, a.shape]) == shape:
                return Spec(shape, a.dtype)
        raise self.shape_error(f"does not broadcast to {shape_text(self.to)}")

    def axis_labels(self) -> AxisLabels:
        """Those of an array that broadcasts."""
        return labels_by_signature(self)

    def _shape(self, shape: Shape) -> Any:
        extra = len(self.to) - len(shape)
        return tuple(shape[i - extra] if size == -1 else size for i, size in enumerate(self.to))


class BroadcastArrays(Box):
    """Two arrays or more, each repeated to the shape to which all of them broadcast.

    h = (a, b, ...), repeated        da = Σ of its gradient over the repeated axes
    """

    numpy = np.broadcast_arrays
    symbol = "broadcast"
    arithmetic = False
    examples = (example((2, 1), (3,)), example((), (2, 3), (3,)))

    @classmethod
    def from_numpy(cls, *arrays: Value, subok: bool = False) -> tuple[Any, ...]:
        """np.broadcast_arrays: a tuple of boxes."""
        return tuple(cls(*arrays)) if len(arrays) > 1 else arrays

    def fprop(self, *arrays: Value) -> tuple[Value, ...]:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        return tuple(np.broadcast_to(a, shape) for a in arrays)

    def bprop(self, grad: Value, h: Value, *arrays: Value) -> tuple[Value, ...]:
        return tuple(np.zeros_like(a) if g is None else sum_like(g, a) for g, a in zip(grad, arrays, strict=True))

    def infer(self, *arrays: Spec) -> tuple[Spec, ...]:
        """The common shape, the dtype of each."""
        shape = broadcast([a.shape for a in arrays]) if len(arrays) > 1 else None
        if shape is None:
            raise self.shape_error("needs two arrays or more, of shapes that broadcast")
        return tuple(Spec(shape, a.dtype) for a in arrays)


@implements(np.ravel)
def ravel(a: Value, order: Any = "C") -> Any:
    """np.ravel of a box."""
    return np.reshape(a, -1, order=order)


@implements(np.atleast_1d)
def atleast_1d(*arys: Value) -> Any:
    """np.atleast_1d of boxes."""
    return _each(lambda a: a if a.ndim else np.expand_dims(a, 0), arys)


@implements(np.atleast_2d)
def atleast_2d(*arys: Value) -> Any:
    """np.atleast_2d of boxes: new axes in front."""
    return _each(lambda a: a if a.ndim >= 2 else np.expand_dims(a, tuple(range(2 - a.ndim))), arys)


@implements(np.atleast_3d)
def atleast_3d(*arys: Value) -> Any:
    """np.atleast_3d of boxes: a vector becomes (1, n, 1), a matrix (m, n, 1)."""
    new = {0: (0, 1, 2), 1: (0, 2), 2: (2,)}
    return _each(lambda a: a if a.ndim >= 3 else np.expand_dims(a, new[a.ndim]), arys)


def _each(function: Callable[..., Any], arrays: Sequence[Any]) -> Any:
    """The result for one array, a tuple of results for several."""
    results = tuple(function(join_boxes(a)) for a in arrays)
    return results[0] if len(results) == 1 else results


def _targets(a: Value, sizes: Sequence[Any]) -> tuple[Any, ...]:
    """The sizes as the setting holds them: numbers, -1 for the only one that follows the batch, else ranges of axes."""
    plain = tuple([size if isinstance(size, Size) else int(operator.index(size)) for size in sizes])
    targets, lost = _found_targets(a.shape, plain)
    if targets is None:
        raise ShapeError(f"np.reshape: {a.title} {shape_text(a.shape)} does not fit into {shape_text(plain)}")
    if len(lost) > 1:
        first, two = lost[:2]
        raise ShapeError(
            f"np.reshape: {a.title} {shape_text(a.shape)} to {shape_text(plain)}: {first} and {two} are no products of "
            f"neighbouring axes of the child, so a run cannot tell them; use reshape_like(box, like) "
            f"with a box of that shape"
        )
    return targets


@functools.lru_cache(4096)
def _found_targets(shape: Shape, sizes: Shape) -> tuple[tuple[Any, ...] | None, list[Any]]:
    """The same, None where the elements do not fit; and the sizes that are no products of neighbouring axes."""
    filled = _filled_up(shape, sizes)
    if filled is None:
        return None, []
    if sum(isinstance(size, Size) for size in filled) == 1 and 0 not in filled:
        return tuple([-1 if isinstance(size, Size) else size for size in filled]), []
    targets = [_range_of(shape, size) if isinstance(size, Size) else size for size in filled]
    lost = [size for size, target in zip(filled, targets, strict=True) if target is None]
    return tuple([-1 if target is None else target for target in targets]), lost


def _range_of(shape: Shape, size: Size) -> range | None:
    """The neighbouring axes whose sizes multiply to a size."""
    for start in range(len(shape)):
        for stop in range(start + 1, len(shape) + 1):
            if product(shape[start:stop]) == size:
                return range(start, stop)
    return None


def _filled_up(shape: Shape, to: Shape) -> Shape | None:
    """The new shape with -1 replaced by the remaining size, or None if the elements do not fit."""
    fitted = _fit_shape(shape, to)
    return tuple([unknown() if size is None else size for size in fitted]) if fitted and None in fitted else fitted


@functools.lru_cache(4096)
def _fit_shape(shape: Shape, to: Shape) -> Any:
    """The same, with None for a remaining size that is known in a run only."""
    total = product(shape)
    negative = [i for i, size in enumerate(to) if isinstance(size, int) and size < 0]
    if not negative:
        return to if same(product(to), total) else None
    if len(negative) > 1 or to[negative[0]] != -1:
        return None
    given = product(size for i, size in enumerate(to) if i not in negative)
    rest = divide(total, given)
    if rest is None and isinstance(total, int) and isinstance(given, int):
        return None
    return tuple([rest if i in negative else size for i, size in enumerate(to)])
