"""A picture for a column of a paper: the layout that fits its width while its letters can still be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flowgraph.rendering.layout import place
from flowgraph.rendering.picture import Picture, Tile
from flowgraph.rendering.placement import Layout

SMALLEST = 10.0
"""Pixels of the smallest letters of a picture."""

POINTS = 7.0
"""Points of the smallest letters that journals print: 5 to 8 are asked for."""

MARGIN = 3.0
"""Pixels around a picture in a paper, for the lines of the outermost tiles; the paper has a margin of its own."""

HIGHEST = 9.0
"""Inches of a page of text."""

_SIZE = re.compile(r'\b(width|height)="([\d.]+)"')

_MOST_COLUMNS = 8
"""Columns in a line that a picture for a column of a paper may have."""


def inches_of(pixels: float) -> float:
    """The size in print at which the smallest letters have `POINTS`."""
    return pixels * POINTS / SMALLEST / 72


def fitted(picture: Picture, inches: float) -> tuple[Picture, Layout]:
    """The lowest layout that is no wider; where none is, the narrowest.

    Tried are one line, lines of ever fewer columns, and downwards, then the same without the rows of parameters. What
    is higher than a page is taken only if nothing else fits.
    """
    tried: list[tuple[float, float, bool, float, int, Picture, Layout]] = []
    for changes in _choices(picture):
        new = replace(picture, steps=(), **changes)
        layout = place(new)
        over = max(0.0, inches_of(layout.width + 2 * MARGIN) - inches)
        high = max(0.0, inches_of(layout.height + 2 * MARGIN) - HIGHEST)
        tried.append((over, high, "tiles" in changes, layout.height, len(tried), new, layout))
    *_, new, layout = min(tried, key=lambda trial: trial[:5])
    return new, layout


def in_print(svg: str) -> str:
    """An SVG with its size in inches in place of pixels."""
    return _SIZE.sub(lambda match: f'{match[1]}="{inches_of(float(match[2])):.3f}in"', svg, count=2)


def _choices(picture: Picture) -> Iterator[Mapping[str, Any]]:
    frames = tuple(replace(frame, note="") for frame in picture.frames)
    bare = tuple(_without_parameters(tile) for tile in picture.tiles)
    for fewer in ({}, {"tiles": bare}):
        for count in (0, *range(min(_MOST_COLUMNS, len(picture.tiles)), 1, -1)):
            yield {"direction": "right", "wrap": count, **fewer}
        yield {"direction": "down", "wrap": 0, "frames": frames, **fewer}


def _without_parameters(tile: Tile) -> Tile:
    return replace(tile, rows=tuple(row for row in tile.rows if not row.fill) or tile.rows)
