"""The suffix of a path says which format a file has, and who writes and reads it."""

import importlib
import sys

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.saving.formats import FORMATS, format_of


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


def test_what_is_no_graph_is_refused_for_every_format(tmp_path):
    for suffix in (*FORMATS, ".safetensors"):
        with pytest.raises(fg.errors.UsageError, match="needs a Graph or a box"):
            fg.save(tmp_path / f"net{suffix}", 3)


def test_a_missing_package_is_named_with_its_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"flowgraph-autodiff\[onnx\]"):
        fg.save(tmp_path / "net.onnx", fg.Graph(fg.Input("x", shape=(2,)) * 2))
    assert not list(tmp_path.iterdir())
