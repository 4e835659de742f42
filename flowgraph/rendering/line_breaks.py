"""Where a level that is too wide is broken into lines."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

_SCREEN = 2600.0
"""Pixels that a screen shows such that 10 px letters can be read; a narrower level is never folded."""

_PAGE = 5.0
"""Width to height beyond which a level that does not fit a screen is folded into a page, as plans and gradients are."""

_LEEWAY = 0.3
"""Of the length of a line, by which it may be longer or shorter so that fewer links lead to the next."""


def lines_of(
    edges: Sequence[tuple[float, float]], height: float, wrap: int | None, passing: Sequence[int]
) -> tuple[list[float], list[int]]:
    """Where the lines of a level start, and the line of each column; `passing` has the links that pass before each."""
    if wrap:
        return [left for left, _ in edges[::wrap]], [column // wrap for column in range(len(edges))]
    total = edges[-1][1] if edges else 0.0
    if wrap is None and _too_wide(total, height):
        return _break(edges, max(2, round(math.sqrt(total / (2.5 * (height + 60))))))
    if wrap is None and total > _SCREEN and total > _PAGE * height:
        return _break_where_few_pass(edges, max(2, round(math.sqrt(total / (height + 60)))), passing)
    return _break(edges, 1)


def _too_wide(width: float, height: float) -> bool:
    """Whether a level does not fit a screen and is flat, or would give a picture flatter than 1:12 with its caption."""
    return (width > _SCREEN and width > 10 * height) or width + 36 > 11.5 * (height + 92)


def _break(edges: Sequence[tuple[float, float]], count: int) -> tuple[list[float], list[int]]:
    """The starts of at most `count` lines, of which the longest is as short as it can be; the line of each column."""
    low, high = max((right - left for left, right in edges), default=0.0), edges[-1][1] if edges else 0.0
    rights = [right for _, right in edges]
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if len(_fill(edges, rights, middle)) <= count else (middle, high)
    firsts = _fill(edges, rights, high)
    line_of = [line for line, (first, last) in enumerate(pairwise([*firsts, len(edges)])) for _ in range(first, last)]
    return [edges[first][0] if first else 0.0 for first in firsts], line_of


def _fill(edges: Sequence[tuple[float, float]], rights: Sequence[float], width: float) -> list[int]:
    """The first column of each line, where lines have that width."""
    firsts = [0]
    while True:
        start = edges[firsts[-1]][0] if firsts[-1] else 0.0
        following = max(bisect_right(rights, start + width + 1e-6), firsts[-1] + 1)
        if following >= len(edges):
            return firsts
        firsts.append(following)


def _break_where_few_pass(
    edges: Sequence[tuple[float, float]], count: int, passing: Sequence[int]
) -> tuple[list[float], list[int]]:
    """At most `count` lines of similar length, broken where the fewest edges cross."""
    total = edges[-1][1]
    firsts = [0]
    for line in range(1, count):
        ideal = total * line / count
        near = [
            column
            for column, (left, _) in enumerate(edges)
            if abs(left - ideal) < _LEEWAY * total / count and column > firsts[-1]
        ]
        if near:
            firsts.append(min(near, key=lambda column: (passing[column], abs(edges[column][0] - ideal))))
    line_of = [line for line, (first, last) in enumerate(pairwise([*firsts, len(edges)])) for _ in range(first, last)]
    return [edges[first][0] if first else 0.0 for first in firsts], line_of
