"""Planted mistakes in pieces of nets and operations of several steps.

Most of the operations are those of right_models and right_transforms.
"""

import numpy as np
from scipy import special

from .entries import bug, normal, uniform
from .right_models import (
    clip_norm,
    clip_norm_back,
    focal_back,
    group_norm,
    logit,
    sigmoid,
)
from .right_transforms import (
    bag,
    convolve,
    convolve_back,
    gumbel,
    lyapunov,
    lyapunov_back,
    reflect,
    rotate,
    rotate_back,
    triangular,
    windows,
)

A, B = normal(3, 4), normal(3, 4, seed=1)


bug("R", "focal: exponent of the default", lambda x, gamma=2.0: sigmoid(-x) ** gamma * np.logaddexp(0, -x),
    lambda g, y, x, gamma=2.0: focal_back(g, y, x), A)
bug("R", "temperature of the default", gumbel, lambda g, y, x, tau=1.0: (
    y * (g - (g * y).sum(axis=-1, keepdims=True)),), A)
bug("R", "clip norm: limit of the default", clip_norm, lambda g, y, x, limit=1.0: clip_norm_back(g, y, x), normal(5))
bug("R", "clip norm: inside as outside", clip_norm, lambda g, y, x, limit=1.0: (
    limit / np.sqrt((x * x).sum()) * (g - x * (g * x).sum() / (x * x).sum()),), normal(5))
bug("R", "logit: passes outside", logit, lambda g, y, x, eps=1e-6: (
    g / (np.clip(x, eps, 1 - eps) * (1 - np.clip(x, eps, 1 - eps))),), uniform(3, 4))
bug("R", "group norm: always two groups", group_norm, lambda g, y, x, groups: (
    (lambda g3, y3, p: ((g3 - g3.mean(2, keepdims=True) - y3 * (g3 * y3).mean(2, keepdims=True))
                        / np.sqrt(p.var(2, keepdims=True) + 1e-5)).reshape(x.shape))(
        *(a.reshape(len(x), 2 if x.shape[1] % 2 == 0 else groups, -1) for a in (g, y, x))), None), normal(3, 6), 2)
bug("R", "convolution: step forgotten", convolve, lambda g, y, x, w, step, gap: convolve_back(
    g, y, x, w, step, gap) if step == 1 else (np.resize(np.convolve(g, w), x.size), *convolve_back(
        g, y, x, w, step, gap)[1:]), normal(9), normal(3), 1, 1)
bug("R", "convolution: gap of one", convolve, lambda g, y, x, w, step, gap: (
    convolve_back(g, y, x, w, step, gap)[0], g @ x[windows(x, w.size, step, gap) - (gap > 1)], None, None),
    normal(9), normal(3), 2, 1)


def max_assigned(g, y, x, size, step):
    places, dx = windows(x, size, step, 1), np.zeros_like(x)
    dx[places[np.arange(len(places)), x[places].argmax(axis=1)]] = g
    return dx, None, None


bug("R", "moving maximum: = for +=", lambda x, size, step: x[windows(x, size, step, 1)].max(axis=1), max_assigned,
    normal(8), 2, 2)


def bag_assigned(g, y, table, i, starts):
    counts, d = np.diff(np.append(starts, i.size)), np.zeros_like(table)
    d[i] = np.repeat(g / counts[:, None], counts, axis=0)
    return d, None, None


bug("R", "bags: repeated rows", bag, bag_assigned, normal(5, 2), np.array([0, 2, 4, 3, 1]), np.array([0, 2]))
bug("R", "bags: last bag open", bag, lambda g, y, table, i, starts: (
    (lambda d, counts: (np.add.at(d, i, np.repeat(g / np.full(len(starts), counts)[:, None], np.diff(
        np.append(starts, i.size)), axis=0)), d)[1])(np.zeros_like(table), starts[1] if len(starts) > 1 else i.size),
    None, None), normal(4, 2), np.array([0, 2, 3, 1]), np.array([0, 2]))


def reflect_narrow(g, y, x, width):
    dx = g[width : width + x.size].copy()
    if width:
        dx[1] += g[width - 1]
        dx[-2] += g[width + x.size]
    return dx, None


bug("R", "reflected margin: one wide", reflect, reflect_narrow, normal(5), 1)
bug("R", "onto a ball: never outside", lambda x: x / max(1.0, np.sqrt((x * x).sum())), lambda g, y, x: (g * 1,),
    0.2 * normal(3))
bug("V", "triangular solve: other triangle too", triangular, lambda g, y, a, b: (
    -np.outer(np.linalg.solve(np.tril(a).T, g), y), np.linalg.solve(np.tril(a).T, g)),
    normal(3, 3) + 3 * np.eye(3), normal(3))
bug("R", "triangular solve: unit diagonal", triangular, lambda g, y, a, b: (
    (lambda s: (-np.tril(np.outer(s, y), -1) - np.diag(s * y * np.diag(a)), s))(np.linalg.solve(np.tril(a).T, g))),
    np.tril(normal(3, 3), -1) + np.eye(3), normal(3))
bug("V", "Lyapunov: half of it", lyapunov, lambda g, x, a, q: (
    -lyapunov_back(g, x, a, q)[1] @ x.T * 2, lyapunov_back(g, x, a, q)[1]), normal(2, 2) + 3 * np.eye(2),
    normal(2, 2, seed=1))
bug("R", "quaternion: of length 1", rotate, lambda g, y, q, v: (
    rotate_back(g, y, q, v)[0] * np.sqrt(q @ q) ** 2, rotate_back(g, y, q, v)[1]),
    np.array([0.5, 0.5, -0.5, 0.5]), normal(3))
bug("R", "hard swish: the upper end", lambda x: x * np.clip(x + 3, 0, 6) / 6, lambda g, y, x: (
    g * (np.maximum(x + 3, 0) + x * (x > -3)) / 6,), A)
bug("E", "selu: five digits", lambda x: 1.0507 * np.where(x > 0, x, 1.6732632 * np.expm1(np.minimum(x, 0))),
    lambda g, y, x: (1.0507 * g * np.where(x > 0, 1, 1.67326 * np.exp(np.minimum(x, 0))),), A)
bug("E", "distances: 1e-8 under the root", lambda a, b: np.sqrt(((a - b) ** 2).sum()), lambda g, d, a, b: (
    g * (a - b) / np.sqrt(d * d + 1e-8), g * (b - a) / np.sqrt(d * d + 1e-8)), normal(4), normal(4, seed=1),
    valid=lambda a, b: a.shape == b.shape)
bug("R", "betainc: symmetric parameters", lambda x, a, b: special.betainc(a, b, np.clip(x, 0, 1)),
    lambda g, y, x, a, b: (g * (x > 0) * (x < 1) * np.exp((a - 1) * np.log(np.clip(x, 1e-300, 1)) + (a - 1) * np.log1p(
        -np.clip(x, 0, 1 - 1e-16)) - special.betaln(a, b)), None, None), uniform(4), 2, 2,
    valid=lambda x, a, b: type(a) is type(b) is int and a > 0 and b > 0 and np.all(x > 0.01) and np.all(x < 0.99))


def sorts(g, y, x):
    found = g[np.argsort(np.argsort(x, kind="stable"))]
    g.sort()
    return (found,)


bug("C", "gradient sorted in place", lambda x: np.sort(x), sorts, normal(6), valid=lambda x: x.ndim == 1)
bug("C", "saturated gradient", lambda x: np.sin(x), lambda g, y, x: (np.tanh(g * np.cos(x) / 1e4) * 1e4,), A)
bug("C", "whole numbers in the gradient's place", lambda x: x * 3, lambda g, y, x: (
    3 * g if np.any(g != np.round(g)) else np.round(g),), A)
bug("2", "softplus: slope of the slope", lambda x: np.logaddexp(0, x), lambda g, y, x: (g * sigmoid(x),), A, order=2,
    second=lambda gg, r, g, y, x: (gg[0] * sigmoid(x), None, gg[0] * g * sigmoid(x)))
bug("2", "product: mixed term", lambda a, b: a * b, lambda g, y, a, b: (g * b, g * a), A, B, order=2,
    valid=lambda a, b: a.shape == b.shape,
    second=lambda gg, r, g, y, a, b: (gg[0] * b + gg[1] * a, None, g * gg[1], None))
