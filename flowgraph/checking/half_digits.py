"""What differs from a slope in its last digits alone, as by a constant of few digits: no mistake of a formula."""

from __future__ import annotations

import numpy as np

from flowgraph.checking.compare import Ruling, Suspicion, ValueMismatch, ask, deviation
from flowgraph.checking.point import analytic_slope, coordinate

DIGITS = 1e-8  # of a slope: half of the digits, about what a difference with one step resolves
MOST_ELEMENTS = 24
DEEP = 8  # steps


def words_of_half_digits(ruling: Ruling) -> str:
    """The words for a warning, "" where a mistake stays one."""
    suspicion = ruling.suspicion
    if not isinstance(suspicion, ValueMismatch) or not to_half_the_digits(suspicion, ruling.numeric):
        return ""
    if not _of_each_element(suspicion):
        return ""
    gap = abs(suspicion.analytic - ruling.numeric) / abs(ruling.numeric)
    return f"bprop differs from the slope by {gap:.0e} of it, as by a constant of few digits or a damped divisor"


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
