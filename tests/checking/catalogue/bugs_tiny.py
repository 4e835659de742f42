"""E: a relative error far below what fixed tolerances see. 2: right values, wrong second derivative."""

import numpy as np
from scipy import special

from .entries import bug, normal, uniform

A, P = normal(3, 4), uniform(3, 4)


def E(name, fprop, bprop, *inputs, **options):
    bug("E", name, fprop, bprop, *inputs, **options)


for size in (1e-3, 1e-5, 1e-7, 1e-9):
    E(f"tanh off by {size:g}", lambda x: np.tanh(x), lambda g, y, x, size=size: (g * (1 - y * y) * (1 + size),), A)
E("sin off by 1e-6 absolute", lambda x: np.sin(x), lambda g, y, x: (g * (np.cos(x) + 1e-6),), A)
E("pi of nine digits", lambda x: np.sin(np.pi * x), lambda g, y, x: (g * 3.14159265 * np.cos(np.pi * x),), A)
E("erf: constant of six digits", lambda x: special.erf(x), lambda g, y, x: (g * 1.128379 * np.exp(-x * x),), A)
E("log2: constant of five digits", lambda x: np.log2(x), lambda g, y, x: (g * 1.442695 / x,), P)
E("norm: 1e-8 under the root", lambda x: np.sqrt((x * x).sum()), lambda g, y, x: (g * x / (y + 1e-8),), A)
E("log: 1e-8 added", lambda x: np.log(x), lambda g, y, x: (g / (x + 1e-8),), P)
E("in float32", lambda x: np.exp(x), lambda g, y, x: ((g * y).astype(np.float32).astype(x.dtype),), A)
E("gradient cast to float32", lambda x: np.exp(x), lambda g, y, x: (g.astype(np.float32) * y,), A)
E("sigmoid clipped at 1e-7", lambda x: special.expit(x), lambda g, y, x: (g * (y * (1 - y) + 1e-7),), A)
E("one element of many", lambda x: x @ x, lambda g, y, x: (2 * g * x * (1 + 1e-6 * (np.arange(x.size) == 7)),),
  normal(30),
  valid=lambda x: x.ndim == 1)
E("finite difference inside", lambda x: np.sin(x), lambda g, y, x: (g * (np.sin(x + 1e-5) - np.sin(x)) / 1e-5,), A)
E("central difference inside", lambda x: np.exp(x), lambda g, y, x: (
    g * (np.exp(x + 1e-4) - np.exp(x - 1e-4)) / 2e-4,), A)
E("batch norm: floor forgotten", lambda x: (x - x.mean()) / np.sqrt(x.var() + 1e-5), lambda g, y, x: (
    (g - g.mean() - (x - x.mean()) / np.sqrt(x.var()) * (g * (x - x.mean()) / np.sqrt(x.var())).mean())
    / np.sqrt(x.var()),), normal(9))
E("gelu: the other approximation", lambda x: 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))),
  lambda g, y, x: (g * (special.ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),), A)
E("gradient rounded to 1e-6", lambda x: np.sinh(x), lambda g, y, x: (np.round(g * np.cosh(x), 6),), A)
E("decay of 1e-4", lambda w: w * 1.0, lambda g, y, w: (g + 1e-4 * w,), A)


bug("2", "square: factor of second", lambda x: x * x, lambda g, y, x: (2 * g * x,), A, order=2,
    second=lambda gg, r, g, y, x: (gg[0] * 2 * x, np.zeros_like(y), gg[0] * g))
bug("2", "sin: sign of second", lambda x: np.sin(x), lambda g, y, x: (g * np.cos(x),), A, order=2,
    second=lambda gg, r, g, y, x: (gg[0] * np.cos(x), np.zeros_like(y), gg[0] * g * np.sin(x)))
bug("2", "tanh: output held fixed", lambda x: np.tanh(x), lambda g, y, x: (g * (1 - y * y),), A, order=2,
    second=lambda gg, r, g, y, x: (gg[0] * (1 - y * y), np.zeros_like(y), np.zeros_like(x)))
bug("2", "exp: output held fixed", lambda x: np.exp(x), lambda g, y, x: (g * y,), A, order=2,
    second=lambda gg, r, g, y, x: (gg[0] * y, None, None))
bug("2", "cube: incoming gradient dropped", lambda x: x**3, lambda g, y, x: (3 * g * x * x,), A, order=2,
    second=lambda gg, r, g, y, x: (gg[0] * 3 * x * x, None, 6 * gg[0] * x))
