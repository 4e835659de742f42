"""The path of what was drawn shows in a cell what stands there, of bounded size, whatever became of the file."""

import base64
import pickle
from pathlib import Path

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.saving.shown import MOST_BYTES, ShownFile
from flowgraph.training import Epoch, History
from tests.browser import answered, in_a_browser

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
    told = [graph._repr_svg_(), *(shown(path)["image/svg+xml"] for path in (
        graph.render(tmp_path / "a.svg", wrap=0), HISTORY.plot(tmp_path / "b.svg"),
        graph.animate(tmp_path / "c.svg", graph.fprop(x=np.ones((1, 2))), wrap=0),
    ))]  # fmt: skip
    cells = "".join(f'<div class="cell" style="width:340px">{one}</div>' for one in told)
    widths = answered(cells, "return [...document.querySelectorAll('.cell > svg')].map((one) => one.clientWidth);")
    assert len(widths) == 4
    assert all(0 < width <= 340 for width in widths)
