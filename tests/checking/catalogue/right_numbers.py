"""Right operations that are numerically difficult: tails, cancellation, noise, overflow."""

import numpy as np
from scipy import special

from .entries import fit, normal, ok, uniform

ok("log(1+x), naive", lambda x: np.log(1 + x), lambda g, y, x: (g / (1 + x),), uniform(3, 4))
ok("log1p", lambda x: np.log1p(x), lambda g, y, x: (g / (1 + x),), uniform(3, 4))
ok("expm1, naive", lambda x: np.exp(x) - 1, lambda g, y, x: (g * np.exp(x),), normal(3, 4))
ok("(1-cos x)/x²", lambda x: (1 - np.cos(x)) / x**2,
   lambda g, y, x: (g * (x * np.sin(x) - 2 * (1 - np.cos(x))) / x**3,), normal(3, 4))
ok("sin x / x", lambda x: np.sin(x) / x, lambda g, y, x: (g * (x * np.cos(x) - np.sin(x)) / x**2,), normal(5))
ok("sinc", lambda x: np.sinc(x), lambda g, y, x: (
    g * np.where(x == 0, 0, (np.cos(np.pi * x) - y) / np.where(x == 0, 1, x)).astype(x.dtype),), normal(5))
ok("difference of square roots", lambda x: np.sqrt(x + 1) - np.sqrt(x),
   lambda g, y, x: (g * 0.5 * (1 / np.sqrt(x + 1) - 1 / np.sqrt(x)),), uniform(4) * 50)
ok("(x+1e8)-1e8", lambda x: (x + 1e8) - 1e8, lambda g, y, x: (g * 1.0,), normal(4))
ok("variance, one pass", lambda x: (x * x).mean() - x.mean() ** 2, lambda g, y, x: (g * 2 / x.size * (x - x.mean()),),
   normal(8))
ok("variance, two passes", lambda x: ((x - x.mean()) ** 2).mean(), lambda g, y, x: (g * 2 / x.size * (x - x.mean()),),
   normal(8))
ok("standard deviation", lambda x: np.sqrt(((x - x.mean()) ** 2).mean()), lambda g, y, x: (
    g * (x - x.mean()) / (x.size * y) if y > 0 else np.zeros_like(x),), normal(8))


def in_float32(function):
    return lambda x: function(x.astype(np.float32)).astype(x.dtype)


ok("tanh inside float32", in_float32(np.tanh), lambda g, y, x: (
    (g * (1 - np.tanh(x.astype(np.float32)) ** 2)).astype(x.dtype),), normal(3, 4))
ok("square inside float32", in_float32(np.square), lambda g, y, x: (2 * g * x,), normal(3, 4))
ok("sum inside float16", lambda x: x.astype(np.float16).sum(dtype=np.float16).astype(x.dtype), lambda g, y, x: (
    np.full(x.shape, g, x.dtype),), normal(5))
ok("rounding noise of 1e-9", lambda x: x * x + 1e-9 * np.sin(1e12 * x), lambda g, y, x: (2 * g * x,), normal(5),
   valid=lambda x: np.all(abs(x) > 0.05))
ok("noise of 1e-6", lambda x: np.sin(x) + 1e-6 * np.modf(1e13 * x)[0], lambda g, y, x: (g * np.cos(x),), normal(5))


ok("sin(1000 x)", lambda x: np.sin(1000 * x), lambda g, y, x: (1000 * g * np.cos(1000 * x),), normal(4))
ok("x⁹", lambda x: x**9, lambda g, y, x: (9 * g * x**8,), normal(5))
ok("1e150 x", lambda x: 1e150 * x, lambda g, y, x: (1e150 * g,), normal(5))
ok("1e-200 x", lambda x: 1e-200 * x, lambda g, y, x: (1e-200 * g,), normal(5))
ok("exp", lambda x: np.exp(x), lambda g, y, x: (g * y,), normal(3, 4))
ok("exp of large negative", lambda x: np.exp(-x * x), lambda g, y, x: (-2 * g * x * y,), 3 * normal(5))
ok("x log x, guarded", lambda x: np.where(x > 0, x * np.log(np.where(x > 0, x, 1)), 0),
   lambda g, y, x: (g * np.where(x > 0, np.log(np.where(x > 0, x, 1)) + 1, 0),), uniform(3, 4))
ok("xlogy", lambda x, y: special.xlogy(x, y), lambda g, out, x, y: (
    fit(g * np.log(y), x), fit(g * x / y, y)), uniform(5), uniform(5, seed=1))
ok("masked log", lambda x: np.where(x > 0.2, np.log(np.where(x > 0.2, x, 1)), 0), lambda g, y, x: (
    g * np.where(x > 0.2, 1 / np.where(x > 0.2, x, 1), 0),), uniform(3, 4))
ok("softplus", lambda x: np.logaddexp(x, x.dtype.type(0)), lambda g, y, x: (g * special.expit(x),), normal(3, 4))
ok("sigmoid, by tanh", lambda x: 0.5 * (1 + np.tanh(x / 2)), lambda g, y, x: (g * y * (1 - y),), 3 * normal(3, 4))
ok("log sigmoid", lambda x: -np.logaddexp(x.dtype.type(0), -x), lambda g, y, x: (g * special.expit(-x),),
  5 * normal(4))
ok("logsumexp", lambda x: special.logsumexp(x, axis=-1) if x.ndim and x.shape[-1] else 1 / 0,
   lambda g, y, x: (np.expand_dims(g, -1) * np.exp(x - np.expand_dims(y, -1)),), normal(3, 4))
ok("log cosh", lambda x: np.logaddexp(x, -x) - np.log(x.dtype.type(2)), lambda g, y, x: (g * np.tanh(x),), normal(4))
ok("gammaln", lambda x: special.gammaln(x), lambda g, y, x: (g * special.digamma(x),), uniform(4) * 5)
ok("erf", lambda x: special.erf(x), lambda g, y, x: (g * 2 / np.sqrt(x.dtype.type(np.pi)) * np.exp(-x * x),),
  normal(5))
ok("gelu", lambda x: x * special.ndtr(x), lambda g, y, x: (
    g * (special.ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * x.dtype.type(np.pi))),), normal(5))
ok("swish", lambda x: x * special.expit(x), lambda g, y, x: (
    g * (special.expit(x) + y * special.expit(-x)),), normal(5))
ok("power, fixed exponent", lambda x, n: x**n if type(n) is int and n >= 0 else 1 / 0,
   lambda g, y, x, n: (g * n * x ** (n - 1) if n else np.zeros_like(x), None), normal(5), 3)
ok("reciprocal", lambda x: 1 / x, lambda g, y, x: (-g * y * y,), normal(5))
ok("divide", lambda a, b: a / b, lambda g, y, a, b: (fit(g / b, a), fit(-g * y / b, b)), normal(3, 4),
  normal(3, 1, seed=2))
ok("p-norm", lambda x, p: (abs(x) ** p).sum() ** (1 / p) if p >= 1 else 1 / 0, lambda g, y, x, p: (
    g * np.sign(x) * (abs(x) / y) ** (p - 1) if y > 0 else np.zeros_like(x), None), normal(5), 2)
ok("tan", lambda x: np.tan(x), lambda g, y, x: (g * (1 + y * y),), normal(5))
ok("arctanh", lambda x: np.arctanh(x), lambda g, y, x: (g / ((1 - x) * (1 + x)),), uniform(5))
ok("log softmax", lambda x: x - special.logsumexp(x, axis=-1, keepdims=True) if x.ndim and x.size else 1 / 0,
   lambda g, y, x: (g - np.exp(y) * g.sum(axis=-1, keepdims=True),), normal(3, 4))
ok("cosine similarity", lambda a, b: a @ b / np.sqrt((a @ a) * (b @ b)) if a.ndim == b.ndim == 1 else 1 / 0,
   lambda g, y, a, b: (g * (b / np.sqrt((a @ a) * (b @ b)) - y * a / (a @ a)),
                       g * (a / np.sqrt((a @ a) * (b @ b)) - y * b / (b @ b))), normal(5), normal(5, seed=4))


ok(
    "larger root of a quadratic, naive",
    lambda b, c: (-b + np.sqrt(b * b - 4 * c)) / 2,
    lambda g, y, b, c: (fit(-g * y / np.sqrt(b * b - 4 * c), b), fit(-g / np.sqrt(b * b - 4 * c), c)),
    2 + uniform(4),
    uniform(4),
    valid=lambda b, c: np.all(b * b > 4 * c),
)


ok("staircase", lambda x: np.floor(10 * x) / 10, lambda g, y, x: (0 * g,), normal(5))

ok("sawtooth times x", lambda x: x * (x - np.floor(x)), lambda g, y, x: (g * (2 * x - np.floor(x)),), normal(5))

ok(
    "hard shrink",
    lambda x, level: np.where(abs(x) > level, x, 0),
    lambda g, y, x, level: (np.where(abs(x) > level, g, 0), 0.0),
    normal(5),
    0.4,
)
