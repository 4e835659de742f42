"""Held out: planted mistakes in index arrays, angles and piecewise formulas of a science."""

import math

import numpy as np

from .entries import bug, normal, uniform
from .right_formulas import (
    along,
    barometric,
    drag,
    drawdown,
    on_globe,
    on_globe_back,
    overwritten,
    robust,
    robust_back,
    segment_softmax,
    slerp,
    slerp_back,
    wind_chill,
)
from .right_statistics import like


def robust_scaled_cauchy(g, y, x, alpha, c):
    """Cauchy's loss without the 2 in its middle."""
    if alpha != 0:
        return robust_back(g, y, x, alpha, c)
    du = g * (x / c) / c / (1 + (x / c) ** 2)
    return du, None, like(-(du * (x / c)).sum(), c)


def softmax_of_runs(g, y, x, ids, count):
    """Equal ids are taken to stand together."""
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    mean = np.add.reduceat(g * y, starts) if x.size else x
    return y * (g - np.repeat(mean, np.diff(starts, append=x.size))), None, None


def softmax_centred_in_place(g, y, x, ids, count):
    mean = np.zeros(count, x.dtype)
    np.add.at(mean, ids, g * y)
    g -= mean[ids]
    return y * g, None, None


def every_writer(g, y, base, places, values):
    left = np.array(g, base.dtype)
    left[places] = 0
    return left, None, np.array(g[places], values.dtype)


def put_along(g, y, x, i, axis):
    dx = np.zeros_like(x)
    np.put_along_axis(dx, i, g, axis)
    return dx, None, None


def drawdown_assigned(g, y, x):
    """= for -=: the top and the bottom may be one place."""
    low = int(np.argmax(np.maximum.accumulate(x) - x))
    dx = np.zeros_like(x)
    dx[int(np.argmax(x[: low + 1]))] = g
    dx[low] = -g
    return (dx,)


def chill_without_calm(g, y, t, v):
    """The wind's threshold is left out."""
    fast = np.maximum(v, 4.8)
    slope = 0.16 * fast**-0.84 * (0.3965 * t - 11.37)
    dt = np.where(t <= 10, 0.6215 + 0.3965 * fast**0.16, 1)
    return like(g * dt, t), like(g * np.where(t <= 10, slope, 0), v)


def drag_in_between(g, y, re):
    """Newton's regime as the one before it."""
    middle = -24 / re**2 - 24 * 0.15 * 0.313 * re**-1.313
    return (g * np.where(re < 1, -24 / re**2, middle),)


def layer_that_cools(g, y, h, p0, t0, lapse):
    """The slope by the ground's temperature, divided by the lapse rate."""
    ratio = barometric(h, 1.0, t0, lapse)
    cooled = t0 - lapse * h
    dt = g * y * 0.0341632 / lapse * (1 / cooled - 1 / t0) if lapse else 0 * g
    return like(-0.0341632 * g * y / cooled, h), like(g * ratio, p0), like(dt, t0), None


def globe_of_one_radius(g, y, r, lat, lon):
    grads = on_globe_back(g, y, r, lat, lon)
    east = g[..., 0] * np.cos(lon * math.pi / 180) + g[..., 1] * np.sin(lon * math.pi / 180)
    return east * np.cos(lat * math.pi / 180) + g[..., 2] * np.sin(lat * math.pi / 180), *grads[1:]


buffers = {}


def globe_in_a_buffer(g, y, r, lat, lon):
    """The gradients are kept in one array of their shape."""
    grads = on_globe_back(g, y, r, lat, lon)
    if not isinstance(lat, np.ndarray):
        return grads
    shared = buffers.setdefault((lat.shape, lat.dtype), np.empty_like(lat))
    shared[...] = grads[1]
    return grads[0], shared, grads[2]


def halfway(g, y, a, b, t):
    """The two weights are exchanged."""
    da, db, _ = slerp_back(g, y, a, b, 1 - t)
    return da, db, slerp_back(g, y, a, b, t)[2]


bug("R", "robust loss: Cauchy without its 2", robust, robust_scaled_cauchy, 2 * normal(3, 4), 1.0, 1.3)
bug("R", "segment softmax: ids in order", segment_softmax, softmax_of_runs, normal(6), np.array([0, 0, 1, 1, 1, 3]), 4)
bug(
    "C",
    "segment softmax: centred in place",
    segment_softmax,
    softmax_centred_in_place,
    normal(6),
    np.array([1, 0, 1, 3, 0, 1]),
    4,
)
bug(
    "R",
    "overwritten: every writer counts",
    overwritten,
    every_writer,
    normal(5, 2),
    np.array([3, 0, -4, 2]),
    normal(4, 2),
)
bug("R", "along an axis: repeats overwrite", along, put_along, normal(3, 4), np.array([[0, 2], [3, -2], [1, 0]]), 1)
bug("R", "drawdown: of a rising series", drawdown, drawdown_assigned, normal(8))
bug("R", "wind chill: calm as wind", wind_chill, chill_without_calm, 4 * normal(4), 10 + 20 * uniform(4))
bug("R", "drag: Newton's regime as the one before", drag, drag_in_between, np.array([0.3, 4.0, 50.0, 250.0]))
bug("R", "layer of air: of one temperature", barometric, layer_that_cools, 3e3 * uniform(4), 1013.25, 288.15, 0.0065)
bug("S", "globe: radius not summed", on_globe, globe_of_one_radius, 1 + uniform(1), 40 * normal(4), 90 * normal(4))
bug(
    "C", "globe: latitude in a kept buffer", on_globe, globe_in_a_buffer, 1 + uniform(4), 40 * normal(4), 90 * normal(4)
)
bug("R", "great circle path: weights exchanged", slerp, halfway, normal(3), normal(3, seed=1), 0.5)
