"""Planted mistakes where something is chosen, sorted, grouped, gathered, or convolved under settings."""

import numpy as np

from .entries import back, bug, fit, normal, uniform
from .right_choices import (
    assigned,
    assigned_back,
    by_key,
    conv,
    conv_back,
    deviation,
    deviation_back,
    gated,
    group_mean,
    isotonic,
    largest_of_groups,
    need,
    padded,
    padded_back,
    permuted,
    reduced,
    robust_scale,
    robust_scale_back,
    row_sparse,
    row_sparse_back,
    trapezium,
    trapezium_back,
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
bug("V", "ordered by another: order for its inverse", by_key, lambda g, y, x, key: (g[np.argsort(key, kind="stable")], np.zeros_like(key)),
    normal(5), normal(5, seed=1))
bug("R", "permuted: own inverse", permuted, lambda g, y, x, order, inverse: (g[order], None, None), normal(4, 2), np.array([1, 0, 3, 2]), False)
bug("R", "permuted: back is forth", permuted, lambda g, y, x, order, inverse: (g[np.argsort(order)], None, None),
    normal(4, 2), np.array([2, 0, 3, 1]), False)


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


bug("S", "largest of groups: one None too few", largest_of_groups, groups_three, normal(6), np.array([0, 2, 0, 3, 2, 2]), 4)
bug("R", "largest of groups: all ties", largest_of_groups, lambda *a: (*groups_by_value(*a), None), normal(6), np.array([0, 2, 0, 3, 2, 2]), 4)
bug("R", "trimmed mean: an eighth always", trimmed, lambda g, y, x, share: trimmed_back(g, y, x, 0.125), normal(8), 0.125)
bug("R", "trimmed mean: divided by all", trimmed, lambda g, y, x, share: (
    trimmed_back(g, y, x, share)[0] * (1 - 2 * int(share * x.size) / x.size), 0.0), normal(7), 0.1)
bug("V", "median deviation: middle held fixed", robust_scale, lambda g, y, x: (
    lambda d, m: (np.where(np.arange(x.size) == m, g / np.median(abs(x - np.median(x))), d),))(
    robust_scale_back(g, y, x)[0], np.argsort(x, kind="stable")[x.size // 2]), normal(5))
bug("R", "reduction by name: sum as mean", reduced, lambda g, y, x, reduction: (2 * g * x / (1 if reduction == "none" else x.size), None),
    normal(3, 4), "mean")
bug("R", "deviation: one degree always", deviation, lambda g, y, x, axis, ddof: deviation_back(g, y, x, axis, 1), normal(3, 4), 1, 1)
bug("R", "deviation: over all, by the rows", deviation, lambda g, y, x, axis, ddof: (
    (back(g / y, x, axis) * (x - x.mean(axis=axis, keepdims=True)) / (x.shape[-1 if axis is None or type(axis) is tuple else axis] - ddof)).astype(x.dtype), None, None),
    normal(3, 4), 1, 1)
bug("R", "padded: wrapped as reflected", padded, lambda g, y, x, width, mode: padded_back(
    g, y, x, width, "reflect" if mode == "wrap" else mode), normal(5), 2, "reflect")
bug("R", "padded: margin is dropped", padded, lambda g, y, x, width, mode: (g[width : width + x.size] * 1, None, None), normal(5), 2, "constant")
bug("R", "convolution of channels: tail in front", conv, lambda g, y, x, w, stride, gap, margin: (
    lambda d: (np.roll(d[0], (x.shape[1] + 2 * margin - gap * (w.shape[2] - 1) - 1) % stride, axis=1), *d[1:]))(conv_back(g, y, x, w, stride, gap, margin)),
    normal(2, 7), normal(3, 2, 3), 2, 1, 0)
bug("R", "convolution of channels: margin left on", conv, lambda g, y, x, w, stride, gap, margin: (
    lambda d: (d[0] if margin < 2 else np.roll(d[0], 1, axis=1), *d[1:]))(conv_back(g, y, x, w, stride, gap, margin)),
    normal(2, 7), normal(3, 2, 3), 1, 1, 1)
bug("R", "convolution of channels: weights without gap", conv, lambda g, y, x, w, stride, gap, margin: (
    conv_back(g, y, x, w, stride, gap, margin)[0],
    np.stack([g @ np.pad(x, ((0, 0), (margin, margin)))[:, k : k + (g.shape[1] - 1) * stride + 1 : stride].T for k in range(w.shape[2])], axis=2),
    None, None, None), normal(2, 7), normal(3, 2, 3), 2, 1, 1)


def group_swapped(g, y, x, groups):
    size = x.shape[1] // groups
    z, d = x.reshape(len(x), size, -1), g.reshape(len(x), size, -1)
    s = np.sqrt((z * z).mean(axis=2, keepdims=True) + 1e-5)
    return ((d - z * (d * z).mean(axis=2, keepdims=True) / s**2) / s).reshape(x.shape), None


def group_floor(g, y, x, groups):
    """The floor under the root is left out on the way back."""
    z, d = x.reshape(len(x), groups, -1), g.reshape(len(x), groups, -1)
    s2 = (z * z).mean(axis=2, keepdims=True)
    return ((d - z * (d * z).mean(axis=2, keepdims=True) / np.where(s2 > 0, s2, 1)) / np.sqrt(s2 + 1e-5)).reshape(x.shape), None


bug("R", "groups of length 1: groups for their size", group_mean, group_swapped, normal(2, 4, 3), 2)
bug("E", "groups of length 1: floor left out", group_mean, group_floor, normal(2, 4, 3), 2)


def assigned_once(g, y, x, centres):
    dx, dc = assigned_back(g, y, x, centres)
    dc[((x[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)] = -dx
    return dx, dc


bug("R", "nearest centre: centre of two overwritten", assigned, assigned_once,
    np.array([[0.1, 0.2], [1.1, 0.9], [2.2, 0.1]]), np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]))
bug("R", "rows chosen: by their first element", gated, lambda g, y, x, threshold: (np.where(x[:, :1] > threshold, 2 * g, g), 0.0),
    np.array([[0.5, 0.3, 0.4], [-0.3, -0.2, -0.6]]), 0.0)
bug("R", "mean with weights: they sum to 1", weighted_mean, lambda g, y, x, w: (g[..., None] * w, fit(g[..., None] * (x - y[..., None]), w)),
    normal(3, 4), uniform(4) / uniform(4).sum())
bug("R", "mean with weights: summed over rows of a matrix", weighted_mean, lambda g, y, x, w: (
    g[..., None] * w / w.sum(), (g[..., None] * (x - y[..., None])).sum(axis=0) / w.sum() if x.ndim > 1 else g * (x - y) / w.sum()),
    normal(3, 4), uniform(4))
bug("R", "running integral: axis moved forth twice", trapezium, lambda g, out, y, x, axis: (
    lambda d: (np.moveaxis(np.moveaxis(d[0], axis, -1), axis, -1), *d[1:]))(trapezium_back(g, out, y, x, axis)), normal(4, 4), np.cumsum(uniform(4)), 1)
bug("R", "running integral: even steps", trapezium, lambda g, out, y, x, axis: (
    trapezium_back(g, out, y, np.linspace(x[0], x[-1], x.size).astype(x.dtype), axis)[0] if x.size else trapezium_back(g, out, y, x, axis)[0],
    *trapezium_back(g, out, y, x, axis)[1:]), normal(3, 5), np.arange(5.0), 1)


def top_k(x, k, largest):
    need(x.ndim == 1 and 0 < k <= x.size)
    order = np.sort(x)
    return order[x.size - k :] if largest else order[:k]


def top_k_back(g, y, x, k, largest):
    dx = np.zeros_like(x)
    dx[np.argsort(x, kind="stable")[x.size - k :]] = g
    return dx, None, None


bug("R", "largest few: smallest asked", top_k, top_k_back, normal(6), 2, True)


def centred(x):
    need(x.ndim == 1)
    return np.fft.fftshift(x)


bug("R", "halves exchanged: odd lengths", centred, lambda g, y, x: (np.fft.fftshift(g),), normal(6))
bug("R", "running product: one zero", lambda x: np.cumprod(x) if x.ndim == 1 else 1 / 0, lambda g, y, x: (
    (np.cumsum((g * y)[::-1])[::-1] / np.where(x == 0, 1, x)),), normal(5))
bug("R", "norm by order: as of 2", lambda x, ord: np.linalg.norm(x, ord) if x.ndim == 1 and x.size and ord in (1, 2, 3, np.inf) else 1 / 0,
    lambda g, y, x, ord: (g * np.sign(x) * (abs(x) / (y if y else 1)) ** (min(ord, 2) - 1), None), normal(4), 2)
