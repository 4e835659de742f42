"""Steps of a loop are one tile, as many as there are, with what they hand on; what is no step stays apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.rendering.compose import compose
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.modules import modules
from flowgraph.rendering.picture import Picture, Span, Tile
from flowgraph.rendering.subject import Subject
from tests.rendering.graphs import deep
from tests.rendering.random_graphs import random_graph
from tools.picture_claims import of_layout, untrue


def words(tile: Tile) -> list[str]:
    """The texts of a tile."""
    return [item.text for row in tile.rows for item in row.items if isinstance(item, Span)]


def times(picture: Picture) -> list[int]:
    """How many steps each tile of a module says that it holds."""
    titles = [tile.rows[0].items for tile in picture.tiles if tile.id.endswith("@") and not tile.dashed]
    return [int(items[1].text[1:]) if len(items) > 1 and isinstance(items[1], Span) else 1 for items in titles]


def loop(steps: int, carried: int, takes: bool, own: bool, odd: int = -1, inside: bool = True) -> fg.Graph:
    """A loop in scopes, its weights shared or its own; each step takes an element of x in its scope, or before it."""
    x = fg.Input("x", shape=("N", steps, 4))
    shared = fg.Parameter(np.eye(4), name="W")
    state: list[Any] = [fg.Input(f"s{k}", shape=("N", 4)) for k in range(carried)]
    for t in range(steps):
        element = x[:, t] if takes and not inside else None
        with fg.scope(f"step{t + 1}"):
            W = fg.Parameter(np.eye(4), name="W") if own else shared
            read = (x[:, t] if element is None else element) if takes else state[-1]
            new = np.tanh(sum(state[1:], state[0]) @ W + read)
            new = np.exp(new) if t == odd else np.sin(new)
            state = [new, *(one * new for one in state[1:])]
    return fg.Graph(fg.mean(sum(state[1:], state[0])).named("out"))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.integers(1, 3), st.booleans(), st.booleans(), st.booleans())
def test_equal_steps_are_one_tile_that_says_how_many(
    steps: int, carried: int, takes: bool, own: bool, inside: bool
) -> None:
    picture = picture_of(loop(steps, carried, takes, own, inside=inside), collapse=True)
    assert times(picture) == [steps]
    tile = next(tile for tile in picture.tiles if tile.id.endswith("@"))
    assert len(tile.carried.split(", ")) == carried
    assert ("each step reads x[:, t]" in words(tile)) == takes
    assert untrue(of_layout(picture)) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 9), st.data())
def test_a_step_that_differs_stays_apart(steps: int, data: st.DataObject) -> None:
    odd = data.draw(st.integers(0, steps - 1))
    picture = picture_of(loop(steps, 2, takes=True, own=False, odd=odd), collapse=True)
    assert times(picture) == [count for count in (odd, 1, steps - 1 - odd) if count]


def test_a_value_from_two_steps_before_is_no_loop() -> None:
    """Drawn as one tile, the steps would read what is computed from them outside."""
    values: list[Any] = [fg.Input("x", shape=("N",)), fg.Input("y", shape=("N",))]
    for t in range(6):
        with fg.scope(f"step{t + 1}"):
            h = np.tanh(values[-1])
            values.append(np.sin(h + np.exp(values[-2])))
        values[-1] = values[-1] if t % 2 else np.cos(values[-1])
    picture = picture_of(fg.Graph(values[-1]), collapse=True)
    assert sum(times(picture)) == 6
    assert untrue(of_layout(picture)) == []


@pytest.mark.parametrize("seed", range(30))
def test_no_step_of_a_random_graph_is_lost(seed: int) -> None:
    subject = Subject(random_graph(seed, 80))
    found = modules(subject, True)
    assert len({path for module in found for path in module.paths}) == sum(len(module.paths) for module in found)
    for module in found:
        assert len(module.stages or [module.boxes]) == len(module.paths)
    said = times(compose(subject, collapse=True))
    assert sum(said) == sum(len(module.paths) for module in found)


def test_layers_with_weights_of_their_own_fold_too() -> None:
    (tile,) = [tile for tile in picture_of(deep(50)).tiles if tile.stacked]
    assert "×50" in words(tile)
    assert tile.carried == "h"


def test_titles_say_what_scopes_are_and_close_those_that_hold_no_others() -> None:
    picture = picture_of(deep(3), titles={f"layer{k}": f"layer{k} · Dense" for k in (1, 2, 3)})
    assert [words(tile)[0] for tile in picture.tiles if tile.stacked] == ["layer1–3"]
    picture = picture_of(deep(3), titles={"layer2": "the second"})
    assert "the second" in [words(tile)[0] for tile in picture.tiles]
