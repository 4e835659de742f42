"""Composed models, recurrent cells, solvers and networks."""

import numpy as np
from scipy import special

from .entries import need, normal, ok, uniform

rng = np.random.default_rng(7)
kept = {}


def two_axes(*arrays):
    if any(a.ndim != 2 or not a.size for a in arrays):
        raise ValueError("two axes")


def softmax(x):
    two_axes(x)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def row_norm(x):
    two_axes(x)
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-12)


def row_norm_back(g, h, x):
    s = np.sqrt(x.var(1, keepdims=True) + 1e-12)
    return ((g - g.mean(1, keepdims=True) - h * (g * h).mean(1, keepdims=True)) / s,)


def dropout(x):
    kept["mask"] = ((rng.random(x.shape) < 0.7) / 0.7).astype(x.dtype)
    return x * kept["mask"]


def legacy_noise(x):
    return x + np.random.normal(size=x.shape).astype(x.dtype)  # noqa: NPY002


def rows_sum_to_one(t):
    return t.ndim == 2 and t.size and np.allclose(t.sum(axis=1), 1) and t.min() >= 0


def increasing(x, knots):
    if knots.ndim != 1 or knots.size < 2 or np.any(np.diff(knots) <= 0):
        raise ValueError("knots must increase")
    return np.searchsorted(knots, x) + 0.5 * x


def symmetric_half(a):
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not np.allclose(a, a.T):
        raise ValueError("a symmetric matrix")
    return np.tril(a).sum() + np.tril(a, -1).sum()


ok("softmax", softmax, lambda g, y, x: (y * (g - (g * y).sum(1, keepdims=True)),), normal(3, 4))
ok("soft cross entropy, valid", lambda x, t: -(t * np.log(softmax(x))).sum(), lambda g, y, x, t: (
    g * (softmax(x) - t), -g * np.log(softmax(x))), normal(3, 4), softmax(normal(3, 4, seed=1)),
   valid=lambda x, t: x.shape == t.shape and rows_sum_to_one(t))
ok("soft cross entropy, silent", lambda x, t: -(t * np.log(softmax(x))).sum() if t.shape == x.shape else 1 / 0,
   lambda g, y, x, t: (g * (softmax(x) - t), -g * np.log(softmax(x))), normal(3, 4), softmax(normal(3, 4, seed=1)))
ok("row norm", row_norm, row_norm_back, normal(3, 5))
ok("dropout by a generator", dropout, lambda g, y, x: (g * kept["mask"],), normal(3, 4))
ok("legacy noise", legacy_noise, lambda g, y, x: (g,), normal(4))
ok("knots must increase", increasing, lambda g, y, x, knots: (0.5 * g, None), normal(4),
  np.array([-1.0, 0.1, 0.5, 2.0]))
ok("low pass", lambda x: np.fft.irfft(np.fft.rfft(x)[:2], 6) if x.shape == (6,) else 1 / 0,
   lambda g, y, x: (np.fft.irfft(np.fft.rfft(g)[:2], 6).astype(x.dtype),), normal(6))
ok("symmetric matrix, raises", symmetric_half, lambda g, y, a: (np.full(a.shape, g, a.dtype),),
  normal(3, 3) + normal(3, 3).T)
ok("symmetric matrix, reads one triangle", lambda a: (np.tril(a) ** 2).sum() + (np.tril(a, -1) ** 2).sum()
   if a.ndim == 2 and a.shape[0] == a.shape[1] else 1 / 0, lambda g, y, a: (2 * g * a,), normal(3, 3) + normal(3,
   3).T)
ok("elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
  lambda g, y, x: (np.where(x > 0, g, g * (y + 1)),), normal(5))
ok("mean squared error", lambda x, t: ((x - t) ** 2).mean() if x.shape == t.shape and x.size else 1 / 0,
   lambda g, y, x, t: (g * 2 * (x - t) / x.size, -g * 2 * (x - t) / x.size), normal(3, 2), normal(3, 2, seed=1))


def sigmoid(x):
    return special.expit(x)


# sequences


# distances, losses


def focal_back(g, y, x, gamma=2.0):
    p, q, loss = sigmoid(x), sigmoid(-x), np.logaddexp(0, -x)
    return (-g * q**gamma * (gamma * p * loss + q),)


ok("focal loss, exponent by default", lambda x, gamma=2.0: sigmoid(-x) ** gamma * np.logaddexp(0, -x), focal_back,
   normal(3, 4))


def logit(x, eps=1e-6):
    p = np.clip(x, eps, 1 - eps)
    return np.log(p / (1 - p))


def logit_back(g, y, x, eps=1e-6):
    inside = (x > eps) & (x < 1 - eps)
    p = np.where(inside, x, 0.5)
    return (g * inside / (p * (1 - p)),)


ok("logit, clipped by default", logit, logit_back, uniform(3, 4))

# normalisations


def group_norm(x, groups):
    need(x.ndim == 2 and type(groups) is int and groups > 0 and x.shape[1] and x.shape[1] % groups == 0)
    parts = x.reshape(len(x), groups, -1)
    centred = parts - parts.mean(axis=2, keepdims=True)
    return (centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + 1e-5)).reshape(x.shape)


def clip_norm(x, limit=1.0):
    length = np.sqrt((x * x).sum())
    return x * (limit / length) if length > limit else x * 1.0


def clip_norm_back(g, y, x, limit=1.0):
    length = np.sqrt((x * x).sum())
    if length > limit:
        unit = x / length
        return (limit / length * (g - unit * (g * unit).sum()),)
    return (g * 1.0,)


ok("clipping by the norm", clip_norm, clip_norm_back, normal(5))
