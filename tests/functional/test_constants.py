"""Derivatives of what does not depend on the arguments are zero."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.functional import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from tests.functional.test_functional import X


def test_a_zero_gradient_where_nothing_depends_on_an_argument():
    np.testing.assert_array_equal(grad(lambda x, y: np.sum(y), 0)(X, X), np.zeros(3))
    np.testing.assert_array_equal(jvp(lambda x, y: y * 1)(X, X, X), np.zeros(3))
    np.testing.assert_array_equal(hessian(lambda x: np.sum(x))(X), np.zeros((3, 3)))


CONSTANTS = {
    "a number": lambda x: 3.0,
    "a whole number": lambda x: 3,
    "a scalar of NumPy": lambda x: np.float32(3),
    "a whole scalar": lambda x: np.int64(3),
    "a box": lambda x: fg.Constant(3.0),
    "made of a box": lambda x: fg.Constant(1.0) * 3,
    "in one branch": lambda x: np.sum(x["a"]) if x["b"] > 9 else 0,
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_the_gradient_of_what_does_not_depend_on_the_arguments_is_zero(name):
    f = CONSTANTS[name]
    point = {"a": X.astype(np.float32), "b": 2.0}

    def is_zero(found):
        assert found["a"].dtype == np.float32
        np.testing.assert_array_equal(found["a"], np.zeros(3, np.float32))
        assert found["b"] == 0

    is_zero(grad(f)(point))
    value, slope = value_and_grad(f)(point)
    assert value == (0 if name == "in one branch" else 3)
    is_zero(slope)
    is_zero(jacobian(f)(point))
    is_zero(vjp(f)(point, 2.0))
    is_zero(hvp(f)(point, point))
    assert jvp(f)(point, point) == 0
    second = hessian(f)(point)
    np.testing.assert_array_equal(second["a"]["a"], np.zeros((3, 3), np.float32))
    assert second["b"]["b"] == 0
    is_zero(grad(lambda p: np.sum(grad(f)(p)["a"]) + value_and_grad(f)(p)[0])(point))
    is_zero(grad(lambda p: jvp(f)(p, p) + np.sum(hvp(f)(p, p)["a"]))(point))


def test_a_sum_that_starts_at_zero_may_stay_there():
    def hinge(w, margins):
        total = 0.0
        for m in margins:
            if 1 - m * w > 0:
                total = total + (1 - m * w)
        return total

    slope = grad(hinge)
    margins = np.array([1.0, 2.0])
    assert [float(slope(w, margins)) for w in (0.0, 0.7, 2.0, 0.7)] == [-3, -1, 0, -1]
    np.testing.assert_array_equal(jacobian(lambda x: np.ones((2, 2)))(X), np.zeros((2, 2, 3)))
    np.testing.assert_array_equal(elementwise_grad(lambda x: 1.0)(X), np.zeros(3))


@pytest.mark.parametrize("size", [3, 200_000])
def test_captured_arrays_of_any_size_are_read_in_each_call(size):
    factors = np.linspace(0.0, 2.0, size)
    slope = grad(lambda x: np.sum(factors[::-1] * x) + np.sum(x * factors))
    for _ in range(5):
        np.testing.assert_allclose(slope(2.0), 2 * factors.sum())
    factors *= 3
    np.testing.assert_allclose(slope(2.0), 2 * factors.sum())
