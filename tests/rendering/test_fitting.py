"""A picture that is asked to fit does, with letters of the size that is promised, and is as true as any other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.rendering.closing import closings
from flowgraph.rendering.compose import choices_of, compose, compose_picture
from flowgraph.rendering.entry import graph_to_draw
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.fitting import (
    LEAST_PIXELS,
    MOST_RATIO,
    PAGES,
    SLIDES,
    Room,
    _in_lines,
    _in_other_tiles,
    fit_picture,
    room_of,
)
from flowgraph.rendering.layout import place, title_room
from flowgraph.rendering.lines import break_lines
from flowgraph.rendering.modules import COLLAPSE_BEYOND
from flowgraph.rendering.picture import Picture, Row, Span, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.svg_text import paper
from flowgraph.rendering.tikz import POINTS
from flowgraph.rendering.titles import run_path
from tests.browser import in_a_browser, shared
from tests.rendering.graphs import deep, lecture
from tests.rendering.random_graphs import random_graph
from tests.rendering.test_repetition import words
from tests.seed import seed_of_tree
from tools.picture_claims import of_layout, of_svg, painted_size, untrue

COLUMN = (3.3, 9.5)


def torch_networks() -> Any:
    """The twelve networks, each with what it is called with; they need PyTorch."""
    pytest.importorskip("torch")
    from benchmarks.peers.torch_networks import NETWORKS

    return NETWORKS


NAMES = (
    "U-Net", "ResNet", "encoder-decoder", "seq2seq", "GAN", "VAE", "MobileNet", "siamese", "mixture of experts",
    "DenseNet", "graph convolution", "WaveNet",
)  # fmt: skip


def drawn(name: str) -> tuple[Any, fg.Graph]:
    """A network in the state in which it predicts, and its graph."""
    net, examples = torch_networks()[name]()
    return net.eval(), graph_to_draw(net.eval(), list(examples))


def legend(picture: Picture) -> str:
    """The words under a picture, in one line."""
    return " ".join(item.text for row in picture.caption for item in row.items if isinstance(item, Span))


@in_a_browser
@pytest.mark.parametrize("name", NAMES)
def test_networks_fit_a_column_and_a_slide_in_chromium(name: str, tmp_path: Path) -> None:
    """In a column 96 pixels are an inch and 72 points; on a slide letters have 8 pixels or more."""
    net, graph = drawn(name)
    point = 96 / 72
    asked: list[tuple[dict[str, Any], float, float, float]] = [
        ({"inches": COLUMN}, COLUMN[0] * 96, COLUMN[1] * 96, POINTS * point),
        ({"slide": "16:9"}, *SLIDES["16:9"], LEAST_PIXELS),
    ]
    for setting, wide, high, least in asked:
        svg = graph.render(tmp_path / "net.svg", titles=net, theme="light", **setting).read_text("utf-8")
        assert untrue(of_svg(shared(), svg)) == []
        width, height, letters = painted_size(shared())
        assert (width <= wide + 0.5, height <= high + 0.5, letters >= least - 0.01) == (True, True, True), setting


@pytest.mark.parametrize("name", NAMES)
def test_what_is_closed_to_fit_is_said_and_nothing_else(name: str) -> None:
    net, graph = drawn(name)
    for room in (room_of(inches=COLUMN), room_of(slide="16:9"), room_of(page="a4")):
        assert room is not None
        picture, layout = fit_picture(Subject(graph), room, titles=net)
        sheet = paper(picture, layout)
        assert room.fits((sheet.width, sheet.height))
        usual = {tile.title for tile in compose_picture(Subject(graph), *_usual(graph, net)).tiles}
        closed = [tile for tile in picture.tiles if tile.id.endswith("@") and not tile.dashed]
        new = [tile for tile in closed if tile.title.split("/")[-1].split("  ×")[0] not in usual]
        said = legend(picture)
        assert bool("closed to fit" in said or "equal modules as one tile" in said) >= bool(new)
        if "closed to fit" in said:
            assert new


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_no_ribbon_and_readable_on_a_slide_without_being_asked(name: str) -> None:
    net, graph = drawn(name)
    picture = picture_of(graph, titles=net)
    sheet = paper(picture, place(picture))
    slide = room_of(slide="16:9")
    assert slide is not None
    assert sheet.width <= MOST_RATIO * sheet.height
    assert slide.fits((sheet.width, sheet.height))
    assert untrue(of_layout(picture)) == []
    all_open = picture_of(graph, titles=net, collapse=False)
    sheet = paper(all_open, place(all_open))
    assert sheet.width <= MOST_RATIO * sheet.height
    usual = compose_picture(Subject(graph), *_usual(graph, net))
    assert ("collapse=False opens all" in legend(picture)) == (len(picture.tiles) < len(usual.tiles))


@pytest.mark.parametrize("how", [{"wrap": 0}, {"direction": "down"}, {"depth": 0}, {"collapse": True}], ids=str)
def test_what_is_asked_for_by_name_is_not_changed_to_fit_a_slide(how: dict[str, Any]) -> None:
    net, graph = drawn("ResNet")
    tiles = {tile.id for tile in picture_of(graph, titles=net, **how).tiles}
    assert tiles == {tile.id for tile in compose(Subject(graph), titles=net, **how).tiles}


def test_a_graph_of_boxes_stays_in_one_line_as_it_is_taught() -> None:
    assert picture_of(lecture()) == compose(Subject(lecture()))


def _usual(graph: fg.Graph, net: Any) -> tuple[Any, Any]:
    how = choices_of(Subject(graph), titles=net)
    return next(iter(closings(Subject(graph), how.titles))).modules, how


def problem_of(graph: fg.Graph, room: Room) -> str:
    """Why a graph does not fit; "" where it does, and is drawn truly."""
    try:
        picture, layout = fit_picture(Subject(graph), room)
    except UsageError as error:
        return str(error)
    sheet = paper(picture, layout)
    assert room.fits((sheet.width, sheet.height))
    assert untrue(of_layout(picture)) == []
    return ""


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 80), st.floats(2.0, 12.0), st.floats(2.0, 20.0))
def test_any_graph_fits_or_one_error_says_what_does_not(seed: int, boxes: int, width: float, height: float) -> None:
    graph = random_graph(seed, boxes)
    room = room_of(inches=(width, height))
    assert room is not None
    problem = problem_of(graph, room)
    assert re.fullmatch(
        r"|render: found [\d.]+ × [\d.]+ inches with letters of 7 pt; the (picture needs|tiles alone need) .*; "
        r"ask for more room, or draw a part: fg.Graph\(box\)",
        problem,
    )
    assert len(problem.split()) <= 40


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 80), st.floats(300.0, 2500.0))
def test_frames_that_break_over_lines_hold_the_same_tiles_and_say_that_they_go_on(
    seed: int, boxes: int, width: float
) -> None:
    graph = random_graph(seed, boxes)
    how = choices_of(Subject(graph), wrap=0)
    whole = compose_picture(Subject(graph), [], how)
    titles = {frame.path: frame.title for frame in whole.frames}
    for picture in break_lines(whole, width):
        assert untrue(of_layout(picture)) == []
        assert [tile.id for tile in picture.tiles] == [tile.id for tile in whole.tiles]
        for tile, before in zip(picture.tiles, whole.tiles, strict=True):
            assert tile.frame.split("~continued")[0] == before.frame
        for frame in picture.frames:
            first, _, part = frame.path.partition("~continued")
            assert frame.title == titles[first] + (", continued" if part else "")


@pytest.mark.parametrize("place", range(6))
def test_ever_more_is_closed_level_by_level_and_each_picture_is_true(place: int) -> None:
    subject = Subject(random_graph(seed_of_tree() + place, 60))
    how = choices_of(subject)
    depths = []
    for closing in closings(subject, how.titles):
        boxes = [box for module in closing.modules for box in module.boxes]
        assert len(boxes) == len(set(boxes))
        picture = compose_picture(subject, closing.modules, how)
        assert untrue(of_layout(picture)) == []
        depths.append(len(picture.frames))
    assert depths == sorted(depths, reverse=True)


def test_experts_beside_each_other_are_one_tile_and_their_weighted_sum_is_carried() -> None:
    net, graph = drawn("mixture of experts")
    subject = Subject(graph)
    how = choices_of(subject, titles=net)
    closing = list(closings(subject, how.titles))[1]
    picture = compose_picture(subject, closing.modules, how)
    rows = [tile for tile in picture.tiles if "×4" in tile.title]
    assert [words(tile)[0] for tile in rows] == ["experts/0/0–3 · Sequential", "experts/1/0–3 · Sequential"]
    assert [tile.carried for tile in rows] == ["4×16", "4×16"]
    assert "×n: n equal modules as one tile" in closing.legend


def test_calls_of_a_cell_are_one_tile_with_what_only_one_call_reads() -> None:
    net, graph = drawn("seq2seq")
    subject = Subject(graph)
    how = choices_of(subject, titles=net)
    tiles = compose_picture(subject, list(closings(subject, how.titles))[1].modules, how).tiles
    assert [(words(tile)[:2], tile.carried) for tile in tiles if tile.carried] == [
        (["encoder · GRUCell 8→16", "×5"], "2×16"), (["decoder · GRUCell 8→16", "×4"], "2×16")
    ]  # fmt: skip
    assert len(tiles) == 5


def test_blocks_that_differ_are_not_drawn_as_equal_ones() -> None:
    net, graph = drawn("WaveNet")
    subject = Subject(graph)
    for closing in closings(subject, choices_of(subject, titles=net).titles):
        assert all(len(module.paths) == 1 for module in closing.modules)


def test_what_the_user_closes_stays_so_in_any_room() -> None:
    graph = deep(9)
    room = room_of(inches=(7.0, 6.0))
    assert room is not None
    picture, _ = fit_picture(Subject(graph), room, collapse=["layer1"])
    assert [tile.id for tile in picture.tiles if tile.id.endswith("@")] == ["layer1@"]
    down, _ = fit_picture(Subject(graph), room_of(inches=(9, 40)) or room, direction="down")
    assert down.direction == "down"


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"inches": 1}, r"found 1 × 9.5 inches with letters of 7 pt; .* ask for more room"),
        ({"inches": 0.0}, r"found inches=0.0, needs a positive width, or \(width, height\)"),
        ({"inches": (3, -1)}, r"found inches=\(3, -1\), needs \(width, height\), both positive"),
        ({"page": "a3"}, r"found page='a3', needs one of 'a4', 'letter'"),
        ({"slide": "1:1"}, r"found slide='1:1', needs one of '16:9', '4:3'"),
        ({"slide": (200, 100)}, r"found a slide of 200 × 100 pixels with letters of 8 pixels; .* ask for more room"),
        ({"slide": "4:3", "inches": 3.3}, r"found inches= and slide=, needs one of them"),
    ],
)
def test_what_cannot_fit_is_refused_and_no_file_is_written(
    setting: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=problem):
        lecture().render(tmp_path / "net.svg", **setting)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("setting", "wrong"), [("inches", "png"), ("page", "html"), ("slide", "tex")])
def test_a_format_that_cannot_be_fitted_is_refused(setting: str, wrong: str, tmp_path: Path) -> None:
    value = {"inches": 3.3, "page": "a4", "slide": "16:9"}[setting]
    with pytest.raises(UsageError, match=rf"{setting}= .*for 'net.{wrong}', needs one of \.svg"):
        lecture().render(tmp_path / f"net.{wrong}", **{setting: value})


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_text_is_filled_with_the_sizes_of_print(page: str, tmp_path: Path) -> None:
    svg = lecture().render(tmp_path / "net.svg", page=page).read_text("utf-8")
    width, height = (float(number) for number in re.findall(r'(?:width|height)="([\d.]+)in"', svg)[:2])
    assert width <= PAGES[page][0] + 0.01
    assert height <= PAGES[page][1] + 0.01


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-200, 200), max_size=4), st.floats(0, 250), st.floats(0, 250), st.floats(5, 300)
)  # fmt: skip
def test_a_title_stands_between_the_wires_that_enter_its_frame(
    wires: list[float], up: float, down: float, width: float
) -> None:
    wires = sorted(wire for wire in wires if -up < wire < down)
    wider_up, wider_down, start = title_room(wires, up, down, width)
    assert wider_up >= up
    assert wider_down >= down
    assert -wider_up < start
    assert start + width <= wider_down + 1e-6
    assert not any(start - 1e-6 < wire < start + width for wire in wires)


def test_a_slide_is_filled_by_a_small_picture(tmp_path: Path) -> None:
    x = fg.Input("x", shape=("N", 3))
    graph = fg.Graph(np.tanh(x).named("h"))
    svg = graph.render(tmp_path / "net.svg", slide="16:9").read_text("utf-8")
    width, height = (float(number) for number in re.findall(r'(?:width|height)="(\d+)"', svg)[:2])
    wide = float(re.findall(r'viewBox="\S+ \S+ (\S+) ', svg)[0])
    assert width / wide == pytest.approx(2.0, rel=0.01)
    assert height <= SLIDES["16:9"][1]


def test_equal_modules_say_the_names_of_their_frame_once_and_are_closed_with_it() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))

        def forward(self, x: Any) -> Any:
            return x + self.inner(x)

    class Encoder(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.ModuleList([Block() for _ in range(5)])

        def forward(self, x: Any) -> Any:
            for block in self.layer:
                x = block(x)
            return x

    net = nn.Sequential()
    net.add_module("model", nn.Sequential())
    net.model.add_module("embedding", nn.Linear(8, 8))
    net.model.add_module("encoder", Encoder())
    graph = graph_to_draw(net, [torch.ones(2, 8)])
    how = choices_of(Subject(graph), titles=net)
    seen, fewest = set(), 100
    for closing in closings(Subject(graph), how.titles):
        fewest = min(fewest, len(compose_picture(Subject(graph), closing.modules, how).tiles))
        for shells in (True, False):
            for tile in compose_picture(Subject(graph), closing.modules, replace(how, shells=shells)).tiles:
                names = f"{tile.frame}/{tile.title}".lstrip("/").split("/")
                assert " · " not in tile.title or len(set(names)) == len(names), tile.title
                seen.add(tile.title)
    assert "0–4 · Block  ×5" in seen
    assert fewest == 2  # the input, and the network around its rows


def chain_of_blocks(kinds: Sequence[int], width: int = 8) -> tuple[fg.Graph, dict[str, str]]:
    """A chain of modules as GoogLeNet has one: blocks of branches, and poolings, which are one operation each."""
    h: Any = fg.Input("x", shape=(1, 3, 224, width))
    titles = {"": "Net"}
    for number, kind in enumerate(kinds):
        name = f"inception{number // 3}{'abc'[number % 3]}" if kind else f"maxpool{number}"
        titles[name] = f"{name} · {'Inception' if kind else 'MaxPool2d 3×3'}"
        with fg.scope(name):
            if not kind:
                h = np.abs(h)
                continue
            ends = []
            for branch in range(kind + 1):
                titles[f"{name}/branch{branch}"] = f"branch{branch} · BasicConv2d"
                with fg.scope(f"branch{branch}"):
                    weight = fg.Parameter(np.eye(width) * (number + 1), name=f"W{number}{branch}")
                    ends.append(np.tanh(np.sin(np.cos(h @ weight)) if branch % 2 else h @ weight))
            h = sum(ends)
    return fg.Graph(h), titles


@pytest.mark.parametrize("place", range(4))
def test_a_chain_of_blocks_fits_a_column_whatever_they_hold(place: int) -> None:
    rng = np.random.default_rng(seed_of_tree() + place)
    graph, titles = chain_of_blocks([4, 3, *map(int, rng.integers(0, 5, rng.integers(14, 19))), 4])
    room = room_of(inches=COLUMN)
    assert room is not None
    picture, layout = fit_picture(Subject(graph), room, titles=titles)
    sheet = paper(picture, layout)
    assert room.fits((sheet.width, sheet.height))
    assert untrue(of_layout(picture)) == []


def test_in_a_large_network_a_module_of_one_operation_is_a_tile_too() -> None:
    graph, titles = chain_of_blocks([4, 0, 3, 2, 0, 4, 4, 3, 2, 1, 4, 0, *[4, 3] * 8])
    picture = picture_of(graph, titles=titles)
    assert sum("BasicConv2d" in title for title in titles.values()) + len(titles) > COLLAPSE_BEYOND
    assert [tile.title for tile in picture.tiles if "pool" in tile.title] == [
        f"maxpool{number} · MaxPool2d 3×3" for number in (1, 4, 11)
    ]
    assert not [frame for frame in picture.frames if "pool" in frame.title]


def test_an_arrow_that_hands_on_what_its_tile_gives_says_so_where_room_is_short() -> None:
    rows = Row((Span("6c–d"),)), Row((Span("Conv2d · ReLU"),), inside=True), Row((Span("→ 4×4"),))
    tile = Tile("t", "box", rows, "", "", "", carried="4×4")
    picture = Picture("", (tile,), ())
    room = room_of(inches=COLUMN)
    assert room is not None
    *_, shortest = _in_other_tiles(picture, room)
    (found,) = shortest.tiles
    assert [words(found), found.carried] == [["6c–d", "→ 4×4"], "same"]
    *_, shortest = _in_other_tiles(replace(picture, tiles=(replace(tile, carried="2×2"),)), room)
    assert shortest.tiles[0].carried == "2×2"


def test_an_arrow_stays_in_the_line_of_its_shape() -> None:
    tile = Tile("t", "box", (Row((Span("conv1 · BasicConv2d"),)), Row((Span("→ 1×64×112×112"),))), "", "", "")
    assert words(_in_lines(tile, 40.0)) == ["conv1", "·", "BasicConv2d", "→ 1×64×112×112"]


@pytest.mark.parametrize(
    ("first", "last", "path"),
    [
        ("block1", "block4", "block1–4"),
        ("Mixed_6c", "Mixed_6d", "Mixed_6c–d"),
        ("net/4b", "net/4e", "net/4b–e"),
        ("net/a", "net/b", "net/a … net/b"),
        ("net", "net", "net"),
        ("left", "right", "left … right"),
    ],
)
def test_the_path_of_several_scopes_says_what_differs(first: str, last: str, path: str) -> None:
    assert run_path([first, last]) == path
