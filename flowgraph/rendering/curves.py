"""Edges as curves: they leave and reach tiles along the flow, with smooth bends in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]

ARROW = (8.0, 3.2)
"""Length and half the breadth of an arrow."""

ARROW_ROOM = ARROW[0] - 1
"""Pixels before a tip at which its line stops, inside the arrow."""


CORNER = 6.0
"""Pixels before a corner at which the line begins to round it."""

STRAIGHT = 0.5
"""Pixels that a straight line may be off."""


def curve(points: Sequence[Point], along_x: bool) -> str:
    """A path through the points: straight between two at equal height, with round corners, else an S along the flow."""
    x, y = points[0]
    pieces = [f"M{x:.1f} {y:.1f}"]
    for place, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        if _is_straight((x1, y1), (x2, y2)):
            pieces.append(_to_corner(*points[place : place + 3]))
        elif along_x:
            middle = (x1 + x2) / 2
            pieces.append(f"C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}")
        else:
            middle = (y1 + y2) / 2
            pieces.append(f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")
    return "".join(pieces)


def _is_straight(start: Point, end: Point) -> bool:
    return min(abs(end[0] - start[0]), abs(end[1] - start[1])) < STRAIGHT


def _to_corner(start: Point, corner: Point, end: Point | None = None) -> str:
    """A straight line, which rounds its end where another leaves there at a right angle."""
    if end is None or not _is_straight(corner, end):
        return f"L{corner[0]:.1f} {corner[1]:.1f}"
    one, other = math.dist(start, corner), math.dist(corner, end)
    radius = min(CORNER, one / 2, other / 2)
    (ax, ay), (bx, by) = _towards(corner, start, radius, one), _towards(corner, end, radius, other)
    if _is_straight((ax, ay), (bx, by)):
        return f"L{corner[0]:.1f} {corner[1]:.1f}"
    return f"L{ax:.1f} {ay:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {bx:.1f} {by:.1f}"


def _towards(start: Point, end: Point, way: float, length: float) -> Point:
    share = way / length if length else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def arrow(before: Point, tip: Point, along_x: bool) -> str:
    """The corners of an arrow whose tip is there; it points along an axis, as the curve arrives."""
    length, breadth = ARROW
    dx, dy = _axis(before, tip, along_x)
    x, y = tip[0] - dx * length, tip[1] - dy * length
    corners = (tip, (x - dy * breadth, y + dx * breadth), (x + dy * breadth, y - dx * breadth))
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)


def shortened(points: Sequence[Point], at_start: bool, at_end: bool, along_x: bool) -> list[Point]:
    """The points, with the ends drawn back so that the line stops inside its arrows."""
    result = list(points)
    back = ARROW_ROOM
    if at_end:
        dx, dy = _axis(points[-2], points[-1], along_x)
        result[-1] = (points[-1][0] - dx * back, points[-1][1] - dy * back)
    if at_start:
        dx, dy = _axis(points[1], points[0], along_x)
        result[0] = (points[0][0] - dx * back, points[0][1] - dy * back)
    return result


def sideways(points: Sequence[Point], distance: float, along_x: bool) -> tuple[list[Point], list[Point]]:
    """Two copies of a way, a little to either side."""
    dx, dy = (0.0, distance) if along_x else (distance, 0.0)
    return [(x + dx, y + dy) for x, y in points], [(x - dx, y - dy) for x, y in points]


def _axis(start: Point, end: Point, along_x: bool) -> Point:
    """The direction from one point to another along the flow."""
    return (math.copysign(1.0, end[0] - start[0]), 0.0) if along_x else (0.0, math.copysign(1.0, end[1] - start[1]))
