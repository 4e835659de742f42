"""Pages of one file that report what a training or a search did: look, tiles, tables, confusions, small pictures."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Sequence

import numpy as np

from flowgraph.box import Array
from flowgraph.markup import inline, table, text
from flowgraph.rendering.palette import styled_page

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2933; --muted: #5b6672; --line: #cbd2d9; --tile: #f6f8fa;
  --good: #007a5a; --bad: #b3440b; --link: #0b5cad; --shade: #1f293340 }
@media (prefers-color-scheme: dark) { :root { --paper: #12161b; --ink: #e6eaee; --muted: #9aa5b1; --line: #36404b;
  --tile: #1a2027; --good: #2fc79a; --bad: #f0864a; --link: #7ab8f5; --shade: #e6eaee40 }
  .ink { filter: invert(1) }
  .weights img { filter: brightness(1.5) } }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem }
p { max-width: 44rem; margin: .5rem 0 } a { color: var(--link) } summary { cursor: pointer }
.muted { color: var(--muted) } .good, .passed, .complete { color: var(--good) } .bad, .failed { color: var(--bad) }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 }
.tile { background: var(--tile); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem;
  flex: 1 1 8rem; min-width: min-content }
.tile b { display: block; font-size: 1.3rem; line-height: 1.3; white-space: nowrap }
.tile span { color: var(--muted); font-size: .85rem; display: block; line-height: 1.35 }
.links { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; margin: 1rem 0; padding: 0; list-style: none }
figure { margin: 0; overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; padding: 1rem }
/* a shade at the side where more is out of sight; what scrolls with the content covers it at the ends */
figure, .scroll { background:
  linear-gradient(to right, var(--paper) 50%, transparent) left / 2.5rem 100% no-repeat local,
  linear-gradient(to left, var(--paper) 50%, transparent) right / 2.5rem 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) left / 1rem 100% no-repeat,
  linear-gradient(to left, var(--shade), transparent) right / 1rem 100% no-repeat, var(--paper) }
figure svg { display: block; margin: auto; max-width: 100%; min-width: 34rem; height: auto }
figcaption { color: var(--muted); font-size: .88rem; max-width: 44rem; margin: 0 0 .75rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: .88rem; width: 100% }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--muted); font-weight: 500 } .number { text-align: right; font-variant-numeric: tabular-nums }
.images { display: flex; flex-wrap: wrap; gap: .75rem; margin: .75rem 0; padding: 0; list-style: none }
.images li { text-align: center; font-size: .85rem; line-height: 1.3 } .images small { color: var(--muted) }
img { image-rendering: pixelated; display: block; margin: 0 auto .2rem; border: 1px solid var(--line) }
.weights { gap: .3rem } .findings { margin: 1rem 0; display: grid; gap: .75rem }
.finding { border-left: 3px solid var(--line); padding-left: .9rem }
.finding.good { border-color: var(--good); color: inherit }
.finding.bad { border-color: var(--bad); color: inherit }
.finding b { display: block } .finding p { margin: 0 } code { overflow-wrap: anywhere }
"""


def report_page(
    title: str,
    lead: str,
    tiles: Iterable[tuple[str, str]],
    links: Iterable[tuple[str, str]],
    sections: Iterable[tuple[str, str]],
) -> str:
    """The page as text; nothing is loaded from elsewhere.

    `lead` and the contents of the sections are HTML; a section without content is left out. Tiles are a name and a
    value, links the name of a file beside the page and what it shows.
    """
    shown = "".join(f'<div class="tile"><b>{text(value)}</b><span>{text(name)}</span></div>' for name, value in tiles)
    listed = "".join(f'<li><a href="{text(name)}">{text(what)}</a></li>' for name, what in links)
    chapters = "\n".join(
        f"<section><h2>{text(head)}</h2>\n{content}</section>" for head, content in sections if content
    )
    body = f"""<main><h1>{text(title)}</h1>
<p class="muted">{lead}</p>
<div class="tiles">{shown}</div>
<ul class="links">{listed}</ul>
{chapters}</main>"""
    return styled_page(title, STYLE, body)


def figure(svg: str, prefix: str, said: str, caption: str = "") -> str:
    """A picture in a frame that scrolls where the window is narrower than its text can be read at."""
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure tabindex="0" aria-label="{text(said)}">{below}{inline(svg, prefix)}</figure>'


def scrolling_table(headings: Sequence[str], rows: Iterable[Sequence[str]], first_number: int | None = None) -> str:
    """A table that scrolls sideways where it is wider than the window."""
    content = table(headings, rows, first_number, classes=("passed", "failed", "complete"))
    return f'<div class="scroll" tabindex="0">{content}</div>'


def settings_table(settings: Iterable[tuple[str, object]]) -> str:
    """A row per setting, its name in words."""
    return scrolling_table(("setting", "value"), [(name.replace("_", " "), _value(value)) for name, value in settings])


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


MOST_CLASSES = 20
"""Classes up to which the table fits a page."""


def confusion_counts(classes: int, targets: Array, predicted: Array) -> Array:
    """Whole numbers of shape (classes, classes): row by true class, column by predicted class; both are indices.

    >>> import numpy as np
    >>> from flowgraph.training.report_page import confusion_counts
    >>> confusion_counts(2, np.array([0, 0, 1]), np.array([0, 1, 1]))
    array([[1, 1],
           [0, 1]])
    """
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (targets, predicted), 1)
    return counts


def confusion_table(classes: Sequence[str], targets: Array, predicted: Array) -> str:
    """A row per true class, a column per predicted class, in HTML; nothing where there are too many to read."""
    if len(classes) > MOST_CLASSES:
        return ""
    counts = confusion_counts(len(classes), targets, predicted)
    rows = [
        (name, *(str(count) if count else "·" for count in row), f"{row[i] / row.sum():.1%}" if row.sum() else "")
        for i, (name, row) in enumerate(zip(classes, counts, strict=True))
    ]
    note = '<p class="muted">A row is a true class, a column the class that the network gave.</p>'
    return note + scrolling_table(("true class", *classes, "found"), rows, 1)


NEGATIVE, POSITIVE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
"""Blue and vermilion of Okabe and Ito, told apart by every kind of colour vision."""


def ink(values: Array, largest: float) -> str:
    """An image, shape (rows, columns), of intensities from 0 to `largest`, as the address of a PNG.

    A pixel is black, and as opaque as its intensity, so that the page shows through where it is 0.
    """
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., 3] = _opacity(values, largest)
    return _address(pixels)


def draw_signed(values: Array, largest: float | None = None) -> str:
    """An image, shape (rows, columns), of signed numbers: blue below 0, orange above, clear at 0, NaN black.

    The largest modulus, that of the image unless given, is opaque.
    """
    modulus = np.abs(values)
    if largest is None:
        finite = modulus[np.isfinite(modulus)]
        largest = float(finite.max()) if finite.size else 0.0
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., :3] = np.where((values > 0)[..., None], POSITIVE, NEGATIVE)
    pixels[..., 3] = _opacity(modulus, largest)
    pixels[np.isnan(values)] = (0, 0, 0, 255)
    return _address(pixels)


def image(address: str, said: str, size: int, look: str = "") -> str:
    """The HTML element of a picture, `size` CSS pixels wide; `said` is its alternative text."""
    style = f' class="{look}"' if look else ""
    return f'<img src="{address}" alt="{text(said)}" width="{size}" height="{size}"{style}>'


def _opacity(values: Array, largest: float) -> Array:
    share = np.nan_to_num(values / largest, nan=1.0, posinf=1.0) if largest > 0 else np.zeros(values.shape)
    return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)


def _address(pixels: Array) -> str:
    return f"data:image/png;base64,{b64encode(png(pixels)).decode()}"


def png(pixels: Array) -> bytes:
    """Pixels of red, green, blue and opacity, uint8 of shape (rows, columns, 4), as a PNG file.

    Source: W3C, Portable Network Graphics: chunks IHDR, IDAT and IEND, each line of pixels after filter type 0.
    """
    rows, columns, _ = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
