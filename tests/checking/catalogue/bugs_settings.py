"""Planted mistakes under settings: by name, by axis, by degrees of freedom, steps and margins."""

import numpy as np

from .entries import back, bug, need, normal, uniform
from .right_choices import (
    robust_scale,
    robust_scale_back,
)
from .right_settings import (
    conv,
    conv_back,
    deviation,
    deviation_back,
    group_mean,
    padded,
    padded_back,
    reduced,
    trapezium,
    trapezium_back,
)

bug(
    "V",
    "median deviation: middle held fixed",
    robust_scale,
    lambda g, y, x: (lambda d, m: (np.where(np.arange(x.size) == m, g / np.median(abs(x - np.median(x))), d),))(
        robust_scale_back(g, y, x)[0], np.argsort(x, kind="stable")[x.size // 2]
    ),
    normal(5),
)

bug(
    "R",
    "reduction by name: sum as mean",
    reduced,
    lambda g, y, x, reduction: (2 * g * x / (1 if reduction == "none" else x.size), None),
    normal(3, 4),
    "mean",
)

bug(
    "R",
    "deviation: one degree always",
    deviation,
    lambda g, y, x, axis, ddof: deviation_back(g, y, x, axis, 1),
    normal(3, 4),
    1,
    1,
)

bug(
    "R",
    "deviation: over all, by the rows",
    deviation,
    lambda g, y, x, axis, ddof: (
        (
            back(g / y, x, axis)
            * (x - x.mean(axis=axis, keepdims=True))
            / (x.shape[-1 if axis is None or type(axis) is tuple else axis] - ddof)
        ).astype(x.dtype),
        None,
        None,
    ),
    normal(3, 4),
    1,
    1,
)

bug(
    "R",
    "padded: wrapped as reflected",
    padded,
    lambda g, y, x, width, mode: padded_back(g, y, x, width, "reflect" if mode == "wrap" else mode),
    normal(5),
    2,
    "reflect",
)

bug(
    "R",
    "padded: margin is dropped",
    padded,
    lambda g, y, x, width, mode: (g[width : width + x.size] * 1, None, None),
    normal(5),
    2,
    "constant",
)

bug(
    "R",
    "convolution of channels: tail in front",
    conv,
    lambda g, y, x, w, stride, gap, margin: (
        lambda d: (np.roll(d[0], (x.shape[1] + 2 * margin - gap * (w.shape[2] - 1) - 1) % stride, axis=1), *d[1:])
    )(conv_back(g, y, x, w, stride, gap, margin)),
    normal(2, 7),
    normal(3, 2, 3),
    2,
    1,
    0,
)

bug(
    "R",
    "convolution of channels: margin left on",
    conv,
    lambda g, y, x, w, stride, gap, margin: (lambda d: (d[0] if margin < 2 else np.roll(d[0], 1, axis=1), *d[1:]))(
        conv_back(g, y, x, w, stride, gap, margin)
    ),
    normal(2, 7),
    normal(3, 2, 3),
    1,
    1,
    1,
)

bug(
    "R",
    "convolution of channels: weights without gap",
    conv,
    lambda g, y, x, w, stride, gap, margin: (
        conv_back(g, y, x, w, stride, gap, margin)[0],
        np.stack(
            [
                g @ np.pad(x, ((0, 0), (margin, margin)))[:, k : k + (g.shape[1] - 1) * stride + 1 : stride].T
                for k in range(w.shape[2])
            ],
            axis=2,
        ),
        None,
        None,
        None,
    ),
    normal(2, 7),
    normal(3, 2, 3),
    2,
    1,
    1,
)


def group_swapped(g, y, x, groups):
    size = x.shape[1] // groups
    z, d = x.reshape(len(x), size, -1), g.reshape(len(x), size, -1)
    s = np.sqrt((z * z).mean(axis=2, keepdims=True) + 1e-5)
    return ((d - z * (d * z).mean(axis=2, keepdims=True) / s**2) / s).reshape(x.shape), None


def group_floor(g, y, x, groups):
    """The floor under the root is left out on the way back."""
    z, d = x.reshape(len(x), groups, -1), g.reshape(len(x), groups, -1)
    s2 = (z * z).mean(axis=2, keepdims=True)
    return ((d - z * (d * z).mean(axis=2, keepdims=True) / np.where(s2 > 0, s2, 1)) / np.sqrt(s2 + 1e-5)).reshape(
        x.shape
    ), None


bug("R", "groups of length 1: groups for their size", group_mean, group_swapped, normal(2, 4, 3), 2)

bug("E", "groups of length 1: floor left out", group_mean, group_floor, normal(2, 4, 3), 2)

bug(
    "R",
    "running integral: axis moved forth twice",
    trapezium,
    lambda g, out, y, x, axis: (lambda d: (np.moveaxis(np.moveaxis(d[0], axis, -1), axis, -1), *d[1:]))(
        trapezium_back(g, out, y, x, axis)
    ),
    normal(4, 4),
    np.cumsum(uniform(4)),
    1,
)

bug(
    "R",
    "running integral: even steps",
    trapezium,
    lambda g, out, y, x, axis: (
        trapezium_back(g, out, y, np.linspace(x[0], x[-1], x.size).astype(x.dtype), axis)[0]
        if x.size
        else trapezium_back(g, out, y, x, axis)[0],
        *trapezium_back(g, out, y, x, axis)[1:],
    ),
    normal(3, 5),
    np.arange(5.0),
    1,
)


def top_k(x, k, largest):
    need(x.ndim == 1 and 0 < k <= x.size)
    order = np.sort(x)
    return order[x.size - k :] if largest else order[:k]


def top_k_back(g, y, x, k, largest):
    dx = np.zeros_like(x)
    dx[np.argsort(x, kind="stable")[x.size - k :]] = g
    return dx, None, None


bug("R", "largest few: smallest asked", top_k, top_k_back, normal(6), 2, True)

bug(
    "R",
    "norm by order: as of 2",
    lambda x, p: np.linalg.norm(x, p) if x.ndim == 1 and x.size and p in (1, 2, 3, np.inf) else 1 / 0,
    lambda g, y, x, p: (g * np.sign(x) * (abs(x) / (y if y else 1)) ** (min(p, 2) - 1), None),
    normal(4),
    2,
)
