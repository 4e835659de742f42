"""Frame times in the page of `graph.render("net.html")`: pan, zoom, hover, search, closing and opening modules.

A chain of layers with every box shown, in headless Chromium; a frame at 60 Hz takes 16.7 ms.

    python -m benchmarks page_frames
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from flowgraph.errors import install_hint

LAYERS = (170, 500, 670, 1700, 6670)
FRAMES = 60
_SCRIPT = """async ([kind, frames]) => {
  const area = stage.getBoundingClientRect();
  const [x, y] = [area.left + area.width / 2, area.top + area.height / 2];
  const send = (target, type, at, more) => target.dispatchEvent(
    new PointerEvent(type, { bubbles: true, clientX: at[0], clientY: at[1], pointerId: 1, ...more }));
  const acts = {
    pan: (i) => send(stage, "pointermove", [x + 4 * i, y + 2 * i]),
    zoom: (i) => stage.dispatchEvent(new WheelEvent("wheel",
      { bubbles: true, cancelable: true, clientX: x, clientY: y, deltaY: i < frames / 2 ? -60 : 60 })),
    hover: (i) => {
      const at = [area.left + 20 + i * (area.width - 40) / frames, y];
      send(document.elementFromPoint(...at) ?? stage, "pointerover", at);
    },
    search: (i) => { search.value = "layer" + i; search.dispatchEvent(new Event("input")); },
    module: (i) => toggle(Object.keys(plan.lids)[0]),
  };
  stage.setPointerCapture = () => {};
  if (kind === "pan") send(stage, "pointerdown", [x, y]);
  const times = [];
  let last = performance.now();
  for (let i = 0; i < frames; i++) {
    acts[kind](i);
    await new Promise((done) => requestAnimationFrame(done));
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  if (kind === "pan") send(stage, "pointerup", [x, y]);
  times.sort((one, other) => one - other);
  return [0.5, 0.95, 1].map((share) => times[Math.min(frames - 1, Math.floor(share * frames))]);
}"""


def graph_of(layers: int) -> Any:
    """A chain of scopes, three boxes in each."""
    import numpy as np

    import flowgraph as fg

    h: Any = fg.Input("x", shape=("N", 4))
    for k in range(layers):
        with fg.scope(f"layer{k + 1}"):
            h = np.tanh(h @ fg.Parameter(np.eye(4), name="W"))
    return fg.Graph(fg.mean(h))


def main() -> None:
    """Print median, 95 % and worst frame of each movement, and the same as JSON."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print(f"page_frames: left out; it needs playwright: {install_hint('bench')}")
        return
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        print("page_frames: left out; there is no Chromium on this machine")
        return
    results: dict[str, Any] = {}
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for layers in LAYERS:
            graph = graph_of(layers)
            path = graph.render(Path(folder) / "net.html", collapse=False, detail="boxes")
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(path.as_uri())
            page.wait_for_timeout(500)
            print(f"{len(graph):,} boxes, {path.stat().st_size / 1e6:.1f} MB")
            modules = page.evaluate("document.getElementById('plan') !== null")  # those of larger graphs stay closed
            for kind in ("pan", "zoom", "hover", "search", *["module"] * modules):
                found = page.evaluate(_SCRIPT, [kind, FRAMES])
                results.setdefault(str(len(graph)), {})[kind] = found
                median, most, worst = found
                print(f"  {kind:<8} median {median:6.1f} ms   95 % {most:6.1f} ms   worst {worst:6.1f} ms")
            page.close()
        browser.close()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
