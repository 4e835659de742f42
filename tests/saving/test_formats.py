"""The suffix of a path says which format a file has, and who writes and reads it."""

import importlib
import sys

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.saving.formats import FORMATS, by_suffix, format_of


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
        [".svg", ".png", ".pdf", ".dot", ".html", ".tex"],
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
    with pytest.raises(ImportError, match=r"flowgraph-autodiff\[onnx\]"):
        fg.save(tmp_path / "net.onnx", fg.Graph(fg.Input("x", shape=(2,)) * 2))
    assert not list(tmp_path.iterdir())
