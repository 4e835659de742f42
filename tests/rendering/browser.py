"""The texts of a page that leave their tiles, in a browser."""

from __future__ import annotations

from typing import Any

from tests.browser import answered

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
"""


def texts_outside(page: str, size: tuple[int, int] = (1400, 800)) -> list[str]:
    """The texts that leave their tiles, in every step where the page has steps."""
    steps = "for (let i = 0; i < steps.length; i++) { show(i); found.push(...leaving()); }"
    each = steps if 'id="steps"' in page else "found.push(...leaving());"
    found: Any = answered(page, f"{_OVERFLOW} const found = []; {each} return [...new Set(found)];", size)
    return list(found)
