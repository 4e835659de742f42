"""Pictures for everybody: read in each theme, with colour-vision deficiencies, by keys and by a screen reader."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.rendering.dot_text import dot_text
from flowgraph.rendering.files import picture_of, svg_of
from flowgraph.rendering.labels import memory_of
from flowgraph.rendering.palette import HEAT, KINDS, THEMES, heat_role, ink_on
from flowgraph.rendering.views import VIEWS
from tests.rendering.graphs import deep, feeds, lecture
from tests.rendering.test_memory import training_step
from tests.rendering.test_openable import nested
from tests.rendering.test_repetition import lstm

SVG = "{http://www.w3.org/2000/svg}"
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
}
"""Of light, not of its code: Machado, Oliveira and Fernandes, 2009, and luminance."""


XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]])
WHITE = np.array([0.95047, 1.0, 1.08883])
"""Of sRGB, and its white: IEC 61966-2-1."""


def light(colour: str) -> np.ndarray:
    code = "#FFFFFF" if colour == "white" else colour
    parts = np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG."""
    dark, bright = sorted(float(light(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (bright + 0.05) / (dark + 0.05)


def texts_with_grounds(svg: str) -> Iterator[tuple[str, str, str]]:
    """Each text of an SVG with its colour and that of what was painted last where it begins."""
    painted: list[tuple[float, float, float, float, str]] = []
    for element in ElementTree.fromstring(svg).iter():
        name, at = element.tag.rpartition("}")[2], element.attrib
        if name == "rect":
            painted.append((*(float(at[side]) for side in ("x", "y", "width", "height")), at["fill"]))  # type: ignore[arg-type]
        if name == "text":
            x, y = float(at["x"]), float(at["y"])
            grounds = [fill for left, top, w, h, fill in painted if left <= x <= left + w and top <= y <= top + h]
            yield "".join(element.itertext()), at["fill"], grounds[-1]


def drawn(view: str, theme: str) -> Iterator[str]:
    """Pictures of a view with tiles of every kind, rows, modules, frames and buffers; one that animates itself."""
    graph, layers = lecture(), deep(41)
    for one, fed in ((graph, feeds()), (layers, {"x": np.ones((2, 4))})):
        run = one.fprop(fed)
        how: dict[str, Any] = {"view": view, "run": run, "grads": run.bprop(keep="all")}
        for detail in ("rows", "boxes"):
            yield svg_of(picture_of(one, detail=detail, **how), theme)
    yield svg_of(picture_of(lstm(9)), theme)
    yield svg_of(picture_of(nested(), collapse=False), theme)
    latest = training_step()._latest()
    yield svg_of(picture_of(latest.graph, memory=memory_of(latest.schedule)), theme)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("view", VIEWS)
def test_every_text_of_a_picture_can_be_read_on_what_it_stands_on(view: str, theme: str) -> None:
    """By the ratio that WCAG 2.2 asks of small letters."""
    for svg in drawn(view, theme):
        for text, ink, ground in texts_with_grounds(svg):
            assert contrast(ink, ground) >= 4.5, (text, ink, ground)


@pytest.mark.parametrize("theme", THEMES)
def test_the_size_of_any_gradient_can_be_read_on_its_colour(theme: str) -> None:
    for fill in (*(f"heat {step}" for step in range(-HEAT, HEAT + 1)), "not a number", "not computed"):
        assert contrast(THEMES[theme][ink_on(fill)], THEMES[theme][fill]) >= 4.5, fill


@pytest.mark.parametrize("view", VIEWS)
def test_a_picture_is_described_and_each_tile_is_reached_by_keys_and_said(view: str) -> None:
    """An image has no parts for a screen reader, so the whole is a document and its tiles are images."""
    for svg in drawn(view, "light"):
        root = ElementTree.fromstring(svg)
        assert all(root.findtext(f"{SVG}{part}") for part in ("title", "desc"))
        assert root.get("role") == "graphics-document document"
        tiles = [part for part in root.iter(f"{SVG}g") if "box" in part.get("class", "").split()]
        assert tiles
        for tile in tiles:
            assert (tile.get("tabindex"), tile.get("role")) == ("0", "img")
            said = tile.findtext(f"{SVG}title") or ""
            assert said
            assert not set("\\{}") & set(said), said


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


def seen(colour: str, deficiency: str) -> np.ndarray:
    """A colour as somebody sees it, in L*a*b*: there a distance of 2 is just seen, and one of 15 at first sight."""
    linear = np.clip(np.array(DEFICIENCIES[deficiency]) @ light(colour), 0, 1)
    parts = XYZ @ linear / WHITE
    f = np.where(parts > 216 / 24389, np.cbrt(parts), (24389 / 27 * parts + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("deficiency", ["protanopia", "deuteranopia", "tritanopia"])
def test_two_kinds_differ_in_colour_for_everybody_or_in_another_mark(theme: str, deficiency: str) -> None:
    """The other marks are what a tile is drawn with: corners, a broad border, the word that it says."""
    tiles = marked_tiles()
    colours = THEMES[theme]
    assert tiles.keys() == set(KINDS)
    for one, other in itertools.combinations(KINDS, 2):
        apart = max(
            float(
                np.linalg.norm(
                    seen(colours[f"{part} {one}"], deficiency) - seen(colours[f"{part} {other}"], deficiency)
                )
            )
            for part in ("fill", "line")
        )
        assert apart >= 15 or tiles[one].isdisjoint(tiles[other]), (one, other, apart)


def marked_tiles() -> dict[str, set[tuple[object, ...]]]:
    """How tiles of each kind look without colour in pictures in which every kind occurs."""
    looks: dict[str, set[tuple[object, ...]]] = {}
    graph = lecture()
    noise = fg.Random(lambda generator, shape: generator.normal(size=shape), shape=(6,))
    others = fg.Graph(fg.Input("x", shape=(6,)) * np.ones(6) + noise)
    (slope,) = fg.gradient(graph["objective"], [graph["W1"]])
    for drawn in (graph, others, fg.Graph(slope), fg.Graph(graph["f"])):
        for tile in picture_of(drawn, detail="boxes", stubs=False).tiles:
            first = tile.rows[1].items[0].text.split("  ")[0]  # type: ignore[union-attr]
            looks.setdefault(tile.kind, set()).add((tile.square, tile.width >= 3, first if first in KINDS else ""))
    return looks


def test_a_copier_leaves_every_kind_its_own_look() -> None:
    """But for kinds that their tiles name; a copier shows some twenty levels of grey."""
    colours = THEMES["print"]
    levels = {kind: int(colours[f"fill {kind}"][1:3], 16) for kind in KINDS}
    told = [kind for kind in KINDS if kind not in ("target", "constant", "random", "backward")]
    for one, other in itertools.combinations(told, 2):
        shape = [(kind == "parameter", kind == "loss") for kind in (one, other)]
        assert shape[0] != shape[1] or abs(levels[one] - levels[other]) > 255 / 20, (one, other)
    assert all(len({colours[f"{what} {kind}"][i : i + 2] for i in (1, 3, 5)}) == 1
               for kind in KINDS for what in ("fill", "line"))  # fmt: skip


def test_numbers_are_printed_on_every_fill_of_the_gradient_view() -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    grads = run.bprop(keep="all")
    picture = picture_of(graph, view="gradients", run=run, grads=grads)
    for tile in picture.tiles:
        if tile.fill.startswith("heat"):
            assert any("∇" in getattr(item, "text", "") for row in tile.rows for item in row.items)
    assert "∇" in dot_text(picture)
