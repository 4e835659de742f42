"""Data for a page to lay out a picture again when a module is opened or closed: columns, sizes, wires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowgraph.rendering.channels import LONG, NEAR, STEEP
from flowgraph.rendering.columns import GAP, WIRE, WIRE_SIZE
from flowgraph.rendering.curves import CORNER, STRAIGHT
from flowgraph.rendering.inline_leaves import InlineLeaves
from flowgraph.rendering.layering import LANE, LINE_GAP, TURN, Arrangement
from flowgraph.rendering.layout import MARGIN, TITLE, Placer
from flowgraph.rendering.measure import row_width, tile_size
from flowgraph.rendering.nesting import FRAME, PORTS, way
from flowgraph.rendering.placement import Placed
from flowgraph.rendering.routing import APART

_CONSTANTS = {
    "gap": GAP, "wire": WIRE, "wireSize": WIRE_SIZE, "margin": MARGIN, "title": TITLE, "line": LINE_GAP, "turn": TURN,
    "lane": LANE, "apart": APART, "corner": CORNER, "straight": STRAIGHT, "steep": STEEP, "near": NEAR, "long": LONG,
}  # fmt: skip


def relayout_data(placer: Placer) -> dict[str, Any]:
    """The layout as data for relayout.js, which moves the parts of the SVG of the same layout.

    A tile is its number in the picture, a frame its number among `paths`; as a member of a level, -1 less that. A port
    is a pair: 0 where a wire enters and 1 where it leaves, and the tile that is its source.
    """
    picture, result, nesting = placer.picture, placer.result, placer.nesting
    ids = {tile.id: place for place, tile in enumerate(picture.tiles)}
    paths = {path: place for place, path in enumerate(result.frames)}
    return {
        "turned": placer.turned,
        "gap": placer.gap,
        "size": [round(result.width, 2), round(result.height, 2)],
        "caption": round(max(map(row_width, picture.caption), default=0.0), 2),
        "constants": {**_CONSTANTS, "inset": placer.inset},
        "links": _links(placer, ids),
        "tiles": [_tile(placer, id, ids) for id in ids],
        "paths": list(paths),
        "lids": [[paths[path], lid.id, *tile_size(lid)] for path, lid in picture.lids.items() if path in result.frames],
        "closed": [paths[path] for path in picture.closed if path in result.frames],
        "inside": [paths.get(nesting.frame.get(id, ""), -1) for id in ids],
        "frames": [
            [paths.get(nesting.parent[path], -1), round(placer.title_width(path), 2), round(at.x, 2), round(at.y, 2)]
            for path, at in result.frames.items()
        ],
        "levels": [[paths.get(path, -1), *_level(placer.placed[path], ids, paths)] for path in nesting.levels],
    }


def _links(placer: Placer, ids: Mapping[str, int]) -> list[list[Any]]:
    """Tail, head and spine of each link, and its wires: level and number; none where it joins a leaf and its host."""
    nesting, hosted = placer.nesting, placer.nesting.hosted
    number = {path: place for place, path in enumerate(nesting.levels)}
    wires = {path: {wire: place for place, wire in enumerate(level.wires)} for path, level in nesting.levels.items()}
    found = []
    for link in placer.picture.links:
        pieces: list[list[int]] = []
        if hosted.get(link.tail) != link.head:
            chains = (nesting.chain(hosted.get(end, end)) for end in (link.tail, link.head))
            pieces = [[number[path], wires[path][wire]] for path, wire in way(link.tail, *chains)]
        found.append([ids[link.tail], ids[link.head], int(link.spine), pieces])
    return found


def _tile(placer: Placer, id: str, ids: Mapping[str, int]) -> list[float]:
    """The size of a tile, its place, and the tiles that stand above and below it, -1 for none."""
    at, leaves = placer.result.tiles[id], placer.nesting.inline_leaves.get(id, InlineLeaves())
    placed = [*(round(one, 2) for one in placer.sizes[id]), round(at.x, 2), round(at.y, 2)]
    return [*placed, ids.get(leaves.above, -1), ids.get(leaves.below, -1)] if leaves.all else placed


def _level(placed: Placed, ids: Mapping[str, int], paths: Mapping[str, int]) -> list[Any]:
    """Members, wires in columns, links, gaps, lines, margin and steps of a level."""

    def number(name: str) -> Any:
        if name.startswith(PORTS):
            side, _, source = name.partition(" ")
            return [int(side == "out"), ids[source]]
        return -1 - paths[name.removeprefix(FRAME)] if name.startswith(FRAME) else ids[name]

    arrangement = placed.arrangement
    passers: dict[int, int] = {}
    passing: list[list[float]] = []
    ties = []
    for (source, tail, head), route in zip(placed.level.wires, arrangement.routes, strict=True):
        for one in route[1:-1]:
            if id(one) not in passers:
                passers[id(one)] = len(passing)
                passing.append([one.column, round(one.y - _base(arrangement, one.column), 2), int(one.pinned)])
        ties.append([ids[source], number(tail), number(head), [passers[id(one)] for one in route[1:-1]]])
    members = [
        [number(name), m.column, round(m.width, 2), round(m.up, 2), round(m.down, 2),
         round(m.y - _base(arrangement, m.column), 2), int(m.pinned)]
        for name, m in placed.members.items()
    ]  # fmt: skip
    steps = arrangement.steps and arrangement.steps[:3]
    return [members, passing, ties, _gaps(arrangement), arrangement.line_of, arrangement.margin, steps]


def _gaps(arrangement: Arrangement) -> list[float]:
    """Between each column and the next, 0 where a new line begins."""
    edges, line_of = arrangement.edges, arrangement.line_of
    return [
        round(edges[c + 1][0] - edges[c][1], 2) if line_of[c] == line_of[c + 1] else 0.0 for c in range(len(edges) - 1)
    ]


def _base(arrangement: Arrangement, column: int) -> float:
    return arrangement.lines[arrangement.line_of[column]][0]
