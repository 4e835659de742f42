"""Right operations written as a user would, with fewer guards: what regimes they refuse, NumPy refuses for them."""

import random

import numpy as np
from scipy import special

from .entries import back, fit, normal, ok, uniform


def qr_r(a):
    if a.shape != (3, 3):
        raise ValueError("3 x 3")
    return np.abs(np.diagonal(np.linalg.qr(a)[1])).prod()


ok("volume by QR", qr_r, lambda g, y, a: (g * y * np.linalg.inv(a).T,), normal(3, 3))
ok("1/sqrt(x)", lambda x: 1 / np.sqrt(x), lambda g, y, x: (-0.5 * g * y / x,), uniform(4))
ok("log of sum of squares", lambda x: np.log((x * x).sum()), lambda g, y, x: (2 * g * x / (x * x).sum(),), normal(4))
ok("normalised rows", lambda x: x / np.sqrt((x * x).sum(axis=-1, keepdims=True)), lambda g, y, x: (
    (g - y * (g * y).sum(axis=-1, keepdims=True)) / np.sqrt((x * x).sum(axis=-1, keepdims=True)),), normal(3, 4),
   valid=lambda x: x.ndim > 0)
ok("arctan of a ratio", lambda a, b: np.arctan(a / b), lambda g, y, a, b: (
    fit(g * b / (a * a + b * b), a), fit(-g * a / (a * a + b * b), b)), normal(4), uniform(4) + 0.5)
ok("mish", lambda x: x * np.tanh(np.logaddexp(0, x)), lambda g, y, x: (
    g * (np.tanh(np.logaddexp(0, x)) + x * (1 - np.tanh(np.logaddexp(0, x)) ** 2) * special.expit(x)),), normal(5))
ok("Bessel", lambda x: special.j0(x), lambda g, y, x: (-g * special.j1(x),), 3 * normal(4))
ok("inverse normal", lambda x: special.ndtri(x), lambda g, y, x: (g * (2 * np.pi) ** 0.5 * np.exp(y * y / 2),),
  uniform(4))
ok("gammainc", lambda x: special.gammainc(2.5, x), lambda g, y, x: (
    g * np.exp(1.5 * np.log(x) - x - float(special.gammaln(2.5))),), uniform(4) * 4)
ok("harmonic mean", lambda x: x.size / (1 / x).sum(), lambda g, y, x: (g * y * y / x.size / (x * x),), uniform(5),
   valid=lambda x: np.all(x != 0))
ok("geometric mean", lambda x: np.exp(np.log(x).mean()), lambda g, y, x: (g * y / x / x.size,), uniform(5),
   valid=lambda x: np.all(x > 0))
ok("weighted median-like clip", lambda x, w: (np.clip(x, -1, 1) * w).sum() / w.sum(), lambda g, y, x, w: (
    fit(g * (abs(x) <= 1) * w / w.sum(), x), fit(g * (np.clip(x, -1, 1) - y) / w.sum(), w)), normal(5), uniform(5),
   valid=lambda x, w: x.shape == w.shape and abs(w.sum()) > 0.01)
ok("top-k mask", lambda x: np.where(x >= np.sort(x)[-2], x, 0), lambda g, y, x: (g * (x >= np.sort(x)[-2]),),
  normal(6),
   valid=lambda x: x.ndim == 1)
ok("straight line through points", lambda x, y: np.polyfit(x, y, 1) if x.shape == (6,) else 1 / 0,
  lambda g, c, x, y: (
    None, np.linalg.pinv(np.stack([x, np.ones(6)], 1)).T @ g), np.arange(6.0), normal(6),
   valid=lambda x, y: np.array_equal(x, np.arange(6.0)))
ok("difference of logs", lambda x: np.log(x + 1e-6) - np.log(x), lambda g, y, x: (g * (1 / (x + 1e-6) - 1 / x),),
  uniform(4))
ok("cos of an angle near 0", lambda x: np.arccos(1 - x), lambda g, y, x: (g / np.sqrt(x * (2 - x)),), uniform(4))
ok("log det by Cholesky", lambda a: 2 * np.log(np.diagonal(np.linalg.cholesky(a))).sum() if a.ndim == 2 else 1 / 0,
   lambda g, y, a: (g * np.linalg.inv(a),), np.eye(3) + 0.1 * np.ones((3, 3)))
ok("quantised, straight", lambda x: np.round(8 * x) / 8 + 0.0 * x, lambda g, y, x: (0.0 * g,), normal(4))
ok("product of rows", lambda x: x.prod(axis=0), lambda g, y, x: (
    g * np.stack([np.delete(x, k,
    0).prod(axis=0) for k in range(len(x))]),), normal(3, 2), valid=lambda x: x.ndim > 0 and len(x))
ok("sum of squares over axes", lambda x, axes: (x * x).sum(axis=axes), lambda g, y, x, axes: (
    2 * x * back(g, x, axes), None), normal(2, 3, 4), (0, 2))
ok("fourth root of a sum", lambda x: (x**4).sum() ** 0.25, lambda g, y, x: (g * x**3 / y**3 if y > 0 else 0 * x,),
  normal(4))
ok("exp(-1/x²)", lambda x: np.where(x == 0, 0, np.exp(-1 / np.where(x == 0, 1, x) ** 2)), lambda g, y, x: (
    g * np.where(x == 0, 0, 2 * y / np.where(x == 0, 1, x) ** 3),), normal(4))
ok("x² sin(1/x)", lambda x: x * x * np.sin(1 / x), lambda g, y, x: (g * (2 * x * np.sin(1 / x) - np.cos(1 / x)),),
  normal(4))
ok("log-normal density", lambda x: np.exp(-np.log(x) ** 2 / 2) / x, lambda g, y, x: (-g * y * (np.log(x) + 1) / x,),
  uniform(4))
ok("stochastic rounding", lambda x: np.floor(x + np.random.default_rng(1).random(x.shape)), lambda g, y, x: (None,),
  normal(4))
ok("tuple with an index", lambda x: (x.max(), x.argmax()), lambda g, y, x: (g[0] * (np.arange(x.size) == y[1]),),
  normal(5),
   valid=lambda x: x.ndim == 1)
ok("zero output", lambda x: 0.0 * x, lambda g, y, x: (0.0 * g,), normal(4))
ok("norm without a guard", lambda x: np.sqrt((x * x).sum()), lambda g, y, x: (g * x / y,), normal(4),
  valid=lambda x: np.any(x))


# what is beside the mistakes of bugs_regimes that float32 and unsymmetric neighbours show


POSITIVE = np.cov(normal(3, 9)) + np.eye(3)
ok("quadratic form of symmetric matrices", lambda a, x: x @ a @ x, lambda g, y, a, x: (
    g * np.outer(x, x), 2 * g * a @ x), POSITIVE, normal(3), valid=lambda a, x: (
    a.shape == (x.size, x.size) and np.allclose(a, a.T)))
ok("solve, any matrix is valid", lambda a, b: np.linalg.solve(a, b), lambda g, y, a, b: (lambda z: (
    -np.outer(z, y), z))(np.linalg.solve(a.T, g)), POSITIVE, normal(3), valid=lambda a, b: (
    a.shape == (b.size, b.size) and b.ndim == 1 and np.linalg.cond(a) < 1e4))

entropy = random.SystemRandom()  # what no seed fixes
ok("square that varies by 1e-12", lambda x: x * x * (1 + 1e-12 * entropy.uniform(-1, 1)), lambda g, y, x: (
    2 * g * x,), normal(4))
