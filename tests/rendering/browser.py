"""What a browser makes of a page: its text once its scripts have run, and the texts that leave their tiles."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

_OVERFLOW = """
function leaving() {
  const found = [];
  for (const tile of document.querySelectorAll(".box")) {
    const rects = [...tile.children].filter((one) => one.tagName === "rect").map((one) => one.getBBox());
    if (!rects.length) continue;
    const stacked = rects.length > 1 && rects[1].width === rects[0].width;
    const { x, y, width, height } = rects[stacked ? 1 : 0];
    for (const text of tile.querySelectorAll("text")) {
      const at = text.getBBox();
      const over = Math.max(x - at.x, at.x + at.width - x - width, y - at.y, at.y + at.height - y - height);
      if (at.width && over > 0.5) found.push(`${tile.id}: "${text.textContent}" by ${over.toFixed(1)}`);
    }
  }
  return found;
}
"""
_REPORT = 'document.body.textContent = "REPORT" + JSON.stringify([...new Set(found)]) + "END";'


def in_browser(path: Path, query: str, folder: Path, size: tuple[int, int] = (1400, 800)) -> str:
    """What a browser makes of a page, once its script has run."""
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--window-size={size[0]},{size[1]}",
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        path.as_uri() + query,
    ]
    return html.unescape(subprocess.run(command, capture_output=True, text=True, timeout=120).stdout)


def reported(page: str, script: str, folder: Path, size: tuple[int, int] = (1400, 800)) -> Any:
    """What a script finds in a page, as `found`, a list without repetitions."""
    path = folder / "probe.html"
    path.write_text(f'<meta charset="utf-8">{page}<script>{script}{_REPORT}</script>', encoding="utf-8")
    answer = re.search("REPORT(.*)END", in_browser(path, "", folder, size), re.S)
    assert answer is not None, "the script did not come to its end"
    return json.loads(answer[1])


def texts_outside(page: str, folder: Path, size: tuple[int, int] = (1400, 800)) -> list[str]:
    """The texts that leave their tiles, in every step where the page has steps."""
    steps = "for (let i = 0; i < steps.length; i++) { show(i); found.push(...leaving()); }"
    each = steps if 'id="steps"' in page else "found.push(...leaving());"
    return reported(page, f"{_OVERFLOW} const found = []; {each}", folder, size)  # type: ignore[no-any-return]
