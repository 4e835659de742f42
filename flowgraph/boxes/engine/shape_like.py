"""Boxes that take the shape of another box, so that one gradient graph serves every batch size; rows of a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.base import public
from flowgraph.box.inference import Axes, axes_of
from flowgraph.box.vocabulary import example
from flowgraph.shapes.size import Shape, Size, product
from flowgraph.shapes.spec import Spec, same, shape_text, summed_to


def _check_broadcast(box: Box, small: Shape, large: Shape) -> None:
    """Refuse a shape that does not broadcast to another, as far as sizes are known."""
    extra = len(large) - len(small)
    if extra < 0 or not all(n == 1 or same(f, n) for f, n in zip(large[extra:], small, strict=True)):
        raise box.shape_error(f"{shape_text(small)} does not broadcast to {shape_text(large)}")


class SumLike(Box):
    """Sum over the axes along which a smaller array was broadcast: the gradient of broadcasting.

    h = Σ a over the repeated axes        da = broadcast of the gradient to the shape of a

    Shapes: a has the shape that `like` broadcasts to; h has the shape of `like`.
    """

    symbol = "sum like"
    constant_children = frozenset({"like"})
    slopes = "share"
    examples = (example((2, 3), (3,)), example((2, 3), (2, 1)), example((2, 3), ()), example((2, 3), (2, 3)))

    def fprop(self, a: Value, like: Value) -> Value:
        return summed_to(a, like.shape)

    def bprop(self, grad: Value, h: Value, a: Value, like: Value) -> tuple[Value, ...]:
        return broadcast_like(grad, a), None

    def infer(self, a: Spec, like: Spec) -> Spec:
        """The shape of `like`, the dtype of a."""
        _check_broadcast(self, like.shape, a.shape)
        return Spec(like.shape, a.dtype)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """One per element of a."""
        return product(shapes[0])


class BroadcastLike(Box):
    """Repeat an array along new axes and axes of size 1, to the shape of another.

    h = a, repeated        da = Σ of the gradient over the repeated axes
    """

    symbol = "broadcast like"
    signature = "(),()->()"
    arithmetic = False
    constant_children = frozenset({"like"})
    slopes = "share"
    examples = (example((3,), (2, 3)), example((2, 1), (2, 3)), example((), (2, 3)))

    def fprop(self, a: Value, like: Value) -> Value:
        return np.broadcast_to(a, like.shape)

    def bprop(self, grad: Value, h: Value, a: Value, like: Value) -> tuple[Value, ...]:
        return sum_like(grad, a), None

    def infer(self, a: Spec, like: Spec) -> Spec:
        """The shape of `like`, the dtype of a."""
        _check_broadcast(self, a.shape, like.shape)
        return Spec(like.shape, a.dtype)


class ReshapeLike(Box):
    """The same elements in the shape of another array.

    h = a, in rows        da = the gradient, in the shape of a
    """

    symbol = "reshape like"
    arithmetic = False
    constant_children = frozenset({"like"})
    slopes = "share"
    examples = (example((6,), (2, 3)), example((2, 3), (3, 1, 2)))

    def fprop(self, a: Value, like: Value) -> Value:
        return np.reshape(a, like.shape)

    def bprop(self, grad: Value, h: Value, a: Value, like: Value) -> tuple[Value, ...]:
        return reshape_like(grad, a), None

    def infer(self, a: Spec, like: Spec) -> Spec:
        """The shape of `like`, the dtype of a."""
        return Spec(like.shape, a.dtype)


class FitLike(Box):
    """The first elements along some axes, or zeros after the last, to the sizes of another array.

    h = a, cut or filled        da = the gradient, filled or cut
    """

    axes: tuple[int, ...]

    symbol = "fit like"
    arithmetic = False
    core = Core("axes")
    constant_children = frozenset({"like"})
    examples = (
        example((5,), (3,), axes=(0,)),
        example((2, 3), (4, 3), axes=(-2,)),
        example((2, 5, 3), (4, 1, 3), axes=(0, 1)),
    )

    def fprop(self, a: Value, like: Value) -> Value:
        for axis in axes_of(self, self.axes, a.ndim):
            missing = like.shape[axis] - a.shape[axis]
            if missing > 0:
                a = np.pad(a, [(0, missing if i == axis else 0) for i in range(a.ndim)])
            else:
                a = a[(slice(None),) * axis + (slice(like.shape[axis]),)]
        return a

    def bprop(self, grad: Value, h: Value, a: Value, like: Value) -> tuple[Value, ...]:
        return fit_like(grad, a, self.axes), None

    def infer(self, a: Spec, like: Spec) -> Spec:
        """The sizes of `like` along the axes, those of a along the others."""
        if len(like.shape) != len(a.shape):
            raise self.shape_error("needs as many axes in both")
        axes = axes_of(self, self.axes, len(a.shape))
        return Spec(tuple(like.shape[i] if i in axes else size for i, size in enumerate(a.shape)), a.dtype)


class CountLike(Box):
    """The number of elements of an array along some axes, as a number of the array's dtype.

    h = the product of the sizes of the axes; no gradient, as it depends on the shape alone
    """

    axis: Axes | None = None

    symbol = "count"
    arithmetic = False
    constant_children = frozenset({"like"})
    examples = (example((2, 3)), example((2, 3), axis=(1,)))

    def fprop(self, like: Value) -> Value:
        return like.dtype.type(count(like.shape, self.axis))

    def bprop(self, grad: Value, h: Value, like: Value) -> tuple[Value, ...]:
        return (None,)

    def infer(self, like: Spec) -> Spec:
        """A scalar of the dtype of `like`."""
        return Spec((), like.dtype)


def count(shape: tuple[Any, ...], axis: Axes | None) -> Any:
    """The number of elements along the axes: a `Size` where one of them is a name."""
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return math.prod([shape[i] for i in axes])


@public
def sum_like(a: Value, like: Value) -> Any:
    """SumLike on boxes, its value on arrays; `a` itself where the shapes agree already.

    Parameters
    ----------
    a : box or array_like
        What is summed, of a shape to which that of `like` broadcasts.
    like : box or array_like
        What has the shape; its values are not read.

    Returns
    -------
    box or ndarray
        `a` summed to the shape of `like`; a box where an argument is one.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.sum_like(np.ones((3, 2)), np.zeros(2))
    array([3., 3.])
    """
    if isinstance(a, Box) and a.shape == like.shape:
        return a
    return SumLike(a, like) if isinstance(a, Box) or isinstance(like, Box) else summed_to(a, like.shape)


@public
def broadcast_like(a: Value, like: Value) -> Any:
    """BroadcastLike on boxes, its value on arrays; a setting of the shape where it is known in numbers.

    Parameters
    ----------
    a : box or array_like
        What is repeated, of a shape that broadcasts to that of `like`.
    like : box or array_like
        What has the shape; its values are not read.

    Returns
    -------
    box or ndarray
        `a` in the shape of `like`; a box where an argument is one.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.broadcast_like(np.ones(2), np.zeros((3, 2))).shape
    (3, 2)
    """
    if isinstance(a, Box) and a.shape == like.shape:
        return a
    if isinstance(a, Box) or isinstance(like, Box):
        return BroadcastLike(a, like)
    is_small = type(like) is np.ndarray and like.size <= 4096 and isinstance(a, np.ndarray | np.generic)
    return np.full(like.shape, a, a.dtype) if is_small else np.broadcast_to(a, like.shape)  # a view takes longer


@public
def reshape_like(a: Value, like: Value) -> Any:
    """ReshapeLike on boxes, its value on arrays.

    Parameters
    ----------
    a : box or array_like
        The elements, as many as `like` has.
    like : box or array_like
        What has the shape; its values are not read.

    Returns
    -------
    box or ndarray
        `a` in the shape of `like`; a box where an argument is one.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.reshape_like(np.ones(6), np.zeros((3, 2))).shape
    (3, 2)
    """
    if isinstance(a, Box) and a.shape == like.shape:
        return a
    return ReshapeLike(a, like) if isinstance(a, Box) or isinstance(like, Box) else np.reshape(a, like.shape)


@public
def fit_like(a: Value, like: Value, axes: tuple[int, ...]) -> Any:
    """FitLike on boxes, its value on arrays.

    Parameters
    ----------
    a : box or array_like
        What is cut or padded with zeros at the ends of the axes.
    like : box or array_like
        What has the sizes; its values are not read.
    axes : tuple of int
        The axes that take the sizes of `like`.

    Returns
    -------
    box or ndarray
        A box where an argument is one, else an array.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.fit_like(np.ones(2), np.zeros(3), axes=(0,))
    array([1., 1., 0.])
    """
    if all(size == needed and not isinstance(size, Size) for size, needed in zip(a.shape, like.shape, strict=True)):
        return a
    return FitLike.apply(a, like, axes=axes)


@public
def count_like(like: Value, axis: Axes | None = None) -> Any:
    """The number of elements along the axes: a number where it is known, a box where it follows the batch.

    Parameters
    ----------
    like : box or array_like
        What has the axes; its values are not read.
    axis : int or tuple of int or None, default None
        The axes whose elements are counted; None for all.

    Returns
    -------
    int or box
        A number where the sizes are known, else a box.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> int(fg.count_like(np.zeros((3, 2)), axis=0))
    3
    """
    if not isinstance(like, Box):
        return like.dtype.type(count(like.shape, axis))
    number = count(like.shape, axis)
    return CountLike(like, axis=axis) if isinstance(number, Size) else number


class UnitRows(Box):
    """One row per element of an array: in each, that element is 1 and the others are 0.

    h_i = e_i, in the shape of `like`; no gradient, as it depends on the shape alone
    """

    public = False
    symbol = "unit rows"
    arithmetic = False
    constant_children = frozenset({"like"})
    examples = (example((2, 3)), example(()), example((4,)))

    def fprop(self, like: Value) -> Value:
        return np.eye(like.size, dtype=like.dtype).reshape(like.size, *like.shape)

    def bprop(self, grad: Value, h: Value, like: Value) -> tuple[Value, ...]:
        return (None,)

    def infer(self, like: Spec) -> Spec:
        """An axis of rows before the axes of `like`."""
        return Spec((product(like.shape), *like.shape), like.dtype)


class RepeatRows(Box):
    """An array repeated in every row of another.

    h_i = a        da = Σ_i of the gradient
    """

    public = False
    symbol = "repeat rows"
    arithmetic = False
    constant_children = frozenset({"rows"})
    examples = (example((2, 3), (4,)), example((), (2, 3)), example((3,), (3, 1)))

    def fprop(self, a: Value, rows: Value) -> Value:
        return np.broadcast_to(a, (rows.shape[0], *a.shape))

    def bprop(self, grad: Value, h: Value, a: Value, rows: Value) -> tuple[Value, ...]:
        return np.sum(grad, axis=0), None

    def infer(self, a: Spec, rows: Spec) -> Spec:
        """The axis of rows before the axes of a."""
        return Spec((rows.shape[0], *a.shape), a.dtype)


class RowsAs(Box):
    """The axis of rows unfolded into the axes of an array with as many elements as there are rows.

    h = a, in the shape of `like`, then that of a row        da = the gradient, in rows
    """

    public = False
    symbol = "rows as"
    arithmetic = False
    constant_children = frozenset({"like"})
    examples = (example((6, 2), (2, 3)), example((1, 2), ()), example((3,), (3,)))

    def fprop(self, a: Value, like: Value) -> Value:
        return np.reshape(a, (*like.shape, *a.shape[1:]))

    def bprop(self, grad: Value, h: Value, a: Value, like: Value) -> tuple[Value, ...]:
        return reshape_like(grad, a), None

    def infer(self, a: Spec, like: Spec) -> Spec:
        """The axes of `like`, then those of a row."""
        if a.shape[:1] != (product(like.shape),):
            raise self.shape_error(f"needs one row per element of `like`, {product(like.shape)}")
        return Spec((*like.shape, *a.shape[1:]), a.dtype)
