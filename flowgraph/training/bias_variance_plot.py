"""The picture of a bias-variance decomposition: the falling bias, the rising variance, the error as a U above them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.errors import install_hint
from flowgraph.saving.replacing import replace_file
from flowgraph.saving.shown import ShownFile
from flowgraph.training.picture_style import (
    BLUE,
    GREY,
    MOST_LABELS,
    MOST_POINTS,
    STYLE,
    VERMILION,
    check_suffix,
    figure_bytes,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

    from flowgraph.training.bias_variance import BiasVariance

GREEN = "#009E73"


def plot(found: BiasVariance, path: Path, label: str, log: bool) -> Path:
    """Write the picture; bands are one standard error wide on both sides, the best setting is marked."""
    check_suffix(path)
    return ShownFile(replace_file(path, picture(found, path.suffix, label, log)))


def picture(found: BiasVariance, suffix: str, label: str, log: bool) -> bytes:
    """The content of that file, by its suffix."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(f"plot: needs matplotlib; run: {install_hint('training')}") from None
    numbers = all(isinstance(row.setting, int | float) and not isinstance(row.setting, bool) for row in found)
    places: list[Any] = [row.setting if numbers else i for i, row in enumerate(found)]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 4), layout="constrained")
        axes = figure.subplots()
        for name, colour in (("squared bias", BLUE), ("variance", VERMILION), ("error", GREEN)):
            _draw_curve(axes, found, places, name, colour)
        best = places[found.rows.index(found.best)]
        axes.axvline(best, color=GREY, linestyle=":", label=f"smallest error: {plain(found.best.setting)}")
        axes.set(xlabel=plain(label), ylabel="squared error", xscale="log" if log and numbers else "linear")
        axes.set_ylim(0)
        if not numbers:
            every = -(-len(places) // MOST_LABELS)
            axes.set_xticks(places[::every], [plain(row.setting) for row in found][::every])
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.patch.set_alpha(0)
        figure.patch.set_alpha(0)
        return figure_bytes(figure, suffix)


def _draw_curve(axes: Plot, found: BiasVariance, places: list[Any], name: str, colour: str) -> None:
    key = name.replace(" ", "_")
    values = [getattr(row, key) for row in found]
    spread = [row.uncertainty[key] for row in found]
    lower = [value - one for value, one in zip(values, spread, strict=True)]
    upper = [value + one for value, one in zip(values, spread, strict=True)]
    marks: dict[str, Any] = {"marker": "o", "markersize": 4} if len(places) <= MOST_POINTS else {}
    axes.plot(places, values, color=colour, label=name, **marks)
    axes.fill_between(places, lower, upper, color=colour, alpha=0.2, linewidth=0)
