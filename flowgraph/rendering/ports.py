"""The points where edges meet a tile: spread over its side, in the order in which they arrive."""

from __future__ import annotations

from collections.abc import Mapping

from flowgraph.rendering.picture import Link

Point = tuple[float, float]

_APART = 10.0
"""Pixels between two arrowheads at one tile, as wide as one."""


def spread(routes: list[tuple[Link, list[Point]]], heights: Mapping[str, float]) -> None:
    """Move the ends of the routes that arrive at one tile apart, in place; a link of the spine stays in the middle."""
    arriving: dict[str, list[tuple[Link, list[Point]]]] = {}
    for link, points in routes:
        arriving.setdefault(link.head, []).append((link, points))
    for head, found in arriving.items():
        if len(found) > 1:
            found.sort(key=lambda route: route[1][-2][1])
            _spread(found, heights[head])


def _spread(found: list[tuple[Link, list[Point]]], height: float) -> None:
    spine = next((i for i, (link, _) in enumerate(found) if link.spine), None)
    middle = (len(found) - 1) / 2 if spine is None else spine
    step = min(_APART, (height / 2 - 8) / max(middle, len(found) - 1 - middle))
    for i, (_, points) in enumerate(found):
        x, y = points[-1]
        points[-1] = (x, y + (i - middle) * step)
