"""Student's t distribution, as scipy.stats.t."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.special.scipy_special import special
from flowgraph.stats import norm
from flowgraph.stats.support import positive, standard, weak


def logpdf(x: Value, df: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Logarithm of the density at x of Student's t with df degrees of freedom.

    Parameters
    ----------
    x, df, loc, scale : array_like or Box
        Value, degrees of freedom, place and scale; they broadcast. Of infinitely many degrees it is the normal one. NaN
        where df or scale is not positive.

    >>> from flowgraph.stats import t
    >>> float(t.logpdf(0.0, 3.0).round(6))
    -1.000889
    """
    df = positive(df)
    z, scale = standard(x, loc, scale)
    if isinstance(df, int | float):
        return norm.logpdf(x, loc, scale) if df == math.inf else _heavy_tailed(z, df) - weak(np.log(scale))
    normal = np.isinf(df)
    return np.where(normal, norm.logpdf(z), _heavy_tailed(z, np.where(normal, 1.0, df))) - weak(np.log(scale))


def pdf(x: Value, df: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Density at x of Student's t with df degrees of freedom."""
    return np.exp(logpdf(x, df, loc, scale))


def cdf(x: Value, df: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Probability of a value up to x; its derivative by df is not implemented."""
    return _up_to(standard(x, loc, scale)[0], positive(df))


def logcdf(x: Value, df: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Logarithm of the probability of a value up to x; its derivative by df is not implemented."""
    return np.log(cdf(x, df, loc, scale))


def sf(x: Value, df: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Probability of a value above x; its derivative by df is not implemented."""
    return _up_to(-standard(x, loc, scale)[0], positive(df))


def _up_to(z: Value, df: Value) -> Any:
    """The distribution function in standard form."""
    if isinstance(df, int | float):
        return norm.cdf(z) if df == math.inf else special().stdtr(df, z)
    normal = np.isinf(df)
    return np.where(normal, norm.cdf(z), special().stdtr(np.where(normal, 1.0, df), z))


def _heavy_tailed(z: Value, df: Value) -> Any:
    """The log density in standard form; the beta function keeps its digits where df is large."""
    constant = weak(-special().betaln(df / 2, 0.5) - np.log(df) / 2)
    return constant - (df + 1) / 2 * np.log1p(z * z / df)
