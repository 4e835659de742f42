"""What results of a training, of a search and of a trade-off are shown as: pictures, and cells of a notebook."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from flowgraph.box.leaves import Parameter
from flowgraph.errors import UsageError, optional
from flowgraph.markup import MOST_ROWS, fold_text, inline, table, text
from flowgraph.printable import printable
from flowgraph.rendering.value_table import HEADINGS, summary
from flowgraph.saving.replacing import ShownFile, by_suffix, replace_file

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


def picture(
    size: tuple[float, float], draw: Callable[[Any], object], suffix: str, *, who: str = "plot", extra: str = "training"
) -> bytes:
    """A picture by matplotlib as a file of this suffix, drawn on a figure of so many inches.

    The same drawing gives the same bytes of SVG. The file says in words what it shows. `extra` installs
    what is missing.
    """
    matplotlib = optional("matplotlib", f"{who}: needs matplotlib", extra)
    figures = optional("matplotlib.figure", f"{who}: needs matplotlib", extra)
    content = BytesIO()
    with matplotlib.rc_context(STYLE):
        figure = figures.Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.patch.set_alpha(0)
        said = _in_words(figure)
        about = {".svg": {"Date": None}, ".png": {"Description": said}}.get(suffix, {"Subject": said})
        figure.savefig(content, format=suffix.removeprefix("."), metadata=about)
    if suffix != ".svg":
        return content.getvalue()
    opening, _, drawn = content.getvalue().decode().partition("<svg")
    attributes, _, inside = drawn.partition(">")
    names = f"<title>{escape(said.partition(';')[0])}</title><desc>{escape(said)}</desc>"
    return f'{opening}<svg role="img"{attributes}>{names}{inside}'.encode()


def _in_words(figure: Any) -> str:
    """What the axes of a figure show, for who cannot see it: what by what, and the names of the curves."""
    told = []
    for axes in figure.axes:
        _, labels = axes.get_legend_handles_labels()
        across = axes.get_xlabel() or figure.axes[-1].get_xlabel()
        curves = f": {', '.join(labels[:MOST_LABELS])}" if labels else ""
        told.append(f"{axes.get_ylabel() or axes.get_title() or 'curves'} by {across or 'place'}{curves}")
    return printable(" ".join("; ".join(told).replace("$", "").split()))


def write_picture(path: str | os.PathLike[str], content: Callable[[str], bytes]) -> Path:
    """Write a picture, whose content is made for the suffix of its file; another suffix is refused."""
    suffix = by_suffix("plot", path, {kind: kind for kind in (".svg", ".png", ".pdf")})
    return ShownFile(replace_file(path, content(suffix)))


def bare(axes: Any) -> None:
    """Leave out the frame above and at the right, and let the page shine through."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.patch.set_alpha(0)


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


def cell_html(shown: object, svg: str | None, *parts: str, details: tuple[str, str] | None = None) -> str:
    """The text of an object as a head, its picture if it has one, more HTML, and details that a click opens.

    Without a picture the details, a name and HTML, are open.
    """
    picture = "" if svg is None else inline(svg)
    more = "" if details is None else fold_text(*details, is_open=svg is None)
    return f"<div><p><b>{text(repr(shown).strip('<>'))}</b></p>{picture}{''.join(parts)}{more}</div>"


def align_columns(lines: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """The lines of a table in a terminal, its columns from `left` on at the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = [str.ljust] * left + [str.rjust] * (len(widths) - left)
    return ["  ".join(side(c, w) for side, c, w in zip(sides, line, widths, strict=True)).rstrip() for line in lines]


def parameters_table(parameters: Sequence[Parameter]) -> str:
    """A row per parameter: its name, shape and range."""
    rows = [[parameter.name or "", type(parameter).__name__, *summary(parameter.value)] for parameter in parameters]
    return table(HEADINGS, rows, 4, MOST_ROWS)


def numbers_table(headings: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table of numbers and words, the middle left out where there are many rows."""
    cells = [["" if value is None else value_text(value) for value in row] for row in rows]
    return table([name.replace("_", " ") for name in headings], cells, 0, MOST_ROWS)


def drawn_or_none(draw: Callable[[], bytes]) -> str | None:
    """The SVG that `draw` gives; None where matplotlib is not installed."""
    try:
        return draw().decode()
    except ImportError:
        return None


def value_text(value: object, digits: int = 4) -> str:
    """A value of a setting or a measure as one writes it."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


MEASURES = ("objective", "loss", "error")
"""Measures of a history that have a panel of their own, from the top."""

DECADE = 10
"""How many times the smallest value the largest is where a logarithmic axis shows more than a linear one."""

MOST_LAYERS = 12
"""Layers that a legend names; more would cover their curves."""


def history_picture(history: Any, suffix: str, *, width: float = 7.0, log: bool = True) -> bytes:
    """The objective above, loss, error and gradient norms below, the best epoch marked, as a file of this suffix."""
    if not len(history):
        raise UsageError("plot: found a history without an epoch; train for one at least")
    panels = _panels(history)

    def draw(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, curves) in zip(rows, panels.items(), strict=True):
            _draw(axes, history, label, curves)
            values = [value for values in curves.values() for value in values if value is not None]
            if label != "error" and log and min(values) > 0 and max(values) >= DECADE * min(values):
                logarithmic(axes.yaxis, max(values) / min(values))
        figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
        rows[-1].set_xlabel("epoch")
        rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))

    return picture((width, 1.9 * len(panels) + 0.8), draw, suffix)


def _panels(history: Any) -> dict[str, dict[str, list[Any]]]:
    """What each part of the picture shows: name of the axis, curves by name."""
    panels = {measure: curves for measure in MEASURES if (curves := history.shown(measure))}
    norms = {c.removeprefix("gradient_norm "): history[c] for c in history.columns if c.startswith("gradient_norm ")}
    return panels | ({"gradient norm": norms} if norms else {})


def _draw(axes: Any, history: Any, label: str, curves: dict[str, list[Any]]) -> None:
    numbers = history["number"]
    for name, values in curves.items():
        shown = [100 * value for value in values] if label == "error" else values
        said, settings = _LINES.get(name, (plain(name), {"linewidth": 1.0}))
        axes.plot(numbers, shown, label=said, marker="." if len(numbers) == 1 else None, **settings)
    if history.best_epoch is not None:
        best = f"best {history.watch}: epoch {history.best_epoch}"
        axes.axvline(history.best_epoch, color=GREY, linestyle=":", label=best)
    if label == "error":
        axes.set_ylim(bottom=0)
    axes.set_ylabel(_UNITS.get(label, label))
    if label == "gradient norm":
        lines = axes.get_lines()[: len(curves)]
        axes.legend(
            lines[:MOST_LAYERS], list(map(plain, curves))[:MOST_LAYERS], frameon=False, fontsize="small", ncols=3
        )
    bare(axes)


_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "train": ("train (mean over the epoch)", {"color": BLUE}),
    "valid": ("valid (at its end)", {"color": VERMILION}),
}
"""What is said of the two curves: the first starts above the second, because parameters improve during an epoch."""

_UNITS = {"error": "error in %", "gradient norm": "gradient norm\n(mean over steps)"}
