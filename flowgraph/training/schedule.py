"""What a schedule of learning rates is: a rate for each update, and whether the conditions of convergence hold."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from flowgraph.errors import UsageError
from flowgraph.training.settings import read_count, read_number, set_frozen


class ConvergenceWarning(UserWarning):
    """A schedule of learning rates under which convergence is not certain.

    Cause: a rate that falls too fast or not at all. Cure: `fg.schedules.Power` with 0.5 < delta <= 1.
    """


@dataclass(frozen=True)
class Convergence:
    """The two conditions on the rates αₜ of stochastic gradient descent; true if both hold."""

    sum_is_infinite: bool
    squares_are_finite: bool

    def __bool__(self) -> bool:
        return self.sum_is_infinite and self.squares_are_finite


@dataclass(frozen=True)
class Schedule:
    """A learning rate for each update t = 1, 2, 3 ...: `schedule(t)`.

    A schedule of your own gives `rate(t)` and `conditions()`.
    """

    def __call__(self, t: int) -> float:
        """The rate of update t, from 1 on; UsageError below."""
        if t < 1:
            raise UsageError(f"{type(self).__name__}: found update {t}, but updates are counted from 1")
        return float(self.rate(t))

    def rate(self, t: int) -> float:
        """The rate of update t, from 1 on."""
        raise NotImplementedError

    def conditions(self) -> Convergence:
        """Whether the sum of all rates is infinite, and that of their squares finite."""
        raise NotImplementedError

    def converges(self, warn: bool = False) -> Convergence:
        """Whether Σ αₜ = ∞ (any point can be reached) and Σ αₜ² < ∞ (the noise dies out); warns if told to.

        Source: Larochelle, Training neural networks, "convergence conditions" (Robbins-Monro).
        """
        found = self.conditions()
        if warn and not found:
            missing = []
            if not found.sum_is_infinite:
                missing.append("the sum of its rates is finite, so that training may stop short of a minimum")
            if not found.squares_are_finite:
                missing.append("the sum of their squares is infinite, so that the steps never settle")
            warnings.warn(
                f"{self}: {' and '.join(missing)}; InverseTime and Power meet both conditions",
                ConvergenceWarning,
                stacklevel=2,
            )
        return found


def set_above_zero(schedule: Schedule, **numbers: Any) -> None:
    """Read rates that are above 0 into the schedule, while it is made."""
    for name, number in numbers.items():
        set_frozen(schedule, name, read_number(type(schedule).__name__, name, number, above=0))


def set_counts(schedule: Schedule, **numbers: Any) -> None:
    """Read numbers of updates into the schedule, while it is made."""
    for name, number in numbers.items():
        set_frozen(schedule, name, read_count(type(schedule).__name__, name, number))
