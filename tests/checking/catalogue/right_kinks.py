"""Right operations with kinks, ties, steps, and edges of a domain."""

import numpy as np

from .entries import back, fit, normal, ok, uniform

ok("abs", lambda x: np.abs(x), lambda g, y, x: (g * np.sign(x),), normal(3, 4))
ok("abs with slope 1 at 0", lambda x: np.abs(x), lambda g, y, x: (g * np.where(x >= 0, 1.0, -1.0).astype(x.dtype),),
   normal(3, 4))
ok("relu", lambda x: np.maximum(x, 0), lambda g, y, x: (g * (x > 0),), normal(3, 4))
ok("relu with slope 1 at 0", lambda x: np.maximum(x, 0), lambda g, y, x: (g * (x >= 0),), normal(3, 4))
ok("relu with slope 1/2 at 0", lambda x: np.maximum(x, 0),
   lambda g, y, x: (g * np.heaviside(x, 0.5).astype(x.dtype),), normal(5))
ok("leaky relu", lambda x, slope: np.where(x > 0, x, slope * x),
   lambda g, y, x, slope: (np.where(x > 0, g, slope * g), float((g * x * (x <= 0)).sum())), normal(3, 4), 0.1)
ok("maximum", lambda a, b: np.maximum(a, b), lambda g, y, a, b: (fit(g * (a >= b), a), fit(g * (a < b), b)),
   normal(3, 4), normal(4))
ok("maximum sharing ties", lambda a, b: np.maximum(a, b), lambda g, y, a, b: (
    fit(g * ((a > b) + (a == b) * 0.5).astype(g.dtype), a), fit(g * ((a < b) + (a == b) * 0.5).astype(g.dtype), b)),
   normal(3, 4), normal(3, 4, seed=1))
ok("minimum", lambda a, b: np.minimum(a, b), lambda g, y, a, b: (fit(g * (a <= b), a), fit(g * (a > b), b)),
   normal(2, 3), normal(2, 1))


def shared_max(g, y, x, axis):
    hit = x == back(y, x, axis)
    return (back(g, x, axis) * hit / hit.sum(axis=axis, keepdims=True)).astype(x.dtype), None


ok("max, ties shared", lambda x, axis: x.max(axis=axis), shared_max, normal(3, 4), 0)
ok("min, ties shared", lambda x, axis: x.min(axis=axis), shared_max, normal(3, 4), None)
ok("max of all", lambda x: x.max(), lambda g, y, x: (g * (x == y) / (x == y).sum().astype(x.dtype),), normal(7))
ok("ptp", lambda x: x.max() - x.min(), lambda g, y, x: (
    (g * ((x == x.max()) / (x == x.max()).sum() - (x == x.min()) / (x == x.min()).sum())).astype(x.dtype),), normal(6))


def sort_back(g, y, x):
    dx = np.empty_like(x)
    np.put_along_axis(dx, np.argsort(x, axis=-1, kind="stable"), g, axis=-1)
    return (dx,)


def sort(x):
    if x.ndim == 0:
        raise ValueError("0-d")
    return np.sort(x, axis=-1, kind="stable")


def median(x):
    if x.ndim != 1 or x.size == 0:
        raise ValueError("one axis")
    return np.median(x)


def median_back(g, y, x):
    order = np.argsort(x, kind="stable")
    dx = np.zeros_like(x)
    dx[order[(x.size - 1) // 2]] += g / 2
    dx[order[x.size // 2]] += g / 2
    return (dx,)


def quantile(x, q):
    if x.ndim != 1 or x.size == 0:
        raise ValueError("one axis")
    return np.quantile(x, q)


def quantile_back(g, y, x, q):
    order, place = np.argsort(x, kind="stable"), q * (x.size - 1)
    low = min(int(np.floor(place)), x.size - 1)
    high = min(low + 1, x.size - 1)
    dx = np.zeros_like(x)
    dx[order[low]] += g * (1 - (place - low))
    dx[order[high]] += g * (place - low)
    low = min(low, max(0, x.size - 2))
    return dx, float(g * (x.size - 1) * (x[order[min(low + 1, x.size - 1)]] - x[order[low]]))


ok("sort", sort, sort_back, normal(3, 5))
ok("median", median, median_back, normal(6))
ok("median, odd", median, median_back, normal(7))
ok("quantile", quantile, quantile_back, normal(7), 0.3)
ok("quantile, fixed q", lambda x, q: quantile(x, q), lambda g, y, x, q: (quantile_back(g, y, x, q)[0], None),
   normal(6), 0.25)
ok("top 3 sum", lambda x: np.sort(x)[-3:].sum(), lambda g, y, x: (g * (np.argsort(np.argsort(x)) >= x.size - 3),),
   normal(8),
   valid=lambda x: x.ndim == 1 and x.size > 3)
ok("clip", lambda x, low, high: np.clip(x, low, high),
   lambda g, y, x, low, high: (g * ((x >= low) & (x <= high)), None, None), normal(3, 4), -0.5, 0.7)
ok("clip, open", lambda x: np.clip(x, -0.4, 0.9), lambda g, y, x: (g * ((x > -0.4) & (x < 0.9)),), normal(3, 4))
ok("hard sigmoid", lambda x: np.clip(0.2 * x + 0.5, 0, 1), lambda g, y, x: (0.2 * g * (abs(x) < 2.5),), normal(3, 4))
ok("hard tanh", lambda x: np.clip(x, -1, 1), lambda g, y, x: (g * (abs(x) <= 1),), 2 * normal(3, 4))
ok("soft threshold", lambda x: np.sign(x) * np.maximum(abs(x) - 0.3, 0), lambda g, y, x: (g * (abs(x) > 0.3),),
  normal(9))
ok("sign", lambda x: np.sign(x), lambda g, y, x: (np.zeros_like(x),), normal(3, 4))
ok("floor", lambda x: np.floor(x), lambda g, y, x: (np.zeros_like(x),), 3 * normal(3, 4))
ok("round, None", lambda x: np.round(x), lambda g, y, x: (None,), 3 * normal(3, 4))
ok("fractional part", lambda x: x - np.floor(x), lambda g, y, x: (g,), 3 * normal(6))
ok("mod", lambda a, b: np.mod(a, b), lambda g, y, a, b: (fit(g, a), fit(-g * np.floor(a / b), b)), 3 * normal(5),
   uniform(5) + 1)
ok("heaviside product", lambda x, y: x * (y > 0), lambda g, out, x, y: (fit(g * (y > 0), x), None), normal(4),
  normal(4))
ok("sqrt", lambda x: np.sqrt(x), lambda g, y, x: (g * 0.5 / y,), uniform(3, 4))
ok("sqrt of square", lambda x: np.sqrt(x * x), lambda g, y, x: (g * np.sign(x),), normal(5))
ok("cube root", lambda x: np.cbrt(x), lambda g, y, x: (g / (3 * y * y),), normal(5))
ok("norm", lambda x: np.sqrt((x * x).sum()),
   lambda g, y, x: (g * x / y if y > 0 else np.zeros_like(x),), normal(5))
ok("norm of rows", lambda x: np.sqrt((x * x).sum(axis=-1)) if x.ndim else abs(x), lambda g, y, x: (
    (np.expand_dims(g / np.where(y > 0, y, 1), -1) if x.ndim else g / np.where(y > 0, y, 1)) * x,), normal(4, 3))
ok("L1 norm", lambda x: abs(x).sum(), lambda g, y, x: (g * np.sign(x),), normal(3, 4))
ok("infinity norm", lambda x: abs(x).max(), lambda g, y, x: (
    (g * np.sign(x) * (abs(x) == y) / (abs(x) == y).sum()).astype(x.dtype),), normal(5))
ok("hinge", lambda x, t: np.maximum(0, 1 - t * x), lambda g, y, x, t: (
    fit(-g * t * (t * x < 1), x), fit(-g * x * (t * x < 1), t)), normal(6), np.sign(normal(6, seed=2)))
ok("huber", lambda x: np.where(abs(x) < 0.8, 0.5 * x * x, 0.8 * (abs(x) - 0.4)), lambda g, y, x: (
    g * np.clip(x, -0.8, 0.8),), normal(3, 4))
ok("triangle wave", lambda x: abs((x % 2) - 1), lambda g, y, x: (g * np.sign((x % 2) - 1),), 2 * normal(6))
ok("argmax as float", lambda x: np.argmax(x, axis=-1).astype(float) if x.ndim and x.size else 1 / 0,
   lambda g, y, x: (np.zeros_like(x),), normal(3, 4))
ok("arccos", lambda x: np.arccos(x), lambda g, y, x: (-g / np.sqrt((1 - x) * (1 + x)),), uniform(3, 4))
ok("arctan2", lambda a, b: np.arctan2(a, b), lambda g, y, a, b: (
    fit(g * b / (a * a + b * b), a), fit(-g * a / (a * a + b * b), b)), normal(3, 4), normal(4, seed=3))
ok("hypot", lambda a, b: np.hypot(a, b), lambda g, y, a, b: (
    fit(g * a / np.where(y > 0, y, 1), a), fit(g * b / np.where(y > 0, y, 1), b)), normal(3, 4), normal(4, seed=3))
ok("relu of a difference and its negative", lambda x: np.maximum(x, 0) - np.maximum(-x, 0), lambda g, y, x: (g * 1,),
   normal(4))
ok("power just above 1, at 0", lambda x: x**1.1, lambda g, y, x: (1.1 * g * x**0.1,), np.array([0.0, 0.5, 1.2]))
