"""Averages, covariances, correlations: NumPy's call forms, weights that are boxes, every batch, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4, 5))
X = RNG.normal(size=(3, 6))
W = RNG.random(6)
F = np.array([1, 2, 0, 3, 1, 1])


def test_averages():
    assert_as_numpy(np.average, A)
    assert_as_numpy(lambda a: np.average(a, (2, 0), returned=True), A)
    assert_as_numpy(lambda a: np.average(a, 1, W[:4], True), A)
    assert_as_numpy(lambda a, w: np.average(a, axis=1, weights=w, keepdims=True), A, W[:4])
    assert_as_numpy(lambda a, w: np.average(a, weights=w, returned=True), A, A**2)
    assert_as_numpy(lambda a, w: np.average(a, axis=(2, 0), weights=w), A, RNG.random((5, 3)))
    assert_as_numpy(lambda a: np.average(a, axis=0, weights=[1, 2, 1]), (9 * A).astype(int))
    assert_as_numpy(lambda a: np.average(a, axis=0, weights=[1, 2, 1]), A.astype("float32"), rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [{}, {"bias": True}, {"ddof": 0}, {"ddof": 2}, {"fweights": F}, {"fweights": F, "aweights": W}, {"aweights": W},
     {"aweights": W, "ddof": 0}, {"aweights": W, "bias": True}, {"fweights": F, "ddof": 2}],
)  # fmt: skip
def test_covariances(settings):
    assert_as_numpy(lambda x: np.cov(x, **settings), X)
    assert_as_numpy(lambda x: np.cov(x.T, rowvar=False, **settings), X)
    assert_as_numpy(lambda x: np.cov(x, x[:2] ** 2, **settings), X)


@pytest.mark.parametrize("function", [np.cov, np.corrcoef])
def test_call_forms_of_both(function):
    assert_as_numpy(function, X, rtol=1e-10)
    assert_as_numpy(function, X[::-1, ::-1], X[:2] ** 2)
    assert_as_numpy(function, X[0])
    assert_as_numpy(function, X[0], X[1])
    assert_as_numpy(lambda x, y: function(x, y, False), X.T, X[:2].T ** 2)
    assert_as_numpy(function, X.astype("float32"), rtol=1e-6)
    assert_as_numpy(function, (9 * X).astype(int))


def test_weights_that_are_boxes_get_gradients():
    assert_as_numpy(lambda x, w: np.cov(x, aweights=w), X, W)


def test_a_constant_row_has_no_correlation():
    box = np.corrcoef(fg.Constant([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]]))
    with np.errstate(invalid="ignore"):
        h = fg.Graph(box).fprop()[box]
    np.testing.assert_array_equal(np.isnan(h), [[False, True], [True, True]])


def test_every_batch():
    assert assert_every_batch(lambda x: np.average(x, axis=0), ("N", 3), batches=(1, 7)) == [(3,)]
    assert assert_every_batch(lambda x: np.average(x, axis=1, weights=[1, 2, 3]), ("N", 3)) == [("N",)]
    assert assert_every_batch(lambda x: np.cov(x, rowvar=False), ("N", 3), batches=(2, 7)) == [(3, 3)]
    assert assert_every_batch(lambda x: np.corrcoef(x, rowvar=False), ("N", 3), batches=(3, 7)) == [(3, 3)]
    assert assert_every_batch(np.cov, ("N", 3), batches=(2, 7)) == [("N", "N")]


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.average(x, weights=[1, 2]), ShapeError, r"weights of shape \(2,\) .* or axis= for weights"),
        (lambda x: np.average(x, axis=1, weights=[1, 2]), ShapeError, r"along the axes \(1,\).*needs \(3,\)"),
        (lambda x: np.average(x, axis=0, weights=[1, -1]), UsageError, "weights whose sum is 0"),
        (lambda x: np.cov(x, ddof=0.5), UsageError, "ddof=0.5, needs an integer"),
        (lambda x: np.cov(x, aweights=[1, 2]), ShapeError, r"aweights of shape \(2,\), needs \(3,\)"),
        (lambda x: np.cov(x, aweights=[1, -2, 1]), UsageError, "needs numbers from 0$"),
        (lambda x: np.cov(x, fweights=[1, 0.5, 1]), UsageError, "needs numbers from 0, whole ones"),
        (lambda x: np.cov(x[None]), ShapeError, "needs one or two axes"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))
