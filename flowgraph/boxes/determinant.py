"""Determinants."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowgraph.boxes.matrices import OfMatrices, columns, conjugate, on_diagonal, rows
from flowgraph.boxes.product import Others
from flowgraph.dispatch import implements
from flowgraph.example import example
from flowgraph.size import Shape, product

_REGULAR = np.array([[2.0, -0.5, 0.3], [0.7, 1.5, -0.2], [-0.4, 0.6, -1.8]])
_SINGULAR = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0], [1.5, 1.0, 3.0]])
_OF_RANK_ONE = np.outer([1.0, -2.0, 0.5], [0.4, 1.0, -1.0])

_FEW_DIGITS = 100.0


class Det(OfMatrices):
    """Determinant.

    h = det a        dh/da = the cofactors of a, which for a regular matrix are h a⁻ᵀ
    """

    numpy = np.linalg.det
    symbol = "det"
    formula = r"\det a"
    derivative = r"\operatorname{adj}(a)^\top"
    signature = "(n,n)->()"
    examples = (example(_REGULAR), example(_SINGULAR), example(np.stack([_REGULAR, _OF_RANK_ONE])), example((1, 1)))

    def fprop(self, a: Any) -> Any:
        return np.linalg.det(a)

    def bprop(self, grad: Any, h: Any, a: Any) -> tuple[Any, ...]:
        return (np.expand_dims(grad, (-1, -2)) * Cofactors.apply(a),)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """n³ for the factors, rounded up from two thirds."""
        return product(shapes[0]) * shapes[0][-1]


class Cofactors(OfMatrices):
    """For each element its cofactor: the gradient of the determinant, for singular matrices too.

    h = adj(a)ᵀ, of a = u s vᴴ in the bases u, v the diagonal Π_{j ≠ i} s_j        ∇a_ij = −∇_ji Π_{k ≠ i, j} s_k
    beside the diagonal, Σ_{j ≠ i} ∇_jj Π_{k ≠ i, j} s_k on it

    Its own second derivative, the third of a determinant, is that of regular matrices.
    """

    symbol = "cofactors"
    formula = r"\operatorname{adj}(a)^\top"
    derivative = r"\nabla_a \langle \nabla_h, \operatorname{adj}(a)^\top \rangle"
    signature = "(n,n)->(n,n)"
    examples = (example(_REGULAR), example(np.stack([_REGULAR, _REGULAR.T - 0.3])), example(_REGULAR[:2, :2]))

    def fprop(self, a: Any) -> Any:
        regular = _of_regular(a)
        if regular is not None:
            return regular
        u, s, vh = np.linalg.svd(a)
        turn = np.linalg.det(u @ vh)[..., None, None].astype(u.dtype)
        return turn * ((conjugate(u) * columns(Others.apply(s, axis=s.ndim - 1))) @ conjugate(vh))

    def bprop(self, grad: Any, h: Any, a: Any) -> tuple[Any, ...]:
        u, s, vh = np.linalg.svd(a)
        turn = np.expand_dims(np.linalg.det(u @ vh), (-1, -2))
        inside = conjugate(u).mT @ grad @ conjugate(vh).mT
        beside = _others_of_two(s)
        on = np.sum(beside * columns(np.diagonal(inside, 0, -2, -1)), axis=-1)
        middle = on_diagonal(on, inside) - beside * inside.mT
        return (turn * (conjugate(u) @ middle @ conjugate(vh)),)


class SlogDet(OfMatrices):
    """Sign and logarithm of the modulus of determinants.

    sign = det a / |det a|, logabsdet = ln |det a|        ∇a = ∇logabsdet a⁻ᵀ; the sign of a real one has the slope 0

    A singular matrix has no gradient.
    """

    symbol = "slogdet"
    formula = r"\ln |\det a|"
    derivative = r"a^{-\top}"
    signature = "(n,n)->(),()"
    examples = (example(_REGULAR), example(np.stack([_REGULAR, -_REGULAR.T])), example(np.array([[-2.0]])))

    def fprop(self, a: Any) -> Any:
        return tuple(np.linalg.slogdet(a))

    def bprop(self, grad: Any, h: Any, a: Any) -> tuple[Any, ...]:
        of_sign, slope = grad
        if a.dtype.kind == "c" and of_sign is not None:
            turning = 1j * np.imag(of_sign * h[0])
            slope = turning if slope is None else slope + turning
        if slope is None:
            return (np.zeros_like(a),)
        return (np.expand_dims(slope, (-1, -2)) * np.linalg.inv(a).mT,)


class SlogdetResult(NamedTuple):
    """What np.linalg.slogdet returns."""

    sign: Any
    logabsdet: Any


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> SlogdetResult:
    """np.linalg.slogdet of a box."""
    return SlogdetResult(*SlogDet(a))


def _others_of_two(s: Any) -> Any:
    """For each pair of different places the product of the numbers at all others, 0 for a place with itself."""
    same = rows(np.cumsum(np.ones_like(s), axis=-1)) == columns(np.cumsum(np.ones_like(s), axis=-1))
    lines = np.where(same, 1, columns(s))
    return np.where(same, 0, Others.apply(lines, axis=s.ndim))


def _of_regular(a: Any) -> Any:
    """The cofactors by the inverse, ten times faster; None where that loses more than a few digits."""
    try:
        inverse, det = np.linalg.inv(a), np.linalg.det(a)
    except np.linalg.LinAlgError:
        return None
    condition = np.linalg.norm(a, 1, axis=(-2, -1)) * np.linalg.norm(inverse, 1, axis=(-2, -1))
    if not np.all((condition < _FEW_DIGITS) & (np.abs(det) > np.finfo(det.dtype).tiny / np.finfo(det.dtype).eps)):
        return None
    return det[..., None, None] * inverse.mT
