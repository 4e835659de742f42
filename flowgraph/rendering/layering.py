"""The places of the members of one level: in columns, around a straight spine, folded into lines where it is wide."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from flowgraph.rendering.alignment import Steps, aligned
from flowgraph.rendering.channels import climbs_of, room_for
from flowgraph.rendering.columns import Member, Tie, assign_columns, routes_of
from flowgraph.rendering.heights import assign_heights, pieces_of
from flowgraph.rendering.line_breaks import lines_of

COLUMN_GAP = 30.0
"""Pixels between columns, in which an arrow and its label fit."""

PORT_GAP = 8.0
"""Pixels between the border of a frame's inside and the next column, in which an arrowhead fits."""

LINE_GAP = 46.0
"""Least pixels between the lines of a folded level, for the wires that lead back and the frame around them."""

TURN = 10.0
"""Pixels between a line and the first of the wires that turn from it to the next."""

LANE = 5.0
"""Pixels between two wires that turn to the next line."""

_STEEP = 30.0
"""Pixels that a wire climbs between two columns, beyond which it gets more room there."""

Turn = tuple[int, int, str]
"""A wire that goes on in the next line: the two members that it joins there, and its source."""


@dataclass
class Arrangement:
    """The members with their places; for each link the members it passes on its way; the lines of a folded level.

    `turns` has for each line the wires that go on in the next, with their lanes. Wires bend between columns, `inset`
    after the one and before the other, where there are arrowheads: so curves that start and end together run alike.
    """

    members: list[Member]
    routes: list[list[Member]]
    width: float = 0.0
    up: float = 0.0
    down: float = 0.0
    edges: list[tuple[float, float]] = field(default_factory=list)
    line_of: list[int] = field(default_factory=list)
    lines: list[tuple[float, float]] = field(default_factory=list)
    turns: list[dict[Turn, int]] = field(default_factory=list)
    steps: Steps | None = None
    margin: float = 0.0
    inset: tuple[float, float] = (0.0, 0.0)

    @property
    def folded(self) -> bool:
        """Whether the columns are wrapped into several lines."""
        return len(self.lines) > 1

    def widen(self, margin: float) -> None:
        """Leave so much room on the left and on the right."""
        self.margin = margin
        self.width += 2 * margin
        self.edges = [(left + margin, right + margin) for left, right in self.edges]
        for member in self.members:
            member.x += margin


def arrange(
    members: list[Member], ties: Sequence[Tie], wrap: int | None = None, steps: Sequence[int] = (),
    inset: tuple[float, float] = (0.0, 0.0),
) -> Arrangement:  # fmt: skip
    """Positions for members of an acyclic level; `wrap` as in `compose`, `steps` begin groups to be aligned.

    An edge runs at one height within a column, where nothing else stands, and bends between columns, where nothing
    stands at all: so none can pass behind a member.
    """
    assign_columns(members, ties)
    routes, wires = routes_of(members, ties)
    every = [*members, *wires]
    assign_heights(every, list(pieces_of(ties, routes)))
    arrangement = Arrangement(members, routes, inset=inset)
    widths, gaps = _column_sizes(arrangement, every, ties)
    arrangement.steps = aligned(widths, gaps, [members[step].column for step in steps], _height(every))
    _assign_widths(arrangement, every, widths, gaps)
    _fold(arrangement, every, ties, wrap)
    return arrangement


def _column_sizes(
    arrangement: Arrangement, every: list[Member], ties: Sequence[Tie]
) -> tuple[list[float], list[float]]:
    """The widths of columns, and the room after each: more where more wires climb, less at the border of a frame."""
    count = 1 + max((member.column for member in every), default=0)
    widths = [0.0] * count
    for member in every:
        widths[member.column] = max(widths[member.column], member.width)
    border = {member.column - (member.side == "out") for member in every if member.side}
    inset = sum(arrangement.inset)
    gaps = [PORT_GAP + inset if column in border else COLUMN_GAP for column in range(count)]
    for column, climbs in climbs_of(ties, arrangement.routes).items():
        climbing = {climb for climb in climbs if abs(climb.end - climb.start) > _STEEP}
        gaps[column] = inset + room_for(climbs, gaps[column] + min(30.0, 3.0 * len(climbing)) - inset)
    return widths, gaps


def _height(every: list[Member]) -> float:
    """How high all is in one line."""
    return max((m.extent[1] for m in every), default=0.0) - min((m.extent[0] for m in every), default=0.0)


def _assign_widths(arrangement: Arrangement, every: list[Member], widths: list[float], gaps: list[float]) -> None:
    """Columns from left to right."""
    start = 0.0
    for width, gap in zip(widths, gaps, strict=True):
        arrangement.edges.append((start, start + width))
        start += width + gap
    for member in every:
        member.x = (sum(arrangement.edges[member.column]) - member.width) / 2


def _fold(arrangement: Arrangement, every: list[Member], ties: Sequence[Tie], wrap: int | None) -> None:
    """Break a level of more columns than `wrap`, or one that is far wider than high, into lines.

    Lines that begin with steps are indented by what stands before the first.
    """
    edges = arrangement.edges
    if arrangement.steps:
        steps = arrangement.steps.starts
        starts = [0.0, *(edges[step][0] - edges[steps[0]][0] for step in steps[1:])]
        arrangement.line_of = [max(0, bisect_right(steps, column) - 1) for column in range(len(edges))]
    else:
        starts, arrangement.line_of = lines_of(edges, _height(every), wrap, _passing(arrangement))
    _centre(every)
    ups, downs = [0.0] * len(starts), [0.0] * len(starts)
    for member in every:
        line = arrangement.line_of[member.column]
        ups[line] = max(ups[line], -member.extent[0])
        downs[line] = max(downs[line], member.extent[1])
    arrangement.turns = _lanes(arrangement, ties, len(starts))
    base = 0.0
    for line in range(len(starts)):
        base += downs[line - 1] + ups[line] + line_gap(len(arrangement.turns[line - 1])) if line else 0.0
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
    if arrangement.folded:
        lanes = max(map(len, arrangement.turns))
        arrangement.widen(TURN + LANE * lanes + max(arrangement.inset) if lanes else 0.0)


def line_gap(lanes: int) -> float:
    """The room between two lines, in which so many wires lead back."""
    return max(LINE_GAP, 3 * TURN + LANE * lanes)


def _centre(every: Sequence[Member]) -> None:
    """Put the middle of a level at 0, unless a spine is there."""
    if every and not any(member.pinned for member in every):
        middle = (min(member.extent[0] for member in every) + max(member.extent[1] for member in every)) / 2
        for member in every:
            member.y -= middle


def _lanes(arrangement: Arrangement, ties: Sequence[Tie], count: int) -> list[dict[Turn, int]]:
    """For each line the wires that turn to the next, from the highest to the lowest: so they do not cross there."""
    found: list[dict[Turn, tuple[float, float]]] = [{} for _ in range(count)]
    for tie, route in zip(ties, arrangement.routes, strict=True):
        for left, right in pairwise(route):
            line = arrangement.line_of[left.column]
            if line != arrangement.line_of[right.column]:
                start = left.y + (tie.tail_below if left is route[0] else 0.0)
                end = right.y + (tie.head_below if right is route[-1] else 0.0)
                found[line][id(left), id(right), tie.source] = start, end
    return [{turn: lane for lane, turn in enumerate(sorted(one, key=one.__getitem__))} for one in found]


def _passing(arrangement: Arrangement) -> list[int]:
    """For each column the links that lead past the room before it."""
    passing = [0] * len(arrangement.edges)
    for route in arrangement.routes:
        for column in range(route[0].column + 1, route[-1].column + 1):
            passing[column] += 1
    return passing
