"""A graph becomes a file or a text: in every format by the built-in layout, or by dot where it is asked for."""

from __future__ import annotations

import functools
import importlib
import math
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.errors import RenderError, RenderWarning, UsageError, install_hint
from flowgraph.graph import Graph
from flowgraph.markup import MOST_ROWS, inline, sized_to_fit, table, text
from flowgraph.rendering import engines
from flowgraph.rendering.dot_text import dot_text, mermaid_text
from flowgraph.rendering.engines import ENGINES, EngineError
from flowgraph.rendering.fitting import Room, fit_picture, in_proportion, room_of, zoom_of
from flowgraph.rendering.formulas import plain_formula
from flowgraph.rendering.layering import Layout
from flowgraph.rendering.layout import place, turns
from flowgraph.rendering.palette import adaptive, check_theme, drawn_theme
from flowgraph.rendering.picture import Picture
from flowgraph.rendering.subject import Memory, Subject
from flowgraph.rendering.svg_text import draw_builtin, paper, svg_text
from flowgraph.rendering.tikz import MARGIN, enlarge_svg, in_print, tikz_text
from flowgraph.rendering.value_table import HEADINGS, summary
from flowgraph.rendering.viewer import interactive
from flowgraph.rendering.wording import missing_letters, shape_text
from flowgraph.saving.replacing import ShownFile, by_suffix, replace_file, replace_text

if TYPE_CHECKING:
    from flowgraph.graph import Graph
    from flowgraph.graph.graph import Grads, Run


_FONTS = (("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"), ("arial.ttf", "arialbd.ttf"), ("Arial.ttf", "Arial Bold.ttf"))
_FOLDERS = (
    Path("/usr/share/fonts/truetype/dejavu"),
    Path("/usr/share/fonts/dejavu-sans-fonts"),
    Path("/System/Library/Fonts/Supplemental"),
    Path("C:/Windows/Fonts"),
)

_ZOOM = 2
"""Pixels of a PNG to one of the SVG, along each side: screens have as many."""

_MOST_PIXELS = 40e6
"""Pixels of a PNG that is drawn so large; what has more in the SVG is smaller by as much."""

_EXTENT = re.compile(r'width="(\d+)" height="(\d+)"')
_WORDS = re.compile(r"(?<=>)[^<]+(?=</t(?:ext|span)>)|(?<=>)[^<]+(?=<tspan)")
_LETTER = '<svg xmlns="http://www.w3.org/2000/svg" width="12" height="12" font-family="Arial,sans-serif">{}</svg>'


def png_from_svg(svg: str) -> bytes | None:
    """The PNG of an SVG; None where resvg, or every font, is missing."""
    if find_spec("resvg_py") is None or not _draws_letters():
        return None
    missing = [letter for letter in dict.fromkeys("".join(_WORDS.findall(svg))) if not _has_font(letter)]
    if missing:
        warnings.warn(missing_letters("on this machine", missing), RenderWarning, stacklevel=4)
    width, height = map(int, _EXTENT.findall(svg)[0])
    return _png(svg, min(_ZOOM, math.sqrt(_MOST_PIXELS / max(width * height, 1))))


def _png(svg: str, zoom: float) -> bytes:
    from resvg_py import svg_to_bytes

    fonts = _own_fonts()
    if fonts is None:
        return bytes(svg_to_bytes(svg_string=svg, zoom=zoom))
    family = "DejaVu Sans" if "DejaVu" in fonts[0].name else "Arial"
    return bytes(svg_to_bytes(svg_string=svg, zoom=zoom, font_files=[*map(str, fonts)], sans_serif_family=family))


@functools.cache
def _draws_letters() -> bool:
    """Whether resvg finds a font: it leaves out the texts for which there is none, and says nothing."""
    return _png(_LETTER.format('<text y="9">W</text>'), 1) != _png(_LETTER.format(""), 1)


@functools.cache
def _has_font(letter: str) -> bool:
    """Whether resvg has a letter; it draws the same box for each that it has not, as for one that is none."""
    if letter.isascii():
        return True
    drawn, box = (_png(_LETTER.format(f'<text y="9">{sign}</text>'), 1) for sign in (letter, "\U0010fffd"))
    return drawn != box


def vector_from_svg(svg: str, title: str, format: str) -> bytes | None:
    """The PDF or EPS of an SVG; None where matplotlib is not installed."""
    return None if find_spec("matplotlib") is None else painting("render").vector_file([svg], title, format)


def painting(who: str) -> ModuleType:
    """What paints an SVG with matplotlib."""
    if find_spec("matplotlib") is None:
        raise RenderError(f"{who}: needs matplotlib; run: {install_hint('pdf')}")
    return importlib.import_module("flowgraph.rendering.painted")


def _own_fonts() -> tuple[Path, Path] | None:
    """The files of a font of this machine, and of its bold letters."""
    pairs = ((folder / plain, folder / bold) for folder in _folders() for plain, bold in _FONTS)
    return next((pair for pair in pairs if pair[0].is_file() and pair[1].is_file()), None)


def _folders() -> list[Path]:
    """Where fonts are: matplotlib brings some."""
    spec = find_spec("matplotlib")
    own = [Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"] if spec is not None and spec.origin else []
    return [*own, *_FOLDERS]


MOST_TILES = 2000
"""Beyond, dot is not asked for a PNG or PDF unless it is named: it would take minutes."""

FORMATS = ("svg", "png", "pdf", "eps", "dot", "html", "tex", "mmd")
_ON_PAPER = ("svg", "tex", "pdf", "eps")
_ON_SLIDES = ("svg", "png", "pdf")


def picture_of(
    graph: Graph, view: str = "forward", run: Run | None = None, grads: Grads | None = None,
    memory: Memory | None = None, **settings: Any,
) -> Picture:  # fmt: skip
    """The picture of a graph before it has places."""
    return in_proportion(Subject(graph, view, run, grads, memory=memory), **settings)


def render(
    graph: Graph,
    path: str | os.PathLike[str],
    *,
    theme: str = "auto",
    engine: str = "auto",
    timeout: float = 20,
    inches: Any = None,
    page: Any = None,
    slide: Any = None,
    **settings: Any,
) -> Path:
    """Draw a graph into a file whose suffix says the format; returns the path of what was written.

    `inches`, `page` and `slide` say what the picture is to fit, its letters large enough to read.
    """
    target = Path(path)
    format = by_suffix("render", target, {f".{name}": name for name in FORMATS})
    check_choices(theme, engine)
    room = room_of(inches, page, slide)
    if room is not None or format == "tex":
        return _fitting(graph, target, format, theme, room, settings)
    if format == "html":
        return ShownFile(replace_text(target, interactive(graph, theme=theme, **settings).text))
    picture = picture_of(graph, **settings)
    if format in ("dot", "mmd"):
        return replace_text(target, (dot_of if format == "dot" else mermaid_text)(picture, drawn_theme(theme)))
    if format == "svg":
        return ShownFile(replace_text(target, svg_of(picture, theme, engine, timeout)))
    return ShownFile(_binary(picture, target, theme, engine, timeout))


def _fitting(
    graph: Graph, target: Path, format: str, theme: str, room: Room | None, settings: Mapping[str, Any]
) -> Path:
    """Write a picture that fits a room, or TikZ to be part of a paper."""
    formats = _ON_SLIDES if room is not None and not room.in_text else _ON_PAPER
    if format not in formats:
        wanted = "slide=" if formats == _ON_SLIDES else "inches= or page="
        known = ", ".join(f".{name}" for name in formats)
        raise UsageError(f"render: found {wanted} for {target.name!r}, needs one of {known}")
    if room is None:
        picture = replace(picture_of(graph, **settings), caption=(), margin=MARGIN)
        layout = place(picture)
    else:
        picture, layout = _fit_graph(graph, room, **settings)
    drawn = svg_text(picture, layout, "print" if theme == "auto" and format == "tex" else drawn_theme(theme))
    if format == "tex":
        return replace_text(target, tikz_text(drawn))
    if room is not None and not room.in_text:
        sheet = paper(picture, layout)
        drawn = enlarge_svg(drawn, zoom_of((sheet.width, sheet.height), room))
    if format == "svg":
        svg = adaptive(drawn) if theme == "auto" else drawn
        return ShownFile(replace_text(target, in_print(svg) if room is None or room.in_text else svg))
    content = png_from_svg(drawn) if format == "png" else vector_from_svg(drawn, picture.title, format)
    if content is None:
        extra = "cli" if format == "png" else "pdf"
        raise RenderError(f"render: nothing on this machine writes {format.upper()}; run: {install_hint(extra)}")
    return ShownFile(replace_file(target, content))


def _fit_graph(
    graph: Graph, room: Room, view: str = "forward", run: Run | None = None, grads: Grads | None = None,
    memory: Memory | None = None, **settings: Any,
) -> tuple[Picture, Layout]:  # fmt: skip
    return fit_picture(Subject(graph, view, run, grads, memory=memory), room, **settings)


def check_choices(theme: str, engine: str) -> None:
    """Refuse a theme or an engine that does not exist."""
    check_theme(theme)
    if not isinstance(engine, str) or engine not in ENGINES:
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
    return painter.plot_picture(draw_builtin(picture, drawn_theme(theme)), ax)


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
