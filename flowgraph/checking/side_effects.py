"""Neither fprop nor bprop may write into what it was given."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.checking.examination import Examination
from flowgraph.checking.point import Point
from flowgraph.checking.runner import flatten, unflatten
from flowgraph.checking.target import Inputs


def _frozen(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    return tuple(_frozen(v) for v in value) if isinstance(value, tuple | list) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    return True


def side_effects(examination: Examination, inputs: Inputs) -> None:
    """Done first, on copies; afterwards an offender gets copies only."""
    own, before = _frozen(inputs), _frozen(inputs)
    runner = examination.runner
    point = Point(runner, inputs, "the example", examination.active)
    try:
        output = runner.fprop(own)
    except Exception:
        return  # said by the examination of the example
    if not _same(before, own):
        runner.shields = True
        examination.fail("mutation", point, f"fprop changes {_changed(examination, before, own)} in place")
        return
    point.output, point.value = output, flatten(output)
    output = _frozen(output)
    arriving = unflatten(examination.rng.normal(size=flatten(output).shape), output)
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
