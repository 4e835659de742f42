"""The rounding error of fprop along a line, and of bprop at a point, with the answers that differ by more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import comb

import numpy as np

from flowgraph.checking.compare import FormFault, Gradients, are_finite, ask, gaps, kept
from flowgraph.checking.point import UNIT, Direction, Point, analytic_slope
from flowgraph.checking.runner import NOT_FINITE, Illegal, Runner, generator, parts
from flowgraph.checking.target import Array, Inputs

SPACINGS = (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)  # of an element: the scales that steps of differences have
GRID = 9  # points, of which differences of order 4 to 6 leave three at least
ROUGH = (4 * UNIT, 128 * UNIT, 4096 * UNIT)  # a few units in the last place, hundreds, and thousands
ROUGHER = (1e-10, 1e-8)  # what an element of 1e-4 loses beside one of 100 changes only over such distances
BESIDE = 1.7e-3  # of an element: wider than half of the widest grid, so that none reaches back to the point
DRAWS = 24  # a rounding that one draw in five shows is then missed once in 200 times
HAS_LONGDOUBLE = np.finfo(np.longdouble).eps < 1e-18
HALF_ROUNDINGS = 16  # of the type that fprop computes in: of half precision that is more than what is asked for


def measured_noise(point: Point, direction: Direction) -> Array:
    """Per output, the size of the rounding inside fprop; measured once."""
    if id(direction) not in point.noises:
        point.noises[id(direction)] = (direction, _measured(point, direction))
    return point.noises[id(direction)][1]


def _measured(point: Point, direction: Direction) -> Array:
    """Differences of high order on fine grids.

    sigma² = (k!)² / (2k)! · mean (difference of order k)²

    k = 4 ... 6: smooth parts vanish in such differences. A kink also leaves something, but in
    proportion to the spacing, so the grids lie a little beside the point, where a kink at the point is not crossed, and
    only what two spacings close by agree on counts.
    Source: Hamming, Introduction to applied numerical analysis; Moré, Wild, Estimating computational noise (2011).
    """
    beside = next((offset for offset in (BESIDE, -BESIDE) if point.along(direction, offset) is not None), 0.0)
    levels = [_level(point, direction, spacing, beside) for spacing in SPACINGS]
    known = [level for level in levels if level is not None]
    if len(known) < 2:
        return known[0] if known else np.zeros(point.value.shape)
    noise = np.zeros(point.value.shape)
    for k, one in enumerate(known):  # a periodic noise may vanish on one spacing between two others
        for other in known[k + 1 : k + 3]:
            noise = np.maximum(noise, np.minimum(one, other))
    return noise


def _level(point: Point, direction: Direction, spacing: float, beside: float) -> Array | None:
    values = []
    for k in range(GRID):
        value = point.along(direction, beside + (k - GRID // 2) * spacing * 0.917)
        if value is None:
            return None
        values.append(value)
    return _of_differences(np.stack(values))


def _of_differences(difference: Array) -> Array:
    """The rounding in each column of values on a grid, by the least of their differences of order 4 to 6."""
    level = np.zeros(difference.shape[1:])
    for order in range(1, 7):
        difference = np.diff(difference, axis=0)
        if order >= 4:
            estimate = np.sqrt((difference**2).mean(axis=0) / comb(2 * order, order))
            level = estimate if order == 4 else np.minimum(level, estimate)
    return level


def overflows_on_the_way(runner: Runner, inputs: Inputs, active: tuple[int, ...], reason: Illegal) -> bool:
    """Whether a value that is not finite is finite in long double, and fits into float64: a stable form gives it."""
    doubles = all(np.asarray(inputs[i]).dtype == np.float64 for i in active)
    if not HAS_LONGDOUBLE or not doubles or str(reason) != NOT_FINITE:
        return False
    try:
        found = [np.asarray(part) for part in parts(runner.legal(in_long_double(inputs, active)))]
    except Illegal:
        return False
    carried = all(part.dtype == np.longdouble for part in found)
    return carried and all(bool(np.all(np.abs(part) < np.finfo(np.float64).max)) for part in found)


def widened(point: Point) -> Point | None:
    """The point in long double; None where this machine or fprop does not carry it through."""
    if not HAS_LONGDOUBLE:
        return None
    wide = point.beside(in_long_double(point.inputs, point.active))
    carried = wide is not None and all(
        (own := np.asarray(part).dtype) in (np.longdouble, np.clongdouble) or own.kind in "iub"
        for part in parts(wide.output)
    )
    return wide if carried else None


def in_long_double(inputs: Inputs, active: tuple[int, ...]) -> Inputs:
    """The inputs with those that are differentiated in long double."""
    kind = np.longdouble
    wide = {i: kind(x) if type(x := inputs[i]) is float else np.asarray(x).astype(kind) for i in active}
    return tuple(wide.get(i, x) for i, x in enumerate(inputs))


def disagrees(point: Point, wide: Point) -> bool:
    """Whether fprop itself has lost its digits here, so that the point says nothing."""
    difference = np.abs(point.value - wide.value.astype(np.float64))
    scale = np.abs(wide.value).astype(np.float64)
    scale = np.maximum(scale, 1e-3 * (scale.max() if scale.size else 0.0))
    return bool(np.any(difference > 1e-7 * scale))


def jittered(point: Point, rng: np.random.Generator, relative: float) -> Point | None:
    """The point with each element moved by a few times as much."""

    def moved(_: int, x: Array) -> Array:
        factor = 1.0 + relative * rng.uniform(1, 4, x.shape) * rng.choice([-1.0, 1.0], x.shape)
        return np.asarray(x * np.asarray(factor, dtype=x.dtype))

    return point.beside(point.changed(moved))


def ill_conditioned(point: Point, grad: Array, rng: np.random.Generator) -> bool:
    """Whether a few units in the last place of the inputs change half of the digits of an output that counts.

    What such a system answers is that of another one close by, and so is its slope.
    """
    size = np.abs(point.value)
    room = 1e-7 * np.maximum(size, 1e-3 * size.max(initial=0.0))
    for _ in range(3):
        near = jittered(point, rng, 2 * UNIT)
        if near is not None and np.any((np.abs(near.value - point.value) > room)[grad != 0]):
            return True
    return False


def usual_size(point: Point) -> float:
    """The largest value at other inputs of these shapes."""
    rng = generator(0)
    sizes = [float(np.abs(point.value).max(initial=0.0))]
    for factor, shift in ((0.1, 0.0), (-1.0, 0.0), (0.0, 0.0), (0.0, 1.0)):
        other = point.beside(point.changed(partial(_otherwise, rng, factor, shift)))
        sizes += [] if other is None else [float(np.abs(other.value).max(initial=0.0))]
    return max(sizes)


def _otherwise(rng: np.random.Generator, factor: float, shift: float, _: int, x: Array) -> Array:
    return np.asarray(factor * x + shift * rng.normal(size=x.shape))


def rounded_otherwise(grad: Array, rng: np.random.Generator, unit: float) -> Array:
    """An incoming gradient that differs in its last places, so that computations with it round differently."""
    return np.asarray(grad * (1.0 + unit * rng.uniform(-8, 8, grad.shape)).astype(grad.dtype))


def analytic_noise(point: Point, grad: Array, direction: Direction, rng: np.random.Generator, relative: float) -> float:
    """The spread of the analytic slope under jitter of inputs and incoming gradient, without the point itself."""
    seen = []
    for _ in range(8):
        near = jittered(point, rng, max(relative, 2 * UNIT))
        gradients = None if near is None else ask(near, rounded_otherwise(grad, rng, 2 * UNIT))[0]
        if gradients is not None:
            slope, _ = analytic_slope(gradients, direction, point.active)
            seen += [slope] if np.isfinite(slope) else []
    return float(max(seen) - min(seen)) if len(seen) > 2 else 0.0


def analytic_roughness(
    point: Point, grad: Array, direction: Direction, rng: np.random.Generator, spacings: tuple[float, ...]
) -> float:
    """The rounding inside bprop: high-order differences of the analytic slope on fine grids near the point.

    x - 800 of an x near 1 moves by 500 units of x at once: a few units more or less do not show what that costs.
    """
    ray = {i: point.scales(i) * rng.uniform(0.5, 1.5, np.shape(point.inputs[i])) for i in point.active}
    found = 0.0
    for spacing in spacings:
        slopes = []
        for k in range(1, GRID + 1):
            near = point.beside(point.moved(ray, k * spacing))
            gradients = None if near is None else ask(near, rounded_otherwise(grad, rng, 2 * UNIT))[0]
            if gradients is None:
                break
            slopes.append(analytic_slope(gradients, direction, point.active)[0])
        if len(slopes) == GRID and np.all(np.isfinite(slopes)):
            found = max(found, float(_of_differences(np.array(slopes)[:, None])[0]))
    return found


def slope_rounding(point: Point, grad: Array) -> list[float]:
    """One unit of |grad| |F| / |x| for each child.

    That is left of a gradient whose terms cancel, as along a row of ones through a normalisation.
    """
    reach = UNIT * float(np.abs(grad).max(initial=0.0)) * float(np.abs(point.value).max(initial=0.0))
    return [reach / float(point.scales(i).min()) if point.size(i) else 0.0 for i in point.active]


@dataclass
class Answer:
    """Gradients at a point, and their spread under changes of the inputs by ±2 units in the last place."""

    point: Point
    grad: Array
    gradients: Gradients
    noise: list[float]
    rng: np.random.Generator
    measured: bool = False  # whether the noise is that of many incoming gradients

    def differs(
        self, other: Gradients, factor: float = 1.0, relative: float = 1e-7, summands: tuple[Array, ...] = ()
    ) -> int | None:
        """The position of the first gradient that is not `factor` times this one, beyond rounding.

        `summands` are the incoming gradients that the other answer is made of, which may be larger than this one's.
        A few draws may all be without rounding, where others are not: before a difference counts, it is measured again.
        """
        k = self._first_gap(other, factor, relative)
        if k is not None and not self.measured:
            self._measure(max(float(np.abs(grad).max(initial=0.0)) for grad in (self.grad, *summands)))
            k = self._first_gap(other, factor, relative)
        return k

    def _first_gap(self, other: Gradients, factor: float, relative: float) -> int | None:
        largest = max((float(np.abs(g).max(initial=0.0)) for g in self.gradients if g is not None), default=0.0)
        largest = max(largest, self.point.runner.slope * float(np.abs(self.grad).max(initial=0.0)))
        relative = max(relative, HALF_ROUNDINGS * self.point.runner.unit)
        for k, (one, two) in enumerate(zip(self.gradients, other, strict=True)):
            given = [x for x in (one, two) if x is not None]
            if not given:
                continue
            a, b = (np.zeros(given[0].shape) if x is None else np.asarray(x, dtype=float) for x in (one, two))
            if a.shape != b.shape:
                return k
            size = float(np.abs(b if one is None else a).max(initial=0.0))
            room = abs(factor) * (relative * size + 64 * (self.noise[k] + UNIT * largest)) + 1e-290
            gap = np.abs(factor * a - b)
            if np.any(np.isfinite(a) != np.isfinite(b)) or np.any(gap[np.isfinite(gap)] > room):
                return k
        return None

    def _measure(self, largest: float) -> None:
        """Rounding of the answers to other incoming gradients, as large as that."""
        self.measured = True
        for _ in range(DRAWS):
            grad = largest * self.rng.uniform(-1, 1, self.grad.shape)
            first, again = kept(ask(self.point, grad)[0]), kept(ask(self.point, grad)[0])
            moved = ask(self.point, rounded_otherwise(grad, self.rng, 2 * UNIT))[0]
            if first is None or any(gap for gap, _ in gaps(first, again)):  # what remembers or draws numbers
                continue
            self.noise = [max(one, gap) for one, (gap, _) in zip(self.noise, gaps(first, moved), strict=True)]


def answer_at(
    point: Point, grad: Array, rng: np.random.Generator, pursue: Callable[[list[FormFault]], None]
) -> Answer | None:
    """The answer to one incoming gradient, whose faults are pursued; None where it has no form, or is not finite."""
    gradients, faults = ask(point, grad)
    pursue(faults)
    if gradients is None or not are_finite(gradients):
        return None
    gradients = kept(gradients) or []
    noise = slope_rounding(point, grad)
    for _ in range(2):
        near = jittered(point, rng, UNIT)
        moved = ask(near, grad)[0] if near is not None else None
        for k, (gap, size) in enumerate(gaps(gradients, moved)):
            # a branch that flips at a tie is no rounding
            noise[k] = max(noise[k], gap) if gap < 1e-3 * size else noise[k]
    if all(gap == 0 for gap, _ in gaps(gradients, ask(point, grad)[0])):  # the same arguments give the same bits
        for _ in range(3):
            moved, _ = ask(point, rounded_otherwise(grad, rng, 2 * UNIT))
            noise = [max(one, gap) for one, (gap, _) in zip(noise, gaps(gradients, moved), strict=True)]
    return Answer(point, grad, gradients, noise, rng)
