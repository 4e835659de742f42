"""Places: call forms of NumPy, sizes known in a run, what is taken at them has gradients, refusals."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from tests.boxes.numpy_calls import assert_as_numpy, listed

A = np.random.default_rng(0).normal(size=(3, 4))
EDGES = np.array([-1.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.searchsorted(EDGES, a),
        lambda a: np.searchsorted(EDGES, a, "right"),
        lambda a: np.searchsorted([1, 2, 3], a, side="left"),
        lambda a: np.searchsorted(a[0], 0.5, sorter=np.argsort(A[0])),
        lambda a: np.searchsorted(np.sort(a[1]), a),
        lambda a: np.digitize(a, EDGES),
        lambda a: np.digitize(a, EDGES[::-1], right=True),
        lambda a: np.digitize(0.3, np.sort(a[0])),
        lambda a: a.argsort(),
    ],
)
def test_places_are_numpys(function):
    assert_as_numpy(function, A)


@pytest.mark.parametrize("function", [np.nonzero, np.flatnonzero, np.argwhere])
@pytest.mark.parametrize("a", [A > 0, A[0] > 0, np.zeros((2, 3)), np.array([0, 2, 0]), np.zeros((0, 3))])
def test_what_is_not_zero(function, a):
    boxes, needed = listed(function(fg.Constant(a))), listed(function(a))
    assert len(boxes) == len(needed)
    assert boxes[0].shape[0].unknown
    run = fg.Graph(*boxes).fprop()
    for box, places in zip(boxes, needed, strict=True):
        assert box.dtype == places.dtype
        np.testing.assert_array_equal(run[box], places)


def test_what_is_taken_at_places_gets_gradients():
    x = fg.Input("x", shape=("N", 3))
    loss = np.sum(x[np.nonzero(x > 0)] ** 2)
    (grad,) = fg.gradient(loss, [x])
    for n in (0, 1, 5):
        a = np.random.default_rng(n).normal(size=(n, 3))
        np.testing.assert_array_equal(fg.Graph(grad).fprop(x=a)[grad], np.where(a > 0, 2 * a, 0))


def test_no_gradient_passes_a_place():
    x = fg.Parameter(A, name="x")
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
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(A, name="x"))


def test_edges_that_are_not_in_order_are_refused_in_a_run():
    box = np.digitize(fg.Constant(A), [0.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="monotonically"):
        fg.Graph(box).fprop()
