"""Right operations that iterate, search, or work inside in few digits: the value has noise."""

import numpy as np
from scipy import integrate, optimize, special

from .entries import need, normal, ok, uniform


def halved(c):
    """x + tanh x + x³/9 = c by bisection, to 1e-9."""
    need(np.all(abs(c) < 100))
    low, high = np.full_like(c, -10), np.full_like(c, 10)
    for _ in range(34):
        x = (low + high) / 2
        under = x + np.tanh(x) + x**3 / 9 < c
        low, high = np.where(under, x, low), np.where(under, high, x)
    return (low + high) / 2


ok("bisected to 1e-9", halved, lambda g, y, c: (g / (2 - np.tanh(y) ** 2 + y * y / 3),), normal(4))


def settled(b, w):
    """x = tanh(w x + b), by repetition until it stays."""
    need(b.ndim == 1 and w.shape == (b.size,) * 2 and b.size and np.abs(w).sum(axis=1).max() < 0.9)
    x = b * 0
    for _ in range(400):
        x, before = np.tanh(w @ x + b), x
        if np.array_equal(x, before):
            break
    return x


def settled_back(g, y, b, w):
    s = 1 - y * y
    z = s * np.linalg.solve((np.eye(b.size, dtype=y.dtype) - s[:, None] * w).T, g)
    return z, np.outer(z, y)


ok("fixed point by repetition", settled, settled_back, normal(3), 0.2 * normal(3, 3))


def quarter(m):
    """The integral of sqrt(1 - m sin² t) over a quarter turn, by adaptive quadrature to 1e-8."""
    need(np.all(m < 0.95) and np.all(m > -50))
    return np.array(
        [
            integrate.quad(lambda t, k=k: np.sqrt(1 - k * np.sin(t) ** 2), 0, np.pi / 2, epsabs=1e-8, epsrel=1e-8)[0]
            for k in m.ravel()
        ],
        m.dtype,
    ).reshape(m.shape)


def quarter_back(g, y, m):
    with np.errstate(all="ignore"):
        slope = np.where(
            abs(m) < 1e-3,
            -np.pi / 8 * (1 + m * 3 / 8 * (1 + m * 5 / 8 * (1 + m * 35 / 48))),
            (special.ellipe(m) - special.ellipk(m)) / (2 * m),
        )
    return ((g * slope).astype(m.dtype),)


ok("adaptive quadrature", quarter, quarter_back, uniform(3))


def lowest(a, b):
    """Where a x² / 2 - b x + cosh x is least, by search on its values: good to half of the digits."""
    need(a.shape == b.shape and a.ndim == 1 and np.all(a > -0.5) and np.all(a < 50) and np.all(abs(b) < 20))
    return np.array(
        [
            optimize.minimize_scalar(
                lambda x, p=p, q=q: p * x * x / 2 - q * x + np.cosh(x), bracket=(-1, 1), tol=1e-9
            ).x
            for p, q in zip(a, b, strict=True)
        ],
        a.dtype,
    )


def lowest_back(g, y, a, b):
    curvature = a + np.cosh(y)
    return -g * y / curvature, g / curvature


ok("lowest point by search", lowest, lowest_back, uniform(3), normal(3))


def leading(a):
    """The largest eigenvalue of a aᵀ by the power method, until it stays."""
    need(a.ndim == 2 and a.size and np.any(a))
    v = np.ones(len(a), a.dtype) + np.arange(len(a), dtype=a.dtype) ** 2 / 7
    old = 0
    for _ in range(2000):
        u = a @ (a.T @ v)
        size = np.sqrt(u @ u)
        need(size > 0)
        v = u / size
        if abs(size - old) <= 1e-13 * size:
            return size
        old = size
    raise ValueError("no gap")


def leading_back(g, y, a):
    u, s, vt = np.linalg.svd(a)
    return (2 * g * s[0] * np.outer(u[:, 0], vt[0]),)


ok("power method", leading, leading_back, np.diag([3.0, 1.0, 0.5]) + 0.1 * normal(3, 3))


def few_digits(q, k):
    need(
        q.ndim == k.ndim == 2 and q.shape[1] == k.shape[1] and k.size and np.all(abs(q) < 100) and np.all(abs(k) < 100)
    )
    return special.softmax(q.astype(np.float32) @ k.astype(np.float32).T, axis=1).astype(q.dtype)


def few_digits_back(g, y, q, k):
    p = special.softmax(q @ k.T, axis=1)
    d = p * (g - (g * p).sum(axis=1, keepdims=True))
    return d @ k, d.T @ q


ok("softmax of products in float32", few_digits, few_digits_back, normal(3, 2), normal(4, 2))


def sampled_mean(m, s):
    """The mean of exp over a hundred seeded samples of a normal."""
    need(m.shape == s.shape and np.all(abs(m) < 50) and np.all(abs(s) < 10))
    z = np.random.default_rng(7).normal(size=(100, *m.shape)).astype(m.dtype)
    return np.exp(m + s * z).mean(axis=0)


def sampled_mean_back(g, y, m, s):
    z = np.random.default_rng(7).normal(size=(100, *m.shape)).astype(m.dtype)
    return g * y, g * (z * np.exp(m + s * z)).mean(axis=0)


ok("seeded Monte Carlo", sampled_mean, sampled_mean_back, normal(3), uniform(3))


def agm(a, b):
    need(a.shape == b.shape and np.all(a > 0) and np.all(b > 0))
    for _ in range(40):
        a, b = (a + b) / 2, np.sqrt(a * b)
    return a


def agm_back(g, y, a, b):
    """By the chain of its own steps, backwards."""
    path = []
    for _ in range(40):
        path.append((a, b))
        a, b = (a + b) / 2, np.sqrt(a * b)
    da, db = g, 0 * g
    for a, b in reversed(path):
        root = np.sqrt(a * b)
        da, db = da / 2 + db * b / (2 * root), da / 2 + db * a / (2 * root)
    return da, db


ok("arithmetic-geometric mean", agm, agm_back, uniform(3), uniform(3, seed=1))


def chandrasekhar(c):
    """H = 1 + c/2 H ∫ x/(x+y) H dy on five nodes, by repetition."""
    need(np.ndim(c) == 0 and 0 <= c < 0.9)
    x, w = special.roots_legendre(5)
    x, w = (x + 1) / 2, w / 2
    h = np.ones(5)
    for _ in range(500):
        h, old = 1 / (1 - c / 2 * (x[:, None] / (x[:, None] + x) * w) @ h), h
        if np.array_equal(h, old):
            break
    return h


def chandrasekhar_back(g, y, c):
    x, w = special.roots_legendre(5)
    x, w = (x + 1) / 2, w / 2
    k = x[:, None] / (x[:, None] + x) * w / 2
    s = y * y
    z = np.linalg.solve((np.eye(5) - c * s[:, None] * k).T, g)
    return (np.asarray((z * s * (k @ y)).sum()),)


ok("H function by repetition", chandrasekhar, chandrasekhar_back, np.array(0.6), valid=lambda c: c.dtype == float)
