"""A batch of one: numbers in the place of short rows give the same, mistakes and NaN included."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.boxes.neural.label import MinusAt, PlaceOf
from tests.plan.agreement import assert_agree
from tests.plan.test_plan import batch, network


@pytest.mark.parametrize("wrong", [3, -1])
def test_a_label_outside_the_classes_is_refused_and_nothing_changes(wrong):
    mlp, loss, _, updates = network()
    step = fg.compile([loss], updates=updates)
    before = [p.value for p in mlp.parameters]
    with pytest.raises(fg.FlowgraphError, match=rf"SoftmaxCrossEntropy.*label {wrong} at index 0, needs 0 to 2"):
        step(**(batch(1) | {"y": np.array([wrong])}), rate=0.1)
    for p, value in zip(mlp.parameters, before, strict=True):
        np.testing.assert_array_equal(p.value, value)


@pytest.mark.parametrize("values", [[1.0, np.nan, 3.0], [-np.inf, 2.0, np.inf], [-0.0, 0.0, -1.0], [2.0, 2.0, 1.0]])
@pytest.mark.parametrize("reduce", [np.max, np.min])
def test_extremes_of_one_row(reduce, values):
    x = fg.Input("x", shape=("N", 3))
    h = reduce(x * 1.0 + np.zeros((1, 3)), axis=1)
    found = fg.compile([h, x - h[:, None]])
    with np.errstate(invalid="ignore"):
        for one, other in zip(found(x=[values]), fg.Graph(h, x - h[:, None]).fprop(x=[values]).outputs, strict=True):
            assert_agree(one, other, found.source)


def test_the_largest_of_a_row_is_found_by_its_place():
    _, loss, _, updates = network()
    source = fg.compile([loss], updates=updates).prepare(**batch(1), rate=0.1).source
    assert "_flat.argmax()]" in source
    assert "        check_labels(y)" in source


def test_the_place_of_the_only_label_is_a_number_of_numpy():
    y, x = fg.Input("y", shape=(1,), dtype=np.int32), fg.Input("x", shape=(1, 3))
    place = PlaceOf(y, x)
    outputs = [place, place * np.float32(2), MinusAt(x, place.reshape((1,)), np.sum(x)), place.reshape((1, 1)) * x]
    plan = fg.compile(outputs)
    feeds = {"y": np.array([2], np.int32), "x": np.array([[1.0, 2.0, 4.0]])}
    for one, other in zip(plan(feeds), fg.Graph(*outputs).fprop(feeds).outputs, strict=True):
        assert type(one) is type(other)
        assert_agree(one, other, plan.source)


def test_constants_are_written_with_the_digits_that_their_dtype_needs():
    x = fg.Input("x", shape=(), dtype=np.float32)
    plan = fg.compile(x * fg.Constant(0.1, dtype=np.float32))
    assert plan(x=3.0) == np.float32(3) * np.float32(0.1)
    assert "= 0.1 * x" in plan.source
