"""The statistics of an array in a picture: mean, standard deviation, a small histogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.rendering.palette import LEVELS
from flowgraph.rendering.wording import number_text

_ROUNDING = 1e-7
"""Of the root mean square: a mean below it is what rounding has left of 0; the precision of float32."""


def summary(statistics: Statistics) -> str:
    """The number itself where there is one alone, else mean ± standard deviation; NaN and zeros by name.

    Of complex numbers mean and maximum of their absolute values.
    """
    if statistics.absolute:
        return _named(statistics) or f"|·| {number_text(statistics.mean)}, max {number_text(statistics.high)}"
    mean = statistics.mean if abs(statistics.mean) > _ROUNDING * statistics.rms else 0.0
    return _named(statistics) or f"{number_text(mean)} ± {number_text(statistics.std)}"


def size_text(statistics: Statistics) -> str:
    """The number itself where there is one alone, else the root mean square, by which tiles are coloured."""
    return _named(statistics) or f"rms {number_text(statistics.rms)}"


def _named(statistics: Statistics) -> str:
    if not statistics.finite:
        return number_text(_only(statistics) if statistics.size == 1 else statistics.rms)
    if statistics.rms == 0:
        return "exactly 0"
    return number_text(_only(statistics)) if statistics.size == 1 else ""


def _only(statistics: Statistics) -> complex:
    return statistics.alone if statistics.absolute else statistics.mean


BINS = 15
"""An odd number, so that zero has a bin of its own in the middle."""

_ENOUGH = 200_000
"""Elements that a histogram of 15 bins counts: the share of a bin is then known to 0.1 %."""


@dataclass(frozen=True)
class Statistics:
    """Mean, standard deviation, extremes and root mean square of an array, and a histogram around zero.

    Of complex numbers they are those of the absolute values, which have no histogram around zero; `alone` is the number
    itself of an array that has no other.
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

    @property
    def finite(self) -> bool:
        """Whether no element is NaN or infinite."""
        return bool(np.isfinite(self.rms))


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
    """For each bin between the largest absolute value below and above zero, a level from 0 to LEVELS."""
    finite = scaled[np.isfinite(scaled)][:: max(1, scaled.size // _ENOUGH)]
    if not finite.size:
        return (0,) * BINS
    counts = np.bincount(np.clip(((finite + 1) * (BINS / 2)).astype(int), 0, BINS - 1), minlength=BINS)
    levels = np.ceil(np.sqrt(counts / counts.max()) * LEVELS - 1e-9)
    return tuple(int(level) for level in levels)
