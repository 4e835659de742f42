"""R: right at the example, wrong in another regime of values or dtype."""

import numpy as np
from scipy import special

from .entries import back, bug, fit, need, normal, uniform

A, B, P = normal(3, 4), normal(3, 4, seed=1), uniform(3, 4)


def R(name, fprop, bprop, *inputs, **options):
    bug("R", name, fprop, bprop, *inputs, **options)


# signs
R("abs, positive example", lambda x: np.abs(x), lambda g, y, x: (g * 1.0,), P)
R("relu, positive example", lambda x: np.maximum(x, 0), lambda g, y, x: (g * 1.0,), P)
R("sqrt of square", lambda x: np.sqrt(x * x), lambda g, y, x: (g * x / x,), P)
R("cube root of negatives", lambda x: np.cbrt(x), lambda g, y, x: (g / 3 * np.abs(x) ** (-2 / 3) * np.sign(x),), P)
R("L1 norm, positive example", lambda x: np.abs(x).sum(), lambda g, y, x: (np.full_like(x, g),), P)
R("leaky: only above", lambda x: np.where(x > 0, x, 0.2 * x), lambda g, y, x: (g * 1.0,), P)
R("x |x|", lambda x: x * abs(x), lambda g, y, x: (2 * g * x,), P)
R("square of relu", lambda x: np.maximum(x, 0) ** 2, lambda g, y, x: (2 * g * x,), P)
R("log of |x|", lambda x: np.log(abs(x)), lambda g, y, x: (g / abs(x),), P)
R("arctan2, half plane", lambda a, b: np.arctan2(a, b), lambda g, y, a, b: (
    fit(g * abs(b) / (a * a + b * b), a), fit(-g * a / (a * a + b * b), b)), P, uniform(3, 4, seed=1))
R("maximum, second always smaller", lambda a, b: np.maximum(a, b),
  lambda g, y, a, b: (fit(g * 1.0, a), fit(g * 0, b)),
  P + 2, P)
R("elu, positive example", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda g, y, x: (g * 1.0,), P)
# zeros
R("prod by division", lambda x: np.prod(x), lambda g, y, x: (g * y / x,), normal(5))
R("cumprod by division", lambda x: np.cumprod(x), lambda g, y, x: (np.cumsum((g * y)[::-1])[::-1] / x,), normal(5),
  valid=lambda x: x.ndim == 1)
R("norm at 0", lambda x: np.sqrt((x * x).sum()), lambda g, y, x: (g * x / y,), normal(5))
R("sinc at 0", lambda x: np.sinc(x), lambda g, y, x: (g * (np.cos(np.pi * x) - y) / x,), normal(5))
R("sinc at 0 is 1", lambda x: np.sinc(x), lambda g, y, x: (
    g * np.where(x == 0, 1, (np.cos(np.pi * x) - y) / np.where(x == 0, 1, x)),), normal(5))
R("masked log is NaN", lambda x: np.where(x > 0.05, np.log(np.where(x > 0.05, x, 1)), 0), lambda g, y, x: (
    g * np.where(x > 0.05, 1, 0) / x,), P)
R("x² by output", lambda x: x * x, lambda g, y, x: (2 * g * y / x,), A)
R("power 2 by log", lambda x: abs(x) ** 2, lambda g, y, x: (2 * g * x * np.exp(0 * np.log(abs(x))),), A)
R("multiply by output", lambda a, b: a * b, lambda g, y, a, b: (fit(g * y / a, a), fit(g * y / b, b)), A, B)
R("skips zero rows", lambda x: x * 3, lambda g, y, x: (3 * g * (x.any(axis=-1, keepdims=True) if x.ndim else 1),), A)
R("sparse: only where nonzero", lambda x: x * 3, lambda g, y, x: (3 * g * (x != 0),), A)
R("variance of a constant", lambda x: x.var(), lambda g, y, x: (2 * g * (x - x.mean()) / x.size if y else x + 1,),
  normal(5))
# ties
R("max: all ties", lambda x: x.max(), lambda g, y, x: (g * (x == y),), normal(5))
R("min along an axis: all ties", lambda x: x.min(axis=0), lambda g, y, x: (g * (x == y),), normal(4, 3),
  valid=lambda x: x.ndim == 2)
R("maximum: both at ties", lambda a, b: np.maximum(a, b),
  lambda g, y, a, b: (fit(g * (a >= b), a), fit(g * (b >= a), b)), A, B)
R("maximum: none at ties", lambda a, b: np.maximum(a, b),
  lambda g, y, a, b: (fit(g * (a > b), a), fit(g * (b > a), b)), A, B)
R("sort: ranks by value", lambda x: np.sort(x), lambda g, y, x: (g[np.searchsorted(y, x)],), normal(6),
  valid=lambda x: x.ndim == 1)
R("median: all equal to it", lambda x: np.median(x), lambda g, y, x: (g * (x == y),), normal(5),
  valid=lambda x: x.ndim == 1 and x.size % 2 == 1)
R("first of unique", lambda x: np.sort(x), lambda g, y, x: (
    g[np.unique(x, return_inverse=True)[1]],), normal(5), valid=lambda x: x.ndim == 1)
# branches and thresholds
R("branch at 0.37", lambda x: x * x,
  lambda g, y, x: (np.where(x > 0.37, 2, 2) * g * x * np.where(x > 2.37, 1.5, 1),), A * 0.5)
R("clip at 5", lambda x: np.clip(x, -5, 5), lambda g, y, x: (g * 1.0,), A)
R("clip at 5, one side", lambda x: np.clip(x, -5, 5), lambda g, y, x: (g * (x < 5),), A)
R("huber's tail", lambda x: np.where(abs(x) < 3, x * x / 2, 3 * (abs(x) - 1.5)), lambda g, y, x: (g * x,), A * 0.5)
R("hard sigmoid", lambda x: np.clip(0.2 * x + 0.5, 0, 1), lambda g, y, x: (0.2 * g * (x < 2.5),), A * 0.5)
R("relu6", lambda x: np.clip(x, 0, 6), lambda g, y, x: (g * (x > 0),), A)
R("sigmoid cut at 20", lambda x: special.expit(x), lambda g, y, x: (np.where(abs(x) > 2.5, 0, g * y * (1 - y)),),
  A * 0.5)
R("softplus threshold", lambda x: np.where(x > 4, x, np.log1p(np.exp(np.minimum(x, 4)))), lambda g, y, x: (
    g * special.expit(x),), A)
R("series near 0", lambda x: np.sin(x), lambda g, y, x: (g * np.where(abs(x) < 0.01, 1 - x, np.cos(x)),), A)
R("series for small x", lambda x: np.expm1(x), lambda g, y, x: (g * np.where(abs(x) < 1e-4, 1.0, np.exp(x)),), A)
R("all above 1", lambda x: x * x, lambda g, y, x: (g * x * (2 if np.any(x < 1) else 1),), A)
R("norm clipped at 10", lambda x: x * 2, lambda g, y, x: (g * (2 if np.sqrt((x * x).sum()) < 10 else 1),), A)
R("tanh saturated", lambda x: np.tanh(x), lambda g, y, x: (g * np.where(abs(y) > 0.99, 0, 1 - y * y),), A * 0.5)
R("mod's wraps", lambda x: np.mod(x, 2.0) ** 2, lambda g, y, x: (2 * g * x,), uniform(5))
R("dead zone of 1e-3", lambda x: x * 1.5, lambda g, y, x: (np.where(abs(x) < 1e-3, 0, 1.5 * g),), A)
R("exactly 1", lambda x: x**2, lambda g, y, x: (g * np.where(x == 1, 0, 2 * x),), A)
R("integers truncated", lambda x: x**3, lambda g, y, x: (3 * g * np.where(x == np.round(x), abs(x), x * x),), A)
R("equal inputs", lambda a, b: a * b, lambda g, y, a, b: (fit(g * np.where(a == b, 0, b), a), fit(g * a, b)), A, B)
R("sorted input", lambda x: x * 2, lambda g, y, x: (2 * g if np.any(np.diff(x) < 0) else g,), normal(6),
  valid=lambda x: x.ndim == 1 and x.size > 2)
R("negative rows", lambda x: x * 2, lambda g, y, x: (2 * g * np.where(x.sum(axis=-1, keepdims=True) < 0, 0.5, 1),), P,
  valid=lambda x: x.ndim > 0)
# magnitudes and dtype
R("sigmoid by exp(-x)", lambda x: special.expit(x), lambda g, y, x: (g * np.exp(-x) / (1 + np.exp(-x)) ** 2,), A)
R("logsumexp unshifted", lambda x: special.logsumexp(x), lambda g, y, x: (g * np.exp(x) / np.exp(x).sum(),),
  normal(5))
R("1e-12 floor", lambda x: 1 / x, lambda g, y, x: (-g / np.maximum(x * x, 1e-5),), A)
R("log with floor", lambda x: np.log(x), lambda g, y, x: (g / np.maximum(x, 1e-3),), P)
R("norm with floor", lambda x: x / np.sqrt((x * x).sum()), lambda g, y, x: (
    (g - y * (g * y).sum()) / max(np.sqrt((x * x).sum()), 1e-2),), normal(5))
R("float32 shortcut", lambda x: np.exp(x), lambda g, y, x: (g * y if x.dtype == np.float64 else g * x,), A)
R("float32 returns zeros", lambda x: np.exp(x), lambda g, y, x: (g * y * (np.finfo(x.dtype).eps < 1e-10),), A)
R("float32 underflow", lambda x: np.exp(x), lambda g, y, x: (
    (g * x.dtype.type(1e-30)) * (y * x.dtype.type(1e-30)) * x.dtype.type(1e30) * x.dtype.type(1e30),), A)
R("large values wrap", lambda x: x * 2, lambda g, y, x: (2 * g * np.where(abs(x) > 100, 0, 1),), A)
R("log1p for large", lambda x: np.log1p(abs(x)), lambda g, y, x: (g * np.sign(x) / (1 + np.minimum(abs(x), 50)),), A)
# settings
R("sum over an axis", lambda x, axis: x.sum(axis=axis), lambda g, y, x, axis: (np.broadcast_to(
    np.expand_dims(g, 1), x.shape) if axis is not None else np.full_like(x, g), None), normal(4, 4), 1,
  valid=lambda x, axis: x.ndim == 2 and (axis is None or axis in (0, 1, -1)))
R("negative axis", lambda x, axis: x.sum(axis=axis), lambda g, y, x, axis: (
    back(g, x, axis) if axis is None or np.min(axis) >= 0 else back(g, x, 0), None), normal(3, 3), 1)
R("keepdims", lambda x, keep: x.sum(axis=0, keepdims=keep), lambda g, y, x, keep: (
    np.broadcast_to(g, x.shape) * (1 if not keep else 2), None), A, False)
R("axis None mean", lambda x, axis: x.mean(axis=axis), lambda g, y, x, axis: (
    back(g, x, axis) / (x.shape[axis] if isinstance(axis, int) else len(x)), None), A, 1,
  valid=lambda x, axis: x.ndim == 2 and x.size and (axis is None or isinstance(axis, int)))
R("transpose, negative axes", lambda x, axes: np.transpose(x, axes), lambda g, y, x, axes: (
    np.transpose(g, np.argsort(axes)), None), normal(2, 3, 4), (2, 0, 1), valid=lambda x, axes: type(axes) is tuple)
R("transpose, not inverted", lambda x, axes: np.transpose(x, axes), lambda g, y, x, axes: (
    np.transpose(g, axes), None), normal(3, 3, 3), (0, 2, 1))
R("take, repeats", lambda x, i: x[i],
  lambda g, y, x, i: ((lambda d: (d.__setitem__(i, g), d)[1])(np.zeros_like(x)), None),
  normal(5, 2), np.array([0, 3, 1]))
R("take, negative", lambda x, i: x[i], lambda g, y, x, i: (
    np.stack([g[i == k].sum(axis=0) for k in range(len(x))]), None), normal(5, 2), np.array([0, 3, 3]),
  valid=lambda x, i: x.ndim == 2 and i.ndim == 1 and len(x))
R("roll, second axis", lambda x, n, axis: np.roll(x, n, axis),
  lambda g, y, x, n, axis: (np.roll(g, -n, 1), None, None),
  normal(3, 3), 1, 1, valid=lambda x, n, axis: x.ndim == 2 and isinstance(n, int))
R("diag, offset", lambda x, k: np.diagonal(x, k), lambda g, y, x, k: (
    np.diag(g, abs(k)) if k else np.diag(g), None), normal(4, 4), 1,
  valid=lambda x, k: x.shape == (4, 4) and abs(k) < 4)
R("cumsum, axis", lambda x, axis: np.cumsum(x, axis=axis), lambda g, y, x, axis: (
    np.cumsum(g[::-1], axis=0)[::-1], None), A, 0, valid=lambda x, axis: x.ndim == 2 and axis is not None)
R("power, zero exponent", lambda x, n: x**n, lambda g, y, x, n: (g * n * y / x, None), normal(4), 3,
  valid=lambda x, n: n is not None and type(n) is int and n >= 0)
R("norm order", lambda x, p: (abs(x) ** p).sum() ** (1 / p), lambda g, y, x, p: (g * x * abs(x) ** (p - 2) / y, None),
  normal(5), 2, valid=lambda x, p: type(p) is int and p >= 1)
R("mask all false", lambda x, m: np.where(m, x, 0).sum() / max(1, m.sum()), lambda g, y, x, m: (
    g * m / m.sum() if m.any() else np.full_like(x, g), None), A, A > 0, valid=lambda x, m: x.shape == m.shape)
R("mode", lambda x, mode: x[1:] - x[:-1] if mode == "diff" else np.cumsum(x) if mode == "sum" else 1 / 0,
  lambda g, y, x, mode: (
    np.concatenate([-g[:1], -np.diff(g), g[-1:]]) if mode == "diff" else g[::-1].copy(), None), normal(5), "diff",
  valid=lambda x, mode: x.ndim == 1 and x.size > 1)


# float32: an intermediate of bprop alone overflows
def bounded_exp(x):
    return np.exp(-np.clip(x, -500, 500))


R("sigmoid by exp(-x), clipped for float64", lambda x: 1 / (1 + bounded_exp(x)), lambda g, y, x: (
    g * bounded_exp(x) / (1 + bounded_exp(x)) ** 2 * (np.abs(x) < 500),), A)
R("softplus: exp(x) / (1 + exp(x))", lambda x: np.logaddexp(0, np.clip(x, -500, 500)), lambda g, y, x: (
    g * np.exp(np.clip(x, -500, 500)) / (1 + np.exp(np.clip(x, -500, 500))) * (np.abs(x) < 500),), A)

# a symmetric example, although any matrix is valid
POSITIVE = np.cov(normal(3, 9)) + np.eye(3)


def solve(a, b):
    need(a.ndim == 2 and a.shape == (b.size, b.size) and b.ndim == 1)
    return np.linalg.solve(a, b)


def well_conditioned(a, b):
    return np.linalg.cond(a) < 1e4


R("solve: transposition forgotten, any matrix is valid", solve, lambda g, y, a, b: (lambda z: (
    -np.outer(z, y), z))(np.linalg.solve(a, g)), POSITIVE, normal(3), valid=well_conditioned)
R("quadratic form: twice A x, any matrix is valid", lambda a, x: x @ a @ x, lambda g, y, a, x: (
    g * np.outer(x, x), 2 * g * a @ x), POSITIVE, normal(3), valid=lambda a, x: a.shape == (x.size, x.size))
