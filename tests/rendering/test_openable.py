"""The page whose modules close and open: the sums of its script against those of the layout."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.rendering import viewer
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.layout import place
from flowgraph.rendering.subject import Subject
from tests.browser import answered, in_a_browser, shown
from tests.rendering.graphs import deep, lecture
from tests.rendering.test_repetition import lstm

REPORT = """
const shown = [...document.querySelectorAll(".box")].filter((box) => box.getClientRects().length);
const at = (box) => {
  const r = box.querySelector("rect").getBoundingClientRect();
  return [r.left, r.top, r.right, r.bottom];
};
const numbers = (text) => text.match(/-?[\\d.]+(e-?\\d+)?/g).map(Number);
return {
  boxes: Object.fromEntries(shown.map((box) => [box.id.slice(4), at(box)])),
  links: links.filter((link) => link.style.display !== "none").length,
  moved: Math.max(0, ...[...document.querySelectorAll(".box[transform]")].flatMap(
    (box) => numbers(box.getAttribute("transform")).map(Math.abs))),
  width: whole[2],
  bent: [...document.querySelectorAll(".link path")].map((path) => numbers(path.getAttribute("d"))),
};
"""


def nested() -> fg.Graph:
    """Scopes in scopes, side by side, and links across them."""
    x = fg.Input("x", shape=("N", 4))
    with fg.scope("encoder"):
        with fg.scope("left"):
            left = np.tanh(x @ fg.Parameter(np.eye(4), name="W")).named("h")
        with fg.scope("right"):
            right = np.exp((x @ fg.Parameter(np.eye(4), name="W")).named("a")).named("h")
        both = (left * right).named("both")
    with fg.scope("decoder"):
        out = np.tanh(both + left).named("out")
    return fg.Graph(fg.mean(out + x).named("loss"))


def twice() -> fg.Graph:
    """Boxes that read a child more than once: a leaf beside them, one farther away, and through a frame."""
    x, y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N", 4))
    with fg.scope("square"):
        W = fg.Parameter(np.eye(4), name="W")
        h = (x * x) @ (W * W)
    return fg.Graph(fg.mean(np.where(y > 0, h, h)))


def reported(graph: fg.Graph, script: str, **settings: Any) -> Any:
    return answered(graph.interactive(**settings).text, script + REPORT)


@in_a_browser
@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("graph", [nested(), deep(60), lstm(12, scopes=("model", "encoder")), twice()],
                         ids=["nested", "folded", "aligned", "twice"])  # fmt: skip
def test_with_all_open_the_script_finds_the_places_of_the_layout(graph: fg.Graph, direction: str) -> None:
    found = reported(graph, "relayout();", collapse=False, direction=direction)
    assert found["moved"] < 0.2
    text = graph.interactive(collapse=False, direction=direction).text
    drawn = re.findall(r'<path d="([^"]*)"', text)
    for before, after in zip(drawn, found["bent"], strict=True):
        numbers = [float(one) for one in re.findall(r"-?[\d.]+", before)]
        assert np.allclose(numbers, after, atol=0.35), (before, after)


@in_a_browser
def test_a_closed_module_is_one_tile_and_the_rest_moves_together() -> None:
    whole = reported(nested(), "relayout();")
    found = reported(nested(), "toggle('encoder/right'); toggle('decoder');")
    boxes = found["boxes"]
    assert {"encoder/right@lid", "decoder@lid", "encoder/left/h", "encoder/both", "x"} <= set(boxes)
    assert not {"encoder/right/h", "encoder/right/a", "decoder/out"} & set(boxes)
    assert found["width"] < whole["width"]
    assert found["links"] < whole["links"]
    for one, other in itertools.combinations(boxes.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


@in_a_browser
def test_closing_all_and_opening_all_comes_back() -> None:
    closed = reported(nested(), "toggleAll(true);")
    assert {"encoder@lid", "decoder@lid"} <= set(closed["boxes"])
    assert not any(id.startswith("encoder/") for id in closed["boxes"])
    opened = reported(nested(), "toggleAll(true); toggleAll(false);")
    assert opened["moved"] < 0.2
    assert not any(id.endswith("@lid") for id in opened["boxes"])


@in_a_browser
@pytest.mark.parametrize("layers", [50, 150])
def test_a_large_graph_begins_closed_and_search_opens_what_it_finds(layers: int) -> None:
    begun = reported(deep(layers), "")
    assert set(begun["boxes"]) == {"x", f"layer1//layer{layers}@lid", "loss"}
    seen = shown(deep(layers).interactive().text, address="?find=layer7/h")
    assert seen.tell("count.textContent") == "1 of 1"
    assert seen.tell("[...marked].map((box) => [box.id, box.getClientRects().length])") == [["box-layer7/h", 1]]


@in_a_browser
def test_a_closed_module_has_one_edge_from_each_tile_and_a_box_one_for_each_child() -> None:
    """Of where three, h, h and y > 0, and one each to y > 0, the module and the mean; x is read once by the module."""
    assert reported(twice(), "toggle('square');")["links"] == 3 + 3


LOOPS = """
const at = (part) => { const r = part.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
const seen = (part) => part.getClientRects().length > 0;
return {
  loops: [...document.querySelectorAll(".loop")].filter(seen).map((loop) => [loop.textContent, at(loop)]),
  tiles: [...document.querySelectorAll(".box")].filter(seen).map((box) => at(box.querySelector("rect"))),
  paper: at(paper),
};
"""


@in_a_browser
@pytest.mark.parametrize("direction", ["right", "down"])
def test_a_closed_loop_shows_what_it_hands_on_beside_all_else_as_in_any_picture(direction: str) -> None:
    x, W = fg.Input("x", shape=("N", 6, 4)), fg.Parameter(np.eye(4), name="W")
    h: Any = fg.Input("h", shape=("N", 4))
    for t in range(6):
        with fg.scope(f"step{t}"):
            h = np.tanh(x[:, t] + h @ W).named("h")
    page = fg.Graph(fg.mean(h * x[:, 0])).interactive(direction=direction, collapse=True).text
    found = answered(page, LOOPS)
    ((text, (left, top, right, bottom)),) = found["loops"]
    assert text == "h"
    assert all(
        right <= a[0] + 1 or a[2] <= left + 1 or bottom <= a[1] + 9 or a[3] <= top + 1 for a in found["tiles"]
    ), found
    low, high, far, deepest = found["paper"]
    assert low <= left < right <= far
    assert high <= top < bottom <= deepest
    assert answered(page, f"toggleAll(false); {LOOPS}")["loops"] == []


def test_equal_modules_in_a_row_have_a_frame_of_their_own() -> None:
    picture = viewer.openable(Subject(deep(50)))
    (row,) = [frame for frame in picture.frames if "//" in frame.path]
    assert row.title == "layer1–50"
    assert row.note == "×50"
    assert sum(frame.parent == row.path for frame in picture.frames) == 50
    assert set(picture.closed) == {row.path, *(f"layer{k + 1}" for k in range(50))}
    assert set(place(picture).frames) == {frame.path for frame in picture.frames}


def test_a_graph_that_is_too_large_stays_as_in_any_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "MOST_BOXES", 100)
    assert viewer.openable(Subject(deep(50))) == picture_of(deep(50))


def test_without_scopes_there_is_nothing_to_close(tmp_path: Path) -> None:
    assert 'id="close"' not in lecture().render(tmp_path / "net.html").read_text(encoding="utf-8")
