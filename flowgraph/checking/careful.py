"""Slopes as sure as they can be made: all steps, two noise models, the wider type."""

from __future__ import annotations

import numpy as np

from flowgraph.checking.difference import SHRINK, STEP, Slopes, extrapolate, trusted_by_finer
from flowgraph.checking.noise import jittered, measured_noise
from flowgraph.checking.point import UNIT, Direction, Point
from flowgraph.checking.target import Array

DEPTH = 20
JITTERS = 6


def careful_slopes(point: Point, direction: Direction, noise: Array, start: float) -> Slopes | None:
    """All steps 4^0 ... 4^-20; an estimate counts only if all finer steps agree, under both noise models."""
    stencil = point.stencil(direction, start)
    stencil.extend(DEPTH)
    floor = np.maximum(point.rounding() * _unit_ratio(point), 2 * noise)
    sides = stencil.central(floor)
    ratio = SHRINK**2
    one_sided = sides is None
    if sides is None:
        ratio = SHRINK
        sides = stencil.one_sided(1, floor) or stencil.one_sided(-1, floor)
    if sides is None:
        return None
    value, error = extrapolate(*sides, ratio=ratio, growth=ratio, trusted=trusted_by_finer(*sides))
    return Slopes(value, error, value.copy(), value.copy(), np.zeros(value.shape, bool), one_sided)


def _unit_ratio(point: Point) -> float:
    """Rounding of this point's type against that of float64."""
    return float(np.finfo(point.value.dtype).eps / np.finfo(np.float64).eps) if point.value.dtype.kind == "f" else 1.0


def wider_slopes(wide: Point, direction: Direction) -> Slopes | None:
    """Slopes in the wider type, None where they are not conclusive."""
    found = careful_slopes(wide, direction, np.zeros(wide.value.shape), STEP)
    if found is None or not np.all(np.isfinite(found.error)):
        return None
    value, error = np.asarray(found.value, np.float64), np.asarray(found.error, np.float64)
    return Slopes(value, error, value.copy(), value.copy(), found.kinked, found.one_sided)


def slope_scatter(point: Point, grad: Array, direction: Direction, rng: np.random.Generator) -> float:
    """How far apart the slopes lie if the inputs differ by a few units in their last place.

    A solve of an ill-conditioned system answers with the digits of a system close by: as a function of the right side
    that is smooth, only of another system, and no difference along this line shows it as noise.
    """
    seen = []
    for _ in range(JITTERS):
        near = jittered(point, rng, 2 * UNIT, together=False)
        if near is None or near.value.shape != point.value.shape:
            continue
        slopes = careful_slopes(near, direction, measured_noise(point, direction), STEP)
        if slopes is not None and np.all(np.isfinite(slopes.error[grad != 0])):
            seen.append(float((grad * slopes.value).sum()))
    return max(seen) - min(seen) if len(seen) > 2 else 0.0
