"""How a picture is asked for, by fg.render and the command, and pictures in a paper."""

from __future__ import annotations

import itertools
import re
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.cli import main
from flowgraph.errors import UsageError
from flowgraph.rendering.entry import graph_to_draw
from flowgraph.rendering.files import picture_of, svg_of
from flowgraph.rendering.foreign import _makers, graph_maker_for
from flowgraph.rendering.kinds import scope_path
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.tikz import POINTS, SMALLEST, tikz_text
from flowgraph.rendering.viewer import openable
from flowgraph.rendering.wording import identifier
from tests.rendering.graphs import deep, lecture, nasty
from tests.rendering.random_graphs import random_graph
from tests.rendering.test_openable import nested

x = fg.Input("x", shape=(3,))
h = np.tanh(x)


@pytest.mark.parametrize("subject", [h, [h, x * 2], fg.Graph(h)], ids=["box", "boxes", "graph"])
def test_boxes_and_graphs(subject, tmp_path):
    assert "tanh" in fg.render(subject, tmp_path / "net.dot").read_text()


def test_a_plan_is_drawn_with_its_memory(tmp_path):
    plan = fg.compile([h]).prepare(x=np.ones(3))
    assert fg.render(plan, tmp_path / "one.dot").read_text() == plan.render(tmp_path / "other.dot").read_text()


def test_a_file_is_drawn_by_its_name(tmp_path):
    x = fg.Input("x", shape=("N", 3))
    saved = fg.save(tmp_path / "net.safetensors", fg.Graph(np.tanh(x).named("h")))
    assert "tanh" in fg.render(saved, tmp_path / "net.svg").read_text("utf-8")
    with pytest.raises(fg.errors.FlowgraphError, match="nothing"):
        fg.render(tmp_path / "nothing.onnx", tmp_path / "net.svg")


def test_functions_get_their_arguments_by_position():
    graph = graph_to_draw(lambda a, w: np.sin(a @ w), [np.ones((2, 3)), np.ones(3)])
    assert [graph.names[box] for box in graph.inputs] == ["a", "w"]
    graph = graph_to_draw(np.tanh, [np.ones(3)])
    assert isinstance(graph.outputs[0], fg.Tanh)


class Foreign:
    """A network of another library."""


def test_who_is_registered_makes_the_graph_also_for_examples_inside_containers(monkeypatch):
    monkeypatch.setitem(_makers, "tests", None)
    seen = []

    @graph_maker_for("tests")
    def make(target, *examples):
        seen.append((target, examples))
        return fg.Graph(h)

    one = Foreign()
    assert graph_to_draw(one, [3]).outputs[0] is h
    assert graph_to_draw(np.sin, [{"a": [one]}]).outputs[0] is h
    assert seen == [(one, (3,)), (np.sin, ({"a": [one]},))]


def test_what_cannot_be_drawn_is_said(tmp_path):
    for arguments, words in (
        ((h,), "found nothing as the last argument, needs the path"),
        ((h, 3), "found a int as the last argument"),
        ((fg.Graph(h), np.ones(3), tmp_path / "a.svg"), "1 arguments between a Graph and the path"),
        ((3, tmp_path / "a.svg"), "found a int, needs a graph, boxes, a plan, a function"),
        ((h, tmp_path / "a.bmp"), "needs a name that ends in .svg"),
    ):
        with pytest.raises(fg.FlowgraphError, match=words):
            fg.render(*arguments)


SOURCE = '''
import numpy as np
import flowgraph as fg


class Twice(fg.Elementwise):
    """Twice."""

    def fprop(self, a):
        return 2.0 * a

    def bprop(self, grad, h, a):
        return (2.0 * grad,)


x = fg.Input("x", shape=("N", 3))
w = fg.Parameter(np.ones(3), name="w")
loss = fg.mean(np.tanh(x @ w).named("h")).named("loss")
graph = fg.Graph(loss)
picky = fg.Graph(fg.mean(w[fg.Input("y", shape=("N",), dtype=int) + 5]))
number = 3


def built():
    return graph


class Thrice(fg.Elementwise):
    """Thrice."""

    def fprop(self, a):
        return 3.0 * a

    def bprop(self, grad, h, a):
        return (3.0 * grad,)
'''


@pytest.fixture
def model(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    path = tmp_path / f"model_{abs(hash(request.node.name))}.py"
    path.write_text(SOURCE, encoding="utf-8")
    return str(path)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.mark.parametrize("name", ["graph", "loss", "built", "Twice"])
def test_a_graph_a_box_a_function_or_a_class_is_drawn(model: str, name: str, tmp_path: Path) -> None:
    result = call("render", f"{model}:{name}", "-o", tmp_path / "net.svg", "--engine", "builtin")
    assert result.exit_code == 0, result.output
    assert f"wrote {tmp_path / 'net.svg'}" in result.output
    assert "</svg>" in (tmp_path / "net.svg").read_text(encoding="utf-8")


def test_a_view_shows_a_run(model: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "inputs.npz", x=np.zeros((2, 3)))
    for feeds in ([], ["--feeds", tmp_path / "inputs.npz"]):
        out = tmp_path / "net.dot"
        result = call("render", f"{model}:graph", "-o", out, "--view", "values", *feeds)
        assert result.exit_code == 0, result.output
        assert "not computed" not in out.read_text(encoding="utf-8")
    assert "2×3" in out.read_text(encoding="utf-8")


def test_settings_reach_the_picture(model: str, tmp_path: Path) -> None:
    out = tmp_path / "net.dot"
    call("render", f"{model}:graph", "-o", out, "--theme", "dark", "--direction", "down", "--wrap", 3)
    assert "rankdir=TB" in out.read_text(encoding="utf-8")
    assert "#12161B" in out.read_text(encoding="utf-8")


def test_a_saved_graph_is_drawn_and_explained(tmp_path: Path) -> None:
    saved = fg.save(tmp_path / "net.safetensors", lecture())
    assert call("render", saved, "-o", tmp_path / "net.dot").exit_code == 0
    assert (tmp_path / "net.dot").read_text(encoding="utf-8").count(">tanh<") == 1
    result = call("explain", saved, "-o", tmp_path / "net.md", "--wrt", "W2")
    assert result.exit_code == 0, result.output
    assert r"\nabla_{W^{(2)}}" in (tmp_path / "net.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", ["html", "svg"])
def test_steps_are_written(model: str, tmp_path: Path, suffix: str) -> None:
    result = call("animate", f"{model}:graph", "-o", tmp_path / f"net.{suffix}")
    assert result.exit_code == 0, result.output
    assert "sends" in (tmp_path / f"net.{suffix}").read_text(encoding="utf-8")


def test_the_gallery_is_written(tmp_path: Path) -> None:
    result = call("gallery", tmp_path / "boxes.html")
    assert result.exit_code == 0, result.output
    assert 'id="Tanh"' in (tmp_path / "boxes.html").read_text(encoding="utf-8")
    assert "needs a name that ends in .html or .md" in call("gallery", tmp_path / "boxes.pdf").output


def test_a_scope_is_collapsed_by_name(tmp_path: Path) -> None:
    saved = fg.save(tmp_path / "deep.safetensors", deep(3))
    result = call("render", saved, "-o", tmp_path / "net.dot", "--collapse", "layer2")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "net.dot").read_text(encoding="utf-8").count("box3d") == 1


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (":nothing", "has no 'nothing'"),
        (":number", "functools.partial(fg.check, function, ...)"),
        ("", "defines several boxes"),
    ],
)
def test_what_cannot_be_drawn_is_said_without_a_traceback(model: str, target: str, said: str) -> None:
    for command in ("render", "explain", "animate"):
        result = call(command, f"{model}{target}")
        assert result.exit_code == 3
        assert said in result.output
        assert isinstance(result.exception, SystemExit)


def test_numbers_that_do_not_fit_ask_for_feeds(model: str, tmp_path: Path) -> None:
    result = call("render", f"{model}:picky", "-o", tmp_path / "net.svg", "--view", "values")
    assert result.exit_code == 3
    assert "drawn for y" in result.output
    assert "--feeds inputs.npz" in result.output


SIGNS = r"\$&#^_%~{}|<>" + '"'


def texts(tikz: str) -> list[str]:
    """What the nodes of a tikzpicture say."""
    return re.findall(r"at \([-\d.]+,[-\d.]+\) \{(.*)\};$", tikz, re.M)


@pytest.mark.parametrize(
    "graph", [lecture(), nested(), deep(60), nasty()], ids=["lecture", "nested", "folded", "nasty"]
)
def test_tikz_is_a_fragment_that_paints_all_that_the_svg_paints(graph: fg.Graph, tmp_path: Path) -> None:
    text = graph.render(tmp_path / "net.tex").read_text("utf-8")
    assert "documentclass" not in text
    assert text.count(r"\begin{tikzpicture}") == text.count(r"\end{tikzpicture}") == 1
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert set(re.findall(r"(?:fill|draw|text)=(\w+)", text)) <= set(re.findall(r"definecolor\{(\w+)\}", text))
    svg = ElementTree.fromstring(svg_of(picture_of(graph), "print"))
    painted = [one.tag.rpartition("}")[2] for one in svg.iter() if one.get("class") != "paper"]
    caption = [one.tag.rpartition("}")[2] for group in svg if group.get("class") == "caption" for one in group.iter()]
    shapes = sum(painted.count(kind) - caption.count(kind) for kind in ("rect", "path", "polygon"))
    assert text.count(r"\path[") == shapes
    assert len(texts(text)) == painted.count("text") - caption.count("text")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_no_sign_of_a_text_is_a_command(text: str) -> None:
    (span,) = ElementTree.fromstring("<svg><text x='0' y='0' fill='#000000'/></svg>")
    span.text = text
    (said,) = texts(
        tikz_text(ElementTree.tostring(ElementTree.Element("svg") if not text.strip() else _around(span), "unicode"))
    ) or [""]
    left = re.sub(r"\\(text[a-z]+\{\}|[#$%&_{}])", "", said)
    assert not set(left) & set(SIGNS)
    plain = re.sub(r"\\text[a-z]+\{\}", "?", said).replace("\\", "")
    assert plain == re.sub(r'[\\~^<>|"]', "?", text).strip()


def _around(span: ElementTree.Element) -> ElementTree.Element:
    svg = ElementTree.Element("svg")
    svg.append(span)
    return svg


@pytest.mark.parametrize("inches", [3.3, 5.0, 7.0])
@pytest.mark.parametrize("graph", [lecture(), nested(), deep(60)], ids=["lecture", "nested", "folded"])
def test_a_picture_fits_the_column_and_its_letters_are_as_large_as_journals_ask(
    graph: fg.Graph, inches: float, tmp_path: Path
) -> None:
    svg = graph.render(tmp_path / "net.svg", inches=inches, theme="light").read_text("utf-8")
    width = float(re.findall(r'width="([\d.]+)in"', svg)[0])
    pixels = float(re.findall(r'viewBox="\S+ \S+ (\S+) ', svg)[0])
    assert width <= inches + 0.01
    assert width * 72 / pixels * SMALLEST == pytest.approx(POINTS, rel=0.01)
    assert min(map(float, re.findall(r'font-size="([\d.]+)"', svg))) >= SMALLEST - 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_no_scope_is_deeper_than_is_asked_for(seed: int, depth: int) -> None:
    graph = random_graph(seed, 40)
    there = max((scope_path(box).count("/") for box in graph.boxes if scope_path(box)), default=-1)
    if depth > there:
        with pytest.raises(UsageError, match=rf"found depth={depth}, needs .*; collapse=False closes none"):
            picture_of(graph, depth=depth)
        return
    picture = picture_of(graph, depth=depth)
    deepest = max((frame.path.count("/") for frame in picture.frames), default=-1)
    assert deepest < depth
    closed = [tile for tile in picture.tiles if tile.id.endswith("@")]
    assert all(tile.frame.count("/") + bool(tile.frame) == depth for tile in closed)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.data())
def test_the_scopes_that_are_named_are_closed_and_no_others(seed: int, data: st.DataObject) -> None:
    """Also those that are entered twice, hold one box, or stand in others."""
    graph = random_graph(seed, 40)
    names = data.draw(st.sets(st.sampled_from(sorted({scope_path(box) for box in graph.boxes} - {""}) or [""])))
    names.discard("")
    tiles = {tile.id for tile in picture_of(graph, collapse=names).tiles}
    for box in graph.boxes:
        if box.children:
            within = any(f"{scope_path(box)}/".startswith(f"{name}/") for name in names)
            assert (identifier(graph.names[box]) in tiles) != within


def test_a_depth_beside_other_choices_is_refused() -> None:
    for how in ({"depth": 1, "collapse": True}, {"depth": -1}, {"depth": True}, {"depth": "1"}):
        with pytest.raises(UsageError, match="needs a depth from 0, or collapse="):
            picture_of(nested(), **how)
        with pytest.raises(UsageError, match="needs a depth from 0, or collapse="):
            openable(Subject(nested()), **how)


def test_a_picture_says_in_words_what_leads_to_what() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (words,) = re.findall("<desc>(.*)</desc>", svg_of(picture_of(lecture()), "light"))
    assert words.startswith("16 boxes; the longest path leads from x, to ")
    assert words.endswith("to objective")
    assert "…" in re.findall("<desc>(.*)</desc>", svg_of(picture_of(random_graph(3, 200), collapse=False), "light"))[0]


WRONG = ("3", -3, 0, None, float("nan"), (), 1.5, True, object(), b"x", ["a"], [3], [["a"]], {"a": 1}, np.ones(2))
SETTINGS = (
    "view", "run", "grads", "direction", "detail", "collapse", "wrap", "stubs", "theme", "engine", "timeout", "titles",
    "depth", "inches", "page", "slide",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:render")
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_is_taken_or_refused_by_name(setting: str, tmp_path: Path) -> None:
    graph = fg.Graph(np.tanh(fg.Parameter(np.ones(3), name="w")))
    refused = []
    for draw, wrong in itertools.product((graph.render, graph.animate), WRONG):
        given: dict[str, Any] = {"run": graph.fprop(), setting: wrong} if draw == graph.animate else {setting: wrong}
        try:
            draw(tmp_path / "net.svg", **given)
        except UsageError as error:
            refused.append(str(error))
    assert all(setting in text for text in refused)
