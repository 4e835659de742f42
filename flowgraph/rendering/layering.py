"""The places of the members of one level: in columns by longest path, around a straight spine."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from flowgraph.rendering.alignment import aligned
from flowgraph.rendering.line_breaks import lines_of

GAP = 16.0
"""Between two members of a column."""

COLUMN_GAP = 34.0
"""Pixels between columns, in which an arrow and its label fit."""

LINE_GAP = 46.0
"""Pixels between the lines of a folded level, for the link that leads back and its frame."""

LONGEST_ROUTED = 16
"""Columns that a link may pass with a place of its own in each."""

_SWEEPS = 4
"""Passes over the columns, twice there and back.

Source: Gansner et al. 1993, A technique for drawing directed graphs, whose 24 passes order the members too; here they
only move them, and a picture is made anew each time that a notebook shows it.
"""


@dataclass
class Member:
    """A node of a level: its width, and its height above and below the line through its anchor."""

    width: float
    up: float
    down: float
    pinned: bool = False
    x: float = 0.0
    y: float = 0.0
    column: int = 0


class Tie(NamedTuple):
    """An edge between two members by their numbers, with the offsets of its ends below their anchors."""

    tail: int
    head: int
    spine: bool = False
    tail_below: float = 0.0
    head_below: float = 0.0


@dataclass
class Arrangement:
    """The members with their places; for each link the members it passes on its way; the lines of a folded level."""

    members: list[Member]
    routes: list[list[Member]]
    width: float = 0.0
    up: float = 0.0
    down: float = 0.0
    edges: list[tuple[float, float]] = field(default_factory=list)
    line_of: list[int] = field(default_factory=list)
    lines: list[tuple[float, float]] = field(default_factory=list)
    turns: dict[int, int] = field(default_factory=dict)

    @property
    def folded(self) -> bool:
        """Whether the columns are wrapped into several lines."""
        return len(self.lines) > 1


def arrange(
    members: list[Member], ties: Sequence[Tie], wrap: int | None = None, steps: Sequence[int] = ()
) -> Arrangement:
    """Positions for members of an acyclic level; `wrap` as in `compose`, `steps` begin groups to be aligned."""
    assign_columns(members, ties)
    passers: list[Member] = []
    routes = [_route(members[tie.tail], members[tie.head], tie.spine, passers) for tie in ties]
    every = [*members, *passers]
    _assign_heights(every, ties, routes)
    arrangement = Arrangement(members, routes)
    widths, gaps = _column_sizes(arrangement, every)
    starts = aligned(widths, gaps, [members[step].column for step in steps], _height(every))
    _assign_widths(arrangement, every, widths, gaps)
    _fold(arrangement, every, wrap, starts)
    return arrangement


def assign_columns(members: list[Member], ties: Sequence[Tie]) -> None:
    """Longest path from the left; what hangs on leaves alone moves as far right as those that read it allow."""
    after: list[list[int]] = [[] for _ in members]
    before = [0] * len(members)
    for tie in ties:
        after[tie.tail].append(tie.head)
        before[tie.head] += 1
    waiting = before.copy()
    order = [i for i, count in enumerate(before) if not count]
    loose = [not member.pinned for member in members]
    held = [0] * len(members)
    for i in order:
        loose[i] = loose[i] and held[i] <= len(after[i])
        for head in after[i]:
            held[head] += before[i] > 0
            loose[head] = loose[head] and (loose[i] or not before[i])
            members[head].column = max(members[head].column, members[i].column + 1)
            waiting[head] -= 1
            if not waiting[head]:
                order.append(head)
    for i in reversed(order):
        if after[i] and loose[i]:
            members[i].column = min(members[head].column for head in after[i]) - 1
    least = min((member.column for member in members), default=0)
    for member in members:
        member.column -= least


def _route(tail: Member, head: Member, pinned: bool, passers: list[Member]) -> list[Member]:
    """The ends of a link, with a passer in every column between."""
    between = range(tail.column + 1, head.column)
    if len(between) > LONGEST_ROUTED:
        return [tail, head]
    new = [Member(0.0, 5.0, 5.0, pinned=pinned, column=column) for column in between]
    passers += new
    return [tail, *new, head]


def _assign_heights(every: list[Member], ties: Sequence[Tie], routes: list[list[Member]]) -> None:
    """Each column near the mean height of its neighbours, sweep by sweep, the spine fixed at 0."""
    columns: list[list[Member]] = [[] for _ in range(1 + max((member.column for member in every), default=0))]
    for member in every:
        columns[member.column].append(member)
    beside: dict[int, list[tuple[Member, float]]] = {id(member): [] for member in every}
    for tie, route in zip(ties, routes, strict=True):
        for left, right in pairwise(route):
            left_below = tie.tail_below if left is route[0] else 0.0
            right_below = tie.head_below if right is route[-1] else 0.0
            beside[id(left)].append((right, right_below - left_below))
            beside[id(right)].append((left, left_below - right_below))
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            wanted = [_mean([other.y + below for other, below in beside[id(member)]]) for member in column]
            _place_column(column, wanted)


def _mean(heights: Sequence[float]) -> float:
    return sum(heights) / len(heights) if heights else 0.0


def _place_column(column: list[Member], wanted: list[float]) -> None:
    """Heights near those wanted, without overlap; a pinned member stays at 0 and the others go above or below it."""
    order = sorted(range(len(column)), key=lambda i: (wanted[i], i))
    fixed = next((i for i in order if column[i].pinned), None)
    if fixed is None:
        _stack(column, order, wanted, -math.inf)
        shift = _mean([wanted[i] - column[i].y for i in order])
        for member in column:
            member.y += shift
        return
    centre = column[fixed]
    centre.y = 0.0
    below = [i for i in order if i != fixed and wanted[i] >= 0]
    above = [i for i in order if i != fixed and wanted[i] < 0]
    _stack(column, below, wanted, centre.down + GAP)
    edge = -centre.up - GAP
    for i in reversed(above):
        member = column[i]
        member.y = min(wanted[i], edge - member.down)
        edge = member.y - member.up - GAP


def _stack(column: list[Member], order: Sequence[int], wanted: list[float], edge: float) -> None:
    for i in order:
        member = column[i]
        member.y = max(wanted[i], edge + member.up)
        edge = member.y + member.down + GAP


def _column_sizes(arrangement: Arrangement, every: list[Member]) -> tuple[list[float], list[float]]:
    """The widths of columns, and the room after each: more where more links climb."""
    count = 1 + max((member.column for member in every), default=0)
    widths = [0.0] * count
    climbing = [0] * (count + 1)
    for member in every:
        widths[member.column] = max(widths[member.column], member.width)
    for route in arrangement.routes:
        for left, right in pairwise(route):
            climbing[left.column] += abs(left.y - right.y) > 30
    return widths, [COLUMN_GAP + min(30.0, 3.0 * climbing[column]) for column in range(count)]


def _height(every: list[Member]) -> float:
    """How high all is in one line."""
    up = max((member.up - member.y for member in every), default=0.0)
    return up + max((member.down + member.y for member in every), default=0.0)


def _assign_widths(arrangement: Arrangement, every: list[Member], widths: list[float], gaps: list[float]) -> None:
    """Columns from left to right."""
    start = 0.0
    for width, gap in zip(widths, gaps, strict=True):
        arrangement.edges.append((start, start + width))
        start += width + gap
    for member in every:
        member.x = (sum(arrangement.edges[member.column]) - member.width) / 2


def _fold(arrangement: Arrangement, every: list[Member], wrap: int | None, steps: Sequence[int]) -> None:
    """Break a level of more columns than `wrap`, or one that is far wider than high, into lines.

    Lines that begin with `steps` are indented by what stands before the first.
    """
    edges = arrangement.edges
    if steps:
        starts = [0.0, *(edges[step][0] - edges[steps[0]][0] for step in steps[1:])]
        arrangement.line_of = [max(0, bisect_right(steps, column) - 1) for column in range(len(edges))]
    else:
        starts, arrangement.line_of = lines_of(edges, _height(every), wrap, _passing(arrangement))
    ups, downs = [0.0] * len(starts), [0.0] * len(starts)
    for member in every:
        line = arrangement.line_of[member.column]
        ups[line] = max(ups[line], member.up - member.y)
        downs[line] = max(downs[line], member.down + member.y)
    base = 0.0
    for line in range(len(starts)):
        base += (downs[line - 1] + ups[line] + LINE_GAP) if line else 0.0
        arrangement.lines.append((base, base + downs[line]))
    for member in every:
        line = arrangement.line_of[member.column]
        member.x -= starts[line]
        member.y += arrangement.lines[line][0]
    for column, (first, last) in enumerate(edges):
        offset = starts[arrangement.line_of[column]]
        edges[column] = (first - offset, last - offset)
    arrangement.width = max((right for _, right in edges), default=0.0)
    arrangement.up, arrangement.down = ups[0], base + downs[-1]


def _passing(arrangement: Arrangement) -> list[int]:
    """For each column the links that lead past the room before it."""
    passing = [0] * len(arrangement.edges)
    for route in arrangement.routes:
        for column in range(route[0].column + 1, route[-1].column + 1):
            passing[column] += 1
    return passing
