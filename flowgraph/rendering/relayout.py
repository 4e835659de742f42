"""Data for a page to lay out a picture again when a module is opened or closed: columns, sizes, routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowgraph.rendering.inline_leaves import InlineLeaves
from flowgraph.rendering.layering import GAP, LINE_GAP, Arrangement
from flowgraph.rendering.layout import MARGIN, TITLE, Placer
from flowgraph.rendering.measure import row_width, tile_size
from flowgraph.rendering.nesting import Level


def relayout_data(placer: Placer) -> dict[str, Any]:
    """The layout as data for relayout.js, which moves the parts of the SVG of the same layout.

    A tile is its number in the picture, a frame its number among `paths`; as a member of a level, -1 less that.
    """
    picture, result, nesting = placer.picture, placer.result, placer.nesting
    link_number = {(link.tail, link.head): place for place, link in enumerate(picture.links)}
    ids = {tile.id: place for place, tile in enumerate(picture.tiles)}
    paths = {path: place for place, path in enumerate(result.frames)}
    members = ids | {f"frame {path}": -1 - place for path, place in paths.items()}
    inside = dict(nesting.frame)
    return {
        "turned": placer.turned,
        "gap": placer.gap,
        "size": [round(result.width, 2), round(result.height, 2)],
        "caption": round(max(map(row_width, picture.caption), default=0.0), 2),
        "constants": {"gap": GAP, "margin": MARGIN, "title": TITLE, "line": LINE_GAP},
        "links": [[ids[link.tail], ids[link.head], int(link.spine)] for link in picture.links],
        "tiles": [_tile(placer, id, ids) for id in ids],
        "paths": list(paths),
        "lids": [[paths[path], lid.id, *tile_size(lid)] for path, lid in picture.lids.items() if path in result.frames],
        "closed": [paths[path] for path in picture.closed if path in result.frames],
        "inside": [paths[inside[id]] if inside.get(id) else -1 for id in ids],
        "frames": [
            [paths.get(nesting.parent[path], -1), round(placer.title_width(path), 2), round(at.x, 2), round(at.y, 2)]
            for path, at in result.frames.items()
        ],
        "levels": [
            [paths.get(path, -1), *_level(path, *placer.arranged[path][:2], placer, link_number, members)]
            for path in nesting.levels
        ],
    }


def _tile(placer: Placer, id: str, ids: Mapping[str, int]) -> list[float]:
    """The size of a tile, its place, and the tiles that stand above and below it, -1 for none."""
    at, leaves = placer.result.tiles[id], placer.nesting.inline_leaves.get(id, InlineLeaves())
    placed = [*(round(one, 2) for one in placer.sizes[id]), round(at.x, 2), round(at.y, 2)]
    return [*placed, ids.get(leaves.above, -1), ids.get(leaves.below, -1)] if leaves.all else placed


def _level(
    path: str, level: Level, arrangement: Arrangement, placer: Placer, link_number: Mapping[tuple[str, str], int],
    number: Mapping[str, int],
) -> list[Any]:  # fmt: skip
    """Members, passers, ties, gaps, lines, margin and steps of a level."""
    members = placer.arranged[path][2]
    passers: dict[int, int] = {}
    passing: list[list[float]] = []
    ties = []
    for (tail, head), route in zip(level.links, arrangement.routes, strict=True):
        between = []
        for one in route[1:-1]:
            if id(one) not in passers:
                passers[id(one)] = len(passing)
                passing.append([one.column, round(one.y - _base(arrangement, one.column), 2), int(one.pinned)])
            between.append(passers[id(one)])
        links = [link_number[link.tail, link.head] for link in level.links[tail, head]]
        ties.append([number[tail], number[head], between, links])
    placed = [
        [number[name], m.column, round(m.width, 2), round(m.up, 2), round(m.down, 2),
         round(m.y - _base(arrangement, m.column), 2), int(m.pinned)]
        for name, m in members.items()
    ]  # fmt: skip
    steps = arrangement.steps and arrangement.steps[:3]
    return [placed, passing, ties, _gaps(arrangement), arrangement.line_of, arrangement.margin, steps]


def _gaps(arrangement: Arrangement) -> list[float]:
    """Between each column and the next, 0 where a new line begins."""
    edges, line_of = arrangement.edges, arrangement.line_of
    return [
        round(edges[c + 1][0] - edges[c][1], 2) if line_of[c] == line_of[c + 1] else 0.0 for c in range(len(edges) - 1)
    ]


def _base(arrangement: Arrangement, column: int) -> float:
    return arrangement.lines[arrangement.line_of[column]][0]
