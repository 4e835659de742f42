"""Repetition without scopes: the steps of a loop, or layers written one after the other."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from flowgraph.box import Box
from flowgraph.rendering.columns import Member, Tie, assign_columns
from flowgraph.rendering.picture import Picture, Span, Tile
from flowgraph.rendering.subject import Subject

LONGEST = 8
"""Columns that a link may pass; dot slows down, and readers lose the thread, on longer ones."""


def with_duplicated_nodes(picture: Picture) -> Picture:
    """The picture with a named stub in place of each link that would pass too many columns."""
    column = columns(picture)
    long = [link for link in picture.links if not link.spine and column[link.head] - column[link.tail] > LONGEST]
    if not long:
        return picture
    tiles = _told_apart(picture, {link.tail for link in long})
    stubs: dict[str, list[Tile]] = {}
    hosts = dict(picture.hosts)
    replaced = {}
    for link in long:
        stub = _stub(tiles[link.tail], tiles[link.head])
        stubs.setdefault(link.head, []).append(stub)
        hosts[stub.id] = link.head
        replaced[link] = replace(link, tail=stub.id)
    links = (replaced.get(link, link) for link in picture.links)
    every = [part for tile in tiles.values() for part in (*stubs.get(tile.id, ()), tile)]
    return replace(picture, tiles=tuple(every), links=tuple(links), hosts=hosts)


def _told_apart(picture: Picture, named: Set[str]) -> dict[str, Tile]:
    """The tiles by their ids, those that stubs name with a number where another tile is called alike."""
    titles = Counter(tile.title for tile in picture.tiles)
    numbers = itertools.count(1)
    return {
        tile.id: _numbered(tile, next(numbers)) if tile.id in named and titles[tile.title] > 1 else tile
        for tile in picture.tiles
    }


def _numbered(tile: Tile, number: int) -> Tile:
    first, *more = tile.rows[0].items
    assert isinstance(first, Span)
    title = replace(tile.rows[0], items=(replace(first, text=f"{first.text} #{number}"), *more))
    return replace(tile, rows=(title, *tile.rows[1:]))


def columns(picture: Picture) -> dict[str, int]:
    """The column of each tile, as the built-in layout would choose it without frames."""
    spine = {end for link in picture.links if link.spine for end in (link.tail, link.head)}
    members = {tile.id: Member(0.0, 0.0, 0.0, tile.id in spine) for tile in picture.tiles}
    number = {id: i for i, id in enumerate(members)}
    assign_columns(list(members.values()), [Tie(number[link.tail], number[link.head]) for link in picture.links])
    return {id: member.column for id, member in members.items()}


def _stub(source: Tile, reader: Tile) -> Tile:
    return replace(
        source,
        id=f"{source.id}@{reader.id}",
        rows=source.rows[:1],
        tooltip=f"here by name: {source.tooltip}",
        dashed=True,
        stacked=False,
        carried="",
        width=1.0,
        frame=reader.frame,
    )


_LONGEST_STEP = 60
"""Boxes of a step along the spine; a step is looked for at each length up to it, so this bounds the time."""

_LEAST_STEPS = 3
"""Of what is called a repetition."""


@dataclass(frozen=True)
class Repetition:
    """A part of the spine in which the same boxes come again and again: where it begins, its period, how often."""

    start: int
    period: int
    count: int


def repetition(spine: Sequence[Box]) -> Repetition | None:
    """The repetition that covers most of a chain of boxes, of the shortest period; None where there is none."""
    signs = [_sign(box) for box in spine]
    best: Repetition | None = None
    covered = 0
    for period in range(1, min(_LONGEST_STEP, len(signs) // _LEAST_STEPS) + 1):
        start, length = _longest_run([signs[i] == signs[i + period] for i in range(len(signs) - period)])
        count = length // period + 1
        if count >= _LEAST_STEPS and count * period > covered:
            best, covered = Repetition(start, period, count), count * period
    return best


def steps_of(subject: Subject) -> list[list[Box]]:
    """The boxes of each step: those on the main path, and those that only one step reads."""
    spine = subject.spine
    repeated = repetition(spine)
    if repeated is None:
        return []
    step: dict[Box, int] = {}
    for place in range(repeated.start, repeated.start + repeated.period * repeated.count):
        step[spine[place]] = (place - repeated.start) // repeated.period
    for box in reversed(subject.graph.boxes):
        readers = {step.get(reader, -1) for reader in subject.parents[box]}
        given = subject.kind[box] in ("input", "target", "random")
        if box not in step and not given and len(readers) == 1 and -1 not in readers:
            step[box] = readers.pop()
    steps: list[list[Box]] = [[] for _ in range(repeated.count)]
    for box in subject.graph.boxes:
        if box in step:
            steps[step[box]].append(box)
    return steps


def line_starts(subject: Subject, picture: Picture, ids: Mapping[Box, str]) -> tuple[str, ...]:
    """The tiles with which steps begin, in each frame and around them, where steps can stand under each other."""
    frame = {tile.id: tile.frame for tile in picture.tiles}
    around = {outer.parent for outer in picture.frames}  # steps that hold frames are not compared
    starts: list[str] = []
    for path in ("", *(inner.path for inner in picture.frames)):
        spine = [box for box in subject.spine if frame.get(ids[box]) == path]
        if path not in around and len(spine) >= _LEAST_STEPS:
            tiles = tuple(tile for tile in picture.tiles if tile.frame == path)
            links = tuple(link for link in picture.links if frame[link.tail] == path == frame[link.head])
            starts += _starts_within(spine, replace(picture, tiles=tiles, links=links), ids)
    return tuple(starts)


def _starts_within(spine: Sequence[Box], picture: Picture, ids: Mapping[Box, str]) -> list[str]:
    """The same of a part of the picture, of which the spine is given; steps begin where fewest links pass."""
    repeated = repetition(spine)
    if repeated is None:
        return []
    column = columns(picture)
    places = [column[ids[box]] for box in spine[repeated.start : repeated.start + repeated.period * repeated.count]]
    width = places[repeated.period] - places[0]
    if any(later - earlier != width for earlier, later in zip(places, places[repeated.period :], strict=False)):
        return []
    ties = [(column[link.tail], column[link.head]) for link in picture.links]
    middle = places[repeated.period * (repeated.count // 2)]

    def passing(phase: int) -> tuple[int, int]:
        cut = middle + places[phase] - places[0]
        return sum(tail < cut <= head for tail, head in ties), phase

    phase = min(range(repeated.period), key=passing)
    first = repeated.start + phase
    return [ids[spine[first + k * repeated.period]] for k in range(repeated.count - (phase > 0))]


def _sign(box: Box) -> Hashable:
    """What makes two boxes of a chain alike; which element is taken may differ from step to step."""
    settings = {name: value for name, value in box.setting_values().items() if name != "index"}
    return type(box), box.outputs, tuple(map(repr, settings.values())), len(box.children)


def _longest_run(same: Sequence[bool]) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    best, start = (0, 0), 0
    for place, equal in enumerate([*same, False]):
        if not equal:
            best = max(best, (start, place - start), key=lambda run: run[1])
            start = place + 1
    return best
