"""An array in one line of a picture: a number with its sign, mean and standard deviation, NaN, exactly 0."""

from __future__ import annotations

from flowgraph.rendering.statistics import Statistics
from flowgraph.rendering.wording import number_text

_ROUNDING = 1e-7
"""Of the root mean square: a mean below it is what rounding has left of 0; the precision of float32."""


def summary(found: Statistics) -> str:
    """The number itself where there is one alone, else mean ± standard deviation; NaN and zeros by name."""
    mean = found.mean if abs(found.mean) > _ROUNDING * found.rms else 0.0
    return _named(found) or f"{number_text(mean)} ± {number_text(found.std)}"


def size_text(found: Statistics) -> str:
    """The number itself where there is one alone, else the root mean square, by which tiles are coloured."""
    return _named(found) or f"rms {number_text(found.rms)}"


def _named(found: Statistics) -> str:
    if not found.finite:
        return number_text(found.mean if found.size == 1 else found.rms)
    if found.rms == 0:
        return "exactly 0"
    return number_text(found.mean) if found.size == 1 else ""
