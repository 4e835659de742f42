"""A graph becomes a file: in every format by the built-in layout, or by dot where it is asked for."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.errors import RenderWarning, UsageError, install_hint
from flowgraph.rendering import engines
from flowgraph.rendering.compose import compose
from flowgraph.rendering.conversion import painting, png_from_svg, vector_from_svg
from flowgraph.rendering.dot_text import dot_text
from flowgraph.rendering.engines import ENGINES, EngineError
from flowgraph.rendering.layout import place, turns
from flowgraph.rendering.mermaid import mermaid_text
from flowgraph.rendering.palette import adaptive, check_theme, drawn_theme
from flowgraph.rendering.paper import MARGIN, POINTS, fitted, in_print, inches_of
from flowgraph.rendering.picture import Picture
from flowgraph.rendering.subject import Memory, Subject
from flowgraph.rendering.svg_text import draw_builtin, svg_text
from flowgraph.rendering.tikz import tikz_text
from flowgraph.rendering.viewer import interactive
from flowgraph.saving.formats import by_suffix
from flowgraph.saving.replacing import replace_file, replace_text
from flowgraph.saving.shown import ShownFile

if TYPE_CHECKING:
    from flowgraph.graph import Graph
    from flowgraph.graph.graph import Grads, Run

MOST_TILES = 2000
"""Beyond, dot is not asked for a PNG or PDF unless it is named: it would take minutes."""

FORMATS = ("svg", "png", "pdf", "eps", "dot", "html", "tex", "mmd")
_ON_PAPER = ("svg", "tex", "pdf", "eps")


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

    `inches` is the width of the column of a paper that an .svg, .pdf, .eps or .tex is to fit, its letters large
    enough to read.
    """
    target = Path(path)
    format = by_suffix("render", target, {f".{name}": name for name in FORMATS})
    check_choices(theme, engine)
    if inches is not None or format == "tex":
        return _for_paper(target, format, picture_of(graph, **settings), theme, inches)
    if format == "html":
        return ShownFile(replace_text(target, interactive(graph, theme=theme, **settings).text))
    picture = picture_of(graph, **settings)
    if format in ("dot", "mmd"):
        return replace_text(target, (dot_of if format == "dot" else mermaid_text)(picture, drawn_theme(theme)))
    if format == "svg":
        return ShownFile(replace_text(target, svg_of(picture, theme, engine, timeout)))
    return ShownFile(_binary(picture, target, theme, engine, timeout))


def _for_paper(target: Path, format: str, picture: Picture, theme: str, inches: float | None) -> Path:
    """Write a picture of a width in print, or TikZ to be part of a paper, without the lines under the picture."""
    if inches is not None and (format not in _ON_PAPER or inches <= 0):
        raise UsageError(
            f"render: found inches={inches!r} for {target.name!r}, needs a positive width of an .svg, .pdf, .eps or "
            f".tex"
        )
    picture = replace(picture, caption=(), margin=MARGIN)
    picture, layout = (picture, place(picture)) if inches is None else fitted(picture, inches)
    wide = inches_of(layout.width + 2 * picture.margin)
    if inches is not None and wide > inches + 0.005:
        problem = f"render: at letters of {POINTS:g} pt the picture is {wide:.2f} inches wide, not {inches:g}"
        warnings.warn(f"{problem}; show less of it (collapse=, depth=, detail='rows')", RenderWarning, stacklevel=4)
    svg = svg_text(picture, layout, "print" if theme == "auto" and format == "tex" else drawn_theme(theme))
    if format == "tex":
        return replace_text(target, tikz_text(svg))
    if format in ("pdf", "eps"):
        return ShownFile(replace_file(target, painting("render").vector_file([svg], picture.title, format)))
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
    drawing = _by_dot(picture, drawn, "svg", timeout) if engine == "dot" else None
    if isinstance(drawing, str):
        _warn(drawing, "drawn by the built-in layout instead", "svg")
    svg = drawing.decode() if isinstance(drawing, bytes) else draw_builtin(picture, drawn)
    return adaptive(svg) if theme == "auto" else svg


def dot_of(picture: Picture, theme: str) -> str:
    """The picture as DOT text, folded where the built-in layout folds it."""
    return dot_text(picture, theme, turns(picture))


def _by_dot(picture: Picture, theme: str, format: str, timeout: float) -> bytes | str:
    """What dot makes of a picture, or why it makes nothing."""
    program = engines.find()
    if program is None:
        return "the engine 'dot' is not on this machine"
    try:
        return engines.draw(program, dot_of(picture, theme), format, timeout)
    except EngineError as error:
        return str(error)


def _binary(picture: Picture, target: Path, theme: str, engine: str, timeout: float) -> Path:
    """Write a PNG, PDF or EPS; where neither the converter nor dot is there, an SVG beside it."""
    format, drawn = target.suffix.lower().removeprefix("."), drawn_theme(theme)
    content: bytes | str | None = None
    if engine != "dot":
        svg = draw_builtin(picture, drawn)
        content = png_from_svg(svg) if format == "png" else vector_from_svg(svg, picture.title, format)
    if content is None and (engine == "dot" or len(picture.tiles) <= MOST_TILES):
        content = _by_dot(picture, drawn, format, timeout)
    if isinstance(content, bytes):
        return replace_file(target, content)
    beside = target.with_suffix(".svg")
    replace_text(beside, svg_of(picture, theme, "builtin"))
    problem = content if engine == "dot" else f"nothing on this machine writes {format.upper()}"
    _warn(str(problem), f"the picture was written as {beside.name} instead", format)
    return beside


def _warn(problem: str, consequence: str, format: str) -> None:
    extra = {"png": "cli", "pdf": "pdf", "eps": "pdf"}.get(format)
    remedy = f", or run: {install_hint(extra)}" if extra else ""
    warnings.warn(
        f"render: {problem}; {consequence}. To mend it, install Graphviz (https://graphviz.org/download), set "
        f"FLOWGRAPH_DOT to its dot program{remedy}",
        RenderWarning,
        stacklevel=2,
    )
