"""What a search found: trials with their settings and values, the best, and what they say; tables and pictures."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.errors import UsageError, optional
from flowgraph.saving.replacing import replace_table
from flowgraph.search.space import Space
from flowgraph.training.display import (
    DECADE,
    GREY,
    MOST_POINTS,
    bare,
    cell_html,
    drawn_or_none,
    logarithmic,
    numbers_table,
    picture,
    plain,
    value_text,
    write_picture,
)
from flowgraph.training.history import Advice, Diagnosis, Finding

GROUPS = 4
"""Groups of equal size that the values of a range are sorted into: 20 trials, few for a search, make 5 in each."""

CLOSE = 0.05
"""Share of the best value within which another trial is as good, where one seed decides between them."""

LATE = 0.8
"""Share of the trials after which the best one is so late that more trials are likely to find a better one."""

FEWEST = 8
"""Trials with a value from which it can be said what a setting does: two in each group."""


@dataclass(frozen=True)
class Influence:
    """The influence of one setting on the result.

    `explained` is the share of the variance of the ranks of all trials that lies between the groups of its values,
    `by_chance` the share that groups of this size explain where the setting does nothing. `best_group` are the values
    in the group with the best mean rank.
    """

    name: str
    explained: float
    by_chance: float
    best_group: tuple[Any, Any]


def influences(result: SearchResult) -> list[Influence]:
    """The settings, those that explain more of the differences between trials first."""
    shown = with_values(result)
    if len(shown) < FEWEST:
        return []
    order = sorted(shown, key=lambda trial: (trial.value, trial.number))
    rank = {trial.number: place for place, trial in enumerate(order)}
    parts = [_influence(name, part, shown, rank) for name, part in result.spaces[0].items()]
    return sorted((part for part in parts if part is not None), key=lambda part: part.by_chance - part.explained)


def with_values(result: SearchResult) -> list[Trial]:
    """The trials with a finite value."""
    return [trial for trial in result.trials if trial.value is not None and math.isfinite(trial.value)]


def _influence(name: str, part: Any, shown: Sequence[Trial], rank: dict[int, int]) -> Influence | None:
    groups = _groups(name, part, shown)
    if len(groups) < 2:
        return None
    overall = statistics.fmean(rank.values())
    means = [statistics.fmean(rank[trial.number] for trial in group) for group in groups]
    total = sum((place - overall) ** 2 for place in rank.values())
    between = sum(len(group) * (mean - overall) ** 2 for group, mean in zip(groups, means, strict=True))
    best = [trial.settings[name] for trial in groups[int(np.argmin(means))]]
    ends = (best[0], best[-1]) if hasattr(part, "low") else (best[0], best[0])
    return Influence(name, between / total, (len(groups) - 1) / (len(shown) - 1), ends)


def _groups(name: str, part: Any, shown: Sequence[Trial]) -> list[list[Trial]]:
    """Trials by the value of a setting, or in groups of neighbouring values of a range; none is empty."""
    if hasattr(part, "low"):
        ordered = sorted(shown, key=lambda trial: trial.settings[name])
        places = np.array_split(np.arange(len(ordered)), GROUPS)
        return [[ordered[int(place)] for place in places_] for places_ in places if len(places_)]
    groups = [[trial for trial in shown if trial.settings[name] == value] for value in part.values]
    return [group for group in groups if group]


def diagnose_search(result: SearchResult) -> Diagnosis:
    """Which trial was best and why, how clearly, whether ranges and trials were enough."""
    if not any(trial.state == "complete" and trial.value is not None for trial in result.trials):
        reason = next((trial.reason for trial in result.trials if trial.reason), "none was run")
        return Diagnosis((Finding("Which trial was best?", "None came to its end.", f"The reason: {reason}.", False),))
    findings = (_best(result), _why(result), _margin(result), _ranges(result), _enough(result))
    return Diagnosis(tuple(finding for finding in findings if finding is not None))


def _best(result: SearchResult) -> Finding:
    best, values = result.best, [trial.value for trial in result.trials if trial.state == "complete"]
    settings = ", ".join(f"{_words(name)} {value_text(value, 3)}" for name, value in best.settings.items())
    middle = statistics.median(value for value in values if value is not None)
    return Finding(
        "Which trial was best?", f"Trial {best.number}: {settings}.",
        f"Its {result.measure} is {best.value:.4g}; the median of the {len(values)} complete trials is {middle:.4g}.",
        True,
    )  # fmt: skip


def _why(result: SearchResult) -> Finding | None:
    question, strongest = "Why?", influences(result)
    if not strongest:
        return None
    told = "; ".join(
        f"{_words(part.name)} explains {part.explained:.0%} of the differences between trials ({part.by_chance:.0%} by "
        f"chance), best {_range_text(part.best_group)}"
        for part in strongest
    )
    first = strongest[0]
    if first.explained <= 2 * first.by_chance:
        return Finding(question, "No setting stands out by itself.", f"By the ranks of the trials, {told}.", None)
    return Finding(question, f"Most depends on {_words(first.name)}.", f"By the ranks of the trials, {told}.", True)


def _margin(result: SearchResult) -> Finding | None:
    best = result.best
    others = [trial for trial in with_values(result) if trial.state == "complete" and trial is not best]
    if not others or best.value is None:
        return None
    near = [
        trial for trial in others if trial.value is not None and trial.value - best.value <= CLOSE * abs(best.value)
    ]
    question = "Is it the best by a clear margin?"
    if near:
        numbers = ", ".join(str(trial.number) for trial in near[:5]) + ", ..." * (len(near) > 5)
        return Finding(
            question, "No.",
            f"{len(near)} more within {CLOSE:.0%} of it ({numbers}): another seed may well choose another of them.",
            None,
        )  # fmt: skip
    second = min(others, key=lambda trial: (trial.value, trial.number))
    return Finding(question, "Yes.", f"The next is trial {second.number} with {second.value:.4g}.", True)


def _ranges(result: SearchResult) -> Finding | None:
    if not any(hasattr(part, "low") for part in result.spaces[0].values()):
        return None
    edges, question = result.at_the_edge, "Were the ranges wide enough?"
    if not edges:
        return Finding(question, "Yes.", "The best value of no setting is at the end of its range.", True)
    told = ", ".join(f"{_words(name)} {value_text(result.best.settings[name], 3)}" for name in edges)
    advice = tuple(Advice(f"a wider range of {_words(name)}: {_wider(result, name)}") for name in edges)
    return Finding(question, "No.", f"At the end of its range: {told}. A better one may lie outside.", False, advice)


def _enough(result: SearchResult) -> Finding:
    count, states = len(result.trials), [trial.state for trial in result.trials]
    place = 1 + [trial.number for trial in result.trials].index(result.best.number)
    told = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    evidence = f"The best was number {place} of {count} ({told})."
    if count >= FEWEST and place > LATE * count:
        return Finding(
            "Were there enough trials?", "Perhaps not.", f"{evidence} It came late, so a better one is likely.", False,
            (Advice(f"more trials: the same search with {2 * count}"),),
        )  # fmt: skip
    few = count < FEWEST
    return Finding(
        "Were there enough trials?", "That is few." if few else "It seems so.", evidence, None if few else True
    )


def _wider(result: SearchResult, name: str) -> str:
    """The range moved on by its own width at the end where the best value is, as the command line takes it."""
    part: Any = result.spaces[0][name]
    low, high, best = (part._place(number) for number in (part.low, part.high, result.best.settings[name]))
    ends = (part.low, part._number(high + (high - low))) if high - best < best - low else (
        part._number(low - (high - low)), part.high
    )  # fmt: skip
    return f"-s {name}={'log:' * part.log}{ends[0]:.3g}..{ends[1]:.3g}"


def _range_text(ends: tuple[Any, Any]) -> str:
    first, last = (value_text(end, 3) for end in ends)
    return first if ends[0] == ends[1] else f"from {first} to {last}"


def _words(name: str) -> str:
    return name.replace("_", " ")


COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")

MOST_SIGNS = 24
"""Signs that labels side by side have under one panel; more are turned."""


def search_picture(result: SearchResult, suffix: str) -> bytes:
    """The picture as a file of this suffix: rounds in colours, pruned trials hollow, the best one ringed."""
    shown = with_values(result)
    if not shown:
        raise UsageError("plot: found no trial with a value; search first")
    names = list(result.spaces[0])
    columns = min(3, len(names) + 1)
    rows = -(-(len(names) + 1) // columns)
    values = [trial.value for trial in shown if trial.value is not None]

    def draw(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

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

    return picture((3.2 * columns, 2.7 * rows + 0.4), draw, suffix, extra="search")


def _legend(shown: list[Trial]) -> list[Any]:
    """The legend of the marks."""
    from matplotlib.lines import Line2D

    def mark(label: str, colour: str, face: str, size: float = 4.5) -> Line2D:
        return Line2D(
            [], [], linestyle="", marker="o", markersize=size, color=colour, markerfacecolor=face, label=label
        )

    first = COLOURS[0]
    rounds = sorted({trial.round for trial in shown})
    more = [
        mark(f"round {round + 1}", COLOURS[round % len(COLOURS)], COLOURS[round % len(COLOURS)]) for round in rounds
    ]
    pruned = [mark("pruned", first, "none")] if any(trial.state == "pruned" for trial in shown) else []
    kinds = more if len(rounds) > 1 else [mark("complete", first, first)]
    return [*kinds, *pruned, mark("best", GREY, "none", 9), Line2D([], [], color=GREY, label="best so far")]


def _history(axes: Any, shown: list[Trial], measure: str) -> None:
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


def _dress(axes: Any, across: str, up: str) -> None:
    axes.set_visible(True)
    axes.set(xlabel=plain(across), ylabel=plain(up))
    bare(axes)


def _label(value: object) -> str:
    return plain(",".join(map(str, value)) if isinstance(value, tuple) else value)


@dataclass(frozen=True)
class Trial:
    """One training: its settings, its state (complete, pruned, failed, running), its value, which is smaller if better.

    A pruned trial has the best value that it had reached; `round` counts the refinements before it, `reason` says why
    it failed.

    Parameters
    ----------
    number : int
        Number of the trial, counted from 0.
    settings : dict
        The settings that were tried.
    state : {'complete', 'pruned', 'failed', 'running'}
        What became of it.
    value : float or None
        What is minimised, in the unit of the measure.
    round : int
        Number of refinements before it.
    seconds : float, optional
        How long it took.
    reason : str, default ''
        Why it failed.

    Examples
    --------
    >>> from flowgraph.search import Trial
    >>> Trial(0, {"l2": 1e-4}, "complete", 0.25, 0).value
    0.25
    """

    number: int
    settings: dict[str, Any]
    state: str
    value: float | None
    round: int
    seconds: float | None = None
    reason: str = ""


class SearchResult:
    """The trials of a search; `best` is the complete one with the smallest value.

    Parameters
    ----------
    trials : sequence of Trial
        The trials, in order.
    spaces : sequence of Space
        The space of each round.
    measure : str, default 'value'
        What the value is called in tables.

    Examples
    --------
    >>> from flowgraph.search import Choice, search
    >>> result = search(lambda settings, attempt: settings["a"] ** 2, {"a": Choice((1, 2))}, sampler="grid", trials=2)
    >>> result.best.settings, result.best.value
    ({'a': 1}, 1.0)
    """

    def __init__(self, trials: Sequence[Trial], spaces: Sequence[Space], measure: str = "value") -> None:
        self.trials = list(trials)
        self.spaces = list(spaces)
        self.measure = measure

    @property
    def best(self) -> Trial:
        """The complete trial with the smallest value; the earliest of equal ones.

        Raises
        ------
        UsageError
            If no trial was completed.
        """
        complete = [trial for trial in self.trials if trial.state == "complete" and trial.value is not None]
        if not complete:
            reason = next((trial.reason for trial in self.trials if trial.reason), "none was run")
            raise UsageError(f"search: found no trial that came to its end ({reason}), so there is no best one")
        return min(complete, key=lambda trial: (trial.value, trial.number))

    @property
    def at_the_edge(self) -> list[str]:
        """Settings whose best value is close to an end of the first range, so that better ones may be outside."""
        settings = []
        for name, part in self.spaces[0].items():
            if hasattr(part, "low") and part.high > part.low:
                low, high, best = (part._place(n) for n in (part.low, part.high, self.best.settings[name]))
                # 2 % of the range, as wide as the gap between 50 trials spread evenly
                if min(best - low, high - best) < 0.02 * (high - low):
                    settings.append(name)
        return settings

    @property
    def diagnosis(self) -> Diagnosis:
        """Which trial was best and why, how clearly, and where to look next."""
        return diagnose_search(self)

    def rows(self) -> list[dict[str, Any]]:
        """The trials as records.

        Returns
        -------
        list of dict
            The best first; trials without a value last.
        """
        order = sorted(self.trials, key=lambda t: (t.state != "complete", _number(t.value), t.number))
        return [
            {"trial": t.number, "round": t.round, "state": t.state, self.measure: t.value, **t.settings,
             "seconds": t.seconds, "reason": t.reason}
            for t in order
        ]  # fmt: skip

    def table(self, count: int = 20) -> Any:
        """The best trials as a table for the terminal.

        Parameters
        ----------
        count : int, default 20
            The most rows.

        Returns
        -------
        rich.table.Table
            The table.

        Raises
        ------
        ImportError
            If rich is not installed.
        """
        names = list(self.spaces[0])
        table = optional("rich.table", "a table needs rich", "search").Table(
            box=None, header_style="bold", pad_edge=False
        )
        for heading in ("trial", self.measure, *names, "state", "seconds"):
            table.add_column(heading, justify="left" if heading == "state" else "right")
        for row in self.rows()[:count]:
            cells = [
                "" if row[name] is None else value_text(row[name])
                for name in ("trial", self.measure, *names, "state", "seconds")
            ]
            is_best = row["state"] == "complete" and row["trial"] == self.best.number
            table.add_row(*cells, style="green" if is_best else "dim" if row["state"] != "complete" else None)
        return table

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write a CSV file with one line per trial.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        Path
            The file that was written.
        """
        rows = self.rows()
        return replace_table(path, list(rows[0]) if rows else ["trial"], rows)

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw the best value by number of the trial, and the values by each setting.

        Parameters
        ----------
        path : str or path
            A .svg, .png or .pdf file.

        Returns
        -------
        Path
            The file that was written.
        """
        return write_picture(path, lambda suffix: search_picture(self, suffix))

    def _repr_html_(self) -> str:
        if not with_values(self):
            return cell_html(self, None, self.diagnosis._repr_html_())
        rows = self.rows()
        trials = numbers_table(list(rows[0]), [row.values() for row in rows])
        drawn = drawn_or_none(lambda: search_picture(self, ".svg"))
        return cell_html(self, drawn, self.diagnosis._repr_html_(), details=("trials", trials))

    def __repr__(self) -> str:
        states = [trial.state for trial in self.trials]
        counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
        return f"<SearchResult of {len(self.trials)} trials: {counts or 'none'}>"


def _number(value: float | None) -> float:
    return math.inf if value is None else value
