"""Determinants."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowgraph.box.example import example
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.value import Value
from flowgraph.boxes.linear_algebra.cofactors import REGULAR, SINGULAR, Cofactors
from flowgraph.boxes.linear_algebra.matrices import OfMatrices
from flowgraph.shapes.size import Shape, product

_OF_RANK_ONE = np.outer([1.0, -2.0, 0.5], [0.4, 1.0, -1.0])


class Det(OfMatrices):
    """Determinant.

    h = det a        dh/da = the cofactors of a, which for a regular matrix are h a⁻ᵀ
    """

    numpy = np.linalg.det
    symbol = "det"
    formula = r"\det a"
    derivative = r"\operatorname{adj}(a)^\top"
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
    derivative = r"a^{-\top}"
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


class SlogdetResult(NamedTuple):
    """What np.linalg.slogdet returns."""

    sign: Any
    logabsdet: Any


@implements(np.linalg.slogdet)
def slogdet(a: Value) -> SlogdetResult:
    """np.linalg.slogdet of a box."""
    return SlogdetResult(*SlogDet(a))
