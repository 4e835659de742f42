"""fg.check of a box class and of a built box: every example that is declared, in many regimes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flowgraph.box import Box, Leaf
from flowgraph.checking.box_target import BoxCalls, differentiable, target_of
from flowgraph.checking.cases import Case, case_of, cases
from flowgraph.checking.check import check_target
from flowgraph.checking.combine import combined, nothing, with_failures
from flowgraph.checking.complex_parts import in_parts
from flowgraph.checking.describe import Failure
from flowgraph.checking.gradient_target import gradient_target
from flowgraph.checking.report import Report

BUDGET = 60_000
SECONDS = 6.0
ROUNDING = 1e-6


def check_class(cls: type[Box], order: int, seed: int, budget: int | None) -> Report:
    """The class on each of its examples, with all its settings varied."""
    if issubclass(cls, Leaf) or cls.examples is None:
        return nothing(cls.__name__, "is no operation of its own: nothing was compared", seed)
    return _check_cases(cls.__name__, cases(cls), order, seed, budget)


def check_built(box: Box, order: int, seed: int, budget: int | None) -> Report:
    """A built box with its settings, on values drawn from its declarations and in the shapes of its children."""
    if not box.children:
        return nothing(box.title, "is a leaf: nothing was compared", seed)
    return _check_cases(box.title, [case_of(box, seed)], order, seed, budget, vary=False)


def _check_cases(
    name: str, found: Sequence[Case], order: int, seed: int, budget: int | None, vary: bool = True
) -> Report:
    share = (budget or BUDGET) // (len(found) * order)
    seconds = SECONDS / (len(found) * order)
    reports = [check_case(case, order, seed, share, seconds, vary=vary, title=name) for case in found]
    return combined(name, reports, seed)


def check_case(
    case: Case, order: int, seed: int, budget: int | None, seconds: float = SECONDS, *,
    vary: bool = True, regimes: bool = True, title: str = "",
) -> Report:  # fmt: skip
    """One example; at order 2 its gradient graph too. Without `regimes` at its own values only."""
    plain = in_parts(case)
    target, calls = target_of(plain, vary=vary and plain is case, title=title)
    if not differentiable(plain):
        calls.fprop(*target.inputs)
        return with_findings(nothing(target.name, "has no gradient here: only the form was looked at", seed), calls)
    report = with_findings(check_target(target, 1, seed, budget, seconds, regimes), calls)
    if order < 2 or report.verdict == "fail":
        return report
    second = gradient_target(target, calls)
    if isinstance(second, Report):
        both = combined(target.name, [report, second], seed)
        return both if both.verdict == "fail" else replace(both, verdict="undecided")
    inner = without_rounding(check_target(second, 1, seed, budget, seconds, regimes))
    return combined(target.name, [report, inner], seed)


def without_rounding(report: Report) -> Report:
    """Second derivatives are compared with differences of bprop, whose own cancellation the values do not show."""
    kept: list[Failure] = []
    small: list[Failure] = []
    for failure in report.failures:
        size = max(abs(failure.analytic), abs(failure.numeric))
        close = failure.kind == "value" and abs(failure.analytic - failure.numeric) <= ROUNDING * size
        (small if close else kept).append(failure)
    if not small:
        return report
    warnings = [f"{failure.box}: the second derivative by {failure.child} loses digits" for failure in small]
    verdict = report.verdict if kept else "pass"
    return replace(report, failures=kept, warnings=[*report.warnings, *warnings], verdict=verdict)


def with_findings(report: Report, calls: BoxCalls) -> Report:
    """The report with what was seen beside the numbers."""
    return with_failures(report, calls.findings.values())
