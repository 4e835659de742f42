"""What a box does is written as mathematics is; what of a gradient graph is backward, and of what."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.box import Box
from flowgraph.rendering.compose import compose
from flowgraph.rendering.gallery import box_graph, topics
from flowgraph.rendering.operations import operation
from flowgraph.rendering.palette import KINDS
from flowgraph.rendering.subject import Subject
from tests.registry import unregistered
from tests.rendering.graphs import feeds, lecture

a = fg.Input("a", shape=("N", 4, 5, 6))


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (a**2, "a²"),
        (np.square(a), "a²"),
        (a**-3, "a⁻³"),
        (a**0.5, "√a"),
        (a**-1, "1 / a"),
        (a**0.3, "a^0.3"),
        (a[:, 3], "[:, 3]"),
        (a[..., None], "[…, None]"),
        (a[:, ::2, -1], "[:, ::2, −1]"),
        (a[:, [0, 2]], "[:, ·]"),
        (np.mean(a, axis=-1, keepdims=True), "mean  over the last axis"),
        (np.sum(a, axis=(1, 2)), "Σ  over axes 1, 2"),
        (np.max(a, axis=0), "max  over axis 0"),
        (np.mean(a, axis=3), "mean  over the last axis"),
        (np.transpose(a, (0, 2, 1, 3)), "T  (0, 2, 1, 3)"),
        (np.reshape(a, (-1, 120)), "reshape"),
        (np.concatenate([a, a], axis=1), "concatenate  along axis 1"),
        (np.clip(a, 0.0, 6.5), "clip  from 0  to 6.5"),
        (np.sum(a, axis=()), "Σ  over no axis"),
        (np.flip(a, axis=(0, -1)), "flip  along axes 0, −1"),
        (fg.softmax(a, axis=None), "softmax  along all axes"),
        (np.tensordot(a, a, axes=((1,), (1,))), "tensordot  over axes 1 and 1"),
        (np.einsum("nijk->nk", a), "einsum  nijk → nk"),
        (np.round(a, -1), "round  decimals −1"),
        (np.pad(a, 1, mode="reflect"), "pad  mode reflect"),
        (2.0 - a, "2 −"),
        (a / 2.0, "÷ 2"),
    ],
)
def test_operations(box: Box, words: str) -> None:
    assert operation(box, "a") == words


PARTS = st.integers(2, 4) | st.lists(st.integers(1, 11), min_size=1, max_size=3, unique=True).map(sorted)


@given(PARTS, PARTS)
def test_two_splits_are_told_alike_only_if_they_are(one: Any, other: Any) -> None:
    x = fg.Input("x", shape=(12,))
    said = [operation(np.split(x, parts)[0].children[0]) for parts in (one, other)]
    assert (said[0] == said[1]) == (one == other)


def test_a_power_of_what_has_no_short_name() -> None:
    assert operation(a**2) == "( )²"
    assert operation(a**2, "encoder_output") == "( )²"


_CODE = re.compile(r"""['"=_]|\b(True|False)\b|\bNone\b(?![^[]*\])|\(-?\d+,\)|-\d""")
"""Quotes, keywords, switches, tuples of one number and hyphens before numbers; None stands in an index alone."""


def test_no_box_shows_its_settings_as_code() -> None:
    """Of all examples of all boxes, also those whose settings are switches, words, indices and empty tuples."""
    boxes = [
        box
        for topic in topics()
        for _, cls in topic.boxes
        for number in range(max(1, len(cls.examples or ())))
        for box in box_graph(cls, number).boxes
        if box.children
    ]
    assert len(boxes) > 600
    told = {(box.title, operation(box).removeprefix(type(box).symbol)) for box in boxes}
    assert not [(title, words) for title, words in told if _CODE.search(words)]


@pytest.mark.parametrize("value", [None, 0, -1, 2.5, True, "word", (), (1,), (0, -2), ((1,), (0,)), [3], {"a": 1}])
@pytest.mark.parametrize("name", ["axis", "axes", "index", "subscripts", "keepdims", "to", "low", "high", "columns"])
def test_boxes_of_users_may_call_and_fill_their_settings_as_they_like(name: str, value: object) -> None:
    """A setting of a box elsewhere is shown or left out, whatever it holds, and its picture is drawn."""
    with unregistered():
        code = {"__annotations__": {name: object}, name: "other", "fprop": lambda self, a: a,
                "bprop": lambda self, grad, h, a: (grad,), "symbol": "odd"}  # fmt: skip
        odd = type("Odd", (fg.Elementwise,), code)
        box = odd(fg.Input("a", shape=(2, 3)), **{name: value})
        assert operation(box).startswith("odd")
        assert "odd" in fg.Graph(box).to_svg()


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
