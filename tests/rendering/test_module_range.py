"""A folded module says the worst of all that it holds, wherever that stands."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.rendering.compose import compose
from flowgraph.rendering.palette import HEAT
from flowgraph.rendering.picture import Picture, Span, Strip, Tile
from flowgraph.rendering.statistics import describe
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import number_text
from tests.rendering.graphs import deep

LAYERS = 40
GRAPH = deep(LAYERS)
RUN = GRAPH.fprop(x=np.ones((2, 4)))
GRADS = RUN.bprop(keep="all")

BAD = {
    "NaN": (np.nan, "∂ NaN in 1 of 40", "not a number"),
    "infinite": (np.inf, "∂ Inf in 1 of 40", "not a number"),
    "zero": (0.0, "∂ exactly 0 in 1 of 40", f"heat {-HEAT}"),
    "vanishing": (1e-30, "∂ rms 1.0e-30 … 1", f"heat {-HEAT}"),
    "exploding": (1e30, "∂ rms 1 … 1.0e30", f"heat {HEAT}"),
}


def subject_of(view: str, what: str, bad: fg.Box | None = None, value: float = 1.0) -> Subject:
    """A deep network in which every value or gradient is 1, but one."""
    subject = Subject(GRAPH, view, RUN, GRADS)
    for box in GRAPH.boxes:
        array = np.full(np.shape(RUN[box]), value if box is bad else 1.0)
        subject._statistics[what, box] = describe(array)
    return subject


def module_of(picture: Picture) -> tuple[Tile, str, list[Strip]]:
    """The first tile of folded layers, its words, its strips."""
    tile = next(tile for tile in picture.tiles if tile.stacked)
    items = [item for row in tile.rows for item in row.items]
    words = " ".join(item.text for item in items if isinstance(item, Span))
    return tile, words, [item for item in items if isinstance(item, Strip)]


@given(layer=st.integers(1, LAYERS), name=st.sampled_from(["W", "a", "h"]), kind=st.sampled_from(sorted(BAD)))
def test_one_bad_gradient_anywhere_is_the_colour_the_words_and_a_cell_of_the_strip(
    layer: int, name: str, kind: str
) -> None:
    measure = layer == LAYERS and name == "a"  # against the output layer's all others are coloured
    assume(not measure or kind not in ("vanishing", "exploding"))
    value, words, role = BAD[kind]
    tile, said, (strip,) = module_of(compose(subject_of("gradients", "gradient", GRAPH[f"layer{layer}/{name}"], value)))
    assert tile.fill == role
    assert words in said
    (place,) = (place for place, cell in enumerate(strip.cells) if cell == role)
    assert abs(place / len(strip.cells) - (layer - 0.5) / LAYERS) < 1.1 / len(strip.cells)


@given(layer=st.integers(1, LAYERS), name=st.sampled_from(["a", "h"]), bad=st.sampled_from([np.nan, 0.0]))
def test_one_bad_value_anywhere_is_said(layer: int, name: str, bad: float) -> None:
    _, said, strips = module_of(compose(subject_of("values", "value", GRAPH[f"layer{layer}/{name}"], bad)))
    assert f"{'NaN' if bad else 'exactly 0'} in 1 of 40" in said
    (odd,) = set(strips[0].cells) - {"value 15"}
    assert odd == ("not a number" if bad else "value 0")


def test_a_sound_network_says_its_range() -> None:
    tile, said, _ = module_of(compose(subject_of("gradients", "gradient")))
    assert "∂ rms 1 " in said
    assert "in 1 of" not in said
    assert tile.fill == "heat 0"


def test_a_scope_by_itself_shows_its_boxes_from_first_to_last() -> None:
    picture = compose(subject_of("gradients", "gradient", GRAPH["layer1/h"], 0.0), collapse=["layer1"])
    _, said, (strip,) = module_of(picture)
    assert "∂ exactly 0 in 1 of 3" in said
    assert strip.cells == ("heat 0", "heat 0", f"heat {-HEAT}")
    assert "first" in said
    assert "last" in said


@pytest.mark.parametrize("view", ["values", "gradients", "both"])
def test_what_was_not_computed_is_never_a_number(view: str) -> None:
    picture = compose(Subject(GRAPH, view, GRAPH.fprop(x=np.ones((2, 4)), keep="outputs")))
    tile, said, strips = module_of(picture)
    assert not strips
    assert not re.search(r"∂ (rms )?\d|\d … ", said)
    assert ("∂ not computed" in said) == (view == "gradients")
    assert tile.fill == ("not computed" if view == "gradients" else "fill box")


def test_vanishing_gradients_of_a_real_network_are_seen_though_the_last_layer_is_sound() -> None:
    rng = np.random.default_rng(0)
    mlp: Any = fg.MLP([16] * 50 + [10], hidden="sigmoid", rng=0)
    x, y = fg.Input("x", shape=("N", 16)), fg.Input("y", shape=("N",), dtype=int)
    graph = fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x), y)))
    run = graph.fprop(x=rng.normal(size=(4, 16)), y=rng.integers(0, 10, 4))
    grads = run.bprop(keep="all")
    tile, said, _ = module_of(compose(Subject(graph, "gradients", run, grads)))
    least = min(np.sqrt(np.mean(grads[box] ** 2)) for box in grads if box.scope == "layer1/")
    assert least < 1e-30
    assert tile.fill == f"heat {-HEAT}"
    assert f"∂ rms {number_text(least)} … " in said
