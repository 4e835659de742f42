"""Exponentials, logarithms, trigonometric and hyperbolic functions: far out and near 0."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from tests.boxes.elementwise.test_arithmetic import grad, value


@pytest.mark.parametrize("name", ["tanh", "arctan", "arcsinh", "sin", "cos", "sinc", "cbrt", "log1p", "sqrt", "log"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_thousand_is_no_trouble(name, dtype):
    a = np.array([1000, -1000] if name not in ("log1p", "sqrt", "log") else [1000], dtype)
    found = grad(getattr(np, name), a)
    assert found.dtype == dtype
    assert np.all(np.isfinite(found))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("function", "base"), [(np.logaddexp, math.e), (np.logaddexp2, 2)])
def test_logarithms_of_sums_far_out(function, base, dtype):
    a, b = np.array([1000, -1000, 1000, -np.inf, -np.inf], dtype), np.array([1000, -1000, -1000, 3, -np.inf], dtype)
    of_a, of_b = grad(function, a, b)
    np.testing.assert_array_equal(of_a, [0.5, 0.5, 1, 0, 0])
    np.testing.assert_array_equal(of_b, [0.5, 0.5, 0, 1, 0])
    assert of_a.dtype == dtype
    near = grad(function, np.array(1000, dtype), np.array(999, dtype))[0]
    assert near == pytest.approx(1 / (1 + 1 / base), rel=1e-6 if dtype == "float32" else 1e-15)


def test_exp_minus_one_far_below_0_keeps_its_digits():
    assert grad(np.expm1, np.array(-50.0)) == math.exp(-50)


def test_inverse_functions_far_out():
    assert grad(np.arcsinh, np.array(1e200)) == pytest.approx(1e-200, rel=1e-15)
    assert grad(np.arccosh, np.array(1e200)) == pytest.approx(1e-200, rel=1e-15)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_angles_and_lengths_of_any_size(size):
    y, x = np.array([3.0, -3.0]) * size, np.array([-4.0, 4.0]) * size
    of_y, of_x = grad(np.arctan2, y, x)
    np.testing.assert_allclose(of_y * size, [-4 / 25, 4 / 25], rtol=1e-14)
    np.testing.assert_allclose(of_x * size, [-3 / 25, 3 / 25], rtol=1e-14)
    np.testing.assert_allclose(grad(np.hypot, y, x), [[0.6, -0.6], [-0.8, 0.8]], rtol=1e-14)


class TestSinc:
    @given(st.floats(-1, 1))
    def test_near_0(self, x):
        series = sum((-1) ** k * 2 * k * math.pi ** (2 * k) * x ** (2 * k - 1) / math.factorial(2 * k + 1)
                     for k in range(1, 20))  # fmt: skip
        assert grad(np.sinc, np.array(x)) == pytest.approx(series, rel=3e-13, abs=1e-300)

    @pytest.mark.parametrize("at", [0.0, 1e-9, 0.01, 0.079, 0.08, 0.3])
    def test_higher_derivatives(self, at):
        x = fg.Input("x")
        (first,) = fg.gradient(np.sinc(x), [x])
        (second,) = fg.gradient(first, [x])
        u = math.pi * at
        terms = [(-1) ** k * 2 * k * (2 * k - 1) * u ** (2 * k - 2) / math.factorial(2 * k + 1) for k in range(1, 20)]
        needed = math.pi**2 * sum(terms)
        assert value(second, x=at) == pytest.approx(needed, rel=1e-9)
