"""Right operations of linear algebra, near singular ones among them."""

import numpy as np

from .entries import fit, normal, ok


def square(*matrices):
    if any(a.ndim != 2 or a.shape[0] != a.shape[1] or not a.size for a in matrices):
        raise ValueError("one square matrix")


def matrices(*arrays):
    if any(a.ndim != 2 for a in arrays):
        raise ValueError("matrices")


def det(a):
    square(a)
    return np.linalg.det(a)


def solve(a, b):
    square(a)
    if b.ndim != 1 or len(b) != len(a):
        raise ValueError("one right side")
    return np.linalg.solve(a, b)


def solve_back(g, y, a, b):
    db = np.linalg.solve(a.T, g)
    return -np.outer(db, y), db


def singular_values(a):
    matrices(a)
    return np.linalg.svd(a, compute_uv=False)


def singular_values_back(g, y, a):
    u, _, v = np.linalg.svd(a, full_matrices=False)
    return ((u * g) @ v,)


def kron(a, b):
    matrices(a, b)
    return np.kron(a, b)


def kron_back(g, y, a, b):
    g = g.reshape(a.shape[0], b.shape[0], a.shape[1], b.shape[1])
    return np.einsum("ikjl,kl->ij", g, b), np.einsum("ikjl,ij->kl", g, a)


def dot_any(a, b):
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError("matrices")
    return a @ b


ok("det, by the inverse", det, lambda g, y, a: (g * y * np.linalg.inv(a).T,), normal(4, 4))
ok("solve", solve, solve_back, normal(3, 3), normal(3))
ok("solve, Hilbert", solve, solve_back, 1 / (1 + np.arange(5.0) + np.arange(5.0)[:, None]), normal(5))
ok("svd values", singular_values, singular_values_back, normal(3, 4))
ok("nuclear norm", lambda a: singular_values(a).sum(), lambda g, y, a: (
    singular_values_back(np.full(min(a.shape), g), y, a)[0],), normal(4, 3))
ok("batched matmul", dot_any, lambda g, y, a, b: (
    fit(g @ np.swapaxes(b, -1, -2), a), fit(np.swapaxes(a, -1, -2) @ g, b)), normal(2, 3, 4), normal(4, 2))
ok("kron", kron, kron_back, normal(2, 3), normal(3, 2))
ok("vector dot", lambda a, b: a @ b if a.ndim == b.ndim == 1 else 1 / 0, lambda g, y, a, b: (g * b, g * a), normal(4),
   normal(4, seed=1))
