"""The kind of mistake in a gradient is named; where none fits, nothing is said."""

import re

import numpy as np
import pytest

import flowgraph as fg
from benchmarks.diagnosis import judged
from benchmarks.planted.mistakes import KINDS
from benchmarks.planted.mistakes import MISTAKES as PLANTED
from flowgraph.checking.diagnosis import Trial, diagnose
from flowgraph.checking.edited_graphs import Graphs
from flowgraph.checking.point import Point, Runner
from flowgraph.checking.target import Target

X = np.random.default_rng(0).uniform(0.3, 1.5, (3, 4))
SQUARE = X[:, :3].copy()
I = np.array([0, 2, 2])


def trial(fprop, bprop, *inputs, child=0, grad=None, on_boxes=True):
    target = Target.of_functions(fprop, bprop, inputs, names="abc"[: len(inputs)])
    active = tuple(i for i, x in enumerate(inputs) if np.asarray(x).dtype.kind == "f")
    point = Point.at(Runner(target, 100_000, 100.0), inputs, "here", active)
    grad = np.ones(point.value.size) if grad is None else grad
    return Trial(point, child, [(grad, {child: inputs[child]})], None, Graphs(target) if on_boxes else None)


def diagnosed(*arguments, **options):
    return diagnose([trial(*arguments, **options)])


def without_place(words):
    """Where fprop runs on boxes, the operation and its line are said too, instead of the name of the indices."""
    return re.sub(r" \(\w+ at [^)]*\)$| in the gradient of .*$| of b(?= \(np)", "", words)


def product(a, b):
    return a * b


def exp_by(factor):
    return np.exp, lambda g, h, a: (factor * g * h,), X


def other_activation(fprop, used):
    return fprop, lambda g, h, a: (g * used(a, h),), X


MISTAKES = {
    "the sign is wrong": exp_by(-1),
    "the gradient is 0 or None although the output depends on this input": exp_by(0),
    "a factor: it should be 2 times as large": exp_by(0.5),
    "a factor: it should be -2 times as large": exp_by(-0.5),
    "a factor: it should be 1/2 times as large": exp_by(2),
    "a factor: it should be the number of elements (12) times as large": exp_by(1 / 12),
    "a factor: it should be 1 / the number of elements (12) times as large": exp_by(12),
    "a factor: it should be the size of axis 0 (the batch size?) (3) times as large": exp_by(1 / 3),
    "a factor: it should be 1 / the size of axis 1 (4) times as large": exp_by(4),
    "a constant factor: it should be 10/13 times as large": exp_by(1.3),
    "a factor: it should be the number of outputs (3) times as large": (
        lambda a: a.sum(axis=1), lambda g, h, a: (g[:, None] * np.ones(a.shape) / 3,), X[:, :2]),
    "transposed": (lambda a: a * SQUARE, lambda g, h, a: ((g * SQUARE).T,), SQUARE),
    "children swapped: this is the gradient of b": (product, lambda g, h, a, b: (g * a, g * b), X, X[::-1]),
    "children swapped: this is minus the gradient of b": (product, lambda g, h, a, b: (g * a, -g * b), X, X[::-1]),
    "the incoming gradient is dropped": (np.exp, lambda g, h, a: (h,), X),
    "the incoming gradient is applied twice": (np.exp, lambda g, h, a: (g * g * h,), X),
    "a sum over axis 0 is missing": (lambda a: 0 * a + a.sum(axis=0), lambda g, h, a: (g,), X),
    "a sum over axis 1 is missing": (lambda a: 0 * a + a.sum(axis=1, keepdims=True), lambda g, h, a: (g,), X),
    "a sum over axis 0, 1 is missing": (lambda a: 0 * a + a.sum(), lambda g, h, a: (g,), X),
    "reversed along axis 0": (np.exp, lambda g, h, a: ((g * h)[::-1],), X),
    "reversed along axis 1": (np.exp, lambda g, h, a: ((g * h)[:, ::-1],), X),
    "accumulated from the wrong end of axis 1": (
        lambda a: np.cumsum(a, axis=1), lambda g, h, a: (np.cumsum(g, axis=1),), X),
    "= instead of += at repeated indices of b (np.add.at)": (
        lambda a, b: a[b], lambda g, h, a, b: (put(a, b, g), None), X, I),
}  # fmt: skip
ANOTHER = "the derivative of another activation"
BEFORE = "the derivative of the pre-activation"
AFTER = " as if it were the activation"
ACTIVATIONS = {
    f"{BEFORE}: it is 1 - v² of the input; it should be 1 - v² of the output": (np.tanh, lambda a, h: 1 - a * a),
    f"{ANOTHER}: it is 1 - v² of the output; it should be cos(v) of the input": (np.sin, lambda a, h: 1 - h * h),
    f"{ANOTHER}: it is v (1 - v) of the output; it should be 1 / v of the input": (np.log, lambda a, h: h * (1 - h)),
    f"{ANOTHER}: it is the value of the output; it should be cos(v) of the input": (np.sin, lambda a, h: np.sin(a)),
    f"{BEFORE}{AFTER}: it is 1 / (1 + v²) of the output; it should be 1 / (1 + v²) of the input": (
        np.arctan, lambda a, h: 1 / (1 + h * h)),
    f"{ANOTHER}: it is exp(v) of the output; it should be the value of the output": (
        np.exp, lambda a, h: np.exp(h)),
    f"{ANOTHER}: it is v > 0 of the output; it should be the value of the output": (np.exp, lambda a, h: 1.0 * (h > 0)),
    f"{ANOTHER}: it is 1 / v of the output": (lambda a: a**3, lambda a, h: 1 / h),
}  # fmt: skip


def put(a, b, g):
    found = np.zeros_like(a)
    found[b] = g
    return found


@pytest.mark.parametrize("on_boxes", [True, False])
@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_named_whether_or_not_fprop_runs_on_boxes(words, on_boxes):
    assert without_place(diagnosed(*MISTAKES[words], on_boxes=on_boxes)) == without_place(words)


@pytest.mark.parametrize("on_boxes", [True, False])
@pytest.mark.parametrize("words", ACTIVATIONS)
def test_the_derivative_of_another_activation_is_named(words, on_boxes):
    assert without_place(diagnosed(*other_activation(*ACTIVATIONS[words]), on_boxes=on_boxes)) == words


def test_a_mistake_that_only_some_gradients_show():
    def back(g, h, a):
        return (g * h if np.all(g) else 0 * g,)

    words = "it is right for a dense incoming gradient and wrong for one with zeros"
    assert diagnosed(np.exp, back, X, grad=np.eye(12)[3]) == words
    assert diagnosed(np.exp, lambda g, h, a: (g * h,), X) == ""


def test_nothing_is_said_where_nothing_fits():
    noise = np.random.default_rng(1).uniform(1, 2, X.shape)
    assert diagnosed(np.exp, lambda g, h, a: (g * h * noise,), X) == ""
    assert diagnosed(np.exp, lambda g, h, a: (g * h * np.array([[1], [1], [3]]),), X) == ""
    assert diagnosed(np.exp, lambda g, h, a: 1 / 0, X) == ""


def test_many_elements_are_diagnosed_where_fprop_runs_on_boxes_and_else_along_what_was_compared():
    many = np.linspace(-1, 1, 65)
    mistake = (np.exp, lambda g, h, a: (-g * h,), many)
    assert diagnosed(*mistake) == diagnosed(*mistake, on_boxes=False) == "the sign is wrong"


def test_one_test_case_that_a_hypothesis_does_not_explain_silences_it():
    def back(g, h, a):
        return (2 * g * h if a.max() < 2 else 5 * g * h,)

    trials = [trial(np.exp, back, X), trial(np.exp, back, X + 2)]
    assert diagnose(trials[:1]) == "a factor: it should be 1/2 times as large"
    assert diagnose(trials[1:]) == "a constant factor: it should be 1/5 times as large"
    assert diagnose(trials) == ""


def test_a_mistake_is_told_as_it_was_found_where_the_time_for_its_explanation_is_used_up(monkeypatch):
    monkeypatch.setattr(Runner, "explain_for", lambda runner, seconds: setattr(runner, "deadline", -1.0))
    report = fg.check(np.exp, X, bprop=lambda g, h, a: (-g * h,), names=["a"])
    assert [(one.child, one.test_case, one.diagnosis) for one in report.failures] == [("a", "the example", "")]


@pytest.mark.parametrize("on_boxes", [True, False])
def test_the_true_gradient_is_that_of_every_element(on_boxes):
    grad = np.array([1.0, -2.0, 0.5])
    first, second = (
        trial(lambda a, b: a @ b, lambda g, h, a, b: (g, g), X, X[0], child=child, on_boxes=on_boxes)
        for child in (0, 1)
    )
    np.testing.assert_allclose(first.truth(grad), np.outer(grad, X[0]), rtol=1e-9)
    np.testing.assert_allclose(second.truth(grad), grad @ X, rtol=1e-9)


def test_a_setting_or_a_branch_that_bprop_ignores_is_no_gradient_of_another_call():
    def clipped(x):
        return np.clip(x, -5, 5)

    def of_kind(x, plain):
        return x**3 if plain else np.exp(x)

    reports = [
        fg.check(clipped, X, bprop=lambda g, h, x: (g,)),
        fg.check(of_kind, X, True, bprop=lambda g, h, x, plain: (3 * g * x**2, None)),
    ]
    for report in reports:
        assert report.failures
        assert "another call" not in "".join(failure.diagnosis for failure in report.failures)


def test_sixty_mistakes_of_all_kinds_are_planted_in_thirty_operations():
    assert len({mistake.name for mistake in PLANTED}) == len(PLANTED) == 60
    assert {mistake.kind for mistake in PLANTED} == set(KINDS)
    assert len({mistake.operation for mistake in PLANTED}) >= 30


SILENT = ("wrong axis: softmax: ", "wrong axis: centre: ", "wrong axis: unit rows: ")


@pytest.mark.sampled(one_in=6)
@pytest.mark.no_cover
@pytest.mark.parametrize("mistake", PLANTED, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_is_named_at_any_seed_or_nothing_is_said(mistake):
    needed = "silent" if mistake.name.startswith(SILENT) else "right"
    found = [judged(mistake, seed) for seed in (0, 1)]
    assert [answer for answer, _ in found] == [needed] * 2, found
    assert len({tuple(sorted(words)) for _, words in found}) == 1


def test_a_layer_that_was_traced_keeps_no_boxes():
    class Layer:
        def fprop(self, x):
            self.h = np.tanh(x)
            return self.h

        def bprop(self, grad, output, x):
            return (-grad * (1 - self.h**2),)

    layer = Layer()
    report = fg.check(layer.fprop, X, bprop=layer.bprop)
    assert report.failures[0].diagnosis == "the sign is wrong"
    assert isinstance(layer.h, np.ndarray)


@pytest.mark.parametrize("fprop", [np.round, np.sign, lambda a: (a == np.max(a, axis=-1, keepdims=True)) * 1.0])
def test_where_every_slope_is_0_no_change_of_the_result_explains_it(fprop):
    def surrogate(g, h, a):  # that of a softmax, which sums to 0
        p = np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)
        return (p * (g - (p * g).sum(axis=-1, keepdims=True)),)

    with np.errstate(all="ignore"):
        assert diagnosed(fprop, surrogate, X, on_boxes=False) == ""
