"""Reports of the checker, as data, text and HTML; and several reports as one."""

from __future__ import annotations

import html
import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from flowgraph.checking.describe import Failure, describe, distinct
from flowgraph.checking.evidence import NARROW
from flowgraph.checking.examination import Examination

MOST_DESCRIBED = 6  # what a screen holds
MOST_NOTES = 8  # what a screen holds
WRONG = "wrong gradient"
BLIND = (
    "no comparison could see a relative error of a thousandth: fprop computes in a narrow type, as float16 is, or has "
    "few correct digits; let it compute in the type of its inputs"
)


class GradientError(AssertionError):
    """A bprop is not the gradient of its fprop, or breaks the contract; the text is the report.

    Cause: a mistake in bprop, or in fprop. Cure: run the code at the end of the report, which shows it.
    """


@dataclass
class Report:
    """`verdict` is pass, fail or undecided. `resolution` is the relative error that would have been seen.

    Parameters
    ----------
    name, verdict, role : str
        What was checked, how it went, and what the differentiated inputs are called together.
    failures : list of Failure
        What is wrong.
    warnings, notes : list of str
        What should be looked at, and what is beyond the contract of the example.
    skipped : dict of str to int
        Regimes that were left out, by reason, and how many.
    resolution, seconds : float
        Relative error that would have been seen, and how long it took.
    comparisons, weak, undecided : int
        Derivatives that were compared, those that could not show an error of that size, and those left undecided.
    kinks, regimes, evaluations, bprop_calls, seed : int
        Points where no derivative exists, sets of values, shapes and settings that were tried, calls, the seed.
    checked, not_differentiated, words : sequence of str
        What was varied, the inputs whose gradient was not asked for, and what forward and backward pass are called.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.check(fg.Tanh).passed
    True
    """

    name: str
    verdict: str
    failures: list[Failure]
    warnings: list[str]
    skipped: dict[str, int]
    resolution: float
    weak: int
    comparisons: int
    undecided: int
    kinks: int
    regimes: int
    evaluations: int
    bprop_calls: int
    seed: int
    seconds: float = field(default=0.0, compare=False)
    notes: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    role: str = ""
    not_differentiated: list[str] = field(default_factory=list)
    words: tuple[str, str] = ("fprop", "bprop")

    @property
    def passed(self) -> bool:
        """Whether the verdict is a pass; undecided is none."""
        return self.verdict == "pass"

    def raise_for_failure(self) -> None:
        """Raise an error with the report if the verdict is "fail", as a test does.

        Raises
        ------
        GradientError
            If the verdict is "fail".
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        if self.verdict == "fail":
            raise GradientError(f"{self.headline}\n{self}")

    @property
    def headline(self) -> str:
        """One line for the summary of pytest: the mistake, its target and its place."""
        if not self.failures:
            return f"{self.name}: {self.verdict}"
        first, more = self.failures[0], len(self.failures) - 1
        what = WRONG if first.message == "the gradient is wrong" else first.message
        of = f" of {first.child}" if first.child is not None and what == WRONG else ""
        rest = f", and {more} more failure{'s' * (more > 1)}" if more else ""
        return f"{first.box}: {what}{of} ({first.diagnosis or first.regime}){rest}"

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict.upper()}"]
        lines += [f"  {line}" for line in self._facts()]
        for failure in self.failures:
            lines += ["", *("  " + line if line else "" for line in str(failure).splitlines())]
        lines += [f"  warning: {text}" for text in self.warnings]
        lines += self._noted()
        return "\n".join(lines)

    def _noted(self) -> list[str]:
        """The section of notes."""
        if not self.notes:
            return []
        rest = len(self.notes) - MOST_NOTES
        lines = [f"  notes: {self.words[1]} beyond the example; strict=True makes failures of these"]
        lines += [f"    {note}" for note in self.notes[:MOST_NOTES]]
        return [*lines, f"    and {rest} more"] if rest > 0 else lines

    def _looked_at(self) -> str:
        """What was checked and what was not."""
        checked = f"checked: {', '.join(self.checked) or 'nothing'}"
        role = f" ({self.role})" if self.role and self.checked else ""
        others = f"; not differentiated: {', '.join(self.not_differentiated)}" if self.not_differentiated else ""
        return f"{checked}{role}{others}"

    def _facts(self) -> list[str]:
        facts = [
            self._looked_at(),
            f"{self.comparisons} comparisons in {self.regimes} regimes, {self.weak} of them weak; "
            f"{self.kinks} at kinks, {self.undecided} undecided",
        ]
        if self.comparisons and self.resolution > 0:
            facts.append(f"a relative error above {self.resolution:.0e} would have been seen (half of the comparisons)")
        elif self.comparisons:
            facts.append("every slope that was compared is 0")
        if self.skipped:
            total = sum(self.skipped.values())
            most = max(self.skipped, key=lambda reason: self.skipped[reason])
            facts.append(f"{total} regimes skipped as not legal, most often because: {most}")
        facts.append(
            f"{self.evaluations} calls of {self.words[0]}, {self.bprop_calls} of {self.words[1]}, "
            f"{self.seconds:.2f} s, seed={self.seed}"
        )
        return facts

    def _repr_html_(self) -> str:
        color = {"pass": "#1a7f37", "fail": "#cf222e"}.get(self.verdict, "#9a6700")
        rows = [
            f"<h4 style='margin:0'>{html.escape(self.name)}: <span style='color:{color}'>{self.verdict}</span></h4>"
        ]
        rows.append(_folded(self._looked_at(), "<br>".join(map(html.escape, self._facts()[1:]))))
        for failure in self.failures:
            head, _, rest = str(failure).partition("\n")
            style = f"border-left:3px solid {color};padding-left:8px;margin:4px 0"
            rows.append(f"<div style='{style}'>{_folded(head, f'<pre>{html.escape(rest)}</pre>', is_open=True)}</div>")
        rows += [f"<div>warning: {html.escape(text)}</div>" for text in self.warnings]
        if self.notes:
            rows.append(_folded(self._noted()[0].strip(), "<br>".join(map(html.escape, self.notes))))
        return "<div>" + "\n".join(rows) + "</div>"

    def as_dict(self) -> dict[str, Any]:
        """The report, for JSON.

        Returns
        -------
        dict
            The fields by name, with `passed`; `failures` as a list of dicts.
        """
        return {
            **{k: v for k, v in vars(self).items() if k != "failures"},
            "passed": self.passed,
            "failures": [failure.as_dict() for failure in self.failures],
        }


def _described(examination: Examination) -> list[Failure]:
    """The failures, reduced and explained within the time that is left."""
    failures: list[Failure] = []
    for one in (examination, examination.inner):
        if one is not None:
            one.runner.deadline = float("inf")
            one.deadline = time.process_time() + examination.scope.explaining
            failures += [describe(one, ruling) for ruling in list(one.wrong.values())[:MOST_DESCRIBED]]
    return distinct(failures)


def _folded(head: str, rest: str, is_open: bool = False) -> str:
    """A line that a click opens, in HTML."""
    return f"<details{' open' * is_open}><summary>{html.escape(head)}</summary>{rest}</details>"


def report_of(examination: Examination, seed: int) -> Report:
    """The report of an examination that has ended."""
    tally, runner = examination.tally, examination.runner
    evaluations, bprop_calls = runner.evaluations, runner.bprop_calls
    failures = _described(examination)
    narrow = runner.unit > NARROW  # then steps that are lost in rounding look like a slope of 0
    telling = [one for one in tally.resolutions if not narrow or one > runner.unit]
    blind = tally.weak > 0 and not telling
    resolved = 0 if blind else len(tally.resolutions)
    checked, missed, others = _looked_at(examination)
    if missed and resolved and not examination.unchecked:
        examination.unchecked = f"{', '.join(missed)}: no comparison of its gradient could tell anything"
    verdict = "fail" if failures else "pass" if resolved and not examination.unchecked else "undecided"
    reasons = [] if tally.comparisons else ["nothing was compared: the example has no elements, or no legal step"]
    reasons += [BLIND] if blind else []
    reasons += [examination.unchecked] if examination.unchecked else []
    return Report(
        examination.target.name,
        verdict,
        failures,
        [*reasons, *examination.warnings.values()],
        dict(examination.skipped),
        _resolution(telling or tally.resolutions if resolved else []),
        tally.weak,
        tally.comparisons,
        tally.undecided,
        tally.kinks,
        examination.visited,
        evaluations,
        bprop_calls,
        seed,
        runner.watch.wall(),
        examination.notes.texts(),
        checked,
        examination.target.role,
        others,
    )


def _looked_at(examination: Examination) -> tuple[list[str], list[str], list[str]]:
    """The inputs whose gradient was compared, those whose was to be, and those of which none is asked.

    An input without elements is one that was missed, unless other examples have it with some.
    """
    names, resolved = examination.target.names, examination.tally.resolved
    resolved = resolved | {child for _, child in examination.wrong if child is not None}
    checked = [names[i] for i in examination.active if i in resolved]
    target = examination.target
    empty = {i for i in examination.active if target.has_more_examples and not np.size(target.inputs[i])}
    missed = [names[i] for i in examination.active if i not in resolved | empty]
    others = [name for i, name in enumerate(names) if i not in examination.active]
    return checked, missed, [*others, *examination.target.beside]


def _resolution(resolutions: list[float]) -> float:
    """The median of the comparisons with a slope; 0 if there is none, infinity without comparisons."""
    if not resolutions:
        return float("inf")
    return float(np.median([one for one in resolutions if one > 0] or [0.0]))


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
    """The report with further failures first."""
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
