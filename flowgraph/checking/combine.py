"""Many reports as one: of the examples of a class, of the boxes of a graph."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from flowgraph.checking.describe import Failure, distinct
from flowgraph.checking.report import Report


def combined(name: str, reports: Sequence[Report], seed: int) -> Report:
    """Fails if one fails; else undecided if one is that compared something, or if none compared anything."""
    if not reports:
        return nothing(name, "has no gradient: nothing was compared", seed)
    skipped: Counter[str] = Counter()
    for one in reports:
        skipped.update(one.skipped)
    verdicts = {one.verdict for one in reports if one.comparisons or one.verdict == "fail"} or {"undecided"}
    return replace(
        reports[0],
        name=name,
        verdict=next(verdict for verdict in ("fail", "undecided", "pass") if verdict in verdicts),
        failures=distinct(failure for one in reports for failure in one.failures),
        warnings=list(dict.fromkeys(text for one in reports for text in one.warnings)),
        skipped=dict(skipped),
        resolution=_middle([one.resolution for one in reports if one.comparisons]),
        weak=sum(one.weak for one in reports),
        comparisons=sum(one.comparisons for one in reports),
        undecided=sum(one.undecided for one in reports),
        kinks=sum(one.kinks for one in reports),
        regimes=sum(one.regimes for one in reports),
        evaluations=sum(one.evaluations for one in reports),
        bprop_calls=sum(one.bprop_calls for one in reports),
        seed=seed,
        seconds=sum(one.seconds for one in reports),
        checked=list(dict.fromkeys(name for one in reports for name in one.checked)),
        not_differentiated=list(dict.fromkeys(name for one in reports for name in one.not_differentiated)),
        notes=list(dict.fromkeys(text for one in reports for text in one.notes)),
    )


def with_failures(report: Report, failures: Iterable[Failure]) -> Report:
    """The report with failures that were found beside it, first."""
    found = distinct([*failures, *report.failures])
    return replace(report, failures=found, verdict="fail" if found else report.verdict)


def nothing(name: str, warning: str, seed: int) -> Report:
    """The report of a check that had nothing to compare: nothing is known, and the warning says why."""
    return Report(name, "undecided", [], [warning], {}, 0.0, 0, 0, 0, 0, 0, 0, 0, seed)


def _middle(numbers: list[float]) -> float:
    ordered = sorted(number for number in numbers if math.isfinite(number) and number > 0)
    if ordered:
        return ordered[len(ordered) // 2]
    return math.inf if any(math.isinf(number) for number in numbers) else 0.0
