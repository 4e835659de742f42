"""Determinants, and the cofactors of matrices, singular ones too."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Value, example
from flowgraph.boxes.elementwise.complex_numbers import conjugate
from flowgraph.boxes.linear_algebra.matrices import OfMatrices, columns, on_diagonal, rows
from flowgraph.boxes.reduction.products import Others
from flowgraph.errors import NotDifferentiableError
from flowgraph.shapes.size import Shape, Size, product

REGULAR = np.array([[2.0, -0.5, 0.3], [0.7, 1.5, -0.2], [-0.4, 0.6, -1.8]])
SINGULAR = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0], [1.5, 1.0, 3.0]])
SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))
"""What NumPy returns, a tuple with names."""

_ALONG = np.array([[0.3, -1.0, 0.2], [0.8, 0.5, -0.7], [-0.1, 0.4, 1.2]])

_FEW_DIGITS = 100.0
"""The largest condition number of a matrix whose cofactors come from its inverse, which loses as many digits: two."""


class Cofactors(OfMatrices):
    """Matrix of cofactors: the gradient of the determinant, for singular matrices too.

    h = adj(a)ᵀ, of a = u s vᴴ in the bases u, v the diagonal Π_{j ≠ i} s_j        ∇a: `CofactorSlopes`
    """

    symbol = "cofactors"
    formula = r"\operatorname{adj}(a)^\top"
    signature = "(n,n)->(n,n)"
    analytic = False
    examples = (example(REGULAR), example(np.stack([REGULAR, SINGULAR])), example(REGULAR[:2, :2]))

    def fprop(self, a: Value) -> Value:
        regular = _of_regular(a)
        if regular is not None:
            return regular
        u, s, vh = _svd(a)
        turn = np.linalg.det(u @ vh)[..., None, None].astype(u.dtype)
        return turn * ((conjugate(u) * columns(Others.apply(s, axis=s.ndim - 1))) @ conjugate(vh))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (CofactorSlopes.apply(grad, a),)


class CofactorSlopes(OfMatrices):
    """The gradient of ⟨g, cofactors of a⟩ by a: how fast the cofactors change along g.

    of a = u s vᴴ, in the bases u, v: h_ij = −g_ji Π_{k ≠ i, j} s_k beside the diagonal, Σ_{j ≠ i} g_jj Π_{k ≠ i, j} s_k
    on it. It is linear and symmetric in g, and along a line a + t ∇ a polynomial in t of a degree of n − 2:

    ∇g = its value for ∇ in the place of g        ∇a = Σ_k w_k (h(g, a + t_k ∇) − h),  w_k of the slope at 0
    """

    public = False
    symbol = "cofactor slopes"
    formula = r"\nabla_a \langle g, \operatorname{adj}(a)^\top \rangle"
    signature = "(n,n),(n,n)->(n,n)"
    analytic = False
    examples = (
        example(_ALONG, REGULAR),
        example(_ALONG, SINGULAR),
        example(np.stack([_ALONG, _ALONG.T]), np.stack([SINGULAR, REGULAR])),
        example((2, 2), (2, 2)),
        example((4, 4), (4, 4)),
    )

    def fprop(self, g: Value, a: Value) -> Value:
        u, s, vh = _svd(a)
        turn = np.expand_dims(np.linalg.det(u @ vh), (-1, -2)).astype(u.dtype)
        inside = conjugate(u).mT @ g @ conjugate(vh).mT
        beside = _others_of_two(s)
        on = np.sum(beside * columns(np.diagonal(inside, 0, -2, -1)), axis=-1)
        middle = on_diagonal(on, inside) - beside * inside.mT
        return turn * (conjugate(u) @ middle @ conjugate(vh))

    def bprop(self, grad: Value, h: Value, g: Value, a: Value) -> tuple[Value, ...]:
        size = a.shape[-1]
        if isinstance(size, Size):
            raise NotDifferentiableError(f"{self.title}: found {size} rows, needs a number, to count its terms")
        scale = _power_of_two(_largest(a) / _largest(grad))
        moved = ((w, CofactorSlopes.apply(g, a + t * scale * grad)) for t, w in _nodes(max(size - 1, 1)))
        slope = sum(w * (beside - h) for w, beside in moved)
        return CofactorSlopes.apply(grad, a), slope / scale


def _svd(a: Value) -> tuple[Any, Any, Any]:
    """Singular vectors and values; those of a matrix that is not finite are NaN, as its determinant is."""
    finite = np.all(np.isfinite(a), axis=(-2, -1), keepdims=True)
    u, s, vh = np.linalg.svd(np.where(finite, a, 0))
    return u, np.where(finite[..., 0], s, np.nan), vh


def _largest(a: Value) -> Any:
    """The largest modulus in each matrix, 1 where all are 0."""
    size = np.max(np.abs(a), axis=(-2, -1), keepdims=True, initial=0.0)
    return np.where(size == 0, 1.0, size)


def _power_of_two(ratio: Value) -> Any:
    """The power of two beside a ratio, whose slope is 0: the nodes lie so, and what is found does not depend on it."""
    return 2.0 ** np.round(np.log2(ratio))


def _nodes(count: int) -> list[tuple[float, float]]:
    """Points and weights: the weighted sum of the values of a polynomial of `count` coefficients is its slope at 0.

    They follow from Chebyshev polynomials, whose slopes at 0 are j sin(jπ/2). The points lie close to 0, where the
    polynomial grows by a factor of e at most.
    """
    angles = np.pi * (np.arange(count) + 0.5) / count
    orders = np.arange(1, count)[:, None]
    weights = np.sum(orders * np.sin(orders * np.pi / 2) * np.cos(orders * angles), axis=0) * 2 / count
    reach = 1.0 / (count + 1)
    return [(reach * float(t), float(w) / reach) for t, w in zip(np.cos(angles), weights, strict=True)]


def _others_of_two(s: Value) -> Any:
    """For each pair of different places the product of the numbers at all others, 0 for a place with itself."""
    same = rows(np.cumsum(np.ones_like(s), axis=-1)) == columns(np.cumsum(np.ones_like(s), axis=-1))
    lines = np.where(same, 1, columns(s))
    return np.where(same, 0, Others.apply(lines, axis=s.ndim))


def _of_regular(a: Value) -> Any:
    """The cofactors by the inverse, ten times faster; None where that loses more than a few digits."""
    try:
        inverse, det = np.linalg.inv(a), np.linalg.det(a)
    except np.linalg.LinAlgError:
        return None
    condition = np.linalg.norm(a, 1, axis=(-2, -1)) * np.linalg.norm(inverse, 1, axis=(-2, -1))
    if not np.all((condition < _FEW_DIGITS) & (np.abs(det) > np.finfo(det.dtype).tiny / np.finfo(det.dtype).eps)):
        return None
    return det[..., None, None] * inverse.mT


_OF_RANK_ONE = np.outer([1.0, -2.0, 0.5], [0.4, 1.0, -1.0])


class Det(OfMatrices):
    """Determinant.

    h = det a        dh/da = the cofactors of a, which for a regular matrix are h a⁻ᵀ
    """

    numpy = np.linalg.det
    symbol = "det"
    formula = r"\det a"
    signature = "(n,n)->()"
    examples = (example(REGULAR), example(SINGULAR), example(np.stack([REGULAR, _OF_RANK_ONE])), example((1, 1)))

    def fprop(self, a: Value) -> Value:
        return np.linalg.det(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.expand_dims(grad, (-1, -2)) * Cofactors.apply(a),)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """n³ for the factors, rounded up from two thirds."""
        return product(shapes[0]) * shapes[0][-1]


class SlogDet(OfMatrices):
    """Sign and logarithm of the modulus of determinants.

    sign = det a / |det a|, logabsdet = ln |det a|        ∇a = ∇logabsdet a⁻ᵀ; the sign of a real one has the slope 0

    A singular matrix has no gradient.
    """

    symbol = "slogdet"
    formula = r"\ln |\det a|"
    signature = "(n,n)->(),()"
    examples = (example(REGULAR), example(np.stack([REGULAR, -REGULAR.T])), example(np.array([[-2.0]])))

    def fprop(self, a: Value) -> Value:
        return tuple(np.linalg.slogdet(a))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        of_sign, slope = grad
        if a.dtype.kind == "c" and of_sign is not None:
            turning = 1j * np.imag(of_sign * h[0])
            slope = turning if slope is None else slope + turning
        if slope is None:
            return (np.zeros_like(a),)
        return (np.expand_dims(slope, (-1, -2)) * np.linalg.inv(a).mT,)


@implements(np.linalg.slogdet)
def slogdet(a: Value) -> Any:
    """np.linalg.slogdet of a box."""
    return SlogdetResult(*SlogDet(a))
