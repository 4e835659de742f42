"""Assignments as new boxes: every kind of index, places named twice, values that broadcast, every batch."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import IndexingError, ShapeError
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4))
TWICE = np.array([0, 2, 0, -1])
INDICES = [
    1, -1, (slice(None), 2), (slice(None, None, -2), slice(1, 3)), ..., (..., None, 0), TWICE, [2, 2], (TWICE, TWICE),
    (slice(None), TWICE), A > 0, (A[:, 0] > -9, TWICE[:3]), (1, TWICE), np.array([[0, 1], [1, 1]]), [], (2, 3),
]  # fmt: skip


@pytest.mark.parametrize("function", [fg.set_at, fg.add_at])
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_every_index(function, index):
    full = RNG.normal(size=A[index].shape)
    assert_as_numpy(lambda a, v: function(a, index, v), A, full)
    assert_as_numpy(lambda a, v: function(a, index, v), A[::-1, ::-1], full)
    assert_as_numpy(lambda a, v: function(a, index, v), A, np.array(2.5))
    assert_as_numpy(lambda v: function(A, index, v), full)
    assert_as_numpy(lambda a: function(a, index, 1), A.astype("float32"))
    assert_as_numpy(lambda a: function(a, index, 2), (9 * A).astype(int))


def test_the_last_of_several_values_for_one_place_is_taken():
    a, v = fg.Parameter(np.zeros(3), name="a"), fg.Parameter([1.0, 2.0, 3.0], name="v")
    box = fg.set_at(a, [1, 1, 0], v)
    run = fg.Graph(box).fprop()
    np.testing.assert_array_equal(run[box], [3, 2, 0])
    grads = run.bprop([10.0, 20.0, 30.0])
    np.testing.assert_array_equal(grads[a], [0, 0, 30])
    np.testing.assert_array_equal(grads[v], [0, 20, 10])
    box = fg.add_at(a, [1, 1, 0], v)
    run = fg.Graph(box).fprop()
    np.testing.assert_array_equal(run[box], [3, 3, 0])
    np.testing.assert_array_equal(run.bprop([10.0, 20.0, 30.0])[v], [20, 20, 10])


def test_what_is_replaced_gets_an_exact_0():
    x = fg.Parameter([0.0, 4.0], name="x")
    run = fg.Graph(fg.sum(np.log(fg.set_at(x, x <= 0, 1.0)))).fprop()
    np.testing.assert_array_equal(run.bprop()[x], [0, 0.25])


def test_a_mask_that_takes_another_number_of_values_is_refused_in_a_run():
    box = fg.SetAt(np.zeros(3), np.ones(2), fg.Input("m", shape=(3,), dtype=bool), index=("array",))
    with pytest.raises(ShapeError, match=r"found value of shape \(2,\), needs \(1,\)"):
        fg.Graph(box).fprop(m=[True, False, False])


def test_every_batch():
    for function in (fg.set_at, fg.add_at):
        assert assert_every_batch(lambda x, f=function: f(x, (slice(None), [0, 2, 0]), x), ("N", 3)) == [("N", 3)]
        assert assert_every_batch(lambda x, f=function: f(x, x > 0, 2.0), ("N", 3)) == [("N", 3)]
    places = fg.Input("k", shape=("N",), dtype=int)
    x = fg.Input("x", shape=("N", 3))
    box = fg.set_at(x, (fg.arange_like(x), places), 0.0)
    assert box.shape == ("N", 3)
    found = fg.Graph(box).fprop(x=np.ones((2, 3)), k=[2, 0])[box]
    np.testing.assert_array_equal(found, [[1, 1, 0], [0, 1, 1]])


def test_what_does_not_fit_is_refused_where_it_is_written():
    x = fg.Parameter(A, name="x")
    with pytest.raises(IndexingError, match="the index 3 lies outside"):
        fg.set_at(x, 3, 0.0)
    with pytest.raises(ShapeError, match=r"the index takes \(4,\) of a, and value is \(3,\)"):
        fg.SetAt(x, np.ones(3), index=(0,))
    with pytest.raises(IndexingError, match="in index="):
        fg.SetAt(x, np.ones(3), index=(0.5,))
    with pytest.raises((ShapeError, ValueError)):
        fg.Graph(fg.add_at(x, 0, np.ones(3))).fprop()
