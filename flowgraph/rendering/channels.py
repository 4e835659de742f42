"""Steep wires between two columns: a channel of its own for each that meets another, so that none run as one line."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from flowgraph.rendering.columns import WIRE, Member, Tie

CHANNEL = 5.0
"""Pixels between two channels."""

STEEP = 1.2
"""Height to width of the flattest curve that can run side by side with another for long."""

Trunk = tuple[int, str]
"""What wires of one source have in common as they leave a member: its `id`, and the source."""


class Climb(NamedTuple):
    """A piece of a wire between two columns, by its trunk, and the heights of its ends."""

    trunk: Trunk
    start: float
    end: float


class _Steep(NamedTuple):
    """A trunk with its steep pieces: where it starts and where they end."""

    trunk: Trunk
    start: float
    ends: tuple[float, ...]

    @property
    def reach(self) -> tuple[float, float]:
        return min(self.start, *self.ends), max(self.start, *self.ends)

    @property
    def falls(self) -> bool:
        top, bottom = self.reach
        return bottom - self.start > self.start - top

    def meets(self, other: _Steep) -> bool:
        (top, bottom), (upper, lower) = self.reach, other.reach
        return top < lower + 2 * WIRE and upper < bottom + 2 * WIRE

    def is_left_of(self, other: _Steep) -> bool:
        """Whether they cross less, or share less of a line, if this one climbs on the left."""
        if any(abs(self.start - end) < WIRE for end in other.ends):
            return True
        if self.falls != other.falls or any(abs(other.start - end) < WIRE for end in self.ends):
            return False
        return self.start > other.start if self.falls else self.start < other.start

    def fits(self, lane: int, other: _Steep, taken: int) -> bool:
        """Whether it may climb in a lane beside another one; of two that change places each wants to be on the left."""
        if self.is_left_of(other):
            return lane < taken
        return lane > taken if other.is_left_of(self) else lane != taken


def climbs_of(ties: Sequence[Tie], routes: Sequence[Sequence[Member]]) -> Mapping[int, list[Climb]]:
    """The pieces of all wires by the column in which they start."""
    by_column: dict[int, list[Climb]] = {}
    for tie, route in zip(ties, routes, strict=True):
        for left, right in itertools.pairwise(route):
            start = left.y + (tie.tail_below if left is route[0] else 0.0)
            end = right.y + (tie.head_below if right is route[-1] else 0.0)
            by_column.setdefault(left.column, []).append(Climb((id(left), tie.source), start, end))
    return by_column


def channels(climbs: Iterable[Climb], width: float) -> dict[Trunk, int]:
    """The channels, counted from the left, of the steep trunks in a room of that width that would run side by side."""
    steep = _steep(climbs, width)
    crowded = [wire for wire in steep if any(wire.meets(other) for other in steep if other is not wire)]
    crowded.sort(key=lambda wire: (wire.falls, -wire.start if wire.falls else wire.start))
    lanes: dict[_Steep, int] = {}
    for wire in crowded:
        beside = [(other, lane) for other, lane in lanes.items() if wire.meets(other)]
        count = 1 + max(lanes.values(), default=-1)
        free = (lane for lane in range(count) if all(wire.fits(lane, other, taken) for other, taken in beside))
        lanes[wire] = next(free, count)
    return {wire.trunk: lane for wire, lane in lanes.items()}


def _steep(climbs: Iterable[Climb], width: float) -> list[_Steep]:
    by_trunk: dict[Trunk, _Steep] = {}
    for trunk, start, end in climbs:
        if abs(end - start) > STEEP * width:
            known = by_trunk.get(trunk, _Steep(trunk, start, ()))
            by_trunk[trunk] = known._replace(ends=(*known.ends, end))
    return list(by_trunk.values())


def room_for(climbs: Iterable[Climb], width: float) -> float:
    """The width that the room needs for its channels."""
    lanes = channels(climbs, width)
    return max(width, CHANNEL * (1 + max(lanes.values()))) if lanes else width
