"""The suffix of a path says which format a file has; where files are put, and how they are shown."""

import base64
import errno
import importlib
import os
import pickle
import re
import stat
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import FileWriteError
from flowgraph.peers import install_command
from flowgraph.saving.replacing import (
    FORMATS,
    MOST_BYTES,
    ShownFile,
    by_suffix,
    create_file,
    format_of,
    make_folder,
    remove_leftovers,
    replace_file,
    replace_text,
)
from flowgraph.training import Epoch, History
from tests.browser import answered, in_a_browser
from tests.saving.test_replacing import leftovers


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_format_writes_and_reads(suffix, tmp_path):
    module = importlib.import_module(FORMATS[suffix])
    assert callable(module.save)
    assert callable(module.load)
    x, w = fg.Input("x", shape=("N", 2)), fg.Parameter([[1.0], [2.0]], name="w")
    graph = fg.Graph(np.tanh(x @ w))
    path = fg.save(tmp_path / f"net{suffix.upper()}", graph)
    again = fg.load(path)
    fed = np.ones((3, 2))
    np.testing.assert_allclose(again.fprop(x=fed)[again.outputs[0]], graph.fprop(x=fed)[graph.outputs[0]], rtol=1e-12)


@pytest.mark.parametrize("name", ["net.safetensors", "net", "net.onnx.safetensors", ".onnx"])
def test_every_other_name_is_that_of_flowgraphs_own_file(name):
    assert format_of(name) is None


WRITERS = [
    ("explain", fg.Graph(fg.Input("x") * 2).explain, [".html", ".md", ".tex"]),
    ("gallery", lambda path: importlib.import_module("flowgraph.rendering.gallery").gallery(path), [".html", ".md"]),
    (
        "render",
        lambda path: fg.Graph(fg.Input("x") * 2).render(path),
        [".svg", ".png", ".pdf", ".eps", ".dot", ".html", ".tex", ".mmd"],
    ),
]


@pytest.mark.parametrize(("who", "write", "suffixes"), WRITERS, ids=[who for who, _, _ in WRITERS])
def test_a_suffix_that_no_writer_has_is_refused_with_those_there_are(who, write, suffixes, tmp_path):
    listed = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
    for name in ("net.gif", "net", ".svg", "net.svg.gif"):
        with pytest.raises(fg.errors.UsageError) as refusal:
            write(tmp_path / name)
        assert str(refusal.value) == f"{who}: found {name!r}, needs a name that ends in {listed}"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["Net.SVG", "net.svg", "a/b.c/net.Svg"])
def test_a_suffix_is_read_in_any_case(name):
    assert by_suffix("draw", name, {".svg": 1, ".html": 2}) == 1


def test_what_is_no_graph_is_refused_for_every_format(tmp_path):
    for suffix in (*FORMATS, ".safetensors"):
        with pytest.raises(fg.errors.UsageError, match="needs a Graph or a box"):
            fg.save(tmp_path / f"net{suffix}", 3)


def test_a_missing_package_is_named_with_its_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=re.escape(install_command("onnx"))):
        fg.save(tmp_path / "net.onnx", fg.Graph(fg.Input("x", shape=(2,)) * 2))
    assert not list(tmp_path.iterdir())


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path, text in (
        (tmp_path / "none" / "a.svg", "No such file or directory; make its folder first"),
        (tmp_path / "file" / "a.svg", "; "),
        (tmp_path / "folder", "a folder of that name is there"),
        (tmp_path / ("x" * 300), "File name too long; choose a shorter name"),
    ):
        with pytest.raises(FileWriteError, match="could not be written: ") as caught:
            replace_file(path, b"new")
        assert text in str(caught.value)
        assert str(path) in str(caught.value)
    for path in (tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(FileWriteError, match=r"file.*: could not be written: .*choose another"):
            make_folder(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]


def test_the_rights_of_a_file_stay(tmp_path):
    path = replace_text(tmp_path / "private", "old")
    usual = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o600)
    replace_text(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(replace_text(tmp_path / "other", "new").stat().st_mode) == usual


def test_what_is_no_file_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    replace_text(pipe, "text")
    reader.join()
    assert found == [b"text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_names_with_signs_of_patterns_and_long_ones(tmp_path):
    for name in ("a[b]*?.csv", "x" * 250, "é" * 120):
        path = replace_text(tmp_path / name, "new")
        (tmp_path / f".{name.encode()[:150].decode(errors='ignore')}.1-2.part").write_text("left")
        (tmp_path / ".ab.csv.1-2.part").write_text("of another")
        remove_leftovers(path)
        assert leftovers(tmp_path) == [".ab.csv.1-2.part"]


def test_a_part_that_a_killed_process_of_the_same_number_left_is_no_obstacle(tmp_path, monkeypatch):
    monkeypatch.setattr("flowgraph.saving.replacing._counter", iter(range(100)))
    for number in range(3):
        (tmp_path / f".a.{os.getpid()}-{number}.part").write_text("left")
    assert replace_text(tmp_path / "a", "new").read_text() == "new"
    assert len(leftovers(tmp_path)) == 3


def test_half_of_a_pair_of_surrogates_is_written_out(tmp_path):
    assert replace_text(tmp_path / "a", "x\ud800y").read_text() == "x\\ud800y"


@pytest.mark.parametrize("links", [True, False])
def test_of_many_that_create_a_file_one_is_first(tmp_path, links, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", lambda one, other: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
    path = tmp_path / "record"
    contents = [f"{number}".encode() * 1000 for number in range(8)]
    won = []
    threads = [threading.Thread(target=lambda c=c: won.append((create_file(path, c), c))) for c in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (first,) = (content for is_first, content in won if is_first)
    assert path.read_bytes() == first
    assert not create_file(path, b"later")
    assert leftovers(tmp_path) == []


GRAPH = fg.Graph(fg.sum(np.tanh(fg.Input("x", shape=(2,)))))
HISTORY = History([Epoch(n, n, 0.1, 0.1, 1 / n, 1 / n) for n in (1, 2, 3)], ended="three epochs")


def shown(path):
    return path._repr_mimebundle_()


@pytest.mark.parametrize(
    "drawn",
    [
        lambda folder: HISTORY.plot(folder / "a.svg"),
        lambda folder: GRAPH.render(folder / "a.svg"),
        lambda folder: GRAPH.animate(folder / "a.svg", GRAPH.fprop(x=np.ones(2))),
    ],
    ids=["history", "graph", "steps"],
)
def test_a_picture_that_was_written_shows_itself(drawn, tmp_path):
    path = drawn(tmp_path)
    in_cell = shown(path)["image/svg+xml"]
    assert in_cell.replace(' style="max-width:100%;height:auto"', "") == path.read_text(encoding="utf-8")
    assert path == tmp_path / "a.svg"
    assert isinstance(path, Path)


def test_png_and_pages(tmp_path):
    png = HISTORY.plot(tmp_path / "a.png")
    assert base64.b64decode(shown(png)["image/png"]) == png.read_bytes()
    page = GRAPH.render(tmp_path / "a&b.html")
    assert 'title="a&amp;b.html"' in shown(page)["text/html"]
    assert "<script>" not in shown(page)["text/html"].replace("&lt;", "")
    assert "text/html" in shown(GRAPH.explain(tmp_path / "c.html"))


def test_what_is_missing_large_or_no_picture_is_a_path(tmp_path):
    for name in ("missing.svg", "net.dot", "folder"):
        assert list(shown(ShownFile(tmp_path / name))) == ["text/plain"]
    large = ShownFile(tmp_path / "large.svg")
    large.write_text("x" * (MOST_BYTES + 1))
    assert list(shown(large)) == ["text/plain"]


def test_it_is_a_path_in_every_other_way(tmp_path):
    path = ShownFile(tmp_path / "a.svg")
    assert hash(path) == hash(Path(path))
    assert path in {tmp_path / "a.svg"}
    assert pickle.loads(pickle.dumps(path)) == path
    assert path.with_suffix(".png").parent == tmp_path


@in_a_browser
def test_no_picture_is_wider_than_its_cell(tmp_path):
    """What a graph, a picture and a history show is cut nowhere in a narrow cell."""
    h = fg.Input("x", shape=("N", 2))
    for _ in range(30):
        h = np.tanh(h)
    graph = fg.Graph(h)
    told = [graph._repr_svg_(), graph.to_svg(wrap=0), *(shown(path)["image/svg+xml"] for path in (
        graph.render(tmp_path / "a.svg", wrap=0), HISTORY.plot(tmp_path / "b.svg"),
        graph.animate(tmp_path / "c.svg", graph.fprop(x=np.ones((1, 2))), wrap=0),
    ))]  # fmt: skip
    cells = "".join(f'<div class="cell" style="width:340px">{one}</div>' for one in told)
    widths = answered(cells, "return [...document.querySelectorAll('.cell > svg')].map((one) => one.clientWidth);")
    assert len(widths) == 5
    assert all(0 < width <= 340 for width in widths)
