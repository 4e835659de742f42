"""A picture for a paper: of a width in print, and as TikZ, in the font of the document, without a preamble."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from flowgraph.rendering.layering import Point

_COMMAND = re.compile(r"([MLCQHVhvq])([-\d. ]*)")
_MATH = {
    "×": r"\times", "→": r"\to", "·": r"\cdot", "−": "-", "÷": r"\div", "√": r"\surd", "∂": r"\partial", "∇": r"\nabla",
    "σ": r"\sigma", "Σ": r"\Sigma", "∑": r"\sum", "‖": r"\|", "≤": r"\le", "≥": r"\ge", "≈": r"\approx", "±": r"\pm",
    "½": r"\frac12", "∞": r"\infty", "ᵀ": r"^{\mathsf T}", "⊙": r"\odot",
    **{sign: f"_{number}" for number, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{sign: f"^{number}" for number, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}, "⁽": "^(", "⁾": "^)",
}  # fmt: skip
_TEXT = {
    **{sign: f"\\{sign}" for sign in "#$%&_{}"},
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "…": r"\dots{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip


def tikz_text(svg: str) -> str:
    """A tikzpicture of an SVG that `svg_text` wrote, its smallest letters as high as `paper.POINTS` says.

    It needs \\usepackage{tikz} and T1 fonts.
    """
    colours: dict[str, str] = {}
    body = "\n".join(_paint(ElementTree.fromstring(svg), colours))
    defined = "".join(f"\\definecolor{{{name}}}{{HTML}}{{{hex[1:]}}}%\n" for hex, name in colours.items())
    options = f"[x={_UNIT:g}pt,y=-{_UNIT:g}pt,every node/.style={{inner sep=0pt,anchor=base west}}]"
    return f"{defined}\\begin{{tikzpicture}}{options}\n{body}\n\\end{{tikzpicture}}%\n"


def _paint(root: ElementTree.Element, colours: dict[str, str]) -> Iterator[str]:
    """One command for each shape and each text, in the order in which they are painted."""
    writer = {"rect": _rectangle, "path": _path, "polygon": _polygon}
    for part in root.iter():
        kind = part.tag.rpartition("}")[2]
        if kind in writer and part.get("class") != "paper":
            yield f"\\path[{_style(part, colours)}] {writer[kind](part)};"
        elif kind == "text":
            yield from _text(part, colours)


def _colour(hex: str, colours: dict[str, str]) -> str:
    return colours.setdefault(hex, f"flowgraph{len(colours)}")


def _style(part: ElementTree.Element, colours: dict[str, str]) -> str:
    words = [f"fill={_colour(part.attrib['fill'], colours)}"] if part.get("fill", "none") != "none" else []
    if part.get("stroke"):
        width = float(part.get("stroke-width", "1")) * _UNIT
        words += [f"draw={_colour(part.attrib['stroke'], colours)}", f"line width={width:.2f}pt"]
    if part.get("stroke-dasharray"):
        on, off = (float(length) * _UNIT for length in part.attrib["stroke-dasharray"].split())
        words.append(f"dash pattern=on {on:.2f}pt off {off:.2f}pt")
    if part.get("rx"):
        words.append(f"rounded corners={float(part.attrib['rx']) * _UNIT:.1f}pt")
    return ",".join(words)


def _rectangle(part: ElementTree.Element) -> str:
    x, y, width, height = (float(part.attrib[name]) for name in ("x", "y", "width", "height"))
    return f"({x:.1f},{y:.1f}) rectangle ({x + width:.1f},{y + height:.1f})"


def _polygon(part: ElementTree.Element) -> str:
    return " -- ".join(f"({corner})" for corner in part.attrib["points"].split()) + " -- cycle"


def _path(part: ElementTree.Element) -> str:
    commands: list[str] = []
    for command, points in pieces(part.attrib["d"]):
        end = f"({points[-1][0]:.1f},{points[-1][1]:.1f})"
        bend = " and ".join(f"({a:.1f},{b:.1f})" for a, b in points[:-1])
        commands.append(f".. controls {bend} .. {end}" if bend else end if command == "M" else f"-- {end}")
    return " ".join(commands)


def pieces(path: str) -> Iterator[tuple[str, list[Point]]]:
    """The commands of a path of an SVG: M and L with a point, C with the three of a cubic.

    A parabola is the cubic whose inner points are at two thirds of the way.
    """
    x = y = 0.0
    for command, text in _COMMAND.findall(path):
        ends = _ends(command, [float(number) for number in text.split()], x, y)
        if command in "Qq":
            (a, b), (c, d) = ends
            ends = [((x + 2 * a) / 3, (y + 2 * b) / 3), ((c + 2 * a) / 3, (d + 2 * b) / 3), (c, d)]
        x, y = ends[-1]
        yield "C" if len(ends) == 3 else "M" if command == "M" else "L", ends


def _ends(command: str, numbers: list[float], x: float, y: float) -> list[Point]:
    """The points of a command, from where the path stands."""
    if command in "Hh":
        return [(numbers[0] + x * (command == "h"), y)]
    if command in "Vv":
        return [(x, numbers[0] + y * (command == "v"))]
    base = (x, y) if command.islower() else (0.0, 0.0)
    return [(base[0] + a, base[1] + b) for a, b in zip(numbers[::2], numbers[1::2], strict=True)]


def _text(part: ElementTree.Element, colours: dict[str, str]) -> Iterator[str]:
    pieces = [part.text or "", *(f"  {inner.text or ''}" for inner in part)]
    size = float(part.get("font-size", SMALLEST)) * _UNIT
    bold = r"\bfseries" if part.get("font-weight") == "bold" else ""
    font = rf"\fontsize{{{size:.1f}}}{{{1.2 * size:.1f}}}\selectfont{bold}"
    words = "".join(map(_tex, "".join(pieces))).strip()
    if words:
        at = f"({float(part.attrib['x']):.1f},{float(part.attrib['y']):.1f})"
        yield rf"\node[text={_colour(part.attrib['fill'], colours)},font={font}] at {at} {{{words}}};"


def _tex(sign: str) -> str:
    return rf"\ensuremath{{{_MATH[sign]}}}" if sign in _MATH else _TEXT.get(sign, sign)


SMALLEST = 10.0
"""Pixels of the smallest letters of a picture."""

POINTS = 7.0
"""Points of the smallest letters that journals print: 5 to 8 are asked for."""

_UNIT = POINTS / SMALLEST

MARGIN = 3.0
"""Pixels around a picture in a paper, for the lines of the outermost tiles; the paper has a margin of its own."""

_SIZE = re.compile(r'\b(width|height)="([\d.]+)"')


def inches_of(pixels: float) -> float:
    """The size in print at which the smallest letters have `POINTS`."""
    return pixels * POINTS / SMALLEST / 72


def in_print(svg: str) -> str:
    """An SVG with its size in inches in place of pixels."""
    return _SIZE.sub(lambda match: f'{match[1]}="{inches_of(float(match[2])):.3f}in"', svg, count=2)


def enlarge_svg(svg: str, zoom: float) -> str:
    """An SVG so many times as large."""
    return _SIZE.sub(lambda match: f'{match[1]}="{math.floor(float(match[2]) * zoom)}"', svg, count=2)
