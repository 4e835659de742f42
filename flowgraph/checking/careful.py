"""Slopes that settle a doubt: all step sizes, long double, the complex step, averages over longer stretches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flowgraph.checking.difference import STEP, Slopes
from flowgraph.checking.point import Direction, Point
from flowgraph.checking.runner import NOT_FINITE, Illegal, Runner, parts
from flowgraph.checking.target import Array, Inputs

DEPTH = 20  # steps, down to STEP / 4^20 = 3e-14: below, x + h is x for an x near 1
TINY = 1e-30  # its square, the error of a complex step, is below any unit in the last place
OBLIQUE = 1e-5 * (0.6 + 0.8j)  # h² of a central difference is then 1e-10, below AGREEMENT; no axis of the complex plane
AGREEMENT = 1e-7  # an error of h² = 1e-10 with derivatives a thousand times the slope
HAS_LONGDOUBLE = np.finfo(np.longdouble).eps < 1e-18
NODES = 24  # of a stretch: a polynomial through 20 terms, with a residual left to tell that it fits
DEGREE = 19  # of a function with its next singularity twice as far off as the stretch reaches, that is good to 1e-10


def careful_slopes(
    point: Point, direction: Direction, noise: Array | float = 0.0, start: float = STEP
) -> Slopes | None:
    """By all steps 4^0 ... 4^-20; an estimate counts only if all finer steps agree. None where no small one is legal."""
    stencil = point.stencil(direction, start)
    stencil.extend(DEPTH)
    narrower = np.finfo(point.value.dtype).eps / np.finfo(np.float64).eps
    slopes = stencil.slopes(np.maximum(point.rounding() * narrower, 2 * noise), confirmed=True)
    return None if stencil.stands_alone else slopes


def wider_slopes(wide: Point, direction: Direction) -> Slopes | None:
    """Slopes in the wider type, None where they are not conclusive."""
    found = careful_slopes(wide, direction)
    if found is None or not np.all(np.isfinite(found.error)):
        return None
    return Slopes.plain(np.asarray(found.value, np.float64), np.asarray(found.error, np.float64), found.one_sided)


def widened(point: Point) -> Point | None:
    """The point in long double; None where this machine or fprop does not carry it through."""
    if not HAS_LONGDOUBLE:
        return None
    wide = point.beside(_in_long_double(point.inputs, point.active))
    carried = wide is not None and all(
        (own := np.asarray(part).dtype) in (np.longdouble, np.clongdouble) or own.kind in "iub"
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

    F'd = Im F(x + i h d) / h, in which nothing is subtracted, so that h may be as small as 1e-30.

    The difference quotient of an analytic function is the same in every direction of the complex plane. That of |x|,
    of a conjugate, and of what drops imaginary parts is not: along an oblique step it is far from the complex step.
    Source: Squire, Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40 (1998).
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


def missing_change(
    point: Point, direction: Direction, grad: Array, reach: float, slope_at: Callable[[Point], float | None], gap: float
) -> tuple[float, float] | None:
    """How far the value moves otherwise than by the integral of what bprop says, and how much of that is no smooth curve.

    ∫ F'(x + t d) d dt over a stretch is F at its end less F at its start

    None where that is not to be told: the stretch leaves the domain, or what bprop says at its nodes and at the point
    itself is not a smooth function to a tenth of the mismatch.
    """
    nodes = np.append(np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES), 0.0)
    slopes, values = [], []
    for node in nodes:
        near = point.beside(point.moved(direction, reach * float(node)))
        slope = None if near is None else slope_at(near)
        if near is None or slope is None or not np.isfinite(slope):
            return None
        slopes.append(slope)
        values.append(float((grad * (near.value - point.value)).sum()))
    fitted = _polynomial(nodes[:-1], np.array(slopes[:-1]), DEGREE)
    if np.abs(fitted(nodes) - slopes).max() > 0.1 * gap:
        return None
    missing = np.array(values) - reach * fitted.integ(lbnd=0)(nodes)
    rough = missing - _polynomial(nodes, missing, DEGREE // 2)(nodes)
    return float(np.abs(missing).max()), float(np.abs(rough).max())


def _polynomial(nodes: Array, values: Array, degree: int) -> np.polynomial.Chebyshev:
    return np.polynomial.Chebyshev.fit(nodes, values, degree, domain=[-1, 1])
