"""Inverses of square matrices, and linear equations solved."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from flowgraph.box.example import example
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.value import Value
from flowgraph.boxes.linear_algebra.matrices import OfMatrices, diagonal, on_diagonal, rows
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape, divide, product
from flowgraph.shapes.spec import same

_REGULAR = np.array([[2.0, -0.5, 0.3], [0.7, 1.5, -0.2], [-0.4, 0.6, -1.8]])
_STACK = np.stack([_REGULAR, _REGULAR.T + np.eye(3), 0.5 * _REGULAR - 1.1 * np.eye(3)])


class Inv(OfMatrices):
    """Inverse of square matrices.

    h = a⁻¹        dh = −h da h, so ∇a = −hᵀ ∇h hᵀ
    """

    numpy = np.linalg.inv
    symbol = "a⁻¹"
    formula = "a^{-1}"
    derivative = r"-h^\top \nabla_h \, h^\top"
    signature = "(n,n)->(n,n)"
    examples = (example(_REGULAR), example(_STACK), example(_STACK[None, :, :2, :2]), example(np.array([[-2.0]])))

    def fprop(self, a: Value) -> Value:
        return np.linalg.inv(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-h.mT @ grad @ h.mT,)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """2 n³."""
        return 2 * product(shape) * shape[-1]


class Solve(OfMatrices):
    """The solution of linear equations; b is one vector, or the columns of matrices, as in np.linalg.solve.

    h = a⁻¹ b        ∇b = a⁻ᵀ ∇h, ∇a = −∇b hᵀ
    """

    numpy = np.linalg.solve
    symbol = "solve"
    formula = "a^{-1} b"
    derivative = r"-\nabla_b \, h^\top, \; a^{-\top} \nabla_h"
    signature = "(n,n),(n,k?)->(n,k?)"
    examples = (
        example(_REGULAR, (3,)),
        example(_REGULAR, (3, 2)),
        example(_STACK, (3,)),
        example(_STACK, (3, 2)),
        example(_STACK, (3, 3, 1)),
        example(_REGULAR, (2, 3, 4)),
        example(_STACK[:, None], (2, 3, 2)),
    )

    def fprop(self, a: Value, b: Value) -> Value:
        return np.linalg.solve(a, b)

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        if b.ndim == 1:
            db = np.linalg.solve(a.mT, rows(grad))
            return -db * np.expand_dims(h, -2) if needs[0] else None, np.squeeze(db, -1)
        db = np.linalg.solve(a.mT, grad)
        return -db @ h.mT if needs[0] else None, db

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """2/3 n³ for the factors, 2 n² for each column."""
        n, cubes = shapes[0][-1], 2 * product(shapes[0]) * shapes[0][-1]
        return 2 * product(shape) * n + (cubes // 3 if isinstance(cubes, int) else divide(cubes, 3) or cubes)


@implements(np.linalg.matrix_power)
def matrix_power(a: Value, n: int) -> Any:
    """np.linalg.matrix_power of a box: products by the bits of n, of the inverse where n is negative."""
    n = operator.index(n)
    if a.ndim < 2 or not same(a.shape[-1], a.shape[-2]):
        raise a.shape_error("np.linalg.matrix_power needs square matrices on the last two axes")
    if n == 0:
        return on_diagonal(np.ones_like(diagonal(a)), a)
    square: Any = np.linalg.inv(a) if n < 0 else a
    power: Any = None
    n = abs(n)
    while n:
        if n & 1:
            power = square if power is None else power @ square
        n >>= 1
        square = square @ square if n else square
    return power


@implements(np.linalg.tensorinv)
def tensorinv(a: Value, ind: int = 2) -> Any:
    """np.linalg.tensorinv of a box: the inverse of a matrix whose rows are the first `ind` axes."""
    if ind <= 0:
        raise UsageError(f"np.linalg.tensorinv: found ind={ind}, needs a number of axes from 1")
    size: Any = product(a.shape[ind:])
    inverse = np.linalg.inv(np.reshape(a, (size, size)))
    return np.reshape(inverse, (*a.shape[ind:], *a.shape[:ind]))


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Value, b: Value, axes: Any = None) -> Any:
    """np.linalg.tensorsolve of boxes: x with tensordot(a, x, x.ndim) = b."""
    ndim = np.ndim(a)
    order = list(range(ndim))
    for axis in axes or ():
        order.remove(axis)
        order.insert(ndim, axis)
    a = np.transpose(a, order)
    shape = np.shape(a)[np.ndim(b) :]
    size: Any = product(shape)
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)
