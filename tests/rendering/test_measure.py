"""No text is wider than its estimate, and none leaves its tile in any step of an animation."""

from __future__ import annotations

import string

import numpy as np
import pytest
from matplotlib.ft2font import FT2Font

import flowgraph as fg
from flowgraph.rendering import files, measure
from flowgraph.rendering.animation import page
from tests.browser import answered, in_a_browser

_OVERFLOW = """
function leaving() {
  const found = [];
  for (const tile of document.querySelectorAll(".box")) {
    const rects = [...tile.children].filter((one) => one.tagName === "rect").map((one) => one.getBBox());
    if (!rects.length) continue;
    const stacked = rects.length > 1 && rects[1].width === rects[0].width;
    const { x, y, width, height } = rects[stacked ? 1 : 0];
    for (const text of tile.querySelectorAll("text")) {
      if (text.closest(".loop")) continue; /* over the tile, where picture_claims.py looks at it */
      const at = text.getBBox();
      const over = Math.max(x - at.x, at.x + at.width - x - width, y - at.y, at.y + at.height - y - height);
      if (at.width && over > 0.5) found.push(`${tile.id}: "${text.textContent}" by ${over.toFixed(1)}`);
    }
  }
  return found;
}
const found = [];
for (let i = 0; i < steps.length; i++) { show(i); found.push(...leaving()); }
return [...new Set(found)];
"""


def nested(layers: int = 2) -> fg.Graph:
    """A network in a scope of scopes, whose names are long."""
    with fg.scope("encoder"):
        mlp = fg.MLP([8] * layers + [4], rng=0)
    x, y = fg.Input("x", shape=("N", 8)), fg.Input("y", shape=("N",), dtype=int)
    return fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x), y)))


SIGNS = (
    string.ascii_letters
    + string.digits
    + string.punctuation
    + " ×±−÷·…→←≤≥≠∞½²³∇∂√∏∑αβγδεζηθικλμνξπρστφχψωΔΘΛΞΠΣΦΨΩ₀₁⁽⁾ᵀ"
)


@pytest.mark.parametrize("bold", [False, True])
def test_no_sign_of_a_png_is_wider_than_its_estimate(bold: bool) -> None:
    """So no name of any signs is: a text is as wide as its signs."""
    fonts = files._own_fonts()
    assert fonts is not None
    font = FT2Font(str(fonts[bold]))
    font.set_size(100, 72)
    widths = {sign: font.load_char(ord(sign)).linearHoriAdvance / 65536 for sign in SIGNS}
    assert not {sign: width for sign, width in widths.items() if width > measure.text_width(sign, 100, bold) + 0.01}


@in_a_browser
@pytest.mark.parametrize("layers", [2, 50])
def test_no_text_leaves_its_tile_in_any_step(layers: int) -> None:
    graph = nested(layers)
    rng = np.random.default_rng(0)
    run = graph.fprop(x=rng.normal(size=(5, 8)) * 1e-5, y=rng.integers(0, 4, 5))
    assert answered(page(graph, run, run.bprop(keep="all")), _OVERFLOW, (390, 844)) == []
