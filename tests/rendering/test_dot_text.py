from __future__ import annotations

import re
import warnings
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
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


def test_the_same_graph_gives_the_same_text() -> None:
    assert lecture().to_dot() == lecture().to_dot()
    graph = lecture()
    assert graph.to_dot() == graph.to_dot()


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
    assert "∂" not in re.sub(r' tooltip="[^"]*"', "", text)
    run = graph.fprop(feeds())
    text = graph.to_dot(view="values", run=run, grads=run.bprop())
    assert text.count("∂ of 10 of 13 boxes not kept: bprop(keep='all')".replace("'", "&#x27;")) == 1
    assert "not computed" not in text
    assert text.count(">∂ ") == 1 + len(graph.parameters)
    assert " not " not in graph.to_dot(view="values", run=run, grads=run.bprop(keep="all"))


def test_what_needs_no_gradient_is_said() -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    text = graph.to_dot(view="backward", run=run, grads=run.bprop(keep="all"))
    assert text.count("no gradient<") == 2
    assert "∇W⁽¹⁾" in text


def test_gradients_that_vanish_explode_or_are_no_numbers() -> None:
    x = fg.Input("x", shape=(3,))
    w = fg.Parameter(np.zeros(3), name="w")
    graph = fg.Graph(fg.sum((x * w).named("p") * 1.0).named("loss"))
    run = graph.fprop(x=[0.0, 0.0, 0.0])
    text = graph.to_dot(view="gradients", run=run, grads=run.bprop(keep="all"))
    assert "∂ exactly 0" in text
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = graph.fprop(x=[np.inf, 0.0, 0.0])
        grads = run.bprop(keep="all")
    assert "∂ Inf" in graph.to_dot(view="gradients", run=run, grads=grads)


def test_parameters_are_rows_in_a_large_graph() -> None:
    assert "square" not in deep(3).to_dot()
    assert '"layer1/W" [' in deep(3).to_dot()
    assert '"layer1/W" [' not in deep(20).to_dot()
    assert '"layer1/W" [' in deep(20).to_dot(detail="boxes")


def test_equal_scopes_of_a_large_graph_are_one_tile() -> None:
    text = deep(40).to_dot()
    assert "layer1–40" in text
    assert "×40" in text
    assert "layer7" in deep(40).to_dot(collapse=False)
    some = deep(4).to_dot(collapse=["layer2", "layer3"])
    assert "layer2–3" in some
    with pytest.raises(UsageError, match="layer9"):
        deep(4).to_dot(collapse=["layer9"])


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


def test_a_run_that_kept_only_its_outputs_can_be_drawn() -> None:
    graph = lecture()
    run = graph.fprop(feeds(), keep="outputs")
    assert "values of 15 of 16 boxes not computed or not kept" in graph.to_dot(view="values", run=run)


def test_to_graphviz_is_a_source() -> None:
    assert lecture().to_graphviz().source.startswith("digraph flowgraph {")
