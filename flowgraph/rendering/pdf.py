"""PDF without dot: the built-in SVG through svglib, which the extra `pdf` installs."""

from __future__ import annotations

import io
import re
import warnings
from importlib.util import find_spec
from pathlib import Path

from flowgraph.errors import RenderWarning

_BEYOND = re.compile("[^\x00-\xffΑ-ωϑϕ∂∑∏√∞≤≥≠≈…‘’“”–—•−→←↑↓]")
"""Letters that the fonts of every PDF reader lack."""

_FONTS = (("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"), ("arial.ttf", "arialbd.ttf"), ("Arial.ttf", "Arial Bold.ttf"))
_FOLDERS = (
    Path("/usr/share/fonts/truetype/dejavu"),
    Path("/usr/share/fonts/dejavu-sans-fonts"),
    Path("/System/Library/Fonts/Supplemental"),
    Path("C:/Windows/Fonts"),
)
_FAMILY = re.compile(r'font-family="[^"]*"')


def pdf_from_svg(svg: str) -> bytes | None:
    """The PDF of an SVG; None where svglib is not installed."""
    if find_spec("svglib") is None:
        return None
    from reportlab.graphics import renderPDF  # type: ignore[import-untyped, unused-ignore]
    from svglib.svglib import svg2rlg  # type: ignore[import-not-found, import-untyped, unused-ignore]

    missing = _BEYOND.search(svg)
    if missing is not None:
        svg = _with_own_font(svg, missing[0])
    out = io.BytesIO()
    renderPDF.drawToFile(svg2rlg(io.StringIO(svg)), out)
    return out.getvalue()


def _with_own_font(svg: str, missing: str) -> str:
    """The SVG in a font of this machine, which goes into the PDF; as it is where there is none."""
    from svglib.fonts import register_font  # type: ignore[import-not-found, import-untyped, unused-ignore]

    found = next(((folder / one, folder / bold) for folder in _folders() for one, bold in _FONTS
                  if (folder / one).is_file() and (folder / bold).is_file()), None)  # fmt: skip
    if found is None:
        warnings.warn(
            f"render: no font on this machine has the letter {missing!r}, which a PDF without Graphviz shows as a box; "
            f"install the DejaVu fonts, or write an .svg",
            RenderWarning,
            stacklevel=2,
        )
        return svg
    register_font("flowgraph", str(found[0]), "normal")
    register_font("flowgraph", str(found[1]), "bold")
    return _FAMILY.sub('font-family="flowgraph"', svg)


def _folders() -> list[Path]:
    """Where fonts are: matplotlib brings some."""
    spec = find_spec("matplotlib")
    own = [Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"] if spec is not None and spec.origin else []
    return [*own, *_FOLDERS]
