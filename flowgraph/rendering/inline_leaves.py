"""Leaves that only one box reads are drawn above or below that box, in its column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowgraph.rendering.picture import Picture


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
