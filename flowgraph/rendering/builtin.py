"""The built-in engine: its layout, written as SVG."""

from __future__ import annotations

from flowgraph.rendering.layout import Layout, Placer, place
from flowgraph.rendering.picture import Picture
from flowgraph.rendering.svg_text import svg_text

MOST_TILES = 2000
"""Beyond, dot is not asked: it would take minutes."""

_LONG = 12
"""Links of a chain below which no picture is folded into lines: at its usual size it fits a screen."""


def draw_builtin(picture: Picture, theme: str = "light") -> str:
    """The picture as SVG, without any program."""
    return svg_text(picture, place(picture), theme)


def too_long_for_dot(picture: Picture) -> bool:
    """Whether the picture has more tiles than dot lays out in time, or is a chain so long that it must be folded."""
    if len(picture.tiles) > MOST_TILES:
        return True
    if picture.wrap == 0 or (picture.wrap is None and sum(link.spine for link in picture.links) < _LONG):
        return False
    layout: Layout = place(picture)
    return layout.folded


def turns(picture: Picture) -> frozenset[tuple[str, str]]:
    """The links that dot must not draw in one line with the others, so that its picture is folded as well."""
    placer = Placer(picture)
    return placer.turns() if placer.layout().folded else frozenset()
