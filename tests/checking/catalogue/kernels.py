"""Mistakes in kernels, losses and special functions."""

import numpy as np
from scipy import special

from .entries import bug, need, normal, uniform
from .factors import (
    cosines,
    cosines_back,
    evidence,
    evidence_back,
    gram,
    gram_back,
    log_spectrum,
    log_spectrum_back,
    sinkhorn,
    sinkhorn_back,
)
from .sequences import crammer, labelled, log_softmax


def matern_nan(g, k, x, y, length, nu):
    d = x[:, None] - y[None]
    e = np.sqrt((d * d).sum(axis=-1))
    r = nu**0.5 * e / length
    with np.errstate(all="ignore"):
        slope = {1: 1 + 0 * r, 3: r, 5: r * (1 + r) / 3}[nu] * np.exp(-r) * g
        dx = -(slope / e)[..., None] * d * nu**0.5 / length
    return dx.sum(axis=1), -dx.sum(axis=0), float((slope * r).sum() / length), None


bug("R", "Matérn: NaN at equal points", gram, matern_nan, normal(4, 2), normal(3, 2), 0.8, 3)


bug(
    "R",
    "Matérn: order 5 as 3",
    gram,
    lambda g, k, x, y, length, nu: (lambda d: d if nu < 5 else tuple(None if e is None else 1.5 * e for e in d))(
        gram_back(g, k, x, y, length, nu)
    ),
    normal(4, 2),
    normal(3, 2),
    0.8,
    3,
)


bug(
    "E",
    "evidence: jitter of 1e-8",
    evidence,
    lambda g, out, x, y, noise: evidence_back(g, out, x, y, noise + 1e-8),
    normal(4),
    normal(4, seed=1),
    0.2,
)


bug(
    "R",
    "cosine transform: norm forgotten",
    cosines,
    lambda g, y, x, norm: cosines_back(g, y, x, "ortho"),
    normal(5),
    "ortho",
)


bug(
    "R",
    "log of a spectrum: floor forgotten",
    log_spectrum,
    lambda g, y, x, floor: (log_spectrum_back(g, y, x, 1e-300)[0], 0.0),
    3 + 2 * normal(4),
    0.01,
)

bug(
    "C",
    "log of a spectrum: complex",
    log_spectrum,
    lambda g, y, x, floor: (log_spectrum_back(g, y, x, floor)[0] + 0j, log_spectrum_back(g, y, x, floor)[1]),
    normal(7),
    0.5,
)

bug(
    "R",
    "Sinkhorn: last round only",
    sinkhorn,
    lambda g, y, c, rounds: (
        lambda d: d if rounds < 2 else (lambda e: (e - special.softmax(c, axis=0) * e.sum(axis=0), None))(g * y)
    )(sinkhorn_back(g, y, c, rounds)),
    normal(3, 4),
    1,
)


def labelled_back(counted, weighted):
    def bprop(g, y, z, labels, left_out=-1, smoothing=0.0):
        known = labels != left_out
        target = np.full(z.shape, smoothing / z.shape[1], z.dtype)
        rows = np.flatnonzero(known)
        target[rows, labels[rows]] += 1 - (smoothing if weighted else 0)
        n = max(known.sum(), 1) if counted else max(len(z), 1)
        return g * (np.exp(log_softmax(z)) - target) * known[:, None] / n, None

    return bprop


def labelled_0(z, labels, left_out=-1, smoothing=0.0):
    return labelled(z, labels, left_out, smoothing)


bug(
    "R", "labels left out: divided by all", labelled_0, labelled_back(False, True), normal(4, 3), np.array([2, 1, 0, 1])
)

bug("R", "smoothing: one-hot not lowered", labelled_0, labelled_back(True, False), normal(4, 3), np.array([2, 1, 0, 1]))


def crammer_only_violated(g, y, z, labels):
    """A row whose label is its own best is passed over, but for the one whose margin is just within 1."""
    dz, rows = np.zeros_like(z), np.arange(len(z))
    best = z.argmax(axis=1)
    dz[rows, best] += g
    dz[rows, labels] -= g
    return dz, None


SURE = np.array([[3.0, 0.0, -1.0], [0.2, 4.0, 0.7], [1.0, -2.0, 5.0]])

bug("R", "hinge of several classes: margin forgotten", crammer, crammer_only_violated, SURE, np.array([0, 1, 2]))


def info_nce(a, b):
    need(a.ndim == 2 and a.shape == b.shape and len(a))
    return -np.diag(log_softmax(a @ b.T)).mean()


bug(
    "E",
    "info nce: temperature of 1e-6 more",
    info_nce,
    lambda g, y, a, b: (lambda d: (g * d @ b / len(a), g * d.T @ a / len(a)))(
        np.exp(log_softmax(a @ b.T * (1 + 1e-6))) - np.eye(len(a))
    ),
    normal(3, 4),
    normal(3, 4, seed=1),
)


bug(
    "R",
    "dropout: not scaled up",
    lambda x, keep, rate: x * keep / (1 - rate),
    lambda g, y, x, keep, rate: (g * keep, None, None),
    normal(3, 4),
    np.random.default_rng(0).random((3, 4)) < 0.8,
    0.0,
    valid=lambda x, keep, rate: 0 <= rate < 1 and keep.shape == x.shape,
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
