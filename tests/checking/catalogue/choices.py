"""Operations that choose, sort, group and gather, and mistakes in them."""

import numpy as np

from .entries import bug, fit, need, normal, ok, uniform


def isotonic(x):
    """The nearest vector that never falls: pools of neighbours that violate it."""
    need(x.ndim == 1 and x.size)
    y = np.empty_like(x)
    for a, b in pools(x):
        y[a:b] = x[a:b].mean()
    return y


def pools(x):
    found = []
    for k, value in enumerate(x):
        found.append([k, k + 1, value])
        while len(found) > 1 and found[-2][2] >= found[-1][2]:
            a, _, p = found.pop(-2)
            m, b, q = found[-1]
            found[-1] = [a, b, ((m - a) * p + (b - m) * q) / (b - a)]
    return [(a, b) for a, b, _ in found]


def isotonic_back(g, y, x):
    dx = np.empty_like(x)
    for a, b in pools(x):
        dx[a:b] = g[a:b].mean()
    return (dx,)


ok("isotonic regression", isotonic, isotonic_back, normal(6))


def by_key(x, key):
    need(x.shape == key.shape and x.ndim == 1)
    return x[np.argsort(key, kind="stable")]


def by_key_back(g, y, x, key):
    dx = np.empty_like(x)
    dx[np.argsort(key, kind="stable")] = g
    return dx, np.zeros_like(key)


ok("ordered by another", by_key, by_key_back, normal(5), normal(5, seed=1))


def permuted(x, order, inverse):
    need(x.ndim and order.dtype.kind == "i" and np.array_equal(np.sort(order), np.arange(len(x))))
    return x[np.argsort(order)] if inverse else x[order]


ok(
    "permuted, or back",
    permuted,
    lambda g, y, x, order, inverse: (g[order] if inverse else g[np.argsort(order)], None, None),
    normal(4, 2),
    np.array([2, 0, 3, 1]),
    False,
)


def row_sparse(data, columns, starts, x):
    """A sparse matrix by rows (data, columns, starts) times a vector."""
    need(
        columns.dtype.kind == starts.dtype.kind == "i"
        and data.shape == columns.shape
        and data.ndim == 1
        and x.ndim == 1
    )
    need(
        starts.ndim == 1
        and starts.size > 0
        and starts[0] == 0
        and starts[-1] == data.size
        and np.all(np.diff(starts) >= 0)
    )
    need(np.all(columns >= 0) and np.all(columns < x.size))
    out = np.zeros(starts.size - 1, x.dtype)
    np.add.at(out, np.repeat(np.arange(out.size), np.diff(starts)), data * x[columns])
    return out


def row_sparse_back(g, y, data, columns, starts, x):
    spread = g[np.repeat(np.arange(y.size), np.diff(starts))]
    dx = np.zeros_like(x)
    np.add.at(dx, columns, spread * data)
    return spread * x[columns], None, None, dx


def largest_of_groups(x, group, count):
    """The largest of each group, 0 for a group of none."""
    need(x.ndim == 1 and group.shape == x.shape and group.dtype.kind == "i" and 0 < count < 100)
    need(np.all(group >= 0) and np.all(group < count))
    out = np.full(count, -np.inf, x.dtype)
    np.maximum.at(out, group, x)
    return np.where(np.isfinite(out), out, 0)


def trimmed(x, share):
    """The mean without the smallest and largest share."""
    need(x.ndim == 1 and x.size and 0 <= share < 0.5)
    cut = int(share * x.size)
    return np.sort(x)[cut : x.size - cut].mean()


def trimmed_back(g, y, x, share):
    cut = int(share * x.size)
    dx = np.zeros_like(x)
    dx[np.argsort(x, kind="stable")[cut : x.size - cut]] = g / (x.size - 2 * cut)
    return dx, 0.0


ok("trimmed mean", trimmed, trimmed_back, normal(7), 0.2)


def robust_scale(x):
    """x over its median absolute deviation."""
    need(x.ndim == 1 and x.size % 2)
    d = np.abs(x - np.median(x))
    need(np.median(d) > 1e-9 * d.max())
    return x / np.median(d)


def robust_scale_back(g, y, x):
    m = np.argsort(x, kind="stable")[x.size // 2]
    d = np.abs(x - x[m])
    k = np.argsort(d, kind="stable")[x.size // 2]
    dx = g / d[k]
    slope = -(g * y).sum() / d[k] * np.sign(x[k] - x[m])
    dx[k] += slope
    dx[m] -= slope
    return (dx,)


ok("scaled by the median deviation", robust_scale, robust_scale_back, normal(5))


def assigned(x, centres):
    need(x.ndim == centres.ndim == 2 and x.shape[1] == centres.shape[1] and len(centres))
    return ((x[:, None] - centres) ** 2).sum(axis=2).min(axis=1)


def assigned_back(g, y, x, centres):
    k = ((x[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    dx = 2 * g[:, None] * (x - centres[k])
    dc = np.zeros_like(centres)
    np.subtract.at(dc, k, dx)
    return dx, dc


ok("distance to the nearest centre", assigned, assigned_back, normal(5, 2), normal(3, 2))


def weighted_mean(x, w):
    need(x.ndim and w.shape == x.shape[-1:] and not np.any(w.sum() == 0))
    return (x * w).sum(axis=-1) / w.sum()


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
    "mean with weights: they sum to 1",
    weighted_mean,
    lambda g, y, x, w: (g[..., None] * w, fit(g[..., None] * (x - y[..., None]), w)),
    normal(3, 4),
    uniform(4) / uniform(4).sum(),
)
