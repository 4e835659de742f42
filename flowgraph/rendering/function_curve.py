"""The curves of a box that is a function of one number, or a loss of one score: value and derivative, sampled."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, Elementwise
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import Interval
from flowgraph.errors import FlowgraphError
from flowgraph.graph import Graph

REACH = 4.0
"""How far from 0 a curve is drawn where the domain does not end: activations are flat or straight beyond."""

POINTS = 121
"""Numbers at which a curve is computed, one for each three pixels of its picture."""

INSET = 1e-3
"""Share of the range by which a curve keeps off an end that does not belong to the domain."""

JUMP = 1e-7
"""Distance on both sides of a kink at which the curve is computed, so that a jump there is one."""


@dataclass(frozen=True)
class Curve:
    """The samples of a curve: `xs` ascending, the values and the derivatives, None where there is no derivative.

    NaN stands where a curve is interrupted: outside the domain, and between the sides of a jump.
    """

    label: str
    xs: Array
    values: Array
    slopes: Array | None


def curves_of(cls: type[Box]) -> tuple[str, list[Curve]]:
    """The name of the number and the curves over it; no curve where the box is no function of one real number.

    An elementwise box of one child has one curve. A loss has one over its score for each target: the targets of its
    first example where they are classes, else 0.
    """
    examples = cls.examples or ()
    settings = examples[0].settings if examples else {}
    if not cls.child_names or cls.variadic:
        return "", []
    name = cls.child_names[0]
    xs = _numbers(cls.domain.get(name, Interval()), cls.kinks)
    with contextlib.suppress(FlowgraphError, TypeError, ValueError, ArithmeticError):
        if cls.role == "loss" and len(cls.child_names) == 2:
            return name, _of_loss(cls, settings, xs)
        if issubclass(cls, Elementwise) and len(cls.child_names) == 1:
            found = _curve("", cls, xs, lambda x: cls(x, **settings), name)
            return name, [] if found is None else [found]
    return "", []


def _of_loss(cls: type[Box], settings: Any, xs: Array) -> list[Curve]:
    targets = cls.examples[0].children[1] if cls.examples else None
    if isinstance(targets, np.ndarray) and targets.ndim == 1:  # a score for each class, of which the true one varies

        def build(x: Any) -> Box:
            others = Constant(np.zeros((len(xs), 1)))
            scores = np.concatenate([np.reshape(x, (len(xs), 1)), others], axis=1)
            return cls(scores, Constant(np.zeros(len(xs), int)), **settings)

        found = [_curve("of the true class, of two", cls, xs, build, cls.child_names[0])]
    else:
        classes = [0.0]
        if isinstance(targets, np.ndarray) and targets.dtype.kind in "iub":
            classes = [int(one) for one in np.unique(targets)[::-1]]
        found = [
            _curve(f"y = {one:g}", cls, xs, lambda x, one=one: cls(x, Constant(np.full(len(xs), one)), **settings),
                   cls.child_names[0])
            for one in classes
        ]  # fmt: skip
    return [one for one in found if one is not None]


def _curve(label: str, cls: type[Box], xs: Array, build: Any, name: str) -> Curve | None:
    """The curve of what `build` makes of a box; None where it is not real, or the same everywhere."""
    x = Input(name, shape=(len(xs),))
    box = build(x)
    if box.dtype.kind != "f" or box.shape != x.shape:
        return None
    graph = Graph(box)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        run = graph.fprop({x: xs})
        values = np.array(run[box], float)
        slopes = None
        with contextlib.suppress(FlowgraphError, TypeError):
            slopes = np.array(run.bprop(np.ones(len(xs)), wrt=[x])[x], float)
    finite = values[np.isfinite(values)]
    if not finite.size or np.ptp(finite) == 0:
        return None
    return Curve(label, *_interrupted(xs, values, slopes, _kinks_inside(cls.kinks, xs)))


def _numbers(interval: Interval, kinks: Sequence[float]) -> Array:
    low = interval.low if math.isfinite(interval.low) else min(-REACH, interval.high - REACH)
    high = interval.high if math.isfinite(interval.high) else max(REACH, low + REACH)
    inset = INSET * (high - low) if interval.open else 0.0
    ends = (low + inset * math.isfinite(interval.low), high - inset * math.isfinite(interval.high))
    sides = [kink + side for kink in kinks if ends[0] < kink < ends[1] for side in (-JUMP, JUMP)]
    even = np.linspace(*ends, POINTS)
    return np.unique(np.concatenate([even[~np.isin(even, kinks)], sides]))


def _kinks_inside(kinks: Sequence[float], xs: Array) -> list[float]:
    return [kink for kink in kinks if xs[0] < kink < xs[-1]]


def _interrupted(
    xs: Array, values: Array, slopes: Array | None, kinks: Sequence[float]
) -> tuple[Array, Array, Array | None]:
    """The samples with NaN at each kink and where the value is not finite, which interrupts the line."""
    places = np.searchsorted(xs, kinks)
    curves = [np.where(np.isfinite(one), one, np.nan) for one in (values, *([] if slopes is None else [slopes]))]
    held = [np.insert(one, places, [_joint(one, place) for place in places]) for one in curves]
    return np.insert(xs, places, kinks), held[0], held[1] if slopes is not None else None


def _joint(curve: Array, place: int) -> float:
    """The value at a kink if both sides meet there, else NaN."""
    before, after = curve[place - 1], curve[place]
    apart = abs(after - before) > 1e-3 * max(1.0, abs(before), abs(after))
    return math.nan if apart or not math.isfinite(before + after) else float(before + after) / 2
