"""Reports of the checker, as data, text and HTML; and several reports as one."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

EXAMPLE_ONLY = "pass (example only)"
VERDICTS = ("fail", "undecided", EXAMPLE_ONLY, "pass")  # the worst first
MOST_NOTES = 8  # what a screen holds
WRONG = "wrong gradient"


@dataclass
class Failure:
    """One mistake. `analytic` is what bprop says of element `index` of `child`, `numeric` ± `error` what is true.

    Parameters
    ----------
    box : str
        The box or function whose gradient is wrong.
    child : str or None
        The input by which it is wrong.
    index : tuple of int or None
        The element of that input.
    kind : str
        What kind of mistake it is: value, shape, dtype, second derivative, and others.
    analytic : float
        What bprop says.
    numeric : float
        What differences of fprop say.
    error : float
        Error bar of `numeric`, in the same unit.
    test_case : str
        The values, shapes and settings at which it was seen.
    diagnosis : str
        What the mistake looks like, such as a factor of 2.
    message : str
        The whole text.
    code : str
        Python that shows the mistake.
    beyond : str, default ''
        In which respect it lies beyond the example, if it does.
    oracle : str, default ''
        What the gradient was compared with, where that is no difference quotient.
    backward : str, default 'bprop'
        What the backward pass is called.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> report = fg.check(np.sin, np.array([0.5]), bprop=lambda grad, output, x: (-grad * np.cos(x),))
    >>> report.failures[0].child
    'x'
    """

    box: str
    child: str | None
    index: tuple[int, ...] | None
    kind: str
    analytic: float
    numeric: float
    error: float
    test_case: str
    diagnosis: str
    message: str
    code: str
    beyond: str = ""  # in what the test case goes beyond the example
    oracle: str = ""  # what decided: differences, in long double or not, or the complex step
    backward: str = "bprop"

    def __str__(self) -> str:
        where = "" if self.child is None else f", gradient of {self.child}"
        if self.child is not None and self.index:
            where += f"[{', '.join(map(str, self.index))}]"
        head = f"beyond the example ({self.beyond}): " if self.beyond else ""
        lines = [f"{head}{self.box}{where}: {self.message}"]
        if np.isfinite(self.numeric):
            width = max(len(self.backward), len("numeric"))
            lines.append(f"  {self.backward:<{width}} {self.analytic:.12g}")
            lines.append(f"  {'numeric':<{width}} {self.numeric:.12g} ± {self.error:.1g}")
            lines += [f"  decided by: {self.oracle}"] if self.oracle else []
        lines.append(f"  test case: {self.test_case}")
        if self.diagnosis:
            lines.append(f"  looks like: {self.diagnosis}")
        if self.code:
            lines += ["  to reproduce:", *("    " + line if line else "" for line in self.code.splitlines())]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The fields of the failure, for JSON.

        Returns
        -------
        dict
            Values by the names of the fields.
        """
        return dict(vars(self))


def distinct(failures: Iterable[Failure]) -> list[Failure]:
    """One failure per mistake: per box, child and kind the first, which was found in the simplest test case.

    A gradient of wrong numbers that is not linear either, since it drops the incoming gradient, is one mistake.
    """
    kept: dict[tuple[str, str | None, str], Failure] = {}
    for failure in failures:
        kept.setdefault((failure.box, failure.child, failure.kind), failure)
    return [
        failure
        for (box, child, kind), failure in kept.items()
        if kind != "linearity" or (box, child, "value") not in kept
    ]


class GradientError(AssertionError):
    """A bprop is not the gradient of its fprop, or breaks the contract; the text is the report.

    Cause: a mistake in bprop, or in fprop. Cure: run the code at the end of the report, which shows it.
    """


@dataclass
class Report:
    """`verdict` is pass, fail, undecided, or "pass (example only)" where the time ended before other test cases.

    `resolution` is the relative error that would have been seen.

    Parameters
    ----------
    name, verdict, role : str
        What was checked, how it went, and what the differentiated inputs are called together.
    failures : list of Failure
        What is wrong.
    warnings, notes : list of str
        What should be looked at, and what is beyond the contract of the example.
    skipped : dict of str to int
        Test cases that were left out, by reason, and how many.
    resolution, seconds : float
        Relative error that would have been seen, and how long it took.
    comparisons, weak, undecided : int
        Derivatives that were compared, those that could not show an error of that size, and those left undecided.
    kinks, test_cases, evaluations, bprop_calls, seed : int
        Points where no derivative exists, sets of values, shapes and settings that were tried, calls, the seed.
    checked, not_differentiated, not_checked, words, kept : sequence of str
        What was varied, the inputs whose gradient was not asked for, what else was not looked at, as complex values of
        a box, what forward and backward pass are called, and properties of the example that every test case has.

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
    test_cases: int
    evaluations: int
    bprop_calls: int
    seed: int
    seconds: float = field(default=0.0, compare=False)
    notes: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    role: str = ""
    not_differentiated: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    words: tuple[str, str] = ("fprop", "bprop")
    kept: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the verdict is "pass"; undecided is none, nor is what is right at the example alone."""
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
        return f"{first.box}: {what}{of} ({first.diagnosis or first.test_case}){rest}"

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
        left = f"; not checked: {', '.join(self.not_checked)}" if self.not_checked else ""
        return f"{checked}{role}{others}{left}"

    def _facts(self) -> list[str]:
        facts = [
            self._looked_at(),
            f"{self.comparisons} comparisons in {self.test_cases} test cases, {self.weak} of them weak; "
            f"{self.kinks} at kinks, {self.undecided} undecided",
        ]
        if self.kept:
            facts.append(f"kept as in the example: {'; '.join(self.kept)} (vary= with the name breaks it)")
        if self.comparisons and self.resolution == float("inf"):
            facts.append("most comparisons could not have seen any relative error")
        elif self.comparisons and self.resolution > 0:
            facts.append(f"a relative error above {self.resolution:.0e} would have been seen (half of the comparisons)")
        elif self.comparisons:
            facts.append("every slope that was compared is 0")
        if self.skipped:
            total = sum(self.skipped.values())
            most = max(self.skipped, key=lambda reason: self.skipped[reason])
            facts.append(f"{total} test cases skipped as not legal, most often because: {most}")
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


def _folded(head: str, rest: str, is_open: bool = False) -> str:
    """A line that a click opens, in HTML."""
    return f"<details{' open' * is_open}><summary>{html.escape(head)}</summary>{rest}</details>"


def with_failures(report: Report, failures: Iterable[Failure]) -> Report:
    """The report with further failures first."""
    all_failures = distinct([*failures, *report.failures])
    return replace(report, failures=all_failures, verdict="fail" if all_failures else report.verdict)


def nothing(name: str, warning: str, seed: int) -> Report:
    """The report of a check that had nothing to compare: nothing is known, and the warning says why."""
    return Report(name, "undecided", [], [warning], {}, 0.0, 0, 0, 0, 0, 0, 0, 0, seed)
