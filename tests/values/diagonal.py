"""Independent values of diagonals and triangles: entry by entry."""

import numpy as np


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


VALUES = {
    "Diagonal": diagonal,
    "OnDiagonal": on_diagonal,
    "Diag": diag,
    "Tril": kept(lambda beyond, k: beyond <= k),
    "Triu": kept(lambda beyond, k: beyond >= k),
}
