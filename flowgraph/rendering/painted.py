"""A picture painted by matplotlib: on axes of a user, as PDF and EPS, as the frames of a film."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from xml.etree import ElementTree

import matplotlib
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.path import Path as Outline
from matplotlib.transforms import Bbox

from flowgraph.errors import RenderWarning
from flowgraph.rendering.layering import Point
from flowgraph.rendering.measure import SPACE, text_width
from flowgraph.rendering.tikz import inches_of, pieces
from flowgraph.rendering.wording import missing_letters

_CODES = {"M": [Outline.MOVETO], "L": [Outline.LINETO], "C": [Outline.CURVE4] * 3}
_CIRCLE = 0.5523
"""Of a radius, how far the inner points of a cubic stand from the ends of a quarter of a circle."""

_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Arial Unicode MS", "Microsoft YaHei", "Noto Sans")
"""matplotlib brings the first; letters that it lacks are looked for in the others, where they are installed."""

_EMBEDDED: dict[Any, Any] = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none", "path.simplify": False}
"""Letters stay letters: they can be searched and copied, and publishers take the fonts."""


class Shape(NamedTuple):
    """An outline to fill and to draw, in colours that may be none."""

    outline: Outline
    fill: str
    line: str
    width: float
    dashes: tuple[float, ...]
    opacity: float


class Words(NamedTuple):
    """A text on a line, in a colour; `bold` is its weight."""

    at: Point
    text: str
    size: float
    bold: bool
    colour: str
    opacity: float


class Painted(Artist):
    """An SVG that `svg_text` wrote as one artist; its letters and lines are as large as the axes make the picture.

    Parameters
    ----------
    svg : str
        The SVG.
    """

    def __init__(self, svg: str) -> None:
        super().__init__()
        root = ElementTree.fromstring(svg)
        self.parts = list(_parts(root, 1.0))
        left, top, width, height = map(float, root.attrib["viewBox"].split())
        self.sides = (left, left + width), (top + height, top)
        self.description = next((part.text or "" for part in root if part.tag.endswith("}desc")), "")
        self.family = [name for name in _FONTS if name in {font.name for font in fontManager.ttflist}]

    def put_on(self, axes: Any) -> None:
        """Fill the axes with the picture, in its own proportions, and let their label be its description."""
        axes.set(xlim=self.sides[0], ylim=self.sides[1], aspect="equal", label=self.description)
        axes.set_axis_off()
        axes.add_artist(self)

    def get_window_extent(self, renderer: Any = None) -> Bbox:
        """The room that it takes: that of its axes."""
        return self.axes.bbox if self.axes is not None else Bbox.null()

    def draw(self, renderer: Any) -> None:
        """Paint all parts in their order."""
        if self.axes is None or not self.get_visible():
            return
        to_display = self.axes.transData
        (x, _), (x1, _) = to_display.transform([(0, 0), (1, 0)])
        points = (x1 - x) / renderer.points_to_pixels(1.0)
        _, height = renderer.get_canvas_width_height()
        for part in self.parts:
            context = renderer.new_gc()
            context.set_clip_rectangle(self.axes.bbox)
            context.set_alpha(part.opacity)
            if isinstance(part, Shape):
                context.set_foreground(part.line or "none")
                context.set_linewidth(part.width * points if part.line else 0)
                if part.dashes:
                    context.set_dashes(0, [length * points for length in part.dashes])
                fill = to_rgba(part.fill, part.opacity) if part.fill else None
                renderer.draw_path(context, part.outline, to_display, fill)
            else:
                context.set_foreground(part.colour)
                x, y = to_display.transform(part.at)
                font = self._font(renderer, part, points)
                renderer.draw_text(context, x, height - y if renderer.flipy() else y, part.text, font, 0.0)
            context.restore()

    def _font(self, renderer: Any, words: Words, points: float) -> FontProperties:
        """The font in which the words have the room that the layout gave them."""
        font = FontProperties(family=self.family, weight="bold" if words.bold else "normal", size=words.size * points)
        wide = renderer.get_text_width_height_descent(words.text, font, False)[0] / renderer.points_to_pixels(1.0)
        room = text_width(words.text, words.size, words.bold) * points
        font.set_size(words.size * points * min(1.0, room / max(wide, 1e-9)))
        return font


def _parts(element: ElementTree.Element, opacity: float) -> Iterator[Shape | Words]:
    """The shapes and the words of an SVG in the order in which they are painted."""
    for part in element:
        kind, shown = part.tag.rpartition("}")[2], opacity * float(part.get("opacity", "1"))
        if not shown or "display:none" in part.get("style", ""):
            continue
        if kind == "g":
            yield from _parts(part, shown)
        elif kind == "text":
            yield from _words(part, shown)
        elif kind in _OUTLINES:
            fill, line = (part.get(name, "none").replace("none", "") for name in ("fill", "stroke"))
            dashes = tuple(map(float, part.get("stroke-dasharray", "").split()))
            width = float(part.get("stroke-width", "1"))
            yield Shape(_OUTLINES[kind](part.attrib), fill, line, width, dashes, shown)


def _words(part: ElementTree.Element, opacity: float) -> Iterator[Words]:
    """A text, and the pieces of it that stand behind it or below."""
    size, bold = float(part.get("font-size", "10")), part.get("font-weight") == "bold"
    x, y = float(part.get("x", "0")), float(part.get("y", "0"))
    for piece in (part, *part):
        strong = bold and piece.get("font-weight") != "normal"
        x, y = float(piece.get("x", x)), float(piece.get("y", y))
        if (piece.text or "").strip():
            yield Words((x, y), piece.text or "", size, strong, part.get("fill", "#000000"), opacity)
        x += text_width(piece.text or "", size, strong) + SPACE


def _rectangle(attributes: dict[str, str]) -> Outline:
    x, y, width, height = (float(attributes[name]) for name in ("x", "y", "width", "height"))
    r = min(float(attributes.get("rx", "0")), width / 2, height / 2)
    if not r:
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        return Outline([*corners, corners[0]], closed=True)
    points: list[Point] = [(x + r, y)]
    codes = [Outline.MOVETO]
    for cx, cy, a, b, c, d in (
        (x + width - r, y + r, 0, -1, 1, 0), (x + width - r, y + height - r, 1, 0, 0, 1),
        (x + r, y + height - r, 0, 1, -1, 0), (x + r, y + r, -1, 0, 0, -1),
    ):  # fmt: skip
        start, end = (cx + r * a, cy + r * b), (cx + r * c, cy + r * d)
        inner = [(one[0] + _CIRCLE * r * u, one[1] + _CIRCLE * r * v) for one, u, v in ((start, c, d), (end, a, b))]
        points += [start, *inner, end]
        codes += [Outline.LINETO, *_CODES["C"]]
    return Outline([*points, points[0]], [*codes, Outline.CLOSEPOLY])


def _polygon(attributes: dict[str, str]) -> Outline:
    corners = [tuple(map(float, re.split("[, ]", corner))) for corner in attributes["points"].split(" ")]
    return Outline([*corners, corners[0]], closed=True)


def _path(attributes: dict[str, str]) -> Outline:
    drawn = list(pieces(attributes["d"]))
    return Outline([at for _, points in drawn for at in points], [code for name, _ in drawn for code in _CODES[name]])


_OUTLINES = {"rect": _rectangle, "polygon": _polygon, "path": _path}


def figure_of(svg: str) -> Figure:
    """A figure of nothing but the picture, its smallest letters as high as `paper.POINTS` says."""
    painted = Painted(svg)
    (left, right), (bottom, top) = painted.sides
    figure = Figure(figsize=(inches_of(right - left), inches_of(bottom - top)))
    painted.put_on(figure.add_axes((0, 0, 1, 1)))
    return figure


def plot_picture(svg: str, axes: Any = None) -> Any:
    """The axes on which the picture is painted; without axes those of a new figure, which pyplot shows."""
    painted = Painted(svg)
    if axes is None:
        from matplotlib import pyplot

        (left, right), (bottom, top) = painted.sides
        _, axes = pyplot.subplots(figsize=(inches_of(right - left), inches_of(bottom - top)), layout="compressed")
    painted.put_on(axes)
    return axes


@contextmanager
def _missing_letters_told() -> Iterator[None]:
    """One warning for the letters that no font has, in place of one by matplotlib for each."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield
    missing = [match[0] for warning in said if (match := re.search(r"Glyph (\d+)", str(warning.message)))]
    if missing:
        letters = (chr(int(glyph.split()[1])) for glyph in missing)
        warnings.warn(missing_letters("that matplotlib finds", letters), RenderWarning, stacklevel=4)


def vector_file(svgs: Sequence[str], title: str, format: str = "pdf") -> bytes:
    """A PDF with a page for each picture, or the EPS of one."""
    content = io.BytesIO()
    with matplotlib.rc_context(_EMBEDDED), _missing_letters_told():
        if format == "eps":
            figure_of(svgs[0]).savefig(content, format="eps", metadata={"Creator": title})
        else:
            about = {"Title": title, "Subject": Painted(svgs[-1]).description, "CreationDate": None}
            with PdfPages(content, metadata=about) as pages:
                for svg in svgs:
                    figure_of(svg).savefig(pages, format="pdf")
    return content.getvalue()


def frames(svgs: Sequence[str], zoom: float) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Width and height in pixels, and the pixels in RGBA, of each picture, so many to one of the SVG."""
    for svg in svgs:
        figure = figure_of(svg)
        figure.set_dpi(zoom / inches_of(1.0))
        canvas: Any = FigureCanvasAgg(figure)  # type: ignore[no-untyped-call, unused-ignore]
        with _missing_letters_told():
            canvas.draw()
        yield canvas.get_width_height(), bytes(canvas.buffer_rgba())
