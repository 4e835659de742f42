"""Learning rates: closed forms, and the conditions of convergence against partial sums."""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

from flowgraph import schedules
from flowgraph.errors import UsageError
from flowgraph.training.settings import Number

FIXED = schedules.Fixed(0.1)
INVERSE = schedules.InverseTime(0.1, delta=0.5)
POWER = schedules.Power(0.1, delta=0.75)
STEP = schedules.Step(0.1, every=3, factor=0.5)
COSINE = schedules.Cosine(0.1, updates=5, lowest=0.02)
TO_ZERO = schedules.Cosine(0.1, updates=5)
ALL = [
    FIXED, INVERSE, POWER, schedules.Power(0.1, delta=1), STEP, COSINE, TO_ZERO, schedules.WarmUp(4, POWER),
    schedules.FixedFirst(0.2, updates=3, then=INVERSE), schedules.WarmUp(2, FIXED),
]  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (FIXED, [0.1, 0.1, 0.1]),
        (INVERSE, [0.1 / 1.5, 0.1 / 2, 0.1 / 2.5]),
        (POWER, [0.1, 0.1 / 2**0.75, 0.1 / 3**0.75]),
        (STEP, [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025]),
        (COSINE, [0.1, 0.06 + 0.04 * math.sqrt(0.5), 0.06, 0.06 - 0.04 * math.sqrt(0.5), 0.02, 0.02]),
        (schedules.FixedFirst(0.2, updates=2, then=INVERSE), [0.2, 0.2, 0.1 / 1.5, 0.1 / 2]),
        (schedules.WarmUp(4, POWER), [0.025, 0.05, 0.075, 0.1, 0.1, 0.1 / 2**0.75]),
    ],
)
def test_the_rates(schedule, rates):
    np.testing.assert_allclose([schedule(t) for t in range(1, len(rates) + 1)], rates, rtol=1e-12)


@pytest.mark.parametrize("schedule", ALL, ids=str)
def test_the_conditions_are_those_of_partial_sums(schedule):
    """A sum is infinite if the part from T to 100 T does not die out as T grows."""
    found = schedule.converges()
    parts = []
    for start in (10**3, 10**5):
        t = np.unique(np.geomspace(start, 100 * start, 4000).astype(int))
        rates = np.array([schedule(int(one)) for one in t])
        parts.append((np.trapezoid(rates, t), np.trapezoid(rates**2, t)))
    (first, first_square), (second, second_square) = parts
    assert found.sum_is_infinite == (second > 0.5 * first > 0)
    assert found.squares_are_finite == (second_square <= 0.5 * first_square)
    assert bool(found) == (found.sum_is_infinite and found.squares_are_finite)


def test_it_warns_when_asked():
    with pytest.warns(schedules.ConvergenceWarning, match=r"Fixed\(alpha=0.1\): the sum of their squares is infinite"):
        FIXED.converges(warn=True)
    with pytest.warns(schedules.ConvergenceWarning, match=r"the sum of its rates is finite, .* InverseTime and Power"):
        STEP.converges(warn=True)
    assert INVERSE.converges(warn=True)


def test_what_it_refuses():
    for delta, why in ((0.5, "squares of the rates have an infinite sum"), (1.1, "rates have a finite sum")):
        with pytest.raises(UsageError, match=rf"Power: found delta={delta}, needs 0.5 < delta <= 1; the {why}"):
            schedules.Power(0.1, delta)
    with pytest.raises(UsageError, match=r"Fixed: found alpha=-1, needs a number above 0"):
        schedules.Fixed(-1)
    with pytest.raises(UsageError, match=r"Step: found every=2.5, needs a whole number from 1 on"):
        schedules.Step(0.1, 2.5)
    with pytest.raises(UsageError, match=r"Step: found factor=1.0, needs a number below 1; Fixed keeps the rate"):
        schedules.Step(0.1, 2, 1.0)
    with pytest.raises(UsageError, match=r"Cosine: found lowest=0.2, needs 0 to alpha=0.1"):
        schedules.Cosine(0.1, 5, lowest=0.2)
    with pytest.raises(UsageError, match="updates are counted from 1"):
        FIXED(0)
    with pytest.raises(NotImplementedError):
        schedules.Schedule()(1)
    with pytest.raises(NotImplementedError):
        schedules.Schedule().converges()


def test_a_schedule_of_ones_own_may_have_fields_of_any_type_and_declare_their_ranges():
    """Annotations that only a type checker can resolve are left alone; those that declare a range are read."""
    space = {"__name__": __name__, "schedules": schedules, "dataclass": dataclass}
    code = """from __future__ import annotations
from typing import Annotated
from flowgraph.training.settings import Number
@dataclass(frozen=True)
class Own(schedules.Schedule):
    table: OnlyForTypeCheckers
    alpha: float
    times: "int" = 2
    def rate(self, t):
        return self.alpha * self.table[t] * self.times
    def conditions(self):
        return schedules.Convergence(False, True)
"""
    exec(compile(code, "own", "exec"), space)
    own = space["Own"]({1: 0.5}, -1)
    assert (own(1), own.alpha) == (-1.0, -1)


@dataclass(frozen=True)
class Halved(schedules.Schedule):
    start: Annotated[float, Number(above=0)]

    def rate(self, t):
        return self.start / 2**t


def test_a_range_that_a_schedule_of_ones_own_declares_is_read():
    assert Halved(1)(1) == 0.5
    with pytest.raises(UsageError, match=r"Halved: found start=-1, needs a number above 0"):
        Halved(-1)
