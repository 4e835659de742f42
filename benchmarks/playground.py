"""The playground in headless Chromium: size of the page, time to its first picture, frames a second while it trains.

200 training points, 3 layers of 8 units, minibatches of 10, the speed at 240 updates a second; values and gradients, at
four widths of the window; then Newton's method on the largest net for which it is offered. "script" is what the page
computes and draws in a frame. Chromium draws without a GPU here, so frames on a screen are no slower.

    python -m benchmarks playground [--seconds 3]

No page quotes it: it says before and after a change of the page whether it still draws as often as a screen does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from flowgraph.playground import playground
from tools.chromium import AVAILABLE, MISSING, Page, chromium

WIDTHS = (390, 800, 1400, 1920)
_ADDRESS = "#depth=3&units=[8,8,8,8]"
_NEWTON = '#depth=3&units=[4,4,4,4]&method="newton"'
_FIRST = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()"
_FRAMES = """async ([view, seconds]) => {
  setView(view);
  const own = frame, scripts = [];
  frame = (now) => { const from = performance.now(); own(now); scripts.push(performance.now() - from); };
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
  frame = own;
  for (const all of [times, scripts]) all.sort((one, other) => one - other);
  const at = (all, share) => all[Math.min(all.length - 1, Math.floor(share * all.length))];
  const each = [at(times, 0.5), at(times, 0.95), at(scripts, 0.5), at(scripts, 0.95)];
  return [times.length / seconds, ...each, (learner.updates - before) / seconds];
}"""


def main() -> None:
    """Print a line for each width and view."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks playground", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments, _ = parser.parse_known_args()
    if not AVAILABLE:
        print(f"playground: left out; {MISSING}")
        return
    with chromium() as page, tempfile.TemporaryDirectory() as folder:
        path = playground(Path(folder) / "playground.html")
        print(f"page: {path.stat().st_size / 1e3:.0f} kB")
        for width in WIDTHS:
            _one_width(page, path, width, arguments.seconds)
        page.visit(path.as_uri() + _NEWTON, (1400, 900))
        count = page.tell("flat(learner.parameters).length")
        print(f" 1400 px: Newton's method, {count} parameters")
        _frames(page, arguments.seconds)


def _one_width(page: Page, path: Path, width: int, seconds: float) -> None:
    page.visit(path.as_uri() + _ADDRESS, (width, 900))
    print(f"{width:5} px: first picture after {page.tell(_FIRST):.0f} ms")
    _frames(page, seconds)


def _frames(page: Page, seconds: float) -> None:
    for view in ("values", "gradients"):
        frames, median, most, script, longest, updates = page.tell(f"({_FRAMES})({json.dumps([view, seconds])})")
        print(
            f"          {view:<9} {frames:5.1f} frames/s, median {median:5.1f} ms, 95 % {most:5.1f} ms, "
            f"script {script:4.1f} / {longest:4.1f} ms, {updates:.0f} updates/s"
        )


if __name__ == "__main__":
    main()
