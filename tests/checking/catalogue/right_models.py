"""Right pieces of models, random operations, and operations whose inputs keep a contract."""

import numpy as np
from scipy import special

from .entries import normal, ok, uniform

rng = np.random.default_rng(7)
kept = {}


def sigmoid(x):
    return special.expit(x)


def two_axes(*arrays):
    if any(a.ndim != 2 or not a.size for a in arrays):
        raise ValueError("two axes")


def softmax(x):
    two_axes(x)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(x, t):
    if t.shape != x.shape[:1] or (t.size and t.min() < 0):
        raise ValueError("targets")
    return -np.log(softmax(x))[np.arange(len(x)), t].mean()


def cross_entropy_back(g, y, x, t):
    p = softmax(x)
    p[np.arange(len(x)), t] -= 1
    return g * p / len(x), None


def batch_norm(x, gamma, beta):
    two_axes(x)
    if gamma.shape != x.shape[1:] or beta.shape != x.shape[1:]:
        raise ValueError("gamma")
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) + beta


def batch_norm_back(g, y, x, gamma, beta):
    s = np.sqrt(x.var(0) + 1e-5)
    h = (x - x.mean(0)) / s
    return gamma / s * (g - g.mean(0) - h * (g * h).mean(0)), (g * h).sum(0), g.sum(0)


def row_norm(x):
    two_axes(x)
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-12)


def row_norm_back(g, h, x):
    s = np.sqrt(x.var(1, keepdims=True) + 1e-12)
    return ((g - g.mean(1, keepdims=True) - h * (g * h).mean(1, keepdims=True)) / s,)


def attention(q, k, v):
    two_axes(q, k, v)
    return softmax(q @ k.T / np.sqrt(q.dtype.type(q.shape[1]))) @ v


def attention_back(g, y, q, k, v):
    scale = np.sqrt(q.dtype.type(q.shape[1]))
    p = softmax(q @ k.T / scale)
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(1, keepdims=True)) / scale
    return ds @ k, ds.T @ q, p.T @ g


def recurrent(x, w, u):
    if x.ndim != 2 or w.ndim != 2 or u.ndim != 2 or u.shape[0] != u.shape[1] or w.shape != (x.shape[1], len(u)):
        raise ValueError("shapes")
    states = [np.zeros(len(u), x.dtype)]
    for row in x:
        states.append(np.tanh(row @ w + states[-1] @ u))
    return np.array(states)


def recurrent_back(g, h, x, w, u):
    dx, dw, du, dh = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u), np.zeros(len(u), x.dtype)
    for k in range(len(x), 0, -1):
        da = (dh + g[k]) * (1 - h[k] ** 2)
        dx[k - 1], dh = w @ da, u @ da
        dw += np.outer(x[k - 1], da)
        du += np.outer(h[k - 1], da)
    return dx, dw, du


def convolve(x, w):
    if x.ndim != 1 or w.ndim != 1 or not 0 < w.size <= x.size:
        raise ValueError("one axis")
    return np.convolve(x, w, "valid")


def conv2(x, w):
    if x.ndim != 2 or w.ndim != 2 or not w.size or w.shape[0] > x.shape[0] or w.shape[1] > x.shape[1]:
        raise ValueError("two axes")
    return np.einsum("ijkl,kl->ij", np.lib.stride_tricks.sliding_window_view(x, w.shape), w)


def conv2_back(g, y, x, w):
    padded = np.pad(g, [(n - 1, n - 1) for n in w.shape])
    windows = np.lib.stride_tricks.sliding_window_view
    return (np.einsum("ijkl,kl->ij", windows(padded, w.shape), w[::-1, ::-1]),
            np.einsum("ijkl,kl->ij", windows(x, g.shape), g))


def oscillator(x, k):
    p, v = x[0], x[1]
    for _ in range(8):
        v = v - 0.1 * k * p
        p = p + 0.1 * v
    return np.array([p, v])


def oscillator_back(g, y, x, k):
    path = [(x[0], x[1])]
    for _ in range(8):
        p, v = path[-1]
        v = v - 0.1 * k * p
        path.append((p + 0.1 * v, v))
    gp, gv, dk = g[0], g[1], 0.0
    for p, _ in reversed(path[:-1]):
        gv = gv + 0.1 * gp
        dk += -0.1 * p * gv
        gp = gp - 0.1 * k * gv
    return np.array([gp, gv]).astype(x.dtype), float(dk)


def dropout(x):
    kept["mask"] = ((rng.random(x.shape) < 0.7) / 0.7).astype(x.dtype)
    return x * kept["mask"]


def seeded_noise(x, seed):
    return x * np.random.default_rng(abs(seed)).normal(size=x.shape).astype(x.dtype)


def legacy_noise(x):
    return x + np.random.normal(size=x.shape).astype(x.dtype)  # noqa: NPY002


def entropy(p):
    if not np.allclose(p.sum(axis=-1), 1) or p.min() < 0:
        raise ValueError("probabilities")
    return -special.xlogy(p, p).sum()


def entropy_assumed(p):
    if p.ndim != 1:
        raise ValueError("one axis")
    return -(p * np.log(p)).sum() + (p.sum() - 1) ** 2


def rows_sum_to_one(t):
    return t.ndim == 2 and t.size and np.allclose(t.sum(axis=1), 1) and t.min() >= 0


def increasing(x, knots):
    if knots.ndim != 1 or knots.size < 2 or np.any(np.diff(knots) <= 0):
        raise ValueError("knots must increase")
    return np.searchsorted(knots, x) + 0.5 * x


def power_spectrum(x):
    if x.ndim != 1 or not x.size:
        raise ValueError("one axis")
    return np.abs(np.fft.fft(x)) ** 2


def symmetric_half(a):
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not np.allclose(a, a.T):
        raise ValueError("a symmetric matrix")
    return np.tril(a).sum() + np.tril(a, -1).sum()


def kl(t, x):
    return (special.xlogy(t, t) - t * np.log(softmax(x))).sum()


ok("softmax", softmax, lambda g, y, x: (y * (g - (g * y).sum(1, keepdims=True)),), normal(3, 4))
ok("cross entropy", cross_entropy, cross_entropy_back, normal(3, 4), np.array([0, 3, 1]))
ok("soft cross entropy, valid", lambda x, t: -(t * np.log(softmax(x))).sum(), lambda g, y, x, t: (
    g * (softmax(x) - t), -g * np.log(softmax(x))), normal(3, 4), softmax(normal(3, 4, seed=1)),
   valid=lambda x, t: x.shape == t.shape and rows_sum_to_one(t))
ok("soft cross entropy, silent", lambda x, t: -(t * np.log(softmax(x))).sum() if t.shape == x.shape else 1 / 0,
   lambda g, y, x, t: (g * (softmax(x) - t), -g * np.log(softmax(x))), normal(3, 4), softmax(normal(3, 4, seed=1)))
ok("KL", kl, lambda g, y, t, x: (g * (np.log(t) + 1 - np.log(softmax(x))),
  g * (softmax(x) * t.sum(1, keepdims=True) - t)),
   softmax(normal(2, 4, seed=1)), normal(2, 4), valid=lambda t, x: t.shape == x.shape and np.all(t > 0))
ok("binary cross entropy", lambda x, t: np.logaddexp(x.dtype.type(0), x) - t * x if x.shape == t.shape else 1 / 0,
   lambda g, y, x, t: (g * (sigmoid(x) - t), -g * x), normal(5), uniform(5))
ok("batch norm", batch_norm, batch_norm_back, normal(6, 3), uniform(3), normal(3))
ok("batch norm, tiny variance", batch_norm, batch_norm_back, 5 + 1e-5 * normal(6, 3), uniform(3), normal(3))
ok("row norm", row_norm, row_norm_back, normal(3, 5))
ok("attention", attention, attention_back, normal(3, 2), normal(4, 2), normal(4, 3))
ok("recurrent net", recurrent, recurrent_back, normal(4, 2), normal(2, 3), normal(3, 3))
ok("convolution", convolve, lambda g, y, x, w: (np.convolve(g, w[::-1]), np.convolve(x, g[::-1], "valid")[::-1]),
   normal(7), normal(3))
ok("convolution in 2-d", conv2, conv2_back, normal(4, 5), normal(2, 3))
ok("oscillator", lambda x, k: oscillator(x, k) if x.shape == (2,) else 1 / 0, oscillator_back, normal(2), 1.3)
ok("dropout by a generator", dropout, lambda g, y, x: (g * kept["mask"],), normal(3, 4))
ok("seeded noise", seeded_noise, lambda g, y, x, seed: (
    g * np.random.default_rng(abs(seed)).normal(size=x.shape).astype(x.dtype), None), normal(3, 4), 3)
ok("legacy noise", legacy_noise, lambda g, y, x: (g,), normal(4))
ok("entropy, raises", entropy, lambda g, y, p: (-g * (np.log(p) + 1),), softmax(normal(2, 4)))
ok("entropy, silent", entropy_assumed, lambda g, y, p: (-g * (np.log(p) + 1),), softmax(normal(1, 4))[0])
ok("knots must increase", increasing, lambda g, y, x, knots: (0.5 * g, None), normal(4),
  np.array([-1.0, 0.1, 0.5, 2.0]))
ok("power spectrum", power_spectrum,
  lambda g, y, x: (2 * np.fft.ifft(g * np.fft.fft(x)).real.astype(x.dtype) * x.size,),
   normal(6))
ok("low pass", lambda x: np.fft.irfft(np.fft.rfft(x)[:2], 6) if x.shape == (6,) else 1 / 0,
   lambda g, y, x: (np.fft.irfft(np.fft.rfft(g)[:2], 6).astype(x.dtype),), normal(6))
ok("symmetric matrix, raises", symmetric_half, lambda g, y, a: (np.full(a.shape, g, a.dtype),),
  normal(3, 3) + normal(3, 3).T)
ok("symmetric matrix, reads one triangle", lambda a: (np.tril(a) ** 2).sum() + (np.tril(a, -1) ** 2).sum()
   if a.ndim == 2 and a.shape[0] == a.shape[1] else 1 / 0, lambda g, y, a: (2 * g * a,), normal(3, 3) + normal(3,
   3).T)
ok("elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
  lambda g, y, x: (np.where(x > 0, g, g * (y + 1)),), normal(5))
ok("mean squared error", lambda x, t: ((x - t) ** 2).mean() if x.shape == t.shape and x.size else 1 / 0,
   lambda g, y, x, t: (g * 2 * (x - t) / x.size, -g * 2 * (x - t) / x.size), normal(3, 2), normal(3, 2, seed=1))
