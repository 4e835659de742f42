"""Planted mistakes in probability."""

import numpy as np
from scipy import special

from .entries import bug, need, normal, uniform
from .right_densities import (
    censored,
    dirichlet,
    dirichlet_back,
    mixture,
    mixture_back,
    negative_binomial,
    negative_binomial_back,
    poisson,
    student,
    student_back,
    von_mises,
)


def digamma_short(x):
    """Stirling's series after three steps up: good to five digits."""
    shift = 1 / x + 1 / (x + 1) + 1 / (x + 2)
    z = x + 3
    return np.log(z) - 1 / (2 * z) - 1 / (12 * z * z) - shift


bug(
    "R",
    "Student's t: normal from 30 on",
    student,
    lambda g, y, x, nu: (np.where(nu > 30, -g * x, student_back(g, y, x, nu)[0]), student_back(g, y, x, nu)[1]),
    normal(4),
    1 + 5 * uniform(4),
)

bug(
    "V",
    "Student's t: normaliser is constant",
    student,
    lambda g, y, x, nu: (
        student_back(g, y, x, nu)[0],
        g * ((nu + 1) / nu * x * x / (nu + x * x) - np.log1p(x * x / nu)) / 2,
    ),
    normal(4),
    1 + 5 * uniform(4),
)

bug(
    "E",
    "Dirichlet: digamma by a short series",
    dirichlet,
    lambda g, y, p, a: (
        dirichlet_back(g, y, p, a)[0],
        g * (special.digamma(a.sum()) - digamma_short(a) + np.log(p / p.sum())),
    ),
    uniform(4) / uniform(4).sum(),
    1 + uniform(4, seed=1),
)

bug(
    "V",
    "Dirichlet: p is on the simplex",
    dirichlet,
    lambda g, y, p, a: (g * (a - 1) / p, dirichlet_back(g, y, p, a)[1]),
    uniform(4) / uniform(4).sum(),
    1 + uniform(4, seed=1),
)

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
    "V",
    "negative binomial: mean in the middle term only",
    negative_binomial,
    lambda g, y, mean, size, counts: (
        negative_binomial_back(g, y, mean, size, counts)[0] + g / (size + mean),
        *negative_binomial_back(g, y, mean, size, counts)[1:],
    ),
    uniform(4),
    uniform(4, seed=1),
    np.array([0, 2, 1, 5]),
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
    "von Mises: overflow of the Bessel functions",
    von_mises,
    lambda g, y, x, k: (-g * k * np.sin(x), (g * (np.cos(x) - special.i1(k) / special.i0(k))).astype(k.dtype)),
    normal(4),
    uniform(4, high=4),
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
    "V",
    "mixture: weights without their normaliser",
    mixture,
    lambda g, y, x, w, m, s: (lambda d: (d[0], d[1] + special.softmax(w) * g.sum(), *d[2:]))(
        mixture_back(g, y, x, w, m, s)
    ),
    normal(4),
    normal(3),
    normal(3, seed=1),
    0.3 * normal(3),
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


def kl_normals(m, s, m0, s0):
    need(m.shape == s.shape == m0.shape == s0.shape)
    return (s0 - s + (np.exp(2 * (s - s0)) + (m - m0) ** 2 * np.exp(-2 * s0) - 1) / 2).sum()


bug(
    "R",
    "KL of normals: prior of width 1",
    kl_normals,
    lambda g, y, m, s, m0, s0: (
        g * (m - m0),
        g * (np.exp(2 * (s - s0)) - 1),
        g * (m0 - m) * np.exp(-2 * s0),
        g * (1 - np.exp(2 * (s - s0)) - (m - m0) ** 2 * np.exp(-2 * s0)),
    ),
    normal(3),
    0.3 * normal(3),
    normal(3, seed=1),
    np.zeros(3),
)
