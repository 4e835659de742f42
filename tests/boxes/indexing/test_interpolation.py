"""Lines through points: call forms of NumPy, corners and ends, points that are boxes, every batch, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch

X = np.array([[-0.7, 0.1, 1.9], [-2.0, 0.4, 3.0]])
XP = np.array([-1.0, -0.3, 0.5, 2.0])
FP = np.array([0.3, -1.2, 2.0, 0.7])


@pytest.mark.parametrize("settings", [{}, {"left": -9.0, "right": 4}, {"left": 1}, {"period": 2.6}, {"period": -7}])
def test_points_and_places_get_gradients(settings):
    assert_as_numpy(lambda x, xp, fp: np.interp(x, xp, fp, **settings), X, XP, FP)
    assert_as_numpy(lambda x: np.interp(x, XP, FP, **settings), X[::-1, ::-1])
    assert_as_numpy(lambda fp: np.interp(X, XP, fp, **settings), FP[::-1])
    assert_as_numpy(lambda x: np.interp(x, XP, FP, **settings), X.astype("float32"))
    assert_as_numpy(lambda x: np.interp(x, XP, FP, **settings), (2 * X).astype(int))


def test_what_lies_outside_may_be_a_box():
    assert_as_numpy(lambda x, left, right: np.interp(x, XP, FP, left, right), X, np.array(2.0), np.array(-1.0))


def test_corners_and_ends():
    x = fg.Parameter([-2.0, -1.0, -0.3, 2.0, 2.5], name="x")
    fp = fg.Parameter(FP, name="fp")
    box = np.interp(x, XP, fp)
    run = fg.Graph(box).fprop()
    np.testing.assert_array_equal(run[box], [FP[0], FP[0], FP[1], FP[3], FP[3]])
    grads = run.bprop(np.ones(5))
    slopes = np.diff(FP) / np.diff(XP)
    np.testing.assert_allclose(grads[x], [0, slopes[0], slopes[1], slopes[2], 0])
    np.testing.assert_allclose(grads[fp], [2, 1, 0, 2])


def test_one_point_two_in_one_place_and_nan():
    assert_as_numpy(lambda x: np.interp(x, [0.5], [2.0]), X)
    for x, xp, fp in (([-1, 0, 1, 2, 0.5], [0.0, 1, 1], [1.0, 2, 3]), ([np.nan, 0.2], XP, FP)):
        box = np.interp(fg.Constant(x), xp, fp)
        np.testing.assert_array_equal(fg.Graph(box).fprop()[box], np.interp(x, xp, fp))


def test_every_batch():
    assert assert_every_batch(lambda x: np.interp(x, XP, FP), ("N", 3)) == [("N", 3)]
    assert assert_every_batch(lambda f: np.interp(X, np.sort(f), f), ("N",), batches=(2, 7)) == [(2, 3)]


def test_places_out_of_order_are_refused_in_a_run():
    box = np.interp(fg.Constant(X), XP[::-1], FP)
    with pytest.raises(UsageError, match="found xp that is not increasing, needs ascending xp"):
        fg.Graph(box).fprop()
