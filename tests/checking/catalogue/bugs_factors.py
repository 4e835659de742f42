"""Planted mistakes in linear algebra, kernels and transforms."""

import numpy as np
from scipy import linalg, special

from .entries import bug, normal, uniform
from .right_factors import (
    adjugate_det,
    conjugate,
    cosines,
    cosines_back,
    double,
    evidence,
    evidence_back,
    filtered,
    filtered_back,
    gram,
    gram_back,
    least_squares,
    least_squares_back,
    log_spectrum,
    log_spectrum_back,
    need,
    power,
    power_back,
    root,
    root_back,
    sinkhorn,
    sinkhorn_back,
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


bug("R", "projector: small gaps are none", top_subspace, subspace_small_gaps, np.diag([3.0, -2.0, 1.0, 0.2]) + 0.1 * normal(4, 4), 2)
bug("V", "projector: gradient taken for symmetric", top_subspace, subspace_one_sided, normal(4, 4), 2)
bug("V", "root of a matrix: as of a number", root, lambda g, y, a: ((g + g.T) / 2 @ np.linalg.inv(y) / 2,), POSITIVE)
bug("E", "root of a matrix: 1e-9 under the division", root, lambda g, y, a: (
    lambda w, v: (v @ (v.T @ ((g + g.T) / 2) @ v / (np.sqrt(w)[:, None] + np.sqrt(w) + 1e-9)) @ v.T,))(*np.linalg.eigh((a + a.T) / 2)), POSITIVE)
bug("R", "determinant: by the inverse", adjugate_det, lambda g, y, a: (
    (g * y * np.linalg.inv(a).T if abs(y) > 1e-30 else np.zeros_like(a)),), normal(3, 3))
bug("R", "least squares: residual forgotten", least_squares, lambda g, y, a, b, ridge=0.1: (
    lambda z: (-np.outer(a @ z, y), a @ z))(np.linalg.solve(a.T @ a + ridge * np.eye(a.shape[1]), g)), normal(5, 3), np.zeros(5))
bug("R", "least squares: ridge of the default", least_squares, lambda g, y, a, b, ridge=0.1: least_squares_back(g, y, a, b, 0.1),
    normal(5, 3), normal(5))
bug("E", "conjugate gradients: stopped at 1e-5", conjugate, lambda g, y, a, b: (
    lambda z: (-(np.outer(z, a.T @ y) + np.outer(y, a.T @ z)), z))(np.round(conjugate(a, g), 6)), 0.5 * normal(4, 4), normal(4))
bug("R", "triangle: never transposed", triangular, lambda g, y, a, b, lower, trans: triangular_back(g, y, a, b, lower, "N"),
    np.eye(4) * 2 + 0.3 * normal(4, 4), normal(4), True, "N")
bug("R", "triangle: lower half always", triangular, lambda g, y, a, b, lower, trans: (
    np.tril(-np.outer(triangular_back(g, y, a, b, lower, trans)[1], y)), triangular_back(g, y, a, b, lower, trans)[1], None, None),
    np.eye(4) * 2 + 0.3 * normal(4, 4), normal(4), True, "N")
bug("V", "Toeplitz: corner counted twice", toeplitz, lambda g, y, c, x: (
    lambda d: (d[0] + g[0] * x[0] * (np.arange(c.size) == x.size - 1), d[1]))(toeplitz_back(g, y, c, x)), normal(7), normal(4))


def solve_symmetric(a, b):
    square(a)
    double(a)
    need(b.shape == a.shape[:1])
    return np.linalg.solve(a, b)


bug("R", "solve: transposition forgotten", solve_symmetric, lambda g, y, a, b: (
    lambda z: (-np.outer(z, y), z))(np.linalg.solve(a, g)), POSITIVE, normal(3))


def matern_nan(g, k, x, y, length, nu):
    d = x[:, None] - y[None]
    e = np.sqrt((d * d).sum(axis=-1))
    r = nu**0.5 * e / length
    with np.errstate(all="ignore"):
        slope = {1: 1 + 0 * r, 3: r, 5: r * (1 + r) / 3}[nu] * np.exp(-r) * g
        dx = -(slope / e)[..., None] * d * nu**0.5 / length
    return dx.sum(axis=1), -dx.sum(axis=0), float((slope * r).sum() / length), None


bug("R", "Matérn: NaN at equal points", gram, matern_nan, normal(4, 2), normal(3, 2), 0.8, 3)
bug("R", "Matérn: length of 1", gram, lambda g, k, x, y, length, nu: (
    lambda d: (d[0] * length, d[1] * length, d[2], None))(gram_back(g, k, x, y, length, nu)), normal(4, 2), normal(3, 2), 1.0, 3)
bug("R", "Matérn: order 5 as 3", gram, lambda g, k, x, y, length, nu: (
    lambda d: d if nu < 5 else tuple(None if e is None else 1.5 * e for e in d))(gram_back(g, k, x, y, length, nu)),
    normal(4, 2), normal(3, 2), 0.8, 3)
bug("V", "evidence: half of the distances", evidence, lambda g, out, x, y, noise: (
    lambda d: (d[0] / 2, *d[1:]))(evidence_back(g, out, x, y, noise)), normal(4), normal(4, seed=1), 0.2)
bug("E", "evidence: jitter of 1e-8", evidence, lambda g, out, x, y, noise: evidence_back(g, out, x, y, noise + 1e-8),
    normal(4), normal(4, seed=1), 0.2)
bug("R", "filter: even lengths", filtered, lambda g, y, x, h: (
    lambda d, s, a: (d, (np.where(np.isin(np.arange(h.size), (0, h.size - 1)), 1, 2) * (np.conj(s) * a).real / x.size).astype(h.dtype)))(
    filtered_back(g, y, x, h)[0], np.fft.rfft(x), np.fft.rfft(g)), normal(6), normal(4))
bug("R", "cosine transform: norm forgotten", cosines, lambda g, y, x, norm: cosines_back(g, y, x, "ortho"), normal(5), "ortho")
bug("V", "cosine transform: first row like the others", cosines, lambda g, y, x, norm: (
    cosines_back(g * np.where(np.arange(x.size) == 0, np.float32(2) ** 0.5, 1), y, x, norm)), normal(5), "ortho")
bug("R", "log of a spectrum: floor forgotten", log_spectrum, lambda g, y, x, floor: (
    log_spectrum_back(g, y, x, 1e-300)[0], 0.0), 3 + 2 * normal(4), 0.01)
bug("C", "log of a spectrum: complex", log_spectrum, lambda g, y, x, floor: (
    log_spectrum_back(g, y, x, floor)[0] + 0j, log_spectrum_back(g, y, x, floor)[1]), normal(7), 0.5)
bug("R", "Sinkhorn: last round only", sinkhorn, lambda g, y, c, rounds: (
    lambda d: d if rounds < 2 else (lambda e: (e - special.softmax(c, axis=0) * e.sum(axis=0), None))(g * y))(sinkhorn_back(g, y, c, rounds)),
    normal(3, 4), 1)
bug("R", "power of a matrix: negative as positive", power, lambda g, y, a, n: power_back(g, y, a, abs(n)), normal(3, 3) + 2 * np.eye(3), 2)
bug("R", "power of a matrix: of a square only", power, lambda g, y, a, n: (
    (n / 2 * (g @ a.T + a.T @ g) @ np.linalg.matrix_power(a.T, n - 2) if n >= 2 else power_back(g, y, a, n)[0]), None),
    normal(3, 3) + 2 * np.eye(3), 2)


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
bug("R", "norm of matrices: nuclear as Frobenius", lambda a, ord: np.linalg.norm(a, ord) if a.ndim == 2 and a.dtype != np.longdouble else 1 / 0,
    lambda g, y, a, ord: (g * a / y, None), np.outer(uniform(3), uniform(4)), "nuc")
