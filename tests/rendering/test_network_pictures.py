"""Pictures of networks of PyTorch and of ONNX: true, with the kinds of their modules, each call a step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.rendering.compose import compose
from flowgraph.rendering.entry import graph_to_draw
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.layout import place
from flowgraph.rendering.picture import Picture, Span
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.viewer import openable
from tests.rendering.test_repetition import times, words
from tools.picture_claims import of_layout, untrue

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from benchmarks.peers.torch_networks import NETWORKS, Mixture  # noqa: E402


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin, self.act = nn.Linear(4, 4), nn.Tanh()

    def forward(self, h: Any) -> Any:
        return self.act(self.lin(h)) + self.act(h)


class Calls(nn.Module):
    """One module, called as often as it is told."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.cell, self.calls = Cell(), calls

    def forward(self, x: Any) -> Any:
        for _ in range(self.calls):
            x = self.cell(x)
        return x


class Memory(nn.Module):
    def __init__(self, steps: int) -> None:
        super().__init__()
        self.cell, self.out, self.steps = nn.LSTMCell(4, 6), nn.Linear(6, 2), steps

    def forward(self, x: Any) -> Any:
        h = c = torch.zeros(x.shape[0], 6)
        for t in range(self.steps):
            h, c = self.cell(x[:, t], (h, c))
        return self.out(h)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2, self.relu = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()

    def forward(self, x: Any) -> Any:
        return self.relu(x + self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.norm = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.LayerNorm(8)

    def forward(self, x: Any) -> Any:
        shares = torch.softmax(self.q(x) @ self.k(x).transpose(1, 2) / 8**0.5, -1)
        return self.norm(x + shares @ self.v(x))


NETS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "sequence": (lambda: nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 10)), (4, 16)),
    "residual": (lambda: Residual().eval(), (2, 4, 8, 8)),
    "attention": (Attention, (2, 5, 8)),
    "calls": (lambda: Calls(4), (2, 4)),
    "memory": (lambda: Memory(6), (3, 6, 4)),
}


def drawn(net: Any, shape: tuple[int, ...], **settings: Any) -> Picture:
    """The picture that `fg.render(net, x, ...)` shows."""
    return picture_of(graph_to_draw(net, [torch.ones(shape)]), titles=net, **settings)


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("name", NETS)
def test_networks_of_pytorch_are_drawn_truly_open_and_closed(name: str, direction: str) -> None:
    make, shape = NETS[name]
    net = make()
    graph = graph_to_draw(net, [torch.ones(shape)])
    for titles in (net, None):
        for collapse in ("auto", False, True):
            picture = picture_of(graph, titles=titles, collapse=collapse, direction=direction)
            assert untrue(of_layout(picture)) == []
        assert untrue(of_layout(openable(Subject(graph), titles=titles, direction=direction))) == []


@pytest.mark.parametrize("calls", [2, 3, 5, 8])
def test_a_module_that_is_called_often_is_one_tile_with_the_number_of_its_calls(calls: int) -> None:
    picture = drawn(Calls(calls), (2, 4))
    assert times(picture) == [calls]
    (tile,) = [tile for tile in picture.tiles if tile.id.endswith("@")]
    assert words(tile)[0] == "cell · Cell"
    assert tile.carried == "2×4"
    assert "20 parameters, shared" in words(tile)


def test_each_call_of_a_module_is_a_scope_of_its_own() -> None:
    graph = graph_to_draw(Calls(3), [torch.ones(2, 4)])
    scopes = {box.scope for box in graph.boxes if box.children}
    assert {"cell/act/", "cell/act@1/", "cell@1/act/", "cell@1/act@1/", "cell@2/lin/"} <= scopes
    assert [box.scope for box in graph.parameters] == ["cell/lin/"] * 2


@pytest.mark.parametrize("steps", [3, 12])
def test_a_recurrent_network_is_a_cell_that_hands_on_two_values(steps: int) -> None:
    picture = drawn(Memory(steps), (3, steps, 4))
    (cell,) = [tile for tile in picture.tiles if tile.carried]
    assert words(cell)[:3] == ["cell · LSTMCell 4→6", f"×{steps}", "each step reads x[:, t]"]
    assert cell.carried == "3×6, 3×6"


def test_modules_are_called_by_their_kinds_and_sizes() -> None:
    titles = [words(tile)[0] for tile in drawn(Residual().eval(), (2, 4, 8, 8)).tiles]
    assert {"conv1 · Conv2d 3×3 4→4", "bn1 · BatchNorm2d 4", "relu · ReLU"} <= set(titles)
    assert len(titles) < 10


def test_the_file_that_is_drawn_of_a_network_has_the_kinds(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    for suffix in ("svg", "html"):
        assert "0 · Linear 3→4" in fg.render(net, torch.ones(2, 3), tmp_path / f"net.{suffix}").read_text("utf-8")


def test_no_box_is_called_by_the_variable_of_the_graph(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    graph = graph_to_draw(net, [torch.ones(2, 3)])
    assert Subject(graph).assigned == {}
    path = fg.save(tmp_path / "net.onnx", graph)
    loaded = fg.load(path)
    assert Subject(loaded).assigned == {}


def test_what_names_no_modules_is_refused_as_titles() -> None:
    x = fg.Input("x", shape=("N",))
    with pytest.raises(fg.errors.UsageError, match=r"titles=, needs a network that has named_modules"):
        picture_of(fg.Graph(np.tanh(x)), titles=3)


@pytest.mark.parametrize("direction", ["right", "down"])
def test_graphs_from_onnx_are_drawn_truly(tmp_path: Path, direction: str) -> None:
    pytest.importorskip("onnx")
    x = fg.Input("x", shape=("N", 6, 3), dtype=np.float32)
    with fg.scope("memory"):
        layer = fg.LSTM(3, 5, rng=0, dtype=np.float32)
    path = fg.save(tmp_path / "net.onnx", fg.Graph(fg.mean(layer(x)[:, -1]).named("out")))
    assert untrue(of_layout(picture_of(fg.load(path), direction=direction, collapse=False))) == []


def shown_when_closed(page: Picture) -> set[str]:
    """The titles of the tiles of a page before anything is opened: what stands in no closed frame, and the lids."""
    parent = {frame.path: frame.parent for frame in page.frames}

    def around(path: str) -> list[str]:
        paths = []
        while path:
            paths.append(path)
            path = parent.get(path, "")
        return paths

    shut = set(page.closed)
    open_tiles = [tile for tile in page.tiles if not tile.dashed and shut.isdisjoint(around(tile.frame))]
    outer = [path for path in parent if path in shut and shut.isdisjoint(around(path)[1:])]
    return {words(tile)[0] for tile in open_tiles} | {words(page.lids[path])[0] for path in outer}


@pytest.mark.parametrize(("net", "shape"), [(Calls(5), (2, 4)), (Memory(5), (3, 5, 4)), (Residual(), (2, 4, 8, 8))])
def test_a_page_begins_with_the_tiles_of_the_picture(net: nn.Module, shape: tuple[int, ...]) -> None:
    """What the steps of a loop take of an input is part of their tile, as its text says."""
    net = net.eval()
    graph = graph_to_draw(net, [torch.ones(shape)])
    picture = picture_of(graph, titles=net)
    whole = {words(tile)[0] for tile in picture.tiles if not tile.dashed}
    assert shown_when_closed(openable(Subject(graph), titles=net)) == whole


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2}, {"bidirectional": True}], ids=str)
def test_a_recurrent_layer_alone_is_one_tile_as_inside_a_network(kind: Any, settings: Any, tmp_path: Path) -> None:
    layer = kind(3, 4, **settings)
    picture = drawn(layer, (5, 2, 3))
    assert [words(tile)[0] for tile in picture.tiles] == ["input", f"{kind.__name__} 3→4"]
    page = fg.render(layer, torch.ones(5, 2, 3), tmp_path / "layer.html").read_text("utf-8")
    assert f"{kind.__name__} 3→4" in page


def test_a_module_alone_is_drawn_open_where_it_is_short_or_wanted_so() -> None:
    assert len(drawn(nn.RNN(3, 4), (4, 2, 3), collapse=False).tiles) > 10
    assert len(drawn(nn.Linear(3, 4), (2, 3)).tiles) > 2


@pytest.mark.parametrize("name", NETWORKS)
def test_a_picture_counts_the_parameters_of_its_network_and_those_that_it_does_not_read(name: str) -> None:
    net, examples = NETWORKS[name]()
    graph = graph_to_draw(net, list(examples))
    picture = picture_of(graph, titles=net)
    held = {box.name for box in graph.parameters}
    unread = {path: p.numel() for path, p in net.named_parameters() if path.replace(".", "/") not in held}
    count = sum(p.numel() for p in net.parameters())
    said = f"{count:,} parameters" + (f", {sum(unread.values()):,} of them not read" if unread else "")
    assert said in caption(picture).split(" · ")
    for path in unread:
        around = ["/".join(path.split(".")[:depth]) for depth in range(1, path.count(".") + 1)]
        frames = [frame.note for frame in picture.frames if frame.path in around]
        assert any("of them not read" in note for note in frames)


def caption(picture: Picture) -> str:
    """The first line under a picture."""
    return " ".join(item.text for item in picture.caption[0].items if isinstance(item, Span))


def test_each_use_of_a_shared_module_says_so_and_further_calls_are_counted() -> None:
    net, examples = NETWORKS["GAN"]()
    picture = picture_of(graph_to_draw(net, list(examples)), titles=net)
    assert {frame.title for frame in picture.frames} >= {"D · Sequential", "D · Sequential, 2nd call"}
    uses = [
        tile for tile in picture.tiles if tile.frame.partition("@")[0] == "D" and "parameters" in " ".join(words(tile))
    ]
    assert len(uses) == 4
    assert all(words(tile)[-1].endswith("parameters, shared") for tile in uses)
    own = [tile for tile in picture.tiles if tile.frame == "G"]
    assert not any("shared" in " ".join(words(tile)) for tile in own)


@pytest.mark.parametrize("direction", ["right", "down"])
def test_modules_that_are_counted_stand_in_their_order(direction: str) -> None:
    net, examples = Mixture(experts=6), (torch.zeros(4, 16),)
    for collapse in (False, "auto", [f"experts/{layer}/{k}" for layer in range(2) for k in range(6)]):
        subject = Subject(graph_to_draw(net, list(examples)))
        picture = compose(subject, titles=net, direction=direction, collapse=collapse)
        layout = place(picture)
        places = layout.frames | {tile.id.removesuffix("@"): layout.tiles[tile.id] for tile in picture.tiles}
        places = {re.sub(r"(~|:7e:)\d+", "", name): at for name, at in places.items()}
        for layer in range(2):
            beside = [places[f"experts/{layer}/{k}"] for k in range(6)]
            across = [at.y if direction == "right" else at.x for at in beside]
            assert across == sorted(across)
