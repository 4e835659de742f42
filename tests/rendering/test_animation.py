"""Animations: what moves, and when it plays by itself."""

from __future__ import annotations

import html
import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.rendering.animation import page
from flowgraph.rendering.derivation import derive
from flowgraph.rendering.formulas import mathml
from flowgraph.rendering.steps import steps
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import gradient_name, number_text
from tests.browser import answered, in_a_browser, shown
from tests.rendering.graphs import deep, feeds, lecture
from tests.rendering.test_repetition import lstm
from tools import pages
from tools.docs_pictures import FIGURES, FOLDER, SHOWN, drawn_by_its_page


def told(text: str) -> list[dict[str, Any]]:
    return json.loads(re.search(r'id="steps">(.*?)</script>', text, re.S)[1])  # type: ignore[index, no-any-return]


def lecture_page() -> str:
    graph = lecture()
    run = graph.fprop(feeds())
    return page(graph, run, run.bprop(keep="all"))


def test_each_box_has_its_step_and_bprop_runs_in_reverse() -> None:
    steps = told(lecture_page())
    there = [step["current"] for step in steps if step["phase"] == "fprop"]
    back = [step["current"] for step in steps if step["phase"] == "bprop"]
    assert there[-1] == back[0] == "objective"
    assert back == [id for id in reversed(there) if id in back]


def test_gradients_add_up_to_those_of_bprop() -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    grads = run.bprop()
    steps = told(page(graph, run, grads))
    last = {id: text for step in steps for id, text in step["gradients"].items()}
    mean, std = np.mean(grads["W1"]), np.std(grads["W1"])
    assert last["W1"] == f"∇W⁽¹⁾  {number_text(mean)} ± {number_text(std)}"
    parts = [step["words"] for step in steps if "W1" in step["gradients"]]
    assert len(parts) == 2
    assert "adds up" in parts[1]
    assert {id for step in steps for id in step["finished"]} == {"W1", "b1", "W2"}


@pytest.mark.parametrize("settings", [{}, {"detail": "rows"}, {"collapse": True}, {"detail": "rows", "collapse": True}])
@pytest.mark.parametrize("graph", [lecture(), deep(4), lstm(4), fg.Graph(fg.sum(fg.Parameter([1.0, 2.0], name="w")))])
def test_a_tile_is_lit_no_sooner_than_what_it_shows_is_computed(graph: fg.Graph, settings: dict[str, Any]) -> None:
    """Also the tile of a box in which a parameter is written, and that of a folded module."""
    run = graph.fprop({one: np.full([5 if isinstance(n, str) else n for n in one.shape], 1, one.dtype)
                       for one in graph.inputs})  # fmt: skip
    start, *steps = told(page(graph, run, run.bprop(keep="all"), **settings))
    computed = {step["current"] for step in steps if step["phase"] == "fprop"}
    assert not computed & set(start["tiles"])
    for step in steps:
        assert set(step["tiles"]) <= {step["current"]}


def test_words_say_who_needs_none() -> None:
    (first,) = [step for step in told(lecture_page()) if step["phase"] == "bprop" and "y needs none" in step["words"]]
    assert first["words"].startswith("gets ∇")


def test_a_large_graph_shows_the_tiles_of_its_modules() -> None:
    graph = deep(50)
    run = graph.fprop(x=np.ones((2, 4)))
    steps = told(page(graph, run, run.bprop()))
    assert {step["current"] for step in steps if "layer7" in step["title"]} == {"layer1:2013:50@"}


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    graph = lecture()
    with pytest.raises(UsageError, match="keep='all'"):
        graph.animate(tmp_path / "net.html", graph.fprop(feeds(), keep="outputs"))
    with pytest.raises(UsageError, match=r"\.html, \.svg, \.gif, \.mp4 or \.pdf"):
        graph.animate(tmp_path / "net.png", graph.fprop(feeds()))


def test_a_graph_without_parameters_has_no_bprop() -> None:
    graph = fg.Graph(np.tanh(fg.Input("x", shape=(2,))))
    assert {step["phase"] for step in told(page(graph, graph.fprop(x=[0.0, 1.0])))} == {"start", "fprop"}


@in_a_browser
@pytest.mark.parametrize("step", [0, 3, 12, 99])
def test_in_a_browser(step: int) -> None:
    graph = lecture()
    run = graph.fprop(feeds())
    text = page(graph, run, run.bprop(keep="all"))
    whole = html.unescape(shown(text, address=f"?step={step}").tell("document.documentElement.outerHTML"))
    steps = told(text)
    now = steps[min(step, len(steps) - 1)]
    assert f"{now['title']}</b>: {now['words']}" in whole
    assert whole.count("link read") + whole.count("link sent") > 0 or step == 0
    if step == 99:
        assert whole.count("finished") >= 3


_EARLY = """
const found = [];
const shows = (row) => getComputedStyle(row).visibility === "visible" && row.textContent;
for (let i = 0; i < steps.length; i++) {
  show(i);
  const computed = new Set(steps.slice(0, i + 1).flatMap((s) => s.phase === "bprop" ? [] : s.tiles));
  const reached = new Set(steps.slice(0, i + 1).flatMap((s) => Object.keys(s.gradients)));
  for (const [id, box] of boxes) {
    for (const row of box.querySelectorAll(".value, .gradient")) {
      const due = (row.classList.contains("value") ? computed : reached).has(id);
      if (Boolean(shows(row)) !== due) found.push(`step ${i}: ${id} ${row.textContent}`);
    }
  }
}
return found;
"""


@in_a_browser
@pytest.mark.parametrize("graph", [lecture(), deep(50)], ids=len)
def test_a_number_is_seen_once_it_is_computed_and_not_before(graph: fg.Graph) -> None:
    run = graph.fprop(feeds() if "y" in [box.name for box in graph.inputs] else {"x": np.ones((2, 4))})
    assert answered(page(graph, run, run.bprop(keep="all")), _EARLY) == []
    text = page(graph, run)
    assert "scalar" in re.sub(r"<title>.*?</title>", "", text, flags=re.S)


@in_a_browser
@pytest.mark.parametrize("size", [(390, 844), (800, 600), (1400, 800), (1920, 1080)])
def test_the_picture_fills_the_window_and_can_be_read(size: tuple[int, int]) -> None:
    script = """
    show(5);
    const [svg, area] = [stage.querySelector("svg").getBoundingClientRect(), stage.getBoundingClientRect()];
    const sizes = [...stage.querySelectorAll(".box text")].map((text) => text.getBoundingClientRect().height);
    return [svg.width / area.width, Math.min(...sizes), document.documentElement.scrollHeight - innerHeight];
    """
    wide, least, beyond = answered(lecture_page(), script, size)
    assert wide > 0.98
    assert least > 8
    assert beyond < 2


@in_a_browser
def test_the_line_of_the_derivation_stands_under_the_picture() -> None:
    script = """
    return steps.map((step, i) => { show(i); return i + " " + line.textContent; });
    """
    lines = answered(lecture_page(), script)
    assert lines[3] == "3 h(1)=tanh(a(1))"
    assert sum("∇W(2)←∇W(2)+h(1)T∇a(2)" in one.replace("\u2062", "") for one in lines) == 1


def test_without_latex2mathml_steps_have_plain_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    mathml.cache_clear()
    steps = told(lecture_page())
    assert not any(step["lines"] for step in steps)
    assert sum(step["formula"] != "" for step in steps) > 15


def test_steps_say_what_is_sent_with_the_names_of_the_graph() -> None:
    words = {step["title"]: step["words"] for step in told(lecture_page())}
    made = {step["title"]: step["formula"] for step in told(lecture_page())}
    assert "sends ∇a⁽¹⁾ = ∇h⁽¹⁾ ⊙ (1 − h1²) (rms 0.0483) to a1." in words["h1.bprop"]
    assert "∇h⁽¹⁾ = ∇a⁽²⁾ W2ᵀ (rms" in words["a2.bprop"]
    assert "h1ᵀ ∇a⁽²⁾ to W2, where it adds up: ∇W⁽²⁾ is now rms" in words["a2.bprop"]
    assert made["h1.fprop"] == "h1 = tanh(a1)"
    assert made["R.fprop"] == "R = 0.001 L2"


def test_a_name_that_looks_like_a_formula_is_left_alone() -> None:
    a = fg.Parameter(np.ones((2, 3)), name=r"\frac{1}^2")
    graph = fg.Graph(fg.sum(np.var(np.tanh(a).named("∇_h"), axis=0)))
    steps = told(page(graph, graph.fprop(), None))
    formulas = [step["formula"] for step in steps]
    assert r"∇_h = tanh(\frac{1}^2)" in formulas
    assert any("∇_h)²" in formula for formula in formulas)


def playing(folder: Path, theme: str = "auto") -> str:
    graph = lecture()
    run = graph.fprop(feeds())
    return graph.animate(folder / "net.svg", run, run.bprop(keep="all"), theme=theme).read_text(encoding="utf-8")


def box(svg: str, name: str) -> ElementTree.Element:
    return next(one for one in ElementTree.fromstring(svg).iter() if one.get("id") == f"box-{name}")


def test_one_file_without_script_or_network(tmp_path: Path) -> None:
    svg = playing(tmp_path)
    assert "<script" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme:dark" in svg
    assert "prefers-color-scheme" not in playing(tmp_path, "dark")


def test_it_stands_still_at_the_end_where_less_motion_is_wanted(tmp_path: Path) -> None:
    svg = playing(tmp_path)
    before, moving = svg.split("@media (prefers-reduced-motion:no-preference){", 1)
    assert "animation" not in before
    assert moving.index("@keyframes") < moving.index("</style>")
    shown = [row.text for row in box(svg, "W1") if "∇" in (row.text or "") and row.get("opacity") is None]
    assert len(shown) == 1
    last = re.search(r"#words-(\d+)\{opacity:1\}", before)
    assert last is not None
    assert int(last[1]) == svg.count('id="words-') - 1


def test_an_unknown_theme_is_refused(tmp_path: Path) -> None:
    graph = lecture()
    with pytest.raises(UsageError, match="theme"):
        graph.animate(tmp_path / "net.svg", graph.fprop(feeds()), theme="sepia")


@pytest.mark.parametrize("picture", sorted(path.name for path in (pages.ROOT / "docs" / "pictures").iterdir()))
def test_every_picture_stands_on_a_page(picture: str) -> None:
    texts = (
        path.read_text(encoding="utf-8") for path in (pages.ROOT / "README.md", *(pages.ROOT / "docs").glob("*.md"))
    )
    assert any(f"pictures/{picture})" in text for text in texts)


@pytest.mark.parametrize("picture", SHOWN)
def test_the_code_of_a_page_makes_its_picture(picture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the boxes and the steps of both, or the words of a figure: how they are drawn may change before it is anew."""
    monkeypatch.chdir(tmp_path)
    made, shown = drawn_by_its_page(picture), (FOLDER / picture).read_text("utf-8")
    parts = re.compile(r"<text[^>]*>([^<]*[^\W\d_][^<]*)" if picture in FIGURES else r'id="(?:box|words)-[^"]*"')
    assert set(parts.findall(made)) == set(parts.findall(shown))
    assert len(parts.findall(made)) > 3
    assert f"pictures/{picture})" in (pages.ROOT / SHOWN[picture]).read_text(encoding="utf-8")


@in_a_browser
def test_it_plays_in_a_browser(tmp_path: Path) -> None:
    script = """
    const opacity = (id) => Number(getComputedStyle(document.getElementById(id)).opacity);
    return [0, 3, 12].map((step) => {
      for (const one of document.getAnimations()) { one.pause(); one.currentTime = (step + 0.5) * 1600; }
      return ["box-x", "box-h1", "box-objective", `words-${step}`, "words-15"].map(opacity);
    });
    """
    assert answered(playing(tmp_path), script) == [[1, 0.3, 0.3, 1, 0], [1, 1, 0.3, 1, 0], [1, 1, 1, 1, 0]]


def test_a_gradient_has_one_notation_in_pictures_steps_and_derivations() -> None:
    """∇ and what it is by; where letters can be lowered, that stands below, and nowhere else is a ∂."""
    graph = lecture()
    run = graph.fprop(feeds())
    grads = run.bprop(keep="all")
    subject = Subject(graph, "both", run, grads, stepped=True)
    steps_told = steps(subject, dict(graph.names))
    lines = {line.name: line.left for line in derive(graph).gradients}
    pictures = [graph.to_svg(view=view, run=run, grads=grads) for view in ("values", "gradients", "backward", "both")]
    drawn = " ".join(re.findall(r"<text[^>]*>([^<]*)", "".join(pictures)))
    said = " ".join(step.words for step in steps_told)
    for box in subject.receivers:
        name = graph.names[box]
        if subject.is_named(box) and box not in graph.outputs:
            written = gradient_name(name)
            assert f"{written} " in drawn
            assert f"{written} " in said
            latex = re.sub(r"\^\{\((\d)\)\}", lambda match: "⁽" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(match[1])] + "⁾", lines[name])
            assert re.sub(r"\\text|[{}_]", "", latex).replace(r"\nabla", "∇") == written
    assert "∂" not in drawn + said
