"""Planted mistakes in linear algebra."""

import numpy as np
from scipy import linalg, special

from .entries import bug, need, normal, uniform
from .right_factors import (
    adjugate_det,
    conjugate,
    double,
    least_squares,
    least_squares_back,
    power,
    power_back,
    root,
    square,
    toeplitz,
    toeplitz_back,
    top_subspace,
    triangular,
    triangular_back,
)

POSITIVE = normal(3, 3) @ normal(3, 3).T + np.eye(3)


def subspace_small_gaps(g, y, a, k):
    """Differences of eigenvalues under 0.05 are taken for 0, as a guard."""
    w, v = np.linalg.eigh((a + a.T) / 2)
    low, high = v[:, :-k], v[:, -k:]
    gap = w[None, -k:] - w[:-k, None]
    da = low @ np.where(gap > 0.05, low.T @ ((g + g.T) / 2) @ high / gap, 0) @ high.T
    return da + da.T, None


def subspace_one_sided(g, y, a, k):
    """The incoming gradient is taken for symmetric."""
    w, v = np.linalg.eigh((a + a.T) / 2)
    low, high = v[:, :-k], v[:, -k:]
    da = low @ (low.T @ g @ high / (w[None, -k:] - w[:-k, None])) @ high.T
    return da + da.T, None


bug(
    "R",
    "projector: small gaps are none",
    top_subspace,
    subspace_small_gaps,
    np.diag([3.0, -2.0, 1.0, 0.2]) + 0.1 * normal(4, 4),
    2,
)

bug("V", "projector: gradient taken for symmetric", top_subspace, subspace_one_sided, normal(4, 4), 2)

bug("V", "root of a matrix: as of a number", root, lambda g, y, a: ((g + g.T) / 2 @ np.linalg.inv(y) / 2,), POSITIVE)

bug(
    "E",
    "root of a matrix: 1e-9 under the division",
    root,
    lambda g, y, a: (lambda w, v: (v @ (v.T @ ((g + g.T) / 2) @ v / (np.sqrt(w)[:, None] + np.sqrt(w) + 1e-9)) @ v.T,))(
        *np.linalg.eigh((a + a.T) / 2)
    ),
    POSITIVE,
)

bug(
    "R",
    "determinant: by the inverse",
    adjugate_det,
    lambda g, y, a: ((g * y * np.linalg.inv(a).T if abs(y) > 1e-30 else np.zeros_like(a)),),
    normal(3, 3),
)

bug(
    "R",
    "least squares: residual forgotten",
    least_squares,
    lambda g, y, a, b, ridge=0.1: (lambda z: (-np.outer(a @ z, y), a @ z))(
        np.linalg.solve(a.T @ a + ridge * np.eye(a.shape[1]), g)
    ),
    normal(5, 3),
    np.zeros(5),
)

bug(
    "R",
    "least squares: ridge of the default",
    least_squares,
    lambda g, y, a, b, ridge=0.1: least_squares_back(g, y, a, b, 0.1),
    normal(5, 3),
    normal(5),
)

bug(
    "E",
    "conjugate gradients: stopped at 1e-5",
    conjugate,
    lambda g, y, a, b: (lambda z: (-(np.outer(z, a.T @ y) + np.outer(y, a.T @ z)), z))(np.round(conjugate(a, g), 6)),
    0.5 * normal(4, 4),
    normal(4),
)

bug(
    "R",
    "triangle: never transposed",
    triangular,
    lambda g, y, a, b, lower, trans: triangular_back(g, y, a, b, lower, "N"),
    np.eye(4) * 2 + 0.3 * normal(4, 4),
    normal(4),
    True,
    "N",
)

bug(
    "R",
    "triangle: lower half always",
    triangular,
    lambda g, y, a, b, lower, trans: (
        np.tril(-np.outer(triangular_back(g, y, a, b, lower, trans)[1], y)),
        triangular_back(g, y, a, b, lower, trans)[1],
        None,
        None,
    ),
    np.eye(4) * 2 + 0.3 * normal(4, 4),
    normal(4),
    True,
    "N",
)

bug(
    "V",
    "Toeplitz: corner counted twice",
    toeplitz,
    lambda g, y, c, x: (lambda d: (d[0] + g[0] * x[0] * (np.arange(c.size) == x.size - 1), d[1]))(
        toeplitz_back(g, y, c, x)
    ),
    normal(7),
    normal(4),
)


def solve_symmetric(a, b):
    square(a)
    double(a)
    need(b.shape == a.shape[:1])
    return np.linalg.solve(a, b)


bug(
    "R",
    "solve: transposition forgotten",
    solve_symmetric,
    lambda g, y, a, b: (lambda z: (-np.outer(z, y), z))(np.linalg.solve(a, g)),
    POSITIVE,
    normal(3),
)

bug(
    "R",
    "power of a matrix: negative as positive",
    power,
    lambda g, y, a, n: power_back(g, y, a, abs(n)),
    normal(3, 3) + 2 * np.eye(3),
    2,
)

bug(
    "R",
    "power of a matrix: of a square only",
    power,
    lambda g, y, a, n: (
        (n / 2 * (g @ a.T + a.T @ g) @ np.linalg.matrix_power(a.T, n - 2) if n >= 2 else power_back(g, y, a, n)[0]),
        None,
    ),
    normal(3, 3) + 2 * np.eye(3),
    2,
)


def exponential(a):
    square(a)
    double(a)
    return linalg.expm(a)


def exponential_back(g, y, a):
    """By the series, to the twelfth power."""
    da, left = np.zeros_like(a), [np.eye(len(a), dtype=a.dtype)]
    for _ in range(12):
        left.append(left[-1] @ a.T)
    for n in range(1, 13):
        da += sum(left[k] @ g @ left[n - 1 - k] for k in range(n)) / a.dtype.type(special.factorial(n))
    return (da,)


bug("R", "matrix exponential: series of twelve", exponential, exponential_back, 0.2 * normal(3, 3))


def log_det_cached():
    kept = {}

    def fprop(a):
        square(a)
        double(a)
        kept["low"] = np.linalg.cholesky(a @ a.T + np.eye(len(a), dtype=a.dtype))
        return 2 * np.log(np.diag(kept["low"])).sum()

    def bprop(g, y, a):
        return (2 * g * linalg.cho_solve((kept["low"], True), a),)

    return fprop, bprop


bug("C", "log det: factor of the latest fprop", *log_det_cached(), normal(3, 3))

bug(
    "R",
    "norm of matrices: nuclear as Frobenius",
    lambda a, kind: np.linalg.norm(a, kind) if a.ndim == 2 and a.dtype != np.longdouble else 1 / 0,
    lambda g, y, a, kind: (g * a / y, None),
    np.outer(uniform(3), uniform(4)),
    "nuc",
)
