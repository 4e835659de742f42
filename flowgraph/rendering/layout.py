"""The built-in layout: a place for every tile and frame of a picture, and a route for every link; without recursion."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flowgraph.rendering.columns import GAP, Member, Tie, wire
from flowgraph.rendering.layering import Folding, Layout, Place, Placed, arrange
from flowgraph.rendering.measure import text_width, tile_size
from flowgraph.rendering.nesting import FRAME, PORTS, InlineLeaves, Level, Nesting, frame_of, nest
from flowgraph.rendering.picture import Picture, Tile
from flowgraph.rendering.routing import ARROW_ROOM, routes

MARGIN = 10.0
"""Around what a frame holds."""

TITLE = 20.0
"""For the title of a frame."""

TITLE_INSET = 10.0
"""Between the border of a frame and its title."""

TITLE_CLEAR = 6.0
"""Between the title of a frame that flows down and a wire that enters it."""

STACK = 5.0
"""How far the tile of a module stands out behind itself, to the right and above."""

BESIDE = 22.0
"""Pixels of the arrow of a loop beside a tile that flows down, up to what it carries."""

LOOP = 31.0
"""For the arrow that leads from the end of a tile to its beginning, and what it carries."""


def place(picture: Picture) -> Layout:
    """The layout of a picture, its upper left corner at (0, 0)."""
    return Placer(picture).layout()


class Placer:
    """Lays out a picture that flows to the right; one that flows down is transposed before and after.

    `sizes` has the turned sizes of the tiles, `placed` the levels.
    """

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.gap = GAP + 10 if any(link.flow == "both" for link in picture.links) else GAP
        self.turned = picture.direction == "down"
        self.nesting: Nesting = nest(picture)
        self.frames = {frame.path: frame for frame in picture.frames}
        self.tiles = {tile.id: tile for tile in picture.tiles}
        self.sizes = {tile.id: self._turn(tile_size(tile)) for tile in picture.tiles}
        self.spine = {end for link in picture.links if link.spine for end in (link.tail, link.head)}
        flows = {link.flow for link in picture.links}
        self.inset = (ARROW_ROOM * bool(flows & {"bprop", "both"}), ARROW_ROOM * bool(flows & {"fprop", "both"}))
        self.placed: dict[str, Placed] = {}
        self.hints: dict[tuple[str, str], float] = {}
        self.titles: dict[str, float] = {}
        self.result = Layout()

    def layout(self) -> Layout:
        """Places, sizes and routes of all that the picture has.

        Levels are arranged from the inside out, twice: the second time it is known where wires go on outside.
        """
        self._arrange_all()
        if self.nesting.parent:
            self._hint()
            self._arrange_all()
        whole = self.placed[""]
        whole.origin = (0.0, whole.arrangement.up)
        for path in reversed(self.nesting.levels):
            self._settle(self.placed[path])
        result = self.result
        result.folded = any(placed.arrangement.folded for placed in self.placed.values())
        result.routes = routes(self.picture, self.nesting, self.placed, result.tiles)
        result.width, result.height = self._turn(
            (whole.arrangement.width, whole.arrangement.up + whole.arrangement.down)
        )
        if self.turned:
            self._turn_back()
        return result

    def turns(self) -> frozenset[tuple[str, str]]:
        """Tail and head of the edges from one line of a wrapped level to another, after the layout."""
        turning: set[tuple[str, str]] = set()
        for placed in self.placed.values():
            line = {name: placed.arrangement.line_of[member.column] for name, member in placed.members.items()}
            for (_, tail, head), links in placed.level.wires.items():
                if line[tail] != line[head]:
                    turning.update((link.tail, link.head) for link in links)
        return frozenset(turning)

    def _below(self, name: str, source: str, side: str) -> float:
        """How far below the anchor of a member the wire of a source leaves it ("out") or reaches it ("in")."""
        if name.startswith(FRAME):
            return self.placed[frame_of(name)].members[f"{side} {source}"].y
        inline_leaves = self.nesting.inline_leaves.get(name, InlineLeaves())
        if side == "out" and source in inline_leaves.all:
            reach = (self.sizes[name][1] + self.sizes[source][1]) / 2 + self.gap
            return -reach if source == inline_leaves.above else reach
        return 0.0

    def title_width(self, path: str) -> float:
        """The room that the title of a frame needs."""
        frame = self.frames[path]
        return text_width(f"{frame.title}   {frame.note}", 10, bold=True) + 6

    def _turn(self, pair: tuple[float, float]) -> tuple[float, float]:
        return pair[::-1] if self.turned else pair

    def _arrange_all(self) -> None:
        for path, level in self.nesting.levels.items():
            self.placed[path] = self._arrange(level)

    def _arrange(self, level: Level) -> Placed:
        """Place the members of a level relative to its spine."""
        members = {name: self._member(name) for name in level.members}
        members |= {name: self._port(level.path, name, spine) for name, spine in level.ports.items()}
        index = {name: i for i, name in enumerate(members)}
        ties = []
        for (source, tail, head), links in level.wires.items():
            below = self._below(tail, source, "out"), self._below(head, source, "in")
            ties.append(Tie(index[tail], index[head], any(link.spine for link in links), *below, source))
        steps = [index[name] for name in self.picture.steps if name in index]
        breaks = [index[name] for name in self.picture.breaks if name in index]
        folding = Folding(self.picture.wrap, room=self._room(level.path), framed=bool(level.path))
        arrangement = arrange(list(members.values()), ties, folding, steps, self.inset, breaks)
        return Placed(level, arrangement, members, ties)

    def _room(self, path: str) -> float | None:
        """How wide a level may be: less in each frame than around it."""
        room = self.picture.room
        if room is None:
            return None
        while path:
            room -= 2 * MARGIN + (TITLE if self.turned else 0.0)
            path = self.nesting.parent[path]
        return room

    def _port(self, path: str, name: str, spine: bool) -> Member:
        return wire(pinned=spine, side=name.split()[0], hint=None if spine else self.hints.get((path, name)))

    def _hint(self) -> None:
        """Note for each port at which height below its frame's anchor its wire goes on outside."""
        heights_of: dict[tuple[str, str], list[float]] = {}
        for placed in self.placed.values():
            line_of = placed.arrangement.line_of
            routed = zip(placed.level.wires, placed.ties, placed.arrangement.routes, strict=True)
            for (source, tail, head), tie, route in routed:
                direct = len(route) == 2
                ends = (tail, "out", route[1], tie.head_below), (head, "in", route[-2], tie.tail_below)
                for name, side, near, below in ends:
                    frame = placed.members[name]
                    if name.startswith(FRAME) and line_of[near.column] == line_of[frame.column]:
                        port = frame_of(name), f"{side} {source}"
                        heights_of.setdefault(port, []).append(near.y + (below if direct else 0.0) - frame.y)
        self.hints = {port: sum(heights) / len(heights) for port, heights in heights_of.items()}

    def _member(self, name: str) -> Member:
        """A tile with its inline leaves above and below, or a frame with all that it holds."""
        if name.startswith(FRAME):
            path = frame_of(name)
            inside, members = self.placed[path].arrangement, self.placed[path].members
            lead, above = (TITLE, 0.0) if self.turned else (0.0, TITLE)
            pinned = any(member.pinned for member in members.values())
            width = max(inside.width + lead, 0.0 if self.turned else self.title_width(path)) + 2 * MARGIN
            up, down = inside.up + MARGIN + above, inside.down + MARGIN
            if self.turned:
                wires = sorted(member.y for member in members.values() if member.side == "in")
                up, down, self.titles[path] = title_room(wires, up, down, self.title_width(path))
            return Member(width, up, down, pinned, place=counted_place(path))
        width, height = self.sizes[name]
        up = down = height / 2
        above, below = loop_room(self.tiles[name], self.turned)
        up, down = up + above, down + below
        inline_leaves = self.nesting.inline_leaves.get(name, InlineLeaves())
        width = max([width, *(self.sizes[leaf][0] for leaf in inline_leaves.all)])
        up += self.sizes[inline_leaves.above][1] + self.gap if inline_leaves.above else 0
        down += self.sizes[inline_leaves.below][1] + self.gap if inline_leaves.below else 0
        return Member(width, up, down, name in self.spine, place=counted_place(name.removesuffix("@")))

    def _settle(self, placed: Placed) -> None:
        """Turn relative places into places in the picture; outer levels come first."""
        x, y = placed.origin
        for name, member in placed.members.items():
            left, anchor = x + member.x, y + member.y
            if name.startswith(FRAME):
                path = frame_of(name)
                self.placed[path].origin = (left + MARGIN + (TITLE if self.turned else 0.0), anchor)
                self.result.frames[path] = Place(left, anchor - member.up, member.width, member.up + member.down)
                self.result.titles[path] = anchor + self.titles[path] if self.turned else left + TITLE_INSET
            elif not name.startswith(PORTS):
                self._seat(name, left + member.width / 2, anchor)

    def _seat(self, name: str, centre: float, anchor: float) -> None:
        width, height = self.sizes[name]
        self.result.tiles[name] = Place(centre - width / 2, anchor - height / 2, width, height)
        inline_leaves = self.nesting.inline_leaves.get(name, InlineLeaves())
        for leaf in inline_leaves.all:
            wide, high = self.sizes[leaf]
            reach = height / 2 + self.gap
            top = anchor - reach - high if leaf == inline_leaves.above else anchor + reach
            self.result.tiles[leaf] = Place(centre - wide / 2, top, wide, high)

    def _turn_back(self) -> None:
        result = self.result
        for places in (result.tiles, result.frames):
            for name, at in places.items():
                places[name] = Place(at.y, at.x, at.height, at.width)
        result.routes = [(link, [(y, x) for x, y in points]) for link, points in result.routes]


def title_room(wires: Sequence[float], up: float, down: float, width: float) -> tuple[float, float, float]:
    """How far a frame that flows down reaches to both sides of its anchor, and where its title of a width begins.

    The title stands between the wires that enter there. Where it has no room, the frame is wider on the side where less
    is missing.
    """
    starts = [TITLE_INSET - up, *(wire + TITLE_CLEAR for wire in wires)]
    ends = [*(wire - TITLE_CLEAR for wire in wires), down - TITLE_CLEAR]
    missing = [width - (end - start) for start, end in zip(starts, ends, strict=True)]
    fitting = next((start for start, lacks in zip(starts, missing, strict=True) if lacks <= 0), None)
    if fitting is not None:
        return up, down, fitting
    if missing[0] < missing[-1]:
        return up + missing[0], down, starts[0] - missing[0]
    return up, down + missing[-1], starts[-1]


_COUNTED = re.compile(r"(.*?)(\d+)")


def counted_place(path: str) -> tuple[str, int] | None:
    """The name and the number of a module that is one of several: "experts/" and 2 of "experts/2"."""
    match = _COUNTED.fullmatch(path)
    return None if match is None else (match[1], int(match[2]))


def loop_room(tile: Tile, turned: bool) -> tuple[float, float]:
    """What the arrow of a loop needs above and below a tile that flows to the right, or down, where it is turned."""
    if not tile.carried:
        return 0.0, 0.0
    return (0.0, BESIDE + text_width(tile.carried, 10)) if turned else (LOOP, 0.0)


def turns(picture: Picture) -> frozenset[tuple[str, str]]:
    """The links that dot must not draw in one line with the others, so that its picture is folded as well."""
    placer = Placer(picture)
    return placer.turns() if placer.layout().folded else frozenset()
