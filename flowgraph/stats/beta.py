"""The beta distribution, as scipy.stats.beta."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.special.scipy_special import special
from flowgraph.stats.support import on_support, positive, standard, weak


def logpdf(x: Value, a: Value, b: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Logarithm of the density at x of the beta distribution, minus infinity outside of [loc, loc + scale].

    Parameters
    ----------
    x, a, b, loc, scale : array_like or Box
        Value, both shapes, place and scale; they broadcast. NaN where a, b or scale is not positive.

    >>> from flowgraph.stats import beta
    >>> float(beta.logpdf(0.5, 2.0, 2.0).round(6))
    0.405465
    """
    z, scale = standard(x, loc, scale)
    a, b = positive(a), positive(b)

    constant = weak(special().betaln(a, b) + np.log(scale))
    return on_support(lambda y: special().xlog1py(b - 1, -y) + special().xlogy(a - 1, y) - constant, z, 0.0, 1.0, 0.5)


def pdf(x: Value, a: Value, b: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Density at x of the beta distribution."""
    return np.exp(logpdf(x, a, b, loc, scale))


def cdf(x: Value, a: Value, b: Value, loc: Value = 0.0, scale: Value = 1.0) -> Any:
    """Probability of a value up to x; its derivatives by a and b are not implemented."""
    z, _ = standard(x, loc, scale)
    return special().betainc(positive(a), positive(b), np.where(z < 0, 0.0, np.where(z > 1, 1.0, z)))
