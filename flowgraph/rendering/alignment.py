"""Arranges equal steps of a level in lines below each other, with as many per line as suit a screen."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEAST_WIDTH = 2600.0
"""Pixels of a level that is folded into steps; a narrower one fits a screen as it is."""

_RATIO = 1.8
"""Width to height of a picture of steps: between the 4:3 of a page and the 16:9 of a screen."""

_BETWEEN = 46.0
"""Pixels between two lines, as in `layering.LINE_GAP`."""


def aligned(widths: list[float], gaps: list[float], steps: Sequence[int], height: float) -> list[int]:
    """The columns with which lines begin; widths and gaps of columns that stand under each other are made equal.

    `steps` are the columns with which equal steps begin; none are returned where the level is not to be folded.
    """
    if len(steps) < 2 or sum(widths) + sum(gaps) < LEAST_WIDTH:
        return []
    period = steps[1] - steps[0]
    last = steps[-1] + period
    for place in range(period):
        same = [step + place for step in steps if step + place < len(widths)]
        for sizes in (widths, gaps):
            most = max(sizes[column] for column in same)
            for column in same:
                sizes[column] = most
    wide = sum(widths[steps[0] : steps[0] + period]) + sum(gaps[steps[0] : steps[0] + period])
    rest = len(widths) - last
    count = max(1, round(math.sqrt(_RATIO * len(steps) * (height + _BETWEEN) / wide)))
    return [] if count >= len(steps) + (rest > period) else list(steps[::count])
