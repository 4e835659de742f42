"""The routes of links: pieces of wires through the levels that they pass, and their ends at tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from flowgraph.rendering.channels import STEEP, Trunk, channels, climbs_of
from flowgraph.rendering.layering import LANE, TURN, Layout, Place, Placed, Point, Turn
from flowgraph.rendering.nesting import FRAME, PORTS, Nesting, Wire, way
from flowgraph.rendering.picture import Link, Picture

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
    before, other = math.dist(start, corner), math.dist(corner, end)
    radius = min(CORNER, before / 2, other / 2)
    (ax, ay), (bx, by) = _towards(corner, start, radius, before), _towards(corner, end, radius, other)
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


def shorten_line(points: Sequence[Point], at_start: bool, at_end: bool, along_x: bool) -> list[Point]:
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


APART = 10.0
"""Pixels between two arrowheads at one tile, as wide as one."""

_SAME = 0.05
"""Pixels that nobody sees."""


def routes(
    picture: Picture, nesting: Nesting, placed: Mapping[str, Placed], tiles: Mapping[str, Place]
) -> list[tuple[Link, list[Point]]]:
    """The route of every link but those between an inline leaf and its host, once all has its place."""
    pieces = {path: _pieces(level, tiles) for path, level in placed.items()}
    before = {path: _heights_before(level) for path, level in placed.items()}
    hosted = nesting.hosted
    routed, comes_from = [], []
    for link in picture.links:
        if hosted.get(link.tail) != link.head:
            tail, head = (nesting.chain(hosted.get(end, end)) for end in (link.tail, link.head))
            passed = way(link.tail, tail, head)
            points = [point for path, wire in passed for point in pieces[path][wire]]
            routed.append((link, _once(points)))
            path, wire = passed[-1]
            comes_from.append(before[path][wire])
    _spread(routed, comes_from, {tile: at.height for tile, at in tiles.items()})
    return routed


def _heights_before(placed: Placed) -> dict[Wire, float]:
    """The height of each wire of a level in the last column before its end."""
    wires = zip(placed.level.wires, placed.ties, placed.arrangement.routes, strict=True)
    return {
        wire: round(placed.origin[1] + route[-2].y + (tie.tail_below if len(route) == 2 else 0.0), 1)
        for wire, tie, route in wires
    }


def _once(points: list[Point]) -> list[Point]:
    """Without those that repeat the one before."""
    return [point for place, point in enumerate(points) if not place or math.dist(point, points[place - 1]) > _SAME]


def _pieces(placed: Placed, tiles: Mapping[str, Place]) -> dict[Wire, list[Point]]:
    """The points of the wires of a level: through each column at one height, with a bend between two columns."""
    (x, y), arrangement = placed.origin, placed.arrangement
    channel = _channels(placed)
    after, before = arrangement.inset
    points_of = {}
    for wire, tie, route in zip(placed.level.wires, placed.ties, arrangement.routes, strict=True):
        source, tail, head = wire
        (left, width), end = _sides(placed, tail, source, tiles), _sides(placed, head, head, tiles)
        points = [(left + width, y + route[0].y + tie.tail_below)]
        last = y + route[-1].y + tie.head_below
        for left_member, other in pairwise(route):
            far = x + arrangement.edges[left_member.column][1] + after, points[-1][1]
            near = x + arrangement.edges[other.column][0] - before, last if other is route[-1] else y + other.y
            points.append(far)
            if arrangement.line_of[left_member.column] != arrangement.line_of[other.column]:
                points += _turning(placed, (id(left_member), id(other), source), far, near)
            elif (id(left_member), source) in channel and abs(near[1] - far[1]) > STEEP * (near[0] - far[0]):
                points += [(x + channel[id(left_member), source], height) for height in (far[1], near[1])]
            points.append(near)
        points_of[wire] = [*points, (end[0], last)]
    return points_of


def _channels(placed: Placed) -> dict[Trunk, float]:
    """Where the steep wires climb that meet another."""
    edges, line_of = placed.arrangement.edges, placed.arrangement.line_of
    after, before = placed.arrangement.inset
    climbing: dict[Trunk, float] = {}
    for column, climbs in climbs_of(placed.ties, placed.arrangement.routes).items():
        if line_of[column] == line_of[column + 1]:
            left = edges[column][1] + after
            width = edges[column + 1][0] - before - left
            lanes = channels(climbs, width)
            apart = width / (1 + max(lanes.values(), default=0))
            climbing |= {trunk: left + (lane + 0.5) * apart for trunk, lane in lanes.items()}
    return climbing


def _sides(placed: Placed, name: str, tile: str, tiles: Mapping[str, Place]) -> tuple[float, float]:
    """The left side and the width of a member; for one with inline leaves those of the tile that a link is tied to."""
    if name.startswith((FRAME, *PORTS)):
        return placed.origin[0] + placed.members[name].x, placed.members[name].width
    return tiles[tile].x, tiles[tile].width


def _turning(placed: Placed, turn: Turn, far: Point, near: Point) -> list[Point]:
    """From the end of a line down, back under it, and to the beginning of the next, each wire in its own lane."""
    line, lanes = next((line, lanes) for line, lanes in enumerate(placed.arrangement.turns) if turn in lanes)
    outer = TURN + LANE * (len(lanes) - 1 - lanes[turn])
    gutter = placed.origin[1] + placed.arrangement.lines[line][1] + outer
    back = near[0] - TURN - LANE * lanes[turn]
    return [(far[0] + outer, far[1]), (far[0] + outer, gutter), (back, gutter), (back, near[1])]


def _spread(routes: list[tuple[Link, list[Point]]], comes_from: Sequence[float], heights: Mapping[str, float]) -> None:
    """Move the ends of the routes that arrive at one tile apart, in place; a link of the spine stays in the middle.

    They arrive in the order of their heights in the column before, so that none changes places with another there.
    """
    arriving: dict[str, list[int]] = {}
    for place, (link, _) in enumerate(routes):
        arriving.setdefault(link.head, []).append(place)
    for head, places in arriving.items():
        if len(places) > 1:
            _spread_ends([routes[i] for i in sorted(places, key=comes_from.__getitem__)], heights[head])


def _spread_ends(arrived: list[tuple[Link, list[Point]]], height: float) -> None:
    spine = next((i for i, (link, _) in enumerate(arrived) if link.spine), None)
    middle = (len(arrived) - 1) / 2 if spine is None else spine
    step = min(APART, (height / 2 - 8) / max(middle, len(arrived) - 1 - middle))
    for i, (_, points) in enumerate(arrived):
        first = len(points) - 1
        if _level(points, first):
            first -= 1
            if _level(points, first) and abs(points[first - 2][0] - points[first - 1][0]) < _SAME:
                first -= 1
        points[first:] = [(x, y + (i - middle) * step) for x, y in points[first:]]


def _level(points: list[Point], last: int) -> bool:
    """Whether a route comes straight to a point, which is not the second."""
    return last > 1 and abs(points[last - 1][1] - points[last][1]) < _SAME


def placed_links(picture: Picture, layout: Layout) -> list[tuple[Link, list[Point]]]:
    """The routes of links between a leaf and the host above or below which it stands; several are side by side."""
    routed = {(link.tail, link.head) for link, _ in layout.routes}
    joining: dict[tuple[str, str], list[Link]] = {}
    for link in picture.links:
        if (link.tail, link.head) not in routed:
            joining.setdefault((link.tail, link.head), []).append(link)
    down, found = picture.direction == "down", []
    for ends, links in joining.items():
        tail, head = (layout.tiles[end] for end in ends)
        room = min(tail.height, head.height) if down else min(tail.width, head.width)
        step = min(APART, (room - 16) / len(links))
        for place, link in enumerate(links):
            way, _ = sideways(straight(tail, head), (place - (len(links) - 1) / 2) * step, down)
            found.append((link, way))
    return found


def straight(tail: Place, head: Place) -> list[Point]:
    """The short route between two tiles that are above or beside each other."""
    middle = (tail.x + tail.width / 2, tail.y + tail.height / 2)
    if tail.y + tail.height <= head.y:
        return [(middle[0], tail.y + tail.height), (middle[0], head.y)]
    if head.y + head.height <= tail.y:
        return [(middle[0], tail.y), (middle[0], head.y + head.height)]
    if tail.x < head.x:
        return [(tail.x + tail.width, middle[1]), (head.x, middle[1])]
    return [(tail.x, middle[1]), (head.x + head.width, middle[1])]
