"""Planted mistakes in special functions."""

import numpy as np
from scipy import special

from .entries import bug, need, normal, uniform
from .right_densities import (
    lambert,
    log1mexp,
    quantile_of_mixture,
    quantile_of_mixture_back,
)

bug(
    "R",
    "log(1 - exp(-x)): far branch rounded to 0",
    log1mexp,
    lambda g, y, x: (np.where(x > 16, 0, g * np.exp(-x) / -np.expm1(-x)),),
    uniform(5, high=2),
)

bug(
    "R",
    "log(1 - exp(-x)): near branch is 1/x",
    log1mexp,
    lambda g, y, x: (np.where(x < 0.01, g / x, g * np.exp(-x) / -np.expm1(-x)),),
    uniform(5, high=2),
)

bug(
    "R",
    "log normal: 0/0 in the tail",
    lambda x: special.log_ndtr(x),
    lambda g, y, x: (
        (g * np.exp(-x * x / 2) / np.sqrt(2 * np.pi) / np.maximum(special.ndtr(x), 1e-300)).astype(x.dtype),
    ),
    normal(5),
)

bug(
    "R",
    "log normal: tail is -x",
    lambda x: special.log_ndtr(x),
    lambda g, y, x: (
        (
            g
            * np.where(
                x < -5, -x, np.exp(-(np.maximum(x, -5) ** 2) / 2) / np.sqrt(2 * np.pi) / special.ndtr(np.maximum(x, -5))
            )
        ).astype(x.dtype),
    ),
    normal(5),
)

bug(
    "R",
    "Lambert's w: by the input",
    lambert,
    lambda g, y, x: ((g * y / (x * (1 + y))).astype(x.dtype),),
    uniform(4, high=4),
)

bug(
    "V",
    "quantile of a mixture: other share",
    quantile_of_mixture,
    lambda g, y, p, d: (lambda r: (r[0], g - r[1]))(quantile_of_mixture_back(g, y, p, d)),
    uniform(4),
    normal(4),
)

bug(
    "E",
    "quantile of a mixture: root of 2π by eight digits",
    quantile_of_mixture,
    lambda g, y, p, d: (lambda r: ((r[0] * (2.5066283 / np.sqrt(2 * np.pi))).astype(p.dtype), r[1]))(
        quantile_of_mixture_back(g, y, p, d)
    ),
    uniform(4),
    normal(4),
)

bug(
    "R",
    "gammaln: digamma of the absolute value",
    lambda x: special.gammaln(x),
    lambda g, y, x: ((g * special.digamma(abs(x))).astype(x.dtype),),
    0.2 + uniform(4),
)

bug(
    "R",
    "elliptic integral: 0/0 at 0",
    lambda m: special.ellipk(m),
    lambda g, y, m: ((g * (special.ellipe(m) - (1 - m) * special.ellipk(m)) / (2 * m * (1 - m))).astype(m.dtype),),
    uniform(4),
    valid=lambda m: np.all(abs(m) < 0.999),
)

bug(
    "R",
    "Dawson's integral: 0 from 4 on",
    lambda x: special.dawsn(x),
    lambda g, y, x: ((np.where(abs(x) > 4, 0, g * (1 - 2 * x * y))).astype(x.dtype),),
    normal(5),
)

bug(
    "E",
    "scaled error function: 1.1283792",
    lambda x: special.erfcx(x),
    lambda g, y, x: ((g * (2 * x * y - 1.1283792)).astype(x.dtype),),
    uniform(5),
)


def legendre(x, n):
    need(0 <= n < 12 and np.all(abs(x) <= 1))
    return special.eval_legendre(n, x)


def legendre_back(g, y, x, n):
    return (g * n * (special.eval_legendre(max(n - 1, 0), x) - x * y) / (1 - x * x)).astype(x.dtype), None


bug("R", "Legendre: 0/0 at the ends", legendre, legendre_back, uniform(4), 3)

bug("V", "Legendre: other sign", legendre, lambda g, y, x, n: (-legendre_back(g, y, x, n)[0], None), uniform(4), 3)
