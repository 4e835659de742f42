"""Duplicated nodes: a link over many columns ends at a copy of its child beside the reader."""

from __future__ import annotations

from dataclasses import replace

from flowgraph.rendering.columns import Member, Tie, assign_columns
from flowgraph.rendering.picture import Link, Picture, Tile

LONGEST = 8
"""Columns that a link may pass; dot slows down, and readers lose the thread, on longer ones."""


def with_duplicated_nodes(picture: Picture) -> Picture:
    """The picture with a named stub in place of each link that would pass too many columns."""
    column = columns(picture)
    tiles = {tile.id: tile for tile in picture.tiles}
    stubs: dict[str, list[Tile]] = {}
    links: list[Link] = []
    hosts = dict(picture.hosts)
    for link in picture.links:
        if link.spine or column[link.head] - column[link.tail] <= LONGEST:
            links.append(link)
            continue
        stub = _stub(tiles[link.tail], tiles[link.head])
        stubs.setdefault(link.head, []).append(stub)
        hosts[stub.id] = link.head
        links.append(replace(link, tail=stub.id))
    if not stubs:
        return picture
    every = [one for tile in picture.tiles for one in (*stubs.get(tile.id, ()), tile)]
    return replace(picture, tiles=tuple(every), links=tuple(links), hosts=hosts)


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
