"""Independent values of products, diagonals and decompositions: sums over indices, entry by entry."""

import itertools
import math

import numpy as np


def matmul(left, right):
    rows = left[None, :] if left.ndim == 1 else left
    columns = right[:, None] if right.ndim == 1 else right
    stack = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    rows = np.broadcast_to(rows, stack + rows.shape[-2:])
    columns = np.broadcast_to(columns, stack + columns.shape[-2:])
    h = np.empty((*stack, rows.shape[-2], columns.shape[-1]))
    for *s, i, j in np.ndindex(*h.shape):
        h[(*s, i, j)] = math.fsum(rows[(*s, i, k)] * columns[(*s, k, j)] for k in range(rows.shape[-1]))
    h = h[..., 0] if right.ndim == 1 else h
    return h if left.ndim > 1 else h[..., 0] if right.ndim == 1 else h[..., 0, :]


def tensordot(a, b, axes):
    a = np.moveaxis(a, axes[0], range(len(axes[0])))
    b = np.moveaxis(b, axes[1], range(len(axes[0])))
    summed = a.shape[: len(axes[0])]
    return sum(np.multiply.outer(a[place], b[place]) for place in np.ndindex(*summed))


def einsum(*operands, subscripts, optimize):
    left, output = subscripts.split("->")
    terms = left.split(",")
    sizes = {}
    for term, a in zip(terms, operands, strict=True):
        for label, size in zip(term, a.shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    labels = sorted(sizes)
    h = np.zeros([sizes[label] for label in output])
    for place in np.ndindex(*(sizes[label] for label in labels)):
        at = dict(zip(labels, place, strict=True))
        factors = (
            a[tuple(min(at[label], size - 1) for label, size in zip(term, a.shape, strict=True))]
            for term, a in zip(terms, operands, strict=True)
        )
        h[tuple(at[label] for label in output)] += math.prod(factors)
    return h


def diagonal(a, offset, axis1, axis2):
    stack = np.moveaxis(a, (axis1, axis2), (0, 1))
    rows = [stack[i, i + offset] for i in range(stack.shape[0]) if 0 <= i + offset < stack.shape[1]]
    return np.moveaxis(np.array(rows).reshape(-1, *stack.shape[2:]), 0, -1)


def on_diagonal(a, like, offset, axis1, axis2):
    stack = np.moveaxis(np.zeros(like.shape), (axis1, axis2), (0, 1))
    rows = iter(np.moveaxis(a, -1, 0))
    for i in range(stack.shape[0]):
        if 0 <= i + offset < stack.shape[1]:
            stack[i, i + offset] = next(rows)
    return np.moveaxis(stack, (0, 1), (axis1, axis2))


def kept(keep):
    def triangle(a, k):
        h = np.zeros(a.shape)
        for place in np.ndindex(*a.shape):
            h[place] = a[place] if keep(place[-1] - place[-2], k) else 0
        return h

    return triangle


def diag(a, k):
    n = len(a) + abs(k)
    return np.array([[a[min(i, j)] if j - i == k else 0.0 for j in range(n)] for i in range(n)])


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
    "AddMatMul": lambda c, left, right: c + matmul(left, right),
    "MatMul": matmul,
    "Affine": lambda h, W, b: np.apply_along_axis(lambda x: b + sum(n * w for n, w in zip(x, W, strict=True)), -1, h),
    "TensorDot": tensordot,
    "Einsum": einsum,
    "Diagonal": diagonal,
    "OnDiagonal": on_diagonal,
    "Diag": diag,
    "Tril": kept(lambda beyond, k: beyond <= k),
    "Triu": kept(lambda beyond, k: beyond >= k),
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
