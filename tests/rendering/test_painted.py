"""Pictures outside of a browser: matplotlib, films, Mermaid; and graphs and boxes in tables and cells."""

from __future__ import annotations

import io
import re
import shutil
import stat
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import RenderError, UsageError
from flowgraph.peers import install_command
from flowgraph.rendering import files
from flowgraph.rendering.animation import _compose_steps, _Player, playing_svg
from flowgraph.rendering.dot_text import _plain, mermaid_text
from flowgraph.rendering.files import picture_of, svg_of
from flowgraph.rendering.measure import text_width
from tests.rendering.graphs import deep, feeds, lecture, nasty
from tests.rendering.random_graphs import random_graph
from tests.rendering.test_openable import nested
from tests.rendering.test_repetition import lstm

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
painted = pytest.importorskip("flowgraph.rendering.painted")

GRAPHS = {"lecture": lecture, "nested": nested, "folded": lambda: deep(60), "nasty": nasty, "loop": lambda: lstm(9)}


@pytest.mark.parametrize("name", GRAPHS)
def test_matplotlib_paints_all_that_the_svg_paints(name: str) -> None:
    svg = svg_of(picture_of(GRAPHS[name]()), "light")
    kinds = Counter(one.tag.rpartition("}")[2] for one in ElementTree.fromstring(svg).iter() if one.get("xml:space"))
    root = ElementTree.fromstring(svg)
    drawn = [one for one in root.iter() if one.tag.rpartition("}")[2] in ("rect", "path", "polygon")]
    said = [text.strip() for one in root.iter() if one.tag.rpartition("}")[2] in ("text", "tspan")
            if (text := one.text or "").strip()]  # fmt: skip
    parts = painted.Painted(svg).parts
    assert not kinds
    assert sum(isinstance(part, painted.Shape) for part in parts) == len(drawn)
    assert [part.text.strip() for part in parts if isinstance(part, painted.Words)] == said
    for shape, element in zip((part for part in parts if isinstance(part, painted.Shape)), drawn, strict=True):
        assert shape.line == element.get("stroke", "")
        if element.tag.endswith("rect"):
            x, y, wide, high = (float(element.get(side, "")) for side in ("x", "y", "width", "height"))
            assert shape.outline.get_extents().bounds == pytest.approx((x, y, wide, high))


@pytest.mark.parametrize("name", GRAPHS)
def test_no_text_is_wider_than_the_room_that_the_layout_gave_it(name: str) -> None:
    picture = painted.Painted(svg_of(picture_of(GRAPHS[name]()), "light"))
    canvas = painted.FigureCanvasAgg(painted.Figure(dpi=300))
    renderer = canvas.get_renderer()
    for words in (part for part in picture.parts if isinstance(part, painted.Words)):
        font = picture._font(renderer, words, 1.0)
        wide = renderer.get_text_width_height_descent(words.text, font, False)[0] / renderer.points_to_pixels(1.0)
        assert wide <= 1.02 * text_width(words.text, words.size, words.bold) + 1, words


def test_axes_show_the_picture_in_its_proportions_and_say_what_it_shows() -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4, 4))
    try:
        assert nested().plot(axes, detail="boxes") is axes
        assert axes.get_label().startswith("12 boxes; the longest path leads from x")
        assert axes.get_aspect() == 1
        for format in ("png", "svg", "pdf"):
            figure.savefig(io.BytesIO(), format=format, bbox_inches="tight")
        figure.canvas.draw()
        assert len(np.unique(np.asarray(figure.canvas.buffer_rgba()).reshape(-1, 4), axis=0)) > 10
        alone = nested().plot(theme="print")
        assert alone.figure is not figure
    finally:
        pyplot.close("all")


def test_what_needs_matplotlib_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    graph = lecture()
    run = graph.fprop(feeds())
    with pytest.raises(RenderError, match=re.escape(f"plot: needs matplotlib; run: {install_command('pdf')}")):
        graph.plot()
    for suffix in ("gif", "pdf", "mp4"):
        with pytest.raises(RenderError, match="animate: needs matplotlib"):
            graph.animate(tmp_path / f"net.{suffix}", run)
    assert not list(tmp_path.iterdir())


def small() -> tuple[fg.Graph, Any, Any]:
    """A graph of few steps, its run and gradients."""
    w = fg.Parameter([1.0, -2.0], name="w")
    graph = fg.Graph(fg.sum(np.tanh(w) * w).named("loss"))
    run = graph.fprop()
    return graph, run, run.bprop(keep="all")


def test_a_still_shows_what_the_playing_picture_shows_at_that_step() -> None:
    """The style of the playing picture is read as a browser reads it: of key frames the last one before a time."""
    picture, told = _compose_steps(*small())
    svg = playing_svg(picture, told, "light")
    frames = {
        name: [
            (float(at), property, value) for at, property, value in re.findall(r"([\d.]+)%\{([\w-]+):([\d.]+)\}", body)
        ]
        for name, body in re.findall(r"@keyframes ([\w-]+)\{((?:[^{}]*\{[^{}]*\})*)\}", svg)
    }
    playing = list(ElementTree.fromstring(svg).iter())[2:]
    stills = list(_Player(picture, told, "light").stills())
    assert len(stills) == len(told)
    assert len(set(stills)) == len(told)
    for place, still in enumerate(stills):
        time = 100 * (place + 0.5) / (len(told) + 2)
        for moving, shown in zip(playing, list(ElementTree.fromstring(still).iter())[1:], strict=True):
            for name in (one for one in moving.get("class", "").split() if one in frames):
                property, value = [(property, value) for at, property, value in frames[name] if at <= time][-1]
                assert float(shown.get(property, "nan")) == pytest.approx(float(value)), (place, name)


def test_a_film_has_a_frame_and_a_document_a_page_for_each_step(tmp_path: Path) -> None:
    from PIL import Image

    graph, run, grads = small()
    count = len(_compose_steps(graph, run, grads)[1])
    with Image.open(graph.animate(tmp_path / "net.gif", run, grads)) as film:
        assert film.n_frames == count
        assert film.info["loop"] == 0
    written = graph.animate(tmp_path / "net.pdf", run, grads, theme="print").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", written)) == count


def program(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program ffmpeg with the given Python body, the only one on the path."""
    made = folder / "ffmpeg"
    made.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    made.chmod(made.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(shutil, "which", lambda name: str(made))


def test_ffmpeg_gets_every_frame_and_its_failure_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, run, grads = small()
    program(
        tmp_path, "sent = sys.stdin.buffer.read(); open(sys.argv[-1], 'wb').write(str(len(sent)).encode())", monkeypatch
    )
    frames = len(_compose_steps(graph, run, grads)[1]) + 2
    sent = int(graph.animate(tmp_path / "net.mp4", run, grads).read_bytes())
    assert sent % (4 * frames) == 0
    assert sent > 4 * frames * 10_000
    program(tmp_path, "sys.stdin.buffer.read(); sys.exit('no codec here')", monkeypatch)
    with pytest.raises(RenderError, match=r"ffmpeg wrote no \.mp4: no codec here; write a \.gif"):
        graph.animate(tmp_path / "other.mp4", run, grads)
    assert not (tmp_path / "other.mp4").exists()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RenderError, match="found no program ffmpeg"):
        graph.animate(tmp_path / "other.mp4", run, grads)


def test_mermaid_has_every_tile_link_and_frame_once() -> None:
    for make in (lecture, nested, nasty, lambda: lstm(9), lambda: random_graph(5, 60)):
        for direction in ("right", "down"):
            picture = picture_of(make(), direction=direction)
            text = mermaid_text(picture)
            body = text[: text.index("classDef")]
            assert len(re.findall(r"^n\d+[(\[]", body, re.M)) == len(picture.tiles)
            loops = sum(bool(tile.carried) for tile in picture.tiles)
            assert len(re.findall(r"^n\d+ [<.-]", body, re.M)) == len(picture.links) + loops
            assert body.count("subgraph ") == len(re.findall("^end$", body, re.M)) == len(picture.frames)
            assert all(line.count('"') in (0, 2) for line in body.splitlines())


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF)))
def test_no_sign_of_a_text_has_a_meaning_in_mermaid(text: str) -> None:
    written = _plain(text)
    assert not set('"<>&;{}[]|`%\\') & set(re.sub(r"#\d+;", "", written))
    assert re.sub(r"#(\d+);", lambda match: chr(int(match[1])), written) == text


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_a_summary_counts_each_box_and_parameter_once_at_any_depth(seed: int, depth: int) -> None:
    graph = random_graph(seed, 40)
    summary = graph.summary(depth=depth)
    outermost = [row for row in summary.rows if not row[0].startswith(" ")]
    boxes = [
        int(match[1].replace(",", "")) if (match := re.match(r"([\d,]+) boxes", row[1])) else 1 for row in outermost
    ]
    assert sum(boxes) == len(graph)
    count = sum(int(row[4].replace(",", "") or 0) for row in outermost)
    assert count == sum(box.value.size for box in graph.parameters) == int(summary.total[4].replace(",", ""))
    assert len([row for row in graph.summary(depth=None).rows if " boxes" not in row[1]]) == len(graph)
    assert max(len(row[0]) - len(row[0].lstrip()) for row in summary.rows) <= 2 * depth


def test_a_summary_says_what_a_depth_is() -> None:
    for depth in (-1, True, 1.5):
        with pytest.raises(UsageError, match="needs a depth from 0, or None for every box"):
            lecture().summary(depth=depth)  # type: ignore[arg-type]
    assert str(nested().summary()).splitlines()[3].split()[:3] == ["encoder", "7", "boxes"]
