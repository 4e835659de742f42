"""The gamma distribution, as scipy.stats.gamma."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.special.scipy_special import special
from flowgraph.stats.support import on_support, positive, standard, weak


def logpdf(x: Value, a: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Logarithm of the density at x of the gamma distribution of shape a, minus infinity below loc.

    Parameters
    ----------
    x, a, loc, scale : array_like or Box
        Value, shape, place and scale; they broadcast. NaN where a or scale is not positive.

    >>> from flowgraph.stats import gamma
    >>> float(gamma.logpdf(2.0, 1.0))
    -2.0
    """
    z, scale = standard(x, loc, scale)
    a = positive(a)
    constant = weak(special().gammaln(a) + np.log(scale))
    return on_support(lambda y: special().xlogy(a - 1, y) - y - constant, z, 0.0, math.inf, 1.0)


def pdf(x: Value, a: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Density at x of the gamma distribution of shape a."""
    return np.exp(logpdf(x, a, loc, scale))


def cdf(x: Value, a: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Probability of a value up to x; its derivative by a is not implemented."""
    z, _ = standard(x, loc, scale)
    return special().gammainc(positive(a), np.where(z < 0, 0.0, z))
