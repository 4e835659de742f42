"""Robust directional derivatives: all step sizes, two noise models, long double, the complex step.

F'd = Im F(x + i h d) / h, in which nothing is subtracted, so that h may be as small as 1e-30.
Source: Squire, Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40 (1998).
"""

from __future__ import annotations

import numpy as np

from flowgraph.checking.difference import SHRINK, STEP, Slopes, extrapolate, trusted_by_finer
from flowgraph.checking.point import Direction, Point
from flowgraph.checking.runner import NOT_FINITE, Illegal, Runner, parts
from flowgraph.checking.target import Array, Inputs

DEPTH = 20  # steps, down to STEP / 4^20 = 3e-14: below, x + h is x for an x near 1
TINY = 1e-30  # its square, the error of a complex step, is below any unit in the last place
OBLIQUE = 1e-5 * (0.6 + 0.8j)  # h² of a central difference is then 1e-10, below AGREEMENT; no axis of the complex plane
AGREEMENT = 1e-7  # an error of h² = 1e-10 with derivatives a thousand times the slope


def careful_slopes(point: Point, direction: Direction, noise: Array, start: float) -> Slopes | None:
    """All steps 4^0 ... 4^-20; an estimate counts only if all finer steps agree, under both noise models."""
    stencil = point.stencil(direction, start)
    stencil.extend(DEPTH)
    narrower = np.finfo(point.value.dtype).eps / np.finfo(np.float64).eps
    floor = np.maximum(point.rounding() * narrower, 2 * noise)
    sides = stencil.central(floor)
    ratio = SHRINK**2
    one_sided = sides is None
    if sides is None:
        ratio = SHRINK
        sides = stencil.one_sided(1, floor) or stencil.one_sided(-1, floor)
    if sides is None:
        return None
    value, error = extrapolate(*sides, ratio=ratio, growth=ratio, trusted=trusted_by_finer(*sides))
    return Slopes.plain(value, error, one_sided)


def wider_slopes(wide: Point, direction: Direction, noise: Array | float = 0.0) -> Slopes | None:
    """Slopes in the wider type, None where they are not conclusive."""
    found = careful_slopes(wide, direction, np.zeros(wide.value.shape) + noise, STEP)
    if found is None or not np.all(np.isfinite(found.error)):
        return None
    value, error = np.asarray(found.value, np.float64), np.asarray(found.error, np.float64)
    return Slopes.plain(value, error, found.one_sided)


HAS_LONGDOUBLE = np.finfo(np.longdouble).eps < 1e-18


def widened(point: Point) -> Point | None:
    """The point in long double; None where this machine or fprop does not carry it through."""
    if not HAS_LONGDOUBLE:
        return None
    wide = point.beside(_in_long_double(point.inputs, point.active))
    if wide is None:
        return None
    carried = all(
        np.asarray(part).dtype in (np.longdouble, np.clongdouble) or np.asarray(part).dtype.kind in "iub"
        for part in parts(wide.output)
    )
    return wide if carried else None


def _in_long_double(inputs: Inputs, active: tuple[int, ...]) -> Inputs:
    kind = np.longdouble
    wide = {i: kind(x) if type(x := inputs[i]) is float else np.asarray(x).astype(kind) for i in active}
    return tuple(wide.get(i, x) for i, x in enumerate(inputs))


def overflows_on_the_way(runner: Runner, inputs: Inputs, active: tuple[int, ...], reason: Illegal) -> bool:
    """Whether a value that is not finite is finite in long double, and fits into float64: a stable form gives it."""
    doubles = all(np.asarray(inputs[i]).dtype == np.float64 for i in active)
    if not HAS_LONGDOUBLE or not doubles or str(reason) != NOT_FINITE:
        return False
    try:
        found = [np.asarray(part) for part in parts(runner.legal(_in_long_double(inputs, active)))]
    except Illegal:
        return False
    carried = all(part.dtype == np.longdouble for part in found)
    return carried and all(bool(np.all(np.abs(part) < np.finfo(np.float64).max)) for part in found)


def disagrees(point: Point, wide: Point) -> bool:
    """Whether fprop itself has lost its digits here, so that the point says nothing."""
    difference = np.abs(point.value - wide.value.astype(np.float64))
    scale = np.abs(wide.value).astype(np.float64)
    scale = np.maximum(scale, 1e-3 * (scale.max() if scale.size else 0.0))
    return bool(np.any(difference > 1e-7 * scale))


def complex_slopes(point: Point, direction: Direction, noise: Array) -> Array | None:
    """The slope of each output; None where fprop does not carry complex numbers through, or is not analytic here.

    The difference quotient of an analytic function is the same in every direction of the complex plane. That of |x|,
    of a conjugate, and of what drops imaginary parts is not: along an oblique step it is far from the complex step.
    """
    tiny = _along(point, direction, 1j * TINY)
    up, down = (None if tiny is None else _along(point, direction, step) for step in (OBLIQUE, -OBLIQUE))
    if tiny is None or up is None or down is None:
        return None
    slope = tiny.imag / TINY
    size = float(np.abs(point.value).max(initial=0.0))
    room = AGREEMENT * (np.abs(slope) + size) + 8 * noise / abs(OBLIQUE)
    oblique = np.abs((up - down) / (2 * OBLIQUE) - slope) <= room
    same_value = np.abs(tiny.real - point.value) <= AGREEMENT * size + 8 * noise
    return np.asarray(slope) if np.all(oblique & same_value) else None


def _along(point: Point, direction: Direction, step: complex) -> Array | None:
    """F(x + step d) as complex numbers; None where fprop refuses them, or answers with real ones."""
    inputs = list(point.inputs)
    for i, d in direction.items():
        moved = inputs[i] + step * d
        inputs[i] = complex(moved) if type(inputs[i]) is float else moved
    try:
        found = [np.asarray(part) for part in parts(point.runner.fprop(tuple(inputs)))]
        own = [np.asarray(part) for part in parts(point.output)]
    except Exception:  # whatever code raises that was written for real numbers
        return None
    fits = [
        a.dtype.kind == "c" and b.dtype.kind == "f" and a.shape == b.shape for a, b in zip(found, own, strict=False)
    ]
    if not all(fits) or len(found) != len(own) or not all(np.all(np.isfinite(a)) for a in found):
        return None
    return point.project(np.concatenate([a.ravel() for a in found]))
