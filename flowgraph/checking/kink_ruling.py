"""At a kink any number within the hull of the slopes around it is a right gradient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flowgraph.checking.compare import ValueMismatch, ask
from flowgraph.checking.kinks import (
    climbing_slopes,
    hull,
    neighbour_slopes,
    own_slopes,
    slopes_beside_settings,
    winner_slopes,
)
from flowgraph.checking.point import Direction, analytic_slope
from flowgraph.checking.target import Array


@dataclass(frozen=True)
class KinkHull:
    """Whether the analytic slope is within the slopes around a kink, None if bprop has none; and half their width."""

    contains: bool | None
    half_width: float = 0.0


def hull_at_kink(
    mismatch: ValueMismatch,
    tolerance: float,
    rows: Array,
    dense: tuple[Direction, Array],
    rng: np.random.Generator,
) -> KinkHull:
    """Wrong only outside the hull of the slopes around.

    Along a sparse direction few neighbours move the outputs, so that their hull is known only for few elements; along a
    dense one every neighbour shows it.
    """
    point, grad, direction = mismatch.point, mismatch.grad, mismatch.direction
    gradients, _ = ask(point, grad)
    if gradients is None:
        return KinkHull(None)
    few_elements = sum(point.size(i) for i in point.active) <= 12
    lines = [dense, (direction, rows)] if few_elements else [dense]
    for line, few in lines:
        analytic, _ = analytic_slope(gradients, line, point.active)
        more = np.concatenate([few, neighbour_slopes(point, line, rng, 64), own_slopes(point, line)])
        if _outside(more, grad, analytic, tolerance):
            more = np.concatenate([more, winner_slopes(point, line, grad, rng)])
        if _outside(more, grad, analytic, tolerance):
            more = np.concatenate([more, climbing_slopes(point, line, grad, analytic, rng)])
        if _outside(more, grad, analytic, tolerance):
            low, high = hull(more, grad)
            return KinkHull(False, (high - low) / 2)
    return KinkHull(True)


def within_other_settings(mismatch: ValueMismatch, rng: np.random.Generator) -> bool:
    """Whether the analytic slope is within those of settings close by, which differ as at a kink."""
    point, grad, direction = mismatch.point, mismatch.grad, mismatch.direction
    rows = slopes_beside_settings(point, direction, rng)
    gradients, _ = ask(point, grad)
    if not len(rows) or gradients is None:
        return False
    analytic, _ = analytic_slope(gradients, direction, point.active)
    low, high = hull(rows, grad)
    return high - low > 0.1 * abs(mismatch.analytic - mismatch.numeric) and not _outside(rows, grad, analytic, 0.0)


def _outside(rows: Array, grad: Array, analytic: float, tolerance: float) -> bool:
    low, high = hull(rows, grad)
    return max(low - analytic, analytic - high) > tolerance + 0.3 * (high - low)
