"""Polynomials by their coefficients, the highest power first; from them to their roots and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value, join_boxes
from flowgraph.box.inference import try_fprop
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.indexing.index import arange_like
from flowgraph.boxes.linear_algebra.matrices import rows
from flowgraph.boxes.numpy_api.constructors import as_box, in_precision_of
from flowgraph.errors import ShapeError, UsageError
from flowgraph.shapes.size import Shape, Size, product
from flowgraph.shapes.spec import Spec


class PolyVal(Box):
    """The value of a polynomial at given points.

    h = p_0 x^{n-1} + ... + p_{n-1}        ∂h/∂p_i = x^{n-1-i}, ∂h/∂x = the value of the derivative
    """

    numpy = np.polyval
    symbol = "polyval"
    formula = r"\sum_i p_i\, x^{n-1-i}"
    examples = (example((4,), (2, 3)), example((3,), ()), example((1,), (3,)), example((3,), np.array([0.0, -1.5])))

    @classmethod
    def from_numpy(cls, p: Any, x: Value) -> Box:
        """np.polyval; a list of coefficients may hold boxes."""
        if not isinstance(p, Box) and any(isinstance(coefficient, Box) for coefficient in p):
            p = np.stack(list(p))
        return cls(p, x)

    def fprop(self, p: Value, x: Value) -> Value:
        return np.asarray(np.polyval(p, x))

    def parts(self, p: Value, x: Value) -> Value | None:
        """Coefficient by coefficient, as Horner does, where their number is known."""
        if isinstance(p.shape[0], Size):
            return None
        total = np.zeros((), self.dtype) * x
        for i in range(p.shape[0]):
            total = total * x + p[i]
        return total

    def bprop(self, grad: Value, h: Value, p: Value, x: Value) -> tuple[Value, ...]:
        exponents = np.flip(arange_like(p))
        powers = np.expand_dims(np.ravel(x), 1) ** exponents
        slope = PolyVal.apply(p[:-1] * exponents[:-1], x)
        return in_precision_of(np.ravel(grad) @ powers, p), in_precision_of(grad * slope, x)

    def infer(self, p: Spec, x: Spec) -> Spec:
        """One value per place."""
        if len(p.shape) != 1:
            raise self.shape_error(f"found coefficients with {len(p.shape)} axes, needs one")
        size = 0 if p.shape == (0,) else 2  # without coefficients NumPy gives zeros of the dtype of the places
        trial = try_fprop(self, (Spec((size,), p.dtype), Spec((), x.dtype)))
        assert isinstance(trial, Spec)
        return Spec(x.shape, trial.dtype)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A product and a sum per coefficient and place."""
        return 2 * product((*shapes[0], *shapes[1]))


@implements(np.vander)
def vander(x: Value, N: int | None = None, increasing: bool = False) -> Any:
    """np.vander of a box: a column per power, the highest first, or the lowest for `increasing`."""
    if x.ndim != 1:
        raise ShapeError(f"np.vander: found {x.title} with {x.ndim} axes, needs one")
    exponents = arange_like(x) if N is None else np.arange(N)
    return np.expand_dims(x, 1) ** (exponents if increasing else np.flip(exponents))


@implements(np.polyadd)
def polyadd(a1: Value, a2: Value) -> Any:
    """np.polyadd of boxes."""
    return np.add(*_same_length(a1, a2))


@implements(np.polysub)
def polysub(a1: Value, a2: Value) -> Any:
    """np.polysub of boxes."""
    return np.subtract(*_same_length(a1, a2))


@implements(np.polymul)
def polymul(a1: Value, a2: Value) -> Any:
    """np.polymul of boxes: zeros in front are left out of an array, as NumPy does, but not of a box."""
    first, second = (a if isinstance(a, Box) else _without_zeros(a) for a in (a1, a2))
    # no coefficients are those of the polynomial that is 0
    sides: list[Any] = [np.zeros(1, a.dtype) if np.shape(a) == (0,) else a for a in (first, second)]
    return np.convolve(sides[0], sides[1])


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """np.polyder of a box: the coefficients of the derivative of order m."""
    _check_vector(p, "np.polyder")
    for _ in range(_times(m, "np.polyder")):
        p = p[:-1] * np.flip(arange_like(p))[:-1]
    return p


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """np.polyint of a box: the coefficients of the integral of order m; its constants k may be boxes."""
    _check_vector(p, "np.polyint")
    constants = _constants(k, _times(m, "np.polyint"))
    for constant in constants:
        p = np.concatenate([as_box(p) / np.flip(arange_like(p) + 1), np.reshape(constant, (1,))])
    return p


def _check_vector(p: Any, who: str) -> None:
    """Refuse coefficients that are no vector."""
    if np.ndim(p) != 1:
        raise ShapeError(f"{who}: found coefficients with {np.ndim(p)} axes, needs one")


def _same_length(*polynomials: Value) -> Sequence[Any]:
    """Polynomials with as many coefficients as the longest of them."""
    boxes: list[Any] = [np.atleast_1d(as_box(a)) for a in polynomials]
    sizes = [a.shape[0] for a in boxes]
    if {a.ndim for a in boxes} != {1}:
        raise ShapeError(f"np.polyadd, np.polysub: found {boxes[0].ndim} and {boxes[-1].ndim} axes, needs one each")
    if sizes.count(sizes[0]) == len(sizes):
        return boxes
    if any(isinstance(size, Size) for size in sizes):
        raise UsageError(f"np.polyadd, np.polysub: found {sizes[0]} and {sizes[1]} coefficients, needs numbers")
    return [np.pad(a, (max(sizes) - a.shape[0], 0)) for a in boxes]


def _without_zeros(a: Value) -> Any:
    """The coefficients of an array from the first that is not 0."""
    trimmed = np.trim_zeros(np.atleast_1d(a), "f")
    return trimmed if trimmed.size else np.zeros(1, np.asarray(a).dtype)


def _times(m: Value, function: str) -> int:
    if not isinstance(m, int | np.integer) or m < 0:
        raise UsageError(f"{function}: found m={m!r}, needs a number of times from 0")
    return int(m)


def _constants(k: Any, m: int) -> list[Any]:
    """The constants of m integrals: 0 by default, one for all where there is one only."""
    k = 0.0 if k is None else k
    listed = list(k) if isinstance(k, list | tuple) or np.ndim(k) else [k]
    constants = [join_boxes(constant) for constant in (listed * m if len(listed) == 1 else listed)]
    if len(constants) < m:
        raise UsageError(f"np.polyint: found {len(constants)} constants for {m} integrals, needs one for each, or one")
    return constants[:m]


@implements(np.roots)
def roots(p: Any) -> Any:
    """np.roots of a box: complex, as eigenvalues are; the first and the last coefficient must not be 0."""
    p = _stack_boxes(p)
    degree = _length(p, "np.roots") - 1
    if degree < 1:
        return np.real(p[:0]).astype(np.float64)
    first = np.expand_dims(-(p[1:] / p[0]), 0)
    if degree == 1:
        return np.linalg.eigvals(first)
    below = np.eye(degree - 1, degree, dtype=p.dtype)
    return np.linalg.eigvals(np.concatenate([first, below], axis=0))


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """np.poly of a box: the coefficients of the polynomial with these roots, or of a matrix (complex ones)."""
    seq_of_zeros = _stack_boxes(seq_of_zeros)
    zeros = np.linalg.eigvals(seq_of_zeros) if seq_of_zeros.ndim == 2 else np.atleast_1d(seq_of_zeros)
    zeros = zeros.astype(np.mintypecode(zeros.dtype.char))
    h: Any = np.ones(1, zeros.dtype)
    for i in range(_length(zeros, "np.poly")):
        h = np.concatenate([h, np.zeros(1, zeros.dtype)]) - zeros[i] * np.concatenate([np.zeros(1, zeros.dtype), h])
    return h


@implements(np.polyfit)
def polyfit(
    x: Value, y: Value, deg: int, rcond: Value = None, full: bool = False, w: Value = None, cov: Value = False
) -> Any:
    """np.polyfit of boxes: the coefficients of least squares.

    With what lstsq tells of them for `full`, with their covariance for `cov`.
    """
    order = int(deg) + 1
    x, y = as_box(x) * 1.0, as_box(y) * 1.0
    if order < 1 or x.ndim != 1 or y.ndim not in (1, 2):
        raise UsageError(
            f"np.polyfit: found deg={deg}, {x.ndim} axes of x and {y.ndim} of y; needs deg from 0, one axis, one or two"
        )
    left, right = np.vander(x, order), y
    if w is not None:
        left, right = left * rows(as_box(w)), right * (rows(as_box(w)) if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(left * left, axis=0))
    if rcond is None:
        rcond = x.shape[0] * float(np.finfo(x.dtype).eps) if isinstance(x.shape[0], int) else None
    scaled = left / scale
    c, residuals, rank, s = np.linalg.lstsq(scaled, right, rcond)
    c = c / (rows(scale) if y.ndim == 2 else scale)
    if full:
        return c, residuals, rank, s, rcond
    return (c, _covariance(scaled, scale, residuals, cov, y.ndim)) if cov else c


def _covariance(scaled: Value, scale: Value, residuals: Value, cov: Value, ndim: int) -> Any:
    """The covariance of the coefficients, scaled by the residuals unless `cov` is "unscaled"."""
    base = np.linalg.inv(scaled.T @ scaled) / np.outer(scale, scale)
    spare = scaled.shape[0] - scaled.shape[1]
    if not isinstance(spare, int) or (spare <= 0 and cov != "unscaled"):
        raise UsageError(f"np.polyfit: found {scaled.shape[0]} points for cov=, needs more than {scaled.shape[1]}")
    factor = 1 if cov == "unscaled" else residuals / spare
    return base * factor if ndim == 1 else np.expand_dims(base, -1) * factor


def _stack_boxes(numbers: Any) -> Any:
    """A box as it is; of a list that holds boxes, one box."""
    return numbers if isinstance(numbers, Box) else np.stack(list(map(as_box, numbers)))


def _length(p: Any, who: str) -> int:
    """The number of coefficients; NumPy itself refuses a box whose length is not known, as it looks into it."""
    if p.ndim != 1:
        raise ShapeError(f"{who}: found {p.title} with {p.ndim} axes, needs one")
    return len(p)
