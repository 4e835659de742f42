"""Learning rates: a schedule gives the rate of each update, and says whether the conditions of convergence hold.

>>> from flowgraph import schedules
>>> rates = schedules.FixedFirst(0.1, updates=2, then=schedules.InverseTime(0.1, delta=1.0))
>>> [round(rates(t), 3) for t in (1, 2, 3, 4)]
[0.1, 0.1, 0.05, 0.033]
>>> rates.converges()
Convergence(sum_is_infinite=True, squares_are_finite=True)

Source: Larochelle, Training neural networks, "learning rate".
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Annotated, Any

from flowgraph.box.kinds import Number
from flowgraph.errors import UsageError
from flowgraph.training.settings import read_fields, read_number, read_result, set_frozen, strict_settings


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

    def __post_init__(self) -> None:
        read_fields(self)

    def __call__(self, t: int) -> float:
        """The rate of update t, from 1 on; UsageError below."""
        if t < 1:
            raise UsageError(f"{type(self).__name__}: found update {t}, but updates are counted from 1")
        rate: object = self.rate(t)
        return rate if type(rate) is float else read_result(f"{type(self).__name__}: rate({t})", rate)

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
        conditions = self.conditions()
        if warn and not conditions:
            missing = []
            if not conditions.sum_is_infinite:
                missing.append("the sum of its rates is finite, so that training may stop short of a minimum")
            if not conditions.squares_are_finite:
                missing.append("the sum of their squares is infinite, so that the steps never settle")
            warnings.warn(
                f"{self}: {' and '.join(missing)}; InverseTime and Power meet both conditions",
                ConvergenceWarning,
                stacklevel=2,
            )
        return conditions


@strict_settings
@dataclass(frozen=True)
class Fixed(Schedule):
    """The same rate α for every update."""

    alpha: Annotated[float, Number(above=0)]

    def rate(self, t: int) -> float:
        """α."""
        return self.alpha

    def conditions(self) -> Convergence:
        """The sum is infinite, and so is that of the squares."""
        return Convergence(True, False)


@strict_settings
@dataclass(frozen=True)
class InverseTime(Schedule):
    """αₜ = α / (1 + δ t), with the decrease constant δ."""

    alpha: Annotated[float, Number(above=0)]
    delta: Annotated[float, Number(above=0)]

    def rate(self, t: int) -> float:
        """α / (1 + δ t)."""
        return self.alpha / (1 + self.delta * t)

    def conditions(self) -> Convergence:
        """Both hold."""
        return Convergence(True, True)


@strict_settings
@dataclass(frozen=True)
class Power(Schedule):
    """αₜ = α / t^δ, with 0.5 < δ ≤ 1."""

    alpha: Annotated[float, Number(above=0)]
    delta: Annotated[float, Number(above=0)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.5 < self.delta <= 1:
            why = (
                "the squares of the rates have an infinite sum" if self.delta <= 0.5 else "the rates have a finite sum"
            )
            raise UsageError(f"Power: found delta={self.delta}, needs 0.5 < delta <= 1; {why} otherwise")

    def rate(self, t: int) -> float:
        """α / t^δ."""
        divisor: float = t**self.delta
        return self.alpha / divisor

    def conditions(self) -> Convergence:
        """Both hold, since 0.5 < δ ≤ 1."""
        return Convergence(True, True)


@strict_settings
@dataclass(frozen=True)
class FixedFirst(Schedule):
    """One rate for the first updates, then another schedule, which starts to count there."""

    alpha: Annotated[float, Number(above=0)]
    updates: Annotated[int, Number(1, whole=True)]
    then: Schedule

    def __post_init__(self) -> None:
        super().__post_init__()
        _follows(self)

    def rate(self, t: int) -> float:
        """α in the first updates, then the rate of the schedule that follows."""
        return self.alpha if t <= self.updates else self.then.rate(t - self.updates)

    def conditions(self) -> Convergence:
        """The conditions of the schedule that follows."""
        return self.then.conditions()


@strict_settings
@dataclass(frozen=True)
class Step(Schedule):
    """α, times `factor` after every `every` updates."""

    alpha: Annotated[float, Number(above=0)]
    every: Annotated[int, Number(1, whole=True)]
    factor: Annotated[float, Number(above=0)] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor >= 1:
            raise UsageError(f"Step: found factor={self.factor}, needs a number below 1; Fixed keeps the rate")

    def rate(self, t: int) -> float:
        """α · factor^k after k times `every` updates."""
        return float(self.alpha * self.factor ** ((t - 1) // self.every))

    def conditions(self) -> Convergence:
        """A geometric series: both sums are finite."""
        return Convergence(False, True)


@strict_settings
@dataclass(frozen=True)
class Cosine(Schedule):
    """From α at the first update down to `lowest` at update `updates`, along half a cosine; then `lowest`.

    Source: Loshchilov and Hutter 2017, SGDR: stochastic gradient descent with warm restarts.
    """

    alpha: Annotated[float, Number(above=0)]
    updates: Annotated[int, Number(1, whole=True)]
    lowest: Annotated[float, Number(0)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lowest > self.alpha:
            raise UsageError(f"Cosine: found lowest={self.lowest}, needs 0 to alpha={self.alpha}")

    def rate(self, t: int) -> float:
        """The rate along the cosine, `lowest` after it."""
        done = min((t - 1) / max(self.updates - 1, 1), 1.0)
        return _along_cosine(self.alpha, self.lowest, done)

    def conditions(self) -> Convergence:
        """The conditions of a constant rate: the `lowest`, or 0."""
        return Convergence(self.lowest > 0, self.lowest == 0)


@strict_settings
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from `start` to α in the first updates, then down to `lowest` at update `updates`, each along half a cosine.

    `rise` is the share of the updates in which the rate rises. By default it starts from α / 25, and ends at a
    ten-thousandth of that; afterwards it stays there.

    Source: Smith and Topin 2018, Super-convergence: very fast training of neural networks using large learning rates.
    """

    alpha: Annotated[float, Number(above=0)]
    updates: Annotated[int, Number(1, whole=True)]
    rise: Annotated[float, Number(above=0, below=1)] = 0.3
    start: float | None = None
    lowest: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        set_frozen(self, "start", _up_to("start", self.alpha / 25 if self.start is None else self.start, self.alpha))
        lowest = float(self.start or 0) / 1e4 if self.lowest is None else self.lowest
        set_frozen(self, "lowest", _up_to("lowest", lowest, self.alpha))

    def rate(self, t: int) -> float:
        """The rate along the two cosines, `lowest` after them."""
        top, end = self.rise * self.updates - 1, self.updates - 1.0
        done = min(t - 1.0, end)
        if done <= top:
            return _along_cosine(float(self.start or 0), self.alpha, done / top if top else 1.0)
        return _along_cosine(self.alpha, float(self.lowest or 0), (done - top) / (end - top))

    def conditions(self) -> Convergence:
        """The conditions of a constant rate: the `lowest`, or 0."""
        return Convergence(bool(self.lowest), not self.lowest)


@strict_settings
@dataclass(frozen=True)
class WarmUp(Schedule):
    """From nearly 0 up, in equal steps, to the first rate of another schedule, which follows.

    Source: Goyal et al. 2017, Accurate, large minibatch SGD.
    """

    updates: Annotated[int, Number(1, whole=True)]
    then: Schedule

    def __post_init__(self) -> None:
        super().__post_init__()
        _follows(self)

    def rate(self, t: int) -> float:
        """The share t / updates of the first rate, then the rate of the schedule that follows."""
        return self.then.rate(1) * t / self.updates if t <= self.updates else self.then.rate(t - self.updates)

    def conditions(self) -> Convergence:
        """The conditions of the schedule that follows."""
        return self.then.conditions()


def find_schedule(who: str, rate: float | Schedule) -> Schedule:
    """The schedule itself, or the fixed rate."""
    if isinstance(rate, Schedule):
        return rate
    return Fixed(read_number(who, "learning_rate", rate, above=0, otherwise=", or a schedule"))


def _along_cosine(first: float, last: float, done: float) -> float:
    """From the first rate to the last along half a cosine, of which a share from 0 to 1 is done."""
    return last + (first - last) * (1 + math.cos(math.pi * done)) / 2


def _up_to(name: str, rate: Any, alpha: float) -> float:
    """A rate of a cycle, at most the largest one."""
    checked = read_number("OneCycle", name, rate, low=0)
    if checked > alpha:
        raise UsageError(f"OneCycle: found {name}={checked}, needs 0 to alpha={alpha}")
    return checked


def _follows(schedule: FixedFirst | WarmUp) -> None:
    if not isinstance(schedule.then, Schedule):
        who = type(schedule).__name__
        raise UsageError(f"{who}: found then={schedule.then!r}, needs a schedule, schedules.Fixed(0.1)")
