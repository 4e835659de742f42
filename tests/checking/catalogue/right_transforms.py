"""Right operations of several steps: windows, projections, factors of matrices, geometry, transforms, densities."""

import numpy as np
from scipy import special

from .entries import fit, need, normal, ok, uniform

# windows


def windows(x, size, step, gap):
    need(x.ndim == 1 and all(type(n) is int and n > 0 for n in (size, step, gap)))
    starts = np.arange(0, x.size - (size - 1) * gap, step)
    need(starts.size)
    return starts[:, None] + gap * np.arange(size)


def convolve(x, w, step, gap):
    need(w.ndim == 1)
    return x[windows(x, w.size, step, gap)] @ w


def convolve_back(g, y, x, w, step, gap):
    places, dx = windows(x, w.size, step, gap), np.zeros_like(x)
    np.add.at(dx, places, np.multiply.outer(g, w))
    return dx, g @ x[places], None, None


ok("convolution with stride and gaps", convolve, convolve_back, normal(9), normal(3), 2, 1)


def moving_max_back(g, y, x, size, step):
    places, dx = windows(x, size, step, 1), np.zeros_like(x)
    np.add.at(dx, places[np.arange(len(places)), x[places].argmax(axis=1)], g)
    return dx, None, None


ok("moving maximum", lambda x, size, step: x[windows(x, size, step, 1)].max(axis=1), moving_max_back, normal(8), 3, 2)


def bag(table, i, starts):
    need(table.ndim == 2 and i.ndim == starts.ndim == 1 and starts.size and i.size and len(table))
    need(starts[0] == 0 and np.all(np.diff(starts) > 0) and starts[-1] < i.size and i.min() >= 0)
    return np.add.reduceat(table[i], starts, axis=0) / np.diff(np.append(starts, i.size))[:, None].astype(table.dtype)


def bag_back(g, y, table, i, starts):
    counts, d = np.diff(np.append(starts, i.size)), np.zeros_like(table)
    np.add.at(d, i, np.repeat(g / counts[:, None].astype(table.dtype), counts, axis=0))
    return d, None, None


ok("mean of bags of rows", bag, bag_back, normal(4, 2), np.array([0, 2, 2, 3, 1]), np.array([0, 2]))


def reflect(x, width):
    need(x.ndim == 1 and type(width) is int and 0 <= width < x.size)
    return np.pad(x, width, mode="reflect")


def reflect_back(g, y, x, width):
    dx = np.zeros_like(x)
    np.add.at(dx, np.pad(np.arange(x.size), width, mode="reflect"), g)
    return dx, None


ok("reflected margin", reflect, reflect_back, normal(5), 2)


def upsample(x):
    need(x.ndim == 1 and x.size > 1)
    return np.concatenate([np.stack([x[:-1], (x[:-1] + x[1:]) / 2], axis=1).ravel(), x[-1:]])


def upsample_back(g, y, x):
    dx = g[::2].copy()
    dx[:-1] += g[1::2] / 2
    dx[1:] += g[1::2] / 2
    return (dx,)


ok("interpolated to twice the length", upsample, upsample_back, normal(5))

# projections


def sparsemax(x):
    need(x.ndim == 1 and x.size)
    s = np.sort(x)[::-1]
    k = np.arange(1, x.size + 1)
    support = int(np.count_nonzero(1 + k * s > np.cumsum(s)))
    return np.maximum(x - (s[:support].sum() - 1) / support, 0)


def sparsemax_back(g, y, x):
    on = y > 0
    return (on * (g - (g * on).sum() / on.sum()).astype(x.dtype),)


ok("sparsemax", sparsemax, sparsemax_back, normal(5))
ok("onto a ball", lambda x: x / max(1.0, np.sqrt((x * x).sum())), lambda g, y, x: (
    g - y * (g * y).sum() if (x * x).sum() > 1 else g * 1,), uniform(3) * 0.5,
   valid=lambda x: (x * x).sum() <= 1)

# matrices


def triangular(a, b):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and b.ndim == 1 and b.size == len(a) and b.size)
    return np.linalg.solve(np.tril(a), b)


def triangular_back(g, y, a, b):
    db = np.linalg.solve(np.tril(a).T, g)
    return -np.tril(np.outer(db, y)), db


ok("triangular solve", triangular, triangular_back, normal(3, 3) + 3 * np.eye(3), normal(3))


def lyapunov(a, q):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and a.shape == q.shape and 0 < a.size <= 144)  # n² unknowns
    eye = np.eye(len(a))
    return np.linalg.solve(np.kron(a, eye) + np.kron(eye, a), q.ravel()).reshape(a.shape)


def lyapunov_back(g, x, a, q):
    s = lyapunov(a.T, g)
    return -(s @ x.T + s.T @ x), s


ok("Lyapunov equation", lyapunov, lyapunov_back, normal(2, 2) + 3 * np.eye(2), normal(2, 2, seed=1))


def spectral(a):
    need(a.ndim == 2 and a.size)
    return np.linalg.svd(a, compute_uv=False)[0]


def spectral_back(g, y, a):
    u, _, v = np.linalg.svd(a, full_matrices=False)
    return (g * np.outer(u[:, 0], v[0]),)


ok("spectral norm", spectral, spectral_back, normal(3, 2))


def sign_and_log(a):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and a.size)
    return np.linalg.slogdet(a)


ok("sign and log of a determinant", lambda a: tuple(sign_and_log(a)), lambda g, y, a: (g[1] * np.linalg.inv(a).T,),
   normal(3, 3))
ok("bilinear forms of a batch", lambda x, a, y: np.einsum("ni,ij,nj->n", x, a, y), lambda g, out, x, a, y: (
    np.einsum("n,ij,nj->ni", g, a, y), np.einsum("n,ni,nj->ij", g, x, y), np.einsum("n,ij,ni->nj", g, a, x)),
   normal(4, 2), normal(2, 3), normal(4, 3), valid=lambda x, a, y: x.ndim == a.ndim == y.ndim == 2
   and len(x) == len(y) and a.shape == (x.shape[1], y.shape[1]))

# geometry


def rotate(q, v):
    need(q.shape == (4,) and v.shape == (3,) and q.any())
    s, u = q[0] / np.sqrt(q @ q), q[1:] / np.sqrt(q @ q)
    return v + 2 * np.cross(u, np.cross(u, v) + s * v)


def rotate_back(g, y, q, v):
    length = np.sqrt(q @ q)
    s, u = q[0] / length, q[1:] / length
    inner = np.cross(u, v) + s * v
    dinner = 2 * np.cross(g, u)
    dunit = np.concatenate([[(dinner * v).sum()], 2 * np.cross(inner, g) + np.cross(v, dinner)]).astype(q.dtype)
    unit = q / length
    return (dunit - unit * (unit @ dunit)) / length, g + s * dinner + np.cross(dinner, u)


ok("rotation by a quaternion", rotate, rotate_back, normal(4), normal(3))


def angle(a, b):
    need(a.shape == b.shape == (3,))
    return np.arctan2(np.sqrt((np.cross(a, b) ** 2).sum()), a @ b)


def angle_back(g, y, a, b):
    n = np.cross(a, b)
    n = n / np.sqrt((n * n).sum())
    return g * np.cross(a, n) / (a @ a), -g * np.cross(b, n) / (b @ b)


ok("angle between vectors", angle, angle_back, normal(3), normal(3, seed=1),
   valid=lambda a, b: (np.cross(a, b) ** 2).sum() > 1e-9 * (a @ a) * (b @ b) > 0)

# transforms, densities


def halves(x):
    need(x.ndim == 1 and x.size)
    found = np.fft.rfft(x)
    return found.real, found.imag


def halves_back(g, y, x):
    n, k = x.size, np.arange(g[0].size)
    phase = 2 * np.pi * np.outer(np.arange(n), k) / n
    return ((np.cos(phase) @ g[0] - np.sin(phase) @ g[1]).astype(x.dtype),)


ok("spectrum in two parts", halves, halves_back, normal(6))


def correlate(a, b):
    need(a.ndim == b.ndim == 1 and a.shape == b.shape and a.size)
    return np.fft.irfft(np.conj(np.fft.rfft(a)) * np.fft.rfft(b), a.size)


ok("circular correlation", correlate, lambda g, y, a, b: (
    np.fft.irfft(np.conj(np.fft.rfft(g)) * np.fft.rfft(b), a.size),
    np.fft.irfft(np.fft.rfft(a) * np.fft.rfft(g), a.size)), normal(5), normal(5, seed=1))


def log_beta_density(x, a, b):
    need(np.all(x > 0) and np.all(x < 1) and np.all(a > 0) and np.all(b > 0))
    return (a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - special.betaln(a, b)


def log_beta_back(g, y, x, a, b):
    both = special.digamma(a + b)
    return (
        fit(g * ((a - 1) / x - (b - 1) / (1 - x)), x),
        fit(g * (np.log(x) - special.digamma(a) + both), a),
        fit(g * (np.log1p(-x) - special.digamma(b) + both), b),
    )


ok("log density of a beta", log_beta_density, log_beta_back, uniform(4), 1 + uniform(4, seed=1), 2 + uniform(4, seed=2))


def gumbel(x, tau=1.0):
    need(x.ndim and x.shape[-1] and tau > 0)
    e = np.exp((x - x.max(axis=-1, keepdims=True)) / tau)
    return e / e.sum(axis=-1, keepdims=True)


ok("softmax with a temperature by default", gumbel, lambda g, y, x, tau=1.0: (
    y * (g - (g * y).sum(axis=-1, keepdims=True)) / tau,), normal(3, 4))
ok("hard swish", lambda x: x * np.clip(x + 3, 0, 6) / 6, lambda g, y, x: (
    g * (np.clip(x + 3, 0, 6) + x * (abs(x) < 3)) / 6,), 3 * normal(3, 4))
ok("selu", lambda x: 1.0507 * np.where(x > 0, x, 1.67326 * np.expm1(np.minimum(x, 0))), lambda g, y, x: (
    1.0507 * g * np.where(x > 0, 1, 1.67326 * np.exp(np.minimum(x, 0))).astype(x.dtype),), normal(3, 4))


def polynomial(c, x):
    need(c.ndim == 1 and c.size)
    y = c[0] + 0 * x
    for one in c[1:]:
        y = y * x + one
    return y


def polynomial_back(g, y, c, x):
    powers = x[..., None] ** np.arange(c.size - 1, -1, -1)  # wider than a float32
    dc = (g[..., None] * powers.astype(g.dtype)).reshape(-1, c.size).sum(axis=0)
    slope = 0 * x
    for k, one in enumerate(c[:-1]):
        slope = slope * x + (c.size - 1 - k) * one
    return dc, g * slope


ok("polynomial by Horner", polynomial, polynomial_back, normal(4), normal(3))
