"""Elements taken by place: NumPy's call forms, places and masks that are boxes, sorting."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import IndexingError, ShapeError, UnsupportedError, UsageError
from tests.boxes.numpy_calls import assert_every_batch, assert_multilinear_as_numpy

A = np.random.default_rng(0).normal(size=(2, 3, 4))
MASK = A > 0


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.take(a, [0, -1, 0]),
        lambda a: np.take(a, 3),
        lambda a: np.take(a, [[0, 1], [1, 0]], axis=0),
        lambda a: np.take(a, 2, axis=-1),
        lambda a: np.take(a, np.array([], int), axis=1),
        lambda a: np.take(a, [-9, 2, 30], mode="wrap"),
        lambda a: np.take(a, [[-9, 2], [30, 1]], 1, None, "clip"),
        lambda a: np.take_along_axis(a, np.array([[[0], [0], [3]]]), axis=2),
        lambda a: np.take_along_axis(a, np.array([[[2, 0, 1, 2]]]), axis=1),
        lambda a: np.take_along_axis(a, np.array([5, 5, -1]), axis=None),
        lambda a: np.compress([False, True], a, axis=0),
        lambda a: np.compress([True, False, True], a),
        lambda a: np.extract(MASK, a),
        lambda a: np.extract([1, 0, 1], a[0, 0]),
        lambda a: a.take([0, 0], axis=1),
        lambda a: a.repeat(2, axis=1),
        lambda a: a.diagonal(1, 1, 2),
        lambda a: a.trace(),
        lambda a: np.delete(a, 1, axis=1),
        lambda a: np.delete(a, [0, -1]),
        lambda a: np.delete(a, slice(1, 3), axis=2),
    ],
)
def test_numpys_call_forms(function):
    assert_multilinear_as_numpy(function, A)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_sorting_sends_each_gradient_back_to_its_place(axis):
    x = fg.Parameter(A, name="x")
    box = np.sort(x, axis=axis)
    run = fg.Graph(box).fprop()
    np.testing.assert_array_equal(run[box], np.sort(A, axis=axis))
    grad = np.arange(24.0).reshape(box.shape)
    ranks = np.argsort(np.argsort(A, axis=axis), axis=-1 if axis is None else axis)
    needed = np.take_along_axis(grad, ranks, -1 if axis is None else axis).reshape(A.shape)
    np.testing.assert_array_equal(run.bprop(grad)[x], needed)
    places = x.argsort(axis=axis)
    assert places.dtype.kind == "i"
    np.testing.assert_array_equal(fg.Graph(places).fprop()[places], np.argsort(A, axis=axis, kind="stable"))


def test_equal_elements_keep_their_order():
    x = fg.Parameter([1.0, 0.0, 1.0, 0.0], name="x")
    box = np.sort(x)
    np.testing.assert_array_equal(fg.Graph(box).fprop().bprop([1.0, 2.0, 3.0, 4.0])[x], [3, 1, 4, 2])


def test_every_batch():
    places = fg.Input("k", shape=("N", 1), dtype=int)
    x = fg.Input("x", shape=("N", 5))
    box = np.take_along_axis(x, places, axis=1)
    assert box.shape == ("N", 1)
    (grad,) = fg.gradient(np.sum(box * box), [x])
    for number in (0, 1, 7):
        a, k = np.arange(5.0 * number).reshape(number, 5), np.arange(number) % 5
        run = fg.Graph(grad, box).fprop(x=a, k=k[:, None])
        np.testing.assert_array_equal(run[box][:, 0], a[np.arange(number), k])
        needed = np.zeros_like(a)
        needed[np.arange(number), k] = 2 * a[np.arange(number), k]
        np.testing.assert_array_equal(run[grad], needed)
    assert assert_every_batch(lambda x: np.sort(x, axis=0), ("N", 3)) == [("N", 3)]


def test_places_that_are_boxes():
    table = fg.Parameter(np.arange(6.0).reshape(3, 2), name="table")
    words = fg.Input("words", shape=("T",), dtype=int)
    rows = np.take(table, words, axis=0)
    assert rows.shape == ("T", 2)
    np.testing.assert_array_equal(fg.Graph(rows).fprop(words=[2, 0])[rows], [[4, 5], [0, 1]])
    looked_up = np.take(fg.Constant([1.0, 2.0, 4.0]), words)
    np.testing.assert_array_equal(fg.Graph(looked_up).fprop(words=[2, 0])[looked_up], [4, 1])
    flags = fg.Input("flags", shape=(3,), dtype=bool)
    kept = np.compress(flags, table, axis=0)
    assert kept.shape[0].unknown
    np.testing.assert_array_equal(fg.Graph(kept).fprop(flags=[True, False, True])[kept], [[0, 1], [4, 5]])
    positive = np.extract(table > 2, table)
    np.testing.assert_array_equal(fg.Graph(positive).fprop()[positive], [3, 4, 5])


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.take(x, [7]), IndexingError, "the index 7 lies outside an axis of 6"),
        (lambda x: np.take(x, [7], mode="any"), UsageError, "mode='any', needs one of raise, wrap, clip"),
        (lambda x: np.take(x, [0], axis=2), ShapeError, "axis = "),
        (lambda x: np.take(x, [0.5]), IndexingError, "an index of dtype float64"),
        (lambda x: np.take_along_axis(x, np.array([0]), 1), ShapeError, "needs integers with 2 axes"),
        (lambda x: np.take_along_axis(x, x, 1), ShapeError, "needs integers"),
        (lambda x: np.take_along_axis(x, np.zeros((4, 1), int), 1), ShapeError, "other than 1 do not broadcast"),
        (
            lambda x: np.delete(x, fg.Input("k", dtype=int), 0),
            UsageError,
            "as places, needs numbers known before a run",
        ),
        (lambda x: np.sort(x, order="f"), UnsupportedError, "order="),
        (lambda x: np.argsort(x, axis=2), ShapeError, "axis = "),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))
