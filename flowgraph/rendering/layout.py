"""The built-in layout: a place for every tile and frame of a picture, and a route for every link; without recursion."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from flowgraph.rendering.inline_leaves import InlineLeaves
from flowgraph.rendering.layering import GAP, Arrangement, Member, Tie, arrange
from flowgraph.rendering.measure import tile_size
from flowgraph.rendering.metrics import text_width
from flowgraph.rendering.nesting import Level, Nesting, nest
from flowgraph.rendering.picture import Link, Picture
from flowgraph.rendering.ports import spread

MARGIN = 10.0
"""Around what a frame holds."""

TITLE = 20.0
"""For the title of a frame."""

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
    """The positions of all tiles; a route is a list of points, and `turns` are edges that continue on the next line."""

    width: float = 0.0
    height: float = 0.0
    folded: bool = False
    tiles: dict[str, Place] = field(default_factory=dict)
    frames: dict[str, Place] = field(default_factory=dict)
    routes: list[tuple[Link, list[Point]]] = field(default_factory=list)


def place(picture: Picture) -> Layout:
    """The layout of a picture, its upper left corner at (0, 0)."""
    return Placer(picture).layout()


class Placer:
    """Lays out a picture that flows to the right; one that flows down is transposed before and after.

    `sizes` has the turned sizes of the tiles, `arranged` for each level its members and their arrangement.
    """

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.gap = GAP + 10 if any(link.flow == "both" for link in picture.links) else GAP
        self.turned = picture.direction == "down"
        self.nesting: Nesting = nest(picture)
        self.frames = {frame.path: frame for frame in picture.frames}
        self.sizes = {tile.id: self._turn(tile_size(tile)) for tile in picture.tiles}
        self.spine = {end for link in picture.links if link.spine for end in (link.tail, link.head)}
        self.arranged: dict[str, tuple[Level, Arrangement, dict[str, Member]]] = {}
        self.result = Layout()

    def layout(self) -> Layout:
        """Places, sizes and routes of all that the picture has."""
        for path, level in self.nesting.levels.items():
            self._arrange(path, level)
        whole = self.arranged[""][1]
        origins = {"": (0.0, whole.up)}
        for path in reversed(self.nesting.levels):
            self._settle(path, origins)
        for path in self.nesting.levels:
            self._edge_routes(path, origins[path])
        spread(self.result.routes, {tile: at.height for tile, at in self.result.tiles.items()})
        self.result.width, self.result.height = self._turn((whole.width, whole.up + whole.down))
        if self.turned:
            self._turn_back()
        return self.result

    def turns(self) -> frozenset[tuple[str, str]]:
        """Tail and head of the edges from one line of a wrapped level to another, after the layout."""
        found: set[tuple[str, str]] = set()
        for level, arrangement, members in self.arranged.values():
            line = {name: arrangement.line_of[member.column] for name, member in members.items()}
            for (tail, head), links in level.links.items():
                if line[tail] != line[head]:
                    found.update((link.tail, link.head) for link in links)
        return frozenset(found)

    def _turn(self, pair: tuple[float, float]) -> tuple[float, float]:
        return pair[::-1] if self.turned else pair

    def _arrange(self, path: str, level: Level) -> None:
        """Place the members of a level relative to its spine."""
        members = {name: self._member(name) for name in level.members}
        index = {name: i for i, name in enumerate(members)}
        ties = []
        for (tail, head), links in level.links.items():
            below = self._below(tail, links[0].tail), self._below(head, links[0].head)
            ties.append(Tie(index[tail], index[head], any(link.spine for link in links), *below))
        steps = [index[name] for name in self.picture.steps if name in index] if not path else []
        arrangement = arrange(list(members.values()), ties, self.picture.wrap, steps)
        self.result.folded |= arrangement.folded
        self.arranged[path] = level, arrangement, members

    def _member(self, name: str) -> Member:
        """A tile with its inline leaves above and below, or a frame with all that it holds."""
        if name.startswith("frame "):
            path = name.removeprefix("frame ")
            _, inside, members = self.arranged[path]
            lead, above = (TITLE, 0.0) if self.turned else (0.0, TITLE)
            pinned = any(member.pinned for member in members.values())
            width = max(inside.width + lead, 0.0 if self.turned else self.title_width(path)) + 2 * MARGIN
            return Member(width, inside.up + MARGIN + above, inside.down + MARGIN, pinned)
        width, height = self.sizes[name]
        up = down = height / 2
        inline_leaves = self.nesting.inline_leaves.get(name, InlineLeaves())
        width = max([width, *(self.sizes[leaf][0] for leaf in inline_leaves.all)])
        up += self.sizes[inline_leaves.above][1] + self.gap if inline_leaves.above else 0
        down += self.sizes[inline_leaves.below][1] + self.gap if inline_leaves.below else 0
        return Member(width, up, down, name in self.spine)

    def _below(self, name: str, end: str) -> float:
        """The offset of a tile below the anchor of its member."""
        inline_leaves = self.nesting.inline_leaves.get(name, InlineLeaves())
        if end in inline_leaves.all:
            reach = (self.sizes[name][1] + self.sizes[end][1]) / 2 + self.gap
            return -reach if end == inline_leaves.above else reach
        below = 0.0
        for member in self.nesting.chain(end)[::-1]:
            if member == name:
                break
            around = self.nesting.frame[member] if member in self.nesting.frame else self._around(member)
            inside = self.arranged[around][2].get(member)
            below += inside.y if inside is not None else 0.0
        return below

    def _around(self, member: str) -> str:
        return self.nesting.parent[member.removeprefix("frame ")]

    def title_width(self, path: str) -> float:
        """The room that the title of a frame needs."""
        frame = self.frames[path]
        return text_width(f"{frame.title}   {frame.note}", 10, bold=True) + 6

    def _settle(self, path: str, origins: dict[str, Point]) -> None:
        """Turn relative places into places in the picture; outer levels come first."""
        x, y = origins[path]
        _, _, members = self.arranged[path]
        for name, member in members.items():
            left, anchor = x + member.x, y + member.y
            if name.startswith("frame "):
                inner = name.removeprefix("frame ")
                lead = TITLE if self.turned else 0.0
                origins[inner] = (left + MARGIN + lead, anchor)
                self.result.frames[inner] = Place(left, anchor - member.up, member.width, member.up + member.down)
            else:
                self._seat(name, member, left + member.width / 2, anchor)

    def _seat(self, name: str, member: Member, centre: float, anchor: float) -> None:
        width, height = self.sizes[name]
        self.result.tiles[name] = Place(centre - width / 2, anchor - height / 2, width, height)
        inline_leaves = self.nesting.inline_leaves.get(name, InlineLeaves())
        for leaf in inline_leaves.all:
            wide, high = self.sizes[leaf]
            reach = height / 2 + self.gap
            top = anchor - reach - high if leaf == inline_leaves.above else anchor + reach
            self.result.tiles[leaf] = Place(centre - wide / 2, top, wide, high)

    def _edge_routes(self, path: str, origin: Point) -> None:
        """The routes of the links that a level holds, and of those from its inline leaves to their hosts."""
        level, arrangement, _ = self.arranged[path]
        for (_, links), route in zip(level.links.items(), arrangement.routes, strict=True):
            for link in links:
                self.result.routes.append((link, self._route(link, arrangement, route, origin)))

    def _route(self, link: Link, arrangement: Arrangement, route: list[Member], origin: Point) -> list[Point]:
        tail, head = self.result.tiles[link.tail], self.result.tiles[link.head]
        points = [(tail.x + tail.width, tail.y + tail.height / 2)]
        for left, right in pairwise(route):
            edge = origin[0] + arrangement.edges[left.column][1]
            height = points[-1][1] if left is route[0] else origin[1] + left.y
            if edge > points[-1][0] + 1:
                points.append((edge, height))
            if arrangement.line_of[left.column] != arrangement.line_of[right.column]:
                points += self._turning(arrangement, left, right, points[-1], origin)
            if right is not route[-1]:
                points.append((origin[0] + arrangement.edges[right.column][0], origin[1] + right.y))
        return [*points, (head.x, head.y + head.height / 2)]

    def _turning(
        self, arrangement: Arrangement, left: Member, right: Member, start: Point, origin: Point
    ) -> list[Point]:
        """From the end of a line down, back under it, and to the beginning of the next."""
        line = arrangement.line_of[left.column]
        lane = arrangement.turns.get(line, 0)
        arrangement.turns[line] = lane + 1
        gutter = origin[1] + arrangement.lines[line][1] + 16 + 4 * (lane % 6)
        x = origin[0] + arrangement.edges[right.column][0]
        far, near = start[0] + 10 + 3 * (lane % 6), x - 10 - 3 * (lane % 6)
        return [(far, start[1]), (far, gutter), (near, gutter), (near, origin[1] + right.y)]

    def _turn_back(self) -> None:
        result = self.result
        for places in (result.tiles, result.frames):
            for name, at in places.items():
                places[name] = Place(at.y, at.x, at.height, at.width)
        result.routes = [(link, [(y, x) for x, y in points]) for link, points in result.routes]


def placed_links(picture: Picture, layout: Layout) -> list[tuple[Link, list[Point]]]:
    """The routes of links between a leaf and the host above or below which it stands."""
    routed = {(link.tail, link.head) for link, _ in layout.routes}
    found = []
    for link in picture.links:
        if (link.tail, link.head) not in routed:
            tail, head = layout.tiles[link.tail], layout.tiles[link.head]
            found.append((link, _straight(tail, head)))
    return found


def _straight(tail: Place, head: Place) -> list[Point]:
    """The short route between two tiles that are above or beside each other."""
    middle = (tail.x + tail.width / 2, tail.y + tail.height / 2)
    if tail.y + tail.height <= head.y:
        return [(middle[0], tail.y + tail.height), (middle[0], head.y)]
    if head.y + head.height <= tail.y:
        return [(middle[0], tail.y), (middle[0], head.y + head.height)]
    if tail.x < head.x:
        return [(tail.x + tail.width, middle[1]), (head.x, middle[1])]
    return [(tail.x, middle[1]), (head.x + head.width, middle[1])]
