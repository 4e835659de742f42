"""A graph as text that draws it: DOT, SVG, a `graphviz.Source`, the picture of a notebook cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowgraph.markup import sized_to_fit
from flowgraph.rendering.files import check_choices, dot_of, picture_of, svg_of
from flowgraph.rendering.palette import drawn_theme

if TYPE_CHECKING:
    from flowgraph.graph import Graph

MOST_IN_A_CELL = 1500
"""Tiles of a picture that a cell of a notebook shows, and its file keeps; `graph.interactive()` shows more."""


def to_dot(graph: Graph, *, theme: str = "auto", **settings: Any) -> str:
    """The DOT text of a graph: pure, and the same for the same graph."""
    check_choices(theme, "auto")
    return dot_of(picture_of(graph, **settings), drawn_theme(theme))


def to_svg(graph: Graph, *, theme: str = "auto", engine: str = "auto", timeout: float = 20, **settings: Any) -> str:
    """The SVG text of a graph, for a page or a cell: never wider than its column."""
    check_choices(theme, engine)
    return sized_to_fit(svg_of(picture_of(graph, **settings), theme, engine, timeout))


def to_graphviz(graph: Graph, **settings: Any) -> Any:
    """A `graphviz.Source` of a graph."""
    import graphviz  # type: ignore[import-untyped]

    return graphviz.Source(to_dot(graph, **settings))


def notebook_svg(graph: Graph) -> str | None:
    """The picture for a cell of a notebook, or None where there can be none: the cell then shows the text."""
    try:
        picture = picture_of(graph)
        return sized_to_fit(svg_of(picture, engine="builtin")) if len(picture.tiles) <= MOST_IN_A_CELL else None
    except Exception:
        return None
