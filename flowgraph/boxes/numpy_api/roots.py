"""From polynomials to their roots and back, and to points that they fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.numpy_dispatch import implements
from flowgraph.boxes.linear_algebra.matrices import rows
from flowgraph.boxes.numpy_api.array_arguments import as_box
from flowgraph.errors import ShapeError, UsageError


@implements(np.roots)
def roots(p: Any) -> Any:
    """np.roots of a box: complex, as eigenvalues are; the first and the last coefficient must not be 0."""
    p = _stacked(p)
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
    seq_of_zeros = _stacked(seq_of_zeros)
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


def _stacked(numbers: Any) -> Any:
    """A box as it is; of a list that holds boxes, one box."""
    return numbers if isinstance(numbers, Box) else np.stack(list(map(as_box, numbers)))


def _length(p: Any, who: str) -> int:
    """The number of coefficients; NumPy itself refuses a box whose length is not known, as it looks into it."""
    if p.ndim != 1:
        raise ShapeError(f"{who}: found {p.title} with {p.ndim} axes, needs one")
    return len(p)
