from __future__ import annotations

import importlib
import os
import re
import stat
import struct
import sys
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import RenderWarning, UsageError, install_hint
from flowgraph.rendering import engines
from flowgraph.rendering.builtin import turns
from flowgraph.rendering.dot_text import dot_text
from flowgraph.rendering.files import picture_of
from tests.rendering.graphs import deep, feeds, lecture, nasty

PURE = [program for _, program in engines.every("graphviz-pure")]
needs_pure = pytest.mark.skipif(not PURE, reason="graphviz-pure is not installed (extra cli)")


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without dot and without its port."""
    monkeypatch.setattr(engines, "every", lambda engine: [])


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Put a dot program with the given Python body first in line."""

    def install(body: str) -> None:
        program = tmp_path / "dot"
        program.write_text(f"#!{sys.executable}\n{body}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(engines, "every", lambda engine: [("dot", str(program))])

    return install


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.encode())


def texts(svg: str) -> str:
    return " ".join(part for element in parse(svg).iter() for part in (element.text or "", element.tail or ""))


def test_svg_needs_no_engine(no_engine: None, tmp_path: Path) -> None:
    path = tmp_path / "net.svg"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lecture().render(path) == path
    assert "prefers-color-scheme:dark" in path.read_text()
    assert {"W1", "softmax", "scalar"} <= set(texts(path.read_text()).split())


@pytest.mark.parametrize("graph", [lecture(), deep(50), nasty()], ids=len)
def test_an_svg_is_the_same_on_a_machine_with_dot(graph: fg.Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    without = graph.to_svg(engine="builtin")
    monkeypatch.setattr(engines, "every", lambda engine: [("dot", "dot")])
    monkeypatch.setattr(engines, "draw", lambda *a: b"<svg>by another engine</svg>")
    assert graph.to_svg() == without
    assert "by another engine" in graph.to_svg(engine="dot")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for dot is a script")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import time; time.sleep(60)", "did not finish"),
        ("raise SystemExit(3)", "code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "failed"),
        ("", "failed"),
    ],
)
def test_an_engine_that_fails_costs_a_warning_not_the_picture(
    broken: object, tmp_path: Path, body: str, said: str
) -> None:
    broken(body)  # type: ignore[operator]
    with pytest.warns(RenderWarning, match=said) as caught:
        lecture().render(tmp_path / "net.svg", engine="dot", timeout=1.0)
    assert len(caught) == 1
    assert "graphviz.org" in str(caught[0].message)
    assert "W1" in texts((tmp_path / "net.svg").read_text())


def test_a_program_that_cannot_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(engines.EngineError, match="cannot be run"):
        engines.draw(str(tmp_path / "nothing"), "digraph{}", "svg", 5)


def test_png_without_an_engine_becomes_svg_with_the_remedy(no_engine: None, tmp_path: Path) -> None:
    with pytest.warns(RenderWarning, match=re.escape(install_hint("cli"))):
        assert lecture().render(tmp_path / "net.png") == tmp_path / "net.svg"
    assert (tmp_path / "net.svg").exists()


def test_pdf_without_an_engine_names_the_remedy(
    no_engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowgraph.rendering.paper.find_spec", lambda name: None)
    with pytest.warns(RenderWarning, match=re.escape(install_hint("pdf"))):
        assert lecture().render(tmp_path / "net.pdf") == tmp_path / "net.svg"
    assert (tmp_path / "net.svg").exists()


def test_pdf_through_svglib(no_engine: None, tmp_path: Path) -> None:
    pytest.importorskip("svglib")
    lecture().render(tmp_path / "net.pdf")
    assert (tmp_path / "net.pdf").read_bytes().startswith(b"%PDF")


def test_an_engine_asked_for_and_missing_is_said(no_engine: None) -> None:
    with pytest.warns(RenderWarning, match="'dot' is not on this machine"):
        lecture().to_svg(engine="dot")


def test_unknown_suffixes_and_engines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg"):
        lecture().render(tmp_path / "net.jpeg2000")
    with pytest.raises(UsageError, match="engine"):
        lecture().to_svg(engine="word")


def test_the_environment_names_a_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWGRAPH_DOT", os.path.join("some", "dot"))
    assert engines.every("auto")[0] == ("dot", os.path.join("some", "dot"))


@needs_pure
def test_png_and_svg_through_the_port(tmp_path: Path) -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    for theme in ("light", "dark", "print", "auto"):
        graph.render(tmp_path / "net.png", engine="graphviz-pure", theme=theme, run=run)
        assert (tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
    svg = graph.to_svg(engine="graphviz-pure", view="both", run=run, grads=run.bprop())
    assert "prefers-color-scheme:dark" in svg
    parse(svg)


@needs_pure
@pytest.mark.parametrize("engine", ["graphviz-pure", "builtin"])
def test_names_draw_as_they_are(engine: str) -> None:
    svg = nasty().to_svg(engine=engine)
    shown = texts(svg)
    for name in ('<b>"x"&\\n', 'w\\"<TD>&amp;\\N\\G', 'a"b<c>&'):
        assert name in shown
    assert not [element for element in parse(svg).iter() if element.tag.endswith("script")]


@needs_pure
@pytest.mark.parametrize("graph", [deep(4), deep(20), deep(50)], ids=len)
def test_the_port_draws_scopes_rows_and_modules(graph: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse(graph.to_svg(engine="graphviz-pure"))  # type: ignore[attr-defined]
        parse(graph.to_svg(engine="graphviz-pure", direction="down"))  # type: ignore[attr-defined]


def test_dot_text_is_written(tmp_path: Path) -> None:
    path = lecture().render(str(tmp_path / "net.dot"))
    assert path.read_text() == lecture().to_dot()


def test_a_notebook_cell_shows_the_picture_and_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    svg = lecture()._repr_svg_()
    assert svg is not None
    assert 'style="max-width:100%;height:auto"' in svg
    monkeypatch.setattr("flowgraph.rendering.texts.MOST_IN_A_CELL", 5)
    assert lecture()._repr_svg_() is None
    monkeypatch.setattr("flowgraph.rendering.texts.MOST_IN_A_CELL", 50)
    monkeypatch.setattr("flowgraph.rendering.texts.picture_of", lambda *a, **k: 1 / 0)
    assert lecture()._repr_svg_() is None


def test_a_pdf_without_dot_brings_its_font_for_letters_that_readers_lack(
    no_engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("svglib")
    pdf = importlib.import_module("flowgraph.rendering.paper")
    graph = fg.Graph(np.tanh(fg.Input("вес", shape=(3,))))
    if any((folder / "DejaVuSans.ttf").is_file() for folder in pdf._folders()):
        graph.render(tmp_path / "net.pdf")
        assert b"DejaVuSans" in (tmp_path / "net.pdf").read_bytes()
    monkeypatch.setattr(pdf, "_folders", lambda: [tmp_path])
    with pytest.warns(RenderWarning, match="DejaVu fonts"):
        graph.render(tmp_path / "net.pdf")
    assert (tmp_path / "net.pdf").read_bytes().startswith(b"%PDF")


def test_what_is_too_large_for_graphviz_is_not_given_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowgraph.rendering.files.MOST_TILES", 5)
    monkeypatch.setattr(engines, "draw", lambda *a: 1 / 0)
    with pytest.warns(RenderWarning, match="15 tiles are too many for a PNG.*collapse scopes"):
        assert lecture().render(tmp_path / "net.png", detail="boxes") == tmp_path / "net.svg"
    pytest.importorskip("svglib")
    assert lecture().render(tmp_path / "net.pdf") == tmp_path / "net.pdf"


@needs_pure
@pytest.mark.parametrize("direction", ["right", "down"])
def test_a_deep_chain_is_folded_in_a_png_too(direction: str, tmp_path: Path) -> None:
    h: Any = fg.Input("x", shape=("N", 4))
    for _ in range(40):
        h = np.tanh(h)
    path = fg.Graph(fg.mean(h)).render(tmp_path / "net.png", engine="graphviz-pure", direction=direction)
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert max(width / height, height / width) < 5


def test_links_from_line_to_line_do_not_hold_the_lines_together() -> None:
    picture = picture_of(deep(60), collapse=False)
    folds = turns(picture)
    assert 1 <= len(folds) < 12
    text = dot_text(picture, turns=folds)
    assert text.count("constraint=false") == len(folds)
    assert "group=spine" not in text
    assert turns(picture_of(lecture())) == frozenset()
