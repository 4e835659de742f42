"""The normal distribution, as scipy.stats.norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.special.scipy_special import special
from flowgraph.stats.support import LOG_ROOT_2_PI, standard, weak


def logpdf(x: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Logarithm of the density of N(loc, scale²) at x.

    Parameters
    ----------
    x, loc, scale : array_like or Box
        Value, mean and standard deviation; they broadcast. NaN where the scale is not positive.

    >>> from flowgraph.stats import norm
    >>> float(norm.logpdf(0.0).round(6))
    -0.918939
    """
    z, scale = standard(x, loc, scale)
    return -z * z / 2 - weak(np.log(scale)) - LOG_ROOT_2_PI


def pdf(x: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Density of N(loc, scale²) at x."""
    return np.exp(logpdf(x, loc, scale))


def cdf(x: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Probability of a value up to x."""
    return special().ndtr(standard(x, loc, scale)[0])


def logcdf(x: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Logarithm of the probability of a value up to x, accurate far below the mean."""
    return special().log_ndtr(standard(x, loc, scale)[0])


def sf(x: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Probability of a value above x."""
    return special().ndtr(-standard(x, loc, scale)[0])


def logsf(x: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Logarithm of the probability of a value above x, accurate far above the mean."""
    return special().log_ndtr(-standard(x, loc, scale)[0])
