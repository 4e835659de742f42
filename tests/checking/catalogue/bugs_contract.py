"""C: a broken contract: memory, side effects, linearity, form, overflow that could be avoided."""

import itertools

import numpy as np
from scipy import special

from .entries import bug, normal

A, B = normal(3, 4), normal(3, 4, seed=1)
counter = itertools.count()
unseeded = np.random.default_rng(5)
kept = {}


def C(name, fprop, bprop, *inputs, **options):
    bug("C", name, fprop, bprop, *inputs, **options)


def relu_in_place(x):
    x[x < 0] = 0
    return x.copy()


def scales_gradient(g, y, x):
    g *= 2 * x
    return (g,)


def negates_input(g, y, x):
    x *= -1
    return (-2 * g * x,)


def changes_output(g, y, x):
    y *= g
    return (y,)


def remember(x):
    kept["x"] = x.copy()
    return np.sin(x)


def mask_kept(x):
    kept["mask"] = x > 0
    return np.where(kept["mask"], x, 0)


def output_kept(x):
    kept["y"] = np.exp(x)
    return kept["y"].copy()


def buffered(g, y, x):
    out = kept.setdefault(("buffer", x.shape, x.dtype), np.empty_like(x))
    np.multiply(g, 2 * x, out=out)
    return (out,)


def buffered_fprop(x):
    out = kept.setdefault(("value", x.shape, x.dtype), np.empty_like(x))
    return np.multiply(x, x, out=out)


def accumulating(g, y, x):
    total = kept.setdefault(("total", x.shape, x.dtype), np.zeros_like(x))
    total += 2 * g * x
    return (total.copy(),)


def drifting(g, y, x):
    return (2 * g * x * (1 + 1e-3 * (next(counter) % 3)),)


def noisy(g, y, x):
    return (2 * g * x * (1 + 1e-3 * np.random.normal()),)  # noqa: NPY002


def swaps_shared(g, y, a, b):
    return (2 * g * a, np.zeros_like(b)) if a is b else (g * b, g * a)


def in_two(g, y, a, b):
    da = g * b
    da += 0 * a
    if np.may_share_memory(a, b):
        da = da * 2
    return da, g * a


C("fprop changes its input", relu_in_place, lambda g, y, x: (g * (x > 0),), A)
C("gradient changed in place", lambda x: x * x, scales_gradient, A)
C("input changed in place", lambda x: x * x, negates_input, A)
C("output changed in place", lambda x: np.exp(x), changes_output, A)
C("input remembered", remember, lambda g, y, x: (g * np.cos(kept["x"]),), A)
C("mask remembered", mask_kept, lambda g, y, x: (g * kept["mask"],), A)
C("output remembered", output_kept, lambda g, y, x: (g * kept["y"],), A)
C("buffer reused", lambda x: x * x, buffered, A)
C("output buffer reused", buffered_fprop, lambda g, y, x: (2 * g * x,), A)
C("accumulates over calls", lambda x: x * x, accumulating, A)
C("drifts from call to call", lambda x: x * x, drifting, A)
C("unseeded fprop", lambda x: x * np.random.default_rng().normal(), lambda g, y, x: (g * y / x,), A)
C("noise in bprop", lambda x: x * x, noisy, A)
C("mask drawn again", lambda x: x * (unseeded.random(x.shape) < 0.5),
  lambda g, y, x: (g * (unseeded.random(x.shape) < 0.5),), A)
C("clipped gradient", lambda x: np.sin(x), lambda g, y, x: (np.clip(g * np.cos(x), -50, 50),), A)
C("normalised gradient", lambda x: x * 2, lambda g, y, x: (2 * g / max(1.0, np.abs(g).max() / 20),), A)
C("absolute gradient", lambda x: x * 2, lambda g, y, x: (2 * np.abs(g),), A)
C("guided", lambda x: np.maximum(x, 0), lambda g, y, x: (g * (x > 0) * (g > 0),), A)
C("small gradients dropped", lambda x: x * 2, lambda g, y, x: (np.where(abs(g) < 1e-3, 0, 2 * g),), A)
C("constant added", lambda x: x * 2, lambda g, y, x: (2 * g + 1e-7,), A)
C("mean gradient", lambda x: x * 2, lambda g, y, x: (np.full_like(x, 2 * g.mean()),), A)
C("skips zeros' neighbours", lambda x: x * 2, lambda g, y, x: (2 * g * (1 if np.all(g) else 0.5),), A)
C("float32 returned", lambda x: x * 2, lambda g, y, x: ((2 * g).astype(np.float32),), A)
C("integers returned", lambda x: np.sign(x), lambda g, y, x: (np.zeros(x.shape, int),), A)
C("float64 for float32", lambda x: x * 2, lambda g, y, x: ((2 * g).astype(np.float64),), A)
C("zeros in float64", lambda x: x[:1] * 1,
  lambda g, y, x: (np.concatenate([g, np.zeros((len(x) - 1, *x.shape[1:]))]),), A)
C("same array in two slots", lambda a, b: a * b, swaps_shared, A, B)
C("memory shared", lambda a, b: a * b, in_two, A, B)
C("softplus overflows", lambda x: np.logaddexp(0, x), lambda g, y, x: (g * np.exp(x) / (1 + np.exp(x)),), A)
C("softmax overflows", lambda x: special.softmax(x), lambda g, y, x: (
    (lambda e: e / e.sum() * (g - (g * e / e.sum()).sum()))(np.exp(x)),), A)
C("tanh by exponentials", lambda x: np.tanh(x), lambda g, y, x: (4 * g * np.exp(2 * x) / (np.exp(2 * x) + 1) ** 2,),
  A)
C("hypot squares", lambda x: np.log(np.cosh(np.minimum(abs(x), 300))), lambda g, y, x: (
    g * np.sinh(x) / np.cosh(x) * (abs(x) < 300),), A)
C("writes into the gradient and back", lambda x: x * 2, lambda g, y, x: (
    (np.multiply(g, 2, out=g).copy(), np.divide(g, 2, out=g))[:1]), A)
C("assumes contiguous", lambda x: x * 2, lambda g, y, x: (
    2 * np.frombuffer(g.tobytes("A"), g.dtype).reshape(g.shape),), A)
