"""Independent values of products: sums written out in loops."""

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


VALUES = {
    "AddMatMul": lambda c, left, right: c + matmul(left, right),
    "MatMul": matmul,
    "Affine": lambda h, W, b: np.apply_along_axis(lambda x: b + sum(n * w for n, w in zip(x, W, strict=True)), -1, h),
    "TensorDot": tensordot,
    "Einsum": einsum,
}
