"""The pictures of a search: the best value by trial, and the values by each setting."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.errors import UsageError, install_hint
from flowgraph.saving.replacing import replace_file
from flowgraph.search.diagnosis import with_values
from flowgraph.search.result import SearchResult, Trial
from flowgraph.training.history_plot import DECADE
from flowgraph.training.picture_style import GREY, MOST_POINTS, STYLE, check_suffix, figure_bytes, logarithmic, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")

MOST_SIGNS = 24
"""Signs that labels side by side have under one panel; more are turned."""


def plot_search(result: SearchResult, path: Path) -> Path:
    """Write the picture: rounds in colours, pruned trials hollow, the best one ringed."""
    check_suffix(path)
    return replace_file(path, search_picture(result, path.suffix))


def search_picture(result: SearchResult, suffix: str) -> bytes:
    """The content of that file, by its suffix."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as missing:
        raise ImportError(f"plot: needs matplotlib; run: {install_hint('search')}") from missing
    shown = with_values(result)
    if not shown:
        raise UsageError("plot: found no trial with a value; search first")
    names = list(result.spaces[0])
    columns = min(3, len(names) + 1)
    rows = -(-(len(names) + 1) // columns)
    values = [trial.value for trial in shown if trial.value is not None]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.2 * columns, 2.7 * rows + 0.4), layout="constrained")
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in panels:
            axes.set_visible(False)
        _history(panels[0], shown, result.measure)
        panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes, name in zip(panels[1:], names, strict=False):
            _slice(axes, result, shown, name)
        if min(values) > 0 and max(values) >= DECADE * min(values):
            for axes in panels[: len(names) + 1]:
                logarithmic(axes.yaxis, max(values) / min(values))
        figure.legend(handles=_legend(shown), loc="outside upper center", ncols=4, frameon=False)
        figure.patch.set_alpha(0)
        return figure_bytes(figure, suffix)


def _legend(shown: list[Trial]) -> list[Any]:
    """The legend of the marks."""
    from matplotlib.lines import Line2D

    def mark(label: str, colour: str, face: str, size: float = 4.5) -> Line2D:
        return Line2D(
            [], [], linestyle="", marker="o", markersize=size, color=colour, markerfacecolor=face, label=label
        )

    first = COLOURS[0]
    rounds = sorted({trial.round for trial in shown})
    more = [mark(f"round {one + 1}", COLOURS[one % len(COLOURS)], COLOURS[one % len(COLOURS)]) for one in rounds]
    pruned = [mark("pruned", first, "none")] if any(trial.state == "pruned" for trial in shown) else []
    kinds = more if len(rounds) > 1 else [mark("complete", first, first)]
    return [*kinds, *pruned, mark("best", GREY, "none", 9), Line2D([], [], color=GREY, label="best so far")]


def _history(axes: Plot, shown: list[Trial], measure: str) -> None:
    best, numbers, values = math.inf, [], []
    for trial in (t for t in shown if t.state == "complete"):
        best = min(best, trial.value if trial.value is not None else math.inf)
        numbers.append(trial.number)
        values.append(best)
    axes.step(numbers, values, where="post", color=GREY)
    _points(axes, shown, [trial.number for trial in shown])
    _dress(axes, "trial", measure)


def _slice(axes: Any, result: SearchResult, shown: list[Trial], name: str) -> None:
    part = result.spaces[0][name]
    if hasattr(part, "values"):
        labels = [_label(value) for value in part.values]
        places = [part.values.index(trial.settings[name]) for trial in shown]
        axes.set_xticks(range(len(labels)), labels, rotation=0 if sum(map(len, labels)) < MOST_SIGNS else 45)
    else:
        places = [trial.settings[name] for trial in shown]
        if part.log:
            logarithmic(axes.xaxis, part.high / part.low)
    _points(axes, shown, places)
    best = result.best
    axes.scatter(places[shown.index(best)], best.value, s=90, facecolors="none", edgecolors=GREY, linewidths=1.5)
    _dress(axes, name.replace("_", " "), result.measure)


def _points(axes: Any, shown: list[Trial], places: list[Any]) -> None:
    """Marks of all trials, those of one look together."""
    looks: dict[tuple[str, str], list[int]] = {}
    for number, trial in enumerate(shown):
        colour = COLOURS[trial.round % len(COLOURS)]
        looks.setdefault((colour, colour if trial.state == "complete" else "none"), []).append(number)
    for (colour, face), numbers in looks.items():
        at = [places[number] for number in numbers], [shown[number].value for number in numbers]
        axes.scatter(*at, s=18, facecolors=face, edgecolors=colour, rasterized=len(shown) > MOST_POINTS)


def _dress(axes: Plot, across: str, up: str) -> None:
    axes.set_visible(True)
    axes.set(xlabel=plain(across), ylabel=plain(up))
    axes.spines[["top", "right"]].set_visible(False)
    axes.patch.set_alpha(0)


def _label(value: object) -> str:
    return plain(",".join(map(str, value)) if isinstance(value, tuple) else value)
