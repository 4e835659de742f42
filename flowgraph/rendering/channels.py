"""Steep wires between two columns: a channel of its own for each that would run beside another as one line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flowgraph.rendering.columns import WIRE, Member, Tie

CHANNEL = 5.0
"""Pixels between two channels."""

STEEP = 1.2
"""Height to width of the flattest curve that can run side by side with another for long."""

NEAR = 2.0
"""Pixels between two curves that look like one."""

LONG = 20.0
"""Pixels that they may do so, where they cross."""

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

    def runs_beside(self, other: _Steep, width: float) -> bool:
        """Whether two of their curves would look like one line for long.

        The vertical distance of two curves goes from that of their starts to that of their ends, as they climb; what
        is seen is its share across the slope, which is 3/2 of height to width in the middle.
        """
        if not self.meets(other):
            return False
        start = self.start - other.start
        for end, there in itertools.product(self.ends, other.ends):
            height = (abs(end - self.start) + abs(there - other.start)) / 2
            flat = 1 / math.hypot(1, 1.5 * height / width)
            least = min(abs(start), abs(end - there)) if start * (end - there) > 0 else 0.0
            seen = 2 * NEAR * math.hypot(height, width) / (flat * max(abs(start - end + there), NEAR))
            if least * flat < NEAR and (seen > LONG or least):
                return True
        return False


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
    crowded = [wire for wire in steep if any(wire.runs_beside(other, width) for other in steep if other is not wire)]
    for wire in crowded:  # a curve that meets a channel would run along it
        crowded += [other for other in steep if wire.meets(other) and other not in crowded]
    crowded.sort(key=lambda wire: (wire.falls, -wire.start if wire.falls else wire.start))
    lanes: dict[Trunk, int] = {}
    for wire, left, beside in _from_the_left(crowded):
        taken = {lanes[other.trunk] for other in beside if other.trunk in lanes}
        first = 1 + max((lanes[other.trunk] for other in left if other.trunk in lanes), default=-1)
        lanes[wire.trunk] = next(lane for lane in itertools.count(first) if lane not in taken)
    return lanes


def _from_the_left(crowded: list[_Steep]) -> Iterator[tuple[_Steep, list[_Steep], list[_Steep]]]:
    """Trunks, each after those that have to climb on the left of it, with these and with all that it meets.

    Two that change places have to be left of each other: they are taken as they come, in channels side by side.
    """
    beside = {wire.trunk: [other for other in crowded if other is not wire and wire.meets(other)] for wire in crowded}
    left = {wire.trunk: [other for other in beside[wire.trunk] if other.is_left_of(wire)] for wire in crowded}
    waiting = {wire.trunk: wire for wire in crowded}
    while waiting:
        free = (wire for wire in waiting.values() if not any(other.trunk in waiting for other in left[wire.trunk]))
        chosen = waiting.pop(next(free, next(iter(waiting.values()))).trunk)
        yield chosen, left[chosen.trunk], beside[chosen.trunk]


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
