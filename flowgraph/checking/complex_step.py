"""The complex step: a slope without the rounding of a difference, where fprop runs on complex numbers.

F'd = Im F(x + i h d) / h

Nothing is subtracted, so that h may be as small as 1e-30.
Source: Squire, Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40 (1998).
"""

from __future__ import annotations

import numpy as np

from flowgraph.checking.point import Direction, Point
from flowgraph.checking.runner import parts
from flowgraph.checking.target import Array

TINY = 1e-30
OBLIQUE = 1e-5 * (0.6 + 0.8j)
AGREEMENT = 1e-7


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
