"""Planted mistakes in losses and in cells of networks."""

import numpy as np
from scipy import special

from .entries import bug, need, normal, uniform
from .right_sequences import (
    contrast,
    crammer,
    labelled,
    log_softmax,
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


def contrast_by_distance(g, y, a, b, same):
    d = np.sqrt(((a - b) ** 2).sum(axis=1))
    with np.errstate(all="ignore"):
        da = (np.where(same, 2 * d, -2 * np.maximum(1 - d, 0)) * g / d)[:, None] * (a - b)
    return da, -da, None


SAME = np.array([True, False, True, False])

bug("R", "contrastive: NaN where equal", contrast, contrast_by_distance, uniform(4, 2), uniform(4, 2, seed=1), SAME)

bug(
    "V",
    "contrastive: both the same sign",
    contrast,
    lambda g, y, a, b, same: (
        contrast_by_distance(g, y, a, b, same)[0],
        contrast_by_distance(g, y, a, b, same)[0],
        None,
    ),
    uniform(4, 2),
    uniform(4, 2, seed=1),
    SAME,
)


def info_nce(a, b):
    need(a.ndim == 2 and a.shape == b.shape and len(a))
    return -np.diag(log_softmax(a @ b.T)).mean()


bug(
    "V",
    "info nce: other side is constant",
    info_nce,
    lambda g, y, a, b: (lambda d: (g * d @ b / len(a), g * -a / len(a)))(np.exp(log_softmax(a @ b.T)) - np.eye(len(a))),
    normal(3, 4),
    normal(3, 4, seed=1),
)

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


def swiglu(x):
    need(x.shape[-1] % 2 == 0)
    a, b = np.split(x, 2, axis=-1)
    return a * special.expit(a) * b


def swiglu_back(g, y, x):
    a, b = np.split(x, 2, axis=-1)
    s = special.expit(a)
    return (np.concatenate([g * b * s * (1 + a * (1 - s)), g * a * s], axis=1),)


bug("R", "gated halves: joined along the second axis", swiglu, swiglu_back, normal(3, 4))


def prelu(x, a):
    return np.where(x > 0, x, a * x)


bug(
    "R",
    "prelu: slopes summed over rows",
    prelu,
    lambda g, y, x, a: (np.where(x > 0, g, a * g), (g * np.minimum(x, 0)).sum(axis=0)),
    normal(3, 4),
    uniform(4),
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
