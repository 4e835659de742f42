"""Points where the slope jumps or the value does: what counts as a right answer there."""

from __future__ import annotations

import numpy as np

from flowgraph.checking.difference import STEP, Stencil
from flowgraph.checking.point import Direction, Point
from flowgraph.checking.runner import Illegal
from flowgraph.checking.target import Array


def neighbour_slopes(point: Point, direction: Direction, rng: np.random.Generator, count: int) -> Array:
    """Slopes along `direction` at points around this one, and the one-sided slopes here (rows × outputs)."""
    rows: list[Array] = []
    for k in range(count):
        radius = 10.0 ** rng.uniform(-6, -3.5)
        near = _beside(point, rng, radius, k, direction)
        if near is None:
            continue
        slope = _local_slope(near, direction, radius)
        if slope is not None:
            rows.append(slope)
    stencil = point.stencil(direction, start=STEP / 256)
    stencil.extend(3)
    for side in (1, -1):
        quotient = stencil.one_sided(side, np.zeros(point.value.shape))
        if quotient is not None:
            rows.append(quotient[0][-1])
    return np.stack(rows) if rows else np.zeros((0, point.value.size))


def _beside(point: Point, rng: np.random.Generator, radius: float, k: int, direction: Direction) -> Point | None:
    inputs = list(point.inputs)
    for i in point.active:
        scales = point.scales(i)
        if k == 0:
            offset = np.abs(scales)
        elif k == 1:
            offset = -np.abs(scales)
        elif k in (2, 3):
            offset = (5 - 2 * k) * direction[i] if i in direction else 0.0 * scales
        else:
            offset = scales * rng.normal(size=scales.shape)
        moved = np.asarray(inputs[i]) + radius * offset
        inputs[i] = float(moved) if type(inputs[i]) is float else moved
    try:
        near = Point.at(point.runner, tuple(inputs), point.regime, point.active)
    except Illegal:
        return None
    return near if near.value.shape == point.value.shape else None


def _local_slope(near: Point, direction: Direction, radius: float) -> Array | None:
    """The slope over a span much shorter than the distance to the point, so that the stencil stays on one side."""
    h = radius * 1e-2
    up, down = near.along(direction, h), near.along(direction, -h)
    if up is not None and down is not None:
        return (up - down) / (2 * h)
    if up is not None:
        return (up - near.value) / h
    return None if down is None else (near.value - down) / h


def hull(rows: Array, grad: Array) -> tuple[float, float]:
    """The interval that ⟨grad, slopes⟩ can take when every output picks its own row."""
    products = rows * grad
    return float(products.min(axis=0).sum()), float(products.max(axis=0).sum())


def is_singular(point: Point, rng: np.random.Generator) -> bool:
    """Whether the value itself changes by a tenth when the inputs change by 1e-10: then it has no slope to compare."""
    typical = max(float(np.abs(point.value).max(initial=0.0)), 1e-300)
    for k in range(6):
        inputs = list(point.inputs)
        for i in point.active:
            scales = point.scales(i)
            sign = rng.choice([-1.0, 1.0], scales.shape) if k > 1 else float(1 - 2 * k)
            moved = np.asarray(inputs[i]) + 1e-10 * scales * sign
            inputs[i] = float(moved) if type(inputs[i]) is float else moved
        try:
            near = Point.at(point.runner, tuple(inputs), point.regime, point.active)
        except Illegal:
            continue
        if near.value.shape != point.value.shape:
            return True
        change = np.abs(near.value - point.value)
        if np.any(change > 0.1 * np.maximum(np.abs(point.value), np.minimum(typical, 1.0))):
            return True
    return False


def quotients_stay_bounded(stencil: Stencil, outputs: Array) -> bool | None:
    """Whether one-sided quotients settle as the step shrinks, on every side that is legal; None if no side is.

    Where a derivative is infinite the quotients grow: like h^(-a), or by a constant amount per step for a logarithm.
    """
    bounded: list[bool] = []
    stencil.extend(12)
    for side in (1, -1):
        quotient = stencil.one_sided(side, np.zeros(stencil.base.shape))
        if quotient is None or len(quotient[0]) < 5:
            continue
        rows = quotient[0][:, outputs]
        steps = np.abs(np.diff(rows[:8], axis=0))
        size = np.abs(rows[:8]).max(axis=0) + 1e-300
        late, early = steps[-1], steps[len(steps) // 2]
        settles = (late < 0.5 * early) | (late < 1e-5 * size)
        bounded.append(bool(np.all(settles)))
    return all(bounded) if bounded else None
