"""PDF without dot: the built-in SVG through svglib, which the extra `pdf` installs."""

from __future__ import annotations

import io
from importlib.util import find_spec


def pdf_from_svg(svg: str) -> bytes | None:
    """The PDF of an SVG; None where svglib is not installed."""
    if find_spec("svglib") is None:
        return None
    from reportlab.graphics import renderPDF  # type: ignore[import-untyped, unused-ignore]
    from svglib.svglib import svg2rlg  # type: ignore[import-not-found, import-untyped, unused-ignore]

    out = io.BytesIO()
    renderPDF.drawToFile(svg2rlg(io.StringIO(svg)), out)
    return out.getvalue()
