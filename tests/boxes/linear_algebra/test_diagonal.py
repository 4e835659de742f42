"""Diagonals and triangles: NumPy's call forms, sizes that follow the batch, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError
from tests.boxes.numpy_calls import assert_every_batch, assert_multilinear_as_numpy

A = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.diagonal(a),
        lambda a: np.diagonal(a, 1, -1, 0),
        lambda a: np.diagonal(a, offset=-9),
        lambda a: np.diag(a[0]),
        lambda a: np.diag(a[0], k=-1),
        lambda a: np.diag(a[0, 0]),
        lambda a: np.diag(a[0, 0], 2),
        lambda a: np.diagflat(a[0], -1),
        lambda a: np.trace(a),
        lambda a: np.trace(a, 1, 1, 2),
        lambda a: np.trace(a[0], offset=-1),
        lambda a: np.linalg.diagonal(a, offset=1),
        lambda a: np.linalg.trace(a, offset=-1),
        lambda a: np.tril(a),
        lambda a: np.triu(a, k=-1),
    ],
)
def test_numpys_call_forms(function):
    assert_multilinear_as_numpy(function, A)


def test_sizes_that_follow_the_batch():
    assert assert_every_batch(lambda x: np.diag(x), ("N",)) == [("N", "N")]
    assert assert_every_batch(lambda x: np.diag(x, -2), ("N",)) == [("N+2", "N+2")]
    assert assert_every_batch(lambda x: np.diagonal(x, 1), ("N", "N")) == [("N-1",)]
    assert assert_every_batch(lambda x: np.trace(x), ("N", "N")) == [()]
    assert assert_every_batch(lambda x: np.tril(x), ("N", 3)) == [("N", 3)]
    ((length,),) = assert_every_batch(lambda x: np.diagonal(x), ("N", 3))
    assert length.unknown


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda x: np.diagonal(x[0]), r"axis = \(0, 1\) does not fit"),
        (lambda x: np.diagonal(x, 0, 1, 1), "repeated axis"),
        (lambda x: np.diag(np.expand_dims(x, 0)), "found 3 axes, needs a vector"),
        (lambda x: np.tril(x[0, 0]), "found 0 axes, needs matrices"),
        (lambda x: fg.boxes.OnDiagonal(x[0], x), r"the diagonals are \(2,\)"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, text):
    with pytest.raises(ShapeError, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))
