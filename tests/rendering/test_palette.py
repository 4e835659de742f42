"""Colours that can be read, in each theme and with colour-vision deficiencies; meaning is never in colour alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from flowgraph.rendering.dot_text import dot_text
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.palette import HEAT, KINDS, THEMES, heat_role, ink_on
from flowgraph.rendering.picture import Tile
from tests.rendering.graphs import feeds, lecture

DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
}
"""Of light, not of its code: Machado, Oliveira and Fernandes, 2009, and luminance."""


def light(colour: str) -> np.ndarray:
    code = "#FFFFFF" if colour == "white" else colour
    parts = np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG."""
    dark, bright = sorted(float(light(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_texts_can_be_read_on_what_they_stand_on(theme: str) -> None:
    colours = THEMES[theme]
    for kind in KINDS:
        assert contrast(colours["ink"], colours[f"fill {kind}"]) > 7
        assert contrast(colours["muted"], colours[f"fill {kind}"]) > 4.5
    for role in ("ink", "muted", "value"):
        assert contrast(colours[role], colours["paper"]) > 4.5
    assert contrast(colours["gradient"], colours["paper"]) > 3.5
    for step in (*range(-HEAT, HEAT + 1), "NaN"):
        fill = f"heat {step}" if step != "NaN" else "not a number"
        assert contrast(colours[ink_on(fill)], colours[fill]) > 4.2, fill


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_borders_stand_out_from_the_paper(theme: str) -> None:
    colours = THEMES[theme]
    for kind in KINDS:
        assert contrast(colours[f"line {kind}"], colours["paper"]) > 2.8, kind


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_vanishing_and_exploding_are_told_apart(deficiency: str) -> None:
    """In grey both ends are dark, and the number that every box prints tells which; else the colours do."""
    matrix = np.array(DEFICIENCIES[deficiency])
    low, middle, high = (np.clip(matrix @ light(THEMES["light"][heat_role(ratio)]), 0, 1) for ratio in (-3.0, 0.0, 3.0))
    assert np.abs(low - middle).max() > 0.3
    assert np.abs(high - middle).max() > 0.3
    if deficiency != "grey":
        assert np.abs(low - high).max() > 0.2


def test_a_kind_is_told_by_shape_border_word_or_place_too() -> None:
    graph = lecture()
    picture = picture_of(graph)

    def look(tile: Tile) -> tuple[object, ...]:
        first = tile.rows[1].items[0].text.split("  ")[0]  # type: ignore[union-attr]
        dashed = any(link.dashed and tile.id in (link.tail, link.head) for link in picture.links)
        said = first if tile.kind in ("input", "target", "constant", "random") else ""
        return tile.square, tile.width, tile.kind == "regularizer" and dashed, said

    looks = {tile.kind: look(tile) for tile in picture.tiles if tile.kind != "output"}
    for one, other in itertools.combinations(looks, 2):
        assert looks[one] != looks[other], (one, other)


def test_numbers_are_printed_on_every_fill_of_the_gradient_view() -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    grads = run.bprop(keep="all")
    picture = picture_of(graph, view="gradients", run=run, grads=grads)
    for tile in picture.tiles:
        if tile.fill.startswith("heat"):
            assert any("∂" in getattr(item, "text", "") for row in tile.rows for item in row.items)
    assert "∂" in dot_text(picture)
