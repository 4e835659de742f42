"""Pictures, splines and samplings, and mistakes in them."""

import numpy as np

from .entries import bug, need, normal, ok, uniform


def sampled(image, xy, wrap):
    """An image between its pixels, the border repeated, or the image wrapped around."""
    need(image.ndim == 2 and image.size and xy.ndim == 2 and xy.shape[1] == 2 and abs(xy).max(initial=0) < 1e6)
    (i, k), (a, b), _ = corners(image.shape, xy, wrap)
    return (1 - a) * ((1 - b) * image[i[0], k[0]] + b * image[i[0], k[1]]) + a * (
        (1 - b) * image[i[1], k[0]] + b * image[i[1], k[1]]
    )


def corners(shape, xy, wrap):
    at, share, inside = [], [], []
    for n, p in zip(shape, xy.T, strict=True):
        q = p if wrap else np.clip(p, 0, n - 1)
        low = np.floor(q).astype(int)
        if not wrap:
            low = np.minimum(low, max(n - 2, 0))
        at.append((low % n, (low + 1) % n))
        share.append(q - low)
        inside.append(np.ones(p.shape, bool) if wrap else (p >= 0) & (p <= n - 1) & (n > 1))
    return at, share, inside


def spline(y, t):
    """The natural cubic spline through (0, y0), (1, y1), ..., continued by straight lines."""
    need(y.ndim == 1 and y.size > 2 and t.ndim == 1 and abs(t).max(initial=0) < 1e6)
    k, a = pieces(y, t)
    c = np.concatenate([[0], np.linalg.solve(band(y.size), 6 * np.diff(y, 2)), [0]])
    s = y[k] * (1 - a) + y[k + 1] * a
    b = np.clip(a, 0, 1)
    bend = c[k] * ((1 - b) ** 3 - (1 - b)) / 6 + c[k + 1] * (b**3 - b) / 6
    return (s + bend + (a - b) * np.where(a > 1, c[k] / 6 + c[k + 1] / 3, -c[k] / 3 - c[k + 1] / 6)).astype(y.dtype)


def pieces(y, t):
    k = np.clip(np.floor(t).astype(int), 0, y.size - 2)
    return k, t - k


def band(n):
    return 4 * np.eye(n - 2) + np.eye(n - 2, k=1) + np.eye(n - 2, k=-1)


def spline_back(g, out, y, t):
    k, a = pieces(y, t)
    b = np.clip(a, 0, 1)
    c = np.concatenate([[0], np.linalg.solve(band(y.size), 6 * np.diff(y, 2)), [0]])
    over = a > 1
    left = ((1 - b) ** 3 - (1 - b)) / 6 + (a - b) * np.where(over, 1 / 6, -1 / 3)
    right = (b**3 - b) / 6 + (a - b) * np.where(over, 1 / 3, -1 / 6)
    dc, dy = np.zeros(y.size), np.zeros(y.size)
    np.add.at(dc, k, g * left)
    np.add.at(dc, k + 1, g * right)
    np.add.at(dy, k, g * (1 - a))
    np.add.at(dy, k + 1, g * a)
    e = 6 * np.linalg.solve(band(y.size), dc[1:-1])
    dy[:-2] += e
    dy[1:-1] -= 2 * e
    dy[2:] += e
    slope = y[k + 1] - y[k] + c[k] * (1 - 3 * (1 - b) ** 2) / 6 + c[k + 1] * (3 * b * b - 1) / 6
    return dy.astype(y.dtype), (g * slope).astype(t.dtype)


ok("natural spline", spline, spline_back, normal(5), uniform(4, low=-1, high=5))


def slopes(y, x, edge_order):
    need(y.ndim == 1 and x.shape == y.shape and y.size > edge_order and edge_order in (1, 2) and np.all(np.diff(x) > 0))
    return np.gradient(y, x, edge_order=edge_order)


def slopes_back(g, out, y, x, edge_order):
    rows = stencil(x, edge_order)
    dy = rows.T @ g
    dx = np.zeros_like(x)
    # The slope at i is that of a parabola or line through points: one that moves along the curve changes nothing.
    for i in range(x.size):
        at, q = local(x, y, i, edge_order)
        d = np.polyder(q)
        for j in at:
            dx[j] -= g[i] * rows[i, j] * np.polyval(d, x[j] - x[i])
        dx[i] += g[i] * np.polyval(np.polyder(d), 0.0)
    return dy, dx, None


def local(x, y, i, edge_order):
    n = x.size
    first = min(max(i - 1, 0), n - 3) if 0 < i < n - 1 or edge_order == 2 else (0 if i == 0 else n - 2)
    at = np.arange(first, first + (3 if 0 < i < n - 1 or edge_order == 2 else 2))
    return at, np.polyfit(x[at] - x[i], y[at], len(at) - 1)


def stencil(x, edge_order):
    rows = np.zeros((x.size, x.size), x.dtype)
    for i in range(x.size):
        at, _ = local(x, x, i, edge_order)
        t = x[at] - x[i]
        for j in range(len(at)):
            others = np.delete(t, j)
            weight = -others.sum() if len(others) == 2 else 1.0
            rows[i, at[j]] = weight / np.prod(t[j] - others)
    return rows


ok("slopes on a grid", slopes, slopes_back, normal(5), np.cumsum(uniform(5)), 2)


def median_filter(x, width):
    need(x.ndim == 1 and width > 0 and width % 2 and x.size)
    return np.median(np.lib.stride_tricks.sliding_window_view(np.pad(x, width // 2, mode="edge"), width), axis=1)


def median_filter_back(g, y, x, width):
    at = np.lib.stride_tricks.sliding_window_view(np.pad(np.arange(x.size), width // 2, mode="edge"), width)
    middle = np.take_along_axis(at, np.argsort(x[at], axis=1, kind="stable")[:, width // 2][:, None], 1)[:, 0]
    return np.bincount(middle, g, x.size).astype(x.dtype), None


ok("running median", median_filter, median_filter_back, normal(7), 3)


def pooled(x, size, stride):
    """The largest of each window, windows may overlap or reach over the end."""
    need(x.ndim == 2 and x.size and 0 < stride <= size <= min(x.shape))
    return np.array(
        [
            [x[i : i + size, j : j + size].max() for j in range(0, x.shape[1], stride)]
            for i in range(0, x.shape[0], stride)
        ],
        x.dtype,
    )


def sampled_beyond(g, y, image, xy, wrap):
    """A place outside of the border still has a slope; corners are written over."""
    (i, k), (a, b), _ = corners(image.shape, xy, wrap)
    dimage = np.zeros_like(image)
    for s, wa in ((0, 1 - a), (1, a)):
        for t, wb in ((0, 1 - b), (1, b)):
            np.add.at(dimage, (i[s], k[t]), g * wa * wb)
    da = (1 - b) * (image[i[1], k[0]] - image[i[0], k[0]]) + b * (image[i[1], k[1]] - image[i[0], k[1]])
    db = (1 - a) * (image[i[0], k[1]] - image[i[0], k[0]]) + a * (image[i[1], k[1]] - image[i[1], k[0]])
    return dimage, np.stack([g * da, g * db], axis=1), None


INSIDE = np.array([[0.3, 3.6], [2.4, 1.2]])

bug("R", "between pixels: slope beyond the border", sampled, sampled_beyond, normal(4, 5), INSIDE, False)


bug(
    "R",
    "slopes: edges of the first order",
    slopes,
    lambda g, out, y, x, edge_order: slopes_back(g, out, y, x, 1),
    normal(5),
    np.cumsum(uniform(5)),
    1,
)


def pooled_assigned(g, y, x, size, stride):
    dx = np.zeros_like(x)
    for a, i in enumerate(range(0, x.shape[0], stride)):
        for b, j in enumerate(range(0, x.shape[1], stride)):
            window = x[i : i + size, j : j + size]
            k, m = np.unravel_index(window.argmax(), window.shape)
            dx[i + k, j + m] = g[a, b]
    return dx, None, None


bug("R", "windows: overlaps overwritten", pooled, pooled_assigned, normal(4, 6), 2, 2)
