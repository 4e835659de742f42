from __future__ import annotations

import numpy as np

import flowgraph as fg
from flowgraph.rendering.kinds import kinds, receivers, spine
from tests.rendering.graphs import lecture


def by_name(graph: fg.Graph) -> dict[str, str]:
    return {graph.names[box]: kind for box, kind in kinds(graph).items()}


def test_each_box_of_the_lecture_has_its_kind() -> None:
    found = by_name(lecture())
    expected = {
        "x": "input",
        "y": "target",
        "W1": "parameter",
        "b1": "parameter",
        "a1": "box",
        "h1": "box",
        "f": "output",
        "R": "regularizer",
        "objective": "loss",
    }
    assert {name: found[name] for name in expected} == expected
    assert [kind for name, kind in found.items() if "L2" in name.upper()] == ["regularizer"]


def test_an_input_that_is_also_read_freely_is_no_target() -> None:
    f, y = fg.Input("f", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=int)
    loss = fg.mean(fg.NegativeLogLikelihood(f, y)) + fg.mean(y * 1.0)
    assert by_name(fg.Graph(loss))["y"] == "input"


def test_outputs_that_are_not_one_scalar_are_outputs() -> None:
    x = fg.Input("x", shape=("N",))
    assert by_name(fg.Graph(np.tanh(x).named("h")))["h"] == "output"
    graph = fg.Graph(fg.mean(x).named("m"), fg.sum(x).named("s"))
    assert (by_name(graph)["m"], by_name(graph)["s"]) == ("output", "output")


def test_the_spine_runs_from_the_input_to_the_loss() -> None:
    graph = lecture()
    names = [graph.names[box] for box in spine(graph, kinds(graph))]
    assert names[0] == "x"
    assert names[-1] == "objective"
    assert {"a1", "h1", "a2", "f"} < set(names)
    assert "R" not in names


def test_a_graph_of_leaves_alone_has_a_spine_of_one() -> None:
    graph = fg.Graph(fg.Parameter(1.0, name="w"))
    assert len(spine(graph, kinds(graph))) == 1
    constant = fg.Graph(fg.Constant(1.0))
    assert spine(constant, kinds(constant)) == []


def test_a_gradient_reaches_what_leads_to_a_parameter() -> None:
    graph = lecture()
    names = {graph.names[box] for box in receivers(graph, graph.parameters)}
    assert {"W1", "b1", "W2", "a1", "h1", "f", "R", "objective"} <= names
    assert not {"x", "y"} & names
