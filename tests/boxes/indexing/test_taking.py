"""Elements taken, chosen, searched, set by place and read off lines: masks that are boxes, every batch, refusals."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import IndexingError, ShapeError, UsageError
from flowgraph.functional import grad, value_and_grad
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch

MATRIX = np.random.default_rng(0).normal(size=(3, 4))


def test_what_a_function_gives_elsewhere_does_not_leak():
    x = fg.Parameter([-4.0, 0.0, 4.0], name="x")
    box = np.piecewise(x, [x > 0], [np.sqrt, 0.0])
    with np.errstate(all="raise"):
        run = fg.Graph(box).fprop()
        np.testing.assert_array_equal(run[box], [0, 0, 2])
        np.testing.assert_array_equal(run.bprop([1.0, 1.0, 1.0])[x], [0, 0, 0.25])
    chosen = np.select([x > 0], [np.where(x > 0, x, 1.0) ** 0.5], 0.0)
    np.testing.assert_array_equal(fg.Graph(chosen).fprop().bprop([1.0, 1.0, 1.0])[x], [0, 0, 0.25])


RNG = np.random.default_rng(0)
TWICE = np.array([0, 2, 0, -1])
INDICES = [
    1, -1, (slice(None), 2), (slice(None, None, -2), slice(1, 3)), ..., (..., None, 0), TWICE, [2, 2], (TWICE, TWICE),
    (slice(None), TWICE), MATRIX > 0, (MATRIX[:, 0] > -9, TWICE[:3]), (1, TWICE), np.array([[0, 1], [1, 1]]), [],
    (2, 3),
]  # fmt: skip


@pytest.mark.parametrize("function", [fg.set_at, fg.add_at])
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_every_index(function, index):
    full = RNG.normal(size=MATRIX[index].shape)
    assert_as_numpy(lambda a, v: function(a, index, v), MATRIX, full)
    assert_as_numpy(lambda a, v: function(a, index, v), MATRIX[::-1, ::-1], full)
    assert_as_numpy(lambda a, v: function(a, index, v), MATRIX, np.array(2.5))
    assert_as_numpy(lambda v: function(MATRIX, index, v), full)
    assert_as_numpy(lambda a: function(a, index, 1), MATRIX.astype("float32"))
    assert_as_numpy(lambda a: function(a, index, 2), (9 * MATRIX).astype(int))


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


def test_a_mask_that_takes_another_number_of_values_is_refused_in_a_run():
    box = fg.SetAt(np.zeros(3), np.ones(2), fg.Input("m", shape=(3,), dtype=bool), index=("array",))
    with pytest.raises(ShapeError, match=r"found value of shape \(2,\), needs \(1,\)"):
        fg.Graph(box).fprop(m=[True, False, False])


def test_assignments_in_every_batch():
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
    x = fg.Parameter(MATRIX, name="x")
    with pytest.raises(IndexingError, match="the index 3 lies outside"):
        fg.set_at(x, 3, 0.0)
    with pytest.raises(ShapeError, match=r"the index takes \(4,\) of a, and value is \(3,\)"):
        fg.SetAt(x, np.ones(3), index=(0,))
    with pytest.raises(IndexingError, match="in index="):
        fg.SetAt(x, np.ones(3), index=(0.5,))
    with pytest.raises((ShapeError, ValueError)):
        fg.Graph(fg.add_at(x, 0, np.ones(3))).fprop()


EDGES = np.array([-1.0, 0.0, 0.0, 1.0])


def test_no_gradient_passes_a_place():
    x = fg.Parameter(MATRIX, name="x")
    with pytest.raises(fg.FlowgraphError, match="cut at SearchSorted"):
        fg.Graph(fg.sum(np.searchsorted(EDGES, x) * 1.0)).fprop().bprop()


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda x: np.searchsorted(x, 0.5), ShapeError, "found 2 axes to search in, needs one"),
        (lambda x: np.searchsorted(EDGES, x, side="middle"), UsageError, "side='middle', needs 'left' or 'right'"),
        (lambda x: np.digitize(x, x), ShapeError, "bins with 2 axes, needs one"),
        (lambda x: np.nonzero(x[0, 0]), ShapeError, r"found no axes.*use np\.atleast_1d"),
    ],
)
def test_a_search_that_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(MATRIX, name="x"))


def test_edges_that_are_not_in_order_are_refused_in_a_run():
    box = np.digitize(fg.Constant(MATRIX), [0.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="monotonically"):
        fg.Graph(box).fprop()


X = np.array([[-0.7, 0.1, 1.9], [-2.0, 0.4, 3.0]])
XP = np.array([-1.0, -0.3, 0.5, 2.0])
FP = np.array([0.3, -1.2, 2.0, 0.7])


def test_corners_and_ends_of_lines():
    x = fg.Parameter([-2.0, -1.0, -0.3, 2.0, 2.5], name="x")
    fp = fg.Parameter(FP, name="fp")
    box = np.interp(x, XP, fp)
    run = fg.Graph(box).fprop()
    np.testing.assert_array_equal(run[box], [FP[0], FP[0], FP[1], FP[3], FP[3]])
    grads = run.bprop(np.ones(5))
    slopes = np.diff(FP) / np.diff(XP)
    np.testing.assert_allclose(grads[x], [0, slopes[0], slopes[1], slopes[2], 0])
    np.testing.assert_allclose(grads[fp], [2, 1, 0, 2])


def test_places_out_of_order_are_refused_in_a_run():
    box = np.interp(fg.Constant(X), XP[::-1], FP)
    with pytest.raises(UsageError, match="found xp that is not increasing, needs ascending xp"):
        fg.Graph(box).fprop()


@given(st.data())
def test_a_value_that_does_not_fit_its_place_is_refused_on_the_line_that_builds_it(data):
    a = np.arange(12.0).reshape(3, 4)
    places = data.draw(st.sampled_from([0, (1, 2), slice(1), (slice(None), [0, 3, 3]), [2, 0]]))
    value = np.ones(data.draw(st.lists(st.sampled_from([1, 2, 3, 4]), max_size=2)))
    try:
        fits = np.broadcast_to(value, a[places].shape).shape == a[places].shape
    except ValueError:
        fits = False
    for function in (fg.set_at, fg.add_at):
        if not fits:
            with pytest.raises(fg.ShapeError, match="does not broadcast to"):
                function(fg.Input("a", shape=(3, 4)), places, value)
            continue
        box = function(fg.Input("a", shape=(3, 4)), places, value)
        np.testing.assert_array_equal(fg.Graph(box).fprop(a=a)[box], function(a, places, value))


WRITTEN = {
    "set": operator.setitem,
    "add": np.add.at,
    "subtract": np.subtract.at,
    "multiply": np.multiply.at,
    "divide": np.divide.at,
    "power": np.power.at,
    "min": np.minimum.at,
    "max": np.maximum.at,
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_places_are_written_as_numpy_writes_them(name, index):
    """Or refused, where NumPy takes a place twice and the box would take it once."""
    value = np.abs(RNG.normal(size=MATRIX[index].shape)) + 0.5
    a = np.abs(MATRIX) + 0.1
    times = np.zeros(MATRIX.shape, int)
    np.add.at(times, index, 1)
    if times.max() > 1 and name not in ("set", "add", "subtract"):
        with pytest.raises(UsageError, match="names a place twice"):
            getattr(fg.Parameter(a, name="a").at[index], name)(value)
        return
    needed = a.copy()
    WRITTEN[name](needed, index, value)
    found = []

    def total(a, value):
        written = getattr(a.at[index], name)(value)
        found.append(written.dtype)
        return np.sum(written * np.cos(np.arange(a.size)).reshape(a.shape))

    sum_found, (of_a, of_value) = value_and_grad(total, argnums=(0, 1))(a, value)
    assert sum_found == pytest.approx(np.sum(needed * np.cos(np.arange(a.size)).reshape(a.shape)), rel=1e-12)
    assert found == [np.float64]
    step = 1e-6
    for taken, slope in ((a, of_a), (value, of_value)):
        moved = np.cos(np.arange(taken.size) ** 2.0).reshape(taken.shape)
        ends = []
        for sign in (1, -1):
            one = taken + sign * step * moved
            written = (one if taken is a else a).copy()
            WRITTEN[name](written, index, value if taken is a else one)
            ends.append(np.sum(written * np.cos(np.arange(a.size)).reshape(a.shape)))
        assert np.sum(slope * moved) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-8)


def test_places_of_a_graph_are_taken_where_it_is_known_that_none_is_named_twice():
    x, rows = fg.Input("x", shape=("N", 3)), fg.Input("rows", shape=("K",), dtype=int)
    mask = fg.Input("mask", shape=(2, 3), dtype=bool)
    assert x.at[1:].max(0.0).shape == x.shape
    assert fg.Input("y", shape=(2, 3)).at[mask].min(0.0).shape == (2, 3)
    for taken in (x.at[[0, 1]], fg.Input("y", shape=(2, 3)).at[rows]):
        with pytest.raises(UsageError, match=r"with np\.minimum: found an index that names a place twice, or that is"):
            taken.min(0.0)
    np.testing.assert_array_equal(fg.Graph(x.at[[0, 0]].get()).fprop(x=np.ones((2, 3))).outputs[0], np.ones((2, 3)))
    assert repr(x.at) == f"{x!r}.at"


def test_places_may_be_found_in_a_call():
    def clipped(x):
        return np.sum(x.at[np.argsort(x)[:2]].max(1.5) ** 2)

    assert grad(clipped)(np.array([1.0, 2.0, 3.0])).tolist() == [0, 4, 6]
