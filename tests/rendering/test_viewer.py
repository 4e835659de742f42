"""The page to move about in: hidden and tiny containers, two fingers, keys, the panel of a box, a search as a list."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

import flowgraph as fg
from tests.browser import answered as answered_in
from tests.browser import in_a_browser, shown
from tests.rendering.graphs import deep, feeds, lecture

pytestmark = in_a_browser

TOOLS = """
const frames = async (n) => { for (let i = 0; i < n; i++) await new Promise((done) => requestAnimationFrame(done)); };
const press = (key, target = document.body) => target.dispatchEvent(
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const click = (box) => box.dispatchEvent(new MouseEvent("click", { bubbles: true }));
"""


def answered(page: str, script: str, size: tuple[int, int] = (1400, 800)) -> Any:
    """What the body of an asynchronous function returns in a page."""
    return answered_in(page, TOOLS + script, size)


def viewer(graph: fg.Graph | None = None) -> str:
    graph = lecture() if graph is None else graph
    run = graph.fprop(feeds()) if len(graph.inputs) == 2 else None
    return graph.interactive(view="values", run=run, grads=run and run.bprop(keep="all")).text


@pytest.mark.parametrize("graph", [lecture(), deep(50)], ids=len)
@pytest.mark.parametrize("hide", ["display:none", "height:30px", "width:0", "height:300px", "width:1px;height:1px"])
def test_a_container_that_is_hidden_or_tiny_shows_the_whole_once_it_has_room(
    graph: fg.Graph,
    hide: str,
) -> None:
    page = f'<iframe id="f" style="border:0;{hide}" srcdoc="{html.escape(viewer(graph))}"></iframe>'
    script = """
    const frame = document.getElementById("f");
    const box = () => frame.contentDocument.querySelector("#stage svg").getAttribute("viewBox").split(" ").map(Number);
    const fills = () => {
      const inside = frame.contentDocument;
      const [paper, area] = [".paper", "#stage"].map((one) => inside.querySelector(one).getBoundingClientRect());
      return [paper.width / area.width, paper.height / area.height];
    };
    await frames(20);
    const seen = [];
    for (const style of ["width:800px;height:500px", HIDE, "width:900px;height:600px"]) {
      frame.style = "border:0;" + style;
      await frames(20);
      seen.push([box(), fills()]);
    }
    return seen;
    """
    seen = answered(page, script.replace("HIDE", f'"{hide}"'))
    for numbers, _ in seen:
        assert all(number is not None and abs(number) < 1e6 for number in numbers), seen
    for _, (wide, high) in (seen[0], seen[2]):
        assert 0.97 < max(wide, high) < 1.03, seen


def test_two_fingers_zoom_about_the_point_between_them() -> None:
    page = shown(viewer())

    def touch(kind: str, *points: tuple[int, int]) -> None:
        page.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y} for x, y in points])
        page.frames(2)

    before, under = page.tell("[view[2], point({ clientX: 500, clientY: 300 })]")
    touch("touchStart", (400, 300), (600, 300))
    touch("touchMove", (350, 310), (650, 310))
    touch("touchMove", (300, 320), (700, 320))
    after, there = page.tell("[view[2], point({ clientX: 500, clientY: 320 })]")
    touch("touchEnd")
    assert before / after == pytest.approx(2, rel=0.02)
    assert there == pytest.approx(under, abs=3)
    assert page.tell("panel.hidden")


def test_keys_move_zoom_and_search() -> None:
    script = """
    const seen = {};
    for (const key of ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "+", "-"]) {
      fit();
      const before = [...view];
      press(key);
      seen[key] = [view[0] - before[0], view[1] - before[1], view[2] / before[2]];
    }
    press("+"); press("0");
    seen.whole = fitted;
    press("/");
    seen.search = document.activeElement.id;
    press("+", search);
    seen.typed = fitted;
    return seen;
    """
    seen = answered(viewer(), script)
    assert seen["ArrowRight"][0] > 0 > seen["ArrowLeft"][0]
    assert seen["ArrowDown"][1] > 0 > seen["ArrowUp"][1]
    assert seen["+"][2] < 1 < seen["-"][2]
    assert seen["whole"]
    assert seen["search"] == "search"
    assert seen["typed"]


def test_tab_leads_from_box_to_box_and_enter_opens_what_is_known_of_it() -> None:
    page = shown(viewer())
    page.tell("stage.focus(); zoom(0.2, view[0], view[1]); settleView();")
    met = []
    for _ in range(9):
        for kind in ("keyDown", "keyUp"):
            page.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        met.append(page.tell("document.activeElement.matches('.box') && document.activeElement.id"))
        inside = "[x >= view[0], x + wide <= view[0] + view[2], y >= view[1], y + high <= view[1] + view[3]]"
        seen = f"(([x, y, wide, high]) => {inside})(rectOf(document.activeElement))"
        assert not met[-1] or all(page.tell(seen)), met
    boxes = [id for id in met if id]
    assert len(set(boxes)) > 3, met
    page.ask("Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", windowsVirtualKeyCode=13)
    assert page.tell("[panel.hidden, chosen.id]") == [False, boxes[-1]]


def test_a_click_opens_a_panel_that_says_what_is_known() -> None:
    script = """
    click(byId.get("h1"));
    const said = panel.innerText;
    const [bars, math] = [".bars i", "math"].map((one) => panel.querySelectorAll(one).length);
    click(stage);
    return [said, bars, math, panel.hidden, errors];
    """
    said, bars, math, hidden, errors = answered(viewer(), script)
    for words in (
        "h1",
        "Tanh",
        "formula",
        "derivative",
        "5×4 float64",
        "mean",
        "gradient",
        "graphs.py:",
        "np.tanh((x @ W1",
    ):
        assert words in said
    assert bars == 2 * 15
    assert math == 2
    assert hidden
    assert errors == []


def test_a_search_lists_what_it_finds_and_moves_only_when_asked() -> None:
    script = """
    const type = (words) => { search.value = words; search.dispatchEvent(new Event("input", { bubbles: true })); };
    const before = [...view];
    type("5×4 float64");
    const listed = [...hits.children].map((item) => item.textContent);
    const still = view.every((v, i) => v === before[i]);
    press("ArrowDown", search); press("ArrowDown", search);
    const second = [count.textContent, chosen.id, panel.hidden];
    hits.children[0].click();
    const first = chosen.id;
    type("nothing at all");
    return [listed, still, second, first, hits.hidden, count.textContent];
    """
    listed, still, second, first, hidden, count = answered(viewer(), script)
    assert len(listed) == 3
    assert any("h1" in one and "Tanh" in one for one in listed)
    assert still
    assert second[0] == "2 of 3"
    assert second[2] is False
    assert first != second[1]
    assert hidden
    assert count == "none"


@pytest.mark.parametrize("size", [(390, 844), (1400, 800)])
def test_controls_panel_and_list_stay_inside_the_window(size: tuple[int, int]) -> None:
    script = """
    search.value = "a"; list(); click(byId.get("h1")); await frames(5);
    const named = document.querySelectorAll("button, #search, #panel, #hits, #stage");
    const parts = [...named].map((one) => one.getBoundingClientRect());
    const [right, bottom] = ["right", "bottom"].map((side) => Math.max(...parts.map((at) => at[side])));
    return [right - innerWidth, bottom - innerHeight, stage.clientHeight, stage.clientWidth];
    """
    right, bottom, high, wide = answered(viewer(), script, size)
    assert right <= 0.5
    assert bottom <= 0.5
    assert high > 120
    assert wide > 300


def test_the_page_needs_no_network() -> None:
    assert re.findall(r"https?://(?!www\.w3\.org)", viewer()) == []
