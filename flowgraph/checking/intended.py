"""What an author meant: a NaN that bprop's code writes down, and what differs from a slope in its last digits alone.

Neither is a mistake of a formula, and both are told in a warning; strict=True makes failures of them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np

from flowgraph.checking.code_contents import MOST_FUNCTIONS, code_of, reachable_values
from flowgraph.checking.compare import FormFault, Ruling, Suspicion, ValueMismatch, ask, deviation
from flowgraph.checking.point import Point, analytic_slope, coordinate

DIGITS = 1e-8  # of a slope: half of the digits, about what a difference with one step resolves
MOST_ELEMENTS = 24
DEEP = 8  # steps
OF_LIBRARIES = {"numpy", "scipy", "torch", "jax", "jaxlib", "autograd", "mygrad", "flowgraph"}


def intended(ruling: Ruling) -> str:
    """The words for a warning, "" where a mistake stays one."""
    suspicion = ruling.suspicion
    if isinstance(suspicion, ValueMismatch):
        if to_half_the_digits(suspicion, ruling.numeric) and _of_each_element(suspicion):
            gap = abs(suspicion.analytic - ruling.numeric) / abs(ruling.numeric)
            return (
                f"bprop differs from the slope by {gap:.0e} of it, as by a constant of few digits or a damped divisor"
            )
    elif suspicion.kind == "nonfinite" and writes_nan(suspicion.point.runner.target.bprop) and _has_no_slope(suspicion):
        return "bprop gives the NaN that its code writes down, where there is no slope to both sides"
    return ""


def to_half_the_digits(suspicion: Suspicion, numeric: float | None = None) -> bool:
    """Whether both slopes are the same to half of their digits; for a mismatch of values alone."""
    if not isinstance(suspicion, ValueMismatch):
        return False
    numeric = suspicion.numeric if numeric is None else numeric
    return abs(suspicion.analytic - numeric) <= DIGITS * abs(numeric)


def _of_each_element(mismatch: ValueMismatch) -> bool:
    """Whether they are along each element too: a small slope that is wrong is hidden in a sum with a large one."""
    point, grad = mismatch.point, mismatch.grad
    gradients, _ = ask(point, grad)
    if gradients is None:
        return False
    elements = [(i, int(k)) for i, d in mismatch.direction.items() for k in np.flatnonzero(d)]
    for i, k in elements[:MOST_ELEMENTS]:
        one = coordinate(point, i, k)
        slopes = point.slopes(one, depth=DEEP)
        if slopes is None:
            continue
        analytic, terms = analytic_slope(gradients, one, point.active)
        numeric, excess, tolerance, _ = deviation(grad, slopes, analytic, terms)
        if excess > tolerance + DIGITS * max(abs(numeric), abs(analytic)):
            return False
    return True


def _has_no_slope(fault: FormFault) -> bool:
    """Whether along each element with a NaN the slopes of both sides differ, or one side is not there."""
    point, child = fault.point, fault.child
    if child is None or fault.grad is None:
        return False
    gradients, _ = ask(point, fault.grad)
    found = None if gradients is None else gradients[point.active.index(child)]
    if found is None or not np.isnan(found).any() or np.isinf(found).any():
        return False
    bad = np.flatnonzero(np.isnan(np.ravel(found)))[:MOST_ELEMENTS]
    return all(_is_edge_or_kink(point, child, int(k)) for k in bad)


def _is_edge_or_kink(point: Point, child: int, k: int) -> bool:
    slopes = point.slopes(coordinate(point, child, k), depth=DEEP)
    return slopes is None or slopes.one_sided or bool(slopes.kinked.any())


def writes_nan(function: Callable[..., Any]) -> bool:
    """Whether NaN stands in the code of a function, or of those that it reaches outside of the libraries of arrays."""
    waiting, seen = [function], 0
    known: set[int] = set()
    while waiting and seen < MOST_FUNCTIONS:
        one = waiting.pop(0)
        if id(one) in known or str(getattr(one, "__module__", "")).partition(".")[0] in OF_LIBRARIES:
            continue
        known.add(id(one))
        seen += 1
        code = code_of(one)
        if code is not None and _names_nan(code):
            return True
        waiting += [value for value in reachable_values(one) if hasattr(value, "__code__")]
    return False


def _names_nan(code: CodeType) -> bool:
    inner = [value for value in code.co_consts if isinstance(value, CodeType)]
    return "nan" in code.co_names or any(map(_is_nan, code.co_consts)) or any(map(_names_nan, inner))


def _is_nan(value: object) -> bool:
    """As float("nan") and np.float64("NaN") are written."""
    return isinstance(value, str) and value.lower() == "nan"
