"""What coarse steps tell of a fprop that computes in float32 or in half precision, where fine ones are all rounding."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from flowgraph.checking.difference import STEP
from flowgraph.checking.point import Direction, Point
from flowgraph.checking.target import Array

HALF = 1e-4  # a unit of half precision is larger
COARSE = 4 * STEP
STEPS = 3
APART = 3.0  # spreads of the slopes between them and what bprop says


def contradicts_coarse_slopes(point: Point, direction: Direction, grad: Array, analytic: float) -> bool:
    """Whether bprop is far outside of all slopes to the right and to the left, at several coarse steps.

    Each is extrapolated from two steps, which removes the curvature. At a kink the slopes of the two sides differ by as
    much as a gradient may choose, and next to one those of different steps do: how far they are apart is the room that
    bprop has.
    """
    stencil = point.stencil(direction, COARSE)
    stencil.extend(STEPS)
    size = float((np.abs(grad) * np.abs(point.value)).sum())
    rows = []
    for k, (plus, minus) in enumerate(zip(stencil.plus[:STEPS], stencil.minus[:STEPS], strict=True)):
        if plus is None or minus is None:
            return False
        h = COARSE * 4.0**-k
        right, left = (float((grad * (plus - point.value)).sum()) / h, float((grad * (point.value - minus)).sum()) / h)
        rows.append((np.array([right, left]), 4 * point.runner.unit * size / h))
    found = [
        ((4 * fine - coarse) / 3, (4 * fine_floor + coarse_floor) / 3)
        for (coarse, coarse_floor), (fine, fine_floor) in pairwise(rows)
    ]
    floor = found[0][1]
    slopes = np.concatenate([pair for pair, its_floor in found if its_floor <= 4 * floor])
    low, high = float(slopes.min()), float(slopes.max())
    room = APART * (high - low + floor) + 1e-3 * max(abs(low), abs(high))
    return not low - room <= analytic <= high + room


def is_resolved(point: Point, direction: Direction, grad: Array, slope: float) -> bool:
    """Whether steps of half precision's own unit move the value by as much as a slope of this size says.

    A value that moves by much more has turns between one number of that type and the next, which no step can see.
    """
    if point.runner.unit < HALF:
        return True
    rounding = 8 * point.runner.unit * float((np.abs(grad) * np.abs(point.value)).sum())
    for h in (2 * point.runner.unit, -2 * point.runner.unit):
        moved = point.along(direction, h)
        if moved is None or abs(float((grad * (moved - point.value)).sum())) > 4 * slope * abs(h) + rounding:
            return False
    return True
