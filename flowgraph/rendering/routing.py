"""The routes of links: pieces of wires through the levels that they pass, and their ends at tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from flowgraph.rendering.channels import STEEP, Trunk, channels, climbs_of
from flowgraph.rendering.layering import LANE, TURN, Turn
from flowgraph.rendering.nesting import FRAME, PORTS, Nesting, Wire, way
from flowgraph.rendering.picture import Link, Picture
from flowgraph.rendering.placement import Layout, Place, Placed, Point

APART = 10.0
"""Pixels between two arrowheads at one tile, as wide as one."""

_SAME = 0.05
"""Pixels that nobody sees."""


def routes(
    picture: Picture, nesting: Nesting, placed: Mapping[str, Placed], tiles: Mapping[str, Place]
) -> list[tuple[Link, list[Point]]]:
    """The route of every link but those between an inline leaf and its host, once all has its place."""
    pieces = {path: _pieces(one, tiles) for path, one in placed.items()}
    hosted = nesting.hosted
    found = []
    for link in picture.links:
        if hosted.get(link.tail) != link.head:
            tail, head = (nesting.chain(hosted.get(end, end)) for end in (link.tail, link.head))
            points = [point for path, wire in way(link.tail, tail, head) for point in pieces[path][wire]]
            found.append((link, _once(points)))
    _spread(found, {tile: at.height for tile, at in tiles.items()})
    return found


def _once(points: list[Point]) -> list[Point]:
    """Without those that repeat the one before."""
    return [one for place, one in enumerate(points) if not place or math.dist(one, points[place - 1]) > _SAME]


def _pieces(placed: Placed, tiles: Mapping[str, Place]) -> dict[Wire, list[Point]]:
    """The points of the wires of a level: through each column at one height, with a bend between two columns."""
    (x, y), arrangement = placed.origin, placed.arrangement
    channel = _channels(placed)
    after, before = arrangement.inset
    found = {}
    for wire, tie, route in zip(placed.level.wires, placed.ties, arrangement.routes, strict=True):
        source, tail, head = wire
        (left, width), end = _sides(placed, tail, source, tiles), _sides(placed, head, head, tiles)
        points = [(left + width, y + route[0].y + tie.tail_below)]
        last = y + route[-1].y + tie.head_below
        for one, other in pairwise(route):
            far = x + arrangement.edges[one.column][1] + after, points[-1][1]
            near = x + arrangement.edges[other.column][0] - before, last if other is route[-1] else y + other.y
            points.append(far)
            if arrangement.line_of[one.column] != arrangement.line_of[other.column]:
                points += _turning(placed, (id(one), id(other), source), far, near)
            elif (id(one), source) in channel and abs(near[1] - far[1]) > STEEP * (near[0] - far[0]):
                points += [(x + channel[id(one), source], height) for height in (far[1], near[1])]
            points.append(near)
        found[wire] = [*points, (end[0], last)]
    return found


def _channels(placed: Placed) -> dict[Trunk, float]:
    """Where the steep wires climb that would run beside another as one line."""
    edges, line_of = placed.arrangement.edges, placed.arrangement.line_of
    after, before = placed.arrangement.inset
    found: dict[Trunk, float] = {}
    for column, climbs in climbs_of(placed.ties, placed.arrangement.routes).items():
        if line_of[column] == line_of[column + 1]:
            left = edges[column][1] + after
            width = edges[column + 1][0] - before - left
            lanes = channels(climbs, width)
            apart = width / (1 + max(lanes.values(), default=0))
            found |= {trunk: left + (lane + 0.5) * apart for trunk, lane in lanes.items()}
    return found


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


def _spread(routes: list[tuple[Link, list[Point]]], heights: Mapping[str, float]) -> None:
    """Move the ends of the routes that arrive at one tile apart, in place; a link of the spine stays in the middle."""
    arriving: dict[str, list[tuple[Link, list[Point]]]] = {}
    for link, points in routes:
        arriving.setdefault(link.head, []).append((link, points))
    for head, found in arriving.items():
        if len(found) > 1:
            found.sort(key=lambda route: _comes_from(route[1]))
            _spread_ends(found, heights[head])


def _comes_from(points: list[Point]) -> float:
    """The height at which a route was before it turned to its end."""
    end = points[-1][1]
    return round(next((y for _, y in reversed(points) if abs(y - end) > _SAME), end), 1)


def _spread_ends(found: list[tuple[Link, list[Point]]], height: float) -> None:
    spine = next((i for i, (link, _) in enumerate(found) if link.spine), None)
    middle = (len(found) - 1) / 2 if spine is None else spine
    step = min(APART, (height / 2 - 8) / max(middle, len(found) - 1 - middle))
    for i, (_, points) in enumerate(found):
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
    """The routes of links between a leaf and the host above or below which it stands."""
    routed = {(link.tail, link.head) for link, _ in layout.routes}
    return [
        (link, straight(layout.tiles[link.tail], layout.tiles[link.head]))
        for link in picture.links
        if (link.tail, link.head) not in routed
    ]


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
