"""The smallest input that still shows a mistake: fewer elements, rounder numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flowgraph.checking.compare import Suspicion, Tally, compare, directions_for, grads_for
from flowgraph.checking.escalate import escalate
from flowgraph.checking.examination import Examination, child_of
from flowgraph.checking.point import Point
from flowgraph.checking.regimes_shapes import axis_groups
from flowgraph.checking.runner import Illegal
from flowgraph.checking.target import Inputs

TRIES = 40


def shrunk(examination: Examination, suspicion: Suspicion) -> tuple[Point, Suspicion]:
    """Greedy: whatever simpler input still shows the same kind of mistake of the same child is taken."""
    best = suspicion
    tries = 0
    improved = True
    while improved and tries < TRIES:
        improved = False
        for inputs in _simpler(best.point.inputs, best.point.active):
            tries += 1
            if tries > TRIES or examination.runner.elapsed() > 1.3 * examination.runner.seconds:
                break
            found = _still_wrong(examination, best, inputs)
            if found is not None:
                best, improved = found, True
                break
    return best.point, best


def _still_wrong(examination: Examination, suspicion: Suspicion, inputs: Inputs) -> Suspicion | None:
    rng = np.random.default_rng(0)
    try:
        point = Point.at(examination.runner, inputs, suspicion.point.regime, examination.active)
    except Illegal:
        return None
    seen = compare(point, grads_for(point, rng, 1), directions_for(point, rng, 2), Tally())
    child = child_of(suspicion)
    for other in seen:
        if other.kind == suspicion.kind and child_of(other) in (child, None):
            ruling = escalate(other, rng)
            if ruling.kind == "wrong":
                other.numeric = ruling.numeric if np.isfinite(ruling.numeric) else other.numeric
                return ruling.suspicion
    return None


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
