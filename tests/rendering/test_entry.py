"""fg.render draws whatever a graph can be made of, and says what it cannot draw."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.rendering.entry import graph_to_draw
from flowgraph.rendering.foreign import _makers, graph_maker_for

x = fg.Input("x", shape=(3,))
h = np.tanh(x)


@pytest.mark.parametrize("subject", [h, [h, x * 2], fg.Graph(h)], ids=["box", "boxes", "graph"])
def test_boxes_and_graphs(subject, tmp_path):
    assert "tanh" in fg.render(subject, tmp_path / "net.dot").read_text()


def test_settings_are_those_of_a_graph(tmp_path):
    graph = fg.Graph(h)
    run = graph.fprop(x=[1.0, 2.0, 3.0])
    found = fg.render(graph, tmp_path / "one.svg", view="values", run=run).read_text()
    assert found == graph.render(tmp_path / "other.svg", view="values", run=run).read_text()


def test_a_plan_is_drawn_with_its_memory(tmp_path):
    plan = fg.compile([h]).prepare(x=np.ones(3))
    assert fg.render(plan, tmp_path / "one.dot").read_text() == plan.render(tmp_path / "other.dot").read_text()


def test_a_file_is_drawn_by_its_name(tmp_path):
    x = fg.Input("x", shape=("N", 3))
    saved = fg.save(tmp_path / "net.safetensors", fg.Graph(np.tanh(x).named("h")))
    assert "tanh" in fg.render(saved, tmp_path / "net.svg").read_text("utf-8")
    with pytest.raises(fg.errors.FlowgraphError, match="nothing"):
        fg.render(tmp_path / "nothing.onnx", tmp_path / "net.svg")


def test_functions_get_their_arguments_by_position():
    graph = graph_to_draw(lambda a, w: np.sin(a @ w), [np.ones((2, 3)), np.ones(3)])
    assert [graph.names[box] for box in graph.inputs] == ["a", "w"]
    graph = graph_to_draw(np.tanh, [np.ones(3)])
    assert isinstance(graph.outputs[0], fg.Tanh)


class Foreign:
    """A network of another library."""


def test_who_is_registered_makes_the_graph_also_for_examples_inside_containers(monkeypatch):
    monkeypatch.setitem(_makers, "tests", None)
    seen = []

    @graph_maker_for("tests")
    def make(target, *examples):
        seen.append((target, examples))
        return fg.Graph(h)

    one = Foreign()
    assert graph_to_draw(one, [3]).outputs[0] is h
    assert graph_to_draw(np.sin, [{"a": [one]}]).outputs[0] is h
    assert seen == [(one, (3,)), (np.sin, ({"a": [one]},))]


def test_what_cannot_be_drawn_is_said(tmp_path):
    for arguments, words in (
        ((h,), "found nothing as the last argument, needs the path"),
        ((h, 3), "found a int as the last argument"),
        ((fg.Graph(h), np.ones(3), tmp_path / "a.svg"), "1 arguments between a Graph and the path"),
        ((3, tmp_path / "a.svg"), "found a int, needs a graph, boxes, a plan, a function"),
        ((h, tmp_path / "a.bmp"), "needs a name that ends in .svg"),
    ):
        with pytest.raises(fg.FlowgraphError, match=words):
            fg.render(*arguments)
