"""The width of a text in Helvetica, to size tiles without fonts on the machine."""

from __future__ import annotations

import functools
import unicodedata

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
