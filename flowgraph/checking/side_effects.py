"""fprop and bprop must not write to their arguments: checked in every regime, at the first call of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.compare import FormFault, Gradients, ask_for, kept
from flowgraph.checking.point import Point
from flowgraph.checking.runner import Runner
from flowgraph.checking.target import Array, Inputs


def watched_point(
    runner: Runner, inputs: Inputs, regime: str, active: tuple[int, ...]
) -> tuple[Point, FormFault | None]:
    """The point, on copies of the inputs; where fprop writes into them it is run again on copies, as from then on."""
    if runner.shields:
        return Point.at(runner, inputs, regime, active), None
    own = _copied(inputs)
    point = Point.at(runner, own, regime, active)
    changed = _changed(point, _bits(inputs))
    if not changed:
        return point, None
    runner.shields = True
    fault = FormFault("mutation", point, f"fprop changes {changed} in place")
    return Point.at(runner, inputs, regime, active), fault


def watched_answer(point: Point, grad: Array) -> tuple[Gradients | None, list[FormFault]]:
    """The answer to the first incoming gradient at a point, and whether bprop writes to its arguments."""
    runner = point.runner
    if runner.shields:
        return ask_for(point, point.arriving(grad), grad)
    inputs, output, arriving = _copied(point.inputs), point.output, point.arriving(grad)
    before = _bits(point.inputs), _bits(output), _bits(arriving)
    gradients, faults = ask_for(point, arriving, grad)
    found = [
        (f"bprop changes {_changed(point, before[0])} in place", _bits(point.inputs) == before[0]),
        ("bprop changes the output of fprop in place", _bits(output) == before[1]),
        ("bprop changes the incoming gradient in place", _bits(arriving) == before[2]),
    ]
    written = [FormFault("mutation", point, note) for note, same in found if not same]
    if not written:
        return gradients, faults
    gradients = kept(gradients)
    runner.shields = True
    again = Point.at(runner, inputs, point.regime, point.active)
    point.inputs, point.output = inputs, again.output
    return gradients, [*written, *faults]


def _copied(value: Value) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    return tuple(map(_copied, value)) if type(value) is tuple else value


def _bits(value: Value) -> Any:
    """What tells whether an array was written to, NaN or not."""
    if isinstance(value, np.ndarray):
        return value.tobytes() if value.dtype.kind != "O" else None
    return [_bits(one) for one in value] if isinstance(value, tuple | list) else None


def _changed(point: Point, before: list[Any]) -> str:
    names = point.runner.target.names
    return ", ".join(name for name, a, x in zip(names, before, point.inputs, strict=True) if a != _bits(x))
