"""What the checker says, as data, as text and as HTML."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.checking.describe import Failure, describe, distinct
from flowgraph.checking.examination import Examination

MOST_DESCRIBED = 6
EXPLAIN_SECONDS = 1.5
BLIND = (
    "no comparison could see a relative error of a thousandth: fprop computes in a narrow type, as float16 is, or has "
    "few correct digits; let it compute in the type of its inputs"
)


class GradientError(AssertionError):
    """A bprop is not the gradient of its fprop, or breaks the contract; the text is the report."""


@dataclass
class Report:
    """`verdict` is pass, fail or undecided. `resolution` is the relative error that would have been seen."""

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
    words: tuple[str, str] = ("fprop", "bprop")

    @property
    def passed(self) -> bool:
        return self.verdict == "pass"

    def raise_for_failure(self) -> None:
        __tracebackhide__ = True  # pytest then shows the line of the test
        if self.verdict == "fail":
            raise GradientError(str(self))

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict.upper()}"]
        lines += [f"  {line}" for line in self._facts()]
        for failure in self.failures:
            lines += ["", *("  " + line if line else "" for line in str(failure).splitlines())]
        lines += [f"  warning: {text}" for text in self.warnings]
        return "\n".join(lines)

    def _facts(self) -> list[str]:
        facts = [
            f"{self.comparisons} comparisons in {self.regimes} regimes, {self.weak} of them weak; "
            f"{self.kinks} at kinks, {self.undecided} undecided"
        ]
        if self.comparisons:
            facts.append(f"a relative error above {self.resolution:.0e} would have been seen (half of the comparisons)")
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
        rows += [f"<div>{html.escape(fact)}</div>" for fact in self._facts()]
        for failure in self.failures:
            rows.append(
                f"<pre style='border-left:3px solid {color};padding-left:8px'>{html.escape(str(failure))}</pre>"
            )
        rows += [f"<div>warning: {html.escape(text)}</div>" for text in self.warnings]
        return "<div>" + "\n".join(rows) + "</div>"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **{k: v for k, v in vars(self).items() if k != "failures"},
            "passed": self.passed,
            "failures": [failure.as_dict() for failure in self.failures],
        }


def _described(examination: Examination) -> list[Failure]:
    """What was found, made small and explained as far as time allows."""
    failures: list[Failure] = []
    for one in (examination, examination.inner):
        if one is not None:
            one.deadline = time.process_time() + EXPLAIN_SECONDS
            failures += [describe(one, ruling) for ruling in list(one.wrong.values())[:MOST_DESCRIBED]]
    return distinct(failures)


def report_of(examination: Examination, seed: int) -> Report:
    tally, runner = examination.tally, examination.runner
    evaluations, bprop_calls = runner.evaluations, runner.bprop_calls
    failures = _described(examination)
    telling = [one for one in tally.resolutions if one > runner.unit]  # below it neither side had a slope
    blind = tally.weak > 0 and not telling
    resolved = 0 if blind else len(tally.resolutions)
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
        float(np.median(telling or tally.resolutions)) if resolved else float("inf"),
        tally.weak,
        tally.comparisons,
        tally.undecided,
        tally.kinks,
        examination.visited,
        evaluations,
        bprop_calls,
        seed,
        runner.watch.wall(),
    )
