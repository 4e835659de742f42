"""What the plots of trainings, searches and trade-offs share: colours, fonts and the formats of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowgraph.errors import UsageError

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#7B8794"
SUFFIXES = (".svg", ".png", ".pdf")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "flowgraph", "font.family": "sans-serif", "text.color": GREY,
    "axes.edgecolor": GREY, "axes.labelcolor": GREY, "xtick.color": GREY, "ytick.color": GREY,
}  # fmt: skip
"""Settings of matplotlib: legible on light and dark pages, the same bytes for the same numbers."""


def check_suffix(path: Path) -> None:
    """Refuse a file of another format."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"plot: found {path.name!r}, needs a file that ends with one of {', '.join(SUFFIXES)}")
