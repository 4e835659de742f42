"""Where the parts of a picture stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flowgraph.rendering.columns import Member, Tie
from flowgraph.rendering.layering import Arrangement
from flowgraph.rendering.nesting import Level
from flowgraph.rendering.picture import Link

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
    """The positions of all tiles; a route is a list of points."""

    width: float = 0.0
    height: float = 0.0
    folded: bool = False
    tiles: dict[str, Place] = field(default_factory=dict)
    frames: dict[str, Place] = field(default_factory=dict)
    routes: list[tuple[Link, list[Point]]] = field(default_factory=list)


@dataclass
class Placed:
    """A level with its members by name and a tie for each wire, arranged, and where it stands in the picture."""

    level: Level
    arrangement: Arrangement
    members: dict[str, Member]
    ties: Sequence[Tie]
    origin: Point = (0.0, 0.0)
