"""The chi-squared distribution, as scipy.stats.chi2: a gamma distribution of shape df/2 and twice the scale."""

from __future__ import annotations

from typing import Any

from flowgraph.box.vocabulary import Value
from flowgraph.stats import gamma
from flowgraph.stats.support import read


def logpdf(x: Value, df: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Logarithm of the density at x with df degrees of freedom, minus infinity below loc.

    >>> from flowgraph.stats import chi2
    >>> float(chi2.logpdf(2.0, 2.0).round(6))
    -1.693147
    """
    return gamma.logpdf(x, read(df) / 2, loc, 2 * read(scale))


def pdf(x: Value, df: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Density at x with df degrees of freedom."""
    return gamma.pdf(x, read(df) / 2, loc, 2 * read(scale))


def cdf(x: Value, df: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Probability of a value up to x; its derivative by df is not implemented."""
    return gamma.cdf(x, read(df) / 2, loc, 2 * read(scale))
