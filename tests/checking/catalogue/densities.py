"""Densities, distances and kernels, and mistakes in them."""

import numpy as np
from scipy import special

from .entries import bug, need, normal, ok, uniform


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


def poisson(rate, counts):
    need(rate.shape == counts.shape and counts.dtype.kind == "i" and np.all(counts >= 0) and np.all(rate > 0))
    return (special.xlogy(counts, rate) - rate - special.gammaln(counts + 1.0)).astype(rate.dtype)


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


def von_mises(x, k):
    need(x.shape == k.shape and np.all(k > 0))
    return k * (np.cos(x) - 1) - np.log(2 * np.pi * special.i0e(k)).astype(x.dtype)


def censored(x, limit):
    """Log likelihood of standard normal values, known only as "above" from the limit on."""
    return np.where(x < limit, -x * x / 2 - 0.5 * np.log(2 * np.pi), special.log_ndtr(-limit)).astype(x.dtype)


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


bug(
    "R",
    "Dirichlet: p sums to 1",
    dirichlet,
    lambda g, y, p, a: (dirichlet_back(g, y, p, a)[0], g * (special.digamma(a.sum()) - special.digamma(a) + np.log(p))),
    uniform(4) / uniform(4).sum(),
    1 + uniform(4, seed=1),
)

bug(
    "R",
    "Poisson: counts of 0 skipped",
    poisson,
    lambda g, y, rate, counts: ((g * np.where(counts > 0, counts / rate - 1, 0)).astype(rate.dtype), None),
    uniform(4),
    np.array([3, 2, 1, 5]),
)


bug(
    "R",
    "negative binomial: harmonic numbers for digamma",
    negative_binomial,
    lambda g, y, mean, size, counts: (
        negative_binomial_back(g, y, mean, size, counts)[0],
        negative_binomial_back(g, y, mean, size, counts)[1]
        + (
            g
            * (
                1 / size * np.minimum(counts, 1)
                + np.maximum(counts - 1, 0) / (size + 1)
                - special.digamma(counts + size)
                + special.digamma(size)
            )
        ).astype(size.dtype),
        None,
    ),
    uniform(4),
    uniform(4, seed=1),
    np.array([0, 2, 1, 2]),
)


bug(
    "R",
    "von Mises: small concentrations by half",
    von_mises,
    lambda g, y, x, k: (
        -g * k * np.sin(x),
        (g * (np.cos(x) - np.where(k < 0.05, k / 2, special.i1e(k) / special.i0e(k)))).astype(k.dtype),
    ),
    normal(4),
    uniform(4, low=0.2, high=4),
)

bug(
    "R",
    "censored: limit has no gradient",
    censored,
    lambda g, y, x, limit: (np.where(x < limit, -g * x, 0).astype(x.dtype), 0.0),
    -uniform(5),
    0.4,
)


bug(
    "R",
    "mixture: probabilities under 1e-12 are none",
    mixture,
    lambda g, y, x, w, m, s: mixture_back(g * (y > -27.6), y, x, w, m, s),
    normal(4),
    normal(3),
    normal(3, seed=1),
    0.3 * normal(3),
)


def beta_binomial(a, b, n, k):
    need(a.shape == b.shape and 0 <= k <= n and np.all(a > 0) and np.all(b > 0))
    return (special.betaln(k + a, n - k + b) - special.betaln(a, b)).astype(a.dtype)


def beta_binomial_back(g, y, a, b, n, k):
    both = special.digamma(n + a + b) - special.digamma(a + b)
    return (
        (g * (special.digamma(k + a) - special.digamma(a) - both)).astype(a.dtype),
        (g * (special.digamma(k + b) - special.digamma(b) - both)).astype(b.dtype),
        None,
        None,
    )


bug("R", "beta-binomial: hits for misses", beta_binomial, beta_binomial_back, uniform(3), uniform(3, seed=1), 6, 3)
