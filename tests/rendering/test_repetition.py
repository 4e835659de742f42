"""Repetition without scopes: steps of a loop stand under each other, many equal layers are one tile."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.rendering.compose import compose
from flowgraph.rendering.layout import place
from flowgraph.rendering.repetition import repetition, steps_of
from flowgraph.rendering.subject import Subject

UNARY: tuple[Any, ...] = (np.tanh, np.exp, fg.sigmoid, np.sin, fg.relu)


def lstm(steps: int, inputs: int = 4, hidden: int = 8, scopes: tuple[str, ...] = ()) -> fg.Graph:
    """A loop with shared weights, written by hand, inside scopes."""
    with contextlib.ExitStack() as inside:
        for name in scopes:
            inside.enter_context(fg.scope(name))
        h = _loop(steps, inputs, hidden)
    return fg.Graph(fg.mean(np.tanh(h)))


def _loop(steps: int, inputs: int, hidden: int) -> Any:
    rng = np.random.default_rng(0)
    x = fg.Input("x", shape=("N", steps, inputs))
    W = fg.Parameter(rng.normal(size=(inputs, 4 * hidden)), name="W")
    U = fg.Parameter(rng.normal(size=(hidden, 4 * hidden)), name="U")
    h: Any = fg.Input("h0", shape=("N", hidden))
    c: Any = fg.Input("c0", shape=("N", hidden))
    for t in range(steps):
        z = x[:, t] @ W + h @ U
        f, i, o = (fg.sigmoid(z[:, k * hidden : (k + 1) * hidden]) for k in range(3))
        c = f * c + i * np.tanh(z[:, 3 * hidden :])
        h = o * np.tanh(c)
    return h


def chain(layers: int) -> fg.Graph:
    """Layers without scopes, each with weights of its own."""
    h: Any = fg.Input("x", shape=("N", 4))
    for k in range(layers):
        h = np.tanh(h @ fg.Parameter(np.eye(4), name=f"W{k}"))
    return fg.Graph(fg.mean(h))


@settings(max_examples=40)
@given(
    before=st.lists(st.sampled_from(UNARY), max_size=4),
    step=st.lists(st.sampled_from(UNARY), min_size=1, max_size=5),
    count=st.integers(3, 12),
    after=st.lists(st.sampled_from(UNARY), max_size=4),
)
def test_a_repetition_is_found_wherever_it_stands(before: Any, step: Any, count: int, after: Any) -> None:
    h: Any = fg.Input("x", shape=(3,))
    for one in [*before, *(step * count), *after]:
        h = one(h)
    found = repetition(fg.Graph(h).boxes)
    assert found is not None
    assert found.count * found.period >= count * len(step) - len(step)
    boxes = fg.Graph(h).boxes[found.start : found.start + found.count * found.period]
    for place_, box in enumerate(boxes[found.period :]):
        assert type(box) is type(boxes[place_])


@pytest.mark.parametrize("scopes", [(), ("encoder",), ("model", "encoder")], ids=len)
@pytest.mark.parametrize("steps", [8, 20])
def test_the_steps_of_a_loop_stand_under_each_other(steps: int, scopes: tuple[str, ...]) -> None:
    picture = compose(Subject(lstm(steps, scopes=scopes)), collapse=False)
    layout = place(picture)
    assert len(picture.steps) >= steps - 1
    corners = [(layout.tiles[id].x + layout.tiles[id].width / 2, layout.tiles[id].y) for id in picture.steps]
    lines = sorted({round(y) for _, y in corners})
    assert len(lines) > 1
    places = {round(x) for x, _ in corners}
    assert len(places) <= -(-len(corners) // len(lines)) + 1
    assert 0.8 < layout.width / layout.height < 4
    for frame in layout.frames.values():
        routes = [points for link, points in layout.routes if {link.tail, link.head} <= set(picture.steps)]
        assert all(frame.x < x < frame.x + frame.width for points in routes for x, _ in points)


def test_boxes_that_are_alike_stand_in_the_same_columns() -> None:
    graph = lstm(20)
    subject = Subject(graph)
    picture = compose(subject)
    layout = place(picture)
    columns: dict[str, set[int]] = {"z": set(), "c": set(), "h": set()}
    for box, name in subject.assigned.items():
        at = layout.tiles[picture.owners[graph.names[box]]]
        if name[0] in columns:
            columns[name[0]].add(round(at.x + at.width / 2))
    lines = {round(layout.tiles[id].y) for id in picture.steps}
    for found in columns.values():
        assert len(found) <= 20 / len(lines) + 1


def test_shared_weights_say_so() -> None:
    rows = [row for tile in compose(Subject(lstm(20))).tiles for row in tile.rows if row.fill == "fill parameter"]
    assert len(rows) == 40
    assert all("shared by 20" in row.items[1].text for row in rows)  # type: ignore[union-attr]
    assert not any("shared" in str(tile.rows) for tile in compose(Subject(chain(30))).tiles)


def test_many_equal_layers_are_one_tile_that_shows_the_worst() -> None:
    graph = chain(300)
    run = graph.fprop(x=np.ones((2, 4)))
    picture = compose(Subject(graph, "gradients", run, run.bprop(keep="all")))
    assert len(picture.tiles) < 8
    (tile,) = (tile for tile in picture.tiles if tile.stacked)
    words = " ".join(getattr(item, "text", "") for row in tile.rows for item in row.items)
    assert "×300" in words
    assert "∂ rms" in words
    assert {box.name for step in steps_of(Subject(graph)) for box in step} >= {f"W{k}" for k in range(300)}
    assert len(compose(Subject(graph), collapse=False).tiles) > 600


def test_a_graph_without_repetition_is_laid_out_as_ever() -> None:
    h: Any = fg.Input("x", shape=(3,))
    for place_ in range(40):
        h = UNARY[(place_ * place_ + place_ // 3) % 5](h)
    assert repetition([h]) is None
    picture = compose(Subject(fg.Graph(h)), wrap=7)
    assert picture.steps == ()
