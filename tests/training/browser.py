"""Pages in headless Chromium: what is cut or runs out of its place at the widths of phones, tablets and screens."""

from html import escape

from tests.browser import answered

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
return told;
"""


def cut(page):
    """What of a page is cut, one text each: elements wider than their place, images that do not load."""
    frames = "".join(f'<iframe width="{width}" height="900" srcdoc="{escape(page)}"></iframe>' for width in WIDTHS)
    return answered(frames, _MEASURE)
