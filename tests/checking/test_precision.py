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


STEPS = {"floor": np.floor, "ceil": np.ceil, "sign": np.sign, "rint": np.rint}


@pytest.mark.parametrize("name", STEPS)
def test_where_a_value_jumps_a_slope_of_0_is_right_as_it_is_everywhere_else(name):
    x = np.array([0.5, -1.5, 0.3])
    assert fg.check(STEPS[name], x, bprop=lambda g, y, x: (None,)).passed
    assert fg.check(STEPS[name], x, bprop=lambda g, y, x: (0 * x,)).passed
    assert fg.check(STEPS[name], x, bprop=lambda g, y, x: (g,)).verdict == "fail"
