"""Planted mistakes on pictures and curves."""

import numpy as np

from .entries import bug, normal, uniform
from .right_pictures import (
    corners,
    denoised,
    haar,
    median_filter,
    pooled,
    sampled,
    slopes,
    slopes_back,
    spline,
    spline_back,
    srgb,
    total_variation,
    unhaar,
)

bug(
    "R",
    "picture: no straight part",
    srgb,
    lambda g, y, x: (g * 2.4 / 1.055 * ((np.maximum(x, 0) + 0.055) / 1.055) ** 1.4,),
    uniform(3, 4),
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


def sampled_once(g, y, image, xy, wrap):
    (i, k), (a, b), inside = corners(image.shape, xy, wrap)
    dimage = np.zeros_like(image)
    for s, wa in ((0, 1 - a), (1, a)):
        for t, wb in ((0, 1 - b), (1, b)):
            dimage[i[s], k[t]] += g * wa * wb
    return dimage, sampled_beyond(g, y, image, xy, wrap)[1] * np.stack(inside, axis=1), None


INSIDE = np.array([[0.3, 3.6], [2.4, 1.2]])

bug("R", "between pixels: slope beyond the border", sampled, sampled_beyond, normal(4, 5), INSIDE, False)

bug("R", "between pixels: two places in one cell", sampled, sampled_once, normal(4, 5), INSIDE, False)


def spline_without_ends(g, out, y, t):
    """Beyond its ends the curve is taken to go on as a cubic."""
    dy, _ = spline_back(g, out, y, t)
    c = np.concatenate(
        [
            [0],
            np.linalg.solve(
                4 * np.eye(y.size - 2) + np.eye(y.size - 2, k=1) + np.eye(y.size - 2, k=-1), 6 * np.diff(y, 2)
            ),
            [0],
        ]
    )
    k = np.clip(np.floor(t).astype(int), 0, y.size - 2)
    a = t - k
    return dy, (g * (y[k + 1] - y[k] + c[k] * (1 - 3 * (1 - a) ** 2) / 6 + c[k + 1] * (3 * a * a - 1) / 6)).astype(
        t.dtype
    )


bug("R", "spline: straight ends forgotten", spline, spline_without_ends, normal(5), uniform(4, low=0.1, high=3.9))

bug(
    "V",
    "spline: curvature is constant",
    spline,
    lambda g, out, y, t: (
        (lambda k, a: np.bincount(k, g * (1 - a), y.size) + np.bincount(k + 1, g * a, y.size))(
            np.clip(np.floor(t).astype(int), 0, y.size - 2), t - np.clip(np.floor(t).astype(int), 0, y.size - 2)
        ),
        spline_back(g, out, y, t)[1],
    ),
    normal(5),
    uniform(4, low=0.1, high=3.9),
)


def denoised_odd(g, y, x, level):
    """The last odd element is held for a detail."""
    c, d = haar(x), haar(g)
    n = x.shape[-1] // 2
    live = np.abs(c[..., n:]) > level
    dlevel = -(d[..., n:] * live * np.sign(c[..., n:])).sum()
    d[..., n:] *= live
    return unhaar(d), float(dlevel)


bug(
    "R",
    "wavelets: odd lengths",
    denoised,
    denoised_odd,
    normal(2, 6),
    0.3,
    valid=lambda x, level: x.ndim > 0 and level >= 0,
)

bug(
    "R",
    "slopes: edges of the first order",
    slopes,
    lambda g, out, y, x, edge_order: slopes_back(g, out, y, x, 1),
    normal(5),
    np.cumsum(uniform(5)),
    1,
)

bug(
    "V",
    "slopes: grid held fixed",
    slopes,
    lambda g, out, y, x, edge_order: (slopes_back(g, out, y, x, edge_order)[0], 0 * x, None),
    normal(5),
    np.cumsum(uniform(5)),
    1,
)


def median_filter_inside(g, y, x, width):
    """The border counts once."""
    dx = np.zeros_like(x)
    for i in range(x.size):
        near = np.arange(max(i - width // 2, 0), min(i + width // 2 + 1, x.size))
        dx[near[np.argsort(x[near], kind="stable")[len(near) // 2]]] += g[i]
    return dx, None


bug(
    "R",
    "running median: border counts once",
    median_filter,
    median_filter_inside,
    np.array([0.1, 0.7, 1.1, 1.2, 2.0, 2.3, 1.9]),
    3,
)

bug(
    "R",
    "total variation: NaN in flat places",
    total_variation,
    lambda g, y, x: (
        lambda d: (
            lambda u: (-u.sum(axis=0) + np.pad(u[0], ((1, 0), (0, 0)))[:-1] + np.pad(u[1], ((0, 0), (1, 0)))[:, :-1],)
        )(
            g
            * d
            / np.sqrt(np.maximum((d * d).sum(axis=0), 0 * d[0] + (np.arange(x.size).reshape(x.shape) == x.size - 1)))
        )
    )(np.stack([np.diff(x, axis=0, append=x[-1:]), np.diff(x, axis=1, append=x[:, -1:])])),
    normal(4, 5),
    valid=lambda x: x.size > 0,
)


def pooled_by_value(g, y, x, size, stride):
    dx = np.zeros_like(x)
    for a, i in enumerate(range(0, x.shape[0], stride)):
        for b, j in enumerate(range(0, x.shape[1], stride)):
            window = x[i : i + size, j : j + size]
            dx[i : i + size, j : j + size] += g[a, b] * (window == y[a, b])
    return dx, None, None


def pooled_assigned(g, y, x, size, stride):
    dx = np.zeros_like(x)
    for a, i in enumerate(range(0, x.shape[0], stride)):
        for b, j in enumerate(range(0, x.shape[1], stride)):
            window = x[i : i + size, j : j + size]
            k, m = np.unravel_index(window.argmax(), window.shape)
            dx[i + k, j + m] = g[a, b]
    return dx, None, None


bug("R", "windows: every one of equal largest", pooled, pooled_by_value, normal(4, 5), 2, 2)

bug("R", "windows: overlaps overwritten", pooled, pooled_assigned, normal(4, 6), 2, 2)
