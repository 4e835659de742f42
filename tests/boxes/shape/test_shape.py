"""Reshape and its family: NumPy's call forms, sizes that follow the batch, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import flowgraph as fg
from flowgraph.errors import ShapeError, UnsupportedError
from tests.boxes.numpy_calls import assert_every_batch, assert_multilinear_as_numpy

A = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.reshape(a, (6, 4)),
        lambda a: np.reshape(a, -1),
        lambda a: np.reshape(a, [4, -1]),
        lambda a: np.reshape(a, (4, 6), order="F"),
        lambda a: np.reshape(a, shape=(4, -1), order="F"),
        lambda a: a.reshape(6, 4),
        lambda a: a.reshape((6, 4)),
        lambda a: a.ravel(),
        lambda a: a.flatten(),
        lambda a: np.ravel(a, order="F"),
        lambda a: np.expand_dims(a, (0, -1)),
        lambda a: np.squeeze(a[:1, :, :1]),
        lambda a: np.squeeze(a[:1], axis=0),
        lambda a: a[:1].squeeze(),
        lambda a: np.broadcast_to(a, (5, 2, 3, 4)),
        lambda a: np.broadcast_arrays(a, np.ones((5, 1, 1, 1)))[0],
        lambda a: np.broadcast_arrays(a, a[0], a[0, 0])[2],
        lambda a: np.broadcast_arrays(a)[0],
        lambda a: np.atleast_1d(a),
        lambda a: np.atleast_1d(a[0, 0, 0]),
        lambda a: np.atleast_2d(a[0, 0]),
        lambda a: np.atleast_2d(a[0, 0, 0], a),
        lambda a: np.atleast_3d(a[0, 0, 0]),
        lambda a: np.atleast_3d(a[0, 0]),
        lambda a: np.atleast_3d(a[0]),
        lambda a: np.atleast_3d(a, 2 * a),
    ],
)
def test_numpys_call_forms(function):
    assert_multilinear_as_numpy(function, A)


@given(st.data())
def test_a_reshape_keeps_the_elements(data):
    shape = data.draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4))
    sizes = []
    left = int(np.prod(shape))
    while left > 1 and data.draw(st.booleans()):
        divisor = data.draw(st.sampled_from([d for d in range(1, left + 1) if left % d == 0]))
        sizes.append(divisor)
        left //= divisor
    sizes.append(data.draw(st.sampled_from([left, -1])))
    assert_multilinear_as_numpy(lambda a: np.reshape(a, tuple(sizes)), np.ones(shape))


@pytest.mark.parametrize(
    ("shape", "to", "found"),
    [
        (("N", 28, 28), lambda n: (n, 784), ("N", 784)),
        (("N", 28, 28), lambda n: (-1, 784), ("N", 784)),
        (("N", 28, 28), lambda n: (n, -1), ("N", 784)),
        (("N", 784), lambda n: (-1, 28, 28), ("N", 28, 28)),
        (("N", 784), lambda n: (n, 1, 28, -1), ("N", 1, 28, 28)),
        (("N", 6), lambda n: -1, ("6*N",)),
        (("N", "M", 4), lambda n: (n, -1), ("N", "4*M")),
        (("N", "M", 4), lambda n: (-1, 4), ("M*N", 4)),
        (("N", 2, "M"), lambda n: (n, 2, -1), ("N", 2, "M")),
        (("N", "M", 2), lambda n: (2, n, -1), (2, "N", "M")),
    ],
)
def test_one_graph_reshapes_every_batch(shape, to, found):
    x = fg.Input("x", shape=shape)
    assert np.reshape(x, to(x.shape[0])).shape == found
    assert_every_batch(lambda x: np.reshape(x, to(x.shape[0])), shape, batches=(1, 7))


def test_the_empty_batch():
    x = fg.Input("x", shape=("N", 28, 28))
    for box in (x.reshape(-1, 784), x.reshape(x.shape[0], -1)):
        assert fg.Graph(box).fprop(x=np.ones((0, 28, 28)))[box].shape == (0, 784)
    empty = fg.Input("e", shape=("N", 0))
    flat = empty.reshape(empty.shape[0], 0, 2)
    assert fg.Graph(flat).fprop(e=np.ones((4, 0)))[flat].shape == (4, 0, 2)


def test_a_size_that_only_a_run_can_tell():
    x = fg.Input("x", shape=("N",))
    pairs = x.reshape(-1, 2)
    assert pairs.shape[0].unknown
    assert pairs.shape[1] == 2
    assert fg.Graph(pairs).fprop(x=np.ones(6))[pairs].shape == (3, 2)
    kept = x[x > 0]
    assert np.reshape(kept, (1, -1)).shape[0] == 1


def test_the_rest_of_a_shape_serves_every_batch():
    assert assert_every_batch(lambda x: np.expand_dims(x, 1), ("N", 3)) == [("N", 1, 3)]
    assert assert_every_batch(lambda x: np.squeeze(x, 1), ("N", 1, 3)) == [("N", 3)]
    assert assert_every_batch(lambda x: np.broadcast_to(x, (2, x.shape[0], 3)), ("N", 1)) == [(2, "N", 3)]
    assert assert_every_batch(lambda x, y: np.broadcast_arrays(x, y), ("N", 1), (4,)) == [("N", 4)] * 2
    assert assert_every_batch(lambda x: np.atleast_3d(x), ("N", 3)) == [("N", 3, 1)]


def test_a_size_that_follows_the_batch_is_not_squeezed():
    x = fg.Input("x", shape=("N", 1))
    assert np.squeeze(x).shape == ("N",)
    with pytest.raises(ShapeError, match="axis 0 has the size N, and only an axis of size 1 can go"):
        np.squeeze(x, axis=0)


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.reshape(x, (7, 3)), ShapeError, r"'x' \(2, 3\) does not fit into \(7, 3\)"),
        (lambda x: np.reshape(x, (-1, 4)), ShapeError, r"does not fit into \(-1, 4\)"),
        (lambda x: np.reshape(x, (-1, -1)), ShapeError, "does not fit"),
        (lambda x: np.reshape(x, (-2, 3)), ShapeError, "does not fit"),
        (lambda x: np.reshape(x, 6, order="A"), UnsupportedError, "order='A'"),
        (lambda x: fg.Reshape(x, to=(5,)), ShapeError, r"6 elements do not fit into \(5,\)"),
        (lambda x: np.expand_dims(x, 4), ShapeError, "axis = 4 does not fit"),
        (lambda x: np.squeeze(x, 0), ShapeError, "axis 0 has the size 2"),
        (lambda x: np.broadcast_to(x, (3, 2)), ShapeError, r"does not broadcast to \(3, 2\)"),
        (lambda x: np.broadcast_to(x, (3,)), ShapeError, "does not broadcast"),
        (lambda x: fg.BroadcastTo(x, to=(-1, 2, 3)), ShapeError, "does not broadcast"),
        (lambda x: np.broadcast_to(x, (fg.Size("N"), 2, 3)), ShapeError, "the size N .* does not follow from"),
        (lambda x: np.broadcast_arrays(x, np.ones((4, 5))), ShapeError, "two arrays or more, of shapes that broad"),
        (lambda x: np.broadcast_to(x, (2, 3), subok=True), UnsupportedError, "subok="),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))


def test_sizes_that_a_run_cannot_tell_apart_are_refused():
    x = fg.Input("x", shape=("N", "M"))
    flat = np.ravel(x)
    with pytest.raises(ShapeError, match="N and M are no products of neighbouring axes"):
        np.reshape(flat, x.shape)


def test_a_size_known_in_a_run_only_is_new_for_each_box():
    """What a shape becomes is remembered; a size of values is not the same size twice."""
    x = fg.Input("x", shape=("N", 2))
    taken = x[x > 0]
    one, other = (np.reshape(taken, (-1, 2)) for _ in range(2))
    assert one.shape[0].unknown
    assert other.shape[0].unknown
    assert one.shape[0] != other.shape[0]
