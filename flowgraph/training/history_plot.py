"""The learning curves of a history: objective, loss, error, gradient norms by epoch, on light and dark pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.errors import UsageError, install_hint
from flowgraph.saving.replacing import replace_file
from flowgraph.saving.shown import ShownFile
from flowgraph.training.history import MEASURES
from flowgraph.training.picture_style import (
    BLUE,
    GREY,
    STYLE,
    VERMILION,
    check_suffix,
    figure_bytes,
    logarithmic,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

    from flowgraph.training.history import History

DECADE = 10
"""How many times the smallest value the largest is where a logarithmic axis shows more than a linear one."""

MOST_LAYERS = 12
"""Layers that a legend names; more would cover their curves."""


def plot(history: History, path: Path, *, width: float = 7.0, log: bool = True) -> Path:
    """Write the picture; the objective above, loss, error and gradient norms below, the best epoch marked."""
    check_suffix(path)
    return ShownFile(replace_file(path, picture(history, path.suffix, width=width, log=log)))


def picture(history: History, suffix: str, *, width: float = 7.0, log: bool = True) -> bytes:
    """The content of that file, by its suffix."""
    if not len(history):
        raise UsageError("plot: found a history without an epoch; train for one at least")
    try:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise ImportError(f"plot: needs matplotlib; run: {install_hint('training')}") from None
    panels = _panels(history)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, 1.9 * len(panels) + 0.8), layout="constrained")
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, curves) in zip(rows, panels.items(), strict=True):
            _draw(axes, history, label, curves)
            values = [value for values in curves.values() for value in values if value is not None]
            if label != "error" and log and min(values) > 0 and max(values) >= DECADE * min(values):
                logarithmic(axes.yaxis, max(values) / min(values))
        figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
        rows[-1].set_xlabel("epoch")
        rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.patch.set_alpha(0)
        return figure_bytes(figure, suffix)


def _panels(history: History) -> dict[str, dict[str, list[Any]]]:
    """What each part of the picture shows: name of the axis, curves by name."""
    found = {measure: curves for measure in MEASURES if (curves := history.shown(measure))}
    norms = {c.removeprefix("gradient_norm "): history[c] for c in history.columns if c.startswith("gradient_norm ")}
    return found | ({"gradient norm": norms} if norms else {})


def _draw(axes: Plot, history: History, label: str, curves: dict[str, list[Any]]) -> None:
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
    axes.spines[["top", "right"]].set_visible(False)
    axes.patch.set_alpha(0)


_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "train": ("train (mean over the epoch)", {"color": BLUE}),
    "valid": ("valid (at its end)", {"color": VERMILION}),
}
"""What is said of the two curves: the first starts above the second, because parameters improve during an epoch."""

_UNITS = {"error": "error in %", "gradient norm": "gradient norm\n(mean over steps)"}
