"""The smallest input that still shows a mistake: fewer elements, rounder numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flowgraph.checking.compare import Suspicion, Tally, ValueMismatch, compare, directions_for, grads_for
from flowgraph.checking.escalate import escalate
from flowgraph.checking.examination import Examination
from flowgraph.checking.generators import generator
from flowgraph.checking.point import Point
from flowgraph.checking.regimes_shapes import axis_groups
from flowgraph.checking.runner import Illegal
from flowgraph.checking.target import Inputs

TRIES = 40
CLEAR = 1e3  # times the tolerance
OF_ESCALATION = 500  # calls of fprop


def shrunk(examination: Examination, suspicion: Suspicion) -> tuple[Point, Suspicion]:
    """Greedy: whatever simpler input still shows the same kind of mistake of the same child is taken.

    A clear mismatch is believed at once, so that this stays fast where an escalation is slow, and confirmed at the end.
    """
    for believe in (True, False):
        best = _smallest(examination, suspicion, believe)
        believed = believe and best is not suspicion and not examination.late(OF_ESCALATION * best.point.seconds)
        confirmed = _confirmed(best) if believed else best
        if confirmed is not None:
            return confirmed.point, confirmed
    return suspicion.point, suspicion


def _smallest(examination: Examination, best: Suspicion, believe: bool) -> Suspicion:
    tries = 0
    improved = True
    while improved and tries < TRIES:
        improved = False
        for inputs in _simpler(best.point.inputs, best.point.active):
            tries += 1
            if tries > TRIES or examination.late():
                break
            found = _still_wrong(examination, best, inputs, believe)
            if found is not None:
                best, improved = found, True
                break
    return best


def _still_wrong(examination: Examination, suspicion: Suspicion, inputs: Inputs, believe: bool) -> Suspicion | None:
    rng = generator(0)
    try:
        point = Point.at(examination.runner, inputs, suspicion.point.regime, examination.active)
    except Illegal:
        return None
    if examination.beyond(point) and not examination.beyond(suspicion.point):
        return None
    seen = compare(point, grads_for(point, rng, 1), directions_for(point, rng, 1), Tally())
    child = suspicion.child
    for other in seen:
        if other.kind == suspicion.kind and child in (other.child, None):
            if believe and other.clear(CLEAR):
                return other
            confirmed = _confirmed(other)
            if confirmed is not None:
                return confirmed
    return None


def _confirmed(suspicion: Suspicion) -> Suspicion | None:
    ruling = escalate(suspicion, generator(0))
    if ruling.kind != "wrong":
        return None
    if isinstance(ruling.suspicion, ValueMismatch) and np.isfinite(ruling.numeric):
        ruling.suspicion.numeric = ruling.numeric
    return ruling.suspicion


def _simpler(inputs: Inputs, active: tuple[int, ...]) -> Iterator[Inputs]:
    """Axes cut to 1, 2 and a half; then rounder numbers."""
    for group in axis_groups(inputs):
        size = inputs[group[0][0]].shape[group[0][1]]
        for smaller in dict.fromkeys((1, 2, size // 2)):
            if 0 < smaller < size:
                changed = list(inputs)
                for i, axis in group:
                    changed[i] = np.ascontiguousarray(np.take(changed[i], range(smaller), axis=axis))
                yield tuple(changed)
    for digits in (0, 1):
        for chosen in (active, *((i,) for i in active if len(active) > 1)):
            rounded = list(inputs)
            for i in chosen:
                x = np.round(np.asarray(inputs[i]), digits)
                rounded[i] = float(x) if type(inputs[i]) is float else x
            if any(np.any(np.asarray(rounded[i]) != np.asarray(inputs[i])) for i in chosen):
                yield tuple(rounded)
