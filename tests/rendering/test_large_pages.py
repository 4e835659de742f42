"""Pages of thousands of boxes: what is in view is in the page, and stands where it would stand in a page of all."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.rendering import viewer
from tests.browser import answered, in_a_browser
from tests.rendering.graphs import deep
from tests.rendering.test_openable import nested
from tests.rendering.test_viewer import TOOLS

pytestmark = in_a_browser

_SEEN = """
const wait = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
const told = [];
/* Where each part stands that the window shows, however little of it; to half a pixel. */
const look = async (what) => {
  settleView(); await wait();
  const at = stage.getBoundingClientRect(), seen = {};
  for (const part of svg.querySelectorAll(".box, .link, .frame")) {
    const r = part.getBoundingClientRect();
    const apart = r.right < at.left || at.right < r.left || r.bottom < at.top || at.bottom < r.top;
    if (apart || !part.getClientRects().length) continue;
    const name = part.id || part.dataset.frame || `${part.dataset.tail} to ${part.dataset.head}`;
    seen[name] = [r.left, r.top, r.right, r.bottom];
  }
  told.push([what, seen]);
};
const walk = async (what) => {
  for (let i = 0; i < 4; i++) { await look(`${what}, ${i}`); pan(0.45, i % 2 ? 0.3 : -0.3); }
};
fit(); await look("whole");
for (const id of IDS) { go(byId.get(id)); await walk(id); }
for (const path of PATHS) {
  fit(); toggle(path); await look(`switched ${path}`);
  for (const level of levelOf.keys()) stale.add(level);
  relayout(); await look("all sums anew"); await walk(path);
}
if (PATHS.length) { toggleAll(true); await look("closed"); toggleAll(false); await look("open"); }
return told;
"""


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize(
    ("graph", "ids", "paths", "settings"),
    [
        (nested(), ["encoder/left/h", "loss"], ["encoder/right", "decoder", "encoder", "encoder", "encoder/right"], {}),
        (deep(60), ["layer20/h", "layer44/W"], ["layer44", "layer45"], {"collapse": False, "detail": "boxes"}),
    ],
    ids=["nested", "folded"],
)
def test_a_page_that_holds_what_is_in_view_shows_what_a_page_of_all_shows(
    graph: fg.Graph,
    ids: list[str],
    paths: list[str],
    settings: dict[str, Any],
    direction: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At every place, after every module that is closed or opened; so is the order in which parts are painted."""
    script = f"const IDS = {ids}, PATHS = {paths};{_SEEN}"
    pages = []
    for most in (10**6, 0):
        monkeypatch.setattr(viewer, "MANY", most)
        text = graph.interactive(direction=direction, **settings).text
        small = text.replace("const CELL = 512", "const CELL = 16")  # so that many parts span many cells
        assert small != text
        pages.append(answered(small, script))
    for (_, before), (what, after) in pairwise(pages[0]):
        assert what != "all sums anew" or before == after
    for (what, every), (_, seen) in zip(*pages, strict=True):
        assert list(seen) == [name for name in every if name in seen], what
        assert set(seen) == set(every), what
        for name, place in every.items():
            assert np.allclose(place, seen[name], atol=0.6), (what, name)


def large(boxes: int = 2600) -> str:
    """A page of more boxes than are drawn one by one from afar."""
    h: Any = fg.Input("x", shape=("N", 4))
    for place in range(boxes):
        h = np.tanh(h) if place % 3 else np.exp(h)
    return fg.Graph(h).interactive(collapse=False).text


def test_of_many_boxes_those_out_of_view_are_left_out_and_from_afar_all_are_a_drawing() -> None:
    script = """
    const drawn_boxes = () => boxes.filter((box) => box.getClientRects().length).length;
    const far = [canvas.hidden, drawn_boxes()];
    const ink = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let dots = 0;
    for (let i = 3; i < ink.length; i += 4) dots += ink[i] > 0;
    go(boxes[1300]); await frames(3);
    const near = [canvas.hidden, drawn_boxes(), boxes[1300].getClientRects().length,
      svg.querySelectorAll('.box').length];
    pan(0.4, 0); settleView(); await frames(3);
    const inView = boxes.every((box) => {
      const [x, y, width, height] = rectOf(box);
      const seen = x < view[0] + view[2] && view[0] < x + width && y < view[1] + view[3] && view[1] < y + height;
      return !seen || box.getClientRects().length;
    });
    fit(); await frames(3);
    return [far, dots, near, inView, canvas.hidden, errors];
    """
    far, dots, near, in_view, hidden, errors = answered(large(), TOOLS + script)
    assert far == [False, 0]
    assert dots > 2600
    assert near[0] is True
    assert 1 <= near[1] < 200
    assert near[2] == 1
    assert near[3] < 400
    assert in_view
    assert hidden is False
    assert errors == []


def test_a_click_from_afar_finds_the_box_under_it() -> None:
    script = """
    const [x, y, width, height] = rectOf(boxes[700]), scale = scaleOf(view), at = stage.getBoundingClientRect();
    const clientX = at.left + (x + width / 2 - view[0]) * scale, clientY = at.top + (y + height / 2 - view[1]) * scale;
    stage.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX, clientY }));
    return [chosen === boxes[700], panel.hidden, errors];
    """
    assert answered(large(), TOOLS + script) == [True, False, []]
