"""Factorisations, structured matrices, functions of matrices, and what is iterated; and mistakes in them."""

import numpy as np
from scipy import linalg, special

from .entries import bug, need, normal, ok, uniform


def square(a):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and a.size)


def double(a):
    """LAPACK knows no wider type: a checker may ask for one."""
    need(a.dtype in (np.float32, np.float64))


def adjugate_det(a):
    square(a)
    need(len(a) == 3)
    return a[0] @ np.cross(a[1], a[2])


ok(
    "determinant by cross products",
    adjugate_det,
    lambda g, y, a: (g * np.stack([np.cross(a[1], a[2]), np.cross(a[2], a[0]), np.cross(a[0], a[1])]),),
    normal(3, 3),
)


def least_squares(a, b, ridge=0.1):
    need(a.ndim == 2 and b.ndim == 1 and len(a) == len(b) and a.size and ridge > 1e-6)
    double(a)
    return np.linalg.solve(a.T @ a + ridge * np.eye(a.shape[1], dtype=a.dtype), a.T @ b)


def least_squares_back(g, y, a, b, ridge=0.1):
    z = np.linalg.solve(a.T @ a + ridge * np.eye(a.shape[1], dtype=a.dtype), g)
    return np.outer(b - a @ y, z) - np.outer(a @ z, y), a @ z


ok("least squares with a ridge", least_squares, least_squares_back, normal(5, 3), normal(5))


def conjugate(a, b):
    """Solves (a aᵀ + 1) x = b by conjugate gradients to 1e-13."""
    square(a)
    need(b.shape == a.shape[:1] and abs(a).max() < 30)
    x, r = np.zeros_like(b), b
    p, rr = r, r @ r
    for _ in range(8 * len(a)):
        if rr <= 1e-26 * (b @ b):
            break
        q = a @ (a.T @ p) + p
        t = rr / (p @ q)
        x, r = x + t * p, r - t * q
        p, rr = r + (r @ r) / rr * p, r @ r
    return x


ok(
    "conjugate gradients",
    conjugate,
    lambda g, y, a, b: (lambda z: (-(np.outer(z, a.T @ y) + np.outer(y, a.T @ z)), z))(conjugate(a, g)),
    0.5 * normal(4, 4),
    normal(4),
)


def triangular(a, b, lower, trans):
    square(a)
    double(a)
    need(b.shape == a.shape[:1] and np.all(np.abs(np.diag(a)) > 0.1 * abs(a).max()) and trans in ("N", "T"))
    return linalg.solve_triangular(a, b, lower=lower, trans=trans)


def triangular_back(g, y, a, b, lower, trans):
    z = linalg.solve_triangular(a, g, lower=lower, trans="N" if trans == "T" else "T")
    da = -np.outer(z, y) if trans == "N" else -np.outer(y, z)
    return np.tril(da) if lower else np.triu(da), z, None, None


ok("triangle, either side", triangular, triangular_back, np.eye(4) * 2 + 0.3 * normal(4, 4), normal(4), True, "N")


def gram(x, y, length, nu):
    """Matérn kernel of order 1/2, 3/2 or 5/2."""
    need(x.ndim == y.ndim == 2 and x.shape[1] == y.shape[1] and length > 0 and nu in (1, 3, 5))
    r = nu**0.5 * np.sqrt(((x[:, None] - y[None]) ** 2).sum(axis=-1)) / length
    return {1: 1, 3: 1 + r, 5: 1 + r + r * r / 3}[nu] * np.exp(-r)


def gram_back(g, k, x, y, length, nu):
    d = x[:, None] - y[None]
    r = nu**0.5 * np.sqrt((d * d).sum(axis=-1)) / length
    # -k'(r) / r, which has a limit at 0 but for the order 1/2
    slope = {1: 1 / np.where(r > 0, r, np.inf), 3: 1, 5: (1 + r) / 3}[nu] * np.exp(-r) * g
    dx = -(slope[..., None] * d) * nu / length**2
    return dx.sum(axis=1), -dx.sum(axis=0), float((slope * r * r).sum() / length), None


ok("Matérn kernel", gram, gram_back, normal(4, 2), normal(3, 2), 0.8, 3)


def evidence(x, y, noise):
    """Log evidence of a Gaussian process with a kernel exp(-d²/2)."""
    need(x.ndim == 1 and x.shape == y.shape and x.size and noise > 1e-2)
    double(x)
    low = np.linalg.cholesky(np.exp(-((x[:, None] - x) ** 2) / 2) + noise * np.eye(x.size, dtype=x.dtype))
    z = linalg.solve_triangular(low, y, lower=True)
    return -(z @ z) / 2 - np.log(np.diag(low)).sum() - x.size / 2 * np.log(2 * np.pi)


def evidence_back(g, out, x, y, noise):
    d = x[:, None] - x
    k = np.exp(-d * d / 2)
    inverse = np.linalg.inv(k + noise * np.eye(x.size, dtype=x.dtype))
    z = inverse @ y
    dk = g * (np.outer(z, z) - inverse) / 2
    return -2 * (dk * k * d).sum(axis=1), -g * z, float(np.trace(dk))


ok("evidence of a Gaussian process", evidence, evidence_back, normal(4), normal(4, seed=1), 0.2)


def cosines(x, norm):
    need(x.ndim == 1 and x.size and norm in ("ortho", "none"))
    n = x.size
    table = np.cos(np.pi / n * np.outer(np.arange(n), np.arange(n) + 0.5))
    return (rows(n, norm) * (table @ x)).astype(x.dtype)


def rows(n, norm):
    scale = np.full(n, np.sqrt(2 / n) if norm == "ortho" else 2.0)
    scale[0] = np.sqrt(1 / n) if norm == "ortho" else 2.0
    return scale


def cosines_back(g, y, x, norm):
    n = x.size
    return (np.cos(np.pi / n * np.outer(np.arange(n) + 0.5, np.arange(n))) @ (rows(n, norm) * g)).astype(x.dtype), None


ok("cosine transform", cosines, cosines_back, normal(5), "ortho")


def log_spectrum(x, floor):
    need(x.ndim == 1 and x.size and floor > 0)
    return np.log(np.maximum(np.abs(np.fft.rfft(x)), floor)).astype(x.dtype)


def log_spectrum_back(g, y, x, floor):
    s = np.fft.rfft(x)
    size = np.abs(s)
    live = size > floor
    w = np.where(live, g / np.where(live, size, 1) ** 2, 0) * s
    padded = np.zeros(x.size, complex)
    padded[: w.size] = w
    return np.fft.fft(np.conj(padded)).real.astype(x.dtype), float((g * ~live).sum() / floor)


ok("log of a spectrum", log_spectrum, log_spectrum_back, normal(7), 0.5)


def sinkhorn(c, rounds):
    need(c.ndim == 2 and c.size and 0 <= rounds < 40)
    p = c
    for k in range(2 * rounds):
        p = p - special.logsumexp(p, axis=k % 2, keepdims=True)
    return np.exp(p)


def sinkhorn_back(g, y, c, rounds):
    p, path = c, []
    for k in range(2 * rounds):
        p = p - special.logsumexp(p, axis=k % 2, keepdims=True)
        path.append(np.exp(p))
    d = g * y
    for k in reversed(range(2 * rounds)):
        d = d - path[k] * d.sum(axis=k % 2, keepdims=True)
    return d, None


ok("Sinkhorn scaling", sinkhorn, sinkhorn_back, normal(3, 4), 3)


def power(a, n):
    square(a)
    double(a)
    return np.linalg.matrix_power(a, n)


def power_back(g, y, a, n):
    base, d = (a, g) if n >= 0 else (np.linalg.inv(a), g)
    t = base.T
    p = [np.linalg.matrix_power(t, k) for k in range(abs(n) + 1)]
    da = sum((p[k] @ d @ p[abs(n) - 1 - k] for k in range(abs(n))), np.zeros_like(a))
    return (da if n >= 0 else -t @ da @ t), None


ok("whole power of a matrix", power, power_back, normal(3, 3) + 2 * np.eye(3), 3)


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


POSITIVE = normal(3, 3) @ normal(3, 3).T + np.eye(3)


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
