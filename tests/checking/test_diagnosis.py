"""The kind of mistake in a gradient is named; where none fits, nothing is said."""

import numpy as np
import pytest

from flowgraph.checking.compare import ValueMismatch
from flowgraph.checking.describe import diagnose, numeric_gradient
from flowgraph.checking.point import Point, Runner
from flowgraph.checking.target import Target

X = np.random.default_rng(0).uniform(0.3, 1.5, (3, 4))
SQUARE = X[:, :3].copy()
I = np.array([0, 2, 2])


def diagnosed(fprop, bprop, *inputs, child=0, grad=None):
    target = Target.of_functions(fprop, bprop, inputs, names="abc"[: len(inputs)])
    active = tuple(i for i, x in enumerate(inputs) if np.asarray(x).dtype.kind == "f")
    point = Point.at(Runner(target, 100_000, 100.0), inputs, "here", active)
    grad = np.ones(point.value.size) if grad is None else grad
    return diagnose(point, ValueMismatch(point, grad, {child: inputs[child]}, 0.0, 0.0, 0.0), child)


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
    "only 4 of 12 elements are wrong: a branch, a mask or an index": (
        np.exp, lambda g, h, a: (g * h * np.array([[1], [1], [3]]),), X),
}  # fmt: skip
ACTIVATIONS = {
    "it is 1 - v² of the input; it should be 1 - v² of the output": (np.tanh, lambda a, h: 1 - a * a),
    "it is 1 - v² of the output; it should be cos(v) of the input": (np.sin, lambda a, h: 1 - h * h),
    "it is v (1 - v) of the output; it should be 1 / v of the input": (np.log, lambda a, h: h * (1 - h)),
    "it is the value of the output; it should be cos(v) of the input": (np.sin, lambda a, h: np.sin(a)),
    "it is 1 / (1 + v²) of the output; it should be 1 / (1 + v²) of the input": (
        np.arctan, lambda a, h: 1 / (1 + h * h)),
    "it is exp(v) of the output; it should be the value of the output": (np.exp, lambda a, h: np.exp(h)),
    "it is v > 0 of the output; it should be the value of the output": (np.exp, lambda a, h: 1.0 * (h > 0)),
    "it is 1 / v of the output": (lambda a: a**3, lambda a, h: 1 / h),
}  # fmt: skip


def put(a, b, g):
    found = np.zeros_like(a)
    found[b] = g
    return found


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_named(words):
    assert diagnosed(*MISTAKES[words]) == words


@pytest.mark.parametrize("words", ACTIVATIONS)
def test_the_derivative_of_another_activation_is_named(words):
    assert diagnosed(*other_activation(*ACTIVATIONS[words])) == f"the derivative of another activation: {words}"


def test_a_mistake_that_only_some_gradients_show():
    def back(g, h, a):
        return (g * h if np.all(g) else 0 * g,)

    words = "it is right for a dense incoming gradient and wrong for one with zeros"
    assert diagnosed(np.exp, back, X, grad=np.eye(12)[3]) == words
    assert diagnosed(np.exp, lambda g, h, a: (g * h,), X) == ""


def test_nothing_is_said_where_nothing_fits():
    noise = np.random.default_rng(1).uniform(1, 2, X.shape)
    assert diagnosed(np.exp, lambda g, h, a: (g * h * noise,), X) == ""
    assert diagnosed(np.exp, lambda g, h, a: 1 / 0, X) == ""
    many = np.ones(65)
    assert diagnosed(np.exp, lambda g, h, a: (-g * h,), many) == ""
    assert diagnosed(np.exp, lambda g, h, a: (-g * h,), many[:64]) == "the sign is wrong"


def test_the_numeric_gradient_is_that_of_every_element():
    target = Target.of_functions(lambda a, b: a @ b, lambda g, h, a, b: (g, g), (X, X[0]))
    point = Point.at(Runner(target, 100_000, 100.0), target.inputs, "here", (0, 1))
    grad = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(numeric_gradient(point, grad, 0), np.outer(grad, X[0]), rtol=1e-9)
    np.testing.assert_allclose(numeric_gradient(point, grad, 1), grad @ X, rtol=1e-9)
