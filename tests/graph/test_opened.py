"""fg.opened: the graph inside a box has the box's value, and draws."""

from __future__ import annotations

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.rendering.gallery import box_graph
from tests.registry import boxes_with_examples

BOXES = list(boxes_with_examples().values())


@pytest.mark.parametrize("cls", BOXES, ids=lambda cls: cls.__name__)
def test_every_box_opens_into_a_graph_of_the_same_outputs(cls):
    box = box_graph(cls).outputs[0]
    (inside,) = fg.opened(box).outputs
    assert [(spec.dtype, len(spec.shape)) for spec in inside.outputs] == [
        (spec.dtype, len(spec.shape)) for spec in box.outputs
    ]


def test_softmax_opens_into_its_parts_with_its_value():
    a = np.tanh(fg.Input("x", shape=("N", 3))).named("a")
    graph = fg.opened(fg.softmax(a).named("f"))
    assert {"a", "f"} <= set(graph.names.values())
    assert {"Exp", "Sum", "Divide"} <= {type(box).__name__ for box in graph}
    values = np.random.default_rng(0).normal(size=(4, 3))
    expected = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(graph.fprop(a=values)["f"], expected, rtol=1e-12)


def test_leaves_stay_and_boxes_become_inputs_of_their_own_names():
    W = fg.Parameter(np.ones((3, 2)), name="W")
    with fg.scope("layer1"):
        h = np.tanh(fg.Input("x", shape=("N", 3))).named("h")
        a = fg.Affine(h, W, fg.Parameter(np.zeros(2), name="b")).named("a")
    graph = fg.opened(a)
    assert graph["W"] is W
    assert [box.name for box in graph.inputs] == ["h"]
    assert "a" in graph
    assert len(graph.fprop(h=np.ones((5, 3))).bprop(grad=np.ones((5, 2)))) == 2


def test_two_children_of_one_name_stay_two():
    x = fg.Input("x", shape=(3,))
    with fg.scope("one"):
        left = np.tanh(x).named("h")
    with fg.scope("two"):
        right = np.exp(x).named("h")
    assert len(fg.opened(fg.SquaredError(left, right)).inputs) == 2
    assert len(fg.opened(fg.SquaredError(left, left)).inputs) == 1


@pytest.mark.parametrize("cls", [fg.SquaredError, fg.SoftmaxCrossEntropy, fg.Affine], ids=str)
def test_boxes_without_a_name_are_called_by_what_they_are_to_the_box(cls):
    box = box_graph(cls).outputs[0]
    unnamed = [child if child.dtype.kind not in "fc" else child * 1 for child in box.children]
    inside = fg.opened(box.with_children(*unnamed))
    leaves = {child.name for child in unnamed if isinstance(child, fg.Leaf)}
    read = {name for name, child in zip(cls.child_names, unnamed, strict=True) if not isinstance(child, fg.Leaf)}
    assert read <= {box.name for box in inside.inputs} <= read | leaves


def test_what_is_no_box_is_refused():
    with pytest.raises(UsageError, match="needs a box"):
        fg.opened(3)
    assert len(fg.opened(fg.Input("x", shape=(2,)))) == 1


@pytest.mark.parametrize("roles", [("left", "right"), ("right", "left")])
def test_an_input_is_not_called_as_a_leaf_that_has_the_name_of_its_place(roles):
    """A leaf called "right" on the left, and a value without a name on the right of it."""
    leaf = fg.Input(roles[1], shape=(3, 3))
    value = np.tanh(fg.Input("x", shape=(3, 3)))
    children = {roles[0]: leaf, roles[1]: value}
    inside = fg.opened(fg.MatMul(children["left"], children["right"]))
    assert sorted(box.name for box in inside.inputs) == sorted([roles[1], f"{roles[1]}'"])
