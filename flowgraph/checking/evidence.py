"""Measurements about a mismatch of values, each computed on first use, as excuses ask for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from flowgraph.checking.careful import careful_slopes, complex_slopes, widened, wider_slopes
from flowgraph.checking.compare import ValueMismatch, are_finite, ask, deviation
from flowgraph.checking.difference import STEP, Slopes
from flowgraph.checking.kinks import hull, is_smooth, neighbour_slopes, own_slopes, winner_slopes
from flowgraph.checking.noise import ROUGH, ROUGHER, analytic_noise, analytic_roughness, measured_noise
from flowgraph.checking.point import UNIT, Direction, Point, analytic_slope, random_direction
from flowgraph.checking.target import Array

FINEST_MISMATCH = 1e-9  # below what a bprop in float32 shows
NARROW = 1e-10  # the unit of a type in which steps that tell kinks apart say nothing
NEARBY = 1e-3  # of an element
TINY_MISMATCH = 1e-3  # of the slope: what an iteration leaves between two jumps; the gross has other causes
SLOW = 0.02  # seconds of one fprop in the wider type, which has no BLAS: it is then asked for its value alone

Lines = list[tuple[Direction, Array]]


class Evidence:
    """`excess` is the distance of the analytic slope from the best numeric interval, `tolerance` what is allowed."""

    def __init__(self, mismatch: ValueMismatch, rng: np.random.Generator) -> None:
        self.mismatch = fewer_outputs(mismatch)
        self.rng = rng
        self.point, self.grad = self.mismatch.point, self.mismatch.grad
        self.direction, self.analytic = self.mismatch.direction, self.mismatch.analytic

    @cached_property
    def wide(self) -> Point | None:
        """The point in long double."""
        return widened(self.point)

    @cached_property
    def noise(self) -> Array:
        """The rounding inside fprop, per output."""
        return measured_noise(self.point, self.direction)

    @cached_property
    def complex_slope(self) -> float | None:
        """The slope by the complex step; None where fprop is not analytic."""
        slopes = complex_slopes(self.point, self.direction, self.noise)
        return None if slopes is None else float((self.grad * slopes).sum())

    @cached_property
    def careful(self) -> Slopes | None:
        """By all steps, with the measured noise."""
        return careful_slopes(self.point, self.direction, self.noise, STEP)

    @cached_property
    def strict(self) -> Slopes | None:
        """By all steps, as if fprop had no noise but its rounding."""
        return careful_slopes(self.point, self.direction, 0.0 * self.noise, STEP)

    @cached_property
    def wider(self) -> Slopes | None:
        """In long double, where that is conclusive and not too slow."""
        too_slow = self.wide is None or self.wide.slower_than(SLOW)
        return None if too_slow or self.wide is None else wider_slopes(self.wide, self.direction)

    @cached_property
    def best(self) -> Slopes:
        """The slopes that decide."""
        return self.wider if self.wider is not None else self.first

    @property
    def first(self) -> Slopes:
        """The careful slopes; where no step is legal, slopes of which nothing is known."""
        if self.careful is not None:
            return self.careful
        nothing = np.zeros(self.point.value.shape)
        return Slopes.plain(nothing, nothing + np.inf)

    @property
    def oracle(self) -> str:
        """Whose slope the numeric one is."""
        if self.complex_slope is not None:
            return "complex step"
        if self.wider is not None:
            return "differences in long double"
        return "one-sided differences" if self.best.one_sided else "central differences"

    def numeric_by(self, slopes: Slopes) -> float:
        """The numeric slope of the inner product of the incoming gradient with the outputs."""
        return float((self.grad * slopes.value).sum())

    @property
    def numeric(self) -> float:
        """By the slopes that decide."""
        return self.numeric_by(self.best)

    def against(self, slopes: Slopes) -> tuple[float, float, float]:
        """(excess, tolerance, size) of the analytic slope against these."""
        return excess_of(self.mismatch, slopes)

    def agrees(self, slopes: Slopes | None) -> bool:
        """Whether the analytic slope is within the tolerance of these; where they say nothing it is."""
        excess, tolerance, _ = (0.0, 0.0, 0.0) if slopes is None else self.against(slopes)
        return excess <= tolerance

    @property
    def size(self) -> float:
        """The sum of the sizes of the terms of the value."""
        return float((np.abs(self.grad) * np.abs(self.point.value)).sum())

    @property
    def room_of_jumps(self) -> float:
        """A thousandth of the slope, or of the value where an input is doubled: a slope of 0 has no thousandth."""
        size = max(float(np.abs(self.point.value).max()), self.point.runner.size)
        slopes = abs(self.mismatch.numeric) + abs(self.analytic)
        return TINY_MISMATCH * (slopes + size * float(np.abs(self.grad).max()))

    @cached_property
    def excess(self) -> float:
        """Against the slopes that decide."""
        return self.against(self.best)[0]

    @cached_property
    def own_tolerance(self) -> float:
        """Of the slopes that decide, before the rounding of bprop is added."""
        return self.against(self.best)[1]

    @cached_property
    def tolerance(self) -> float:
        """With twelve times the rounding that is measured in bprop."""
        point, grad, direction = self.point, self.grad, self.direction
        _, spread = analytic_noise(point, grad, direction, self.rng, UNIT, together=True)
        spacings = (*ROUGH, *ROUGHER) if self.excess < FINEST_MISMATCH * abs(self.analytic) else ROUGH
        roughness = analytic_roughness(point, grad, direction, self.rng, spacings)
        return self.own_tolerance + 12 * max(spread, roughness)

    @property
    def narrow(self) -> bool:
        """Whether fprop computes in a dtype too coarse to distinguish neighbours."""
        return self.point.runner.unit > NARROW

    @cached_property
    def lines(self) -> Lines:
        """Slopes at neighbours, along the direction and along a dense one; more of them where all looks smooth."""
        point, grad, rng = self.point, self.grad, self.rng
        dense = {i: np.abs(random_direction(point, i, rng)) for i in point.active}
        lines = [(line, neighbour_slopes(point, line, rng, 16)) for line in (self.direction, dense)]
        if not self._all_smooth(lines):
            return lines
        return [
            (
                line,
                np.concatenate([rows, winner_slopes(point, line, grad, rng), neighbour_slopes(point, line, rng, 48)]),
            )
            for line, rows in lines
        ]

    @cached_property
    def smooth(self) -> bool:
        """Whether the slopes at neighbours come together; where fprop computes in a narrow type they say nothing."""
        return self.narrow or self._all_smooth(self.lines)

    def _all_smooth(self, lines: Lines) -> bool:
        return all(
            is_smooth(self.point, line, self.grad, rows, self.noise, self.excess, self.rng) for line, rows in lines
        )

    @cached_property
    def hull(self) -> KinkHull:
        """The slopes around a kink, and whether the analytic one is among them."""
        (_, rows), dense = self.lines
        return hull_at_kink(self.mismatch, self.tolerance, rows, dense, self.rng)

    def persists(self) -> bool:
        """Whether a mismatch of like size is also seen at one of three generic points nearby."""
        point, direction = self.point, self.direction
        for _ in range(3):
            moved = {i: random_direction(point, i, self.rng) for i in point.active}
            near = point.beside(point.moved(moved, NEARBY))
            if near is None:
                continue
            slopes = careful_slopes(near, direction, measured_noise(near, direction), STEP)
            excess, tolerance, _ = (0.0, 0.0, 0.0) if slopes is None else excess_of(self.mismatch, slopes, near)
            if excess > tolerance:
                return True
        return False


def excess_of(mismatch: ValueMismatch, slopes: Slopes, point: Point | None = None) -> tuple[float, float, float]:
    """(how far outside, tolerance, size of the summed terms) of the analytic slope, at this point or another."""
    point = point or mismatch.point
    gradients, _ = ask(point, mismatch.grad)
    if gradients is None:
        return 0.0, np.inf, 0.0
    analytic, terms = analytic_slope(gradients, mismatch.direction, point.active)
    _, excess, tolerance, size = deviation(mismatch.grad, slopes, analytic, terms)
    if point.runner.unit > NARROW:
        tolerance += 6 * point.runner.unit**0.5 * (size + terms)
    return excess, tolerance, size


def fewer_outputs(mismatch: ValueMismatch) -> ValueMismatch:
    """Halve the incoming gradient while one half still shows the mismatch, so that other outputs do not blur it."""
    point, grad, direction = mismatch.point, mismatch.grad, mismatch.direction
    slopes = point.slopes(direction, depth=8)
    if slopes is None:
        return mismatch
    while np.count_nonzero(grad) > 1:
        where = np.flatnonzero(grad)
        best: tuple[float, Array, float] | None = None
        for half in (where[: len(where) // 2], where[len(where) // 2 :]):
            part = np.zeros_like(grad)
            part[half] = grad[half]
            gradients, _ = ask(point, part)
            if gradients is None or not are_finite(gradients):
                continue
            analytic, terms = analytic_slope(gradients, direction, point.active)
            _, excess, tolerance, _ = deviation(part, slopes, analytic, terms)
            if excess > tolerance and (best is None or excess / tolerance > best[0]):
                best = (excess / tolerance, part, analytic)
        if best is None:
            break
        grad = best[1]
        mismatch = replace(mismatch, grad=grad, analytic=best[2])
    return mismatch


@dataclass(frozen=True)
class KinkHull:
    """Whether the analytic slope is within the slopes around a kink, None if bprop has none; and half their width."""

    contains: bool | None
    half_width: float = 0.0


def hull_at_kink(
    mismatch: ValueMismatch, tolerance: float, rows: Array, dense: tuple[Direction, Array], rng: np.random.Generator
) -> KinkHull:
    """Wrong only outside the hull of the slopes around.

    Along a sparse direction few neighbours move the outputs, so that their hull is known only for few elements; along a
    dense one every neighbour shows it.
    """
    point, grad, direction = mismatch.point, mismatch.grad, mismatch.direction
    gradients, _ = ask(point, grad)
    if gradients is None:
        return KinkHull(None)
    few_elements = sum(point.size(i) for i in point.active) <= 12
    lines = [dense, (direction, rows)] if few_elements else [dense]
    for line, few in lines:
        analytic, _ = analytic_slope(gradients, line, point.active)
        more = np.concatenate([few, neighbour_slopes(point, line, rng, 64), own_slopes(point, line)])
        if _outside(more, grad, analytic, tolerance):
            more = np.concatenate([more, winner_slopes(point, line, grad, rng)])
        if _outside(more, grad, analytic, tolerance):
            low, high = hull(more, grad)
            return KinkHull(False, (high - low) / 2)
    return KinkHull(True)


def _outside(rows: Array, grad: Array, analytic: float, tolerance: float) -> bool:
    low, high = hull(rows, grad)
    return max(low - analytic, analytic - high) > tolerance + 0.3 * (high - low)
