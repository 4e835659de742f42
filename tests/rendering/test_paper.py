"""Pictures in a paper: TikZ to be part of it, a width in inches with letters that can be read, fewer scopes."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import RenderWarning, UsageError
from flowgraph.rendering.files import picture_of, svg_of
from flowgraph.rendering.paper import POINTS, SMALLEST
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.tikz import tikz_text
from flowgraph.rendering.viewer import openable
from tests.rendering.graphs import deep, lecture, nasty
from tests.rendering.random_graphs import random_graph
from tests.rendering.test_openable import nested

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


def test_a_picture_that_fits_no_column_says_so(tmp_path: Path) -> None:
    with pytest.warns(RenderWarning, match=r"at letters of 7 pt the picture is [\d.]+ inches wide, not 1"):
        lecture().render(tmp_path / "net.svg", inches=1)
    for path, inches in (("net.png", 3.3), ("net.svg", 0.0)):
        with pytest.raises(UsageError, match=r"inches=.* needs a positive width of an \.svg or \.tex"):
            lecture().render(tmp_path / path, inches=inches)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_no_scope_is_deeper_than_is_asked_for(seed: int, depth: int) -> None:
    picture = picture_of(random_graph(seed, 40), depth=depth)
    assert max((frame.path.count("/") for frame in picture.frames), default=-1) < max(depth, 1) or depth >= 3
    closed = [tile for tile in picture.tiles if tile.id.endswith("@")]
    assert all(tile.frame.count("/") + bool(tile.frame) == depth for tile in closed)


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
