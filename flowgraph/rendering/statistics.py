"""What is said of an array: its extremes, mean, spread and histogram, and which gradients are rounding errors of 0."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Value
from flowgraph.graph.passes import sweep
from flowgraph.rendering.palette import LEVELS
from flowgraph.rendering.wording import number_text

if TYPE_CHECKING:
    from flowgraph.graph.graph import Grads

BINS = 15
"""Cells of a histogram on a tile: as wide as the words below it."""

_ENOUGH = 200_000
"""Elements that a histogram of 15 bins counts: the share of a bin is then known to 0.1 %."""

_ROUNDING = 1e-7
"""Of the root mean square: a mean below it is what rounding has left of 0; the precision of float32."""


@dataclass(frozen=True)
class Statistics:
    """Mean, standard deviation, extremes and root mean square of an array, and a histogram between its extremes.

    Of complex numbers they are those of the absolute values, without a histogram; `alone` is the number itself of an
    array that has no other. `is_rounding` is set of a gradient of which no digit is right, because it is 0.
    """

    size: int
    mean: float
    std: float
    low: float
    high: float
    rms: float
    histogram: tuple[int, ...]
    absolute: bool = False
    alone: complex = 0.0
    is_rounding: bool = False

    @property
    def finite(self) -> bool:
        """Whether no element is NaN or infinite."""
        return bool(np.isfinite(self.rms))

    @property
    def is_zero(self) -> bool:
        """Whether all elements are 0, exactly or but for rounding."""
        return self.rms == 0 or self.is_rounding


def describe(array: Value) -> Statistics | None:
    """The statistics of an array; None for one without elements or without numbers."""
    values = np.asarray(array)
    if values.size == 0 or values.dtype.kind not in "fiubc":
        return None
    absolute = values.dtype.kind == "c"
    with np.errstate(all="ignore"):
        flat = (np.abs(values) if absolute else values).reshape(-1).astype(np.float64)
        largest = float(np.max(np.abs(flat)))
        scale = largest if np.isfinite(largest) and largest > 0 else 1.0
        scaled = flat / scale
        return Statistics(
            size=flat.size,
            mean=float(np.mean(scaled)) * scale,
            std=float(np.std(scaled)) * scale,
            low=float(np.min(flat)),
            high=float(np.max(flat)),
            rms=float(np.sqrt(np.mean(scaled * scaled))) * scale,
            histogram=() if absolute else _histogram(scaled),
            absolute=absolute,
            alone=values.reshape(-1)[0].item() if values.size == 1 else 0.0,
        )


def _histogram(scaled: Any) -> tuple[int, ...]:
    """A level from 0 to LEVELS for each bin from the smallest to the largest; none where there is nothing to spread."""
    low, high = np.min(scaled), np.max(scaled)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        return ()
    drawn = scaled[:: max(1, scaled.size // _ENOUGH)]
    places = ((drawn - low) / (high - low) * BINS).astype(int)
    counts = np.bincount(np.minimum(places, BINS - 1), minlength=BINS)
    levels = np.ceil(np.sqrt(counts / counts.max()) * LEVELS - 1e-9)
    return tuple(int(level) for level in levels)


def summary(statistics: Statistics) -> str:
    """The number itself where there is one alone or all are equal, else mean ± standard deviation; NaN, 0 by name.

    Of complex numbers mean and maximum of their absolute values.
    """
    if statistics.absolute:
        return _number_of_one(statistics) or f"|·| {number_text(statistics.mean)}, max {number_text(statistics.high)}"
    if statistics.low == statistics.high and not _number_of_one(statistics):
        return f"{number_text(statistics.low)} everywhere"
    return _number_of_one(statistics) or f"{mean_text(statistics)} ± {number_text(statistics.std)}"


def mean_text(statistics: Statistics) -> str:
    """The mean, 0 where it is what rounding has left of 0."""
    return number_text(statistics.mean if abs(statistics.mean) > _ROUNDING * statistics.rms else 0.0)


def size_text(statistics: Statistics) -> str:
    """The number itself where there is one alone, else the root mean square, by which tiles are coloured."""
    return _number_of_one(statistics) or f"rms {number_text(statistics.rms)}"


def _number_of_one(statistics: Statistics) -> str:
    if not statistics.finite:
        return number_text(_only(statistics) if statistics.size == 1 else statistics.rms)
    if statistics.is_zero:
        return zero_text(statistics)
    return number_text(_only(statistics)) if statistics.size == 1 else ""


def zero_text(statistics: Statistics) -> str:
    """How a picture names 0."""
    return "exactly 0" if statistics.rms == 0 else "0 but for rounding"


def _only(statistics: Statistics) -> complex:
    return statistics.alone if statistics.absolute else statistics.mean


_DIGITS = 64.0
"""How many times its estimated rounding error a gradient may be, of which no digit is sure: six bits."""

_DRAWS = 3
"""Random changes, the largest effect of which counts: that of one on a single number is at times small by chance."""


def rounded_zeros(grads: Grads) -> frozenset[Box]:
    """Of the boxes of which a bprop has gradients, those whose gradients are rounding errors of 0: their terms cancel.

    The values and the gradients that arrive at each box are changed at random by a share of √ε. What changes by more
    than 1 / (64 √ε) of itself would change by 1 / 64 of itself under a change by ε, which rounding is: no digit of it
    is sure. Gradients that are not smaller than √ε of the largest are not asked, which saves the sweeps.
    """
    sizes = {box: _rms(grad) for box, grad in grads.items() if not isinstance(grad, tuple)}
    largest = max((size for size in sizes.values() if math.isfinite(size)), default=0.0)
    suspects = {box for box, size in sizes.items() if 0 < size <= _share(grads[box]) * largest}
    if not suspects:
        return frozenset()
    draws = [_moved_grads(grads, np.random.default_rng(seed)) for seed in range(_DRAWS)]
    slots = grads.graph.slots
    return frozenset(box for box in suspects if any(_is_noise(grads[box], moved[slots[box]]) for moved in draws))


def _moved_grads(grads: Grads, rng: np.random.Generator) -> list[Any]:
    """The gradients of all boxes when all that a bprop reads is changed a little at random."""
    graph: Any = grads.graph
    values = [_perturb(value, rng) for value in grads._values]
    moved = list(grads._seeds)
    with np.errstate(all="ignore"):
        for step in graph.bsteps(grads.wrt):
            moved[step.slot] = _perturb(moved[step.slot], rng)
            sweep((step,), values, moved)
    return moved


def _rms(grad: Any) -> float:
    known = describe(grad)
    return 0.0 if known is None else known.rms


def _perturb(value: Any, rng: np.random.Generator) -> Any:
    """The value, its elements changed at random by a share of √ε of its dtype."""
    if isinstance(value, tuple):
        return tuple(_perturb(part, rng) for part in value)
    if value is None or np.asarray(value).dtype.kind not in "fc":
        return value
    array = np.asarray(value)
    return np.asarray(array * (1 + _share(array) * rng.uniform(-1, 1, array.shape)), array.dtype)[()]


def _share(array: Any) -> float:
    """√ε of the dtype of an array."""
    return math.sqrt(np.finfo(np.asarray(array).dtype).eps)


def _is_noise(grad: Any, moved: Any) -> bool:
    """Whether the change of a gradient says that no digit of it is known."""
    if moved is None or isinstance(moved, tuple):
        return False
    change = _rms(np.asarray(moved) - np.asarray(grad))
    return math.isfinite(change) and _DIGITS * _share(grad) * change >= _rms(grad)


def with_rounding(statistics: Statistics) -> Statistics:
    """The statistics of a gradient that is 0 but for rounding."""
    return replace(statistics, is_rounding=True)
