"""The built-in engine: its layout, written as SVG."""

from __future__ import annotations

from flowgraph.rendering.layout import Placer, place
from flowgraph.rendering.picture import Picture
from flowgraph.rendering.svg_text import svg_text

MOST_TILES = 2000
"""Beyond, Graphviz is not asked for a PNG or PDF unless it is named: it would take minutes."""


def draw_builtin(picture: Picture, theme: str = "light") -> str:
    """The picture as SVG, without any program."""
    return svg_text(picture, place(picture), theme)


def turns(picture: Picture) -> frozenset[tuple[str, str]]:
    """The links that dot must not draw in one line with the others, so that its picture is folded as well."""
    placer = Placer(picture)
    return placer.turns() if placer.layout().folded else frozenset()
