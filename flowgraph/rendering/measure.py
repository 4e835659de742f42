"""The size of a tile and of its rows, for the built-in layout."""

from __future__ import annotations

import functools
import unicodedata

from flowgraph.rendering.picture import Row, Span, Strip, Swatch, Tile

_WIDTHS = {
    "'": 242,
    **dict.fromkeys("ijl", 267),
    " ": 279,
    **dict.fromkeys("I,.·/\\|", 296),
    **dict.fromkeys(":;", 311),
    "-": 333,
    "f": 338,
    **dict.fromkeys("!()[]", 355),
    "t": 372,
    "r": 383,
    '"': 405,
    **dict.fromkeys("*`", 439),
    **dict.fromkeys("cJksvxyz", 520),
    **dict.fromkeys("?_abdeghnopquL$0123456789{}", 559),
    **dict.fromkeys("FTZ", 611),
    **dict.fromkeys("&ABEKPSVXY", 685),
    **dict.fromkeys("ΘΦΨ", 691),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("#+<=>^~×±−÷→←≤≥≠∞ωΩ", 735),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("mM½", 855),
    "%": 889,
    "W": 944,
    "…": 1000,
    "@": 1015,
}
"""The wider of Helvetica and of DejaVu Sans, in which PNGs are drawn, in thousandths of the size."""

_OTHER = 664
"""Width of any other letter, as of a Greek one."""

_BOLD = 1.13
"""How much wider the bold letters are."""

_SLACK = 1.14
"""Room for the fonts that stand in for Helvetica."""


@functools.lru_cache(maxsize=1 << 16)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """An upper estimate of the width of a text, in the unit of its size."""
    thousandths = sum(_WIDTHS.get(c) or (1000 if unicodedata.east_asian_width(c) in "WF" else _OTHER) for c in text)
    return thousandths / 1000 * size * (_BOLD if bold else 1.0) * _SLACK


PADDING = (10.0, 7.0)
"""Pixels beside and above the rows of a tile."""

CELL = (6.0, 7.0)
"""Width and height of a cell of a strip, in pixels."""

SWATCH = (14.0, 10.0)
"""Width and height of a swatch, in pixels."""

SPACE = 6.0
"""Between the items of a row."""


def item_width(item: Span | Strip | Swatch) -> float:
    """The width of a piece of a row."""
    if isinstance(item, Span):
        return text_width(item.text, item.size, item.bold)
    return SWATCH[0] if isinstance(item, Swatch) else CELL[0] * len(item.cells)


def row_width(row: Row) -> float:
    """The width of a row, with the margins of one that is filled."""
    inside = sum(map(item_width, row.items)) + SPACE * (len(row.items) - 1)
    return inside + (8 if row.fill else 0)


def row_height(row: Row) -> float:
    """The height of a row."""
    if row.fill:
        return 18.0
    if all(isinstance(item, Strip) for item in row.items):
        return CELL[1] + 4
    return max((1.3 * item.size + 1.5 for item in row.items if isinstance(item, Span)), default=14.0)


def tile_size(tile: Tile) -> tuple[float, float]:
    """Width and height of a tile around its rows."""
    width = max(map(row_width, tile.rows)) + 2 * PADDING[0]
    height = sum(map(row_height, tile.rows)) + 2 * PADDING[1] - 2
    return round(width, 1), round(height, 1)
