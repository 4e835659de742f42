"""Polynomials: call forms of NumPy, coefficients that are boxes, places at 0, every batch, refusals."""

from functools import partial

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch, assert_multilinear_as_numpy

P = np.array([0.5, -1.2, 2.0, 0.7])
X = np.array([[0.3, -1.1, 0.0], [2.0, 0.4, -0.6]])


def test_values():
    for p in (P, P[:1], P[::-1]):
        assert_as_numpy(np.polyval, p, X)
        assert_as_numpy(np.polyval, p, X[0, 0])
    assert_as_numpy(lambda x: np.polyval([1, 2, 0], x), X[::-1, ::-1])
    assert_as_numpy(lambda p: np.polyval(p, 2.0), P)
    assert_as_numpy(lambda p: np.polyval([1.0, p[0], p[1]], p) if isinstance(p, fg.Box)
                    else np.polyval(np.array([1.0, p[0], p[1]]), p), P)  # fmt: skip
    assert_as_numpy(lambda x: np.polyval([1, 2, 0], x), np.array([1, 2]))
    assert_as_numpy(lambda x: np.polyval([1, 2, 0], x), X.astype("float32"), rtol=1e-6)
    box = np.polyval(fg.Constant(np.zeros(0)), fg.Constant(X))
    np.testing.assert_array_equal(fg.Graph(box).fprop()[box], np.zeros(X.shape))


@pytest.mark.parametrize("settings", [{}, {"N": 2}, {"N": 6, "increasing": True}, {"N": 0}, {"N": 1}])
def test_powers_in_columns(settings):
    assert_as_numpy(partial(np.vander, **settings), np.arange(3))
    assert_as_numpy(partial(np.vander, **settings), P.astype("float32"))
    assert_as_numpy(lambda x: np.vander(x, **settings).sum() + x, np.array([0.0, -1.0, 2.0]))


@pytest.mark.parametrize("function", [np.polyadd, np.polysub, np.polymul])
def test_arithmetic(function):
    assert_as_numpy(function, P, P[:2])
    assert_as_numpy(function, P[:2], P[::-1])
    assert_as_numpy(function, P, P)
    assert_as_numpy(lambda p: function(p, [0, 1, 2]), P)
    assert_as_numpy(lambda p: function(3.0, p), P)
    assert_as_numpy(lambda p: function(p, [0]), P)
    assert_as_numpy(lambda p: function(p, [0, 1, 2]), np.array([1, 2]))


def test_zeros_in_front_of_a_box_are_kept_in_a_product():
    box = np.polymul(fg.Constant([0.0, 1.0]), [0.0, 2.0, 1.0])
    np.testing.assert_array_equal(fg.Graph(box).fprop()[box], [0, 2, 1])


def test_derivatives_and_integrals():
    for m in range(6):
        assert_multilinear_as_numpy(partial(np.polyder, m=m), P)
    for m in range(4):
        assert_as_numpy(lambda p, m=m: np.polyint(p, m), P)
        assert_as_numpy(lambda p, m=m: np.polyint(p, m, 2.0), P)
    assert_as_numpy(lambda p, k: np.polyint(p, 3, [1.0, k, 3.0]), P, np.array(2.0))
    assert_as_numpy(lambda p: np.polyint(p, k=[2]), np.array([1, 2]))
    assert_as_numpy(np.polyder, np.array([1, 2, 3]))


def test_every_batch():
    assert assert_every_batch(lambda x: np.polyval(P, x), ("N", 3)) == [("N", 3)]
    assert assert_every_batch(lambda p: np.polyval(p, X), ("N",), batches=(1, 7)) == [(2, 3)]
    assert assert_every_batch(np.polyder, ("N",), batches=(2, 7)) == [("N-1",)]
    assert assert_every_batch(np.polyint, ("N",), batches=(1, 7)) == [("N+1",)]
    assert assert_every_batch(lambda x: np.vander(x, 3), ("N",)) == [("N", 3)]
    assert assert_every_batch(lambda p: np.polymul(p, P), ("N",), batches=(1, 7)) == [("N+3",)]


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.polyval(x, 2.0), ShapeError, "coefficients with 2 axes, needs one"),
        (np.vander, ShapeError, "with 2 axes, needs one"),
        (lambda x: np.polyder(x[0], -1), UsageError, r"np\.polyder: found m=-1, needs a number of times from 0"),
        (lambda x: np.polyint(x[0], 3, [1.0, 2.0]), UsageError, "found 2 constants for 3 integrals"),
        (lambda x: np.polyadd(fg.Input("p", shape=("N",)), x[0]), UsageError, "found N and 3 coefficients"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(X, name="x"))
