"""A graph becomes a file: SVG and pages by the built-in layout, PNG and PDF by the best engine of the machine."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.errors import RenderWarning, UsageError
from flowgraph.rendering import engines
from flowgraph.rendering.builtin import MOST_TILES, draw_builtin, turns
from flowgraph.rendering.compose import compose
from flowgraph.rendering.dot_text import dot_text
from flowgraph.rendering.engines import ENGINES, PDF_REMEDY, REMEDY, EngineError
from flowgraph.rendering.layout import place
from flowgraph.rendering.palette import adaptive, check_theme, drawn_theme
from flowgraph.rendering.paper import MARGIN, POINTS, fitted, in_print, inches_of
from flowgraph.rendering.picture import Picture
from flowgraph.rendering.subject import Memory, Subject
from flowgraph.rendering.svg_text import svg_text
from flowgraph.rendering.tikz import tikz_text
from flowgraph.rendering.viewer import interactive
from flowgraph.saving.replacing import replace_file, replace_text
from flowgraph.saving.shown import ShownFile

if TYPE_CHECKING:
    from flowgraph.graph import Graph
    from flowgraph.graph.graph import Grads, Run

FORMATS = ("svg", "png", "pdf", "dot", "html", "tex")


def picture_of(
    graph: Graph, view: str = "forward", run: Run | None = None, grads: Grads | None = None,
    memory: Memory | None = None, **settings: Any,
) -> Picture:  # fmt: skip
    """The picture of a graph before it has places."""
    return compose(Subject(graph, view, run, grads, memory=memory), **settings)


def render(
    graph: Graph,
    path: str | os.PathLike[str],
    *,
    theme: str = "auto",
    engine: str = "auto",
    timeout: float = 20,
    inches: float | None = None,
    **settings: Any,
) -> Path:
    """Draw a graph into a file whose suffix says the format; returns the path of what was written.

    `inches` is the width of the column of a paper that an .svg or .tex is to fit, its letters large enough to read.
    """
    target = Path(path)
    format = target.suffix.lower().removeprefix(".")
    if format not in FORMATS:
        raise UsageError(f"render: found {target.name!r}, needs a name that ends in .{', .'.join(FORMATS)}")
    check_choices(theme, engine)
    if inches is not None or format == "tex":
        return _for_paper(target, format, picture_of(graph, **settings), theme, inches)
    if format == "html":
        return ShownFile(replace_text(target, interactive(graph, theme=theme, **settings).text))
    picture = picture_of(graph, **settings)
    if format == "dot":
        return replace_text(target, dot_of(picture, drawn_theme(theme)))
    if format == "svg":
        return ShownFile(replace_text(target, svg_of(picture, theme, engine, timeout)))
    return ShownFile(_write_binary(picture, target, format, theme, engine, timeout))


def _for_paper(target: Path, format: str, picture: Picture, theme: str, inches: float | None) -> Path:
    """Write an SVG of a width in print, or TikZ to be part of a paper; both without the lines under the picture."""
    if inches is not None and (format not in ("svg", "tex") or inches <= 0):
        raise UsageError(
            f"render: found inches={inches!r} for {target.name!r}, needs a positive width of an .svg or .tex"
        )
    picture = replace(picture, caption=(), margin=MARGIN)
    picture, layout = (picture, place(picture)) if inches is None else fitted(picture, inches)
    wide = inches_of(layout.width + 2 * picture.margin)
    if inches is not None and wide > inches + 0.005:
        found = f"render: at letters of {POINTS:g} pt the picture is {wide:.2f} inches wide, not {inches:g}"
        warnings.warn(f"{found}; show less of it (collapse=, depth=, detail='rows')", RenderWarning, stacklevel=4)
    svg = svg_text(picture, layout, "print" if theme == "auto" and format == "tex" else drawn_theme(theme))
    if format == "tex":
        return replace_text(target, tikz_text(svg))
    svg = in_print(adaptive(svg) if theme == "auto" else svg)
    return ShownFile(replace_text(target, svg))


def check_choices(theme: str, engine: str) -> None:
    """Refuse a theme or an engine that does not exist."""
    check_theme(theme)
    if engine not in ENGINES:
        raise UsageError(f"render: found engine={engine!r}, needs one of {', '.join(ENGINES)}")


def svg_of(picture: Picture, theme: str = "auto", engine: str = "auto", timeout: float = 20) -> str:
    """The picture as SVG by the built-in layout, the same on every machine, unless another engine is named.

    Where that engine fails, it is the built-in layout all the same, with a warning.
    """
    drawn = drawn_theme(theme)
    svg = _try_engine(picture, drawn, engine, timeout) if engine not in ("auto", "builtin") else None
    if svg is None:
        svg = draw_builtin(picture, drawn)
    return adaptive(svg) if theme == "auto" else svg


def dot_of(picture: Picture, theme: str) -> str:
    """The picture as DOT text, folded where the built-in layout folds it."""
    return dot_text(picture, theme, turns(picture))


def _try_engine(picture: Picture, theme: str, engine: str, timeout: float) -> str | None:
    found = engines.find(engine)
    if found is None:
        _warn(f"the engine {engine!r} is not on this machine", "drawn by the built-in layout instead")
        return None
    try:
        return engines.draw(found[1], dot_of(picture, theme), "svg", timeout).decode()
    except EngineError as error:
        _warn(str(error), "drawn by the built-in layout instead")
        return None


def _write_binary(picture: Picture, target: Path, format: str, theme: str, engine: str, timeout: float) -> Path:
    """Write a PNG or PDF; if no engine can, an SVG beside it."""
    drawn = drawn_theme(theme)
    found = [one for one in engines.every(engine) if format != "pdf" or one[0] != "graphviz-pure"]
    problem = f"no engine on this machine writes {format.upper()}"
    remedy = PDF_REMEDY if format == "pdf" else REMEDY
    if engine == "auto" and len(picture.tiles) > MOST_TILES:
        found, problem = [], f"{len(picture.tiles):,} tiles are too many for a {format.upper()} by Graphviz"
        remedy = "collapse scopes (collapse=True), or write an .svg"
    text = dot_of(picture, drawn) if found else ""
    for _, program in found:
        try:
            return replace_file(target, engines.draw(program, text, format, timeout))
        except EngineError as error:
            problem = str(error)
    if format == "pdf" and engine in ("auto", "builtin"):
        from flowgraph.rendering.paper import pdf_from_svg

        content = pdf_from_svg(draw_builtin(picture, drawn))
        if content is not None:
            return replace_file(target, content)
    beside = target.with_suffix(".svg")
    replace_text(beside, svg_of(picture, theme, "builtin"))
    _warn(problem, f"the picture was written as {beside.name} instead", remedy)
    return beside


def _warn(problem: str, consequence: str, remedy: str = REMEDY) -> None:
    warnings.warn(f"render: {problem}; {consequence}. To mend it, {remedy}", RenderWarning, stacklevel=2)
