from __future__ import annotations

import os
import re
import stat
import struct
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import RenderWarning, UsageError, install_hint
from flowgraph.rendering import engines, files
from flowgraph.rendering.dot_text import dot_text
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.layout import turns
from tests.rendering.graphs import deep, feeds, lecture, nasty


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without dot."""
    monkeypatch.setattr(engines, "find", lambda: None)


@pytest.fixture
def no_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without the packages that write PNG and PDF."""
    monkeypatch.setattr("flowgraph.rendering.files.find_spec", lambda name: None)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Put a dot program with the given Python body first in line."""

    def install(body: str) -> None:
        program = tmp_path / "dot"
        program.write_text(f"#!{sys.executable}\n{body}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(engines, "find", lambda: str(program))

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
    monkeypatch.setattr(engines, "find", lambda: "dot")
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


def test_png_without_an_engine_becomes_svg_with_the_remedy(no_engine: None, no_converter: None, tmp_path: Path) -> None:
    with pytest.warns(RenderWarning, match=re.escape(install_hint("cli"))):
        assert lecture().render(tmp_path / "net.png") == tmp_path / "net.svg"
    assert (tmp_path / "net.svg").exists()


def test_a_machine_without_fonts_gives_no_png_without_letters(
    no_engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_png", lambda svg, zoom: b"the same with letters and without")
    files._draws_letters.cache_clear()
    with pytest.warns(RenderWarning, match="writes PNG"):
        assert lecture().render(tmp_path / "net.png") == tmp_path / "net.svg"
    files._draws_letters.cache_clear()


def test_pdf_without_an_engine_names_the_remedy(no_engine: None, no_converter: None, tmp_path: Path) -> None:
    with pytest.warns(RenderWarning, match=re.escape(install_hint("pdf"))):
        assert lecture().render(tmp_path / "net.pdf") == tmp_path / "net.svg"
    assert (tmp_path / "net.svg").exists()


@pytest.mark.parametrize(("suffix", "begins"), [("pdf", b"%PDF"), ("eps", b"%!PS-Adobe-3.0 EPSF")])
def test_pdf_and_eps_through_matplotlib(no_engine: None, tmp_path: Path, suffix: str, begins: bytes) -> None:
    pytest.importorskip("matplotlib")
    written = lecture().render(tmp_path / f"net.{suffix}").read_bytes()
    assert written.startswith(begins)
    assert lecture().render(tmp_path / f"narrow.{suffix}", inches=3.3).read_bytes().startswith(begins)


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
    assert engines.find() == os.path.join("some", "dot")


def test_a_png_is_the_picture_of_the_svg(no_engine: None, tmp_path: Path) -> None:
    """In every theme twice as wide, and with letters, which a converter without a font leaves out."""
    graph = lecture()
    run = graph.fprop(feeds())
    drawn = set()
    for theme in ("light", "dark", "print"):
        content = graph.render(tmp_path / "net.png", theme=theme, run=run).read_bytes()
        svg = graph.to_svg(theme=theme, run=run)
        assert struct.unpack(">II", content[16:24]) == tuple(
            2 * int(parse(svg).get(side) or 0) for side in ("width", "height")
        )
        drawn |= {content, files.png_from_svg(re.sub("<text.*?</text>", "", svg, flags=re.DOTALL))}
    assert len(drawn) == 6


def test_a_large_png_is_drawn_smaller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "_MOST_PIXELS", 10_000)
    content = lecture().render(tmp_path / "net.png").read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert 9_000 < width * height < 11_000


def test_a_notebook_cell_shows_the_picture_and_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    svg = lecture()._repr_svg_()
    assert svg is not None
    assert 'style="max-width:100%;height:auto"' in svg
    monkeypatch.setattr("flowgraph.rendering.files.MOST_IN_A_CELL", 5)
    assert lecture()._repr_svg_() is None
    monkeypatch.setattr("flowgraph.rendering.files.MOST_IN_A_CELL", 50)
    monkeypatch.setattr("flowgraph.rendering.files.picture_of", lambda *a, **k: 1 / 0)
    assert lecture()._repr_svg_() is None


def test_a_pdf_brings_its_font_and_letters_that_none_has_are_said(
    no_engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    fg.Graph(np.tanh(fg.Input("вес", shape=(3,)))).render(tmp_path / "net.pdf")
    assert b"DejaVuSans" in (tmp_path / "net.pdf").read_bytes()
    monkeypatch.setattr("flowgraph.rendering.painted._FONTS", ("DejaVu Sans",))
    with pytest.warns(RenderWarning, match="'重', '量', which the picture shows as a box; install the Noto fonts"):
        fg.Graph(np.tanh(fg.Input("重量", shape=(3,)))).render(tmp_path / "net.pdf")
    assert (tmp_path / "net.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["\u0378", "α₁ö→", "a\u0378b\u0379"], ids=ascii)
def test_letters_of_a_png_that_no_font_has_are_said(no_engine: None, tmp_path: Path, name: str) -> None:
    pytest.importorskip("resvg_py")
    missing = [letter for letter in name if letter in "\u0378\u0379"]
    graph = fg.Graph(np.tanh(fg.Input("x", shape=(3,))))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        graph.render(tmp_path / "net.png", titles=None)
        assert not said
        files.png_from_svg(graph.to_svg().replace(">x<", f">{name}<"))
    text = ", ".join(map(repr, missing))
    assert [f"has {text}, which the picture shows as a box" in str(one.message) for one in said] == [True][
        : len(missing)
    ]


def test_what_is_too_large_for_dot_is_not_given_to_it(
    no_converter: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowgraph.rendering.files.MOST_TILES", 5)
    monkeypatch.setattr(engines, "draw", lambda *a: 1 / 0)
    with pytest.warns(RenderWarning, match="writes PNG"):
        assert lecture().render(tmp_path / "net.png", detail="boxes") == tmp_path / "net.svg"


def test_links_from_line_to_line_do_not_hold_the_lines_together() -> None:
    picture = picture_of(deep(60), collapse=False)
    folds = turns(picture)
    assert 1 <= len(folds) < 12
    text = dot_text(picture, turns=folds)
    assert text.count("constraint=false") == len(folds)
    assert "group=spine" not in text
    assert turns(picture_of(lecture())) == frozenset()
