"""Second derivatives: bprop is an operation too, whose own bprop must be right.

With y = f(x) and r = bprop(grad, y, x), the total derivative of r by x goes through y as well:

dr/dx = ∂r/∂x + ∂r/∂y f'(x)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.compare import FormFault
from flowgraph.checking.difference import STEP
from flowgraph.checking.examination import Examination
from flowgraph.checking.point import Direction, Point, random_direction
from flowgraph.checking.regimes import values
from flowgraph.checking.target import Inputs, Target, without_first

REGIMES = 24  # each is a comparison of bprop as an operation of its own


def second_order(examination: Examination) -> None:
    """Through the bprop of bprop if its author gave it; otherwise only that the second derivative is symmetric."""
    point = examination.point("the example", examination.inputs)
    if point is None or not point.value.size:
        examination.unchecked = "the second derivative was not checked: the example has no elements"
        return
    if examination.target.second is None:
        _symmetric(examination, point)
        return
    if isinstance(point.output, tuple | list):
        examination.unchecked = "the second derivative was not checked: second= is asked of one output only"
        return
    output = np.asarray(point.output)
    grad = examination.rng.normal(size=output.shape)
    target = _bprop_as_target(examination.target, examination.active, (grad, *examination.inputs))
    seed, budget = int(examination.rng.integers(2**31)), examination.runner.budget
    inner = Examination.begin(target, seed, budget, 1.0, examination.scope)
    inner.visit("the example, second order", inner.inputs, coordinates=12, single=4)
    for k, (regime, inputs) in enumerate(values(inner.source())):
        if k >= REGIMES or inner.wrong or inner.runner.used() > 1:
            break
        inner.visit(f"{regime}, second order", inputs)
    examination.inner = inner
    if not inner.tally.comparisons and not inner.wrong:
        examination.unchecked = "the second derivative was not checked: no regime is legal"


def _bprop_as_target(target: Target, active: tuple[int, ...], inputs: Inputs) -> Target:
    second = target.second
    assert second is not None

    def fprop(grad: Value, *inputs: Value) -> Value:
        output = target.fprop(*inputs)
        if np.shape(grad) != np.shape(output):
            raise ValueError("the incoming gradient has another shape than the output")
        gradients = target.bprop(grad, output, *inputs)
        return tuple(np.zeros(np.shape(inputs[i])) if gradients[i] is None else gradients[i] for i in active)

    def bprop(arriving: Value, _: Value, grad: Value, *inputs: Value) -> Value:
        output = target.fprop(*inputs)
        gradients = target.bprop(grad, output, *inputs)
        of_each = [None] * len(inputs)
        for i, g in zip(active, arriving, strict=True):
            of_each[i] = None if gradients[i] is None else g
        by_grad, by_output, *by_inputs = second(tuple(of_each), gradients, grad, output, *inputs)
        through = (None,) * len(inputs) if by_output is None else target.bprop(by_output, output, *inputs)
        total = [
            _sum(a, b, x) if i in active else None
            for i, (a, b, x) in enumerate(zip(by_inputs, through, inputs, strict=True))
        ]
        return (_sum(by_grad, None, grad), *total)

    differentiated = (0, *(i + 1 for i in active))
    valid = without_first(target.valid, 1)
    names, name = ("grad", *target.names), f"the bprop of {target.name}"
    return Target(fprop, bprop, inputs, names, name, differentiated, valid=valid, arriving=1)


def _sum(one: Value, other: Value, like: Value) -> Any:
    total = np.zeros(np.shape(like)) + (0.0 if one is None else one) + (0.0 if other is None else other)
    return float(total) if type(like) is float else total


def _symmetric(examination: Examination, point: Point) -> None:
    """u · d(bprop)/dv = v · d(bprop)/du, both by central differences of bprop."""
    rng, runner = examination.rng, examination.runner
    grad = rng.normal(size=point.value.size)
    u, v = ({i: np.abs(random_direction(point, i, rng)) for i in point.active} for _ in range(2))

    def slope(along: Direction, seen: Direction, h: float) -> float:
        total = 0.0
        for sign in (1, -1):
            near = Point.at(runner, point.moved(along, sign * h), point.regime, point.active)
            gradients = near.gradients(grad)
            total += sign * sum(float(np.sum(gradients[i] * seen[i])) for i in point.active if gradients[i] is not None)
        return total / (2 * h)

    try:
        (a, b), (c, d) = ((slope(u, v, h), slope(v, u, h)) for h in (STEP / 64, STEP / 256))
    except Exception as error:
        examination.unchecked = f"the second derivative was not checked: {type(error).__name__} beside the example"
        return
    examination.warn(
        "second",
        "only that the second derivative is symmetric was checked; give the bprop of bprop as second= for more",
    )
    if abs(c - d) > 1e-3 * (abs(c) + abs(d)) + 10 * (abs(a - c) + abs(b - d)) + 1e-6:
        examination.fail(FormFault("second", point, "the second derivative by way of bprop is not symmetric"))
