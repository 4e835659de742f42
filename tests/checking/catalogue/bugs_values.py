"""V: wrong numbers at the example itself. S: wrong shape or count."""

import numpy as np
from scipy import special

from .entries import bug, fit, normal, uniform

A, B, P, Q = normal(3, 4), normal(3, 4, seed=1), uniform(3, 4), uniform(3, 4, seed=1)


def V(name, fprop, bprop, *inputs, **options):
    bug("V", name, fprop, bprop, *inputs, **options)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


V("tanh: sign", lambda x: np.tanh(x), lambda g, y, x: (-g * (1 - y * y),), A)
V("tanh: of the input", lambda x: np.tanh(x), lambda g, y, x: (g * (1 - x * x),), A)
V("tanh: sigmoid's", lambda x: np.tanh(x), lambda g, y, x: (g * y * (1 - y),), A)
V("tanh: twice the incoming gradient", lambda x: np.tanh(x), lambda g, y, x: (g * g * (1 - y * y),), A)
V("tanh: incoming gradient dropped", lambda x: np.tanh(x), lambda g, y, x: (1 - y * y,), A)
V("tanh: no square", lambda x: np.tanh(x), lambda g, y, x: (g * (1 - y),), A)
V("sigmoid: tanh's", lambda x: special.expit(x), lambda g, y, x: (g * (1 - y * y),), A)
V("sigmoid: of the input", lambda x: special.expit(x), lambda g, y, x: (g * x * (1 - x),), A)
V("relu: no mask", lambda x: np.maximum(x, 0), lambda g, y, x: (g * 1.0,), A)
V("relu: other side", lambda x: np.maximum(x, 0), lambda g, y, x: (g * (x < 0),), A)
V("leaky: slope forgotten", lambda x: np.where(x > 0, x, 0.1 * x), lambda g, y, x: (g * (x > 0),), A)
V("square: factor", lambda x: x * x, lambda g, y, x: (g * x,), A)
V("cube: power", lambda x: x**3, lambda g, y, x: (3 * g * x,), A)
V("exp: of the output", lambda x: np.exp(x), lambda g, y, x: (g * np.exp(y),), A)
V("exp: minus", lambda x: np.exp(-x), lambda g, y, x: (g * y,), A)
V("log: base", lambda x: np.log2(x), lambda g, y, x: (g / x,), P)
V("log: of the output", lambda x: np.log(x), lambda g, y, x: (g / y,), P)
V("sqrt: factor", lambda x: np.sqrt(x), lambda g, y, x: (g / y,), P)
V("sin: sign", lambda x: np.sin(x), lambda g, y, x: (-g * np.cos(x),), A)
V("cos: sign", lambda x: np.cos(x), lambda g, y, x: (g * np.sin(x),), A)
V("arctan: no one", lambda x: np.arctan(x), lambda g, y, x: (g / (x * x),), A)
V("arcsin: sign inside", lambda x: np.arcsin(x), lambda g, y, x: (g / np.sqrt(1 + x * x),), P)
V("softplus: shifted", lambda x: np.log1p(np.exp(x)), lambda g, y, x: (g * special.expit(x + 1),), A)
V("gelu: second term", lambda x: x * special.ndtr(x), lambda g, y, x: (g * special.ndtr(x),), A)
V("swish: no output", lambda x: x * special.expit(x), lambda g, y, x: (g * special.expit(x),), A)
V("elu: plus one", lambda x: np.where(x > 0, x, np.expm1(x)), lambda g, y, x: (np.where(x > 0, g, g * y),), A)
V("multiply: swapped", lambda a, b: a * b, lambda g, y, a, b: (g * a, g * b), A, B)
V("multiply: first only", lambda a, b: a * b, lambda g, y, a, b: (g * b, None), A, B)
V("subtract: sign of second", lambda a, b: a - b, lambda g, y, a, b: (g * 1, g * 1), A, B)
V("divide: square forgotten", lambda a, b: a / b, lambda g, y, a, b: (g / b, -g * a / b), A, Q)
V("divide: sign", lambda a, b: a / b, lambda g, y, a, b: (g / b, g * a / b**2), A, Q)
V("power: exponent", lambda a, b: a**b, lambda g, y, a, b: (g * b * a**b, g * y * np.log(a)), P, Q,
  valid=lambda a, b: np.all(a > 0))
V("power: log of exponent", lambda a, b: a**b, lambda g, y, a, b: (g * b * a ** (b - 1), g * y * np.log(b)), P, Q,
  valid=lambda a, b: np.all(a > 0) and np.all(b > 0))
V("maximum: both", lambda a, b: np.maximum(a, b), lambda g, y, a, b: (g * (a > b), g * (a > b)), A, B)
V("hypot: not divided", lambda a, b: np.hypot(a, b), lambda g, y, a, b: (g * a, g * b / y), A, B)
V("arctan2: swapped", lambda a, b: np.arctan2(a, b), lambda g, y, a, b: (
    g * a / (a * a + b * b), g * b / (a * a + b * b)), A, B)
V("logaddexp: halves", lambda a, b: np.logaddexp(a, b), lambda g, y, a, b: (g / 2, g / 2), A, B)
V("matmul: square, not transposed", lambda a, b: a @ b, lambda g, y, a, b: (g @ b, a.T @ g), normal(3, 3),
  normal(3, 3, seed=1))
V("matmul: swapped factors", lambda a, b: a @ b, lambda g, y, a, b: (g @ b.T, g @ a.T), normal(3, 3),
  normal(3, 3, seed=1))
V("affine: mean of bias", lambda x, w, b: x @ w + b, lambda g, y, x, w, b: (g @ w.T, x.T @ g, g.mean(0)),
  normal(5, 3), normal(3, 2), normal(2))
V("affine: last example's bias", lambda x, w, b: x @ w + b, lambda g, y, x, w, b: (g @ w.T, x.T @ g, g[-1]),
  normal(5, 3), normal(3, 2), normal(2))
V("affine: batch size", lambda x, w, b: x @ w + b, lambda g, y, x, w, b: (g @ w.T, x.T @ g / len(x), g.sum(0)),
  normal(5, 3), normal(3, 2), normal(2))
V("mean: not divided", lambda x: x.mean(), lambda g, y, x: (np.full_like(x, g),), A)
V("mean: divided by rows", lambda x: x.mean(), lambda g, y, x: (np.full_like(x, g) / len(x),), A)
V("sum: averaged", lambda x: x.sum(axis=0), lambda g, y, x: (np.tile(g, (len(x), 1)) / len(x),), A)
V("variance: no mean", lambda x: x.var(), lambda g, y, x: (2 * g * x / x.size,), A)
V("variance: n - 1", lambda x: x.var(), lambda g, y, x: (2 * g * (x - x.mean()) / (x.size - 1),), A)
V("norm: not divided", lambda x: np.sqrt((x * x).sum()), lambda g, y, x: (g * x,), A)
V("norm: squared", lambda x: np.sqrt((x * x).sum()), lambda g, y, x: (g * x / (y * y),), A)
V("softmax: diagonal only", softmax, lambda g, y, x: (g * y * (1 - y),), A)
V("softmax: wrong axis", softmax, lambda g, y, x: (y * (g - (g * y).sum(0, keepdims=True)),), A)
V("log softmax: no exp", lambda x: np.log(softmax(x)), lambda g, y, x: (g - y * g.sum(-1, keepdims=True),), A)
V("logsumexp: uniform", lambda x: special.logsumexp(x), lambda g, y, x: (g * np.full_like(x, 1 / x.size),), A)
V("prod: other factor", lambda x: np.prod(x), lambda g, y, x: (g * y * x,), normal(5))
V("cumsum: forward", lambda x: np.cumsum(x), lambda g, y, x: (np.cumsum(g),), normal(5))
V("sort: not undone", lambda x: np.sort(x), lambda g, y, x: (g[np.argsort(x)],), normal(5))
V("max: everywhere", lambda x: x.max(), lambda g, y, x: (np.full_like(x, g),), normal(5))
V("convolution: not flipped", lambda x, w: np.convolve(x, w, "valid"), lambda g, y, x, w: (
    np.convolve(g, w), np.convolve(x, g[::-1], "valid")[::-1]), normal(7), normal(3))
V("inv: not transposed", lambda a: np.linalg.inv(a), lambda g, y, a: (-y @ g @ y,), normal(3, 3))
V("det: not transposed", lambda a: np.linalg.det(a), lambda g, y, a: (g * y * np.linalg.inv(a),), normal(3, 3))
V("solve: matrix", lambda a, b: np.linalg.solve(a, b), lambda g, y, a, b: (
    -np.outer(y, np.linalg.solve(a.T, g)), np.linalg.solve(a.T, g)), normal(3, 3), normal(3))
V("trace: ones", lambda a: np.trace(a), lambda g, y, a: (np.full_like(a, g),), normal(3, 3))
V("clip: no upper", lambda x: np.clip(x, -0.5, 0.5), lambda g, y, x: (g * (x > -0.5),), A)
V("where: swapped", lambda m, a, b: np.where(m, a, b),
  lambda g, y, m, a, b: (None, np.where(m, 0, g), np.where(m, g, 0)),
  A > 0, A, B)
V("cross entropy: no one-hot", lambda x, t: -np.log(softmax(x))[np.arange(len(x)), t].sum(), lambda g, y, x, t: (
    g * softmax(x), None), A, np.array([1, 0, 2]))
V("cross entropy: batch", lambda x, t: -np.log(softmax(x))[np.arange(len(x)), t].mean(), lambda g, y, x, t: (
    g * (softmax(x) - np.eye(x.shape[1])[t]), None), A, np.array([1, 0, 2]))
V("layer: one element", lambda x: x * 2,
  lambda g, y, x: (np.where(np.arange(x.size).reshape(x.shape) == 3, 2.1, 2.0) * g,), A)
V("Python float: factor", lambda x, k: k * x, lambda g, y, x, k: (g * k, float((g * x).mean())), A, 1.7)
V("l2: factor", lambda w: 0.5 * (w * w).sum(), lambda g, y, w: (2 * g * w,), A)
V("reshape: wrong order", lambda x: x.reshape(-1), lambda g, y, x: (g.reshape(x.shape, order="F"),), A)
V("flip: not flipped", lambda x: x[::-1] * 1.0, lambda g, y, x: (g * 1.0,), normal(5))
V("erf: constant", lambda x: special.erf(x), lambda g, y, x: (g * np.exp(-x * x),), A)

bug("S", "broadcast add: not summed", lambda a, b: a + b, lambda g, y, a, b: (g * 1, g * 1), A, normal(4))
bug("S", "one gradient missing", lambda a, b: a * b, lambda g, y, a, b: (g * b,), A, B)
bug("S", "one too many", lambda a: a * 2, lambda g, y, a: (g * 2, None), A)
bug("S", "transposed", lambda a: a.T * 2, lambda g, y, a: (g * 2,), A)
bug("S", "keepdims", lambda a, b: a * b, lambda g, y, a, b: (g * b, (g * a).sum(axis=0, keepdims=True)), A, normal(4))
bug("S", "scalar for an array", lambda a: a.sum(), lambda g, y, a: (g,), A)
bug("S", "None for all", lambda a: np.sin(a), lambda g, y, a: None, A)
bug("S", "broadcast column", lambda a, b: a * b, lambda g, y, a, b: (fit(g * b, a), (g * a).sum(axis=1)), A,
  normal(3, 1))
