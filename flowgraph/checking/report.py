"""Reports of the checker, as data, text and HTML; and several reports as one."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from flowgraph.errors import UsageError

EXAMPLE_ONLY = "pass (example only)"
VERDICTS = ("fail", "undecided", EXAMPLE_ONLY, "pass")  # the worst first
Doubt = Literal["undecided", "example only"]
DOUBTS: dict[Doubt, str] = {"undecided": "undecided", "example only": EXAMPLE_ONLY}
"""Verdicts that are no pass, by the words for them in `allow=`; the greater doubt first."""
Allowed = Doubt | Iterable[Doubt]
WAY_OUT = (
    "a doubt is no pass: give a higher effort=, leave budget= out, or give an example at which more can be told; "
    "allow=('{}',) takes it as it is"
)


def doubts_of(allow: Allowed) -> frozenset[str]:
    """The verdicts that `allow=` takes as they are: those that it names, and lesser doubts than these.

    >>> sorted(doubts_of("undecided"))
    ['pass (example only)', 'undecided']
    """
    words = (allow,) if isinstance(allow, str) else tuple(allow)
    for word in words:
        if word not in DOUBTS:
            raise UsageError(f"allow= has {word!r}, needs any of {', '.join(map(repr, DOUBTS))}")
    worst = min((VERDICTS.index(DOUBTS[word]) for word in words), default=len(VERDICTS))
    return frozenset(verdict for verdict in DOUBTS.values() if VERDICTS.index(verdict) >= worst)


MOST_NOTES = 8  # what a screen holds
WRONG = "wrong gradient"
TYPES = (
    (0.0, 1e-14, "1e-16, as in float64"),
    (5e-9, 1e-6, "1e-7, as in float32"),
    (1e-4, 1e-2, "1e-3, as in half precision"),
)
"""By the rounding of gradients, which may be some times that of their type."""


def in_words(precision: float) -> str:
    """A precision as a power of ten, and the type that rounds so.

    >>> in_words(6e-8), in_words(2e-12)
    ('1e-7, as in float32', '1e-11')
    """
    for least, most, words in TYPES:
        if least < precision < most:
            return words
    return f"1e{math.ceil(math.log10(precision))}"


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
    >>> report = fg.check(lambda x: np.sin(x), np.array([0.5]), bprop=lambda grad, output, x: (-grad * np.cos(x),))
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


def failure_of_form(box: str, kind: str, message: str, child: str | None = None, test_case: str = "") -> Failure:
    """What is wrong beside the numbers."""
    nan = float("nan")
    return Failure(box, child, None, kind, nan, nan, nan, test_case, "", message, "")


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
    """A bprop is not the gradient of its fprop, or breaks the contract, or this is not known; the text is the report.

    Cause: a mistake in bprop, or in fprop; or a check that could compare too little. Cure: run the code at the end of
    the report, which shows the mistake; give the check more time, or another example.
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
        Relative error that would have been seen, and how long it took the processor.
    comparisons, weak, undecided : int
        Derivatives that were compared, those that could not show an error of that size, and those left undecided.
    kinks, test_cases, evaluations, bprop_calls, seed : int
        Points where no derivative exists, sets of values, shapes and settings that were tried, calls, the seed.
    checked, not_differentiated, not_checked, words, kept : sequence of str
        What was varied, the inputs whose gradient was not asked for, what else was not looked at, as complex values of
        a box, what forward and backward pass are called, and properties of the example that every test case has.
    remark : str
        What the first line says beside the verdict.
    precision : float
        To how much of their size gradients are right, by their rounding at the example; 0 where this is not known.

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
    remark: str = ""
    precision: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the verdict is "pass"; undecided is none, nor is what is right at the example alone."""
        return self.verdict == "pass"

    def is_green(self, allow: Allowed = ()) -> bool:
        """Whether a test may go on: the verdict is "pass", or a doubt that is allowed.

        Every door asks this: `raise_for_failure`, the pytest plugin, `flowgraph check` and its annotations.

        Parameters
        ----------
        allow : str or sequence of str, default ()
            Doubts that are taken as they are: "undecided", with it "example only", which is less of one, or
            "example only" alone.

        Returns
        -------
        bool
            False for "fail", whatever is allowed.

        Raises
        ------
        UsageError
            If `allow` has another word.
        """
        allowed = doubts_of(allow)
        return self.verdict == "pass" or self.verdict in allowed

    def raise_for_failure(self, *, allow: Allowed = ()) -> None:
        """Raise an error with the report unless the verdict is "pass", as a test does.

        Parameters
        ----------
        allow : str or sequence of str, default ()
            Doubts that do not raise, as in `is_green`: ("undecided",) or ("example only",).

        Raises
        ------
        GradientError
            If a gradient is wrong, or nobody knows whether one is.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        if not self.is_green(allow):
            way_out = "" if self.failures else f"\n  {WAY_OUT.format(self._doubt)}"
            raise GradientError(f"{self.headline}\n{self}{way_out}")

    @property
    def _doubt(self) -> str:
        """What `allow=` calls the verdict."""
        return next((word for word, verdict in DOUBTS.items() if verdict == self.verdict), "")

    @property
    def headline(self) -> str:
        """One line for the summary of pytest: the mistake, its target and its place, or why nothing is known."""
        if not self.failures:
            why = "" if self.passed or not self.warnings else f" ({self.warnings[0]})"
            return f"{self.name}: {self.verdict}{why}"
        first, more = self.failures[0], len(self.failures) - 1
        what = WRONG if first.message == "the gradient is wrong" else first.message
        of = f" of {first.child}" if first.child is not None and what == WRONG else ""
        rest = f", and {more} more failure{'s' * (more > 1)}" if more else ""
        return f"{first.box}: {what}{of} ({first.diagnosis or first.test_case}){rest}"

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict.upper()}{f' ({self.remark})' * bool(self.remark)}"]
        lines += [f"  {line}" for line in self._facts()]
        for failure in self.failures:
            lines += ["", *("  " + line if line else "" for line in str(failure).splitlines())]
        lines += [f"  warning: {text}" for text in self.warnings]
        lines += self._lines_of_notes()
        return "\n".join(lines)

    def _lines_of_notes(self) -> list[str]:
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
        if self.comparisons and self.precision:
            facts.append(f"gradients are right to {in_words(self.precision)}")
        if self.skipped:
            total = sum(self.skipped.values())
            most = max(self.skipped, key=lambda reason: self.skipped[reason])
            facts.append(f"{total} test cases skipped as not legal, most often because: {most}")
        facts.append(
            f"{self.evaluations} calls of {self.words[0]}, {self.bprop_calls} of {self.words[1]}, "
            f"{self.seconds:.2f} s of the processor, seed={self.seed}"
        )
        return facts

    def _repr_html_(self) -> str:
        color = {"pass": "#1a7f37", "fail": "#cf222e"}.get(self.verdict, "#9a6700")
        rows = [
            f"<h4 style='margin:0'>{html.escape(self.name)}: <span style='color:{color}'>{self.verdict}</span></h4>"
        ]
        rows += [f"<div>{html.escape(self.remark)}</div>"] * bool(self.remark)
        rows.append(_fold_line(self._looked_at(), "<br>".join(map(html.escape, self._facts()[1:]))))
        for failure in self.failures:
            head, _, rest = str(failure).partition("\n")
            style = f"border-left:3px solid {color};padding-left:8px;margin:4px 0"
            rows.append(
                f"<div style='{style}'>{_fold_line(head, f'<pre>{html.escape(rest)}</pre>', is_open=True)}</div>"
            )
        rows += [f"<div>warning: {html.escape(text)}</div>" for text in self.warnings]
        if self.notes:
            rows.append(_fold_line(self._lines_of_notes()[0].strip(), "<br>".join(map(html.escape, self.notes))))
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


def _fold_line(head: str, rest: str, is_open: bool = False) -> str:
    """A line that a click opens, in HTML."""
    return f"<details{' open' * is_open}><summary>{html.escape(head)}</summary>{rest}</details>"


def with_failures(report: Report, failures: Iterable[Failure]) -> Report:
    """The report with further failures first."""
    all_failures = distinct([*failures, *report.failures])
    return replace(report, failures=all_failures, verdict="fail" if all_failures else report.verdict)


def nothing(name: str, warning: str, seed: int) -> Report:
    """The report of a check that had nothing to compare: nothing is known, and the warning says why."""
    return Report(name, "undecided", [], [warning], {}, 0.0, 0, 0, 0, 0, 0, 0, 0, seed)
