"""Frame times in the page of `graph.render("net.html")`: pan, zoom, hover, search, closing and opening modules.

A chain of layers with every box shown, in headless Chromium; a frame at 60 Hz takes 16.7 ms. "near" is the same with
the boxes so large that their texts are read; in "settled" each frame moves by two fifths of the window and is drawn
sharp, which the page does once the view rests; "across" zooms from the whole to the texts and back. "first" is the
milliseconds until the page has loaded and drawn the whole.

    python -m benchmarks page_frames
"""

from __future__ import annotations

import json
from typing import Any

from tools.chromium import AVAILABLE, MISSING, chromium

LAYERS = (170, 670, 1700, 6670)
FRAMES = 60
KINDS = ("pan", "zoom", "hover", "search", "near pan", "near zoom", "near hover", "settled", "across")
_FIRST = "performance.getEntriesByType('navigation')[0].loadEventEnd"
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
    settled: (i) => { pan(i % 20 < 10 ? 0.4 : -0.4, 0); settleView(); },
    across: (i) => { zoom(i % 20 < 10 ? 0.5 : 2, ...centreOf(middle)); settleView(); },
  };
  const [how, far] = kind.split(" ").reverse();
  const middle = boxes[Math.floor(boxes.length / 2)];
  const centreOf = (box) => [0, 1].map((axis) => rectOf(box)[axis] + rectOf(box)[2 + axis] / 2);
  fit();
  if (far || how === "settled") go(middle);
  await new Promise((done) => setTimeout(done, 300));
  stage.setPointerCapture = () => {};
  if (how === "pan") send(stage, "pointerdown", [x, y]);
  const times = [];
  let last = performance.now();
  for (let i = 0; i < frames; i++) {
    acts[how](i);
    await new Promise((done) => requestAnimationFrame(done));
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  if (how === "pan") send(stage, "pointerup", [x, y]);
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
    if not AVAILABLE:
        print(f"page_frames: left out; {MISSING}")
        return
    results: dict[str, Any] = {}
    with chromium() as page:
        for layers in LAYERS:
            graph = graph_of(layers)
            text = graph.interactive(collapse=False, detail="boxes").text
            page.show(text, (1280, 800))
            print(f"{len(graph):,} boxes, {len(text.encode()) / 1e6:.1f} MB")
            modules = page.tell("document.getElementById('plan') !== null")
            found = page.tell(_FIRST)
            print(f"  first      {found:.0f} ms")
            results[str(len(graph))] = {"first": found}
            for kind in (*KINDS, *["module"] * modules):
                found = page.tell(f"({_SCRIPT})({json.dumps([kind, FRAMES])})")
                results[str(len(graph))][kind] = found
                median, most, worst = found
                print(f"  {kind:<10} median {median:6.1f} ms   95 % {most:6.1f} ms   worst {worst:6.1f} ms")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
