"""What is wrong in its last digits alone, and a NaN that is written down where there is no slope, are warnings."""

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


def given(power):
    return _sloped(power) if power else 0.0


def _sloped(power):
    return power if power > 1 else float("nan")


NANS = {
    "np.nan": (np.abs, lambda grad, y, x: (grad * np.where(x == 0, np.nan, np.sign(x)),)),
    "math.nan": (np.abs, lambda grad, y, x: (grad * np.where(x == 0, math.nan, np.sign(x)),)),
    "in a function that is called": (np.abs, lambda grad, y, x: (grad * np.where(x == 0, given(1), np.sign(x)),)),
    "at an edge": (lambda x: np.abs(x) ** 1.5 + 0 * np.sqrt(x), lambda grad, y, x: (
        grad * np.where(x == 0, np.nan, 1.5 * np.sqrt(np.abs(x))),)),
}  # fmt: skip


@pytest.mark.parametrize("name", NANS)
def test_a_nan_that_is_written_down_where_there_is_no_slope_is_meant(name):
    fprop, bprop = NANS[name]
    report = fg.check(fprop, np.abs(x), bprop=bprop)
    assert report.passed, str(report)
    assert any("NaN that its code writes down" in one for one in report.warnings)
    assert fg.check(fprop, np.abs(x), bprop=bprop, strict=True).verdict == "fail"


SILENT = {
    "from a division": (np.abs, lambda grad, y, x: (grad * x / np.abs(x),)),
    "where there is a slope": (np.square, lambda grad, y, x: (grad * np.where(x == 0, np.nan, 2 * x),)),
}


@pytest.mark.parametrize("name", SILENT)
def test_any_other_nan_fails(name):
    fprop, bprop = SILENT[name]
    assert [one.kind for one in fg.check(fprop, x, bprop=bprop).failures] == ["nonfinite"]
