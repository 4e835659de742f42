"""The size of a tile and of its rows, for the built-in layout."""

from __future__ import annotations

import functools
import unicodedata

from flowgraph.rendering.picture import Row, Span, Strip, Swatch, Tile

_WIDTHS = {
    **dict.fromkeys("ijl'", 222),
    **dict.fromkeys(" !,./:;I[\\]ft·", 278),
    **dict.fromkeys("()-`r", 333),
    "{": 334,
    "}": 334,
    '"': 355,
    "*": 389,
    "|": 260,
    "^": 469,
    **dict.fromkeys("ckJsvxyz", 500),
    **dict.fromkeys("#$0123456789?_abdeghnopquL", 556),
    **dict.fromkeys("+<=>~×±−÷", 584),
    **dict.fromkeys("FTZ", 611),
    **dict.fromkeys("&ABEKPSVXY", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("GOQ", 778),
    "m": 833,
    "M": 833,
    "%": 889,
    "W": 944,
    "@": 1015,
    "…": 1000,
}
_OTHER = 620
"""Width of any other letter, in thousandths of the size: between Helvetica's capitals and its small letters."""

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
