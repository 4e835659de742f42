"""The Poisson distribution, as scipy.stats.poisson."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.special.scipy_special import special
from flowgraph.stats.support import positive, read


def logpmf(k: Value, mu: Value, loc: Value = 0) -> Any:
    """Logarithm of the probability of the count k, minus infinity where k is no count.

    Parameters
    ----------
    k, mu, loc : array_like or Box
        Count, mean and place; they broadcast. NaN where mu is negative.

    >>> from flowgraph.stats import poisson
    >>> float(poisson.logpmf(0, 2.0))
    -2.0
    """
    count = read(k) - read(loc)
    mu = positive(mu, closed=True)
    none = (count < 0) | (np.floor(count) != count)
    inner = np.where(none, 0, count)
    density = special().xlogy(inner, mu) - special().gammaln(inner + 1.0) - mu
    return np.where(none & ~np.isnan(density), -math.inf, density)


def pmf(k: Value, mu: Value, loc: Value = 0) -> Any:
    """Probability of the count k."""
    return np.exp(logpmf(k, mu, loc))


def cdf(k: Value, mu: Value, loc: Value = 0) -> Any:
    """Probability of a count up to k, differentiable with respect to mu only."""
    count = np.floor(read(k) - read(loc))
    probability = special().gammaincc(np.where(count < 0, 0.0, count) + 1.0, positive(mu, closed=True))
    return np.where((count < 0) & ~np.isnan(probability), 0.0, probability)
