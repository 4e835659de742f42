"""Data for a page to lay out a picture again when a module is opened or closed: columns, sizes, routes."""

from __future__ import annotations

from typing import Any

from flowgraph.rendering.inline_leaves import InlineLeaves
from flowgraph.rendering.layering import GAP, LINE_GAP, Arrangement
from flowgraph.rendering.layout import MARGIN, TITLE, Placer
from flowgraph.rendering.measure import row_width, tile_size
from flowgraph.rendering.nesting import Level


def relayout_data(placer: Placer) -> dict[str, Any]:
    """The layout as data for relayout.js, which moves the parts of the SVG of the same layout."""
    picture, result, nesting = placer.picture, placer.result, placer.nesting
    number = {(link.tail, link.head): place for place, link in enumerate(picture.links)}
    inline_leaves = nesting.inline_leaves
    return {
        "turned": placer.turned,
        "gap": placer.gap,
        "size": [round(result.width, 2), round(result.height, 2)],
        "caption": round(max(map(row_width, picture.caption), default=0.0), 2),
        "constants": {"gap": GAP, "margin": MARGIN, "title": TITLE, "line": LINE_GAP},
        "links": [[link.tail, link.head, int(link.spine)] for link in picture.links],
        "tiles": {
            id: [*placer.sizes[id], round(at.x, 2), round(at.y, 2), *_pair(inline_leaves.get(id, InlineLeaves()))]
            for id, at in result.tiles.items()
        },
        "lids": {path: [lid.id, *tile_size(lid)] for path, lid in picture.lids.items() if path in result.frames},
        "closed": [path for path in picture.closed if path in result.frames],
        "inside": dict(nesting.frame),
        "frames": {
            path: [nesting.parent[path], round(placer.title_width(path), 2), round(at.x, 2), round(at.y, 2)]
            for path, at in result.frames.items()
        },
        "levels": [_level(path, *placer.arranged[path][:2], placer, number) for path in nesting.levels],
    }


def _level(
    path: str, level: Level, arrangement: Arrangement, placer: Placer, number: dict[tuple[str, str], int]
) -> dict[str, Any]:
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
        links = [number[link.tail, link.head] for link in level.links[tail, head]]
        ties.append([tail, head, between, links])
    return {
        "path": path,
        "members": [
            [name, m.column, round(m.width, 2), round(m.up, 2), round(m.down, 2),
             round(m.y - _base(arrangement, m.column), 2), int(m.pinned)]
            for name, m in members.items()
        ],
        "passers": passing,
        "ties": ties,
        "gaps": _gaps(arrangement),
        "lines": arrangement.line_of,
    }  # fmt: skip


def _gaps(arrangement: Arrangement) -> list[float]:
    """Between each column and the next, 0 where a new line begins."""
    edges, line_of = arrangement.edges, arrangement.line_of
    return [
        round(edges[c + 1][0] - edges[c][1], 2) if line_of[c] == line_of[c + 1] else 0.0 for c in range(len(edges) - 1)
    ]


def _base(arrangement: Arrangement, column: int) -> float:
    return arrangement.lines[arrangement.line_of[column]][0]


def _pair(leaves: InlineLeaves) -> tuple[str, str]:
    return leaves.above, leaves.below
