"""Shapes, axes and joining: sizes that follow the batch, parts that nobody uses, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError
from tests.boxes.numpy_calls import assert_every_batch


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


def test_a_size_that_only_a_run_can_tell():
    x = fg.Input("x", shape=("N",))
    pairs = x.reshape(-1, 2)
    assert pairs.shape[0].unknown
    assert pairs.shape[1] == 2
    assert fg.Graph(pairs).fprop(x=np.ones(6))[pairs].shape == (3, 2)
    kept = x[x > 0]
    assert np.reshape(kept, (1, -1)).shape[0] == 1


def test_a_size_that_follows_the_batch_is_not_squeezed():
    x = fg.Input("x", shape=("N", 1))
    assert np.squeeze(x).shape == ("N",)
    with pytest.raises(ShapeError, match="axis 0 has the size N, and only an axis of size 1 can go"):
        np.squeeze(x, axis=0)


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


def test_sizes_that_follow_two_batches_and_parts_of_one():
    every = assert_every_batch
    assert every(lambda x, y: np.concatenate([x, y]), ("N", 2), ("M", 2)) == [("M+N", 2)]
    assert every(lambda x: np.repeat(x, 2, axis=0), ("N", "M")) == [("2*N", "M")]
    assert every(lambda x: np.split(x, 2, axis=1), ("N", 4)) == [("N", 2)] * 2
    assert every(lambda x: np.split(np.concatenate([x, x]), 2), ("N", 4)) == [("N", 4)] * 2
    (front, back) = every(lambda x: np.split(x, [-1]), ("N", 3), batches=(1, 7))
    assert front == ("N-1", 3)
    assert back[0].unknown
    assert all(shape[0].unknown for shape in every(lambda x: np.array_split(x, 2), ("N", 3)))
    assert all(shape[0].unknown for shape in every(lambda x: np.split(x, 2), ("N", 3), batches=(0, 4)))


def test_the_size_of_an_axis_may_be_a_place():
    x = fg.Input("x", shape=("N", 2))
    front, last = np.split(x, [x.shape[0] - 1])
    run = fg.Graph(front, last).fprop(x=np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(run[last], [[4, 5]])


def test_an_axis_that_follows_the_batch_is_repeated_evenly_or_not_at_all():
    x = fg.Input("x", shape=("N",))
    with pytest.raises(ShapeError, match="found 2 numbers of times for an axis of N"):
        np.repeat(x, [1, 2])
    with pytest.raises(ShapeError, match="size N, needs a number"):
        np.unstack(x)
