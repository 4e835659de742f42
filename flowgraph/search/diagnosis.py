"""What the trials of a search say: which was best and why, how clearly, and where to look next."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.training.history import Advice, Diagnosis, Finding

if TYPE_CHECKING:
    from flowgraph.search.result import SearchResult, Trial

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
    found = [_influence(name, part, shown, rank) for name, part in result.spaces[0].items()]
    return sorted((one for one in found if one is not None), key=lambda one: one.by_chance - one.explained)


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
    found = (_best(result), _why(result), _margin(result), _ranges(result), _enough(result))
    return Diagnosis(tuple(one for one in found if one is not None))


def _best(result: SearchResult) -> Finding:
    best, values = result.best, [trial.value for trial in result.trials if trial.state == "complete"]
    settings = ", ".join(f"{_words(name)} {value_text(value)}" for name, value in best.settings.items())
    middle = statistics.median(value for value in values if value is not None)
    return Finding(
        "Which trial was best?", f"Trial {best.number}: {settings}.",
        f"Its {result.measure} is {best.value:.4g}; the median of the {len(values)} complete trials is {middle:.4g}.",
        True,
    )  # fmt: skip


def _why(result: SearchResult) -> Finding | None:
    question, found = "Why?", influences(result)
    if not found:
        return None
    told = "; ".join(
        f"{_words(one.name)} explains {one.explained:.0%} of the differences between trials ({one.by_chance:.0%} by "
        f"chance), best {_range_text(one.best_group)}"
        for one in found
    )
    first = found[0]
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
    told = ", ".join(f"{_words(name)} {value_text(result.best.settings[name])}" for name in edges)
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
            (Advice(f"more trials: the same command with --trials {2 * count}"),),
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
    return value_text(ends[0]) if ends[0] == ends[1] else f"from {value_text(ends[0])} to {value_text(ends[1])}"


def value_text(value: object) -> str:
    """A value of a setting as one writes it."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")
