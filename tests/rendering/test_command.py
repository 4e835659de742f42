"""flowgraph render, animate, explain: what they find, what they write, what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import flowgraph as fg
from flowgraph.cli import main
from tests.rendering.graphs import deep, lecture

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
