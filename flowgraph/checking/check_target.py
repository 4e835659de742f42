"""The check of one target: from one example to many test cases and a verdict.

1. What bars, directions and test cases follow from is measured at the example: precision, slope, properties of inputs.
2. A test case is drawn (`families`), and left out where it is not what was asked for (`Examination.allows`).
3. Slopes by differences, with their bars, are compared with what bprop says (`compare`).
4. A mismatch beyond its bar is asked about in more and more costly ways, until one explains it (`exemptions.settle`).
5. What none explains is wrong: a failure at inputs like the example, a note elsewhere (`example_contract.Notes`).
6. What bprop keeps beside its numbers is asked at the example and at a few other test cases (`contract`).
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from flowgraph.checking.compare import Tally, are_finite, ask, compare
from flowgraph.checking.contract import contract, other_types, second_order
from flowgraph.checking.describe import report_of
from flowgraph.checking.difference import STEP
from flowgraph.checking.examination import Examination
from flowgraph.checking.example_contract import EXAMPLE, NOTED, ExampleContract, Excess
from flowgraph.checking.exemptions import settle
from flowgraph.checking.families import (
    DRAWS,
    FAMILIES,
    Extent,
    Family,
    Source,
    as_input,
    first_values,
    joint,
    replace_inputs,
    resample,
    settings,
    shapes,
    values,
)
from flowgraph.checking.point import (
    HALF,
    NARROW,
    NOT_FINITE,
    UNIT,
    Illegal,
    Measured,
    OutOfTime,
    Point,
    Tangent,
    directions_for,
    generator,
    grads_for,
    random_direction,
)
from flowgraph.checking.properties import POSITIVE
from flowgraph.checking.report import Report, in_words
from flowgraph.checking.scope import EVERYTHING, NORMAL, Scope
from flowgraph.checking.target import Array, Inputs, Target
from flowgraph.errors import FeedError

SLOW = 2e-3  # seconds of one fprop
MOST_OF_BUDGET = 0.9  # the rest is for what looks wrong at the end
ELSEWHERE = {False: 2, True: 6}  # test cases, of all that were legal, by whether the check is strict
ROWS = 3  # of a batch, in place of one: at two a factor may be that of a square
LEFT = 64 * 2.0**-52  # of an input: what is left where terms cancel, which is a power of 2 and fits into any type
POINTS, ORDER = 12, 5  # of a line, of differences along it
FINE = (1e-6, 3e-3)  # steps, of an element, that float32 and half precision can tell apart
JUMPS = 1e-2  # of a gradient: more is no rounding of any type
WORSE = 100.0  # times the rounding of fprop: a system that is ill-conditioned costs both of them their digits
MOST_SLOW = 200  # a share of the seconds: what is slower is not called so often beside the comparisons
VARIANCE = 1 / 252  # of rounding in a difference of order 5, whose squared weights add up to 252
SINGLE = 2.0**-24  # rounding of float32
NARROW_BITS = (8, 11, 24)  # of a mantissa: bfloat16, float16, float32
RANDOM = (
    "values vary from call to call by noise from {}'s global generator; its state was put back before each call, and "
    "what holds for other draws is not known"
)


def check_target(
    target: Target,
    order: int = 1,
    seed: int = 0,
    budget: int | None = None,
    seconds: float = NORMAL.function,
    test_cases: bool = True,
    scope: Scope = EVERYTHING,
) -> Report:
    """fg.check for a Target, which can also declare domain, kinks and constant inputs.

    Without `test_cases` it is looked at on its example alone.

    Parameters
    ----------
    target : Target
        The operation.
    order : {1, 2}, default 1
        Whether the second derivative is checked too.
    seed : int, default 0
        What fixes the draws.
    budget : int, optional
        Largest number of calls of fprop.
    seconds : float, default 3.0
        Largest time of the processor, in seconds.
    test_cases : bool, default True
        Whether other values, shapes and settings than those of the example are tried.
    scope : Scope
        What is varied, and how strict the verdict is.

    Returns
    -------
    Report
        The verdict, and what it rests on.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.checking import Target, check_target
    >>> half = (np.array([0.5]),)
    >>> target = Target(np.log, lambda grad, h, x: (grad / x,), half, ("x",), "log", (0,), domain={0: (0, 9)})
    >>> check_target(target, test_cases=False).verdict
    'pass'
    """
    examination = examine_target(target, order, seed, budget, seconds, test_cases, scope)
    with shield_state():
        return report_of(examination, seed)


def examine_target(
    target: Target,
    order: int = 1,
    seed: int = 0,
    budget: int | None = None,
    seconds: float = NORMAL.function,
    test_cases: bool = True,
    scope: Scope = EVERYTHING,
) -> Examination:
    """The examination alone: failures are found, but not yet reduced and explained."""
    scope.demand_known(target)
    with shield_state():
        examination = Examination.begin(target, seed, budget or NORMAL.budget, seconds, scope)
        if examination.runner.drawn_from:
            examination.warn("random", RANDOM.format(examination.runner.drawn_from))
        try:
            _phases(examination, order, test_cases)
        except OutOfTime:
            calls = examination.runner.evaluations >= examination.runner.most_calls
            spent, option = ("budget", "budget=") if calls else ("time", "effort=")
            if examination.tally.comparisons:
                examination.warn("budget", f"the {spent} was used up before all test cases were visited")
            else:
                examination.unchecked = f"the {spent} was used up at the example: give a higher {option}"
        finally:
            examination.runner.restore_random_state()
    return examination


@contextmanager
def shield_state() -> Iterator[None]:
    """Restore the random state after the code under test, and let no error settings of NumPy change its verdict."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)


def _phases(examination: Examination, order: int, test_cases: bool) -> None:
    """The whole check, from the example to second derivatives."""
    inputs, point = examination.inputs, _at_the_example(examination)
    _leave_out_settings(examination, point)
    examination.runner.measured = measure(examination, point)
    examination.contract = ExampleContract(inputs, examination.target, examination.active)
    examination.find_properties()
    examination.visit(EXAMPLE, inputs, coordinates=6 if point.slower_than(SLOW) else 24, single=4)
    source = examination.source()
    varied = test_cases and not examination.broken
    if varied:
        _visit(examination, source, first_values, FAMILIES[values])
    contract(examination, EXAMPLE, inputs)
    if examination.broken or not test_cases:
        return
    if examination.scope.varies("dtypes"):
        other_types(examination)
    for family, extent in FAMILIES.items():
        if family is joint and examination.runner.share_used() < MOST_OF_BUDGET:
            # the contract at a few other shapes and settings, before everything is varied at once
            legal = [*source.legal[shapes], *source.legal[settings]]
            for k in examination.rng.permutation(len(legal))[: ELSEWHERE[examination.scope.strict]]:
                contract(examination, "another test case", legal[k])
        source.legal[family] = _visit(examination, source, family, extent)
    if not examination.wrong:
        _note_zeros(examination)
        examination.remark = _of_one_row(examination)
    if order >= 2:
        second_order(examination)


def _of_one_row(examination: Examination) -> str:
    """That the example tells nothing of batches: fprop reduces over its one row, and bprop is wrong with more of them.

    A mean whose bprop forgets to divide by the number of rows is right for one row. Where the example has one, more are
    beyond it, since an axis of size 1 may as well be broadcast.
    """
    inputs, contract, rng = examination.inputs, examination.contract, generator(0)
    single = [i for i in contract.arrays(inputs) if np.shape(inputs[i])[:1] == (1,)]
    if examination.scope.strict or not set(single) & set(examination.active):
        return ""
    more = {i: resample(inputs[i], (ROWS, *inputs[i].shape[1:]), rng) for i in single}
    point = examination.point(f"{ROWS} rows", replace_inputs(inputs, more))
    example = examination.point(EXAMPLE, inputs)
    if point is None or example is None or point.value.shape != example.value.shape:
        return ""
    seen = compare(point, grads_for(point, rng, 1), directions_for(point, rng, 1), Tally())
    if any(settle(suspicion, rng).kind == "wrong" for suspicion in seen if suspicion.kind not in NOTED):
        return f"nothing about batches was checked: the example has one row, and with {ROWS} bprop is wrong"
    return ""


def _note_zeros(examination: Examination) -> None:
    """Note what bprop does wrong at a zero in an input that is positive in the example.

    A zero is beyond such an example, which may be a scale or a probability; where fprop takes it nevertheless, as a
    product does, bprop may divide by it.
    """
    rng = generator(0)
    for i in [i for i, kept in examination.properties.items() if kept is POSITIVE and i in examination.active]:
        x = examination.inputs[i]
        inputs = replace_inputs(examination.inputs, {i: as_input(x, DRAWS["one zero"](np.asarray(x), rng))})
        is_asked_for = examination.scope.allows(examination.target, examination.inputs, inputs)
        point = examination.point("one zero", inputs) if is_asked_for else None
        if point is None:
            continue
        words = f"a zero in {examination.target.names[i]}, which is positive in the example"
        for suspicion in compare(point, grads_for(point, rng, 1), directions_for(point, rng, 1), Tally()):
            if suspicion.kind == "raised" or settle(suspicion, rng).kind == "wrong":
                examination.notes.enter(suspicion, [Excess("zeros", words)])
                break


def _at_the_example(examination: Examination) -> Point:
    """The point there, with what bprop does to its arguments; FeedError where fprop gives no finite value."""
    point = examination.point(EXAMPLE, examination.inputs)
    if point is None:
        reason, cause = next(iter(examination.skipped)), None
        advice = "give inputs inside its domain, at which fprop is finite"
        try:
            examination.runner.legal(examination.inputs)
        except Illegal as illegal:
            reason, cause = str(illegal), illegal.__cause__
            advice = advice if reason == NOT_FINITE else "needs a function that gives numbers for them"
        raise FeedError(
            f"check: {examination.target.name} cannot be run on the example in float64 ({reason}); {advice}"
        ) from cause
    _, faults = examination.first_answer(point, np.ones(point.value.shape))
    examination.pursue([fault for fault in faults if fault.kind == "mutation"])
    return point


def _leave_out_settings(examination: Examination, point: Point) -> None:
    """A Python float whose gradient is None is a setting, and an array, as of targets, is left out with a note."""
    gradients, _ = ask(point, np.ones(point.value.shape))
    if gradients is None:
        return
    none = [i for i, g in zip(examination.active, gradients, strict=True) if g is None]
    dropped = [i for i in none if type(examination.inputs[i]) is float]
    if examination.target.none_leaves_out and not examination.scope.strict and len(none) < len(examination.active):
        for i in none:
            examination.notes.of_none(i, examination.target.names[i])
        dropped = none
    examination.active = tuple(i for i in examination.active if i not in dropped)


def _visit(examination: Examination, source: Source, family: Family, extent: Extent) -> list[Inputs]:
    """Visits test cases as far as the family goes; the legal ones are handed on to later ones."""
    legal: list[Inputs] = []
    for test_case, inputs in family(source):
        if len(legal) >= examination.scope.most(extent.most):
            break
        if not examination.allows(inputs) or examination.has_noted_enough(inputs):
            continue
        if examination.runner.share_used() > extent.share or examination.broken:
            examination.warn("budget", "the budget was used up before all test cases were visited")
            break
        if examination.visit(test_case, inputs) is not None:
            legal.append(inputs)
            examination.left.discard(family)
        examination.visited_since += bool(examination.wrong)
        if examination.has_failed_enough:
            break
    else:
        examination.left.discard(family)
    return legal


def measure(examination: Examination, point: Point) -> Measured:
    """What the example tells of the operation, a part after the other, each of which may rely on those before it."""
    slope, size = _slope_and_size(point)
    unit, answers = _units(examination, point)
    precision, answers = _precision(examination, point, unit, answers)
    return Measured(slope, size, unit, answers, precision, _tangents(examination, point))


def _slope_and_size(point: Point) -> tuple[float, float]:
    """How steep the operation is at the example: a mismatch far below its rounding is none."""
    gradients, _ = ask(point, generator(0).normal(size=point.value.shape))
    sizes = [np.abs(g[np.isfinite(g)]).max(initial=0.0) for g in gradients or [] if g is not None]
    return float(max(sizes, default=0.0)), float(np.abs(point.value).max(initial=0.0))


def _units(examination: Examination, point: Point) -> tuple[float, float]:
    """Of fprop and of bprop, either of which may compute in a narrower type than it returns: all values then fit in it.

    That bprop does is not asked in a strict check.
    """
    active = examination.active
    directions = ({i: random_direction(point, i, examination.rng) for i in active} for _ in range(6))
    values = [point.along(direction, STEP * k) for k, direction in enumerate(directions, 1)]
    largest = max((float(np.abs(examination.inputs[i]).max(initial=0.0)) for i in active), default=0.0)
    unit = _unit_of([v for v in values if v is not None], LEFT * largest) or UNIT
    if examination.scope.strict:
        return unit, UNIT
    # ones leave what bprop rounded before it multiplies as it is, any numbers show what it rounds at the end
    any_numbers = generator(0).normal(size=point.value.shape)
    asked = [ask(point, grad)[0] or [] for grad in (any_numbers, np.ones(point.value.shape))]
    answered = [[g.ravel() for g in gradients if g is not None] for gradients in asked]
    left = LEFT * max((float(np.abs(g).max(initial=0.0)) for gradients in answered for g in gradients), default=0.0)
    narrow = [_unit_of(gradients, left, NARROW_BITS[-1:]) or 0.0 for gradients in answered]
    return unit, max(UNIT, *(found / 2 for found in narrow))


def _precision(examination: Examination, point: Point, unit: float, answers: float) -> tuple[float, float]:
    """How many digits the gradients have, by their rounding along a line, and what bprop rounds to by that.

    Whatever type they are returned in.
    """
    if point.slower_than(examination.runner.seconds / MOST_SLOW):
        return 0.0, answers
    found = (_rounding_along_a_line(point, step) for step in FINE)  # half precision has none at the finest steps
    of_bprop, of_fprop = next((pair for pair in found if pair is None or pair[0] > 0), (0.0, 0.0)) or (np.nan, 0.0)
    if not of_bprop < JUMPS:
        return 0.0, answers
    precision = max(of_bprop, answers)
    narrower = max(unit, WORSE * of_fprop) < precision
    if narrower and NARROW < precision < HALF and not examination.scope.strict:
        answers = max(answers, SINGLE)
        digits = f"gradients are right to {in_words(precision)}"
        examination.warn("precision", f"bprop rounds more than fprop does, which computes in float64: {digits}")
    return precision, answers


def _rounding_along_a_line(point: Point, step: float) -> tuple[float, float] | None:
    """The rounding of gradients, and of the value, relative to the largest; None where they are not all numbers."""
    rng = generator(2)
    direction = {i: random_direction(point, i, rng) for i in point.active}
    grad = rng.normal(size=point.value.shape)
    rows, values = [], []
    for k in range(POINTS):
        near = point.beside(point.move_along(direction, k * step))
        gradients = None if near is None else ask(near, grad)[0]
        if near is None or gradients is None or not are_finite(gradients):
            return None
        rows.append(np.concatenate([np.ravel(g).astype(float) for g in gradients if g is not None] or [np.zeros(0)]))
        values.append(near.value.astype(float))
    return None if len({row.size for row in rows}) > 1 else (_rounding_in(rows), _rounding_in(values))


def _rounding_in(rows: Sequence[Array]) -> float:
    """The rounding of numbers that are smooth functions of their place in the rows, relative to each of them.

    Differences of order 5 leave nothing else of them. At a kink they leave more, so the median over the columns counts.
    Source: Hamming, Introduction to applied numerical analysis; Moré, Wild, "Estimating computational noise" (2011).
    """
    noise = np.sqrt(VARIANCE * (np.diff(rows, ORDER, axis=0) ** 2).mean(axis=0))
    rounded = noise > 0
    return float(np.median(noise[rounded] / np.abs(rows).max(axis=0)[rounded])) if rounded.any() else 0.0


def _unit_of(values: Sequence[Array], left: float, narrow: Sequence[int] = NARROW_BITS) -> float | None:
    """The unit in the last place of the narrow type that all values fit in; None where there is none, or too few."""
    numbers = np.concatenate([*values, np.zeros(0)]).astype(np.float64)
    numbers = numbers[np.abs(numbers) > left]
    if not np.isfinite(numbers).all() or np.all(numbers * 64 == np.round(numbers * 64)):
        return None
    mantissas = np.frexp(numbers)[0]
    fitting = (bits for bits in narrow if np.all(mantissas * 2.0**bits == np.round(mantissas * 2.0**bits)))
    return next((2.0 ** (1 - bits) for bits in fitting), None)


def _tangents(examination: Examination, point: Point) -> dict[int, Tangent]:
    """Inputs that may only be moved within their structure: fprop refuses other moves, or does not see them."""
    found: dict[int, Tangent] = {}
    for i, structure in examination.properties.items():
        if structure.tangent is None or i not in examination.active:
            continue
        free = {i: random_direction(point, i, examination.rng)}
        kept = {i: structure.tangent(np.asarray(point.inputs[i]), free[i])}
        h = STEP / 64
        refused = point.along(free, h) is None and point.along(kept, h) is not None
        if refused or ("symmetric" in structure.name and _one_triangle(point, i)):
            found[i] = structure.tangent
    return found


def _one_triangle(point: Point, i: int) -> bool:
    """Whether fprop reads only one triangle of a symmetric matrix."""
    size = point.scales(i)
    for triangle in (np.triu(size, 1), np.tril(size, -1)):
        moved = point.along({i: triangle}, 1e-3)
        if moved is not None and np.array_equal(moved, point.value):
            return True
    return False
