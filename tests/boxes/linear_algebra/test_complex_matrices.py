"""Boxes of linear algebra on complex matrices keep the contract: first and second derivatives, layouts, purity."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.testing.arrays import any_memory_layout, empty_arrays
from flowgraph.testing.declared import pure, shape_and_dtype_as_built
from flowgraph.testing.second_order import gradient_graph_equals_bprop, second_derivative
from flowgraph.testing.slopes import gradient_by_central_differences, linear_in_grad
from tests.cases import Case

RNG = np.random.default_rng(3)
CHECKS = (
    shape_and_dtype_as_built, gradient_by_central_differences, linear_in_grad, pure,
    any_memory_layout, empty_arrays, gradient_graph_equals_bprop, second_derivative,
)  # fmt: skip


def draw(*shape):
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


POSITIVE = draw(3, 3)
POSITIVE = POSITIVE @ POSITIVE.conj().T + np.eye(3) + 0.3j * np.triu(RNG.normal(size=(3, 3)))

CASES = [
    Case(fg.Inv, (draw(2, 3, 3),), {}),
    Case(fg.Solve, (draw(3, 3), draw(3)), {}),
    Case(fg.Solve, (draw(2, 3, 3), draw(3, 2)), {}),
    Case(fg.Solve, (RNG.normal(size=(3, 3)), draw(3)), {}),
    Case(fg.Det, (draw(3, 3),), {}),
    Case(fg.Cofactors, (draw(3, 3),), {}),
    Case(fg.SlogDet, (draw(2, 3, 3),), {}),
    Case(fg.Pinv, (draw(4, 2),), {}),
    Case(fg.Pinv, (draw(3, 4),), {"rcond": 0.4}),
    Case(fg.Cholesky, (POSITIVE,), {}),
    Case(fg.Cholesky, (POSITIVE,), {"upper": True}),
    Case(fg.QR, (draw(4, 3),), {}),
    Case(fg.QR, (draw(3, 3),), {}),
    Case(fg.QR, (draw(2, 3, 4),), {}),
    Case(fg.EuclideanNorm, (draw(3, 4),), {"axis": 0, "keepdims": False}),
    Case(fg.PNorm, (draw(3, 4),), {"axis": 0, "keepdims": False, "p": 1.5}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(case, check):
    check(case)
