"""The learning curves of a history: objective, loss, error, gradient norms by epoch, on light and dark pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.errors import UsageError, install_hint
from flowgraph.saving.replacing import replace_file
from flowgraph.training.history import MEASURES
from flowgraph.training.picture_style import BLUE, GREY, STYLE, VERMILION, check_suffix, figure_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

    from flowgraph.training.history import History

DECADE = 10
"""How many times the smallest value the largest is where a logarithmic axis shows more than a linear one."""


def plot(history: History, path: Path, *, width: float = 7.0, log: bool = True) -> Path:
    """Write the picture; the objective above, loss, error and gradient norms below, the best epoch marked."""
    check_suffix(path)
    return replace_file(path, picture(history, path.suffix, width=width, log=log))


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
        figure = Figure(figsize=(width, 2.1 * len(panels) + 0.6), layout="constrained")
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, curves) in zip(rows, panels.items(), strict=True):
            _draw(axes, history, label, curves)
            values = [value for values in curves.values() for value in values]
            if label != "error" and log and min(values) > 0 and max(values) >= DECADE * min(values):
                axes.set_yscale("log")
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
    colors = {"train": BLUE, "valid": VERMILION}
    for name, values in curves.items():
        shown = [100 * value for value in values] if label == "error" else values
        settings = {"color": colors[name]} if name in colors else {"linewidth": 1.0}
        axes.plot(numbers, shown, label=name, marker="." if len(numbers) == 1 else None, **settings)
    if history.best_epoch is not None and label != "gradient norm":
        best = f"best {history.watch}: epoch {history.best_epoch}"
        axes.axvline(history.best_epoch, color=GREY, linestyle=":", label=best)
    if label == "error":
        axes.set_ylim(bottom=0)
    axes.set_ylabel("error in %" if label == "error" else label)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.patch.set_alpha(0)
