"""Joining, splitting, padding: NumPy's call forms, sizes that add up, parts that nobody uses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import ShapeError, UnsupportedError, UsageError
from tests.boxes.numpy_calls import assert_every_batch, assert_multilinear_as_numpy

A = np.arange(24.0).reshape(2, 3, 4)
B = np.arange(6.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.concatenate([a, 2 * a, a[:1]]),
        lambda a: np.concatenate((a, a), axis=-1),
        lambda a: np.concatenate([a, a[0]], axis=None),
        lambda a: np.concatenate([a]),
        lambda a: np.concat([a, a], axis=1),
        lambda a: np.concatenate(a),
        lambda a: np.append(a, a[:1], axis=0),
        lambda a: np.append(a, a[0]),
        lambda a: np.stack([a, 2 * a]),
        lambda a: np.stack([a, a, a], axis=-1),
        lambda a: np.stack([a[0, 0, 0], a[1, 1, 1]]),
        lambda a: np.vstack([a, a]),
        lambda a: np.vstack([a[0, 0], a[0]]),
        lambda a: np.hstack([a, a[:, :1]]),
        lambda a: np.hstack([a[0, 0], a[1, 1]]),
        lambda a: np.dstack([a, a]),
        lambda a: np.dstack([a[0], a[1]]),
        lambda a: np.dstack([a[0, 0], a[1, 0]]),
        lambda a: np.column_stack([a[0, 0], a[1].T]),
        lambda a: np.block([[a[0], a[1][:, :2]], [a[0][:1], a[1][:1, :2]]]),
        lambda a: np.block([a[0, 0], a[0, 1]]),
        lambda a: np.block(a),
        lambda a: np.tile(a, 2),
        lambda a: np.tile(a, (2, 1, 3)),
        lambda a: np.tile(a, (2, 1, 1, 2)),
        lambda a: np.tile(a, (0, 1)),
        lambda a: np.repeat(a, 2),
        lambda a: np.repeat(a, 3, axis=1),
        lambda a: np.repeat(a, [2, 0, 1], axis=1),
        lambda a: np.repeat(a, 0, axis=-1),
    ],
)
def test_numpys_call_forms_of_joining(function):
    assert_multilinear_as_numpy(function, A)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.split(a, 2, axis=2),
        lambda a: np.split(a, 1),
        lambda a: np.split(a, [1, 3], axis=2),
        lambda a: np.split(a, [1, 1, 9], axis=2),
        lambda a: np.split(a, [-3, -1], axis=-1),
        lambda a: np.split(a, [1, -1], axis=2),
        lambda a: np.split(a, [3, 1], axis=2),
        lambda a: np.split(a, []),
        lambda a: np.split(a, np.array([2]), axis=1),
        lambda a: np.array_split(a, 3, axis=2),
        lambda a: np.array_split(a, 5, axis=2),
        lambda a: np.array_split(a, [2], axis=1),
        lambda a: np.vsplit(a, 2),
        lambda a: np.hsplit(a, 3),
        lambda a: np.hsplit(a[0, 0], 2),
        lambda a: np.dsplit(a, [1]),
        lambda a: np.unstack(a),
        lambda a: np.unstack(a, axis=1),
        lambda a: np.unstack(a[:1]),
        lambda a: list(a),
        lambda a: np.split(a, 2, axis=2)[1],
        lambda a: np.unstack(a, axis=-1)[2],
        lambda a: (np.split(a, 2, axis=2)[0] + np.split(a, 2, axis=2)[1], 2 * a),
    ],
)
def test_numpys_call_forms_of_splitting(function):
    assert_multilinear_as_numpy(function, A)


def test_parts_used_twice_and_not_at_all():
    def function(a):
        left, _, right = np.split(a, [1, 2], axis=1)
        return np.concatenate([left, left, 3 * right], axis=1)

    assert_multilinear_as_numpy(function, A)
    x = fg.Parameter(A, name="x")
    first = np.broadcast_arrays(x, np.ones((5, 1, 1, 1)))[1]
    assert fg.Graph(first).fprop()[first].shape == (5, 2, 3, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.pad(a, 1),
        lambda a: np.pad(a, (1, 2)),
        lambda a: np.pad(a, ((1, 2), (0, 0), (3, 0)), mode="constant"),
        lambda a: np.pad(a, {1: (2, 1), -1: 1}),
        lambda a: np.pad(a, ((1, 2), (0, 0), (3, 0)), "edge"),
        lambda a: np.pad(a, ((1, 1), (2, 1), (3, 0)), "reflect"),
        lambda a: np.pad(a, 2, "symmetric"),
        lambda a: np.pad(a, [(5, 1)], "wrap"),
    ],
)
def test_numpys_call_forms_of_padding(function):
    assert_multilinear_as_numpy(function, A)


def test_a_frame_of_another_value():
    x = fg.Parameter(np.ones(2), name="x")
    box = np.pad(x, 1, constant_values=(5, 7))
    run = fg.Graph(box).fprop()
    np.testing.assert_array_equal(run[box], [5, 1, 1, 7])
    np.testing.assert_array_equal(run.bprop(grad=np.arange(4.0))[x], [1, 2])
    assert np.pad(fg.Parameter(np.ones(2, np.float32)), 1).dtype == np.float32


def test_sizes_that_follow_the_batch():
    every = assert_every_batch
    assert every(lambda x, y: np.concatenate([x, y]), ("N", 2), (3, 2)) == [("N+3", 2)]
    assert every(lambda x, y: np.concatenate([x, y]), ("N", 2), ("M", 2)) == [("M+N", 2)]
    assert every(lambda x, y: np.concatenate([x, y], axis=1), ("N", 2), ("N", 1)) == [("N", 3)]
    assert every(lambda x: np.stack([x, x], axis=1), ("N", 2)) == [("N", 2, 2)]
    assert every(lambda x: np.tile(x, (2, 2)), ("N", 2)) == [("2*N", 4)]
    assert every(lambda x: np.repeat(x, 2, axis=0), ("N", "M")) == [("2*N", "M")]
    assert every(lambda x: np.split(x, 2, axis=1), ("N", 4)) == [("N", 2)] * 2
    assert every(lambda x: np.split(np.concatenate([x, x]), 2), ("N", 4)) == [("N", 4)] * 2
    assert every(lambda x: np.unstack(x, axis=1), ("N", 3)) == [("N",)] * 3
    assert every(lambda x: np.pad(x, ((1, 2), (0, 1))), ("N", 3)) == [("N+3", 4)]
    assert every(lambda x: np.pad(x, ((1, 2), (0, 1)), "edge"), ("N", 3), batches=(1, 7)) == [("N+3", 4)]
    (front, back) = every(lambda x: np.split(x, [-1]), ("N", 3), batches=(1, 7))
    assert front == ("N-1", 3)
    assert back[0].unknown
    assert all(shape[0].unknown for shape in every(lambda x: np.array_split(x, 2), ("N", 3)))
    assert all(shape[0].unknown for shape in every(lambda x: np.split(x, 2), ("N", 3), batches=(0, 4)))


@given(st.lists(st.integers(-6, 6), max_size=4))
def test_places_of_every_kind(places):
    assert_multilinear_as_numpy(lambda a: np.split(a, places), np.arange(5.0))


def test_the_size_of_an_axis_may_be_a_place():
    x = fg.Input("x", shape=("N", 2))
    front, last = np.split(x, [x.shape[0] - 1])
    run = fg.Graph(front, last).fprop(x=np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(run[last], [[4, 5]])


def test_float32_with_float64_widens_as_in_numpy():
    x = fg.Parameter(np.ones(2, np.float32), name="x")
    y = fg.Parameter(np.ones(2), name="y")
    joined = np.concatenate([x, y])
    assert joined.dtype == np.float64
    grads = fg.Graph(joined).fprop().bprop(np.ones(4))
    assert grads[x].dtype == np.float32
    assert grads[y].dtype == np.float64


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.concatenate([x, x.T]), ShapeError, r"'arrays\[1\]' has the shape \(3, 2\), needs \(2, 3\) but"),
        (lambda x: np.concatenate([x, x[0]]), ShapeError, "but for axis 0"),
        (lambda x: np.concatenate([x], axis=2), ShapeError, "axis = "),
        (
            lambda x: np.concatenate([x[0, 0], x[0, 0]]),
            ShapeError,
            "needs one array or more, each with one axis or more",
        ),
        (lambda x: np.concatenate([x, x], dtype=int), UsageError, "'same_kind' has no cast to"),
        (lambda x: np.concatenate([x, x], out=np.ones(4)), UnsupportedError, "found out="),
        (lambda x: np.concatenate([x, x], out=np.ones(4)), UnsupportedError, "boxes are immutable"),
        (lambda x: np.stack([x, x.T]), ShapeError, r"needs \(2, 3\)\n"),
        (lambda x: fg.Stack(), ShapeError, "one array or more"),
        (lambda x: fg.SplitLike(x, x), ShapeError, "two or more"),
        (lambda x: fg.SplitLike(x, x, x), ShapeError, "the parts are 4 long in all, the axis 2"),
        (
            lambda x: np.split(x, 2, axis=1),
            ShapeError,
            "an axis of size 3 cannot be divided into 2 equal sections; use np.array_split",
        ),
        (lambda x: fg.Split(x, at=1), UsageError, "a number of sections from 2"),
        (lambda x: fg.Split(x, at=(2, 1)), UsageError, "ascending places"),
        (lambda x: fg.Split(x, at=(1, -1)), UsageError, "all counted from the front"),
        (lambda x: np.vsplit(x[0], 1), ShapeError, "found 1 axes, needs 2"),
        (lambda x: fg.Unstack(x[:1]), ShapeError, "axis 0 has the size 1, needs a number from 2"),
        (lambda x: np.pad(x, 1, mode="around"), UnsupportedError, "mode='around'"),
        (lambda x: np.pad(x, 1, mode="edge", reflect_type="odd"), UsageError, "reflect_type="),
        (lambda x: np.pad(x, -1), UsageError, "needs numbers from 0; cut with a slice"),
        (lambda x: fg.Pad(x, pad_width=((1, 1),)), ShapeError, "1 pairs for 2 axes"),
        (lambda x: np.repeat(x, x), UsageError, "integers known before a run"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))


def test_an_axis_that_follows_the_batch_is_repeated_evenly_or_not_at_all():
    x = fg.Input("x", shape=("N",))
    with pytest.raises(ShapeError, match="found 2 numbers of times for an axis of N"):
        np.repeat(x, [1, 2])
    with pytest.raises(ShapeError, match="size N, needs a number"):
        np.unstack(x)
