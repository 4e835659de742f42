"""A picture is a claim: no edge behind a tile that it does not join, none outside, no two that look like one."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.rendering.compose import compose
from flowgraph.rendering.files import picture_of, svg_of
from flowgraph.rendering.gallery import box_graph
from flowgraph.rendering.kinds import is_number, scope_path, tiles_on_cycles
from flowgraph.rendering.layering import Place
from flowgraph.rendering.picture import Picture, Span, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.titles import of_first_call
from flowgraph.rendering.viewer import openable
from flowgraph.rendering.views import VIEWS
from flowgraph.rendering.wording import exact_text, identifier
from tests.browser import in_a_browser, shared
from tests.rendering.graphs import deep, feeds, lecture, nasty
from tests.rendering.random_graphs import random_graph, settings_by_seed
from tests.rendering.test_gallery import DRAWN
from tests.rendering.test_openable import nested
from tests.rendering.test_repetition import lstm
from tests.seed import seed_of_tree
from tools.picture_claims import KINDS, Drawing, Edge, figures, of_layout, of_svg, untrue

ROOT = Path(__file__).parents[2]
SIZES = (5, 8, 12, 20, 30, 45, 60, 80, 110, 150, 220, 300, 400, 500)


def gradient() -> fg.Graph:
    """The backward graph of the lecture, whose edges lead far."""
    graph = lecture()
    return fg.Graph(*fg.gradient(graph["objective"], [graph["W1"], graph["b1"]]))


GRAPHS = {
    "lecture": lecture, "gradient": gradient, "deep": lambda: deep(9), "nested": nested, "nasty": nasty,
    "lstm": lambda: lstm(7), "scoped lstm": lambda: lstm(5, scopes=("model", "encoder")),
}  # fmt: skip


@cache
def graph_called(name: str) -> fg.Graph:
    """One of them, made once."""
    return GRAPHS[name]()


def example(graph: fg.Graph) -> dict[str, Any]:
    """Values for the inputs of one of them."""
    rng = np.random.default_rng(0)
    known = feeds()
    return {
        name: known[name]
        if name == "y" or (name == "x" and box.shape[1:] == (6,))
        else rng.normal(size=[4 if isinstance(size, str) or not str(size).isdigit() else size for size in box.shape])
        for name, box in ((box.name, box) for box in graph.inputs)
    }


def pictures_of(graph: fg.Graph, view: str, direction: str) -> list[Picture]:
    """A graph as it is shown: open and closed, in lines and in one, its parameters inside and outside."""
    how: dict[str, Any] = {"view": view, "direction": direction}
    if view != "forward":
        how["run"] = graph.fprop(example(graph))
        how["grads"] = how["run"].bprop(grad=np.ones_like(how["run"].outputs[0]), keep="all")
    choices = (
        {},
        {"collapse": False, "detail": "boxes"},
        {"collapse": True, "wrap": 0},
        {"collapse": False, "wrap": 4},
    )
    return [picture_of(graph, **how, **choice) for choice in choices]


def ambiguous(picture: Picture) -> list[str]:
    """Stubs whose names are not those of one tile, the one for which they stand."""
    tiles = [tile for tile in picture.tiles if not tile.dashed]
    called = {tile.title: [one.tooltip for one in tiles if one.title == tile.title] for tile in tiles}
    return [
        tile.id
        for tile in picture.tiles
        if tile.dashed and [f"here by name: {tooltip}" for tooltip in called.get(tile.title, ())] != [tile.tooltip]
    ]


@pytest.mark.sampled(one_in=10)
def empty(picture: Picture) -> list[str]:
    """The frames around nothing, as around a parameter that is written inside of a box elsewhere."""
    parent = {frame.path: frame.parent for frame in picture.frames}
    around = set()
    for tile in picture.tiles:
        path = tile.frame
        while path:
            around.add(path)
            path = parent[path]
    return sorted(parent.keys() - around)


def untold(graph: fg.Graph, picture: Picture) -> list[str]:
    """The boxes whose children, and the outputs that are unmarked or marked without being one.

    The tile of one box has an arrow for each of its children, for x · x two, or a row, or the child is the number of an
    operation of two. Of several outputs, the tile of each says that it is one by its border and its kind or a word, and
    no other tile does.
    """
    tiles = {tile.id: tile for tile in picture.tiles}
    own = {box: identifier(graph.names[box]) for box in graph.boxes}
    arrows = Counter(link.head for link in picture.links)
    wrong = []
    for box in graph.boxes:
        tile = tiles.get(own[box])
        if tile is not None:
            words = words_of(tile)
            rows = sum(row.fill != "" for row in tile.rows)
            rows += sum(int(text.split()[1]) for text in words if re.fullmatch(r"of \d+ parameters", text))
            numbers = [exact_text(c.value) for c in box.children if is_number(c) and own[c] not in tiles]
            written = sum(f" {number} " in f" {tile.title} " for number in numbers) if len(box.children) == 2 else 0
            if arrows[tile.id] + rows + written != len(box.children):
                wrong.append(tile.id)
    drawn = [tile for tile in picture.tiles if not tile.dashed]
    framed = {tile.id for tile in drawn if tile.line == "line output"}
    said = {
        tile.id for tile in drawn if tile.kind == "output" or any("output" in text.split() for text in words_of(tile))
    }
    outputs = {picture.owners[graph.names[box]] for box in graph.outputs}
    return wrong + sorted((framed ^ outputs) | (said ^ outputs) if len(graph.outputs) > 1 else ())


def unframed(graph: fg.Graph, picture: Picture, drawn: Drawing) -> list[str]:
    """The frames that are not drawn, and the boxes whose tiles stand in a frame of another scope than their own."""
    tiles = {tile.id: tile for tile in picture.tiles}
    shown = {box: tiles[id] for box in graph.boxes if (id := identifier(graph.names[box])) in tiles}
    elsewhere = [tile.id for box, tile in shown.items() if of_first_call(tile.frame) != scope_path(box)]
    owner = {box: tiles[picture.owners[graph.names[box]]] for box in graph.boxes if box.children and scope_path(box)}
    around = {box: f"{of_first_call(tile.frame)}/".lstrip("/") for box, tile in owner.items()}
    elsewhere += [owner[box].id for box in owner if not f"{scope_path(box)}/".startswith(around[box])]
    return elsewhere + [frame.path for frame in picture.frames if frame.path not in drawn.frames]


def parted(graph: fg.Graph) -> list[str]:
    """Scopes in parts that could be whole, and boxes that stand apart from all that read them in their scope."""
    drawn, parents = Subject(graph).scope, Subject(graph).parents
    wrong: list[str] = []
    for depth in range(1, 2 + max(path.count("/") for path in drawn.values())):
        at = [box for box in graph.boxes if scope_path(box).count("/") >= depth - bool(scope_path(box))]
        own, parts = ({box: "/".join(of(box).split("/")[:depth]) for box in at} for of in (scope_path, drawn.get))
        one = set(own.values()) - tiles_on_cycles(graph.boxes, own)
        wrong += [path for path in one if len({parts[b].split("/")[-1] for b in at if own[b] == path}) > 1]
        wrong += sorted(tiles_on_cycles(graph.boxes, parts))
        inner = [b for b in at if {own.get(reader) for reader in parents[b]} == {own[b]} == {scope_path(b)}]
        wrong += [graph.names[b] for b in inner if parts[b] not in {parts[reader] for reader in parents[b]}]
    return wrong


def words_of(tile: Tile) -> list[str]:
    """The texts of a tile."""
    return [item.text for row in tile.rows for item in row.items if isinstance(item, Span)]


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", GRAPHS)
def test_every_view_in_every_direction_open_and_closed_is_true(name: str, view: str, direction: str) -> None:
    graph = graph_called(name)
    if view != "forward" and not (graph.parameters and len(graph.outputs) == 1):
        return
    for picture in pictures_of(graph, view, direction):
        assert untrue(of_layout(picture)) == []
        assert ambiguous(picture) == empty(picture) == untold(graph, picture) == []


@pytest.mark.parametrize("place", range(len(SIZES)))
def test_random_graphs_are_true(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scopes nested three deep and entered twice, shared parameters, loops, several outputs."""
    seed = seed_of_tree() + place
    monkeypatch.setattr("flowgraph.rendering.kinds._AT_LENGTH", (200_000, 0)[seed % 7 % 2])
    graph = random_graph(seed, SIZES[place])
    how = settings_by_seed(graph, seed)
    picture = picture_of(graph, **how)
    said = seed, {name: choice for name, choice in how.items() if name not in ("run", "grads")}
    drawn = of_layout(picture)
    assert untrue(drawn) == unframed(graph, picture, drawn) == parted(graph) == [], said
    assert ambiguous(picture) == empty(picture) == untold(graph, picture) == [], said


@pytest.mark.sampled(one_in=2)
@pytest.mark.parametrize("name", ["lecture", "gradient", "lstm", "nested"])
def test_animations_and_pages_are_true(name: str) -> None:
    graph = graph_called(name)
    run = graph.fprop(example(graph))
    for direction in ("right", "down"):
        stepped = compose(Subject(graph, "both", run, stepped=True), stubs=False, direction=direction)
        assert untrue(of_layout(stepped)) == []
        assert untrue(of_layout(openable(Subject(graph), direction=direction))) == []


def test_every_picture_of_the_gallery_is_true() -> None:
    for cls in DRAWN:
        assert untrue(of_layout(picture_of(box_graph(cls), detail="boxes"))) == [], cls


@in_a_browser
@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("name", [*GRAPHS, *(f"random {size}" for size in (12, 40, 110))])
def test_what_chromium_paints_is_what_the_layout_says(name: str, direction: str) -> None:
    number = name.removeprefix("random ")
    graph = random_graph(seed_of_tree(), int(number)) if number.isdigit() else graph_called(name)
    for picture in pictures_of(graph, "forward", direction)[:2]:
        computed, painted = of_layout(picture), of_svg(shared(), svg_of(picture, "light"))
        assert untrue(computed) == untrue(painted) == []
        one, other = figures(computed), figures(painted)
        assert one == pytest.approx(other, rel=0.02, abs=2.5)
        assert computed.tiles.keys() == painted.tiles.keys()
        for id, at in computed.tiles.items():
            there = painted.tiles[id]
            assert (at.x, at.y, at.width) == pytest.approx((there.x, there.y, there.width), abs=0.2)


@in_a_browser
@pytest.mark.parametrize("path", sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.svg")))
def test_the_pictures_of_the_docs_are_true(path: str) -> None:
    assert untrue(of_svg(shared(), (ROOT / path).read_text(encoding="utf-8"))) == []


@in_a_browser
@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda path: path.stem[:2])
def test_the_pictures_of_the_notebooks_are_true(path: Path) -> None:
    outputs = [out for cell in json.loads(path.read_text("utf-8"))["cells"] for out in cell.get("outputs", ())]
    svgs = ["".join(out["data"]["image/svg+xml"]) for out in outputs if "image/svg+xml" in out.get("data", {})]
    drawn = [svg for svg in svgs if 'class="box' in svg]
    for svg in drawn:
        assert untrue(of_svg(shared(), svg)) == []


def sample() -> tuple[Picture, Drawing]:
    """A drawing to put mistakes into."""
    picture = picture_of(graph_called("nested"), detail="boxes")
    return picture, of_layout(picture)


def moved(at: Place, x: float = 0.0, y: float = 0.0, wider: float = 0.0) -> Place:
    """The rectangle, somewhere else."""
    return Place(at.x + x, at.y + y, at.width + wider, at.height)


def behind(drawing: Drawing) -> None:
    edge = max(drawing.edges, key=lambda edge: len(edge.lines[0]))
    x, y = edge.lines[0][len(edge.lines[0]) // 2]
    drawing.tiles["foreign"] = Place(x - 9, y - 9, 18, 18)


def outside(drawing: Drawing) -> None:
    drawing.whole = moved(drawing.whole, wider=-60)


def text(drawing: Drawing) -> None:
    tile, at = drawing.texts[3]
    drawing.texts[3] = tile, moved(at, x=25)


def overlap(drawing: Drawing) -> None:
    one, other = list(drawing.tiles)[:2]
    drawing.tiles[one] = moved(drawing.tiles[other], x=4)


def together(drawing: Drawing) -> None:
    edge = max(drawing.edges, key=lambda edge: len(edge.lines[0]))
    drawing.edges.append(Edge("another", edge.head, [[(x, y + 0.5) for x, y in edge.lines[0]]]))


def arrow(drawing: Drawing) -> None:
    edge = drawing.edges[-1]
    (tip, name), *others = edge.tips
    edge.tips = [((tip[0] - 4, tip[1] - 4), name), *others]


def frames_over_each_other(drawing: Drawing) -> None:
    one = next(iter(drawing.frames.values()))
    drawing.frames["another"] = moved(one, x=9, y=9)


def line_through_title(drawing: Drawing) -> None:
    at = next(iter(drawing.titles.values()))
    drawing.edges[0].lines.append([(at.x, at.y + 5), (at.x + at.width / 2, at.y + 5)])


def tile_over_title(drawing: Drawing) -> None:
    drawing.tiles["over it"] = next(iter(drawing.titles.values()))


def titles_over_each_other(drawing: Drawing) -> None:
    one, other = list(drawing.titles)[:2]
    drawing.titles[one] = moved(drawing.titles[other], x=4)


def caption_outside(drawing: Drawing) -> None:
    drawing.captions.append(moved(drawing.whole, x=9))


MISTAKES = {
    behind: "behind", outside: "outside", text: "text", overlap: "overlap", together: "together", arrow: "arrow",
    frames_over_each_other: "overlap", line_through_title: "title", tile_over_title: "title",
    titles_over_each_other: "title", caption_outside: "outside",
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.__name__)
def test_the_judge_finds_each_kind_of_mistake(mistake: Any) -> None:
    _, drawing = sample()
    assert untrue(drawing) == []
    mistake(drawing)
    assert MISTAKES[mistake] in {kind for kind, _ in untrue(drawing)}
    assert {*MISTAKES.values()} == {*KINDS}


@given(st.lists(st.booleans(), min_size=4, max_size=4), st.sets(st.integers(0, 3), min_size=2))
def test_of_several_outputs_each_is_marked_in_closed_modules_too(closed: list[bool], given_out: set[int]) -> None:
    h: Any = fg.Input("x", shape=(3,))
    ends = []
    for number, function in enumerate((np.tanh, np.sin, np.cos, np.exp)):  # alike ones would be the steps of a loop
        with fg.scope(f"part{number}"):
            h = np.arctan(function(h))
        ends.append(h)
    graph = fg.Graph(*[ends[number] for number in given_out | {3}])
    names = [f"part{number}" for number, shut in enumerate(closed) if shut]
    tiles = picture_of(graph, collapse=names or False).tiles
    assert sum(tile.kind == "output" for tile in tiles) == len(given_out | {3})


def test_a_scope_that_is_entered_again_is_in_parts_with_the_parameters_that_each_reads() -> None:
    x = fg.Input("x", shape=("N", 3))
    with fg.scope("C"):
        W, V = fg.Parameter(np.eye(3), name="W"), fg.Parameter(np.eye(3), name="V")
        e = x @ W
    with fg.scope("D"):
        f = np.sin(e)
    with fg.scope("C"):
        g = np.cos(f @ V + x @ W)
    graph = fg.Graph(g)
    frame = {tile.id: tile.frame for tile in picture_of(graph).tiles}
    assert [frame[id] for id in ("C/W", "C/V", "D/sin", "C/cos")] == ["C", "C~2", "D", "C~2"]
    closed = picture_of(graph, collapse=["C", "D"]).tiles
    assert {tile.title for tile in closed} == {"x", "C", "D", "C, part 2"}


@given(st.lists(st.sampled_from(["C", "Ca", "Cb", "D", "De", "Def"]), min_size=2, max_size=7))
def test_a_module_of_a_list_is_whole_wherever_the_list_is_entered(order: list[str]) -> None:
    """Its transposed weight reads nothing of what came before, and was pulled into the first part of the list."""
    h: Any = fg.Input("x", shape=("N", 3))
    for number, names in enumerate(order):
        with contextlib.ExitStack() as inside:
            for name in names:
                inside.enter_context(fg.scope(name if name in "CD" else f"{name}{number}"))
            h = h @ fg.Parameter(np.eye(3), name=f"W{number}").T
    assert parted(fg.Graph(h)) == []


def test_steps_in_frames_of_their_own_are_no_one_tile() -> None:
    """It would stand in the frame of the first, which this graph could not even be drawn with."""
    x, h = fg.Input("x", shape=("N", 3)), fg.Input("h", shape=("N", 3))
    taken: Any = np.cos(x)
    for number in range(3):
        with fg.scope(f"block{number}"):
            beside = np.sin(x)
            with fg.scope("step"):
                h = np.tanh(h * taken)
        taken = np.cos(beside)
    graph = fg.Graph(h + taken)
    picture = picture_of(graph, collapse=[f"block{number}/step" for number in range(3)])
    assert untrue(drawn := of_layout(picture)) == unframed(graph, picture, drawn) == []
