"""Rough edges: what must not kill the check, what is no mistake, what is one, what is said of what was skipped."""

import sys
import time

import numpy as np
import pytest
from scipy import special

import flowgraph as fg
from flowgraph.checking import check
from flowgraph.checking.cases import cases
from flowgraph.checking.compare import ValueMismatch
from flowgraph.checking.examination import Examination
from flowgraph.checking.point import Point, Runner
from flowgraph.checking.reproduce import reproducing_code
from flowgraph.checking.roughness import winner_slopes
from flowgraph.checking.target import Target
from flowgraph.checking.targets import box_target, gradient_target
from tests.registry import unregister

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

A = np.random.default_rng(0).normal(size=(3, 4))


def point_at(function, x):
    target = Target.of_functions(function, lambda g, y, x: (g,), (x,))
    return Point.at(Runner(target, 10_000, 10.0), (x,), "here", (0,))


def test_sys_exit_does_not_end_the_check():
    def two_axes_only(x):
        if x.ndim != 2:
            sys.exit("two axes are needed")
        return 2 * x

    report = check(two_axes_only, A, bprop=lambda g, y, x: (2 * g,))
    assert report.passed
    assert report.skipped["fprop raised Exited"] > 5
    refusing = check(lambda x: 2 * x, A, bprop=lambda g, y, x: (two_axes_only(g),))
    assert refusing.passed
    assert any("bprop does not (Exited)" in note for note in refusing.notes)
    assert check(two_axes_only, A, bprop=lambda g, y, x: (g,), valid=lambda x: x.ndim == 2 or sys.exit()).failures


@pytest.mark.parametrize(
    ("fprop", "bprop", "x"),
    [
        (lambda x: 1 - special.erf(x), lambda g, y, x: (-g * 2 / np.sqrt(np.pi) * np.exp(-x * x),), np.array([21.9])),
        (lambda x: 1 - special.erf(x), lambda g, y, x: (-g * 2 / np.sqrt(np.pi) * np.exp(-x * x),), 3 * A),
        (lambda x: x - np.tanh(x), lambda g, y, x: (g * np.tanh(x) ** 2,), A),
        (lambda x: x - np.tanh(x), lambda g, y, x: (g * np.tanh(x) ** 2,), A * 1e-6),
        (lambda x: x - np.sin(x), lambda g, y, x: (g * (1 - np.cos(x)),), A * 1e-5),
    ],
)
@pytest.mark.parametrize("in_float64", [False, True])
def test_tails_that_rounding_swallows_are_no_mistake(fprop, bprop, x, in_float64):
    def narrow(x):  # as PyTorch, which has no wider type to look in
        return fprop(np.asarray(x, np.float64))

    assert check(narrow if in_float64 else fprop, x, bprop=bprop).verdict != "fail"


def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)


def layer_norm_back(g, y, x):
    scale, n = 1 / np.sqrt(x.var(-1, keepdims=True) + 1e-12), x.shape[-1]
    total = g.sum(-1, keepdims=True) + y * (g * y).sum(-1, keepdims=True)
    return (g * scale - scale / 3 * (total + 2 * total) / n,)  # what is 0 for one element is noise here


@pytest.mark.parametrize("x", [A, A[:, :1], A[0]])
def test_a_normalisation_over_one_element_is_no_mistake(x):
    report = check(layer_norm, x, bprop=layer_norm_back)
    assert report.verdict != "fail", report


def test_what_rounding_hides_in_a_few_draws_is_measured_again():
    """Along a row of one element, total + 2 · total over 3 is now the total, now a unit more."""
    x = A[:, :1]
    assert all(check(layer_norm, x, bprop=layer_norm_back, seed=seed).verdict != "fail" for seed in (26, 44))


def test_an_incoming_gradient_is_not_the_users_own_random_numbers():
    """The example is drawn as the checker might draw: projected out, its slope would seem to be 0."""
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=(3, 4))
        assert check(layer_norm, x, bprop=layer_norm_back, seed=seed).resolution < 1e-8


def test_a_jump_that_a_zero_hides():
    """x · step(y) is 0 all around x = 0, but its slope by x depends on the side of the step."""

    def winners(g, x):
        return g * (x == x.max()) / (x == x.max()).sum()

    def back(r, y, g, x):
        taken = (x == x.max()) / (x == x.max()).sum()
        return np.reshape((r * taken).sum(), g.shape), np.zeros_like(x)

    assert check(winners, np.array(0.3), A, bprop=back, valid=lambda g, x: g.size == 1 and x.ndim > 1).passed


def test_every_element_wins_in_turn():
    x = np.full(20, 0.7)
    point = point_at(lambda x: np.maximum(x[3] - np.delete(x, 3).max(), 0)[None], x)
    rows = winner_slopes(point, {0: np.eye(20)[3] * 0.7}, np.ones(1), np.random.default_rng(0))
    assert rows.max() == pytest.approx(0.7)
    assert rows.min() == 0


def test_a_kink_of_a_setting_is_a_kink():
    """clip(x, 0.0, 0.0) is 0 everywhere, but clips between limits close by have the slope 1 where x lies between."""

    def clip_back(g, y, x, low, high, factor=1):
        return factor * g * ((x >= low) & (x <= high)), None, None

    def equal(x, low, high):
        return (low == high and np.all(x == low)) or low < high

    given = (lambda x, low, high: np.clip(x, low, high), np.zeros((2, 2)), -0.5, 0.5)
    assert check(*given, bprop=clip_back, valid=equal).verdict != "fail"
    twice = check(*given, bprop=lambda *arguments: clip_back(*arguments, factor=2), valid=equal)
    assert twice.verdict == "fail"


def children(report):
    return [(failure.child, failure.kind) for failure in report.failures]


def test_one_mistake_is_one_failure():
    def same_shape(a, b):
        return a.shape == b.shape

    def of(*factors, dropped=False):
        def bprop(g, y, a, b):
            g = g * 0 + 1 if dropped else g
            return g * b * factors[0], g * a * factors[1]

        return check(lambda a, b: a * b, A, A + 1, bprop=bprop, valid=same_shape)

    assert children(of(1, 2)) == [("b", "value")]
    assert sorted(children(of(-1, 2))) == [("a", "value"), ("b", "value")]
    assert sorted(children(of(1, 1, dropped=True))) == [("a", "value"), ("b", "value")]


def test_float_defaults_are_settings():
    def leaky(x, *, slope=0.1):
        return np.where(x > 0, x, slope * x)

    def back(g, y, x, *, slope=0.1):
        return (np.where(x > 0, g, slope * g),)

    def fixed(g, y, x, *, slope=0.1, verbose=False, by="where", out=None):  # flags of its own follow nothing
        return (np.where(x > 0, g, 0.1 * g),)

    assert check(leaky, A, bprop=back).passed
    report = check(leaky, A, bprop=fixed)
    assert [failure.test_case for failure in report.failures] == ["slope = 0.2"]
    assert "slope=slope" in report.failures[0].code
    assert check(leaky, A, bprop=fixed, valid=lambda x, slope=0.1: slope == 0.1).passed


def test_defaults_that_bind_are_left_alone():
    k = 3.0
    assert check(lambda x, k=k: k * k * x, A, bprop=lambda g, y, x, k=k, square=k * k: (square * g,)).passed
    assert check(lambda x, k=k: k * x, A, bprop=lambda g, y, x: (3.0 * g,)).passed


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, axis: axis == -1 and x.ndim == 2 and x.shape[0] == x.shape[1],
        lambda x, axis: axis == 2,
        lambda x, axis: axis == -1 and x.ndim == 1,
    ],
    ids=["square", "three axes", "one axis"],
)
def test_a_mistake_of_a_setting_and_a_shape_together(wrong):
    def total(x, axis):
        if x.ndim == 0:
            raise ValueError("an axis is needed")
        return (x * x).sum(axis=axis)

    def back(g, y, x, axis):
        axes = tuple(range(x.ndim)) if axis is None else axis
        return 2 * x * np.expand_dims(g, axes) * (1.1 if wrong(x, axis) else 1.0), None

    for seed in range(3):
        assert check(total, A, 0, bprop=back, seed=seed, strict=True).verdict == "fail"


def test_shrinking_an_oscillation_takes_few_calls():
    calls = []

    def wave(x):
        calls.append(x.size)
        return np.sin(1000 * x)

    report = check(wave, np.random.default_rng(0).normal(size=(10, 10)), bprop=lambda g, y, x: (g * np.cos(1000 * x),))
    (failure,) = report.failures
    assert failure.index == (0, 0)
    assert failure.code.count(",") < 12
    assert len(calls) - report.evaluations < 3_000


def test_a_slow_operation_is_explained_all_the_same():
    def slow(x):
        time.sleep(0.003)
        return np.tanh(x)

    (failure,) = check(slow, A, bprop=lambda g, y, x: (g * (1 - y),)).failures
    assert failure.child == "x"
    assert failure.index is not None


def test_a_test_case_that_takes_too_long_is_left_out():
    def patient(x):
        until = time.process_time() + (0.2 if x.size > 100 else 0)
        while time.process_time() < until:  # work: what is given to others would not count
            pass
        return 2 * x

    report = check(patient, A, bprop=lambda g, y, x: (2 * g,), strict=True)  # with shapes as large
    assert report.passed
    assert report.skipped["fprop takes too long there"]


@unregister
class NotOnBoxes(fg.Elementwise):
    def fprop(self, a):
        return np.sin(a)

    def bprop(self, grad, h, a):
        out = np.empty_like(np.asarray(a))
        return (np.multiply(grad, np.cos(np.asarray(a)), out=out),)


def test_a_second_derivative_that_cannot_be_had_is_said_to_be_unchecked():
    report = fg.check(NotOnBoxes, order=2)
    assert report.verdict == "undecided", report
    assert report.comparisons > 0
    assert "the second derivative of NotOnBoxes was not checked: its bprop does not run on boxes" in str(report)
    assert fg.check(NotOnBoxes).passed


def test_nothing_compared_is_no_pass():
    def empty(x):
        return x.size == 0

    for report, reason in [
        (fg.check(fg.registry["ArgMax"]), "no gradient"),
        (fg.check(fg.Parameter(np.ones(2))), "is a leaf"),
        (fg.check(fg.Input), "no operation of its own"),
        (check(np.sin, np.ones((0, 3)), bprop=lambda g, y, x: (g * np.cos(x),), valid=empty), "no elements"),
    ]:
        assert report.verdict == "undecided"
        assert report.comparisons == 0
        assert reason in str(report)


def test_an_example_without_a_gradient_does_not_hide_the_others():
    report = fg.check(fg.registry["Cast"])
    assert report.passed
    assert any("no gradient" in text for text in report.warnings)


def test_second_order_of_plain_functions_says_what_was_looked_at():
    square = {"bprop": lambda g, y, x: (2 * g * x,), "order": 2}
    assert "only that the second derivative is symmetric" in str(check(lambda x: x * x, A, **square))
    two = check(lambda x: (x, x * x), A, bprop=lambda g, y, x: (g[0] + 2 * g[1] * x,), order=2)
    assert "only that the second derivative is symmetric" in str(two)
    nothing = check(lambda x: x * x, np.ones((0, 3)), valid=lambda x: x.size == 0, **square)
    assert "the second derivative was not checked" in str(nothing)


@pytest.mark.parametrize(
    "name", ["Split", "Unstack", "BroadcastArrays", "SoftmaxCrossEntropy", "Max", "CumProd", "MatMul", "Add"]
)
def test_the_code_of_a_second_derivative_runs(name, capsys):
    """What a report would print, of boxes with one output and with several, with integer children and settings."""
    target, calls = box_target(cases(fg.registry[name])[0])
    second = gradient_target(target, calls)
    examination = Examination.begin(second, 0, 1000, 10.0)
    point = examination.point("the example", examination.inputs)
    grad = np.random.default_rng(1).normal(size=point.value.size)
    child = second.names.index(target.names[0])
    index = (0,) * np.ndim(point.inputs[child])
    mismatch = ValueMismatch(point, grad, {child: point.scales(child)}, 0.0, 0.0, 0.0)
    code = reproducing_code(second, point, mismatch, child, index)
    exec(code, {})
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert float(shown["bprop"]) == pytest.approx(float(shown["numeric"]), rel=1e-5, abs=1e-9)
