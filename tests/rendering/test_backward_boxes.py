"""A gradient graph tells what is forward from what is backward, and of what each gradient is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.rendering.compose import compose
from flowgraph.rendering.palette import KINDS
from flowgraph.rendering.subject import Subject
from tests.rendering.graphs import feeds, lecture

STEPS = (np.tanh, np.exp, lambda h: h * h, lambda h: h @ fg.Parameter(np.eye(3), name="W"), lambda h: h + 1.0)


@settings(max_examples=30)
@given(st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=6))
def test_backward_is_what_the_gradient_added_to_the_graph(places: list[int]) -> None:
    h: Any = fg.Parameter(np.full((2, 3), 0.1), name="h0")
    weights = [h]
    for number, place in enumerate(places):
        with fg.scope(f"step{number}"):
            h = STEPS[place](h)
    loss = fg.sum(h)
    results = fg.gradient(loss, weights)
    subject = Subject(fg.Graph(loss, *results))
    added = {box for box in subject.graph.boxes if box.children} - set(fg.Graph(loss).boxes)
    assert subject.backward == added


def test_gradients_are_called_as_the_lecture_calls_them() -> None:
    graph = lecture()
    subject = Subject(fg.Graph(*fg.gradient(graph.outputs[0], graph.parameters)))
    shown = {subject.graph.names[box]: subject.local_name(box) for box in subject.gradients if subject.is_named(box)}
    assert shown["dW1"] == "∇W⁽¹⁾"
    assert shown["dh1"] == "∇h⁽¹⁾"
    assert "d-log" not in shown
    assert not {"∇L⁽²⁾", "∇@", "∇mean"} & set(shown.values())


@pytest.mark.parametrize("view", ["forward", "gradients"])
def test_backward_tiles_say_so_and_their_links_are_of_the_gradients_colour(view: str) -> None:
    graph = lecture()
    picture = compose(Subject(fg.Graph(*fg.gradient(graph.outputs[0], graph.parameters)), view))
    kinds = {tile.id: tile.kind for tile in picture.tiles}
    assert set(kinds.values()) <= set(KINDS)
    for tile in picture.tiles:
        words = " ".join(item.text for row in tile.rows for item in row.items if hasattr(item, "text"))
        assert tile.dashed or (tile.kind == "backward") == ("backward  " in words)
    if view == "forward":
        assert all((link.role == "gradient") == (kinds[link.head] == "backward") for link in picture.links)


def test_the_backward_pass_of_a_plan_is_marked() -> None:
    x = fg.Parameter(np.eye(3), name="x")
    loss = fg.sum(np.tanh(x @ x))
    (dx,) = fg.gradient(loss, [x])
    step = fg.compile([loss], updates={x: x - 0.1 * dx}).prepare()
    subject = Subject(step._latest().graph)
    assert 0 < len(subject.backward) < len(subject.graph)
    assert not any(type(box) in (fg.Tanh, fg.Sum) for box in subject.backward)


@pytest.mark.parametrize("count", [1, 2])
def test_a_plan_that_merges_the_gradients_into_the_new_parameters_marks_its_backward_pass(count: int) -> None:
    graph = lecture()
    parameters = graph.parameters[:count]
    (loss,) = graph.outputs
    grads = fg.gradient(loss, parameters)
    step = fg.compile([loss], updates={p: p - 0.1 * g for p, g in zip(parameters, grads, strict=True)})
    subject = Subject(step.prepare(**feeds())._latest().graph)
    named = {box.name for box in subject.backward}
    assert {"dh1", "df"} <= named
    assert not named & {"h1", "a1", "a2", "f"}
