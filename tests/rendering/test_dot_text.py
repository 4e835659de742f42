"""A picture as text for dot: its golden forms, the kinds of its boxes, the line under it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.kinds import kinds, spine
from flowgraph.rendering.picture import Swatch
from tests.cases import cases
from tests.registry import boxes_with_examples
from tests.rendering.graphs import deep, feeds, lecture, nasty

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> None:
    """Compare with the kept text; a missing one is written, to be looked at and committed."""
    path = GOLDEN / name
    text = re.sub(r' tooltip="[^"]*"', "", text)
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{path.name} was missing and has been written; look at it")
    assert text == path.read_text(encoding="utf-8")


def test_golden_forward() -> None:
    golden("lecture.dot", lecture().to_dot())


def test_golden_values_and_gradients() -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    grads = run.bprop(keep="all")
    for view in ("values", "gradients", "both", "backward"):
        golden(f"lecture_{view}.dot", graph.to_dot(view=view, run=run, grads=grads))


def test_golden_rows_scopes_and_modules() -> None:
    golden("deep_rows.dot", deep(3).to_dot(detail="rows", theme="dark"))
    golden("deep_modules.dot", deep(40).to_dot())


def test_a_tooltip_says_what_is_known() -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    text = graph.to_dot(view="values", run=run, grads=run.bprop(keep="all"))
    (tooltip,) = re.findall(r'"h1" \[.*?tooltip="([^"]*)"', text)
    lines = tooltip.split("&#10;")
    assert lines[0] == "h1: Tanh"
    assert any(line.startswith("formula ") for line in lines)
    assert "shape 5×4 float64" in lines
    assert any(line.startswith("value mean ") and " max " in line for line in lines)
    assert any(line.startswith("gradient mean ") and " rms " in line for line in lines)
    assert lines[-1].startswith("built at graphs.py:")


def test_names_inject_nothing() -> None:
    text = nasty().to_dot()
    assert "<script>" not in text
    assert "<b>" not in text
    plain = unescape(text)
    assert '<b>"x"&\\\\n' in plain
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", re.sub(r"<<TABLE.*?>>|=<<.*>>", "", text))
    assert "b -> c" not in outside
    braces = [line for line in text.splitlines() if line.strip() in ("{", "}")]
    assert braces == ["}", "}"]


def test_a_value_that_was_not_computed_is_never_0_and_the_caption_says_it_once() -> None:
    graph = lecture()
    text = graph.to_dot(view="values")
    assert text.count("no values: draw with run= and grads=") == 1
    assert "∇" not in re.sub(r' tooltip="[^"]*"', "", text)
    run = graph.fprop(feeds())
    text = graph.to_dot(view="values", run=run, grads=run.bprop())
    assert text.count("∇ of 10 of 13 boxes not kept: bprop(keep='all')".replace("'", "&#x27;")) == 1
    assert "not computed" not in text
    assert text.count(">∇ ") == 1 + len(graph.parameters)
    assert " not " not in graph.to_dot(view="values", run=run, grads=run.bprop(keep="all"))


def test_gradients_that_vanish_explode_or_are_no_numbers() -> None:
    x = fg.Input("x", shape=(3,))
    w = fg.Parameter(np.zeros(3), name="w")
    graph = fg.Graph(fg.sum((x * w).named("p") * 1.0).named("loss"))
    run = graph.fprop(x=[0.0, 0.0, 0.0])
    text = graph.to_dot(view="gradients", run=run, grads=run.bprop(keep="all"))
    assert "∇ exactly 0" in text
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = graph.fprop(x=[np.inf, 0.0, 0.0])
        grads = run.bprop(keep="all")
    assert "∇ Inf" in graph.to_dot(view="gradients", run=run, grads=grads)


def test_parameters_are_rows_in_a_large_graph() -> None:
    assert "square" not in deep(3).to_dot()
    assert '"layer1/W" [' in deep(3).to_dot()
    assert '"layer1/W" [' not in deep(20).to_dot()
    assert '"layer1/W" [' in deep(20).to_dot(detail="boxes")


def test_long_links_end_in_a_stub() -> None:
    x = fg.Input("x", shape=("N",))
    h = x
    for _ in range(12):
        h = np.tanh(h)
    text = fg.Graph(h + x).to_dot()
    assert '"x@:2b:" -> ":2b:"' in text
    assert '"x" -> ":2b:"' not in text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"view": "sideways"}, "view"),
        ({"detail": "much"}, "detail"),
        ({"direction": "up"}, "direction"),
        ({"theme": "pink"}, "theme"),
        ({"collapse": "some"}, "collapse"),
        ({"collapse": ["layer9"]}, "layer9"),
        ({"directon": "down"}, "found directon=, needs .*direction="),
    ],
)
def test_settings_that_do_not_exist_are_refused(settings: dict[str, str], said: str) -> None:
    graph = deep(3)
    with pytest.raises(UsageError, match=said):
        graph.to_dot(**settings)


def test_a_run_of_another_graph_is_refused() -> None:
    run = lecture().fprop(feeds())
    with pytest.raises(UsageError, match="another graph"):
        lecture().to_dot(view="values", run=run)
    with pytest.raises(UsageError, match="another graph"):
        lecture().to_dot(view="gradients", grads=run.bprop())


def test_to_graphviz_is_a_source() -> None:
    assert lecture().to_graphviz().source.startswith("digraph flowgraph {")


A = np.eye(3) + 1.0


def facts(*outputs: fg.Box) -> list[str]:
    """The operations that the caption of a drawn graph names."""
    text = fg.Graph(*outputs).to_dot()
    return [part for part in text.replace("<", " · ").split(" · ") if part.startswith("fprop")]


def test_a_count_that_is_whole_stands_alone() -> None:
    assert facts(np.linalg.inv(fg.Parameter(A, name="a"))) == ["fprop 54 FLOP"]


def test_what_is_unknown_is_added_to_what_is_known() -> None:
    a = fg.Parameter(A, name="a")
    assert facts(np.linalg.inv(a), np.linalg.cholesky(a)) == ["fprop 54 FLOP + ?"]


def test_a_count_that_is_unknown_altogether_is_said() -> None:
    assert facts(np.linalg.cholesky(fg.Parameter(A, name="a"))) == ["fprop ?"]


@pytest.mark.parametrize("move", [np.transpose, np.ravel, lambda a: a[0]])
def test_what_only_moves_numbers_has_no_operations_to_name(move: Callable[[fg.Box], fg.Box]) -> None:
    assert facts(move(fg.Parameter(A, name="a"))) == []


@pytest.mark.parametrize("how", [{}, {"detail": "boxes", "collapse": False}, {"collapse": True}], ids=str)
@pytest.mark.parametrize("inside", [False, True])
def test_the_legend_has_the_looks_that_are_seen_and_no_others(inside: bool, how: dict[str, Any]) -> None:
    picture = picture_of(fg.Graph(deep(40).outputs[0].children[0]) if inside else deep(3), **how)
    seen = {tile.fill for tile in picture.tiles} | {row.fill for tile in picture.tiles for row in tile.rows}
    legend = {item.fill for row in picture.caption for item in row.items if isinstance(item, Swatch)}
    assert legend == seen - {""}


def test_the_legend_of_the_values_names_the_strips_that_occur() -> None:
    def said(graph: fg.Graph, **bprop: bool) -> list[str]:
        run = graph.fprop()
        text = graph.to_svg(view="values", run=run, grads=run.bprop(keep="all") if bprop else None)
        return [name for name in ("of the value lie", "of the gradient lie", "± standard") if name in text]

    number, array = fg.Parameter(2.0, name="a"), fg.Parameter([1.0, -2.0], name="b")
    assert said(fg.Graph(number * number), bprop=True) == []
    assert said(fg.Graph(fg.sum(array * array))) == ["of the value lie", "± standard"]
    assert said(fg.Graph(fg.sum(array * array)), bprop=True) == [
        "of the value lie",
        "of the gradient lie",
        "± standard",
    ]


def by_name(graph: fg.Graph) -> dict[str, str]:
    return {graph.names[box]: kind for box, kind in kinds(graph).items()}


def test_an_input_that_is_also_read_freely_is_no_target() -> None:
    f, y = fg.Input("f", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=int)
    loss = fg.mean(fg.NegativeLogLikelihood(f, y)) + fg.mean(y * 1.0)
    assert by_name(fg.Graph(loss))["y"] == "input"


@pytest.mark.parametrize("name", boxes_with_examples())
def test_what_a_box_reads_as_a_constant_is_a_target_of_losses_alone(name: str) -> None:
    """Not the words of an embedding, the order of a Bessel function, nor what gives a shape."""
    cls = fg.registry[name]
    for case in cases(cls)[:3]:
        inputs = [fg.Input(f"x{i}", shape=one.shape, dtype=one.dtype) for i, one in enumerate(case.children)]
        box = cls(*inputs, **case.settings)
        found = kinds(fg.Graph(box))
        assert [found[one] == "target" for one in inputs] == [fixed and cls.role == "loss" for fixed in box.constant]


def test_a_graph_of_leaves_alone_has_a_spine_of_one() -> None:
    graph = fg.Graph(fg.Parameter(1.0, name="w"))
    assert len(spine(graph, kinds(graph))) == 1
    constant = fg.Graph(fg.Constant(1.0))
    assert spine(constant, kinds(constant)) == []
