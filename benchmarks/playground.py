"""The playground in headless Chromium: size of the page, time to its first picture, frames a second while it trains.

200 training points, 3 layers of 8 units, minibatches of 10, the speed at 240 updates a second; values and gradients, at
four widths of the window. Chromium draws without a GPU here, so frames on a screen are no slower.

    python -m benchmarks playground [--seconds 3]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from flowgraph.errors import install_hint
from flowgraph.playground import playground

WIDTHS = (390, 800, 1400, 1920)
_ADDRESS = "#depth=3&units=[8,8,8,8]"
_FIRST = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()"
_FRAMES = """async ([view, seconds]) => {
  setView(view);
  play(true);
  const times = [], before = learner.updates, end = performance.now() + 1000 * seconds;
  let last = performance.now();
  while (last < end) {
    await new Promise((done) => requestAnimationFrame(done));
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  play(false);
  times.sort((one, other) => one - other);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  return [times.length / seconds, at(0.5), at(0.95), (learner.updates - before) / seconds];
}"""


def main() -> None:
    """Print a line for each width and view."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks playground", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments, _ = parser.parse_known_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print(f"playground: left out; it needs playwright: {install_hint('bench')}")
        return
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        print("playground: left out; there is no Chromium on this machine")
        return
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        browser = started.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        path = playground(Path(folder) / "playground.html")
        print(f"page: {path.stat().st_size / 1e3:.0f} kB")
        for width in WIDTHS:
            _one_width(browser, path, width, arguments.seconds)
        browser.close()


def _one_width(browser: Any, path: Path, width: int, seconds: float) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(path.as_uri() + _ADDRESS)
    page.wait_for_timeout(300)
    print(f"{width:5} px: first picture after {page.evaluate(_FIRST):.0f} ms")
    for view in ("values", "gradients"):
        frames, median, most, updates = page.evaluate(_FRAMES, [view, seconds])
        print(
            f"          {view:<9} {frames:5.1f} frames/s, median {median:5.1f} ms, 95 % {most:5.1f} ms, "
            f"{updates:.0f} updates/s"
        )
    page.close()


if __name__ == "__main__":
    main()
