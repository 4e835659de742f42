"""A picture in lines of a width: frames that are too long for one break there, and go on in the next, "continued"."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from flowgraph.rendering.layering import PORT_GAP
from flowgraph.rendering.layout import MARGIN, Placer
from flowgraph.rendering.nesting import FRAME, frame_of
from flowgraph.rendering.picture import Frame, Picture, Tile

_CONTINUED = "continued"

_WHOLE = (1.0, 0.5)
"""Of the width of a line, how wide a frame may be that goes to the next line as a whole rather than break here."""


@dataclass
class _Unit:
    """What stands in one column of a level: its left and right end in one line, its tiles, and the frame that it is."""

    left: float
    right: float
    tiles: list[str]
    frame: str = ""


@dataclass
class _Line:
    """A line as it fills: where it begins, and its tiles."""

    left: float
    tiles: list[str] = field(default_factory=list)


def break_lines(picture: Picture, width: float) -> Iterator[Picture]:
    """The picture in lines of about that width, in up to two ways: frames broken only if they must be, or sooner.

    A picture that flows down has no lines.
    """
    placer = Placer(replace(picture, direction="right", wrap=0, steps=(), breaks=(), room=None))
    placer.layout()
    found: set[tuple[tuple[str, ...], ...]] = set()
    for whole in _WHOLE:
        lines = _lines(placer, width, whole)
        key = tuple(tuple(line.tiles) for line in lines)
        if key not in found:
            found.add(key)
            yield _in_parts(picture, lines, placer.nesting.hosted)


def _lines(placer: Placer, width: float, whole: float) -> list[_Line]:
    """The lines, each as full as it can be."""
    waiting = deque(_units(placer, ""))
    lines: list[_Line] = []
    while waiting:
        unit = waiting.popleft()
        open_frames = _depth(placer, unit)
        around = 2 * open_frames * (MARGIN + PORT_GAP) if lines else open_frames * (MARGIN + PORT_GAP)
        if lines and unit.right - lines[-1].left + around <= width:
            lines[-1].tiles += unit.tiles
        elif unit.frame and (not lines or unit.right - unit.left > whole * width):
            waiting.extendleft(reversed(_units(placer, unit.frame)))
        elif not lines or lines[-1].tiles:
            lines.append(_Line(unit.left, list(unit.tiles)))
        else:
            lines[-1].tiles += unit.tiles
    return lines


def _depth(placer: Placer, unit: _Unit) -> int:
    """How many frames are around a unit that are not part of it."""
    path = placer.nesting.parent[unit.frame] if unit.frame else placer.nesting.frame[unit.tiles[0]]
    depth = 0
    while path:
        depth += 1
        path = placer.nesting.parent[path]
    return depth


def _units(placer: Placer, path: str) -> list[_Unit]:
    """The columns of a level from left to right; one that holds a frame alone can be broken."""
    placed = placer.placed[path]
    columns: dict[int, list[str]] = {}
    for name in placed.level.members:
        columns.setdefault(placed.members[name].column, []).append(name)
    units = []
    for column, names in sorted(columns.items()):
        left, right = (placed.origin[0] + end for end in placed.arrangement.edges[column])
        tiles = [tile for name in names for tile in _tiles_of(placer, name)]
        frame = frame_of(names[0]) if len(names) == 1 and names[0].startswith(FRAME) else ""
        units.append(_Unit(left, right, tiles, frame))
    return units


def _tiles_of(placer: Placer, name: str) -> Iterable[str]:
    """The tiles of a member, without those that stand above or below others."""
    if not name.startswith(FRAME):
        return [name]
    found, waiting = [], [name]
    while waiting:
        inner = waiting.pop()
        if inner.startswith(FRAME):
            waiting += placer.placed[frame_of(inner)].level.members
        else:
            found.append(inner)
    return found


def _in_parts(picture: Picture, lines: list[_Line], hosted: dict[str, str]) -> Picture:
    """The picture whose frames end with each line, and go on as others in the next."""
    line_of = {tile: number for number, line in enumerate(lines) for tile in line.tiles}
    line_of |= {leaf: line_of[host] for leaf, host in hosted.items()}
    parent = {frame.path: frame.parent for frame in picture.frames}
    lines_of: dict[str, set[int]] = {path: set() for path in parent}
    for tile in picture.tiles:
        path = tile.frame
        while path:
            lines_of[path].add(line_of[tile.id])
            path = parent[path]

    def part(path: str, line: int) -> str:
        first = not path or line == min(lines_of[path])
        return path if first else f"{path}~{_CONTINUED}{line}"

    frames: list[Frame] = []
    for frame in picture.frames:
        for line in sorted(lines_of[frame.path]):
            own = replace(frame, path=part(frame.path, line), parent=part(frame.parent, line))
            frames.append(
                own if own.path == frame.path else replace(own, title=f"{frame.title}, {_CONTINUED}", note="")
            )
    tiles = tuple(replace(tile, frame=part(tile.frame, line_of[tile.id])) for tile in picture.tiles)
    breaks = tuple(_outermost(tiles, frames, line.tiles[0]) for line in lines[1:])
    return replace(
        picture, direction="right", tiles=tiles, frames=tuple(frames), wrap=0, steps=(), breaks=breaks, room=None
    )


def _outermost(tiles: Iterable[Tile], frames: Iterable[Frame], first: str) -> str:
    """The member of the whole picture that holds a tile."""
    parent = {frame.path: frame.parent for frame in frames}
    path = next(tile.frame for tile in tiles if tile.id == first)
    while path and parent[path]:
        path = parent[path]
    return FRAME + path if path else first
