"""Held out: right special functions, index arrays, angles and piecewise formulas, as written by hand for a science."""

import math

import numpy as np
from scipy import special

from .entries import back, need, normal, ok, uniform
from .right_statistics import like


def log_minus(a, b):
    """log(exp a - exp b)"""
    need(np.all(a > b))
    return a + np.log(-np.expm1(b - a))


def log_minus_back(g, y, a, b):
    e = -np.expm1(b - a)
    return like(g / e, a), like(-g * np.exp(b - a) / e, b)


def signed_power(x, p):
    need(np.all(p >= 1) and np.all(p < 50))
    return np.sign(x) * np.abs(x) ** p


def signed_power_back(g, y, x, p):
    return like(g * p * np.abs(x) ** (p - 1), x), like(g * special.xlogy(y, np.abs(x)), p)


def hurwitz(s, q):
    need(np.ndim(s) == 0 and s > 1.2 and s < 20 and np.all(q > 0.05))
    return special.zeta(s, q)


def exponential_integral(n, x):
    need(type(n) is int and n >= 1 and np.all(x > 1e-30))
    return special.expn(n, x).astype(x.dtype)


def scaled_bessel(n, x):
    need(type(n) is int and n >= 0)
    return special.ive(n, x).astype(x.dtype)


def scaled_bessel_back(g, y, n, x):
    mean = (special.ive(abs(n - 1), x) + special.ive(n + 1, x)) / 2
    return None, (g * (mean - np.sign(x) * special.ive(n, x))).astype(x.dtype)


def arrangements(x, axis):
    need(np.all(x > -0.9) and np.all(x.sum(axis=axis) > -0.9))
    return special.gammaln(x.sum(axis=axis) + 1) - special.gammaln(x + 1).sum(axis=axis)


def arrangements_back(g, y, x, axis):
    total = back(x.sum(axis=axis), x, axis)
    return back(g, x, axis) * (special.digamma(total + 1) - special.digamma(x + 1)), None


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


def segment_softmax_back(g, y, x, ids, count):
    mean = np.zeros(count, x.dtype)
    np.add.at(mean, ids, g * y)
    return y * (g - mean[ids]), None, None


def overwritten(base, places, values):
    """Of several values for one place the last one stays."""
    need(base.ndim and places.ndim == 1 and places.dtype.kind == "i")
    need(values.shape == places.shape + base.shape[1:])
    y = base.copy()
    for k, place in enumerate(places):
        y[place] = values[k]
    return y


def overwritten_back(g, y, base, places, values):
    left, dv = np.array(g, base.dtype), np.zeros_like(values)
    for k in range(len(places) - 1, -1, -1):
        dv[k] = left[places[k]]
        left[places[k]] = 0
    return left, None, dv


def along(x, i, axis):
    need(type(axis) is int and x.ndim == i.ndim > 0 and i.dtype.kind == "i")
    axis = axis % x.ndim if -x.ndim <= axis < x.ndim else 1 / 0
    need(all(m == n for k, (m, n) in enumerate(zip(x.shape, i.shape, strict=True)) if k != axis))
    return np.take_along_axis(x, i, axis)


def along_back(g, y, x, i, axis):
    places = list(np.ogrid[tuple(slice(n) for n in i.shape)])
    places[axis] = i
    dx = np.zeros_like(x)
    np.add.at(dx, tuple(places), g)
    return dx, None, None


def drawdown(x):
    need(x.ndim == 1 and x.size)
    return (np.maximum.accumulate(x) - x).max()


def drawdown_back(g, y, x):
    low = int(np.argmax(np.maximum.accumulate(x) - x))
    dx = np.zeros_like(x)
    dx[int(np.argmax(x[: low + 1]))] += g
    dx[low] -= g
    return (dx,)


def wind_chill(t, v):
    """In °C and km/h; where it is warm or still, the temperature."""
    need(np.all(v >= 0))
    power = np.maximum(v, 4.8) ** 0.16
    return np.where((t <= 10) & (v > 4.8), 13.12 + 0.6215 * t - 11.37 * power + 0.3965 * t * power, t)


def wind_chill_back(g, y, t, v):
    fast = np.maximum(v, 4.8)
    cold = (t <= 10) & (v > 4.8)
    slope = 0.16 * fast**-0.84 * (0.3965 * t - 11.37)
    return like(g * np.where(cold, 0.6215 + 0.3965 * fast**0.16, 1), t), like(g * np.where(cold, slope, 0), v)


def drag(re):
    """Of a sphere: Stokes, Schiller and Naumann, Newton."""
    need(np.all(re > 1e-3) and np.all(re < 2e5))
    return np.where(re < 1, 24 / re, np.where(re < 1000, 24 / re * (1 + 0.15 * re**0.687), re.dtype.type(0.44)))


def drag_back(g, y, re):
    middle = -24 / re**2 - 24 * 0.15 * 0.313 * re**-1.313
    return (g * np.where(re < 1, -24 / re**2, np.where(re < 1000, middle, 0)),)


def barometric(h, p0, t0, lapse):
    """The pressure at h metres in a layer that cools by `lapse` a metre."""
    need(np.ndim(lapse) == 0 and (lapse == 0 or 1e-6 < abs(lapse) < 0.1))
    need(np.all(np.abs(h) < 2e4) and np.all(t0 > 100) and np.all(t0 < 1e3) and np.all(t0 - lapse * h > 100))
    if lapse == 0:
        return p0 * np.exp(-0.0341632 * h / t0)
    return p0 * np.exp(0.0341632 / lapse * np.log1p(-lapse * h / t0))


def barometric_back(g, y, h, p0, t0, lapse):
    ratio = barometric(h, 1.0, t0, lapse)
    slope = 0.0341632 * g * y / (t0 - lapse * h)
    return like(-slope, h), like(g * ratio, p0), like(slope * (h / t0), t0), None


def kinetic(m, v):
    """Relativistic, with v in Mm/s."""
    need(np.all(np.abs(v) < 0.99 * 299.792458))
    s = np.sqrt(1 - (v / 299.792458) ** 2)
    return m * v * v / (s * (1 + s))


def kinetic_back(g, y, m, v):
    s = np.sqrt(1 - (v / 299.792458) ** 2)
    return like(g * v * v / (s * (1 + s)), m), like(g * m * v / s**3, v)


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


def directions(a, b, t):
    need(a.ndim == 1 and a.shape == b.shape and np.ndim(t) == 0 and np.abs(t) < 10)
    m, n = np.sqrt(a @ a), np.sqrt(b @ b)
    need(min(m, n) > 1e-3 and max(m, n) < 1e6)
    p, q = a / m, b / n
    need(abs(p @ q) < 0.99)
    return m, n, p, q, np.arccos(p @ q)


def slerp(a, b, t):
    """From the direction of a to the one of b along a great circle."""
    _, _, p, q, angle = directions(a, b, t)
    return (np.sin((1 - t) * angle) * p + np.sin(t * angle) * q) / np.sin(angle)


def slerp_back(g, y, a, b, t):
    m, n, p, q, angle = directions(a, b, t)
    sin, cos = np.sin(angle), np.cos(angle)
    one, two = np.sin((1 - t) * angle) / sin, np.sin(t * angle) / sin
    d_one = (one * cos - (1 - t) * np.cos((1 - t) * angle)) / sin**2
    d_two = (two * cos - t * np.cos(t * angle)) / sin**2
    slope = d_one * (g @ p) + d_two * (g @ q)
    dp, dq = one * g + slope * q, two * g + slope * p
    dt = angle * (np.cos(t * angle) * (g @ q) - np.cos((1 - t) * angle) * (g @ p)) / sin
    return (dp - p * (p @ dp)) / m, (dq - q * (q @ dq)) / n, like(dt, t)


ok("log of a difference of exps", log_minus, log_minus_back, 2 + uniform(3, 4), normal(4))
ok("signed power", signed_power, signed_power_back, normal(3, 4), 1.5 + uniform(4))
ok("Hurwitz zeta", hurwitz, lambda g, y, s, q: (None, like(-s * g * special.zeta(s + 1, q), q)), 2.5, 1 + uniform(4))
ok(
    "exponential integral of an order",
    exponential_integral,
    lambda g, y, n, x: (None, (-g * special.expn(n - 1, x)).astype(x.dtype)),
    3,
    uniform(5),
)
ok("scaled Bessel function of an order", scaled_bessel, scaled_bessel_back, 2, 3 * normal(5))
ok("log of the number of arrangements", arrangements, arrangements_back, 3 * uniform(2, 4), 1)
ok("general robust loss", robust, robust_back, 2 * normal(3, 4), 0.5, 1.3)
ok("softmax within segments", segment_softmax, segment_softmax_back, normal(6), np.array([1, 0, 1, 3, 0, 1]), 4)
ok(
    "overwritten rows, last one stays",
    overwritten,
    overwritten_back,
    normal(5, 2),
    np.array([3, 0, -2, 1]),
    normal(4, 2),
)
ok("taken along an axis", along, along_back, normal(3, 4), np.array([[0, 2, 2], [3, -1, 0], [1, 1, 1]]), 1)
ok("largest drawdown", drawdown, drawdown_back, normal(8))
ok("wind chill", wind_chill, wind_chill_back, 4 * normal(4), 20 * uniform(4))
ok("drag of a sphere", drag, drag_back, np.array([0.3, 4.0, 250.0, 5000.0]))
ok("pressure in a layer of air", barometric, barometric_back, 3e3 * uniform(4), 1013.25, 288.15, 0.0065)
ok("relativistic energy", kinetic, kinetic_back, uniform(4), 100 * normal(4))
ok("points on a globe in degrees", on_globe, on_globe_back, 1 + uniform(4), 40 * normal(4), 90 * normal(4))
ok("along a great circle", slerp, slerp_back, normal(3), normal(3, seed=1), 0.3)
