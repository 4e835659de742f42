"""fg.check of a box class and of a built box: every example that is declared, in many regimes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flowgraph.box import Box, Leaf
from flowgraph.checking.box_target import conditions_of, differentiable, target_of
from flowgraph.checking.cases import Case, case_of, cases
from flowgraph.checking.check_target import check_target
from flowgraph.checking.complex_parts import in_parts
from flowgraph.checking.describe import combined
from flowgraph.checking.gradient_target import gradient_target
from flowgraph.checking.report import Failure, Report, nothing, with_failures
from flowgraph.checking.runner import parts
from flowgraph.checking.scope import NORMAL, Asked
from flowgraph.checking.target import Array
from flowgraph.checking.values import made_positive_definite
from flowgraph.errors import UsageError

ROUNDING = 1e-6  # of a second derivative: what bprop cancels, of which the values of fprop show nothing
REDRAWS: tuple[Callable[[Array], Array], ...] = (
    lambda x: x,
    np.abs,
    lambda x: x / (1 + np.abs(x)) / 2 + 0.5,  # between 0 and 1
    lambda x: -np.abs(x),
    made_positive_definite,
    lambda x: made_positive_definite(np.abs(x)),
)


def check_class(cls: type[Box], asked: Asked) -> Report:
    """The class on each of its examples, with all its settings varied."""
    if issubclass(cls, Leaf) or cls.examples is None:
        return nothing(cls.__name__, "is no operation of its own: nothing was compared", asked.seed)
    return _check_cases(cls.__name__, cases(cls), asked)


def check_built(box: Box, asked: Asked) -> Report:
    """A built box with its settings, on values drawn from its declarations and in the shapes of its children."""
    if not box.children:
        return nothing(box.title, "is a leaf: nothing was compared", asked.seed)
    return _check_cases(box.title, [case_of(box, asked.seed)], asked, vary=False)


def _check_cases(name: str, found: Sequence[Case], asked: Asked, vary: bool = True) -> Report:
    asked.refuse("the children of a box have the names of its fprop", "names")
    usable = [one for case in found if (one := _usable(case, asked.valid, vary)) is not None]
    if not usable:
        raise UsageError(f"check: valid= refuses every example of {name}; declare one that it accepts, or a domain")
    share_of = len(usable) * asked.order
    share = replace(asked, budget=asked.calls // share_of)
    reports = [check_case(case, share, asked.effort.box / share_of, vary=vary, title=name) for case in usable]
    if len(usable) < len(found):
        reports[0].warnings.append(f"valid= refuses {len(found) - len(usable)} of {len(found)} examples")
    return combined(name, reports, asked.seed)


def _usable(case: Case, valid: Callable[..., Any] | None, vary: bool) -> Case | None:
    """The case, with other values where fprop does not take those that were drawn, or `valid` refuses them."""
    for redraw in REDRAWS:
        tried = case.replace(*(redraw(a) if a.dtype.kind == "f" else a for a in case.children))
        if _is_legal(tried, valid, vary):
            return tried
    return case if valid is None else None


def _is_legal(case: Case, valid: Callable[..., Any] | None, vary: bool) -> bool:
    try:
        plain = in_parts(case)
        target, calls = target_of(plain, vary=vary and plain is case)
        accepts = conditions_of(calls, valid)
        finite = all(np.all(np.isfinite(part)) for part in parts(target.fprop(*target.inputs)))
        return finite and (accepts is None or bool(np.all(accepts(*target.inputs))))
    except Exception:  # whatever a fprop raises that does not take these values
        return False


def check_case(
    case: Case, asked: Asked, seconds: float = NORMAL.box, *, vary: bool = True, regimes: bool = True, title: str = ""
) -> Report:
    """One example; at order 2 its gradient graph too. Without `regimes` at its own values only."""
    plain, seed, scope = in_parts(case), asked.seed, asked.scope(strict=True)
    target, calls = target_of(plain, vary=vary and plain is case, title=title)
    target = replace(target, valid=conditions_of(calls, asked.valid))
    if not differentiable(plain):
        calls.fprop(*target.inputs)
        report = nothing(target.name, "has no gradient here: only the form was looked at", seed)
        return with_failures(report, calls.findings.values())
    report = check_target(target, 1, seed, asked.budget, seconds, regimes, scope)
    report = with_failures(report, calls.findings.values())
    if asked.order < 2 or report.verdict == "fail":
        return report
    second = gradient_target(target, calls)
    if isinstance(second, Report):
        both = combined(target.name, [report, second], seed)
        return both if both.verdict == "fail" else replace(both, verdict="undecided")
    inner = without_rounding(check_target(second, 1, seed, asked.budget, seconds, regimes, scope))
    return replace(combined(target.name, [report, inner], seed), checked=report.checked)


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
