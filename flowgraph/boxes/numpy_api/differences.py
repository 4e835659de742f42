"""Differences along an axis and what is made of them, integrals and slopes of a grid; predicates such as isclose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value, join_boxes
from flowgraph.box.inference import Axes, axes_of, axis_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.boxes.numpy_api.constructors import as_box, expand_along, slice_of_zeros, take_axis
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import same


@implements(np.diff)
def diff(a: Value, n: int = 1, axis: int = -1, prepend: Value = None, append: Value = None) -> Any:
    """np.diff of a box: each element less the one before it, n times; of booleans whether the two differ."""
    if n < 0:
        raise UsageError(f"np.diff: found n={n}, needs a number of times from 0")
    a = as_box(a)
    if n == 0:
        return a
    axis = axis_of(a, axis, a.ndim)
    parts = [part if part is a else _as_end(part, a, axis) for part in (prepend, a, append) if part is not None]
    a = np.concatenate(parts, axis) if len(parts) > 1 else a
    for _ in range(n):
        left, right = take_axis(a, axis, slice(None, -1)), take_axis(a, axis, slice(1, None))
        a = right != left if a.dtype.kind == "b" else right - left
    return a


@implements(np.ediff1d)
def ediff1d(ary: Value, to_end: Value = None, to_begin: Value = None) -> Any:
    """np.ediff1d of a box: the differences of its elements in rows, with other numbers at both ends."""
    flat: Any = np.ravel(_numbers(as_box(ary), "np.ediff1d"))
    parts = [diff(flat)]
    for name, end in (("to_begin", to_begin), ("to_end", to_end)):
        if end is None:
            continue
        ravelled = np.ravel(join_boxes(end))
        if not np.can_cast(ravelled.dtype, flat.dtype, "same_kind"):
            raise UsageError(f"np.ediff1d: found {name} of dtype {ravelled.dtype}, which is not cast to {flat.dtype}")
        parts.insert(0 if name == "to_begin" else len(parts), ravelled.astype(flat.dtype))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@implements(np.trapezoid)
def trapezoid(y: Value, x: Value = None, dx: Value = 1.0, axis: int = -1) -> Any:
    """np.trapezoid of a box: the area under the line through points at distances dx, or at places x."""
    y = as_box(y)
    of_y = axis_of(y, axis, y.ndim)
    if x is not None:
        x = join_boxes(x)
        # a negative axis is counted in each array by itself, as x may have more axes than y, or fewer
        dx = expand_along(np.diff(x), of_y, y.ndim) if x.ndim == 1 else np.diff(x, axis=axis)
    return np.sum(dx * (take_axis(y, of_y, slice(1, None)) + take_axis(y, of_y, slice(None, -1))) / 2.0, axis=axis)


@implements(np.gradient)
def gradient(f: Value, *varargs: Any, axis: Axes | None = None, edge_order: int = 1) -> Any:
    """np.gradient of a box: the slopes of values on a grid along each axis, whose distances or places may be boxes.

    In the middle by central differences, at the edges by one-sided ones through two points or, for edge_order 2, three.
    """
    f = as_box(f)
    f = _numbers(f, "np.gradient") if f.ndim else f
    f = f.astype(np.float64) if f.dtype.kind in "biu" else f
    axes = tuple(range(f.ndim)) if axis is None else axes_of(f, axis, f.ndim)
    if edge_order not in (1, 2):
        raise UsageError(f"np.gradient: found edge_order={edge_order!r}, needs 1 or 2")
    if len(varargs) not in (0, 1, len(axes)) or (len(varargs) == 1 != len(axes) and np.ndim(varargs[0])):
        raise UsageError(
            f"np.gradient: found {len(varargs)} spacings for {len(axes)} axes, needs one per axis, or a number"
        )
    spacings = varargs if len(varargs) == len(axes) else (varargs or (1.0,)) * len(axes)
    slopes = [_slopes(f, i, _steps(f, i, join_boxes(h)), edge_order) for i, h in zip(axes, spacings, strict=True)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _numbers(a: Box, who: str) -> Box:
    """An array whose elements can be subtracted."""
    if a.dtype.kind == "b":
        raise DtypeError(f"{who}: found {a.title} of dtype bool, needs numbers; convert it with .astype(int)")
    return a


def _as_end(end: Value, a: Value, axis: int) -> Any:
    """What np.diff puts before or after an array: a number becomes a slice of it."""
    end = join_boxes(end)
    if end.ndim:
        return end
    return slice_of_zeros(a, axis).astype(np.result_type(a.dtype, end.dtype)) + end


def _steps(f: Box, axis: int, spacing: Any) -> Any:
    """The distances between neighbours along an axis: a number where all are known to be equal, else an array."""
    if spacing.ndim == 0:
        return spacing if isinstance(spacing, Box) else spacing.item()
    size = f.shape[axis]
    if spacing.ndim > 1 or (spacing.shape[0] != size and not isinstance(size, Size)):
        raise ShapeError(f"np.gradient: found places of shape {spacing.shape}, needs ({size},), one per element")
    steps = np.diff(spacing.astype(np.float64) if spacing.dtype.kind in "biu" else spacing)
    if not isinstance(steps, Box) and steps.size and np.all(steps == steps[0]):
        return steps[0].item()
    return expand_along(steps, axis, f.ndim)


def _slopes(f: Box, axis: int, step: Value, edge_order: int) -> Any:
    """The slopes along one axis: of parabolas through three neighbours; at the edges of lines or of parabolas."""
    size = f.shape[axis]
    if isinstance(size, int) and size < edge_order + 1:
        raise ShapeError(f"np.gradient: found an axis of {size}, needs {edge_order + 1} for edge_order={edge_order}")
    uniform = np.ndim(step) == 0
    left, middle, right = (take_axis(f, axis, slice(i, i - 2 or None)) for i in range(3))
    if uniform:
        inner = (right - left) / (2.0 * step)
    else:
        before, two = take_axis(step, axis, slice(None, -1)), take_axis(step, axis, slice(1, None))
        inner = _parabola((left, middle, right), (before, two), 1)
    edges = []
    for end, sign in ((0, 1), (-1, -1)):
        points = [_one(f, axis, end + sign * i) for i in range(edge_order + 1)]
        steps = [step if uniform else _one(step, axis, end + sign * i) for i in range(edge_order)]
        rise = (points[1] - points[0]) / steps[0] if edge_order == 1 else _parabola(points, steps, 0)
        edges.append(sign * rise)
    return np.concatenate([edges[0], inner, edges[1]], axis).astype(f.dtype)


def _parabola(points: Sequence[Any], steps: Sequence[Any], place: int) -> Any:
    """The slope of the parabola through three points at two distances, at the first or the second point."""
    (a, b, c), (first, two) = points, steps
    both = first + two
    if place == 0:
        return -(first + both) / (first * both) * a + both / (first * two) * b - first / (two * both) * c
    return -two / (first * both) * a + (two - first) / (first * two) * b + first / (two * both) * c


def _one(a: Value, axis: int, place: int) -> Any:
    """The slice of an array at one place of an axis, which stays with size 1."""
    return np.expand_dims(take_axis(a, axis, place), axis)


@implements(np.isclose)
def isclose(a: Value, b: Value, rtol: Value = 1e-05, atol: Value = 1e-08, equal_nan: bool = False) -> Any:
    """np.isclose of boxes."""
    a, b = as_box(a), as_box(b)
    b = b if b.dtype.kind in "fc" else b.astype(np.result_type(b.dtype, 1.0))
    near = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b)
    near = near | (a == b)
    return near | (np.isnan(a) & np.isnan(b)) if equal_nan else near


@implements(np.allclose)
def allclose(a: Value, b: Value, rtol: Value = 1e-05, atol: Value = 1e-08, equal_nan: bool = False) -> Any:
    """np.allclose of boxes: a box of one boolean."""
    return np.all(np.isclose(as_box(a), b, rtol, atol, equal_nan))


@implements(np.array_equal)
def array_equal(a1: Value, a2: Value, equal_nan: bool = False) -> Any:
    """np.array_equal of boxes: a box of one boolean, False at once where the shapes differ."""
    a1, a2 = as_box(a1), as_box(a2)
    if len(a1.shape) != len(a2.shape) or not all(map(same, a1.shape, a2.shape)):
        return False
    equal: Any = a1 == a2
    return np.all(equal | (np.isnan(a1) & np.isnan(a2)) if equal_nan else equal)


@implements(np.isposinf)
def isposinf(x: Value) -> Any:
    """np.isposinf of a box."""
    return np.isinf(_real(x, "np.isposinf")) & (x > 0)


@implements(np.isneginf)
def isneginf(x: Value) -> Any:
    """np.isneginf of a box."""
    return np.isinf(_real(x, "np.isneginf")) & (x < 0)


@implements(np.iscomplex)
def iscomplex(x: Value) -> Any:
    """np.iscomplex of a box: whether there is an imaginary part."""
    return np.imag(x) != 0


@implements(np.isreal)
def isreal(x: Value) -> Any:
    """np.isreal of a box: whether there is no imaginary part."""
    return np.imag(x) == 0


def _real(x: Value, who: str) -> Any:
    if x.dtype.kind == "c":
        raise DtypeError(f"{who}: found {x.title} of dtype {x.dtype}, which has no sign; take np.real or np.imag of it")
    return x
