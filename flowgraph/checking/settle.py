"""Rules out numerical causes, excuse by excuse, before a mismatch is reported."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from flowgraph.checking.careful import disagrees, widened
from flowgraph.checking.compare import FormFault, Ruling, Suspicion, ValueMismatch, ask
from flowgraph.checking.evidence import Evidence
from flowgraph.checking.excuses import EXCUSES
from flowgraph.checking.kinks import is_singular, of_other_gradients, quotients_stay_bounded
from flowgraph.checking.point import Direction, Point, coordinate, random_direction


def settle(suspicion: Suspicion, rng: np.random.Generator, off: Collection[str] = ()) -> Ruling:
    """The result of confirming a mismatch; the excuses named in `off` are skipped."""
    if isinstance(suspicion, ValueMismatch):
        return _of_values(suspicion, rng, off)
    if suspicion.kind in ("nonfinite", "raised"):
        return no_number(suspicion, rng)
    return Ruling("wrong", suspicion, note=suspicion.note)


def _of_values(mismatch: ValueMismatch, rng: np.random.Generator, off: Collection[str]) -> Ruling:
    evidence = Evidence(mismatch, rng)
    for excuse in EXCUSES:
        if excuse.name not in off and excuse.holds(evidence):
            return Ruling(excuse.verdict, evidence.mismatch, note=excuse.words, excuse=excuse.name)
    error, note = evidence.tolerance / 4, ""
    if not evidence.smooth:
        error, note = evidence.hull.half_width, "not within the slopes around this kink"
    return Ruling("wrong", evidence.mismatch, evidence.numeric, error, note, oracle=evidence.oracle)


def no_number(fault: FormFault, rng: np.random.Generator) -> Ruling:
    """A NaN, an infinity or an exception is wrong only where every available quotient stays bounded."""
    why = _no_derivative(fault, rng)
    if why:
        return Ruling("undecided", fault, note=why)
    return Ruling("wrong", fault, note=fault.note or "bprop gives a NaN or infinity where the slopes are finite")


def _no_derivative(fault: FormFault, rng: np.random.Generator) -> str:
    """Why there may be no derivative at the point, "" where there is one."""
    point = fault.point
    if fault.kind == "raised" and "LinAlgError" in fault.note:
        return fault.note
    wide = widened(point)
    if wide is not None and disagrees(point, wide):
        return "fprop has no correct digits here"
    if _passes_through_infinity(point):
        return "fprop itself divides by 0 on its way to a finite value"
    generic = of_other_gradients(point, rng)
    if generic is None:
        return "another incoming gradient gives no finite value here"
    return _no_slopes(fault, generic, rng)


def _no_slopes(fault: FormFault, generic: Point, rng: np.random.Generator) -> str:
    """Why quotients of differences tell of no derivative at the point, "" where they do."""
    point = fault.point
    children = [fault.child] if fault.child is not None else list(point.active)
    seen = 0
    for child in children:
        directions = [{child: random_direction(point, child, rng)} for _ in range(2 if point.size(child) else 0)]
        for direction in directions + _bad_coordinates(fault, child):
            bounded = quotients_stay_bounded(point.stencil(direction))
            if bounded is False or quotients_stay_bounded(generic.stencil(direction)) is False:
                return "the derivative is infinite here"
            seen += bounded is True
    if seen == 0 and any(point.size(child) for child in children):
        return "no step is legal on either side"
    if is_singular(point, rng):
        return "the value jumps here"
    if any(_stuck(point, i, rng) for i in point.active if i not in children):
        return "another input can be moved to neither side here"
    return ""


def _passes_through_infinity(point: Point) -> bool:
    """1 / sum(1 / x) is finite at 0, but no rule of calculus was meant to be used there."""
    of_nothing = not point.value.size  # the mean of no elements is NaN, but no element of the output shows it
    with np.errstate(divide="raise", invalid="raise" if of_nothing else "ignore"):
        try:
            point.runner.fprop(point.inputs)
        except FloatingPointError:
            return True
        except Exception:
            return False
    return False


def _stuck(point: Point, i: int, rng: np.random.Generator) -> bool:
    """Whether an input can be moved to neither side, though it can where the others take values close by.

    x log(x / y) is defined at (0, 0), but beside it for no x at this y: slopes along the edge of a domain are those of
    no function around the point.
    """
    if not point.size(i) or _moves(point, {i: random_direction(point, i, rng)}):
        return False
    others = {k: np.abs(random_direction(point, k, rng)) for k in point.active if k != i}
    return any(_moves(point, {i: random_direction(point, i, rng)}, others, side) for side in (1e-2, -1e-2))


def _moves(point: Point, direction: Direction, others: Direction | None = None, side: float = 0.0) -> bool:
    """Whether a step along the direction, or against it, is legal once the others are moved aside."""
    for h in (1e-3, -1e-3):
        moved = {k: side * d for k, d in (others or {}).items()} | {k: h * d for k, d in direction.items()}
        if point.along(moved, 1.0) is not None:
            return True
    return False


def _bad_coordinates(fault: FormFault, child: int) -> list[Direction]:
    point = fault.point
    if fault.kind != "nonfinite" or fault.grad is None:
        return [coordinate(point, child, 0)] if point.size(child) else []
    gradients, _ = ask(point, fault.grad)
    g = gradients[point.active.index(child)] if gradients is not None else None
    if g is None:
        return []
    return [coordinate(point, child, int(k)) for k in np.flatnonzero(~np.isfinite(np.ravel(g)))[:4]]
