"""Leaves that only one box reads stand above or below it, in its column: its guests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowgraph.rendering.picture import Picture


@dataclass(frozen=True)
class Guests:
    """The guest above a tile and the one below; "" where there is none."""

    above: str = ""
    below: str = ""

    @property
    def all(self) -> list[str]:
        """Both, as far as they are there."""
        return [guest for guest in (self.above, self.below) if guest]


def seat(picture: Picture, frame: Mapping[str, str], hosts: Mapping[str, str]) -> dict[str, Guests]:
    """For each tile the two guests that it has room for, of its own frame; one that others read too stands below."""
    read: dict[str, int] = {}
    for link in picture.links:
        read[link.tail] = read.get(link.tail, 0) + 1
    waiting: dict[str, list[str]] = {}
    for guest, host in hosts.items():
        if frame[guest] == frame[host]:
            waiting.setdefault(host, []).append(guest)
    seated = {}
    for host, guests in waiting.items():
        if len(guests) == 1:
            seated[host] = Guests(below=guests[0])
        else:
            above, below = sorted(guests[:2], key=lambda guest: read.get(guest, 0))
            seated[host] = Guests(above, below)
    return seated
