"""The columns of the members of one level, by longest path, and the wires of its edges in every column they pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

GAP = 16.0
"""Pixels between two members of a column."""

WIRE = 4.0
"""Pixels that a wire keeps free on both sides: half of what lies between two of them."""

WIRE_SIZE = WIRE - GAP / 2
"""How far a wire reaches above and below its line, so that with `GAP` two wires are 2 `WIRE` apart."""


@dataclass
class Member:
    """A node of a level: its width, and its height above and below the line through its anchor.

    A wire has no width. `side` is "in" or "out" for a port, the point where a wire passes the border of the frame;
    `hint` is the height at which that wire goes on outside, where that is known. `place` is the name and the number of
    one of several that are counted, as the experts of a mixture: in a column these stand in their order.
    """

    width: float
    up: float
    down: float
    pinned: bool = False
    x: float = 0.0
    y: float = 0.0
    column: int = 0
    side: str = ""
    hint: float | None = None
    place: tuple[str, int] | None = None

    @property
    def extent(self) -> tuple[float, float]:
        """The heights that it covers."""
        return self.y - max(self.up, WIRE), self.y + max(self.down, WIRE)


class Tie(NamedTuple):
    """An edge between two members by their numbers, with the offsets of its ends below their anchors.

    Ties of one `source` share their wire as far as they go together.
    """

    tail: int
    head: int
    spine: bool = False
    tail_below: float = 0.0
    head_below: float = 0.0
    source: str = ""


def wire(column: int = 0, pinned: bool = False, side: str = "", hint: float | None = None) -> Member:
    """A wire in one column, or a port."""
    return Member(0.0, WIRE_SIZE, WIRE_SIZE, pinned, column=column, side=side, hint=hint)


def assign_columns(members: Sequence[Member], ties: Sequence[Tie]) -> None:
    """Longest path from the left; what hangs on leaves alone moves as far right as those that read it allow.

    Ports stand in columns of their own, left and right of all that the frame holds.
    """
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
    _ports_outside(members)


def _ports_outside(members: Sequence[Member]) -> None:
    inside = [member.column for member in members if not member.side]
    first, last = min(inside, default=0), max(inside, default=0)
    entered = any(member.side == "in" for member in members)
    for member in members:
        if member.side:
            member.column = 0 if member.side == "in" else last - first + 1 + entered
        else:
            member.column += entered - first


def routes_of(members: Sequence[Member], ties: Sequence[Tie]) -> tuple[list[list[Member]], list[Member]]:
    """For each tie its ends with a wire in every column between, and all wires; ties of one source share theirs."""
    wires: dict[tuple[int, str | int, int], Member] = {}
    routes = []
    for number, tie in enumerate(ties):
        tail, head = members[tie.tail], members[tie.head]
        route = [tail]
        for column in range(tail.column + 1, head.column):
            passed = wires.setdefault((tie.tail, tie.source or number, column), wire(column))
            passed.pinned |= tie.spine
            route.append(passed)
        routes.append([*route, head])
    return routes, list(wires.values())
