"""Labels of a batch: their places, of every integer dtype, and the refusal of those that are no class."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.boxes.neural.label import PlacesOf
from tests.plan.agreement import assert_agree

DTYPES = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


def plan_of(dtype, without=()):
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=dtype)
    loss = fg.SoftmaxCrossEntropy(x, y)
    outputs = [loss, *fg.gradient(fg.sum(loss), [x])]
    return fg.Graph(*outputs), fg.compile(outputs, without=without)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("without", [(), ("transpose_layout",)])
def test_every_label_outside_the_classes_is_refused(dtype, without):
    graph, plan = plan_of(dtype, without)
    feeds = {"x": np.arange(12.0).reshape(4, 3), "y": np.array([2, 0, 1, 2], dtype)}
    for found, expected in zip(plan(feeds), graph.fprop(feeds).outputs, strict=True):
        assert_agree(found, expected, plan.source, 10)
    info = np.iinfo(dtype)
    for wrong in {3, 5, 6, 7, -1, -3, -4, -6, -7, info.max, info.min} - {0}:
        if info.min <= wrong <= info.max:
            feeds["y"][1] = wrong
            with pytest.raises(fg.FlowgraphError, match=rf"SoftmaxCrossEntropy.*label {wrong} at index 1"):
                plan(feeds)


def test_no_labels_are_none_outside_the_classes():
    _, plan = plan_of(np.int64)
    assert plan(x=np.zeros((0, 3)), y=np.zeros(0, int))[0].shape == (0,)


def test_places_that_are_used_for_something_else():
    x, y = fg.Input("x", shape=(2, 3)), fg.Input("y", shape=(2,), dtype=int)
    places = PlacesOf(y, x)
    plan = fg.compile([places * 2, x.reshape((-1,))[places]])
    found = plan(x=np.arange(6.0).reshape(2, 3), y=[2, 1])
    np.testing.assert_array_equal(found[0], [4, 8])
    np.testing.assert_array_equal(found[1], [2.0, 4.0])
    for wrong in ([2, 3], [-1, 0], [0, 100]):
        with pytest.raises(fg.FlowgraphError, match=r"PlacesOf.*needs 0 to 2"):
            plan(x=np.zeros((2, 3)), y=wrong)
