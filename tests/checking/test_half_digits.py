"""What is wrong in its last digits alone is a warning; a NaN that the value has not is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

import flowgraph as fg

x = np.array([0.4, -1.3, 2.1])


@pytest.mark.parametrize(("error", "verdict"), [(3e-9, "pass"), (1e-6, "fail")])
def test_what_agrees_to_half_of_the_digits_is_a_warning(error, verdict):
    def backward(grad, y, x):
        return (grad * np.cos(x) * (1 + error),)

    report = fg.check(np.sin, x, bprop=backward)
    assert report.verdict == verdict, str(report)
    assert (verdict == "fail") or any("bprop differs from the slope by 3e-09" in one for one in report.warnings)
    assert fg.check(np.sin, x, bprop=backward, strict=True).verdict == "fail"


def test_a_small_slope_is_not_hidden_beside_a_large_one():
    weights = np.array([1e10, 1.0, 1e10])

    def value(x):
        return x @ weights

    report = fg.check(value, x, bprop=lambda grad, y, x: (grad * np.array([1e10, 2.0, 1e10]),))
    assert report.verdict == "fail", str(report)


def test_a_division_that_is_damped_fails_where_the_damping_shows():
    """As x / (x² + 1e-10) in place of 1 / x: at 1 it changes the eleventh digit, at 1e-6 all of them."""
    report = fg.check(np.log, np.abs(x), bprop=lambda grad, y, x: (grad * x / (x * x + 1e-10),))
    (failure,) = report.failures
    assert abs(failure.analytic - failure.numeric) > 1e-8 * abs(failure.numeric)


NANS = {
    "np.nan": (np.abs, lambda grad, y, x: (grad * np.where(x == 0, np.nan, np.sign(x)),)),
    "math.nan": (np.abs, lambda grad, y, x: (grad * np.where(x == 0, math.nan, np.sign(x)),)),
    "from a division": (np.abs, lambda grad, y, x: (grad * x / np.abs(x),)),
    "where there is a slope": (np.square, lambda grad, y, x: (grad * np.where(x == 0, np.nan, 2 * x),)),
}


@pytest.mark.parametrize("name", NANS)
def test_a_nan_that_the_value_has_not_fails_whoever_wrote_it(name):
    fprop, bprop = NANS[name]
    assert [one.kind for one in fg.check(fprop, x, bprop=bprop).failures] == ["nonfinite"]
    assert fg.check(fprop, x, bprop=bprop, valid=lambda x: np.all(x != 0)).passed
