"""Tails in which rounding swallows what is left: no slope can be told there from 0, nor from what bprop says."""

from __future__ import annotations

import numpy as np

from flowgraph.checking.compare import ValueMismatch, ask
from flowgraph.checking.difference import STEP
from flowgraph.checking.generators import generator
from flowgraph.checking.point import UNIT, Point, analytic_slope
from flowgraph.checking.runner import Illegal, flatten

FEW = 8
TINY = 1e-100
MULTIPLES = 16


def below_rounding(mismatch: ValueMismatch) -> bool:
    """Whether a large step moves the value by no more than a few ulps of the inputs, by fprop and by bprop alike.

    As 1 - erf(x) beyond 6, x - tanh(x) at 1e-7, a normalisation over one element. An operation that is small everywhere
    is measured by its own values.
    """
    point, grad, direction = mismatch.point, mismatch.grad, mismatch.direction
    weight = float(np.abs(grad).max(initial=0.0))
    length = max(float(np.abs(d).max(initial=0.0)) for d in direction.values())
    room = FEW * UNIT * weight * length
    predicted = abs(mismatch.analytic) * STEP
    if predicted > room:
        return False
    moved = [point.along(direction, h) for h in (STEP, -STEP, STEP / 16, -STEP / 16)]
    changes = [float(np.abs((value - point.value) * grad).max(initial=0.0)) for value in moved if value is not None]
    seen = max(changes, default=0.0)
    if seen > room:
        return False
    usual = min(_usual_size(point), length)
    return max(predicted, seen) <= max(FEW * UNIT * weight * usual, TINY)


def is_left_of_cancelling(mismatch: ValueMismatch, numeric: float, rng: np.random.Generator) -> bool:
    """Whether the slope is 0, and the mismatch is gone or of the other sign for multiples of the incoming gradient.

    What cancels to 0 or to a unit of what it is made of may be 0 in all draws beside one point, and a unit there.
    """
    grad, direction = mismatch.grad, mismatch.direction
    gap = mismatch.analytic - numeric
    if abs(numeric) > 0.5 * abs(gap):
        return False
    stays = 0
    for factor in rng.uniform(0.4, 2.5, MULTIPLES):
        gradients, _ = ask(mismatch.point, grad * factor)
        if gradients is None:
            return False
        analytic, _ = analytic_slope(gradients, direction, mismatch.point.active)
        stays += (analytic - factor * numeric) / gap > 0.3
    return stays < MULTIPLES - 2


def _usual_size(point: Point) -> float:
    """The largest value at other inputs of these shapes."""
    rng = generator(0)
    sizes = [float(np.abs(point.value).max(initial=0.0))]
    for factor, shift in ((0.1, 0.0), (-1.0, 0.0), (0.0, 0.0), (0.0, 1.0)):
        inputs = list(point.inputs)
        for i in point.active:
            x = np.asarray(inputs[i])
            drawn = factor * x + shift * rng.normal(size=x.shape)
            inputs[i] = float(drawn) if type(inputs[i]) is float else drawn
        try:
            output = point.runner.legal(tuple(inputs))
        except Illegal:
            continue
        sizes.append(float(np.abs(flatten(output)).max(initial=0.0)))
    return max(sizes)
