"""The heights of the members of a level: each column near its neighbours, without overlap, around a straight spine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from flowgraph.rendering.columns import GAP, Member, Tie

SWEEPS = 10
"""Most passes over the columns, back and forth, that order the members and move them.

Source: Gansner et al. 1993, A technique for drawing directed graphs, whose 24 passes only order them.
"""

_STILL = 0.5
"""Pixels; when nothing moves further in a pass, no other follows."""

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
    free = [column for column in columns if len(column) > 1 or (column and not column[0].pinned)]
    found = [[beside[id(member)] for member in column] for column in free]
    for sweep in range(SWEEPS):
        before = [member.y for column in free for member in column]
        there = 1 - 2 * (sweep % 2)
        for column, neighbours in zip(free[::there], found[::there], strict=True):
            _place_column(column, neighbours)
        after = (member.y for column in free for member in column)
        if all(abs(one - other) < _STILL for one, other in zip(before, after, strict=True)):
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
            one, other = order[place : place + 2]
            pairs = [(a, b) for side in (0, 1) for a in heights[one][side] for b in heights[other][side]]
            if sum(a > b + _EPSILON for a, b in pairs) > sum(b > a + _EPSILON for a, b in pairs):
                order[place : place + 2] = other, one
                swapped = True
        if not swapped:
            return


def _settle(members: Sequence[Member], wanted: Sequence[float], least: float, most: float) -> None:
    """The heights in this order, without overlap, that are nearest to those wanted by least squares.

    Source: Best and Chakravarti 1990, Active set algorithms for isotonic regression; members move as blocks.
    """
    if not members:
        return
    offsets = [0.0]
    for one, other in pairwise(members):
        offsets.append(offsets[-1] + one.down + GAP + other.up)
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
    follows = {id(one): other for one, other, _ in pieces if _moves(one) and _moves(other)}
    ends: dict[int, list[float]] = {}
    for one, other, climb in pieces:
        if not _moves(other):
            ends.setdefault(id(one), []).append(other.y + climb)
        if not _moves(one):
            ends.setdefault(id(other), []).append(one.y - climb)
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
