"""Differences, trapezoids, slopes of a grid: NumPy's call forms, places that are boxes, every batch, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch, assert_multilinear_as_numpy

A = np.random.default_rng(0).normal(size=(3, 4, 5))
PLACES = np.array([0.0, 1.0, 3.0, 3.5])


@pytest.mark.parametrize(
    "function",
    [
        np.diff,
        lambda a: np.diff(a, 2, 0),
        lambda a: np.diff(a, n=0),
        lambda a: np.diff(a, axis=1, prepend=0.0, append=a[:, :2]),
        lambda a: np.diff(a, n=3, axis=-2, append=0),
        lambda a: np.diff(a, 9, axis=1),
        np.ediff1d,
        lambda a: np.ediff1d(a, to_begin=a[0, 0], to_end=a[1]),
        np.trapezoid,
        lambda a: np.trapezoid(a, dx=0.5, axis=0),
        lambda a: np.trapezoid(a, PLACES, axis=1),
        lambda a: np.trapezoid(a, PLACES[::-1], axis=1),
        lambda a: np.trapezoid(a, A**2),
        np.gradient,
        lambda a: np.gradient(a, 2.0, edge_order=2),
        lambda a: np.gradient(a, 2.0, [0, 1, 3, 7], np.arange(5) * 0.5),
        lambda a: np.gradient(a, 2.0, [0, 1, 3, 7], np.arange(5) * 0.5, edge_order=2),
        lambda a: np.gradient(a, PLACES, axis=1),
        lambda a: np.gradient(a, 3, axis=(-1, 0)),
    ],
)
def test_numpys_call_forms(function):
    assert_multilinear_as_numpy(function, A)
    assert_multilinear_as_numpy(function, A[::-1, ::-1, ::-1])


@pytest.mark.parametrize("edge_order", [1, 2])
def test_distances_and_places_that_are_boxes_get_gradients(edge_order):
    assert_as_numpy(lambda f, x: np.gradient(f, x, axis=1, edge_order=edge_order), A, PLACES)
    assert_as_numpy(lambda f, h: np.gradient(f, h, axis=(1, 0), edge_order=edge_order), A, np.array(2.0))
    assert_as_numpy(lambda y, x: np.trapezoid(y, x, axis=1), A, PLACES)
    assert_as_numpy(lambda y, x: np.trapezoid(y, x), A, np.random.default_rng(1).normal(size=A.shape))
    assert_as_numpy(lambda y, h: np.trapezoid(y, dx=h), A, np.array(0.3))


def test_whole_numbers_truth_values_and_single_precision():
    whole = np.array([1, 3, 4, 9])
    for function in (np.diff, np.ediff1d, np.gradient, np.trapezoid, lambda a: np.diff(a, prepend=True)):
        assert_as_numpy(function, whole)
        assert_as_numpy(function, whole.astype("float32"), rtol=1e-6)
    assert_as_numpy(np.diff, whole > 2)
    assert_as_numpy(lambda a: np.gradient(a, [0.0, 1, 5, 6]), whole)


@pytest.mark.parametrize(
    ("function", "shape", "needed"),
    [
        (lambda x: np.diff(x, axis=0), ("N", 3), ("N-1", 3)),
        (lambda x: np.diff(x, axis=0, prepend=0), ("N", 3), ("N", 3)),
        (np.ediff1d, ("N", 3), ("3*N-1",)),
        (lambda x: np.trapezoid(x, axis=0), ("N", 3), (3,)),
        (lambda x: np.gradient(x, axis=0), ("N", 3), ("N", 3)),
        (lambda x: np.gradient(x, axis=0, edge_order=2), ("N", 3), ("N", 3)),
        (lambda x: np.gradient(x, axis=1), ("N", 3), ("N", 3)),
    ],
)
def test_every_batch(function, shape, needed):
    assert assert_every_batch(function, shape, batches=(3, 7)) == [needed]


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.diff(x, n=-1), UsageError, "found n=-1, needs a number of times from 0"),
        (lambda x: np.diff(x, axis=2), ShapeError, "axis"),
        (lambda x: np.ediff1d(x.astype(int), to_end=0.5), UsageError, "float64, which is not cast to int64"),
        (lambda x: np.gradient(x, edge_order=3), UsageError, "edge_order=3, needs 1 or 2"),
        (lambda x: np.gradient(x, 1.0, 2.0, 3.0), UsageError, "found 3 spacings for 2 axes"),
        (lambda x: np.gradient(x, [0.0, 1.0], axis=1), ShapeError, r"places of shape \(2,\), needs \(3,\)"),
        (lambda x: np.gradient(x, axis=0, edge_order=2), ShapeError, "found an axis of 2, needs 3 for edge_order=2"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))
