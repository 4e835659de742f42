"""Pages in headless Chromium: what is cut or runs out of its place at the widths of phones, tablets and screens."""

import json
import re
import shutil
import subprocess
from html import escape, unescape

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="found no Chromium, in which the page is tried")

WIDTHS = (390, 800, 1400, 1920)

_MEASURE = """
const told = [];
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument, root = page.documentElement;
  const say = (what) => told.push(`${frame.width}px: ${what}`);
  if (root.scrollWidth > root.clientWidth) say(`the page is ${root.scrollWidth} wide`);
  for (const one of page.querySelectorAll("body *")) {
    const style = page.defaultView.getComputedStyle(one);
    if (one.closest("svg") || style.display === "inline" || !one.clientWidth || style.overflowX !== "visible") continue;
    if (one.scrollWidth > one.clientWidth + 1) say(`<${one.localName} class="${one.className}"> cuts ${one.innerText}`);
  }
  for (const one of page.querySelectorAll("img")) if (!one.naturalWidth) say(`no image: ${one.alt}`);
}
document.body.innerHTML = "";
document.body.append(Object.assign(document.createElement("pre"), { id: "told", textContent: JSON.stringify(told) }));
"""


def cut(page, folder):
    """What of a page is cut, one text each: elements wider than their place, images that do not load."""
    frames = "".join(f'<iframe width="{width}" height="900" srcdoc="{escape(page)}"></iframe>' for width in WIDTHS)
    tried = folder / "tried.html"
    tried.write_text(
        f"<!doctype html><html><body>{frames}<script>window.onload = () => {{ {_MEASURE} }};</script></body></html>",
        encoding="utf-8",
    )
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=5000",
        f"--user-data-dir={folder / 'browser'}", "--dump-dom", tried.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(unescape(re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)[1]))
