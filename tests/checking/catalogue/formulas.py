"""Formulas of the sciences, and mistakes in them."""

import math

import numpy as np
from scipy import special

from .entries import bug, like, need, normal, ok, uniform


def log_minus(a, b):
    """log(exp a - exp b)"""
    need(np.all(a > b))
    return a + np.log(-np.expm1(b - a))


def signed_power(x, p):
    need(np.all(p >= 1) and np.all(p < 50))
    return np.sign(x) * np.abs(x) ** p


def hurwitz(s, q):
    need(np.ndim(s) == 0 and s > 1.2 and s < 20 and np.all(q > 0.05))
    return special.zeta(s, q)


def exponential_integral(n, x):
    need(type(n) is int and n >= 1 and np.all(x > 1e-30))
    return special.expn(n, x).astype(x.dtype)


def robust(x, alpha, c):
    """The general loss: 2 is least squares, 0 is Cauchy's, -inf is Welsch's."""
    need(np.ndim(alpha) == np.ndim(c) == 0 and alpha <= 2 and c > 1e-2 and np.all(np.abs(x) < 1e6))
    z = (x / c) ** 2
    if alpha == 2:
        return z / 2
    if alpha == 0:
        return np.log1p(z / 2)
    if alpha == -math.inf:
        return -np.expm1(-z / 2)
    return (2 - alpha) / alpha * np.expm1(alpha / 2 * np.log1p(z / (2 - alpha)))


def robust_back(g, y, x, alpha, c):
    z = (x / c) ** 2
    if alpha == 2:
        weight = 1.0
    elif alpha == -math.inf:
        weight = np.exp(-z / 2)
    else:
        weight = np.exp((alpha / 2 - 1) * np.log1p(z / (2 - alpha)))
    du = g * weight * (x / c) / c
    return du, None, like(-(du * (x / c)).sum(), c)


def segment_softmax(x, ids, count):
    need(x.ndim == 1 and ids.shape == x.shape and ids.dtype.kind == "i" and np.all(ids >= 0) and np.all(ids < count))
    top, total = np.full(count, -np.inf, x.dtype), np.zeros(count, x.dtype)
    np.maximum.at(top, ids, x)
    e = np.exp(x - top[ids])
    np.add.at(total, ids, e)
    return e / total[ids]


def overwritten(base, places, values):
    """Of several values for one place the last one stays."""
    need(base.ndim and places.ndim == 1 and places.dtype.kind == "i")
    need(values.shape == places.shape + base.shape[1:])
    y = base.copy()
    for k, place in enumerate(places):
        y[place] = values[k]
    return y


def along(x, i, axis):
    need(type(axis) is int and x.ndim == i.ndim > 0 and i.dtype.kind == "i")
    axis = axis % x.ndim if -x.ndim <= axis < x.ndim else 1 / 0
    need(all(m == n for k, (m, n) in enumerate(zip(x.shape, i.shape, strict=True)) if k != axis))
    return np.take_along_axis(x, i, axis)


def drawdown(x):
    need(x.ndim == 1 and x.size)
    return (np.maximum.accumulate(x) - x).max()


def barometric(h, p0, t0, lapse):
    """The pressure at h metres in a layer that cools by `lapse` a metre."""
    need(np.ndim(lapse) == 0 and (lapse == 0 or 1e-6 < abs(lapse) < 0.1))
    need(np.all(np.abs(h) < 2e4) and np.all(t0 > 100) and np.all(t0 < 1e3) and np.all(t0 - lapse * h > 100))
    if lapse == 0:
        return p0 * np.exp(-0.0341632 * h / t0)
    return p0 * np.exp(0.0341632 / lapse * np.log1p(-lapse * h / t0))


def on_globe(r, lat, lon):
    """Points at latitude and longitude in degrees."""
    a, b = lat * (math.pi / 180), lon * (math.pi / 180)
    flat = r * np.cos(a)
    return np.stack(np.broadcast_arrays(flat * np.cos(b), flat * np.sin(b), r * np.sin(a) + 0 * b), axis=-1)


def on_globe_back(g, y, r, lat, lon):
    k = math.pi / 180
    a, b = lat * k, lon * k
    east = g[..., 0] * np.cos(b) + g[..., 1] * np.sin(b)
    return (
        like(east * np.cos(a) + g[..., 2] * np.sin(a), r),
        like(k * r * (g[..., 2] * np.cos(a) - east * np.sin(a)), lat),
        like(k * r * np.cos(a) * (g[..., 1] * np.cos(b) - g[..., 0] * np.sin(b)), lon),
    )


ok("Hurwitz zeta", hurwitz, lambda g, y, s, q: (None, like(-s * g * special.zeta(s + 1, q), q)), 2.5, 1 + uniform(4))
ok("general robust loss", robust, robust_back, 2 * normal(3, 4), 0.5, 1.3)
ok("points on a globe in degrees", on_globe, on_globe_back, 1 + uniform(4), 40 * normal(4), 90 * normal(4))


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


bug("R", "robust loss: Cauchy without its 2", robust, robust_scaled_cauchy, 2 * normal(3, 4), 1.0, 1.3)
bug("R", "segment softmax: ids in order", segment_softmax, softmax_of_runs, normal(6), np.array([0, 0, 1, 1, 1, 3]), 4)
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
bug("R", "layer of air: of one temperature", barometric, layer_that_cools, 3e3 * uniform(4), 1013.25, 288.15, 0.0065)
bug("S", "globe: radius not summed", on_globe, globe_of_one_radius, 1 + uniform(1), 40 * normal(4), 90 * normal(4))
bug(
    "C", "globe: latitude in a kept buffer", on_globe, globe_in_a_buffer, 1 + uniform(4), 40 * normal(4), 90 * normal(4)
)
