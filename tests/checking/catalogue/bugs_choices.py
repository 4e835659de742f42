"""Planted mistakes where something is chosen, sorted, grouped or gathered."""

import numpy as np

from .entries import bug, fit, need, normal, uniform
from .right_choices import (
    assigned,
    assigned_back,
    by_key,
    gated,
    isotonic,
    largest_of_groups,
    permuted,
    row_sparse,
    row_sparse_back,
    trimmed,
    trimmed_back,
    weighted_mean,
)


def isotonic_pairs(g, y, x):
    """Only neighbours of two are pooled."""
    dx = np.array(g)
    for k in range(x.size - 1):
        if y[k] == y[k + 1]:
            dx[k : k + 2] = (g[k] + g[k + 1]) / 2
    return (dx,)


bug("R", "isotonic: pools of two", isotonic, isotonic_pairs, np.array([0.1, 0.9, 0.7, 1.5, 2.0, 2.4]))

bug(
    "V",
    "ordered by another: order for its inverse",
    by_key,
    lambda g, y, x, key: (g[np.argsort(key, kind="stable")], np.zeros_like(key)),
    normal(5),
    normal(5, seed=1),
)

bug(
    "R",
    "permuted: own inverse",
    permuted,
    lambda g, y, x, order, inverse: (g[order], None, None),
    normal(4, 2),
    np.array([1, 0, 3, 2]),
    False,
)

bug(
    "R",
    "permuted: back is forth",
    permuted,
    lambda g, y, x, order, inverse: (g[np.argsort(order)], None, None),
    normal(4, 2),
    np.array([2, 0, 3, 1]),
    False,
)


def sparse_assigned(g, y, data, columns, starts, x):
    d, _, _, dx = row_sparse_back(g, y, data, columns, starts, x)
    spread = g[np.repeat(np.arange(y.size), np.diff(starts))]
    dx[columns] = spread * data
    return d, None, None, dx


def sparse_full_rows(g, y, data, columns, starts, x):
    """An empty row takes the first entry of the next one."""
    spread = np.zeros_like(data)
    for row in reversed(range(y.size)):
        spread[starts[row] : max(starts[row + 1], starts[row] + 1)] = g[row]
    dx = np.zeros_like(x)
    np.add.at(dx, columns, spread * data)
    return spread * x[columns], None, None, dx


SPARSE = (normal(4), np.array([0, 3, 2, 1]), np.array([0, 2, 3, 4]), normal(4, seed=1))

bug("R", "sparse product: a column once", row_sparse, sparse_assigned, *SPARSE)

bug("R", "sparse product: an empty row", row_sparse, sparse_full_rows, *SPARSE)


def groups_by_value(g, y, x, group, count):
    return g[group] * (x == y[group]), None


def groups_three(g, y, x, group, count):
    dx = np.zeros_like(x)
    for which in np.unique(group):
        mine = np.flatnonzero(group == which)
        dx[mine[x[mine].argmax()]] = g[which]
    return dx, None


bug(
    "S",
    "largest of groups: one None too few",
    largest_of_groups,
    groups_three,
    normal(6),
    np.array([0, 2, 0, 3, 2, 2]),
    4,
)

bug(
    "R",
    "largest of groups: all ties",
    largest_of_groups,
    lambda *a: (*groups_by_value(*a), None),
    normal(6),
    np.array([0, 2, 0, 3, 2, 2]),
    4,
)

bug(
    "R",
    "trimmed mean: an eighth always",
    trimmed,
    lambda g, y, x, share: trimmed_back(g, y, x, 0.125),
    normal(8),
    0.125,
)

bug(
    "R",
    "trimmed mean: divided by all",
    trimmed,
    lambda g, y, x, share: (trimmed_back(g, y, x, share)[0] * (1 - 2 * int(share * x.size) / x.size), 0.0),
    normal(7),
    0.1,
)


def assigned_once(g, y, x, centres):
    dx, dc = assigned_back(g, y, x, centres)
    dc[((x[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)] = -dx
    return dx, dc


bug(
    "R",
    "nearest centre: centre of two overwritten",
    assigned,
    assigned_once,
    np.array([[0.1, 0.2], [1.1, 0.9], [2.2, 0.1]]),
    np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]),
)

bug(
    "R",
    "rows chosen: by their first element",
    gated,
    lambda g, y, x, threshold: (np.where(x[:, :1] > threshold, 2 * g, g), 0.0),
    np.array([[0.5, 0.3, 0.4], [-0.3, -0.2, -0.6]]),
    0.0,
)

bug(
    "R",
    "mean with weights: they sum to 1",
    weighted_mean,
    lambda g, y, x, w: (g[..., None] * w, fit(g[..., None] * (x - y[..., None]), w)),
    normal(3, 4),
    uniform(4) / uniform(4).sum(),
)

bug(
    "R",
    "mean with weights: summed over rows of a matrix",
    weighted_mean,
    lambda g, y, x, w: (
        g[..., None] * w / w.sum(),
        (g[..., None] * (x - y[..., None])).sum(axis=0) / w.sum() if x.ndim > 1 else g * (x - y) / w.sum(),
    ),
    normal(3, 4),
    uniform(4),
)


def centred(x):
    need(x.ndim == 1)
    return np.fft.fftshift(x)


bug("R", "halves exchanged: odd lengths", centred, lambda g, y, x: (np.fft.fftshift(g),), normal(6))

bug(
    "R",
    "running product: one zero",
    lambda x: np.cumprod(x) if x.ndim == 1 else 1 / 0,
    lambda g, y, x: ((np.cumsum((g * y)[::-1])[::-1] / np.where(x == 0, 1, x)),),
    normal(5),
)
