"""From an examination to its report: each mismatch made small, placed, named, and with code that reproduces it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from flowgraph.checking.compare import Ruling, Suspicion, Tally, ValueMismatch, ask, compare, judge
from flowgraph.checking.diagnosis import Trial, diagnose
from flowgraph.checking.edited_graphs import Graphs
from flowgraph.checking.examination import Examination, Mismatch
from flowgraph.checking.example_contract import EXAMPLE
from flowgraph.checking.exemptions import settle
from flowgraph.checking.families import axis_groups, settings, shapes, values
from flowgraph.checking.point import NARROW, Illegal, OutOfTime, Point, coordinate, directions_for, generator, grads_for
from flowgraph.checking.report import EXAMPLE_ONLY, VERDICTS, Failure, Report, distinct, nothing
from flowgraph.checking.reproduce import reproducing_code
from flowgraph.checking.surrogates import DECLARE, KIND, surrogate_of
from flowgraph.checking.target import Array, Inputs

LEAST_VISITED = 10  # test cases: where the time ended before, the example alone is what is known to be right
NEEDED = {values, settings, shapes}  # families of test cases: one that was not begun may hold the mistake
MOST_DESCRIBED = 6  # what a screen holds
NOTHING = "nothing was compared: the example has no elements, or no legal step"
BLIND = (
    "no comparison could see a relative error of a thousandth: fprop computes in a narrow type, as float16 is, or has "
    "few correct digits; let it compute in the type of its inputs"
)
COUNTED = ("weak", "comparisons", "undecided", "kinks", "test_cases", "evaluations", "bprop_calls", "seconds")
TRIES = 40  # attempts at smaller inputs, which the seconds for explaining bound too
CLEAR = 1e3  # times the tolerance


def shrunk(examination: Examination, suspicion: Suspicion) -> tuple[Point, Suspicion]:
    """Greedy: whatever simpler input still shows the same kind of mistake of the same child is taken.

    A clear mismatch is believed at once, so that this stays fast where settling is slow, and confirmed at the end, if
    there is time.
    """
    for believe in (True, False):
        confirmed: Suspicion | None = (best := _smallest(examination, suspicion, believe))
        if believe and best is not suspicion:
            with suppress(OutOfTime):
                confirmed = _confirm_again(best)
        if confirmed is not None:
            return confirmed.point, confirmed
    return suspicion.point, suspicion


def _smallest(examination: Examination, best: Suspicion, believe: bool) -> Suspicion:
    tries = 0
    improved = True
    while improved and tries < TRIES:
        improved = False
        for inputs in _simpler(best.point):
            tries += 1
            if tries > TRIES:
                break
            try:
                simpler = _still_wrong(examination, best, inputs, believe)
            except OutOfTime:
                return best
            if simpler is not None:
                best, improved = simpler, True
                break
    return best


def _still_wrong(examination: Examination, suspicion: Suspicion, inputs: Inputs, believe: bool) -> Suspicion | None:
    rng = generator(0)
    try:
        point = Point.at(examination.runner, inputs, suspicion.point.test_case, examination.active)
    except Illegal:
        return None
    if examination.beyond(point) and not examination.beyond(suspicion.point):
        return None
    seen = compare(point, grads_for(point, rng, 1), directions_for(point, rng, 1), Tally())
    child = suspicion.child
    for other in seen:
        if other.kind == suspicion.kind and child in (other.child, None):
            if believe and other.clear(CLEAR):
                return other
            confirmed = _confirm_again(other)
            if confirmed is not None:
                return confirmed
    return None


def _confirm_again(suspicion: Suspicion) -> Suspicion | None:
    ruling = settle(suspicion, generator(0))
    if ruling.kind != "wrong":
        return None
    if isinstance(ruling.suspicion, ValueMismatch) and np.isfinite(ruling.numeric):
        ruling.suspicion.numeric = ruling.numeric
    return ruling.suspicion


def _simpler(point: Point) -> Iterator[Inputs]:
    """Axes cut to 1, 2 and a half; then rounder numbers."""
    inputs, active = point.inputs, point.active
    for group in axis_groups(inputs):
        size = inputs[group[0][0]].shape[group[0][1]]
        for smaller in dict.fromkeys((1, 2, size // 2)):
            if 0 < smaller < size:
                changed = list(inputs)
                for i, axis in group:
                    changed[i] = np.ascontiguousarray(np.take(changed[i], range(smaller), axis=axis))
                yield tuple(changed)
    for digits in (0, 1):
        for chosen in (active, *((i,) for i in active if len(active) > 1)):
            rounded = point.change_inputs(lambda _, x, digits=digits: np.round(x, digits), chosen)  # type: ignore[misc]
            if any(np.any(rounded[i] != inputs[i]) for i in chosen):
                yield rounded


def describe(examination: Examination, ruling: Ruling) -> Failure:
    """Shrinks the point, finds the element, names the likely mistake."""
    target = examination.target
    point, suspicion = ruling.suspicion.point, ruling.suspicion
    index: tuple[int, ...] | None = None
    analytic = suspicion.analytic if isinstance(suspicion, ValueMismatch) else float("nan")
    numeric, error, diagnosis, surrogate = ruling.numeric, ruling.error, "", ""
    with suppress(OutOfTime):
        surrogate = surrogate_of(ruling, examination.active)
    if suspicion.kind in ("value", "nonfinite"):
        point, suspicion = shrunk(examination, suspicion)
    child = suspicion.child
    if isinstance(suspicion, ValueMismatch) and child is not None:
        analytic, numeric, error = suspicion.analytic, suspicion.numeric, suspicion.tolerance / 4
    if suspicion.grad is not None and suspicion.kind in ("value", "nonfinite"):
        element = None
        with suppress(OutOfTime):
            element = _worst_element(point, suspicion.grad, child)
        if element is not None:
            child, index, analytic, numeric, error = element
    if suspicion.kind in ("value", "shape") and child is not None and not surrogate:
        with suppress(OutOfTime):
            diagnosis = diagnose(_trials(examination, ruling.suspicion, child))
    message = surrogate + DECLARE if surrogate else ruling.note or suspicion.note or "the gradient is wrong"
    code = reproducing_code(target, point, suspicion, child, index)
    return Failure(
        target.name,
        None if child is None else target.names[child],
        index,
        KIND if surrogate else suspicion.kind,
        analytic,
        numeric,
        error,
        point.test_case,
        diagnosis,
        message,
        code,
        examination.beyond(ruling.suspicion.point),
        ruling.oracle,
    )


def _trials(examination: Examination, suspicion: Suspicion, child: int) -> Iterator[Trial]:
    """Every test case at which the gradient by an input is wrong, with the incoming gradients that show it."""
    first_shown = Mismatch(suspicion.point.inputs, suspicion.grad, getattr(suspicion, "direction", None))
    by_inputs: dict[int, list[Mismatch]] = {}
    for mismatch in (first_shown, *examination.mismatches.get(child, ())):
        by_inputs.setdefault(id(mismatch.inputs), []).append(mismatch)
    graphs = Graphs(examination.target)
    for shown in by_inputs.values():
        inputs = shown[0].inputs
        first = examination.first_of(inputs)
        pairs = [(mismatch.grad, mismatch.direction) for mismatch in shown if mismatch.grad is not None]
        with suppress(Illegal):
            point = Point.at(examination.runner, inputs, suspicion.point.test_case, suspicion.point.active)
            yield Trial(point, child, pairs, None if first is inputs else first, graphs)


def _worst_element(
    point: Point, grad: Array, child: int | None
) -> tuple[int, tuple[int, ...], float, float, float] | None:
    """The single coordinate that shows the mismatch most clearly, in units of the gradient itself."""
    gradients, _ = ask(point, grad)
    if gradients is None:
        return None
    best: tuple[float, int, tuple[int, ...], float, float, float] | None = None
    for i in point.active if child is None else (child,):
        g = gradients[point.active.index(i)]
        shape = np.shape(point.inputs[i])
        values = np.zeros(shape) if g is None else np.asarray(g, dtype=float)
        for k in range(min(point.size(i), 48)):
            direction = coordinate(point, i, k)
            length = float(np.ravel(direction[i])[k]) or 1.0
            try:
                slopes = point.slopes(direction, depth=8)
            except OutOfTime:
                break
            if slopes is None:
                continue
            value = float(values.ravel()[k])
            if not np.isfinite(value):
                numeric = float((grad * slopes.value).sum()) / length
                index = tuple(int(n) for n in np.unravel_index(k, shape)) if shape else ()
                return i, index, value, numeric, float((np.abs(grad) * slopes.error).sum()) / length
            seen = judge(point, grad, gradients, direction, slopes)
            if seen is None:
                continue
            clarity = abs(seen.analytic - seen.numeric) / (seen.tolerance + 1e-300)
            if best is None or clarity > best[0]:
                index = tuple(int(n) for n in np.unravel_index(k, shape)) if shape else ()
                best = (clarity, i, index, value, seen.numeric / length, seen.tolerance / 4 / length)
    return None if best is None else best[1:]


def _describe_failures(examination: Examination) -> list[Failure]:
    """The failures, reduced and explained for as long as there are seconds for it."""
    failures: list[Failure] = []
    for part in (examination, examination.inner):
        if part is not None:
            part.runner.explain_for(examination.scope.explaining)
            failures += [describe(part, ruling) for ruling in list(part.wrong.values())[:MOST_DESCRIBED]]
    return distinct(failures)


def report_of(examination: Examination, seed: int) -> Report:
    """The report of an examination that has ended."""
    tally, runner = examination.tally, examination.runner
    evaluations, bprop_calls = runner.evaluations, runner.bprop_calls
    failures = _describe_failures(examination)
    narrow = runner.measured.unit > NARROW  # then steps that are lost in rounding look like a slope of 0
    telling = [resolution for resolution in tally.resolutions if not narrow or resolution > runner.measured.unit]
    blind = tally.weak > 0 and not telling
    resolved = 0 if blind else len(tally.resolutions)
    checked, missed, others = _looked_at(examination)
    if missed and resolved and not examination.unchecked:
        examination.unchecked = f"{', '.join(missed)}: no comparison of its gradient could tell anything"
    verdict = "fail" if failures else "pass" if resolved and not examination.unchecked else "undecided"
    cut_short = examination.visited < LEAST_VISITED or NEEDED & examination.left
    if verdict == "pass" and "budget" in examination.warnings and cut_short:
        verdict = EXAMPLE_ONLY
    said = examination.remark or examination.target.remark
    reasons = [] if tally.comparisons or failures or examination.unchecked else [NOTHING]
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
        runner.watch.processor(),
        examination.notes.texts(),
        checked,
        examination.target.role,
        others,
        kept=_kept_properties(examination),
        precision=examination.runner.measured.precision,
        remark=next((f.message.removesuffix(DECLARE) for f in failures if f.kind == KIND), said),
    )


def _kept_properties(examination: Examination) -> list[str]:
    """The properties that every test case has; with strict=True they are broken too."""
    names = examination.target.names
    kept = [f"{names[i]} {held.name}" for i, held in examination.properties.items()]
    kept += [f"{names[j]} is equal to {names[i]}" for j, i in examination.equal.items()]
    return [] if examination.scope.strict else kept


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
    return float(np.median([resolution for resolution in resolutions if resolution > 0] or [0.0]))


def combine_reports(name: str, reports: Sequence[Report], seed: int) -> Report:
    """Fails if one fails; else undecided if one is that compared something, or if none compared anything.

    A mistake is shown at an example where one of the reports found it there.
    """
    if not reports:
        return nothing(name, "has no gradient: nothing was compared", seed)
    skipped: Counter[str] = Counter()
    for report in reports:
        skipped.update(report.skipped)
    verdicts = {report.verdict for report in reports if report.comparisons or report.verdict == "fail"} or {"undecided"}
    joint: dict[str, Any] = {field: sum(getattr(report, field) for report in reports) for field in COUNTED}
    for field in ("warnings", "checked", "not_differentiated", "notes", "kept"):
        joint[field] = list(dict.fromkeys(text for report in reports for text in getattr(report, field)))
    failures = [failure for report in reports for failure in report.failures]
    return replace(
        reports[0],
        name=name,
        verdict=next(verdict for verdict in VERDICTS if verdict in verdicts),
        failures=distinct(sorted(failures, key=lambda failure: failure.test_case != EXAMPLE)),
        skipped=dict(skipped),
        remark=next((report.remark for report in reports if report.remark), ""),
        precision=max(report.precision for report in reports),
        resolution=_middle([report.resolution for report in reports if report.comparisons]),
        seed=seed,
        **joint,
    )


def _middle(numbers: list[float]) -> float:
    ordered = sorted(number for number in numbers if math.isfinite(number) and number > 0)
    if ordered:
        return ordered[len(ordered) // 2]
    return math.inf if any(math.isinf(number) for number in numbers) else 0.0
