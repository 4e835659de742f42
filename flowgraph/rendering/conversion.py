"""The SVG of the built-in layout as PNG, by resvg, and as PDF and EPS, by matplotlib: the same picture everywhere."""

from __future__ import annotations

import functools
import importlib
import math
import re
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from flowgraph.errors import RenderError, install_hint

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


def png_from_svg(svg: str) -> bytes | None:
    """The PNG of an SVG; None where resvg, or every font, is missing."""
    if find_spec("resvg_py") is None or not _draws_letters():
        return None
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
    square = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" font-family="Arial,sans-serif">{}</svg>'
    return _png(square.format('<text y="9">W</text>'), 1) != _png(square.format(""), 1)


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
