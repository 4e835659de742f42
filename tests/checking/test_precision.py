"""The precision of a function is measured: what computes in float32 is checked to float32, whatever it is given."""

from __future__ import annotations

import numpy as np
import pytest

import flowgraph as fg

single = np.float32
rng = np.random.default_rng(0)
X, W = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))


def leaky(x):
    x = x.astype(single)
    return np.where(x > 0, x, single(0.01) * x)


def softmax(x):
    e = np.exp(x.astype(single) - x.max(axis=-1, keepdims=True).astype(single))
    return e / e.sum(axis=-1, keepdims=True)


FUNCTIONS = {
    "tanh": (lambda x: np.tanh(x.astype(single)), lambda g, h, x: (g * (1 - h * h),), (X,)),
    "leaky": (leaky, lambda g, h, x: (g.astype(single) * np.where(x > 0, single(1), single(0.01)),), (X,)),
    "softmax": (softmax, lambda g, h, x: (h * (g - (g * h).sum(axis=-1, keepdims=True)),), (X,)),
    "product": (
        lambda x, w: x.astype(single) @ w.astype(single),
        lambda g, h, x, w: (g.astype(single) @ w.astype(single).T, x.astype(single).T @ g.astype(single)),
        (X, W),
    ),
    "given back in float64": (
        lambda x: np.tanh(x.astype(single)).astype(float),
        lambda g, h, x: ((g * (1 - h * h)).astype(single).astype(float),),
        (X,),
    ),
    "the gradient alone": (np.tanh, lambda g, h, x: ((g * (1 - h * h)).astype(single).astype(float),), (X,)),
    "a factor of the gradient alone": (np.tanh, lambda g, h, x: (g * (1 - h * h).astype(single).astype(float),), (X,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_computes_in_float32_is_right_to_float32_or_wrong(name):
    fprop, bprop, inputs = FUNCTIONS[name]
    report = fg.check(fprop, *inputs, bprop=bprop)
    assert report.passed, str(report)

    def wrong(*arguments):
        return tuple(1.01 * g for g in bprop(*arguments))

    assert fg.check(fprop, *inputs, bprop=wrong).verdict == "fail"


def test_a_gradient_in_float32_of_a_float64_input_is_a_note():
    fprop, bprop, inputs = FUNCTIONS["leaky"]
    assert "the gradient of x is float32, x is float64" in fg.check(fprop, *inputs, bprop=bprop).notes


KINDS = {float: "1e-16, as in float64", single: "1e-7, as in float32", np.float16: "1e-3, as in half precision"}
PLACES = {
    "at the end": lambda kind: lambda g, h, x: ((g * np.cos(x)).astype(kind).astype(float),),
    "within": lambda kind: lambda g, h, x: (1.1 * g * np.cos(x.astype(kind)).astype(float) / 1.1,),
    "in a factor": lambda kind: lambda g, h, x: (g * np.cos(x).astype(kind),),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_precision_of_bprop_is_that_of_its_rounding_and_is_said(kind, place):
    """By whatever type it is computed, and in whatever type it is returned."""
    report = fg.check(np.sin, X, bprop=PLACES[place](kind))
    warned = any("bprop rounds more than fprop does" in text for text in report.warnings)
    assert f"  gradients are right to {KINDS[kind]}" in str(report).splitlines()
    assert warned is (kind is single)  # what computes in half precision fails
    assert report.passed is (kind is not np.float16)
    of_both = fg.check(lambda x: np.sin(x.astype(kind)).astype(float), X, bprop=PLACES[place](kind))
    assert not any("bprop rounds more than fprop does" in text for text in of_both.warnings)


def test_digits_that_fprop_loses_too_are_no_precision_of_bprop():
    hilbert = 1 / (np.arange(8)[:, None] + np.arange(8) + 1)

    def solve(b):
        return np.linalg.solve(hilbert, b)

    report = fg.check(solve, X[0].repeat(2), bprop=lambda g, y, b: (np.linalg.solve(hilbert.T, g),))
    assert report.verdict != "fail"
    assert not any("bprop rounds more" in text for text in report.warnings)


def root(x):
    return np.sqrt(np.maximum(1.5 - x, 0))


def root_by_complex_numbers(g, y, x):
    slope = -0.5 * (1.5 - x).astype(complex) ** -0.5
    return (g * (slope if np.any(x > 1.5) else slope.real),)


def test_a_complex_gradient_of_a_real_input_fails_wherever_it_is():
    """Also where the value is cut off, far beyond the example."""
    report = fg.check(root, np.array([0.2, 1.2, 0.7]), bprop=root_by_complex_numbers)
    assert report.verdict == "fail"
    assert {failure.kind for failure in report.failures} == {"numbers"}
    far = fg.check(np.sin, X, bprop=lambda g, y, x: (g * np.cos(x) * (1j if np.any(np.abs(x) > 500) else 1),))
    assert [failure.kind for failure in far.failures] == ["numbers"]
    shaped = fg.check(np.sin, X, bprop=lambda g, y, x: (g * np.cos(x) * (1j if x.ndim == 1 else 1),))
    assert [failure.kind for failure in shaped.failures] == ["numbers"]


STEPS = {"floor": np.floor, "ceil": np.ceil, "sign": np.sign, "rint": np.rint}


@pytest.mark.parametrize("name", STEPS)
def test_where_a_value_jumps_a_slope_of_0_is_right_as_it_is_everywhere_else(name):
    x = np.array([0.5, -1.5, 0.3])
    assert fg.check(STEPS[name], x, bprop=lambda g, y, x: (None,)).passed
    assert fg.check(STEPS[name], x, bprop=lambda g, y, x: (0 * x,)).passed
    assert fg.check(STEPS[name], x, bprop=lambda g, y, x: (g,)).verdict == "fail"
