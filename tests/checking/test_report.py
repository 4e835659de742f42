"""The report: what it names, that its code runs, that it shrinks, and that the same seed gives the same report."""

import json

import numpy as np
import pytest

from flowgraph.checking import GradientError, Target, check, check_target
from flowgraph.checking.scope import Scope

X = np.random.default_rng(3).normal(size=(3, 4))


def tanh(x):
    return np.tanh(x)


def tanh_wrong(grad, h, x):
    return (grad * (1 - x * x),)


def tanh_right(grad, h, x):
    return (grad * (1 - h * h),)


def test_a_right_bprop_passes():
    report = check(tanh, X, bprop=tanh_right)
    assert report.passed
    assert report.verdict == "pass"
    assert report.failures == []
    assert report.resolution < 1e-9
    assert report.evaluations > 500
    report.raise_for_failure()


def test_a_wrong_bprop_raises_with_the_report_as_text():
    report = check(tanh, X, bprop=tanh_wrong)
    with pytest.raises(GradientError, match="gradient of x"):
        report.raise_for_failure()
    assert not report.passed
    assert issubclass(GradientError, AssertionError)


def test_the_failure_names_child_element_and_numbers():
    failure = check(lambda a, b: a * b, X, X + 1, bprop=lambda g, y, a, b: (g * b, g * 1.01 * a)).failures[0]
    assert failure.child == "b"
    assert len(failure.index) == 2
    assert failure.analytic / failure.numeric == pytest.approx(1.01)
    assert failure.error < 1e-6 * abs(failure.numeric)


def test_the_input_is_shrunk_to_one_element():
    failure = check(tanh, np.ones((6, 7)) * X[0, 0], bprop=tanh_wrong).failures[0]
    assert failure.index == (0, 0)
    assert failure.code.count(",") < 12


def test_the_same_seed_gives_the_same_report():
    one, other = (check(tanh, X, bprop=tanh_wrong, seed=5) for _ in range(2))
    assert one == other
    assert one.seed == 5


def test_it_goes_to_html_and_json():
    report = check(tanh, X, bprop=tanh_wrong)
    assert "<pre" in report._repr_html_()
    assert json.loads(json.dumps(report.as_dict(), default=str))["verdict"] == "fail"


def test_the_random_state_and_the_inputs_are_left_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    x = X.copy()
    check(lambda x: x + np.random.normal(size=x.shape), x, bprop=lambda g, y, x: (g,))  # noqa: NPY002
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert np.array_equal(x, X)


def test_valid_and_domain_keep_test_cases_within_the_contract():
    def log_wrong_below_1(grad, y, x):
        return (np.where(x < 1, 2.0, 1.0) * grad / x,)

    assert check(np.log, X**2 + 0.1, bprop=log_wrong_below_1).verdict == "fail"
    assert check(np.log, X**2 + 1.1, bprop=log_wrong_below_1, valid=lambda x: np.all(x >= 1.05)).passed
    target = Target.of_functions(np.log, log_wrong_below_1, (X**2 + 1.1,))
    bounded = Target(**{**vars(target), "domain": {0: (1.1, 1e6)}})
    assert check_target(bounded).passed


def test_a_gradient_wider_than_a_float32_input_is_warned_of_and_fails_where_types_are_strict():
    target = Target.of_functions(lambda x: np.abs(x), lambda g, y, x: (g * np.where(x > 0, 1, -1),), (X,))
    strict = Target(**{**vars(target), "strict_types": True})
    lenient, noted = check_target(target), check_target(strict)
    assert lenient.passed
    assert any("float64" in text for text in lenient.warnings)
    assert noted.passed
    assert noted.notes == ["the gradient of x is float64, x is float32"]
    assert check_target(strict, scope=Scope(strict=True)).verdict == "fail"


def test_second_order_through_the_bprop_of_bprop():
    def second(grads, gradients, grad, y, x):
        return 2 * x * grads[0], None, 2 * grad * grads[0]

    square = {"fprop": lambda x: x * x, "bprop": lambda g, y, x: (2 * g * x,)}
    assert check(square["fprop"], X, bprop=square["bprop"], order=2, second=second).passed

    def second_wrong(grads, gradients, grad, y, x):
        return 2 * x * grads[0], None, grad * grads[0]

    wrong = check(square["fprop"], X, bprop=square["bprop"], order=2, second=second_wrong)
    assert wrong.verdict == "fail"


def test_what_cannot_be_checked_is_said():
    with pytest.raises(TypeError, match=r"write 2\.0 for 2"):
        check(np.sin, 2, bprop=tanh_right)
    with pytest.raises(ValueError, match="inside its domain"):
        check(np.log, -(X**2), bprop=tanh_right)
