"""Neither fprop nor bprop may write into what it was given."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.examination import Examination
from flowgraph.checking.generators import generator
from flowgraph.checking.point import Point
from flowgraph.checking.runner import flatten, parts, unflatten
from flowgraph.checking.target import Inputs


def _frozen(value: Value) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    return tuple(_frozen(v) for v in value) if isinstance(value, tuple | list) else value


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    return True


def side_effects(examination: Examination, regime: str, inputs: Inputs) -> None:
    """Done first in each regime, on copies; afterwards an offender gets copies only."""
    runner = examination.runner
    if runner.shields or not examination.within_domain(inputs) or not runner.accepts(inputs):
        return
    own, before = _frozen(inputs), _frozen(inputs)
    point = Point(runner, inputs, regime, examination.active)
    try:
        output = runner.fprop(own)
    except Exception:
        return  # said by the examination, or the regime is not legal
    if not all(np.all(np.isfinite(part)) for part in parts(output)):
        return
    if not _same(before, own):
        runner.shields = True
        examination.fail("mutation", point, f"fprop changes {_changed(examination, before, own)} in place")
        return
    point.output, point.value = output, flatten(output)
    output = _frozen(output)
    arriving = unflatten(generator(0).normal(size=flatten(output).shape), output)
    kept_output, kept_grad = _frozen(output), _frozen(arriving)
    try:
        runner.bprop(arriving, output, own)
    except Exception:
        return  # said by the comparison of values
    found = [
        (f"bprop changes {_changed(examination, before, own)} in place", _same(before, own)),
        ("bprop changes the output of fprop in place", _same(kept_output, output)),
        ("bprop changes the incoming gradient in place", _same(kept_grad, arriving)),
    ]
    for note, kept in found:
        if not kept:
            runner.shields = True
            examination.fail("mutation", point, note)


def _changed(examination: Examination, before: Inputs, after: Inputs) -> str:
    names = examination.target.names
    return ", ".join(name for name, a, b in zip(names, before, after, strict=True) if not _same(a, b))
