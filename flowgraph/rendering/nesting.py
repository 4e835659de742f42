"""Nested frames: for each frame its direct members, and the edges lifted to that level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from flowgraph.rendering.picture import Link, Picture

N = TypeVar("N")


@dataclass(frozen=True)
class InlineLeaves:
    """The leaf above a tile and the one below; "" where there is none."""

    above: str = ""
    below: str = ""

    @property
    def all(self) -> list[str]:
        """The leaves above and below, if there are any."""
        return [leaf for leaf in (self.above, self.below) if leaf]


def place_inline_leaves(
    picture: Picture, frame: Mapping[str, str], hosts: Mapping[str, str]
) -> dict[str, InlineLeaves]:
    """The two leaves that each tile has room for, of its own frame; one that others read too is drawn below.

    Over a tile with the arrow of a loop, or to the right of one that flows down, there is no room.
    """
    loops = {tile.id for tile in picture.tiles if tile.carried}
    read: dict[str, int] = {}
    for link in picture.links:
        read[link.tail] = read.get(link.tail, 0) + 1
    waiting: dict[str, list[str]] = {}
    for leaf, host in hosts.items():
        if frame[leaf] == frame[host]:
            waiting.setdefault(host, []).append(leaf)
    placed = {}
    for host, leaves in waiting.items():
        if host in loops:
            right = picture.direction == "right"
            placed[host] = InlineLeaves(below=leaves[0]) if right else InlineLeaves(above=leaves[0])
        elif len(leaves) == 1:
            placed[host] = InlineLeaves(below=leaves[0])
        else:
            above, below = sorted(leaves[:2], key=lambda leaf: read.get(leaf, 0))
            placed[host] = InlineLeaves(above, below)
    return placed


FRAME = "frame "
"""How the name of a frame begins as a member of a level; no tile has such a name."""

PORTS = ("in ", "out ")
"""How the names of ports begin: "in h" is the port at which what reads h enters a frame."""

Wire = tuple[str, str, str]
"""What links of one source have in common within a level: the source, and the two members that they join there."""


@dataclass
class Level:
    """The inside of a frame ("" is the whole picture): its members, tiles and frames alike, and the links there.

    A link is part of the innermost level that holds both of its ends, and of each whose border it passes on its way:
    there it joins a member to a port, of which each source has one.
    """

    path: str
    members: list[str] = field(default_factory=list)
    wires: dict[Wire, list[Link]] = field(default_factory=dict)

    @property
    def ports(self) -> dict[str, bool]:
        """The names of its ports, with whether the spine passes there."""
        ports: dict[str, bool] = {}
        for (_, *ends), links in self.wires.items():
            for end in ends:
                if end.startswith(PORTS):
                    ports[end] = ports.get(end, False) or any(link.spine for link in links)
        return ports


@dataclass
class Nesting:
    """The levels, inner before outer; `member[tile]` gives for each enclosing level the member that holds the tile."""

    levels: dict[str, Level]
    frame: dict[str, str]
    parent: dict[str, str]
    inline_leaves: dict[str, InlineLeaves]

    @property
    def hosted(self) -> dict[str, str]:
        """For each inline leaf the tile above or below which it stands."""
        return {leaf: host for host, leaves in self.inline_leaves.items() for leaf in leaves.all}

    def chain(self, tile: str) -> list[str]:
        """The frames around a tile, outermost first, then the tile."""
        chain = [tile]
        path = self.frame[tile]
        while path:
            chain.append(frame_member(path))
            path = self.parent[path]
        return chain[::-1]


def frame_member(path: str) -> str:
    """A frame as a member of a level."""
    return FRAME + path


def nest(picture: Picture) -> Nesting:
    """The levels of a picture; a leaf whose host is on a cycle stands alone."""
    parent = {frame.path: frame.parent for frame in picture.frames}
    frame = {tile.id: tile.frame for tile in picture.tiles}
    hosts = dict(picture.hosts)
    while True:
        nesting = _levels(picture, frame, parent, hosts)
        wires = [(level.members, [wire[1:] for wire in level.wires]) for level in nesting.levels.values()]
        tangled = {member for members, edges in wires for member in on_cycles(members, edges)}
        if not tangled:
            return nesting
        freed = [leaf for host in tangled if host in nesting.inline_leaves for leaf in nesting.inline_leaves[host].all]
        for leaf in freed:
            del hosts[leaf]
        if not freed:
            raise AssertionError("a flow graph whose scopes are drawn in parts has no cycle without inline leaves")


def _levels(picture: Picture, frame: dict[str, str], parent: dict[str, str], hosts: dict[str, str]) -> Nesting:
    inline_leaves = place_inline_leaves(picture, frame, hosts)
    inner_first = sorted(parent, key=lambda path: -_depth(path, parent))
    levels = {path: Level(path) for path in [*inner_first, ""]}
    nesting = Nesting(levels, frame, parent, inline_leaves)
    inlined = nesting.hosted
    for tile in picture.tiles:
        if tile.id not in inlined:
            levels[frame[tile.id]].members.append(tile.id)
    for path in parent:
        levels[parent[path]].members.append(frame_member(path))
    chains = {tile.id: nesting.chain(inlined.get(tile.id, tile.id)) for tile in picture.tiles}
    for link in picture.links:
        if inlined.get(link.tail) != link.head:
            _lift(link, chains, nesting)
    return nesting


def _depth(path: str, parent: dict[str, str]) -> int:
    depth = 0
    while path := parent[path] if path else "":
        depth += 1
    return depth


def _lift(link: Link, chains: dict[str, list[str]], nesting: Nesting) -> None:
    for path, wire in way(link.tail, chains[link.tail], chains[link.head]):
        nesting.levels[path].wires.setdefault(wire, []).append(link)


def way(source: str, tail: list[str], head: list[str]) -> list[tuple[str, Wire]]:
    """The levels through which a link leads, from its tail to its head, with its wire in each.

    `tail` and `head` are the members around both ends, as `Nesting.chain` gives them.
    """
    depth = next(place for place, (outer, other) in enumerate(zip(tail, head, strict=False)) if outer != other)
    out = [(frame_of(outer), (source, inner, f"out {source}")) for outer, inner in pairwise(tail[depth:])]
    common = frame_of(tail[depth - 1]) if depth else ""
    into = [(frame_of(outer), (source, f"in {source}", inner)) for outer, inner in pairwise(head[depth:])]
    return [*reversed(out), (common, (source, tail[depth], head[depth])), *into]


def frame_of(member: str) -> str:
    """The path of a frame that is a member of a level."""
    return member.removeprefix(FRAME)


def on_cycles(nodes: Iterable[N], edges: Sequence[tuple[N, N]]) -> set[N]:
    """The nodes on a cycle, or between two: those that are left when sources and sinks are removed."""
    return _on_or_behind_cycles(_on_or_behind_cycles(nodes, edges), [(head, tail) for tail, head in edges])


def _on_or_behind_cycles(nodes: Iterable[N], edges: Iterable[tuple[N, N]]) -> set[N]:
    """The nodes that are left when those to which no edge leads are removed, again and again."""
    count = dict.fromkeys(nodes, 0)
    after: dict[N, list[N]] = {}
    for tail, head in edges:
        if tail in count and head in count and tail != head:
            count[head] += 1
            after.setdefault(tail, []).append(head)
    ready = [node for node, number in count.items() if not number]
    while ready:
        for head in after.get(ready.pop(), ()):
            count[head] -= 1
            if not count[head]:
                ready.append(head)
    return {node for node, number in count.items() if number}
