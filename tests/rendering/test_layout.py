"""Where tiles stand: soundly, in lines about equally long, broken where few links pass."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.layering import Folding, lines_of
from flowgraph.rendering.layout import place
from tests.rendering.graphs import deep, lecture


def test_the_spine_is_straight() -> None:
    picture = picture_of(lecture())
    layout = place(picture)
    spine = [end for link in picture.links if link.spine for end in (link.tail, link.head)]
    middles = {round(layout.tiles[id].y + layout.tiles[id].height / 2, 3) for id in spine}
    assert len(middles) == 1


def test_a_long_chain_is_folded() -> None:
    h: Any = fg.Input("x", shape=("N",))
    for _ in range(400):
        h = np.tanh(h)
    picture = picture_of(fg.Graph(h))
    layout = place(picture)
    assert layout.folded
    assert layout.width < 12 * layout.height


def test_no_recursion() -> None:
    h: Any = fg.Input("x", shape=("N",))
    for _ in range(3000):
        h = np.tanh(h)
    assert fg.Graph(h).to_svg().startswith("<svg")


def test_wrap_folds_after_so_many_columns_and_zero_never() -> None:
    folded = picture_of(deep(5), collapse=False, wrap=2)
    assert place(folded).folded
    assert place(picture_of(deep(60), collapse=False)).folded
    flat = picture_of(deep(60), collapse=False, wrap=0)
    assert not place(flat).folded
    with pytest.raises(UsageError, match="wrap"):
        picture_of(deep(2), wrap=-1)


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
    starts, line_of = lines_of(edges, height, Folding(), passing)
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
        _, line_of = lines_of(edges, 700.0, Folding(), passing)
        assert line_of.index(1) == quiet
    assert lines_of(edges[:20], 300.0, Folding(), [1] * 20) == ([0.0], [0] * 20)


def test_a_plan_of_a_training_step_fits_a_page() -> None:
    graph = lecture(16)
    objective, (weights, *others) = graph.outputs[0], graph.parameters
    dw, *dothers = fg.gradient(objective, graph.parameters)
    updates = {weights: weights - 0.1 * dw} | {p: p - 0.1 * d for p, d in zip(others, dothers, strict=True)}
    plan = fg.compile([objective], updates=updates).prepare(x=np.zeros((5, 6)), y=np.zeros(5, int))
    layout = place(picture_of(plan._latest().graph))
    assert layout.width < 2600
    assert 0.5 < layout.width / layout.height < 4
