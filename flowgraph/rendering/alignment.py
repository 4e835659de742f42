"""Arranges equal steps of a level in lines below each other, with as many per line as suit a screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

LEAST_WIDTH = 2600.0
"""Pixels of a level that is folded into steps; a narrower one fits a screen as it is."""

_RATIO = 1.8
"""Width to height of a picture of steps: between the 4:3 of a page and the 16:9 of a screen."""

_BETWEEN = 46.0
"""Pixels between two lines, as in `layering.LINE_GAP`."""


class Steps(NamedTuple):
    """Equal steps of a level by their columns: the first, how many each has, how many steps there are and in a line."""

    first: int
    period: int
    number: int
    in_a_line: int

    @property
    def starts(self) -> list[int]:
        """The columns with which lines begin."""
        return [self.first + k * self.period for k in range(0, self.number, self.in_a_line)]


def aligned(widths: list[float], gaps: list[float], steps: Sequence[int], height: float) -> Steps | None:
    """How a level is folded into steps; widths and gaps of columns that stand under each other are made equal.

    `steps` are the columns with which equal steps begin; None where the level is not to be folded, or its steps do not
    begin at equal distances, so that they cannot stand under each other.
    """
    if len(steps) < 2 or sum(widths) + sum(gaps) < LEAST_WIDTH:
        return None
    first, period = steps[0], steps[1] - steps[0]
    if period < 1 or any(step != first + place * period for place, step in enumerate(steps)):
        return None
    new = [_equal(sizes, steps, period) for sizes in (widths, gaps)]
    wide = sum(sum(sizes[first : first + period]) for sizes in new)
    rest = len(widths) - steps[-1] - period
    count = max(1, round(math.sqrt(_RATIO * len(steps) * (height + _BETWEEN) / wide)))
    if count >= len(steps) + (rest > period):
        return None
    widths[:], gaps[:] = new
    return Steps(first, period, len(steps), count)


def _equal(sizes: Sequence[float], steps: Sequence[int], period: int) -> list[float]:
    """The sizes of columns, of those at the same place of each step the largest."""
    found = list(sizes)
    for place in range(period):
        same = [step + place for step in steps if step + place < len(sizes)]
        most = max(sizes[column] for column in same)
        for column in same:
            found[column] = most
    return found
