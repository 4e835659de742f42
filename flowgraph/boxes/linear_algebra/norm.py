"""Norms of vectors and of matrices, and condition numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box.inference import Axes, axes_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Value, example
from flowgraph.boxes.elementwise.complex_numbers import conjugate
from flowgraph.boxes.elementwise.exponential import ConstantPower, one_at_zero
from flowgraph.boxes.reduction.sums import Reduction
from flowgraph.errors import UsageError


class EuclideanNorm(Reduction):
    """Euclidean norm along axes, the Frobenius norm of matrices.

    h = √Σ |a|²        dh/da = a / h, 0 where h = 0
    """

    symbol = "‖a‖"
    per_element = 2  # a square, a sum
    formula = r"\sqrt{\sum |a|^2}"
    examples = (*Reduction.examples, example(np.array([[3.0, 4.0], [0.0, -2.0]]), axis=1))

    def fprop(self, a: Value) -> Value:
        squares = a * a if a.dtype.kind != "c" else (conjugate(a) * a).real
        return np.sqrt(squares.sum(axis=self.axis, keepdims=self.keepdims))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        slope = np.where(h == 0, 0, grad / one_at_zero(h))
        return (self.restore_axes(slope, a) * conjugate(a),)


class PNorm(Reduction):
    """Norm of order p along axes, p any real number but 0.

    h = (Σ |a|^p)^(1/p)        dh/da = sign(a) (|a| / h)^(p - 1), 0 where a = 0 or h = 0

    Parameters
    ----------
    p : int or float, default 3.0
        The order of the norm, any number but 0.
    """

    p: int | float = 3.0

    symbol = "‖a‖ₚ"
    per_element = 3  # a modulus, a power, a sum
    formula = r"\left(\sum |a|^p\right)^{1/p}"
    kinks = (0.0,)
    examples = (
        example((3, 4)),
        example((3, 4), p=1.5, axis=0),
        example((3, 4), p=-2.0, axis=-1, keepdims=True),
        example((2, 3, 2), p=0.5, axis=(0, -1)),
        example(()),
    )

    def check_settings(self) -> None:
        """Refuse an order that is no number."""
        if not math.isfinite(self.p) or self.p == 0:
            raise UsageError(f"PNorm: found p={self.p!r}, needs a number other than 0; np.linalg.norm has the others")

    def fprop(self, a: Value) -> Value:
        size = np.abs(a)
        if self.p > 0:
            return self._root(size)
        zero = size == 0  # where a single element is 0, so is the norm, and there is nothing to divide by
        some = np.any(zero, axis=self.axis, keepdims=self.keepdims)
        return np.where(some, 0, self._root(np.where(zero, 1, size)))

    def _root(self, size: Any) -> Any:
        total = ConstantPower.apply(size, exponent=self.p).sum(axis=self.axis, keepdims=self.keepdims)
        return total ** np.reciprocal(self.p, dtype=total.dtype)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        size, whole = np.abs(a), self.restore_axes(h, a)
        if self.p == 2:  # smooth where a single element is 0, so that the second derivative is that of a / h there too
            return (self.restore_axes(grad, a) * (conjugate(a) / one_at_zero(whole)),)
        flat = (size == 0) | (whole == 0)
        ratio = np.where(flat, 1, size / one_at_zero(whole))
        slope = np.where(flat, 0, ratio ** (self.p - 1)) * (conjugate(a) / one_at_zero(size))
        return (self.restore_axes(grad, a) * slope,)


@implements(np.linalg.norm)
def norm(x: Value, ord: Any = None, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """np.linalg.norm of a box: of a vector where `axis` is one axis, of matrices where it is two."""
    x = _floats(x)
    if axis is None and ord is None:
        return EuclideanNorm(x, keepdims=keepdims)
    axes = axes_of(x, tuple(range(x.ndim)) if axis is None else axis, x.ndim)
    if len(axes) == 1:
        return _of_vectors(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _of_matrices(x, ord, axes, keepdims)
    raise x.shape_error(f"np.linalg.norm needs one axis or two, found {len(axes)}; give axis=")


@implements(np.linalg.vector_norm)
def vector_norm(x: Value, /, *, axis: Axes | None = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """np.linalg.vector_norm of a box, over any number of axes."""
    return _of_vectors(_floats(x), ord, axes_of(x, range(x.ndim) if axis is None else axis, x.ndim), keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Value, /, *, keepdims: bool = False, ord: float | str = "fro") -> Any:
    """np.linalg.matrix_norm of a box, over the last two axes."""
    return _of_matrices(_floats(x), ord, axes_of(x, (-2, -1), x.ndim), keepdims)


@implements(np.linalg.cond)
def cond(x: Value, p: Any = None) -> Any:
    """np.linalg.cond of a box; where p is not 2 or -2, of regular matrices."""
    x = _floats(x)
    if 0 in x.shape[-2:]:
        raise x.shape_error("np.linalg.cond of an array without elements is not defined")
    if p is None or p in (2, -2):
        s = np.linalg.svdvals(x)
        h = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    else:
        h = np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, axis=(-2, -1))
    unknown: Any = np.isnan(h) & ~np.any(np.isnan(x), axis=(-2, -1))  # of a matrix of zeros
    return np.where(unknown, np.inf, h)


def _floats(x: Value) -> Any:
    """Whole numbers in double precision, as NumPy takes them."""
    return x.astype(np.float64) if x.dtype.kind in "biu" else x


def _of_vectors(x: Value, ord: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    if isinstance(ord, str):
        raise UsageError(f"np.linalg.norm: found ord={ord!r} for vectors, needs a number")
    if ord is None or ord == 2:
        return EuclideanNorm(x, axis=axis, keepdims=keepdims)
    if ord == np.inf:
        return _largest(np.abs(x), axis, keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.sign(np.abs(x)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    return PNorm(x, p=float(ord), axis=axis, keepdims=keepdims)


def _of_matrices(x: Value, ord: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    if ord in (None, "fro", "f"):
        return EuclideanNorm(x, axis=axis, keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        s = np.linalg.svdvals(np.moveaxis(x, axis, (-2, -1)))
        h = np.sum(s, axis=-1) if ord == "nuc" else _largest(s, -1) if ord == 2 else np.min(s, axis=-1)
        return np.expand_dims(h, axis) if keepdims else h
    if ord in (1, -1, np.inf, -np.inf):
        summed, over = axis if abs(ord) == 1 else axis[::-1]
        sums = np.sum(np.abs(x), axis=summed, keepdims=True)
        h = _largest(sums, over, True) if ord > 0 else np.min(sums, axis=over, keepdims=True)
        return h if keepdims else np.squeeze(h, axis)
    raise UsageError(
        f"np.linalg.norm: found ord={ord!r} for matrices, needs 1, 2, inf, their negatives, 'fro' or 'nuc'"
    )


def _largest(sizes: Any, axis: Axes | None, keepdims: bool = False) -> Any:
    """The largest of numbers from 0, of none of them 0."""
    over = [sizes.shape[i] for i in (axis if isinstance(axis, tuple) else (axis,))]
    if not all(isinstance(size, int) for size in over):
        return np.max(sizes, axis=axis, keepdims=keepdims, initial=0)
    empty = 0 in over
    if empty:
        return np.sum(sizes, axis=axis, keepdims=keepdims)
    return np.max(sizes, axis=axis, keepdims=keepdims)
