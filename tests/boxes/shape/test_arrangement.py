"""Axes exchanged and elements moved: NumPy's call forms, every batch, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from tests.boxes.numpy_calls import assert_every_batch, assert_multilinear_as_numpy

A = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: a.T,
        lambda a: a.mT,
        lambda a: a.transpose(2, 0, 1),
        lambda a: a.transpose((2, 0, 1)),
        lambda a: a.transpose(),
        lambda a: np.transpose(a, [1, 2, 0]),
        lambda a: np.permute_dims(a, (-1, 0, 1)),
        lambda a: np.swapaxes(a, 0, -1),
        lambda a: np.swapaxes(a, 1, 1),
        lambda a: a.swapaxes(0, 1),
        lambda a: np.swapaxes(a[0], 0, 1),
        lambda a: np.moveaxis(a, 0, -1),
        lambda a: np.moveaxis(a, [0, 1], [-1, 0]),
        lambda a: np.rollaxis(a, 2),
        lambda a: np.rollaxis(a, 0, 3),
        lambda a: np.rollaxis(a, 0, -1),
        lambda a: np.matrix_transpose(a),
        lambda a: np.linalg.matrix_transpose(a),
        lambda a: np.flip(a),
        lambda a: np.flip(a, (0, 2)),
        lambda a: np.fliplr(a),
        lambda a: np.flipud(a),
        lambda a: np.roll(a, 5),
        lambda a: np.roll(a, (1, -1), (0, 2)),
        lambda a: np.roll(a, 2, axis=1),
        *(lambda a, k=k: np.rot90(a, k) for k in range(-1, 5)),
        lambda a: np.rot90(a, axes=(2, 0)),
        lambda a: np.rot90(a, 3, axes=(1, 2)),
    ],
)
def test_numpys_call_forms(function):
    assert_multilinear_as_numpy(function, A)


@given(npst.array_shapes(min_dims=0, max_dims=4, max_side=3).flatmap(
    lambda shape: st.tuples(st.just(shape), st.permutations(range(len(shape))))
))  # fmt: skip
def test_every_order_of_axes(drawn):
    shape, order = drawn
    assert_multilinear_as_numpy(lambda a: np.transpose(a, order), np.ones(shape))


def test_every_batch():
    assert assert_every_batch(lambda x: x.T, ("N", 3)) == [(3, "N")]
    assert assert_every_batch(lambda x: np.moveaxis(x, 0, -1), ("N", 3, 2)) == [(3, 2, "N")]
    assert assert_every_batch(lambda x: np.flip(x, 0), ("N", 3)) == [("N", 3)]
    assert assert_every_batch(lambda x: np.roll(x, 2, 0), ("N", 3)) == [("N", 3)]
    assert assert_every_batch(lambda x: np.rot90(x), ("N", 3)) == [(3, "N")]


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.transpose(x, (0, 0)), ShapeError, "repeated axis"),
        (lambda x: np.transpose(x, (0,)), ShapeError, "names 1 axes, needs all 2"),
        (lambda x: np.swapaxes(x, 0, 2), ShapeError, r"axis = \(2,\) does not fit"),
        (lambda x: np.moveaxis(x, 0, (0, 1)), UsageError, "found 1 axes to move to 2 places"),
        (lambda x: np.flip(x, 2), ShapeError, "axis = 2 does not fit"),
        (lambda x: np.roll(x, 1, 2), ShapeError, "axis = 2 does not fit"),
        (lambda x: np.roll(x, 1.5), UsageError, "found shift=1.5, needs a whole number or a tuple"),
        (lambda x: np.roll(x, (1, 2, 3), (0, 1)), UsageError, "an integer per axis"),
        (lambda x: np.fliplr(x[0]), ShapeError, "axis = 1 does not fit"),
        (lambda x: np.matrix_transpose(x[0]), ShapeError, "needs two axes, found 1"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))
