"""Right operations of probability and special functions: tails, switches of formula, edges of the domain."""

import numpy as np
from scipy import special

from .entries import need, normal, ok, uniform


def student(x, nu):
    need(x.shape == nu.shape and np.all(nu > 0))
    return (
        special.gammaln((nu + 1) / 2)
        - special.gammaln(nu / 2)
        - 0.5 * np.log(np.pi * nu)
        - (nu + 1) / 2 * np.log1p(x * x / nu)
    ).astype(x.dtype)


def student_back(g, y, x, nu):
    q = x * x / nu
    dnu = (
        special.digamma((nu + 1) / 2) - special.digamma(nu / 2) - 1 / nu - np.log1p(q) + (nu + 1) / nu * q / (1 + q)
    ) / 2
    return -g * (nu + 1) * x / (nu + x * x), (g * dnu).astype(nu.dtype)


ok("Student's t", student, student_back, normal(4), 1 + 5 * uniform(4))


def dirichlet(p, a):
    """Log density on the simplex; p must be a distribution."""
    need(p.shape == a.shape and p.ndim == 1 and p.size > 1 and np.all(a > 0) and np.all(p > 0))
    q = p / p.sum()
    return special.gammaln(a.sum()) - special.gammaln(a).sum() + ((a - 1) * np.log(q)).sum()


def dirichlet_back(g, y, p, a):
    total = p.sum()
    return g * ((a - 1) / p - (a - 1).sum() / total), g * (
        special.digamma(a.sum()) - special.digamma(a) + np.log(p / total)
    )


ok("Dirichlet", dirichlet, dirichlet_back, uniform(4) / uniform(4).sum(), 1 + uniform(4, seed=1))


def log1mexp(x):
    """log(1 - exp(-x)) for x > 0, by two formulas."""
    need(np.all(x > 0))
    return np.where(x < np.log(2), np.log(-np.expm1(-x)), np.log1p(-np.exp(-x))).astype(x.dtype)


ok("log(1 - exp(-x)), two formulas", log1mexp, lambda g, y, x: (g * np.exp(-x) / -np.expm1(-x),), uniform(5, high=2))

ok(
    "log of the normal distribution",
    lambda x: special.log_ndtr(x),
    lambda g, y, x: ((g * np.exp(-x * x / 2 - 0.5 * np.log(2 * np.pi) - y)).astype(x.dtype),),
    normal(5),
    valid=lambda x: np.all(x > -30),
)

ok(
    "log of the normal distribution, tails by erfcx",
    lambda x: special.log_ndtr(x),
    lambda g, y, x: (
        (
            g
            * np.where(
                x < 0,
                np.sqrt(2 / np.pi) / special.erfcx(-np.minimum(x, 0) / 2**0.5),
                np.exp(-(np.maximum(x, 0) ** 2) / 2) / np.sqrt(2 * np.pi) / special.ndtr(x),
            )
        ).astype(x.dtype),
    ),
    normal(5),
)


def poisson(rate, counts):
    need(rate.shape == counts.shape and counts.dtype.kind == "i" and np.all(counts >= 0) and np.all(rate > 0))
    return (special.xlogy(counts, rate) - rate - special.gammaln(counts + 1.0)).astype(rate.dtype)


ok(
    "Poisson",
    poisson,
    lambda g, y, rate, counts: ((g * (counts / rate - 1)).astype(rate.dtype), None),
    uniform(4),
    np.array([0, 2, 1, 5]),
)


def negative_binomial(mean, size, counts):
    need(mean.shape == size.shape == counts.shape and counts.dtype.kind == "i" and np.all(counts >= 0))
    need(np.all(mean > 0) and np.all(size > 0))
    return (
        special.gammaln(counts + size)
        - special.gammaln(size)
        - special.gammaln(counts + 1.0)
        + size * np.log(size / (size + mean))
        + special.xlogy(counts, mean / (size + mean))
    ).astype(mean.dtype)


def negative_binomial_back(g, y, mean, size, counts):
    both = size + mean
    dsize = special.digamma(counts + size) - special.digamma(size) - np.log1p(mean / size) + (mean - counts) / both
    return (g * (counts / mean - (counts + size) / both)).astype(mean.dtype), (g * dsize).astype(size.dtype), None


ok(
    "negative binomial",
    negative_binomial,
    negative_binomial_back,
    uniform(4),
    uniform(4, seed=1),
    np.array([0, 2, 1, 5]),
)


def von_mises(x, k):
    need(x.shape == k.shape and np.all(k > 0))
    return k * (np.cos(x) - 1) - np.log(2 * np.pi * special.i0e(k)).astype(x.dtype)


ok(
    "von Mises",
    von_mises,
    lambda g, y, x, k: (-g * k * np.sin(x), (g * (np.cos(x) - special.i1e(k) / special.i0e(k))).astype(k.dtype)),
    normal(4),
    uniform(4, high=4),
)


def censored(x, limit):
    """Log likelihood of standard normal values, known only as "above" from the limit on."""
    return np.where(x < limit, -x * x / 2 - 0.5 * np.log(2 * np.pi), special.log_ndtr(-limit)).astype(x.dtype)


ok(
    "censored normal",
    censored,
    lambda g, y, x, limit: (
        np.where(x < limit, -g * x, 0).astype(x.dtype),
        -float((g * (x >= limit)).sum())
        * float(np.exp(-limit * limit / 2 - 0.5 * np.log(2 * np.pi) - special.log_ndtr(-limit))),
    ),
    normal(5),
    0.4,
)


def mixture(x, w, m, s):
    """Log density of a mixture of normals with logits w and log widths s."""
    need(x.ndim == 1 and w.ndim == 1 and w.shape == m.shape == s.shape and w.size and np.all(abs(s) < 20))
    part = w - s - ((x[:, None] - m) * np.exp(-s)) ** 2 / 2 - 0.5 * np.log(2 * np.pi)
    return (special.logsumexp(part, axis=1) - special.logsumexp(w)).astype(x.dtype)


def mixture_back(g, y, x, w, m, s):
    part = w - s - ((x[:, None] - m) * np.exp(-s)) ** 2 / 2
    r = special.softmax(part, axis=1) * g[:, None]
    z = (x[:, None] - m) * np.exp(-s)
    dm = r * z * np.exp(-s)
    return -dm.sum(axis=1), r.sum(axis=0) - special.softmax(w) * g.sum(), dm.sum(axis=0), (r * (z * z - 1)).sum(axis=0)


ok("mixture of normals", mixture, mixture_back, normal(4), normal(3), normal(3, seed=1), 0.3 * normal(3, seed=2))


def lambert(x):
    """w exp(w) = x for x > -1/e, by Halley's steps to rounding."""
    need(np.all(x > -0.36) and np.all(x < 1e6))
    w = np.log1p(x) * (1 - np.log1p(np.log1p(np.maximum(x, 0))) / (2 + np.log1p(np.maximum(x, 0))))
    for _ in range(12):
        e = np.exp(w)
        f = w * e - x
        w = w - f / (e * (w + 1) - (w + 2) * f / (2 * w + 2))
    return w.astype(x.dtype)


ok("Lambert's w", lambert, lambda g, y, x: ((g / (np.exp(y) * (1 + y))).astype(x.dtype),), uniform(4, high=4))


def quantile_of_mixture(p, d):
    """x with (Φ(x) + Φ(x - d)) / 2 = p, by bisection."""
    need(p.shape == d.shape and np.all(p > 1e-3) and np.all(p < 0.999) and np.all(abs(d) < 6))
    low, high = np.minimum(d, 0) - 5.0, np.maximum(d, 0) + 5.0
    for _ in range(80):
        middle = (low + high) / 2
        under = special.ndtr(middle) + special.ndtr(middle - d) < 2 * p
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return ((low + high) / 2).astype(p.dtype)


def quantile_of_mixture_back(g, y, p, d):
    a, b = np.exp(-y * y / 2), np.exp(-((y - d) ** 2) / 2)
    return (g * 2 * np.sqrt(2 * np.pi) / (a + b)).astype(p.dtype), g * b / (a + b)


ok("quantile of a mixture, bisected", quantile_of_mixture, quantile_of_mixture_back, uniform(4), normal(4))

ok(
    "complete elliptic integral",
    lambda m: special.ellipk(m),
    lambda g, y, m: (
        lambda k, e: (
            (
                g
                * np.where(
                    abs(m) < 1e-3,
                    np.pi / 8 * (1 + m * 9 / 8 * (1 + m * 25 / 24 * (1 + m * 49 / 48 * (1 + m * 81 / 80)))),
                    (e - (1 - m) * k) / (2 * m * (1 - m) + (abs(m) < 1e-3)),
                )
            ).astype(m.dtype),
        )
    )(special.ellipk(m), special.ellipe(m)),
    uniform(4),
    valid=lambda m: np.all(abs(m) < 0.999),
)

ok(
    "Dawson's integral",
    lambda x: special.dawsn(x),
    lambda g, y, x: ((g * (1 - 2 * x * y)).astype(x.dtype),),
    normal(5),
    valid=lambda x: np.all(abs(x) < 40),
)

ok(
    "scaled error function",
    lambda x: special.erfcx(x),
    lambda g, y, x: (g * (2 * x * y - x.dtype.type(2 / np.pi**0.5)),),
    normal(5),
    valid=lambda x: np.all(abs(x) < 20),
)
