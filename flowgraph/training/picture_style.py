"""What the plots of trainings, searches and trade-offs share: colours, fonts and the formats of their files."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.printable import printable
from flowgraph.saving.formats import by_suffix
from flowgraph.saving.replacing import replace_file
from flowgraph.saving.shown import ShownFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#7B8794"
MOST_LABELS = 24
"""Labels of values that are no numbers below an axis; more would run into each other, and some are left out."""

LONGEST_LABEL = 32
"""Signs of a label: a third of the width of a plot."""

MOST_POINTS = 200
"""Points that a picture holds as shapes of their own; more are drawn as one image, so that its file stays small."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "flowgraph", "font.family": "sans-serif", "text.color": GREY,
    "axes.edgecolor": GREY, "axes.labelcolor": GREY, "xtick.color": GREY, "ytick.color": GREY,
}  # fmt: skip
"""Settings of matplotlib: legible on light and dark pages, the same bytes for the same numbers."""


def figure_bytes(figure: Figure, suffix: str) -> bytes:
    """The file of a figure of matplotlib, by its suffix; the same figure gives the same bytes of SVG."""
    content = BytesIO()
    undated: dict[str, Any] = {"metadata": {"Date": None}} if suffix == ".svg" else {}
    figure.savefig(content, format=suffix.removeprefix("."), **undated)
    return content.getvalue()


def logarithmic(axis: Any, ratio: float) -> None:
    """Make an axis of matplotlib logarithmic, with numbers such as 0.05 at its ticks.

    `ratio` is how many times its smallest value the largest is: under two decades 2 and 5 are marked too.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    {"x": axis.axes.set_xscale, "y": axis.axes.set_yscale}[axis.axis_name]("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ratio < 100 else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def plain(label: object) -> str:
    """A label as it is written, the rest of a long one left out.

    matplotlib would read a formula between two dollar signs, and shrink the plot for a label as long as itself.
    """
    shown = printable(str(label))
    return (shown if len(shown) <= LONGEST_LABEL else f"{shown[: LONGEST_LABEL - 1]}…").replace("$", r"\$")


def write_picture(path: Path, picture: Callable[[str], bytes]) -> Path:
    """Write what is drawn for a suffix, that of the path; any other than .svg, .png and .pdf is refused."""
    suffix = by_suffix("plot", path, {one: one for one in (".svg", ".png", ".pdf")})
    return ShownFile(replace_file(path, picture(suffix)))
