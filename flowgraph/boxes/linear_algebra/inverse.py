"""Inverses of matrices, also Moore and Penrose's, and linear equations solved, also in the sense of least squares."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Value
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.elementwise.complex_numbers import conjugate
from flowgraph.boxes.elementwise.exponential import one_at_zero
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.linear_algebra.matrices import (
    OfMatrices,
    adjoint,
    columns,
    diagonal,
    identity_minus,
    of_lower_triangle,
    on_diagonal,
    rows,
)
from flowgraph.boxes.numpy_api.constructors import as_box
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.shapes.size import Shape, Size, divide, product
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
    rows = product(np.shape(a)[: np.ndim(b)])
    if isinstance(size, int) and isinstance(rows, int) and rows != size:
        raise ShapeError(
            f"np.linalg.tensorsolve: found {rows} equations for {size} unknowns, a of shape {np.shape(a)} with "
            f"{np.ndim(b)} axes for b; needs as many of both"
        )
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


_TALL = np.array([[2.0, -0.5], [0.7, 1.5], [-0.4, 0.6], [1.1, 0.2]])
_NEGLIGIBLE = 1e-9
"""Up to this `rcond` what is cut off is rounding, and the pseudo-inverse has the slope of a matrix of that rank.

Above it singular values that matter are cut off, and turn into what is kept as the matrix changes: see `_cut`.
"""


class Pinv(OfMatrices):
    """Moore-Penrose inverse; singular values up to `rcond` times the largest count as 0.

    h = a⁺        dh = −h da h + h hᴴ daᴴ (I − a h) + (I − h a) daᴴ hᴴ h

    Without `rcond` it is the rounding error of the dtype times the larger size. The derivative is that along matrices
    of one rank: where the rank changes, the inverse jumps. For an `rcond` that leaves out more than rounding errors the
    gradient has the resolvents of what is left out, by which the vectors that are kept turn into its space.

    Parameters
    ----------
    rcond : float or None, default 1e-15
        Singular values up to this part of the largest count as 0; None for the rounding error of the dtype times the
        larger size of the matrix.
    """

    rcond: float | None = 1e-15

    symbol = "a⁺"
    formula = "a^{+}"
    signature = "(m,n)->(n,m)"
    analytic = False
    examples = (
        example(_TALL),
        example(_TALL.T),
        example(_TALL[:2]),
        example(np.stack([_TALL, 1 - _TALL])),
        example(_TALL[:3], rcond=0.8),
    )

    def fprop(self, a: Value) -> Value:
        return np.linalg.pinv(a, rtol=self.rcond)  # type: ignore[arg-type]  # None is NumPy's own default

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        grad = adjoint(conjugate(grad))
        if self.rcond is not None and self.rcond > _NEGLIGIBLE:
            return (conjugate(_cut(grad, a, self.rcond)),)
        p = adjoint(h)
        da = -p @ adjoint(grad) @ p
        da = da + identity_minus(a @ h) @ grad @ (h @ p)
        da = da + (p @ h) @ grad @ identity_minus(h @ a)
        return (conjugate(da),)


def _cut(grad: Value, a: Value, rcond: float) -> Any:
    """The gradient of p = Σ u vᴴ / s over the singular values that are kept, from that of p.

    What is left out enters as one matrix r, whose own singular vectors are not asked for: they are not unique where its
    rank is smaller. The vectors that are kept turn into its space by the resolvents of r rᴴ and rᴴ r.
    """
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    kept = s > rcond * s[..., :1]
    g = np.where(kept, 1 / np.where(kept, s, 1), 0)
    u, v, s = np.where(columns(kept), u, 0), np.where(columns(kept), adjoint(vh), 0), np.where(kept, s, 0)
    inside = adjoint(u) @ grad @ v
    rising = (rows(g) + columns(g)) / one_at_zero(rows(s) + columns(s))
    falling = -rows(g) * columns(g)
    inside = (falling * (inside + adjoint(inside)) + rising * (inside - adjoint(inside))) / 2
    r = a - (u * columns(s)) @ adjoint(v)
    squares = np.where(kept, s * s, 1 + s[..., :1] * s[..., :1])
    left = _solve_shifted(squares, r @ adjoint(r), (grad - u @ (adjoint(u) @ grad)) @ (v * columns(g)))
    right = _solve_shifted(squares, adjoint(r) @ r, adjoint(grad - (grad @ v) @ adjoint(v)) @ (u * columns(g)))
    da = u @ inside @ adjoint(v) + (left * columns(s) + r @ right) @ adjoint(v)
    return da + u @ (adjoint(left) @ r + adjoint(right * columns(s)))


def _solve_shifted(squares: Value, matrix: Value, of: Value) -> Any:
    """(square − matrix)⁻¹ times a column, for each square and its column."""
    identity = on_diagonal(np.ones_like(diagonal(matrix)), matrix)
    shifted = squares[..., None, None] * identity[..., None, :, :] - matrix[..., None, :, :]
    solved = np.linalg.solve(shifted, np.swapaxes(of, -1, -2)[..., None])
    return np.swapaxes(solved[..., 0], -1, -2)


class LstsqResult(NamedTuple):
    """What np.linalg.lstsq returns."""

    x: Any
    residuals: Any
    rank: Any
    s: Any


@implements(np.linalg.pinv)
def pinv(a: Value, rcond: Value = None, hermitian: bool = False, *, rtol: Value = np._NoValue) -> Any:
    """np.linalg.pinv of a box."""
    if rcond is not None and rtol is not np._NoValue:
        raise UsageError("np.linalg.pinv: found rcond= and rtol=, needs one of them")
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else rtol
    return Pinv(of_lower_triangle(a) if hermitian else a, rcond=rcond)


@implements(np.linalg.lstsq)
def lstsq(a: Value, b: Value, rcond: Value = None) -> LstsqResult:
    """np.linalg.lstsq of boxes, by the Moore-Penrose inverse; residuals as for a matrix of full rank."""
    a, b = map(as_box, (a, b))
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise a.shape_error(f"np.linalg.lstsq needs a matrix a, and b a vector or a matrix, found {b.ndim} axes of b")
    dtypes = [side.dtype if side.dtype.kind in "fc" else np.dtype(np.float64) for side in (a, b)]
    if np.float16 in dtypes:
        raise DtypeError("np.linalg.lstsq: found dtype float16, which linear algebra does not have; use .astype(float)")
    a, b = (side.astype(np.result_type(*dtypes)) for side in (a, b))
    s = np.linalg.svdvals(a)
    rcond = float(np.finfo(s.dtype).eps) if rcond == -1 else rcond
    x = Pinv(a, rcond=rcond) @ b
    rank = np.sum(s > s[:1] * (_rounding(a, s) if rcond is None else rcond)).astype(np.int32)
    rest = b - a @ x
    squares = np.sum(np.real(conjugate(rest) * rest), axis=0, keepdims=b.ndim == 1)
    tall = isinstance(a.shape[0], Size) or isinstance(a.shape[1], Size) or a.shape[0] > a.shape[1]
    return LstsqResult(x, squares if tall else squares[:0], rank, s)


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Value, tol: Value = None, hermitian: bool = False, *, rtol: Value = None) -> Any:
    """np.linalg.matrix_rank of a box: whole numbers, which no gradient passes."""
    if A.ndim < 2:
        return np.any(A != 0).astype(int)
    if tol is not None and rtol is not None:
        raise UsageError("np.linalg.matrix_rank: found tol= and rtol=, needs one of them")
    s = np.linalg.svd(A, compute_uv=False, hermitian=hermitian)
    if tol is None:
        tol = np.max(s, axis=-1, keepdims=True, initial=0.0) * (
            _rounding(A, s) if rtol is None else np.expand_dims(rtol, -1)
        )
    else:
        tol = np.expand_dims(tol, -1)
    return np.sum(s > tol, axis=-1)


def _rounding(a: Value, s: Value) -> Any:
    """The rounding error of a singular value in parts of the largest, as NumPy counts it: the larger size times eps."""
    rows_and_columns = count_like(a, a.ndim - 2), count_like(a, a.ndim - 1)
    return np.maximum(*rows_and_columns) * float(np.finfo(s.dtype).eps)
