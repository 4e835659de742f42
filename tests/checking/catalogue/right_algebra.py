"""Right operations of linear algebra, near singular ones among them."""

import numpy as np

from .entries import fit, normal, ok


def square(*matrices):
    if any(a.ndim != 2 or a.shape[0] != a.shape[1] or not a.size for a in matrices):
        raise ValueError("one square matrix")


def spd(n, seed=0):
    a = normal(n, n, seed=seed)
    return a @ a.T / n + np.eye(n)


def matrices(*arrays):
    if any(a.ndim != 2 for a in arrays):
        raise ValueError("matrices")


def det(a):
    square(a)
    return np.linalg.det(a)


def det_back(g, y, a):
    u, s, v = np.linalg.svd(a)
    rest = np.array([np.prod(np.delete(s, k)) for k in range(len(s))], a.dtype)
    return (g * np.linalg.det(u).astype(a.dtype) * np.linalg.det(v).astype(a.dtype) * (u * rest) @ v,)


def inv(a):
    square(a)
    return np.linalg.inv(a)


def solve(a, b):
    square(a)
    if b.ndim != 1 or len(b) != len(a):
        raise ValueError("one right side")
    return np.linalg.solve(a, b)


def solve_back(g, y, a, b):
    db = np.linalg.solve(a.T, g)
    return -np.outer(db, y), db


def cholesky(a):
    square(a)
    return np.linalg.cholesky(a)


def cholesky_back(g, l, a):
    p = np.tril(l.T @ g)
    p[np.diag_indices(len(p))] /= 2
    i = np.linalg.inv(l)
    s = i.T @ p @ i
    return ((s + s.T) / 2,)


def eigenvalues(a):
    square(a)
    return np.linalg.eigvalsh((a + a.T) / 2)


def eigenvalues_back(g, y, a):
    v = np.linalg.eigh((a + a.T) / 2)[1]
    return ((v * g) @ v.T,)


def eigen(a):
    square(a)
    return tuple(np.linalg.eigh(a))


def eigen_back(g, y, a):
    w, v = y
    gap = w[None] - w[:, None]
    f = np.where(np.eye(len(w)) > 0, 0, 1 / np.where(np.eye(len(w)) > 0, 1, gap)).astype(a.dtype)
    m = v @ (np.diag(g[0]) + f * (v.T @ g[1])) @ v.T
    return ((m + m.T) / 2,)


def singular_values(a):
    matrices(a)
    return np.linalg.svd(a, compute_uv=False)


def singular_values_back(g, y, a):
    u, _, v = np.linalg.svd(a, full_matrices=False)
    return ((u * g) @ v,)


def logdet(a):
    square(a)
    return np.linalg.slogdet(a)[1]


def matmul(a, b):
    matrices(a, b)
    return a @ b


def affine(x, w, b):
    matrices(x, w)
    if b.shape != w.shape[1:]:
        raise ValueError("b")
    return x @ w + b


def trace(a):
    matrices(a)
    return np.trace(a)


def outer(a, b):
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError("vectors")
    return np.outer(a, b)


def quadratic(x, a):
    square(a)
    if x.shape != a.shape[:1]:
        raise ValueError("x")
    return x @ a @ x


def kron(a, b):
    matrices(a, b)
    return np.kron(a, b)


def kron_back(g, y, a, b):
    g = g.reshape(a.shape[0], b.shape[0], a.shape[1], b.shape[1])
    return np.einsum("ikjl,kl->ij", g, b), np.einsum("ikjl,ij->kl", g, a)


def pinv(a):
    matrices(a)
    if a.shape[0] <= a.shape[1] or 0 in a.shape:
        raise ValueError("tall")
    return np.linalg.inv(a.T @ a) @ a.T


def pinv_back(g, p, a):
    m = np.linalg.inv(a.T @ a)
    return (-(p.T @ g @ p.T) + (np.eye(len(a)) - a @ p).astype(a.dtype) @ g.T @ m,)


def dot_any(a, b):
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError("matrices")
    return a @ b


def expm_series(a):
    square(a)
    term = total = np.eye(len(a), dtype=a.dtype)
    for k in range(1, 25):
        term = term @ a / k
        total = total + term
    return total


def expm_back(g, y, a):
    n = len(a)
    big = np.block([[a.T, g], [np.zeros_like(a), a.T]])
    return (expm_series(big)[:n, n:],)


ok("det", det, det_back, normal(3, 3))
ok("det, by the inverse", det, lambda g, y, a: (g * y * np.linalg.inv(a).T,), normal(4, 4))
ok("logdet", logdet, lambda g, y, a: (g * np.linalg.inv(a).T,), normal(3, 3))
ok("inv", inv, lambda g, y, a: (-y.T @ g @ y.T,), normal(3, 3))
ok("inv, nearly singular", inv, lambda g, y, a: (-y.T @ g @ y.T,), np.array([[1.0, 2.0], [3.0, 6.0001]]))
ok("solve", solve, solve_back, normal(3, 3), normal(3))
ok("solve, Hilbert", solve, solve_back, 1 / (1 + np.arange(5.0) + np.arange(5.0)[:, None]), normal(5))
ok("cholesky", cholesky, cholesky_back, spd(3))
ok("cholesky, nearly singular", cholesky, cholesky_back, np.array([[1.0, 0.99999], [0.99999, 1.0]]))
ok("eigvalsh", eigenvalues, eigenvalues_back, spd(3))
ok("eigh", eigen, eigen_back, spd(4))
ok("svd values", singular_values, singular_values_back, normal(3, 4))
ok("nuclear norm", lambda a: singular_values(a).sum(), lambda g, y, a: (
    singular_values_back(np.full(min(a.shape), g), y, a)[0],), normal(4, 3))
ok("pinv", pinv, pinv_back, normal(4, 2))
ok("matmul", matmul, lambda g, y, a, b: (g @ b.T, a.T @ g), normal(3, 4), normal(4, 2))
ok("batched matmul", dot_any, lambda g, y, a, b: (
    fit(g @ np.swapaxes(b, -1, -2), a), fit(np.swapaxes(a, -1, -2) @ g, b)), normal(2, 3, 4), normal(4, 2))
ok("affine", affine, lambda g, y, x, w, b: (g @ w.T, x.T @ g, g.sum(axis=0)), normal(5, 3), normal(3, 2), normal(2))
ok("trace", trace, lambda g, y, a: (g * np.eye(*a.shape, dtype=a.dtype),), normal(3, 3))
ok("outer", outer, lambda g, y, a, b: (g @ b, a @ g), normal(3), normal(4))
ok("quadratic form", quadratic, lambda g, y, x, a: (g * (a + a.T) @ x, g * np.outer(x, x)), normal(3), normal(3, 3))
ok("kron", kron, kron_back, normal(2, 3), normal(3, 2))
ok("matrix exponential", expm_series, expm_back, 0.5 * normal(3, 3))
ok("vector dot", lambda a, b: a @ b if a.ndim == b.ndim == 1 else 1 / 0, lambda g, y, a, b: (g * b, g * a), normal(4),
   normal(4, seed=1))
ok("Mahalanobis", lambda x, a: quadratic(x, np.linalg.inv(a)), lambda g, y, x, a: (
    g * (np.linalg.inv(a) + np.linalg.inv(a).T) @ x,
    -g * np.outer(np.linalg.inv(a).T @ x, np.linalg.inv(a) @ x)), normal(3), spd(3))
