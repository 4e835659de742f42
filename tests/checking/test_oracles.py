"""Noise is told at several scales, and the complex step decides where fprop is analytic."""

from __future__ import annotations

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.exemptions import complex_slopes
from flowgraph.checking.point import Point, Runner
from flowgraph.checking.target import Target

x = np.array([0.7, 1.9, 1.2])


def point_of(fprop):
    target = Target.of_functions(fprop, lambda grad, out, x: (grad,), (x,))
    return Point.at(Runner(target, 1000, 10.0), (x,), "the example", (0,))


@pytest.mark.parametrize("amplitude", [1e-10, 1e-9, 1e-8, 1e-7])
@pytest.mark.parametrize("frequency", [1e5, 1e6, 1e7, 1e8])
def test_ripples_far_below_the_value_are_noise_whatever_their_scale(amplitude, frequency):
    def rippled(x):
        return np.exp(x) + amplitude * np.sin(frequency * np.asarray(x, dtype=float))

    report = fg.check(rippled, x, bprop=lambda grad, out, x: (grad * np.exp(x),), vary="settings")
    assert report.verdict != "fail", str(report)


@pytest.mark.parametrize("error", [1e-7, 1e-6, 1e-5])
def test_code_that_fills_an_array_of_float64_is_not_exempted_by_long_double(error):
    def filled(x):
        factor = np.zeros(x.shape)
        factor[...] = np.exp(x)
        return x * factor

    def back(grad, out, x):
        return (grad * np.exp(x) * (1 + x) * (1 + error),)

    assert fg.check(filled, x, bprop=back, vary="settings").verdict == "fail"


@pytest.mark.parametrize("error", [1e-4, 1e-2, 2.0])
def test_noise_hides_no_mistake_that_is_there_at_every_scale(error):
    def rippled(x):
        return np.exp(x) + 1e-9 * np.sin(1e6 * np.asarray(x, dtype=float))

    report = fg.check(rippled, x, bprop=lambda grad, out, x: (grad * np.exp(x) * (1 + error),), vary="settings")
    assert report.verdict == "fail", str(report)


@pytest.mark.parametrize("fprop", [np.exp, np.tanh, lambda x: x**3 / (1 + x), lambda x: (x + 1e8) - 1e8])
def test_the_complex_step_is_exact_where_fprop_is_analytic(fprop):
    point = point_of(fprop)
    d = np.array([1.0, -0.3, 0.4])
    found = complex_slopes(point, {0: d}, np.full(3, 1e-8))
    exact = [(fprop(v + 1e-30j) / 1e-30).imag for v in x]
    np.testing.assert_allclose(found, exact * d, rtol=1e-12)


@pytest.mark.parametrize(
    "fprop",
    [
        lambda x: x * np.abs(x),
        lambda x: x * np.conj(x),
        lambda x: x * np.real(x),
        lambda x: np.exp(x) + 0 * x * np.imag(x) + np.abs(x),
        lambda x: np.exp(x).real,
        lambda x: np.exp(np.asarray(x, dtype=np.float64)),
        lambda x: np.array([float(v) for v in x]),
    ],
)
def test_the_complex_step_is_not_believed_where_fprop_is_not_analytic(fprop):
    assert complex_slopes(point_of(fprop), {0: np.array([1.0, -0.3, 0.4])}, np.zeros(3)) is None


def test_a_failure_names_the_oracle_that_decided():
    analytic = fg.check(np.exp, x, bprop=lambda g, y, x: (2 * g * y,)).failures[0]
    assert analytic.oracle == "complex step"
    assert "decided by: complex step" in str(analytic)
    real = fg.check(lambda x: np.abs(x) ** 1.5, x, bprop=lambda g, y, x: (2 * g * y,)).failures[0]
    assert "differences" in real.oracle
