"""A graph as what draws it: DOT, SVG, a `graphviz.Source`, axes of matplotlib, a cell of a notebook."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.graph import Graph
from flowgraph.markup import MOST_ROWS, inline, sized_to_fit, table, text
from flowgraph.rendering.files import check_choices, dot_of, painting, picture_of, svg_of
from flowgraph.rendering.formulas import plain_formula
from flowgraph.rendering.palette import drawn_theme
from flowgraph.rendering.svg_text import draw_builtin
from flowgraph.rendering.tikz import MARGIN
from flowgraph.rendering.value_table import HEADINGS, summary
from flowgraph.rendering.wording import shape_text

MOST_IN_A_CELL = 1500
"""Tiles of a picture that a cell of a notebook shows, and its file keeps; `graph.interactive()` shows more."""

MOST_OF_A_BOX = 40
"""Boxes of a graph that a box shows with it; `fg.Graph(box)` shows more."""


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


def plot(graph: Graph, ax: Any = None, *, theme: str = "light", **settings: Any) -> Any:
    """The axes of matplotlib on which a graph is drawn, without the lines under the picture."""
    check_choices(theme, "auto")
    painter = painting("plot")
    picture = replace(picture_of(graph, **settings), caption=(), margin=MARGIN)
    return painter.plotted(draw_builtin(picture, drawn_theme(theme)), ax)


def box_html(box: Box) -> str:
    """A box in a cell of a notebook: what it is and reads, its numbers if it holds any, the picture of its graph."""
    head = f"<b>{text(repr(box).strip('<>'))}</b> <small>built at {text(box.built_at)}</small>"
    formula = plain_formula(type(box).formula) if type(box).formula else ""
    lines = [f"<div>{text(formula)}</div>"] if formula else []
    graph = Graph(box)
    if isinstance(box, Parameter | Constant):
        lines.append(table(HEADINGS, [[graph.names[box], type(box).__name__, *summary(box.value)]], 4))
    elif box.children:
        labels = box.names_of_children()
        rows = [
            [
                label,
                graph.names[child],
                type(child).__name__,
                ", ".join(shape_text(spec.shape) for spec in child.outputs),
            ]
            for label, child in zip(labels, box.children, strict=True)
        ]
        lines.append(table(("child", "name", "box", "shape"), rows, most=MOST_ROWS))
        drawn = notebook_svg(graph) if len(graph) <= MOST_OF_A_BOX else None
        lines += [] if drawn is None else [inline(drawn)]
    return f"<div>{head}{''.join(lines)}</div>"


def notebook_svg(graph: Graph) -> str | None:
    """The picture for a cell of a notebook, or None where there can be none: the cell then shows the text."""
    try:
        picture = picture_of(graph)
        return sized_to_fit(svg_of(picture, engine="builtin")) if len(picture.tiles) <= MOST_IN_A_CELL else None
    except Exception:
        return None
