"""Choices between arrays and functions: call forms, dtypes, what is not chosen leaks nothing, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import DtypeError, ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch

A = np.random.default_rng(0).normal(size=(3, 4))
NUMBERS = np.array([[0, 1, 2, 1], [2, 2, 0, 0], [1, 0, 1, 2]])


@pytest.mark.parametrize(
    "function",
    [
        lambda n, a: np.choose(n, [a, a[0], 2.0]),
        lambda n, a: np.choose(n[0], a),
        lambda n, a: np.choose(n, [a, a * a], mode="wrap"),
        lambda n, a: np.choose(2 * n - 1, [a, a * a], None, "clip"),
        lambda n, a: np.choose(n > 0, (a, a * a)),
    ],
)
def test_choose(function):
    assert_as_numpy(function, NUMBERS, A)
    assert_as_numpy(function, NUMBERS, A.astype("float32"), rtol=1e-6)
    assert_as_numpy(function, NUMBERS, (9 * A).astype(int))


def test_a_number_outside_is_refused_in_a_run():
    box = np.choose(fg.Input("n", shape=("N",), dtype=int), [1.0, 2.0])
    with pytest.raises(ValueError, match="invalid entry in choice array"):
        fg.Graph(box).fprop(n=[0, 2])


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.select([a > 0, a > -1], [a**2, np.sin(a)]),
        lambda a: np.select([a > 0, a > -1], [a**2, np.sin(a)], 5.0),
        lambda a: np.select([a > 0, a > -1], [a**2, 3], default=a[:, :1]),
        lambda a: np.select([A > 0], [a[0]]),
        lambda a: np.select([A > 0], [a[:, :1]], a[0]),
        lambda a: np.select([a > 0, a > -1], [1, 2]) * a,
        lambda a: np.select([a[0] > 0], [2.5 * a]),
    ],
)
def test_select(function):
    assert_as_numpy(function, A)
    assert_as_numpy(function, A[::-1, ::-1])
    assert_as_numpy(function, A.astype("float32"), rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.piecewise(a, [a < 0, a >= 0], [lambda v: -(v**3), np.sqrt]),
        lambda a: np.piecewise(a, [a < -1, a > 1], [-4.0, lambda v: np.sqrt(v - 1), 7]),
        lambda a: np.piecewise(a, [a < -0.5, a > 1], [lambda v, k, b: k * v * v + b, lambda v, k, b: b], 3.0, b=2.0),
        lambda a: np.piecewise(a, [a < 1, a < 0], [lambda v: v**2, lambda v: v**3]),
        lambda a: np.piecewise(a, [A < 0], [lambda v: v**2, lambda v: 5]),
        lambda a: np.piecewise(a[0], [True, False, True, False], [np.square, np.exp]),
        lambda a: np.piecewise(a[0], a[0] < 0, [np.square, np.exp]),
        lambda a: np.piecewise(a[0], [[True, False, True, False]], [np.square]),
    ],
)
def test_piecewise(function):
    assert_as_numpy(function, A)
    assert_as_numpy(function, A[::-1, ::-1])


def test_piecewise_of_a_number():
    for a in (np.array(0.3), np.array(-0.3)):
        assert_as_numpy(lambda a: np.piecewise(a, [a < 0], [lambda v: v**2, lambda v: v**3]), a)
        assert_as_numpy(lambda a: np.piecewise(a, a < 0, [lambda v: v**2]), a)
    assert_as_numpy(lambda a: np.piecewise(a, [a < 0], [lambda v: v / 2, 7]), np.array([-3, 3]))


def test_what_a_function_gives_elsewhere_does_not_leak():
    x = fg.Parameter([-4.0, 0.0, 4.0], name="x")
    box = np.piecewise(x, [x > 0], [np.sqrt, 0.0])
    with np.errstate(all="raise"):
        run = fg.Graph(box).fprop()
        np.testing.assert_array_equal(run[box], [0, 0, 2])
        np.testing.assert_array_equal(run.bprop([1.0, 1.0, 1.0])[x], [0, 0, 0.25])
    chosen = np.select([x > 0], [np.where(x > 0, x, 1.0) ** 0.5], 0.0)
    np.testing.assert_array_equal(fg.Graph(chosen).fprop().bprop([1.0, 1.0, 1.0])[x], [0, 0, 0.25])


def test_a_plan_of_a_gradient_through_masks():
    x = fg.Parameter(A, name="x")
    loss = np.sum(np.piecewise(x, [x < 0], [np.square, np.exp]) ** 2)
    (grad,) = fg.gradient(loss, [x])
    (found,) = fg.compile([grad])()
    np.testing.assert_allclose(found, np.where(A < 0, 4 * A**3, 2 * np.exp(2 * A)))


def test_every_batch():
    assert assert_every_batch(lambda x: np.select([x > 0, x > -1], [x**2, np.sin(x)], x), ("N", 3)) == [("N", 3)]
    assert assert_every_batch(lambda x: np.piecewise(x, [x > 0], [np.sqrt, np.square]), ("N", 3)) == [("N", 3)]
    n = fg.Input("n", shape=("N",), dtype=int)
    x = fg.Input("x", shape=("N",))
    box = np.choose(n, [x, x * x])
    (grad,) = fg.gradient(np.sum(box), [x])
    for size in (0, 1, 7):
        a, numbers = np.arange(1.0, size + 1), np.arange(size) % 2
        run = fg.Graph(grad).fprop(x=a, n=numbers)
        np.testing.assert_array_equal(run[grad], np.where(numbers == 0, 1, 2 * a))


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.choose(x, [x, x]), DtypeError, "numbers of dtype float64, needs integers"),
        (lambda x: np.choose(x > 0, []), DtypeError, "one choice or more"),
        (lambda x: np.choose(x > 0, [x, x], mode="any"), UsageError, "mode='any', needs 'raise', 'wrap' or 'clip'"),
        (lambda x: np.select([x > 0], [x, x]), UsageError, "found 1 conditions for 2 choices"),
        (lambda x: np.select([x], [x]), DtypeError, "condition of dtype float64, needs booleans"),
        (lambda x: np.piecewise(x, [x > 0], [1, 2, 3]), UsageError, "found 3 functions for 1 conditions"),
        (lambda x: np.piecewise(x, x[0] > 0, [1]), ShapeError, r"condition of shape \(3,\), needs that"),
        (lambda x: np.piecewise(x, [x > 0, x[:1] > 0], [1, 2]), ShapeError, r"condition of shape \(1, 3\), needs that"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))
