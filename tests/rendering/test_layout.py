"""Where tiles stand: soundly, in lines about equally long, broken where few links pass."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.layering import lines_of
from flowgraph.rendering.layout import place
from flowgraph.rendering.placement import Layout, Place
from tests.rendering.graphs import deep, feeds, lecture


def overlap(one: Place, other: Place) -> bool:
    across = one.x < other.x + other.width and other.x < one.x + one.width
    return across and one.y < other.y + other.height and other.y < one.y + one.height


def inside(one: Place, other: Place) -> bool:
    across = other.x <= one.x and one.x + one.width <= other.x + other.width
    return across and other.y <= one.y and one.y + one.height <= other.y + other.height


def assert_sound(graph: fg.Graph, **how: Any) -> Layout:
    """No tile covers another, every tile is inside its frame, everything is inside the picture."""
    picture = picture_of(graph, **how)
    layout = place(picture)
    whole = Place(-0.1, -0.1, layout.width + 0.2, layout.height + 0.2)
    assert layout.tiles.keys() == {tile.id for tile in picture.tiles}
    for one, other in itertools.combinations(layout.tiles.values(), 2):
        assert not overlap(one, other)
    for tile in picture.tiles:
        assert inside(layout.tiles[tile.id], whole)
        if tile.frame in layout.frames:
            assert inside(layout.tiles[tile.id], layout.frames[tile.frame])
        for path, frame in layout.frames.items():
            if path != tile.frame and not tile.frame.startswith(path + "/"):
                assert not overlap(layout.tiles[tile.id], frame)
    return layout


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("view", ["forward", "values", "both"])
def test_the_lecture(view: str, direction: str) -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    assert_sound(graph, view=view, run=run, grads=run.bprop(keep="all"), direction=direction)


@pytest.mark.parametrize("layers", [1, 3, 12, 50])
def test_scopes(layers: int) -> None:
    assert_sound(deep(layers))
    assert_sound(deep(layers), collapse=False, detail="boxes")


def test_the_spine_is_straight() -> None:
    picture = picture_of(lecture())
    layout = place(picture)
    spine = [end for link in picture.links if link.spine for end in (link.tail, link.head)]
    middles = {round(layout.tiles[id].y + layout.tiles[id].height / 2, 3) for id in spine}
    assert len(middles) == 1


def test_a_scope_entered_twice_is_drawn_without_a_cycle() -> None:
    x = fg.Input("x", shape=("N",))
    with fg.scope("inner"):
        a = np.tanh(x)
    b = np.exp(a)
    with fg.scope("inner"):
        c = np.sin(b)
    assert_sound(fg.Graph(c))


def test_a_regularizer_that_feeds_the_net_is_drawn() -> None:
    x, w = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w")
    assert_sound(fg.Graph(fg.mean(x * fg.L2(w) * w)))


def test_a_long_chain_is_folded() -> None:
    h: Any = fg.Input("x", shape=("N",))
    for _ in range(400):
        h = np.tanh(h)
    picture = picture_of(fg.Graph(h))
    layout = place(picture)
    assert layout.folded
    assert layout.width < 12 * layout.height


@st.composite
def graphs(draw: st.DrawFn) -> fg.Graph:
    """Random graphs in random scopes, with shared boxes."""
    boxes: list[Any] = [fg.Input("x", shape=("N", 3)), fg.Parameter(np.ones(3), name="w")]
    for _ in range(draw(st.integers(1, 25))):
        one = boxes[draw(st.integers(0, len(boxes) - 1))]
        other = boxes[draw(st.integers(0, len(boxes) - 1))]
        scopes = draw(st.sampled_from([(), ("a",), ("b",), ("a", "c"), ("b", "c")]))
        boxes.append(_in_scopes(scopes, one, other, draw(st.booleans())))
    return fg.Graph(*boxes[-draw(st.integers(1, 3)) :])


def _in_scopes(scopes: tuple[str, ...], one: Any, other: Any, alone: bool) -> Any:
    if scopes:
        with fg.scope(scopes[0]):
            return _in_scopes(scopes[1:], one, other, alone)
    return np.tanh(one) if alone else one + other


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from(["right", "down"]), st.sampled_from(["boxes", "rows"]))
def test_any_graph_is_laid_out_soundly(graph: fg.Graph, direction: str, detail: str) -> None:
    assert_sound(graph, direction=direction, detail=detail)


@settings(max_examples=20, deadline=None)
@given(graphs())
def test_any_graph_collapses(graph: fg.Graph) -> None:
    assert_sound(graph, collapse=True)


def test_a_thousand_boxes_are_drawn() -> None:
    h: Any = fg.Input("x", shape=("N",))
    for i in range(1000):
        h = h + np.sin(h) if i % 3 else np.tanh(h)
    graph = fg.Graph(h)
    assert graph.to_svg(engine="builtin", collapse=False).count("<title>") >= len(graph)


def test_no_recursion() -> None:
    h: Any = fg.Input("x", shape=("N",))
    for _ in range(3000):
        h = np.tanh(h)
    assert fg.Graph(h).to_svg().startswith("<svg")


@pytest.mark.parametrize("direction", ["right", "down"])
def test_every_view_is_drawn_with_arrows_and_tooltips(direction: str) -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    grads = run.bprop(keep="all")
    for view in ("forward", "values", "gradients", "backward", "both"):
        svg = graph.to_svg(engine="builtin", view=view, run=run, grads=grads, direction=direction)
        assert svg.count("<polygon") >= len(picture_of(graph).links) - 2
        assert svg.count("built at graphs.py") >= 12
    assert deep(50).to_svg(engine="builtin", direction=direction).count('class="box') == 3


def test_wrap_folds_after_so_many_columns_and_zero_never() -> None:
    folded = picture_of(deep(5), collapse=False, wrap=2)
    assert place(folded).folded
    assert place(picture_of(deep(60), collapse=False)).folded
    flat = picture_of(deep(60), collapse=False, wrap=0)
    assert not place(flat).folded
    with pytest.raises(UsageError, match="wrap"):
        picture_of(deep(2), wrap=-1)
    assert_sound(deep(5), collapse=False, wrap=2)


@pytest.mark.parametrize("layers", [5, 17, 20, 25, 40, 300])
@pytest.mark.parametrize("direction", ["right", "down"])
def test_no_chain_is_flatter_than_one_to_twelve(layers: int, direction: str) -> None:
    h: Any = fg.Input("x", shape=("N", 4))
    for _ in range(layers):
        h = np.tanh(h)
    svg = fg.Graph(fg.mean(h)).to_svg(direction=direction)
    found = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg)
    assert found is not None
    width, height = map(float, found.groups())
    assert max(width / height, height / width) < 12


@given(
    st.lists(st.floats(20, 200), min_size=30, max_size=80),
    st.floats(200, 900),
    st.lists(st.integers(0, 9), min_size=80, max_size=80),
)
def test_lines_hold_all_columns_in_order_and_none_is_far_longer_than_its_share(
    widths: list[float], height: float, passing: list[int]
) -> None:
    ends = np.cumsum(widths)
    edges = [(float(end - width), float(end)) for width, end in zip(widths, ends, strict=True)]
    starts, line_of = lines_of(edges, height, None, passing)
    assert line_of == sorted(line_of)
    assert set(line_of) == set(range(len(starts)))
    total = edges[-1][1]
    for line, start in enumerate(starts):
        columns = [column for column, its in enumerate(line_of) if its == line]
        assert start == (edges[columns[0]][0] if line else 0.0)
        assert edges[columns[-1]][1] - start <= max(1.7 * total / len(starts), 2600.0)


def test_a_line_begins_where_fewest_links_pass() -> None:
    edges = [(100.0 * column, 100.0 * column + 80) for column in range(40)]
    for quiet in (18, 20, 22):
        passing = [9 if column != quiet else 1 for column in range(40)]
        _, line_of = lines_of(edges, 700.0, None, passing)
        assert line_of.index(1) == quiet
    assert lines_of(edges[:20], 300.0, None, [1] * 20) == ([0.0], [0] * 20)


def test_a_plan_of_a_training_step_fits_a_page() -> None:
    graph = lecture(16)
    objective, (weights, *others) = graph.outputs[0], graph.parameters
    dw, *dothers = fg.gradient(objective, graph.parameters)
    updates = {weights: weights - 0.1 * dw} | {p: p - 0.1 * d for p, d in zip(others, dothers, strict=True)}
    plan = fg.compile([objective], updates=updates).prepare(x=np.zeros((5, 6)), y=np.zeros(5, int))
    layout = place(picture_of(plan._latest().graph))
    assert layout.width < 2600
    assert 0.5 < layout.width / layout.height < 4
