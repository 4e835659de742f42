"""Sums, means, extremes and norms along axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import logsumexp
from flowgraph.interop.torch.rules import rule_for


def axes_of(dim: Foreign) -> Any:
    """The axes of NumPy, None for all."""
    if isinstance(dim, list | tuple):
        return tuple(dim) or None
    return dim


@rule_for("aten.sum")
def sum_along(a: Foreign, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None) -> Any:
    """The sum."""
    return np.sum(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.mean")
def mean_along(a: Foreign, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None) -> Any:
    """The mean."""
    return np.mean(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.prod.default", "aten.prod.dim_int")
def prod_along(a: Foreign, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None) -> Any:
    """The product."""
    return np.prod(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.any")
def any_along(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """Whether any holds."""
    return np.any(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.all")
def all_along(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """Whether all hold."""
    return np.all(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.amax", "aten.max.default")
def amax(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """The largest."""
    return np.max(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.amin", "aten.min.default")
def amin(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """The smallest."""
    return np.min(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.argmax")
def argmax(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """The place of the largest."""
    return np.argmax(a, axis=dim, keepdims=keepdim)


@rule_for("aten.argmin")
def argmin(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """The place of the smallest."""
    return np.argmin(a, axis=dim, keepdims=keepdim)


@rule_for("aten.max.dim")
def max_and_place(a: Foreign, dim: int, keepdim: bool = False) -> tuple[Any, ...]:
    """The largest, which alone gets the gradient, and its place."""
    return _taken(a, np.argmax(a, axis=dim, keepdims=True), dim, keepdim)


@rule_for("aten.min.dim")
def min_and_place(a: Foreign, dim: int, keepdim: bool = False) -> tuple[Any, ...]:
    """The smallest, which alone gets the gradient, and its place."""
    return _taken(a, np.argmin(a, axis=dim, keepdims=True), dim, keepdim)


def _taken(a: Foreign, place: Foreign, dim: int, keepdim: bool) -> tuple[Any, ...]:
    found = np.take_along_axis(a, place, axis=dim)
    return (found, place) if keepdim else (np.squeeze(found, axis=dim), np.squeeze(place, axis=dim))


def _ddof(unbiased: Foreign, correction: Foreign) -> float:
    if correction is not None:
        return float(correction)
    return 0.0 if unbiased is False else 1.0


@rule_for("aten.var.default", "aten.var.dim", "aten.var.correction")
def var_along(a: Foreign, *given: Foreign, correction: Foreign = None, keepdim: bool = False, **rest: Foreign) -> Any:
    """The variance."""
    dim, unbiased, keepdim = _read(given, keepdim)
    return np.var(a, axis=axes_of(dim), ddof=_ddof(unbiased, correction), keepdims=keepdim)


@rule_for("aten.std.default", "aten.std.dim", "aten.std.correction")
def std_along(a: Foreign, *given: Foreign, correction: Foreign = None, keepdim: bool = False, **rest: Foreign) -> Any:
    """The standard deviation."""
    dim, unbiased, keepdim = _read(given, keepdim)
    return np.std(a, axis=axes_of(dim), ddof=_ddof(unbiased, correction), keepdims=keepdim)


@rule_for("aten.var_mean.correction")
def var_mean(a: Foreign, dim: Foreign = None, *, correction: Foreign = None, keepdim: bool = False) -> tuple[Any, ...]:
    """The variance and the mean."""
    return var_along(a, dim, correction=correction, keepdim=keepdim), mean_along(a, dim, keepdim)


def _read(given: tuple[Any, ...], keepdim: bool) -> tuple[Any, Any, bool]:
    """Axes, whether the variance is unbiased and whether axes are kept, of `var(unbiased)` and `var(dim, unbiased)`."""
    if given and isinstance(given[0], bool):
        return None, given[0], keepdim
    dim, unbiased, kept = [*given, None, None, None][:3]
    return dim, unbiased, keepdim or bool(kept)


@rule_for("aten.logsumexp")
def logsumexp_along(a: Foreign, dim: Foreign, keepdim: bool = False) -> Any:
    """log Σ exp(a)."""
    return logsumexp(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.cumsum")
def cumsum(a: Foreign, dim: int, *, dtype: Foreign = None) -> Any:
    """Sums of the first numbers."""
    return np.cumsum(a, axis=dim)


@rule_for("aten.cumprod")
def cumprod(a: Foreign, dim: int, *, dtype: Foreign = None) -> Any:
    """Products of the first numbers."""
    return np.cumprod(a, axis=dim)


@rule_for("aten.linalg_vector_norm", "aten.norm.ScalarOpt_dim", "aten.norm.Scalar")
def vector_norm(
    a: Foreign, ord: Foreign = 2, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None
) -> Any:
    """The norm of order `ord`, 2 unless it is given."""
    order = 2 if ord is None else ord
    axis = axes_of(dim)
    size = np.abs(a)
    if order == math.inf:
        return np.max(size, axis=axis, keepdims=keepdim)
    if order == 1:
        return np.sum(size, axis=axis, keepdims=keepdim)
    if order == 2:
        return np.linalg.vector_norm(a, axis=axis, keepdims=keepdim)
    return np.sum(size**order, axis=axis, keepdims=keepdim) ** (1 / order)
