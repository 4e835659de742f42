"""Slices put in, taken out and cut off, grids, arrays filled up: call forms of NumPy, every batch, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import IndexingError, ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch, assert_multilinear_as_numpy

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4))
PLACES = [0, 1, -1, 2, [1], [0, 2], [2, 0, 0], slice(0, 2), slice(None, None, -2), [], np.array([-1, 0])]


@pytest.mark.parametrize("axis", [0, 1, -1, None])
@pytest.mark.parametrize("places", PLACES, ids=str)
def test_numpys_places(places, axis):
    for a in (A, A[::-1, ::-1]):
        assert_multilinear_as_numpy(lambda a: np.insert(a, places, 7 * a[0, 0], axis), a)
        assert_multilinear_as_numpy(lambda a: np.delete(a, places, axis), a)
    assert_as_numpy(lambda a: np.insert(a, places, 2.7, axis=axis), (9 * A).astype(int))


@pytest.mark.parametrize(
    ("function", "values"),
    [
        (lambda a, v: np.insert(a, 1, v, axis=1), A[:, 0]),
        (lambda a, v: np.insert(a, [1], v, axis=1), A[:, :2]),
        (lambda a, v: np.insert(a, [1, 3], v, axis=1), A[:, :2]),
        (lambda a, v: np.insert(a, [1, 3], v), A[0, :2]),
        (lambda a, v: np.insert(a, 1, v), A[0, :2]),
        (lambda a, v: np.insert(a, 1, v, axis=0), A[:2]),
        (lambda a, v: np.insert(a, -1, v, axis=0), A[1]),
        (lambda a, v: np.insert(a, [0, 3], v, axis=0), A[:2]),
        (lambda a, v: np.insert(a, np.array([True, False, True]), v, axis=0), A[:2]),
        (lambda a, v: np.insert(np.ones(3), 1, v) * a[0, 0], A[0]),
    ],
)
def test_values_that_are_boxes_get_gradients(function, values):
    assert_as_numpy(function, A, values)


@pytest.mark.parametrize("trim", ["f", "b", "fb", "BF"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_zeros_are_trimmed(trim, axis):
    grid = np.zeros((4, 5))
    grid[1, 2], grid[2, 1] = 3, -1
    for a in (np.array([0, 0, 1.5, 0, 2, 0]), grid, np.zeros((2, 3)), np.zeros(3), np.ones(2)):
        x = fg.Parameter(a, name="x")
        box = np.trim_zeros(x, trim, axis)
        needed = np.trim_zeros(a, trim, axis)
        run = fg.Graph(box).fprop()
        np.testing.assert_array_equal(run[box], needed)
        grad = run.bprop(np.ones(needed.shape))[x]
        assert grad.sum() == needed.size
        assert np.all(grad[a != 0] == 1)
    nothing = fg.Parameter(1.5, name="x")
    assert np.trim_zeros(nothing) is nothing


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("sparse", [False, True])
def test_grids(indexing, sparse):
    def function(*lines):
        return np.meshgrid(*lines, indexing=indexing, sparse=sparse)

    assert_multilinear_as_numpy(lambda x: function(x, 2 * x[:2]), A[0])
    assert_multilinear_as_numpy(function, A[0])
    for lines in ((A[0], A[:, 0]), (A[0], A[:2], np.array(3.0)), (A[0], np.array([1, 2]))):
        assert_as_numpy(lambda *lines: function(*lines), *lines)
    assert_as_numpy(lambda x: function(x, [1.0, 2.0]), A[0])


@pytest.mark.parametrize("shape", [5, (2, 3), (4, 4), (3, 4), [5, 5], 0, (), (0, 3)])
def test_an_array_is_filled_up(shape):
    assert_multilinear_as_numpy(lambda a: np.resize(a, shape), A)
    assert_as_numpy(lambda a: np.resize(a, shape), np.arange(3))
    box = np.resize(fg.Constant(np.zeros((0, 3))), shape)
    np.testing.assert_array_equal(fg.Graph(box).fprop()[box], np.resize(np.zeros((0, 3)), shape))


@pytest.mark.parametrize("function", [np.cumulative_sum, np.cumulative_prod])
@pytest.mark.parametrize("initial", [False, True])
def test_running_totals(function, initial):
    for axis in (0, 1, -1):
        assert_as_numpy(lambda a, axis=axis: function(a, axis=axis, include_initial=initial), A)
    assert_as_numpy(lambda a: function(a, include_initial=initial), A[0, ::-1])
    assert_as_numpy(lambda a: function(a, include_initial=initial), np.array([1, 2, 3]))
    empty = fg.Constant(np.zeros(0))
    box = function(empty, include_initial=initial)
    np.testing.assert_array_equal(fg.Graph(box).fprop()[box], function(np.zeros(0), include_initial=initial))
    with pytest.raises(UsageError, match="found 2 axes and axis=None"):
        function(fg.Parameter(A, name="x"))


@pytest.mark.parametrize("axis", [0, -1, None])
def test_partitions(axis):
    for kth in (1, -2, (0, 2)):
        x = fg.Parameter(A, name="x")
        box, places = np.partition(x, kth, axis), np.argpartition(x, kth, axis=axis)
        run = fg.Graph(box, places).fprop()
        needed = np.partition(A, kth, axis)
        flat = 0 if axis is None else axis
        np.testing.assert_array_equal(run[box].take(kth, flat), needed.take(kth, flat))
        np.testing.assert_array_equal(np.sort(run[box], flat), np.sort(needed, flat))
        taken = np.take_along_axis(A.ravel() if axis is None else A, run[places], flat)
        np.testing.assert_array_equal(taken, run[box])
        seed = RNG.normal(size=box.shape)
        grad = fg.Graph(box).fprop().bprop(seed)[x]
        there = np.take_along_axis(grad.ravel() if axis is None else grad, run[places], flat)
        np.testing.assert_array_equal(there, seed)


def test_a_copy_is_the_box_itself_and_asarray_with_like():
    x = fg.Parameter(A, name="x")
    assert np.copy(x) is x
    assert np.asarray(x, like=x) is x
    assert np.asarray(x, dtype="float32", like=x).dtype == np.float32
    assert isinstance(np.asarray([1.0, 2.0], like=x), fg.Constant)


@pytest.mark.parametrize("obj", [0, 2, -1, -3, slice(1, 3), slice(None, 2), slice(-2, None), slice(2, -1), slice(3, 1),
                                 slice(-9, None, 2), slice(None), slice(1, None, 2)], ids=str)  # fmt: skip
def test_places_on_an_axis_that_follows_the_batch(obj):
    (shape,) = assert_every_batch(lambda x: np.delete(x, obj, axis=0), ("N", 3), batches=(3, 4, 7))
    if isinstance(obj, int):
        assert shape == ("N-1", 3)
        for values in (1.0, [1, 2, 3], np.ones((2, 3))):
            (shape,) = assert_every_batch(
                lambda x, values=values: np.insert(x, obj, values, axis=0), ("N", 3), batches=(3, 4, 7)
            )
            assert shape == ("N+2" if np.ndim(values) == 2 else "N+1", 3)


def test_places_may_be_a_constant():
    assert_as_numpy(lambda a: np.insert(a, fg.Constant([1]) if isinstance(a, fg.Box) else [1], 0.0, axis=0), A)


def test_every_batch():
    assert assert_every_batch(lambda x: np.resize(x, (4, 5)), ("N", 3), batches=(0, 1, 3, 9)) == [(4, 5)]
    assert assert_every_batch(lambda x: np.meshgrid(x[:, 0], [1.0, 2.0]), ("N", 3)) == [(2, "N")] * 2
    assert assert_every_batch(lambda x: np.cumulative_sum(x, axis=0, include_initial=True), ("N", 3)) == [("N+1", 3)]
    assert assert_every_batch(lambda x: np.partition(x, 1, axis=0), ("N", 3), batches=(2, 7)) == [("N", 3)]


FOLLOWS = fg.Input("n", shape=("N", 3))


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.insert(x, 4, 0.0, axis=0), IndexingError, "found the places 4 on an axis of 2"),
        (lambda x: np.insert(x, [4, 0], 0.0, axis=0), IndexingError, r"the places \[4, 0\] on an axis of 2"),
        (lambda x: np.insert(x, fg.Input("k", dtype=int), 0.0), UsageError, "as places, needs numbers known"),
        (lambda x: np.insert(FOLLOWS, [1, 2], x[0], axis=0), UsageError, "found 2 places on an axis of N, needs one"),
        (lambda x: np.insert(FOLLOWS, slice(2), x[0], axis=0), UsageError, "needs places known before a run"),
        (lambda x: np.delete(x, 4, axis=0), IndexingError, r"np\.delete: index 4 is out of bounds"),
        (lambda x: np.delete(FOLLOWS, [1, 2], axis=0), UsageError, "needs a place or a slice, or use a mask"),
        (lambda x: np.trim_zeros(x, "x"), UsageError, "trim='x', needs 'f' for the front"),
        (lambda x: np.meshgrid(x, x, indexing="yx"), UsageError, "indexing='yx', needs 'xy' or 'ij'"),
        (lambda x: np.resize(x, (2, -1)), UsageError, r"new_shape=\(2, -1\), needs numbers from 0"),
        (lambda x: np.partition(x, 3), UsageError, "kth=3 on an axis of 3"),
        (lambda x: np.partition(x, 0.5), UsageError, "kth=0.5"),
        (lambda x: np.insert(x, 0, np.ones(5), axis=1), ShapeError, "do not broadcast"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))
