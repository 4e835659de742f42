"""The places of the members of one level: in columns, around a straight spine, folded into lines where it is wide."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from flowgraph.rendering.channels import climbs_of, room_for
from flowgraph.rendering.columns import GAP, Member, Tie, assign_columns, routes_of
from flowgraph.rendering.nesting import Level
from flowgraph.rendering.picture import Link

LEAST_WIDTH = 2400.0
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


def align_steps(widths: list[float], gaps: list[float], steps: Sequence[int], height: float) -> Steps | None:
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
    equal = list(sizes)
    for place in range(period):
        same = [step + place for step in steps if step + place < len(sizes)]
        most = max(sizes[column] for column in same)
        for column in same:
            equal[column] = most
    return equal


SCREEN = 2400.0
"""Pixels that a screen shows such that 10 px letters can be read; a narrower level is never folded."""

_LARGE_SCREEN = 3900.0
"""Pixels of a screen of 4K, which a frame fills that is folded: around it nothing can use the room beside its last
line, and pictures of random graphs whose frames are folded from `SCREEN` on are larger by a fifth.
"""

_PAGE = 5.0
"""Width to height beyond which a level that does not fit a screen is folded into a page, as plans and gradients are."""

_LEEWAY = 0.3
"""Of the length of a line, by which it may be longer or shorter so that fewer links lead to the next."""


class Folding(NamedTuple):
    """How a level is broken into lines: after `wrap` columns, at the columns `breaks`, or where it exceeds `room`.

    Without any of these a level is broken that is far wider than high, one that is `framed` later; with a `wrap` of 0
    none is.
    """

    wrap: int | None = None
    breaks: tuple[int, ...] = ()
    room: float | None = None
    framed: bool = False


def lines_of(
    edges: Sequence[tuple[float, float]], height: float, folding: Folding, passing: Sequence[int]
) -> tuple[list[float], list[int]]:
    """Where the lines of a level start, and the line of each column; `passing` has the links that pass before each."""
    wrap, framed = folding.wrap, folding.framed
    if folding.breaks or folding.room is not None:
        firsts = folding.breaks or _line_starts(edges, folding.room or math.inf)
        starts = [0.0, *(edges[column][0] for column in firsts)]
        return starts, [bisect_right(firsts, column) for column in range(len(edges))]
    if wrap:
        return [left for left, _ in edges[::wrap]], [column // wrap for column in range(len(edges))]
    total, count = edges[-1][1] if edges else 0.0, 1
    if wrap is None and not (framed and total < _LARGE_SCREEN):
        if _too_wide(total, height):
            count = max(2, round(math.sqrt(total / (2.5 * (height + 60)))))
        elif total > SCREEN and total > _PAGE * height:
            count = max(2, round(math.sqrt(total / (height + 60))))
    return _break_where_few_pass(edges, count, passing)


def _line_starts(edges: Sequence[tuple[float, float]], room: float) -> tuple[int, ...]:
    """The columns with which lines begin that are as full as they can be."""
    firsts: list[int] = []
    start = edges[0][0] if edges else 0.0
    for column, (left, right) in enumerate(edges):
        if right - start > room and left > start:
            firsts.append(column)
            start = left
    return tuple(firsts)


def _too_wide(width: float, height: float) -> bool:
    """Whether a level does not fit a screen and is flat, or would give a picture flatter than 1:12 with its caption."""
    return (width > SCREEN and width > 10 * height) or width + 36 > 11.5 * (height + 92)


def _break_where_few_pass(
    edges: Sequence[tuple[float, float]], count: int, passing: Sequence[int]
) -> tuple[list[float], list[int]]:
    """At most `count` lines of similar length, broken where the fewest edges cross."""
    total = edges[-1][1] if edges else 0.0
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


SWEEPS = 10
"""Most passes over the columns, back and forth, that order the members and move them.

Source: Gansner et al. 1993, A technique for drawing directed graphs, whose 24 passes only order them.
"""

_STILL = 0.5
"""Pixels; when nothing moves further in a pass, no other follows."""

_UNSEEN = 0.05
"""Pixels; a column whose neighbours moved less is not placed anew, since it would stay where it is."""

_EPSILON = 1e-6

Piece = tuple[Member, Member, float]
"""A piece of a wire between two columns, and how much lower its right end is than its left when both anchors agree."""

Neighbours = list[tuple[Member, float]]
"""The members at the other ends of the pieces on one side of a member, and how much lower the piece ends there."""


def pieces_of(ties: Sequence[Tie], routes: Sequence[Sequence[Member]]) -> Iterable[Piece]:
    """The pieces of all wires, each once, whoever shares it."""
    seen: set[tuple[int, int, float, float]] = set()
    for tie, route in zip(ties, routes, strict=True):
        for left, right in pairwise(route):
            left_below = tie.tail_below if left is route[0] else 0.0
            right_below = tie.head_below if right is route[-1] else 0.0
            key = id(left), id(right), left_below, right_below
            if key not in seen:
                seen.add(key)
                yield left, right, right_below - left_below


def assign_heights(every: Sequence[Member], pieces: Sequence[Piece]) -> None:
    """Order the members of each column and place them near the mean of their neighbours, sweep by sweep."""
    columns: list[list[Member]] = [[] for _ in range(1 + max((member.column for member in every), default=0))]
    for member in every:
        columns[member.column].append(member)
    beside = _neighbours(every, pieces)
    free = [place for place, column in enumerate(columns) if len(column) > 1 or (column and not column[0].pinned)]
    neighbours_of = {place: [beside[id(member)] for member in columns[place]] for place in free}
    waiting = set(free)
    for sweep in range(SWEEPS):
        moved = False
        for place in free[:: 1 - 2 * (sweep % 2)]:
            if place in waiting:
                waiting.discard(place)
                column = columns[place]
                before = [member.y for member in column]
                _place_column(column, neighbours_of[place])
                far = max(abs(member.y - height) for member, height in zip(column, before, strict=True))
                moved = moved or far >= _STILL
                if far >= _UNSEEN:
                    waiting |= {place - 1, place + 1}
        if not moved:
            break
    _straighten(columns, pieces)


def _neighbours(every: Sequence[Member], pieces: Sequence[Piece]) -> dict[int, tuple[Neighbours, Neighbours]]:
    """For each member those on its left and on its right; for a port also the wire outside."""
    beside: dict[int, tuple[Neighbours, Neighbours]] = {id(member): ([], []) for member in every}
    for left, right, climb in pieces:
        beside[id(left)][1].append((right, climb))
        beside[id(right)][0].append((left, -climb))
    for member in every:
        if member.hint is not None:
            beside[id(member)][member.side == "out"].append((Member(0.0, 0.0, 0.0, y=member.hint), 0.0))
    return beside


def _place_column(column: list[Member], beside: Sequence[tuple[Neighbours, Neighbours]]) -> None:
    """Heights near those of the neighbours, without overlap; a pinned member stays at 0, the others above or below."""
    heights = [[[other.y + below for other, below in side] for side in sides] for sides in beside]
    wanted = [_mean(left + right) for left, right in heights]
    if len(column) == 1:
        column[0].y = wanted[0]
        return
    order = sorted(range(len(column)), key=lambda i: (wanted[i], i))
    _untangle(order, heights)
    _count_up(column, order)
    fixed = next((place for place, i in enumerate(order) if column[i].pinned), None)
    if fixed is None:
        _settle([column[i] for i in order], [wanted[i] for i in order], -math.inf, math.inf)
        return
    centre = column[order[fixed]]
    centre.y = 0.0
    above, below = order[:fixed], order[fixed + 1 :]
    _settle([column[i] for i in below], [wanted[i] for i in below], centre.down + GAP, math.inf)
    _settle([column[i] for i in above], [wanted[i] for i in above], -math.inf, -centre.up - GAP)


def _mean(heights: Sequence[float]) -> float:
    return sum(heights) / len(heights) if heights else 0.0


def _untangle(order: list[int], heights: Sequence[Sequence[Sequence[float]]]) -> None:
    """Swap members beside each other whose wires would cross less, until none are left."""
    for _ in range(len(order)):
        swapped = False
        for place in range(len(order) - 1):
            upper, other = order[place : place + 2]
            pairs = [(a, b) for side in (0, 1) for a in heights[upper][side] for b in heights[other][side]]
            if sum(a > b + _EPSILON for a, b in pairs) > sum(b > a + _EPSILON for a, b in pairs):
                order[place : place + 2] = other, upper
                swapped = True
        if not swapped:
            return


def _count_up(column: Sequence[Member], order: list[int]) -> None:
    """Put those that are counted into their order, at the places that they have together."""
    series: dict[str, list[int]] = {}
    for at, i in enumerate(order):
        place = column[i].place
        if place is not None:
            series.setdefault(place[0], []).append(at)
    for places in series.values():
        counted = sorted((order[at] for at in places), key=lambda i: column[i].place or ("", 0))
        for at, i in zip(places, counted, strict=True):
            order[at] = i


def _settle(members: Sequence[Member], wanted: Sequence[float], least: float, most: float) -> None:
    """The heights in this order, without overlap, that are nearest to those wanted by least squares.

    Source: Best and Chakravarti 1990, Active set algorithms for isotonic regression; members move as blocks.
    """
    if not members:
        return
    offsets = [0.0]
    for upper, other in pairwise(members):
        offsets.append(offsets[-1] + upper.down + GAP + other.up)
    blocks: list[tuple[float, int]] = []
    for height, offset in zip(wanted, offsets, strict=True):
        total, count = height - offset, 1
        while blocks and blocks[-1][0] * count >= total * blocks[-1][1]:
            before, number = blocks.pop()
            total, count = total + before, count + number
        blocks.append((total, count))
    low, high = least + members[0].up, most - members[-1].down - offsets[-1]
    places = (min(max(total / count, low), high) for total, count in blocks for _ in range(count))
    for member, offset, place in zip(members, offsets, places, strict=True):
        member.y = place + offset


def _straighten(columns: list[list[Member]], pieces: Sequence[Piece]) -> None:
    """Each wire at one height over as many columns as have room for it, between the same neighbours as before."""
    beside: dict[int, list[Member]] = {}
    for column in columns:
        column.sort(key=lambda member: member.y)
        for i, member in enumerate(column):
            beside[id(member)] = column[max(i - 1, 0) : i] + column[i + 1 : i + 2]
    follows = {id(left): other for left, other, _ in pieces if _moves(left) and _moves(other)}
    ends: dict[int, list[float]] = {}
    for left, other, climb in pieces:
        if not _moves(other):
            ends.setdefault(id(left), []).append(other.y + climb)
        if not _moves(left):
            ends.setdefault(id(other), []).append(left.y - climb)
    later = {id(member) for member in follows.values()}
    for member in (member for column in columns for member in column):
        if _moves(member) and id(member) not in later:
            chain = [member]
            while id(chain[-1]) in follows:
                chain.append(follows[id(chain[-1])])
            _straighten_wire(chain, beside, ends)


def _moves(member: Member) -> bool:
    """Whether it is a wire that is not on the spine."""
    return not member.width and not member.pinned


def _straighten_wire(chain: Sequence[Member], beside: dict[int, list[Member]], ends: dict[int, list[float]]) -> None:
    start, low, high = 0, -math.inf, math.inf
    for place, member in enumerate(chain):
        least = max((o.y + o.down + GAP + member.up for o in beside[id(member)] if o.y < member.y), default=-math.inf)
        most = min((o.y - o.up - GAP - member.down for o in beside[id(member)] if o.y > member.y), default=math.inf)
        if max(low, least) > min(high, most) + _EPSILON:
            _level(chain[start:place], low, high, ends)
            start, low, high = place, least, most
        else:
            low, high = max(low, least), min(high, most)
    _level(chain[start:], low, high, ends)


def _level(run: Sequence[Member], low: float, high: float, ends: dict[int, list[float]]) -> None:
    """One height for all: that of an end if there is room for it, else the nearest to their mean."""
    if not run:
        return
    places = [y for member in (run[0], run[-1]) for y in ends.get(id(member), ()) if low <= y <= high]
    mean = min(max(sum(member.y for member in run) / len(run), low), high)
    for member in run:
        member.y = places[0] if places else mean


COLUMN_GAP = 24.0
"""Pixels between columns, in which an arrow and its label fit."""

PORT_GAP = 6.0
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
    members: list[Member], ties: Sequence[Tie], folding: Folding | None = None, steps: Sequence[int] = (),
    inset: tuple[float, float] = (0.0, 0.0), breaks: Sequence[int] = (),
) -> Arrangement:  # fmt: skip
    """Positions for members of an acyclic level; `steps` begin groups to be aligned, with `breaks` lines begin.

    An edge runs at one height within a column, where nothing else stands, and bends between columns, where nothing
    stands at all: so none can pass behind a member.
    """
    assign_columns(members, ties)
    routes, wires = routes_of(members, ties)
    every = [*members, *wires]
    assign_heights(every, list(pieces_of(ties, routes)))
    arrangement = Arrangement(members, routes, inset=inset)
    widths, gaps = _column_sizes(arrangement, every, ties)
    arrangement.steps = align_steps(widths, gaps, [members[step].column for step in steps], _height(every))
    _assign_widths(arrangement, every, widths, gaps)
    columns = sorted({members[number].column for number in breaks} - {0})
    _fold(arrangement, every, ties, (folding or Folding())._replace(breaks=tuple(columns)))
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
        gaps[column] = inset + room_for(climbs, gaps[column] + min(20.0, 2.0 * len(climbing)) - inset)
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


def _fold(arrangement: Arrangement, every: list[Member], ties: Sequence[Tie], folding: Folding) -> None:
    """Break a level into lines.

    Lines that begin with steps are indented by what stands before the first.
    """
    edges = arrangement.edges
    if arrangement.steps:
        steps = arrangement.steps.starts
        starts = [0.0, *(edges[step][0] - edges[steps[0]][0] for step in steps[1:])]
        arrangement.line_of = [max(0, bisect_right(steps, column) - 1) for column in range(len(edges))]
    else:
        starts, arrangement.line_of = lines_of(edges, _height(every), folding, _passing(arrangement))
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
    turning: list[dict[Turn, tuple[float, float]]] = [{} for _ in range(count)]
    for tie, route in zip(ties, arrangement.routes, strict=True):
        for left, right in pairwise(route):
            line = arrangement.line_of[left.column]
            if line != arrangement.line_of[right.column]:
                start = left.y + (tie.tail_below if left is route[0] else 0.0)
                end = right.y + (tie.head_below if right is route[-1] else 0.0)
                turning[line][id(left), id(right), tie.source] = start, end
    return [{turn: lane for lane, turn in enumerate(sorted(turns, key=turns.__getitem__))} for turns in turning]


def _passing(arrangement: Arrangement) -> list[int]:
    """For each column the links that lead past the room before it."""
    passing = [0] * len(arrangement.edges)
    for route in arrangement.routes:
        for column in range(route[0].column + 1, route[-1].column + 1):
            passing[column] += 1
    return passing


Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """A rectangle: its upper left corner, width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass
class Layout:
    """The positions of all tiles; a route is a list of points, a title its left end."""

    width: float = 0.0
    height: float = 0.0
    folded: bool = False
    tiles: dict[str, Place] = field(default_factory=dict)
    frames: dict[str, Place] = field(default_factory=dict)
    titles: dict[str, float] = field(default_factory=dict)
    routes: list[tuple[Link, list[Point]]] = field(default_factory=list)


@dataclass
class Placed:
    """A level with its members by name and a tie for each wire, arranged, and where it stands in the picture."""

    level: Level
    arrangement: Arrangement
    members: dict[str, Member]
    ties: Sequence[Tie]
    origin: Point = (0.0, 0.0)
