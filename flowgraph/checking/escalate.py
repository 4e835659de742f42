"""Nothing is reported before it is escalated: every way in which a right bprop can look wrong is tried first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flowgraph.checking.careful import DEPTH, careful_slopes, slope_scatter, wider_slopes
from flowgraph.checking.compare import Suspicion, ask, deviation, random_direction
from flowgraph.checking.difference import STEP, Slopes
from flowgraph.checking.kink_ruling import at_kink, within_other_settings
from flowgraph.checking.kinks import (
    is_singular,
    is_smooth,
    jumps_beside,
    neighbour_slopes,
    still_moving,
    winner_slopes,
)
from flowgraph.checking.narrow import contradicts_coarse_slopes, is_resolved
from flowgraph.checking.negligible import below_rounding, is_left_of_cancelling
from flowgraph.checking.no_number import no_number
from flowgraph.checking.noise import ROUGH, ROUGHER, analytic_noise, analytic_roughness, ill_conditioned, measured_noise
from flowgraph.checking.point import UNIT, Direction, Point, analytic_slope
from flowgraph.checking.roughness import on_a_stair, slope_room, three_in_turn
from flowgraph.checking.ruling import Ruling
from flowgraph.checking.runner import Illegal
from flowgraph.checking.target import Array
from flowgraph.checking.wider import disagrees, widened

SMALL_MISMATCH = 3e-3
TINY_MISMATCH = 1e-3
UNSEEN = 1e-11  # of the slope and of the value: an iteration within fprop or bprop stops at some tolerance too
FINEST_MISMATCH = 1e-9  # below what a bprop in float32 shows
COARSE = 16.0
SCALES_APART = ((1e-4, 20.0), (3e-3, 1000.0))  # how near on one scale, and how many times farther on a finer one
SLOW = 0.02  # seconds of one fprop in the wider type, which has no BLAS: it is then asked for its value alone


def escalate(suspicion: Suspicion, rng: np.random.Generator) -> Ruling:
    if suspicion.kind == "value":
        return _value(suspicion, rng)
    if suspicion.kind in ("nonfinite", "raised"):
        return no_number(suspicion, rng)
    return Ruling("wrong", suspicion, note=suspicion.note)


def _value(suspicion: Suspicion, rng: np.random.Generator) -> Ruling:
    suspicion = _fewer_outputs(suspicion)
    point, grad, direction = suspicion.point, suspicion.grad, suspicion.direction
    assert grad is not None
    assert direction is not None
    least = 8 * UNIT * point.runner.slope * max(float(np.abs(d).max(initial=0.0)) for d in direction.values())
    if abs(suspicion.analytic - suspicion.numeric) <= least * float(np.abs(grad).max(initial=0.0)):
        return Ruling("undecided", suspicion, note="both slopes are 0 beside those of the example")
    if below_rounding(suspicion):
        return Ruling("undecided", suspicion, note="neither slope moves the value by more than inputs are rounded")
    wide = widened(point)
    if wide is not None and disagrees(point, wide):
        return Ruling("undecided", suspicion, note="fprop has no correct digits here")
    if wide is None and ill_conditioned(point, grad, rng):
        return Ruling("undecided", suspicion, note="the last digits of the inputs change many of the value's")
    if is_singular(point, rng):
        return Ruling("undecided", suspicion, note="the value jumps here")
    noise = measured_noise(point, direction)
    slopes = careful_slopes(point, direction, noise, STEP)
    if slopes is None or point.stencil(direction).stands_alone:
        return Ruling("undecided", suspicion, note="no small step is legal on either side")
    if not _numeric(grad, slopes) and on_a_stair(point, grad, direction, suspicion.analytic):
        return Ruling("undecided", suspicion, note="the value moves by steps here")
    strict = careful_slopes(point, direction, 0.0 * noise, STEP)
    excess, tolerance, size = _excess(suspicion, grad, direction, slopes)
    if excess <= tolerance:
        return _unresolved(suspicion, tolerance, size)
    size_of_value = float((np.abs(grad) * np.abs(point.value)).sum())
    if excess < UNSEEN * (abs(suspicion.analytic) + abs(_numeric(grad, slopes)) + size_of_value):
        return Ruling("rounding", suspicion, note="what is iterated can leave as much")
    if _agrees_on_another_scale(suspicion, slopes):
        return Ruling("undecided", suspicion, note="the slope differs between scales: noise may be the function itself")
    if still_moving(point, direction, grad):
        return Ruling("undecided", suspicion, note="the slopes have not settled before rounding takes over")
    better = None if wide is None or wide.slower_than(SLOW) else wider_slopes(wide, direction)
    if better is not None and wide is not None:
        if _right_in_wider_type(suspicion, wide, better):
            return Ruling("rounding", suspicion, note="right in a wider type: bprop loses digits here")
        slopes = better
        excess, tolerance, size = _excess(suspicion, grad, direction, slopes)
        if excess <= tolerance:
            return _unresolved(suspicion, tolerance, size)
    elif strict is not None and not _strictly(suspicion, grad, direction, slopes, strict, excess):
        return Ruling("undecided", suspicion, note="finer steps do not confirm it")
    _, spread = analytic_noise(point, grad, direction, rng, UNIT, together=True)
    spacings = (*ROUGH, *ROUGHER) if excess < FINEST_MISMATCH * abs(suspicion.analytic) else ROUGH
    tolerance += 12 * max(spread, analytic_roughness(point, grad, direction, rng, spacings))
    if excess <= tolerance:
        return Ruling("rounding", suspicion, note="bprop loses these digits to rounding")
    if is_left_of_cancelling(suspicion, _numeric(grad, slopes), rng):
        return Ruling("rounding", suspicion, note="bprop loses these digits to rounding")
    ruling = _against_neighbours(suspicion, slopes, excess, tolerance, noise, rng)
    smooth = ruling.kind == "wrong" and not ruling.note
    if smooth and wide is None and excess <= tolerance + 4 * slope_scatter(point, grad, direction, rng):
        return Ruling("undecided", suspicion, note="the slope of fprop changes with the last digits of the inputs")
    if ruling.kind == "wrong" and jumps_beside(point, rng):
        return Ruling("undecided", suspicion, note="the value jumps here, unless an input is 0")
    if ruling.kind == "wrong" and within_other_settings(suspicion, rng):
        return Ruling("kink", suspicion, note="a setting has a kink here")
    return ruling


def _numeric(grad: Array, slopes: Slopes) -> float:
    """The slope of what the incoming gradient makes of the outputs."""
    return float((grad * slopes.value).sum())


def _against_neighbours(
    suspicion: Suspicion,
    slopes: Slopes,
    excess: float,
    tolerance: float,
    noise: Array,
    rng: np.random.Generator,
) -> Ruling:
    """Smooth around here: the mismatch stands if it survives other steps. Otherwise the hull of slopes decides."""
    point, grad, direction = suspicion.point, suspicion.grad, suspicion.direction
    assert grad is not None
    assert direction is not None
    numeric = _numeric(grad, slopes)
    if point.runner.unit > 1e-10:  # steps fine enough to tell kinks apart say nothing in a narrow type
        coarse = point.slopes(direction)
        seen = numeric if coarse is None else float((grad * coarse.value).sum())
        size = abs(seen) + abs(suspicion.analytic)
        moved = max(float(np.abs(d).max(initial=0.0)) for d in direction.values())
        resolved = is_resolved(point, direction, grad, max(abs(seen), abs(suspicion.analytic)))
        gross = (
            resolved
            and moved > point.runner.least
            and (
                min(excess, abs(seen - suspicion.analytic)) > 0.3 * size
                or contradicts_coarse_slopes(point, direction, grad, suspicion.analytic)
            )
        )
        kind = "wrong" if gross else "undecided"
        return Ruling(kind, suspicion, numeric, tolerance / 4, "" if gross else "fprop computes in a narrow type")
    dense = {i: np.abs(random_direction(point, i, rng)) for i in point.active}
    lines = [(line, neighbour_slopes(point, line, rng, 16)) for line in (direction, dense)]
    if all(is_smooth(point, line, grad, rows, noise, excess, rng) for line, rows in lines):
        lines = [
            (
                line,
                np.concatenate([rows, winner_slopes(point, line, grad, rng), neighbour_slopes(point, line, rng, 48)]),
            )
            for line, rows in lines
        ]
    if not all(is_smooth(point, line, grad, rows, noise, excess, rng) for line, rows in lines):
        return at_kink(suspicion, numeric, tolerance, lines[0][1], lines[1], rng)
    lost = float((noise / np.maximum(np.abs(point.value), 1e-300))[grad != 0].max(initial=0.0))
    jitter = max(UNIT, min(lost, 1e-4))
    middle, spread = analytic_noise(point, grad, direction, rng, jitter, together=False)
    steady = abs(suspicion.analytic - middle) > 2 * spread
    if excess <= tolerance + 12 * spread and not (steady and abs(middle - numeric) <= 0.1 * excess):
        return Ruling("rounding", suspicion, note="bprop loses these digits to rounding")
    again = careful_slopes(point, direction, measured_noise(point, direction), STEP * 0.7310585)
    if again is None or not _exceeds(suspicion, again):
        return Ruling("undecided", suspicion, note="other steps do not confirm it")
    if excess < SMALL_MISMATCH * (abs(numeric) + abs(suspicion.analytic)) and not _persists(suspicion, rng):
        return Ruling("undecided", suspicion, note="a small mismatch that is not there at nearby points")
    tiny = excess < TINY_MISMATCH * (abs(numeric) + abs(suspicion.analytic))
    if tiny and excess < slope_room(point, grad, direction, rng):
        return Ruling("undecided", suspicion, note="the value has small jumps around here, as one found by iteration")
    return Ruling("wrong", suspicion, numeric, tolerance / 4)


def _strictly(
    suspicion: Suspicion, grad: Array, direction: Direction, slopes: Slopes, strict: Slopes, excess: float
) -> bool:
    """Whether a mismatch also stands where F is taken to have no noise but its rounding.

    Where that has no estimate at all, a gross mismatch still stands if no single step comes near the analytic slope:
    what looks like noise may be the function itself, seen too coarsely.
    """
    tight = _excess(suspicion, grad, direction, strict)
    if np.isfinite(tight[1]):
        return tight[0] > tight[1]
    numeric = _numeric(grad, slopes)
    if excess < 0.01 * (abs(numeric) + abs(suspicion.analytic)):
        return False
    stencil = suspicion.point.stencil(direction)
    stencil.extend(DEPTH)
    central = stencil.central(suspicion.point.rounding())
    if central is None:
        return False
    seen = (central[0] * grad).sum(axis=1)
    floor = (central[1] * np.abs(grad)).sum(axis=1)
    near = np.abs(seen - suspicion.analytic) <= 0.03 * abs(suspicion.analytic) + 4 * floor
    return not bool(near.any())


def _agrees_on_another_scale(suspicion: Suspicion, slopes: Slopes) -> bool:
    """Whether three consecutive steps all give the analytic slope, although finer ones do not.

    Then F has one slope on one scale and another on a finer one, as rounding inside fprop has where it can be resolved.
    """
    point, grad, direction = suspicion.point, suspicion.grad, suspicion.direction
    assert grad is not None
    assert direction is not None
    stencil = point.stencil(direction, COARSE * STEP)
    stencil.extend(10)
    central = stencil.central(point.rounding())
    if central is None:
        return False
    seen = (central[0] * grad).sum(axis=1)
    apart = abs(_numeric(grad, slopes) - suspicion.analytic)
    for relative, times in SCALES_APART:
        room = max(relative, point.runner.unit) * abs(suspicion.analytic)
        if apart > times * room and three_in_turn(np.abs(seen - suspicion.analytic) <= room):
            return True
    return False


def _excess(suspicion: Suspicion, grad: Array, direction: Direction, slopes: Slopes) -> tuple[float, float, float]:
    gradients, _ = ask(suspicion.point, grad)
    if gradients is None:
        return 0.0, np.inf, 0.0
    analytic, terms = analytic_slope(gradients, direction, suspicion.point.active)
    _, excess, tolerance, size = deviation(grad, slopes, analytic, terms)
    if suspicion.point.runner.unit > 1e-10:
        tolerance += 6 * suspicion.point.runner.unit**0.5 * (size + terms)
    return excess, tolerance, size


def _exceeds(suspicion: Suspicion, slopes: Slopes) -> bool:
    assert suspicion.grad is not None
    assert suspicion.direction is not None
    excess, tolerance, _ = _excess(suspicion, suspicion.grad, suspicion.direction, slopes)
    return excess > tolerance


def _unresolved(suspicion: Suspicion, tolerance: float, size: float) -> Ruling:
    if tolerance <= 1e-3 * size:
        return Ruling("fine", suspicion)
    return Ruling("undecided", suspicion, note="no step gives a slope that finer steps confirm")


def _right_in_wider_type(suspicion: Suspicion, wide: Point, slopes: Slopes) -> bool:
    grad, direction = suspicion.grad, suspicion.direction
    assert grad is not None
    assert direction is not None
    gradients, _ = ask(wide, grad.astype(np.longdouble))
    if gradients is None or not all(g is None or np.all(np.isfinite(g)) for g in gradients):
        return False
    analytic, terms = analytic_slope(gradients, direction, wide.active)
    _, excess, tolerance, _ = deviation(grad, slopes, analytic, terms)
    return excess <= tolerance < np.inf


def _fewer_outputs(suspicion: Suspicion) -> Suspicion:
    """Halve the incoming gradient while one half still shows the mismatch, so that other outputs do not blur it."""
    point, grad, direction = suspicion.point, suspicion.grad, suspicion.direction
    assert grad is not None
    assert direction is not None
    slopes = point.slopes(direction, depth=8)
    if slopes is None:
        return suspicion
    while np.count_nonzero(grad) > 1:
        where = np.flatnonzero(grad)
        best: tuple[float, Array, float] | None = None
        for half in (where[: len(where) // 2], where[len(where) // 2 :]):
            part = np.zeros_like(grad)
            part[half] = grad[half]
            gradients, _ = ask(point, part)
            if gradients is None or not all(g is None or np.all(np.isfinite(g)) for g in gradients):
                continue
            analytic, terms = analytic_slope(gradients, direction, point.active)
            _, excess, tolerance, _ = deviation(part, slopes, analytic, terms)
            if excess > tolerance and (best is None or excess / tolerance > best[0]):
                best = (excess / tolerance, part, analytic)
        if best is None:
            break
        grad = best[1]
        suspicion = replace(suspicion, grad=grad, analytic=best[2])
    return suspicion


def _persists(suspicion: Suspicion, rng: np.random.Generator) -> bool:
    """Whether a small mismatch of like size is also seen at a generic point nearby."""
    point, grad, direction = suspicion.point, suspicion.grad, suspicion.direction
    assert grad is not None
    assert direction is not None
    for _ in range(3):
        inputs = list(point.inputs)
        for i in point.active:
            moved = np.asarray(inputs[i]) + 1e-3 * random_direction(point, i, rng)
            inputs[i] = float(moved) if type(inputs[i]) is float else moved
        try:
            near = Point.at(point.runner, tuple(inputs), point.regime, point.active)
        except Illegal:
            continue
        slopes = careful_slopes(near, direction, measured_noise(near, direction), STEP)
        if slopes is None:
            continue
        excess, tolerance, _ = _excess(replace(suspicion, point=near), grad, direction, slopes)
        if excess > tolerance:
            return True
    return False
