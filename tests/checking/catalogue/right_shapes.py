"""Right operations that move, index, pool and reduce; views, empty arrays and settings with a domain."""

import numpy as np

from .entries import back, fit, normal, ok


def one_axis(function, least=1):
    def checked(x, *rest):
        if x.ndim != 1 or x.size < least:
            raise ValueError("one axis")
        return function(x, *rest)

    return checked


def take_back(g, y, x, i):
    dx = np.zeros_like(x)
    np.add.at(dx, i, g)
    return dx, None


def mean_back(g, y, x, axis, keepdims):
    count = x.size / max(1, np.size(y))
    return (back(g, x, axis, keepdims) / x.dtype.type(count or 1)), None, None


def segment_sum(x, ids, count):
    if x.ndim != 1 or ids.shape != x.shape or (ids.size and ids.min() < 0):
        raise ValueError("ids")
    return np.bincount(ids, x, count).astype(x.dtype)


ok("sum", lambda x, axis, keepdims: x.sum(axis=axis, keepdims=keepdims),
   lambda g, y, x, axis, keepdims: (back(g, x, axis, keepdims), None, None), normal(3, 4), 1, False)
ok("mean", lambda x, axis, keepdims: x.mean(axis=axis, keepdims=keepdims) if x.size else 1 / 0, mean_back,
   normal(3, 4), None, True)
ok("cumsum", lambda x, axis: np.cumsum(x, axis=axis) if x.ndim else 1 / 0, lambda g, y, x, axis: (
    np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis) if axis is not None else
    np.cumsum(g[::-1])[::-1].reshape(x.shape), None), normal(3, 4), 0)
ok("cummax", one_axis(np.maximum.accumulate), lambda g, y, x: (
    np.bincount([np.flatnonzero(x[: k + 1] == y[k])[0] for k in range(x.size)], g,
    x.size).astype(x.dtype),), normal(6))
ok("diff", one_axis(np.diff), lambda g, y, x: (
    np.concatenate([-g[:1], -np.diff(g), g[-1:]]) if g.size else np.zeros_like(x),), normal(6))
ok("transpose", lambda x, axes: np.transpose(x, axes), lambda g, y, x, axes: (
    np.transpose(g, None if axes is None else np.argsort([a % x.ndim for a in np.atleast_1d(axes)])), None),
   normal(2, 3, 4), (2, 0, 1))
ok("view: transposed", lambda x: x.T, lambda g, y, x: (g.T,), normal(3, 4))
ok("view: every second", one_axis(lambda x: x[::2]), lambda g, y, x: (
    np.stack([g, np.zeros_like(g)], 1).ravel()[: x.size],), normal(5))
ok("identity", lambda x: x, lambda g, y, x: (g,), normal(3))
ok("reshape", lambda x, shape: x.reshape(shape), lambda g, y, x, shape: (g.reshape(x.shape), None), normal(3, 4),
  (4, 3))
ok("broadcast to", lambda x: np.broadcast_to(x, (2, *x.shape)), lambda g, y, x: (g.sum(axis=0),), normal(3, 1))
ok("empty", lambda x: x * 2, lambda g, y, x: (g * 2,), np.zeros((0, 3)))
ok("0-d", lambda x: x * x, lambda g, y, x: (2 * g * x,), np.array(0.7))
ok("Python float", lambda x: x * x * x, lambda g, y, x: (3 * g * x * x,), 0.7)
ok("take", lambda x, i: x[i], take_back, normal(5, 2), np.array([0, 3, 3, -1]))
ok("boolean mask", lambda x, m: x[m] if m.shape == x.shape else 1 / 0,
  lambda g, y, x, m: (take_back(g, y, x, m)[0], None),
   normal(3, 4), normal(3, 4, seed=1) > 0)
ok("where", lambda m, a, b: np.where(m, a, b), lambda g, y, m, a, b: (
    None, fit(np.where(m, g, 0), a), fit(np.where(m, 0, g), b)), normal(3, 4) > 0, normal(3, 4), normal(4))
ok("concatenate", lambda a, b, axis: np.concatenate([a, b], axis=axis) if axis is not None else 1 / 0,
   lambda g, y, a, b, axis: (*np.split(g, [a.shape[axis]], axis=axis), None), normal(2, 3), normal(4, 3), 0)
ok("stack", lambda a, b: np.stack([a, b]), lambda g, y, a, b: (g[0], g[1]), normal(3), normal(3, seed=1))
ok("split", lambda x: tuple(np.split(x, [2])) if x.ndim else 1 / 0, lambda g, y, x: (np.concatenate(g),),
  normal(5, 2))
ok("repeat", lambda x, n: np.repeat(x, n) if type(n) is int and n > 0 else 1 / 0, lambda g, y, x, n: (
    g.reshape(*x.shape, n).sum(axis=-1), None), normal(2, 3), 2)
ok("flip", lambda x, axis: np.flip(x, axis), lambda g, y, x, axis: (np.flip(g, axis), None), normal(3, 4), (0, 1))
ok("tril", lambda x: np.tril(x) if x.ndim >= 2 else 1 / 0, lambda g, y, x: (np.tril(g),), normal(3, 4))
ok("diag of a vector", one_axis(np.diag), lambda g, y, x: (np.diag(g).copy(),), normal(3))
ok("segment sum", segment_sum, lambda g, y, x, ids, count: (g[ids], None, None), normal(6),
  np.array([0, 2, 1, 1, 0, 2]), 3)
ok("multiply", lambda a, b: a * b, lambda g, y, a, b: (fit(g * b, a), fit(g * a, b)), normal(3, 4), normal(1, 4))
ok("einsum", lambda a, b: np.einsum("ij,ij->i", a, b) if a.shape == b.shape else 1 / 0,
   lambda g, y, a, b: (g[:, None] * b, g[:, None] * a), normal(3, 4), normal(3, 4, seed=1))
ok("outer difference", lambda a, b: a[:, None] - b if a.ndim == b.ndim == 1 else 1 / 0,
   lambda g, y, a, b: (g.sum(axis=1), -g.sum(axis=0)), normal(3), normal(4))
