"""R: right at the example, wrong for another shape, layout, or broadcast."""

import numpy as np
from scipy import special

from .entries import bug, fit, normal, uniform

A, B = normal(3, 4), normal(3, 4, seed=1)


def R(name, fprop, bprop, *inputs, **options):
    bug("R", name, fprop, bprop, *inputs, **options)


two = {"valid": lambda x, *rest: x.ndim == 2}
R("add: no broadcast", lambda a, b: a + b, lambda g, y, a, b: (g * 1, g * 1), A, B)
R("multiply: no broadcast of the first", lambda a, b: a * b, lambda g, y, a, b: (g * b, fit(g * a, b)), A, B)
R("add: size 1 only", lambda a, b: a + b, lambda g, y, a, b: (fit(g, a), g.sum(axis=0) if b.ndim == 1 else g * 1),
  A, normal(4))
R("divide: keepdims lost", lambda a, b: a / b, lambda g, y, a, b: (fit(g / b, a), np.reshape(
    -(g * y / b).sum(axis=0), b.shape) if b.size == g.shape[-1] else fit(-g * y / b, b)), A, uniform(1, 4))
R("where: no broadcast", lambda m, a, b: np.where(m, a, b), lambda g, y, m, a, b: (
    None, np.where(m, g, 0), fit(np.where(m, 0, g), b)), A > 0, A, normal(4))
R("bias of one example", lambda x, b: x + b, lambda g, y, x, b: (g * 1, g.sum(axis=0) if len(x) > 1 else g), A,
  normal(4),
  valid=lambda x, b: x.ndim == 2 and b.shape == x.shape[1:])
R("squeezes one row", lambda x: x * 2, lambda g, y, x: (2 * np.squeeze(g),), A)
R("0-d becomes 1-d", lambda x: x * 2, lambda g, y, x: (np.atleast_1d(2 * g),), A)
R("empty raises", lambda x: x * 2, lambda g, y, x: (2 * g * (g.max() > -np.inf),), A)
R("transpose of 3-d", lambda x: np.swapaxes(x, -1, -2) * 1, lambda g, y, x: (g.T.reshape(x.shape),), A,
  valid=lambda x: x.ndim > 1)
R("matmul of batches", lambda a, b: a @ b,
  lambda g, y, a, b: (g @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ g), A,
  normal(4, 2), valid=lambda a, b: a.ndim > 1 and b.ndim > 1)
R("matmul of a vector", lambda a, b: a @ b, lambda g, y, a, b: (
    (np.outer(g, b) if b.ndim == 1 else g @ b.T), (a.T @ g if a.ndim > 1 else a * g)), A, normal(4),
  valid=lambda a, b: a.ndim < 3 and b.ndim < 3)
R("mean by rows", lambda x: x.mean(), lambda g, y, x: (np.full_like(x, g) / (x.shape[0] * 4),), A, **two)
R("sum of eight or more", lambda x: x.sum(), lambda g, y, x: (np.full_like(x, g if x.size < 20 else g / 2),), A)
R("one element", lambda x: (x - x.mean()) ** 2, lambda g, y, x: (
    2 * (g * (x - x.mean()) - (g * (x - x.mean())).mean()) if x.size > 1 else g,), A)
R("blocked at 8", lambda x: x * x,
  lambda g, y, x: (2 * g * x * np.where(np.arange(x.size).reshape(x.shape) < 32, 1, 0),), A)
R("only two columns", lambda x: np.cumsum(x, axis=-1), lambda g, y, x: (
    np.stack([g[..., 0] + g[..., 1], g[..., 1]],
    -1) if x.shape[-1] == 2 else g * 1,), normal(3, 2), valid=lambda x: x.ndim > 0)
R("batch of 3", lambda x: x.mean(axis=0), lambda g, y, x: (np.broadcast_to(g / 3, x.shape),), A, **two)
R("odd kernel", lambda x, w: np.convolve(x, w, "same"), lambda g, y, x, w: (
    np.convolve(g, w[::-1], "same"), np.convolve(np.pad(x, w.size // 2), g[::-1],
    "valid")[::-1][: w.size]), normal(7), normal(3),
  valid=lambda x, w: x.ndim == w.ndim == 1 and 0 < w.size <= x.size)
R("pool remainder", lambda x: x[: x.size // 2 * 2].reshape(-1, 2).sum(axis=1), lambda g, y, x: (
    np.resize(np.repeat(g, 2), x.size),), normal(6), valid=lambda x: x.ndim == 1 and x.size > 1)
R("diff of two", lambda x: np.diff(x), lambda g, y, x: (
    np.concatenate([-g[:1], -np.diff(g), g[-1:]]) if x.size != 2 else np.concatenate([g, -g]),), normal(6),
  valid=lambda x: x.ndim == 1 and x.size > 1)
R("norm of rows in 3-d", lambda x: np.sqrt((x * x).sum(axis=-1)), lambda g, y, x: (x * (g / y)[:, None],), A,
  valid=lambda x: (
    x.ndim > 1 and np.all((x * x).sum(axis=-1) > 0)))
R("flatten in 3-d", lambda x: x.reshape(len(x), -1),
  lambda g, y, x: (g.reshape(x.shape, order="F" if x.ndim > 2 else "C"),), A,
  valid=lambda x: x.ndim > 1 and x.size > 0)
R("tril of wide", lambda x: np.tril(x), lambda g, y, x: (g * np.tri(x.shape[0], x.shape[0])[:, : x.shape[1]]
                                                   if x.shape[1] <= x.shape[0] else g,), normal(4, 3), **two)
R("outer of unequal", lambda a, b: np.outer(a, b), lambda g, y, a, b: (
    g @ b, (a @ g if a.size == b.size else g.sum(axis=0))), normal(3), normal(3, seed=1),
  valid=lambda a, b: a.ndim == b.ndim == 1)
R("trace of wide", lambda a: np.trace(a), lambda g, y, a: (g * np.eye(max(a.shape))[: a.shape[0], : a.shape[1]] *
                                                 (1 if a.shape[0] >= a.shape[1] else 2),), normal(3, 3), **two)
R("repeat: tiled", lambda x, n: np.repeat(x, n),
  lambda g, y, x, n: (g.reshape(n, -1).sum(axis=0).reshape(x.shape), None),
  normal(1), 2, valid=lambda x, n: type(n) is int and n > 0)
R("kron of a row", lambda a, b: np.kron(a, b), lambda g, y, a, b: (
    g.reshape(a.size, b.size) @ b, a @ g.reshape(a.size, b.size) / (2 if b.size == 1 else 1)), normal(3), normal(2),
  valid=lambda a, b: a.ndim == b.ndim == 1)
R("Fortran order", lambda x: x * x, lambda g, y, x: (2 * g * x if x.flags.c_contiguous else g * x,), A)
R("raw memory of the input", lambda x: x * x, lambda g, y, x: (
    2 * g * np.frombuffer(x.tobytes("A"), x.dtype).reshape(x.shape),), A)
R("strides of the gradient", lambda x: np.sin(x), lambda g, y, x: (
    np.cos(x) * np.lib.stride_tricks.as_strided(g, g.shape, tuple(abs(s) or g.itemsize for s in g.strides)) if
    all(g.strides) else g * 0,), normal(5), valid=lambda x: x.ndim == 1 and x.size)
R("ravel in order K", lambda x: np.exp(x), lambda g, y, x: ((g.ravel("K") * y.ravel("K")).reshape(x.shape),), A)
R("batch norm of one", lambda x: (x - x.mean(0)) / np.sqrt(x.var(0) + 0.1), lambda g, y, x: (
    (g - g.mean(0) - y * (g * y).mean(0)) / np.sqrt(x.var(0) + 0.1) if len(x) > 1 else g,), A, **two)
R("logsumexp of a column", lambda x: special.logsumexp(x, axis=1), lambda g, y, x: (
    np.exp(x - y[:, None]) * (g[:, None] if x.shape[1] > 1 else g.sum()),), A, valid=lambda x: x.ndim == 2 and x.size)
R("last axis of 4", lambda x: x * np.arange(x.shape[-1]), lambda g, y, x: (g * (np.arange(x.shape[-1]) % 4),), A,
  valid=lambda x: x.ndim > 0)
