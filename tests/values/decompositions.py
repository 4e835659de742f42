"""Independent values of inverses, determinants, factorisations and norms: eliminations and sums written out."""

import itertools
import math

import numpy as np


def each_matrix(function):
    """The function of one matrix (and the same item of further stacks), for every matrix of a stack."""

    def of_stack(a, **settings):
        results = [function(a[place], **settings) for place in np.ndindex(a.shape[:-2])]
        if isinstance(results[0], tuple):
            return tuple(np.reshape(part, (*a.shape[:-2], *np.shape(part[0]))) for part in zip(*results, strict=True))
        return np.reshape(results, (*a.shape[:-2], *np.shape(results[0])))

    return of_stack


def eliminated(a, b):
    """The solution of a x = b by Gauss-Jordan elimination with pivots."""
    n = len(a)
    table = np.concatenate([a, b], axis=1).astype(np.longdouble)
    for i in range(n):
        pivot = i + int(np.argmax(np.abs(table[i:, i])))
        table[[i, pivot]] = table[[pivot, i]]
        table[i] /= table[i, i]
        for j in range(n):
            if j != i:
                table[j] -= table[j, i] * table[i]
    return table[:, n:].astype(np.result_type(a, b))


def solve(a, b):
    columns = b[:, None] if b.ndim == 1 else b
    stack = np.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
    a, columns = (np.broadcast_to(m, stack + m.shape[-2:]) for m in (a, columns))
    h = np.empty(columns.shape)
    for place in np.ndindex(*stack):
        h[place] = eliminated(a[place], columns[place])
    return h[..., 0] if b.ndim == 1 else h


def determinant(a):
    """The sum over permutations."""
    n = len(a)
    total = 0.0
    for order in itertools.permutations(range(n)):
        sign = (-1) ** sum(order[i] > order[j] for i, j in itertools.combinations(range(n), 2))
        total += sign * math.prod(a[i, order[i]] for i in range(n))
    return total


def minor(a, i, j):
    rest = np.delete(np.delete(a, i, 0), j, 1)
    return (-1) ** (i + j) * determinant(rest)


def minors(a):
    return np.array([[minor(a, i, j) for j in range(len(a))] for i in range(len(a))])


def slopes_of_minors(g, a):
    """The coefficient of t in the minors of a + t g, which are polynomials."""
    if a.ndim > 2:
        return np.stack([slopes_of_minors(*pair) for pair in zip(g, a, strict=True)])
    t = np.linspace(-1, 1, 2 * len(a) + 1)
    values = np.stack([minors(a + one * g) for one in t]).reshape(len(t), -1)
    return np.polynomial.polynomial.polyfit(t, values, len(a))[1].reshape(a.shape)


def cholesky(a, upper):
    """Row by row, of the triangle that is read."""
    a = np.where(np.tri(len(a), dtype=bool), a.T if upper else a, 0)
    h = np.zeros_like(a)
    for i in range(len(a)):
        for j in range(i + 1):
            rest = a[i, j] - math.fsum(h[i, k] * h[j, k] for k in range(j))
            h[i, j] = math.sqrt(rest) if i == j else rest / h[j, j]
    return h.T if upper else h


def qr(a):
    """Gram-Schmidt, with the signs of Householder reflections."""
    m, n = a.shape
    k = min(m, n)
    q, signs = np.zeros((m, k), np.longdouble), np.sign(np.diagonal(np.linalg.qr(a)[1]))
    for j in range(k):
        rest = a[:, j].astype(np.longdouble)
        for _ in range(2):
            rest = rest - q[:, :j] @ (q[:, :j].T @ rest)
        q[:, j] = signs[j] * rest / np.sqrt(np.sum(rest * rest))
    return q.astype(float), np.triu((q.T @ a).astype(float))


def turned(vectors, like):
    """Vectors in columns, each with the sign of another."""
    return vectors * np.sign(np.sum(vectors * like, axis=0))


def jacobi(a):
    """Eigenvalues and vectors of a symmetric matrix by Jacobi rotations, in ascending order."""
    a, v = a.astype(float), np.eye(len(a))
    for _ in range(60):
        for i, j in itertools.combinations(range(len(a)), 2):
            angle = math.atan2(2 * a[i, j], a[j, j] - a[i, i]) / 2
            turn = np.eye(len(a))
            turn[[i, j], [i, j]] = math.cos(angle)
            turn[i, j], turn[j, i] = math.sin(angle), -math.sin(angle)
            a, v = turn.T @ a @ turn, v @ turn
    order = np.argsort(np.diagonal(a))
    return np.diagonal(a)[order], v[:, order]


def eigh(a, UPLO):
    half = np.tril(a if UPLO == "L" else a.T)
    w, v = jacobi(half + np.tril(half, -1).T)
    return w, turned(v, np.linalg.eigh(a, UPLO)[1])


def svd(a):
    k = min(a.shape)
    small, v = jacobi(a.T @ a)
    s, v = np.sqrt(np.abs(small[::-1][:k])), v[:, ::-1][:, :k]
    u = a @ v / s
    like = np.linalg.svd(a)[0][:, :k]
    signs = np.sign(np.sum(u * like, axis=0))
    return u * signs, s, (v * signs).T


def pinv(a, rcond):
    u, s, vh = svd(a)
    return sum(
        (np.outer(v, x) / size for x, size, v in zip(u.T, s, vh, strict=True) if size > rcond * s[0]),
        start=np.zeros(a.shape[::-1]),
    )


def p_norm(a, axis, keepdims, p):
    lines = np.apply_over_axes(
        lambda x, i: np.sum(x, axis=i, keepdims=True), np.abs(a) ** p, range(a.ndim) if axis is None else axis
    )
    h = np.exp(np.log(lines) / p)
    return h if keepdims else np.squeeze(h, tuple(range(a.ndim)) if axis is None else axis)


VALUES = {
    "Inv": each_matrix(lambda a: eliminated(a, np.eye(len(a)))),
    "Solve": solve,
    "Pinv": each_matrix(pinv),
    "Det": each_matrix(determinant),
    "Cofactors": each_matrix(minors),
    "CofactorSlopes": slopes_of_minors,
    "SlogDet": each_matrix(lambda a: (np.sign(determinant(a)), math.log(abs(determinant(a))))),
    "Cholesky": each_matrix(cholesky),
    "QR": each_matrix(qr),
    "Eigh": each_matrix(eigh),
    "SVD": each_matrix(svd),
    "EuclideanNorm": lambda a, axis, keepdims: p_norm(a, axis, keepdims, 2),
    "PNorm": p_norm,
}
