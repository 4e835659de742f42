"""Matrices as products of triangular and unitary ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Value, example
from flowgraph.boxes.elementwise.complex_numbers import conjugate
from flowgraph.boxes.elementwise.exponential import one_at_zero
from flowgraph.boxes.linear_algebra.matrices import (
    GaugeInvarianceCheck,
    OfMatrices,
    adjoint,
    diagonal,
    fold_triangles,
    on_diagonal,
    rounding,
    smaller,
)
from flowgraph.errors import DtypeError, NotDifferentiableError, UsageError
from flowgraph.shapes.size import Shape, Size


class RawQR(NamedTuple):
    """What np.linalg.qr(mode="raw") returns: r and the reflections below it, transposed; and their factors."""

    h: Any
    tau: Any


def reflections(a: Value) -> RawQR:
    """The Householder reflections I − τ v vᵀ, with v_1 = 1, that turn the columns one by one into those of r.

    A column x becomes β = −sign(x_1) |x| with zeros below it, by τ = (β − x_1) / β and v = x / (x_1 − β) below the 1;
    where it has zeros below already it stays, with τ = 0. Made of differentiable calls, so it needs no bprop.

    Source: Golub, Van Loan, Matrix computations, algorithm 5.2.1; signs as LAPACK's geqrf.
    """
    rows, columns = a.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise UsageError(f"np.linalg.qr: found matrices of {rows} rows and {columns} columns, needs numbers for raw")
    if a.dtype.kind == "c":
        raise DtypeError("np.linalg.qr: found complex numbers, mode='raw' of boxes needs real ones")
    done, taus, rest = [], [], a
    for place in range(min(rows, columns)):
        upper, rest = rest[..., :place, :1], rest
        column, others = rest[..., place:, 0], rest[..., 1:]
        below, tau, beta = _reflection(column)
        v = np.concatenate([np.ones_like(tau), below], axis=-1)[..., None]
        lower = others[..., place:, :]
        lower = lower - tau[..., None] * v * np.sum(v * lower, axis=-2, keepdims=True)
        done.append(np.concatenate([upper, beta[..., None], below[..., None]], axis=-2))
        rest = np.concatenate([others[..., :place, :], lower], axis=-2)
        taus.append(tau)
    h = np.concatenate([*done, rest], axis=-1)
    return RawQR(h.mT, np.concatenate(taus, axis=-1) if taus else np.sum(h, axis=-1)[..., :0])


def _reflection(x: Value) -> tuple[Any, Any, Any]:
    """What stands below the 1 of v, τ and β, for columns on the last axis."""
    first, rest = x[..., :1], x[..., 1:]
    squares = np.sum(rest * rest, axis=-1, keepdims=True)
    flat = squares == 0
    size = np.sqrt(np.where(flat, 1, first * first + squares))
    beta = np.where(flat, first, np.where(first >= 0, -size, size))
    tau = np.where(flat, 0, (beta - first) / one_at_zero(beta))
    return rest / np.where(flat, 1, first - beta), tau, beta


QRResult: Any = type(np.linalg.qr(np.eye(1)))
"""What NumPy returns, a tuple with names."""

_POSITIVE = np.array([[2.0, 0.3, -0.4], [0.5, 1.5, 0.2], [-0.6, 0.4, 1.8]])
_TALL = np.array([[2.0, -0.5, 0.4], [0.7, 1.5, 0.1], [-0.4, 0.6, -2.9], [1.1, 0.2, 0.8]])


class Cholesky(OfMatrices):
    """The triangular h with a = h hᴴ, for `upper` a = hᴴ h; one triangle of the positive definite a is read.

    h = cholesky(a)        dh = h Φ(h⁻¹ da h⁻ᴴ), Φ the lower triangle with half the diagonal

    The elements of the triangle that is not read have the gradient 0, those beside the diagonal of the other stand for
    both.

    Parameters
    ----------
    upper : bool, default False
        Whether the upper triangle is read, and the factor is upper triangular.
    """

    upper: bool = False

    symbol = "cholesky"
    signature = "(n,n)->(n,n)"
    analytic = False
    examples = (
        example(_POSITIVE),
        example(_POSITIVE, upper=True),
        example(np.stack([_POSITIVE, 1.5 * _POSITIVE.T])),
        example(np.array([[4.0]])),
    )

    @classmethod
    def from_numpy(cls, a: Value, /, *, upper: bool = False) -> Any:
        """np.linalg.cholesky."""
        return cls(a, upper=bool(upper))

    numpy = np.linalg.cholesky

    def fprop(self, a: Value) -> Value:
        return np.linalg.cholesky(a, upper=self.upper)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        grad = conjugate(grad)
        lower, grad = (adjoint(h), adjoint(grad)) if self.upper else (h, grad)
        phi = adjoint(lower) @ grad
        phi = (np.tril(phi) + np.tril(phi, -1)) / 2
        left = np.linalg.solve(adjoint(lower), phi)
        both = adjoint(np.linalg.solve(adjoint(lower), adjoint(left)))
        return (conjugate(fold_triangles(both, self.upper)),)


class QR(OfMatrices):
    """a = q r with orthonormal columns q and upper triangular r; `complete` makes q square.

    q, r = qr(a)        with C = qᴴ da r⁻¹: dq = q Ω + (I − q qᴴ) da r⁻¹, dr = (C − Ω) r

    Ω is skew, with the lower part of C. The first columns of a must be linearly independent.
    """

    complete: ClassVar[bool] = False

    symbol = "qr"
    formula = "a = q r"
    analytic = False
    examples: ClassVar[Any] = (
        example(_TALL),
        example(_TALL[:3]),
        example(_TALL.T),
        example(np.stack([_TALL, _TALL[::-1] + 0.3])),
    )

    def fprop(self, a: Value) -> Value:
        return tuple(np.linalg.qr(a, "complete" if self.complete else "reduced"))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        dq, dr = (None if part is None else conjugate(part) for part in grad)
        q, r = h
        if a.shape[-2] == a.shape[-1]:
            return (conjugate(_of_tall(dq, dr, q, r, q)),)
        if isinstance(a.shape[-2], Size) or isinstance(a.shape[-1], Size):
            raise NotDifferentiableError("QR: whether a is tall or wide is not known before a run")
        if a.shape[-2] > a.shape[-1]:
            return (conjugate(_of_tall(dq, dr, q, r, q[..., : a.shape[-1]])),)
        m = a.shape[-2]
        if dr is None:
            left = _of_tall(dq, None, q, r[..., :m], q)
            return (conjugate(np.concatenate([left, np.zeros_like(a[..., m:])], axis=-1)),)
        sent = a[..., m:] @ adjoint(dr[..., m:])
        left = _of_tall(sent if dq is None else dq + sent, dr[..., :m], q, r[..., :m], q)
        return (conjugate(np.concatenate([left, q @ dr[..., m:]], axis=-1)),)

    def shapes(self, *shapes: Shape) -> Sequence[Shape]:
        """As many columns of q and rows of r as the smaller size."""
        stack, m, n = self.matrix(shapes[0])
        k = smaller(m, n)
        return (*stack, m, k), (*stack, k, n)


class CompleteQR(QR):
    """a = q r with a square q.

    q, r = qr(a)        as for QR; the further columns of q turn against the others

    The further columns of q are some basis of a null space: a loss may depend on the space alone.

    Examples
    --------
    >>> import flowgraph as fg
    >>> import numpy as np
    >>> q, r = np.linalg.qr(fg.Parameter([[3.0], [4.0]], name="a"), mode="complete")
    >>> q.shape, r.shape
    ((2, 2), (2, 1))
    """

    complete = True

    symbol = "qr"
    examples = None  # its basis of the null space is open: tested with losses that do not depend on it

    def shapes(self, *shapes: Shape) -> Sequence[Shape]:
        """Square q, r as high as a."""
        stack, m, n = self.matrix(shapes[0])
        return (*stack, m, m), (*stack, m, n)


@implements(np.linalg.qr)
def qr(a: Value, mode: str = "reduced") -> Any:
    """np.linalg.qr of a box: two boxes, or r alone."""
    if mode not in ("reduced", "complete", "r", "raw"):
        raise UsageError(f"np.linalg.qr: found mode={mode!r}, needs 'reduced', 'complete', 'r' or 'raw'")
    if mode == "raw":
        return reflections(a)
    result = QRResult(*(CompleteQR if mode == "complete" else QR)(a))
    return result.R if mode == "r" else result


def _of_tall(dq: Value, dr: Value, q: Value, r: Value, thin: Value) -> Any:
    """The gradient of a with at least as many rows as columns; `thin` are the columns of q that span those of a."""
    n = thin.shape[-1]
    full = thin is not q
    square = r[..., :n, :] if full else r
    of_r = None if dr is None else np.triu(dr[..., :n, :] if full else dr) @ adjoint(square)
    thin_dq = dq if dq is None or not full else dq[..., :n]
    of_q = None if dq is None else adjoint(thin) @ thin_dq
    skew = of_q if of_r is None else -of_r if of_q is None else of_q - of_r
    skew = skew - adjoint(skew)
    turning = np.tril(skew, -1)
    if skew.dtype.kind == "c":
        turning = turning + on_diagonal(diagonal(skew) / 2, skew)
    sent = thin @ (turning if of_r is None else turning + of_r)
    if dq is not None:
        sent = sent + thin_dq - thin @ of_q
    if dq is not None and full:
        other, d_other = q[..., n:], dq[..., n:]
        free = adjoint(other) @ d_other
        free = np.abs(free - adjoint(free))
        d_other = GaugeInvarianceCheck.apply(d_other, free, what="QR: the basis of the null space is left open")
        sent = sent - other @ (adjoint(d_other) @ thin)
    size = np.abs(diagonal(square))
    dependent = np.expand_dims(np.any(size <= rounding(size), axis=-1), (-1, -2))
    free = np.where(dependent, np.abs(sent), 0)
    sent = GaugeInvarianceCheck.apply(
        sent, free, what="QR: the columns of q for columns of a that depend on others are left open"
    )
    return adjoint(np.linalg.solve(square, adjoint(sent)))
