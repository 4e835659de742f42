"""Measurements about a mismatch of values, each computed on first use, as excuses ask for them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from flowgraph.checking.compare import ValueMismatch, are_finite, ask, deviation
from flowgraph.checking.difference import STEP, Slopes
from flowgraph.checking.kinks import hull, is_smooth, neighbour_slopes, own_slopes, winner_slopes
from flowgraph.checking.noise import ROUGH, ROUGHER, analytic_roughness, measured_noise, widened
from flowgraph.checking.point import HALF, NARROW, Direction, Point, analytic_slope, random_direction
from flowgraph.checking.runner import parts
from flowgraph.checking.target import Array

FINEST_MISMATCH = 1e-9  # below what a bprop in float32 shows
SLOW = 0.02  # seconds of one fprop in the wider type, which has no BLAS: it is then asked for its value alone
LONG = (4 * STEP, STEP)  # stretches that keep the sign of most elements, and are seen in half precision
GROSS = 0.02  # of the slopes: more than a kink on the way makes of an integral by 24 nodes
NEARBY = 1e-3  # of an element: the value has nearly the same slope there
DEPTH = 20  # steps, down to STEP / 4^20 = 3e-14: below, x + h is x for an x near 1
TINY = 1e-30  # its square, the error of a complex step, is below any unit in the last place
OBLIQUE = 1e-5 * (0.6 + 0.8j)  # h² of a central difference is then 1e-10, below AGREEMENT; no axis of the complex plane
AGREEMENT = 1e-7  # an error of h² = 1e-10 with derivatives a thousand times the slope
NODES = 24  # of a stretch: a polynomial through 20 terms, with a residual left to tell that it fits
DEGREE = 19  # of a function with its next singularity twice as far off as the stretch reaches, that is good to 1e-10
NEIGHBOURS = 64  # of a kink: each of four kinds of neighbours is seen many times

Lines = list[tuple[Direction, Array]]


class Evidence:
    """`excess` is the distance of the analytic slope from the best numeric interval, `tolerance` what is allowed."""

    def __init__(self, mismatch: ValueMismatch, rng: np.random.Generator) -> None:
        self.mismatch, self.rng = mismatch, rng
        self.point, self.grad = mismatch.point, mismatch.grad
        self.direction, self.analytic = mismatch.direction, mismatch.analytic

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
    def careful(self) -> Slopes:
        """By all steps, with the measured noise; where no small step is legal, slopes of which nothing is known."""
        nothing = np.zeros(self.point.value.shape)
        return careful_slopes(self.point, self.direction, self.noise) or Slopes.plain(nothing, nothing + np.inf)

    @cached_property
    def wider(self) -> Slopes | None:
        """In long double, if not too slow, where the bar is narrower: arrays made as float64 round to it inside."""
        found = None if self.wide is None or self.wide.slower_than(SLOW) else wider_slopes(self.wide, self.direction)
        more = 0 * self.grad if found is None else np.abs(self.grad) * (found.error - self.careful.error)
        return found if np.sum(more, where=self.grad != 0) <= 0 else None

    @property
    def best(self) -> Slopes:
        """The slopes that decide."""
        return self.wider if self.wider is not None else self.careful

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
        """(excess, tolerance, size of the summed terms) of the analytic slope against these."""
        gradients, _ = ask(self.point, self.grad)
        if gradients is None:
            return 0.0, np.inf, 0.0
        analytic, terms = analytic_slope(gradients, self.direction, self.point.active)
        _, excess, tolerance, size = deviation(self.grad, slopes, analytic, terms)
        unit = self.point.runner.unit
        if unit > NARROW:  # what bprop rounds to as well
            tolerance += (6 * unit**0.5 if self.narrow else 64 * unit) * (size + terms)
        return excess, tolerance, size

    @property
    def length(self) -> float:
        """Of the direction: how far its largest element moves."""
        return max(float(np.abs(d).max(initial=0.0)) for d in self.direction.values())

    @property
    def size(self) -> float:
        """The sum of the sizes of the terms of the value."""
        return float((np.abs(self.grad) * np.abs(self.point.value)).sum())

    @cached_property
    def excess(self) -> float:
        """Against the slopes that decide."""
        return self.against(self.best)[0]

    @cached_property
    def tolerance(self) -> float:
        """Of the slopes that decide, with twelve times the rounding that is measured in bprop."""
        point, grad, direction = self.point, self.grad, self.direction
        spacings = (*ROUGH, *ROUGHER) if self.excess < FINEST_MISMATCH * abs(self.analytic) else ROUGH
        roughness = analytic_roughness(point, grad, direction, self.rng, spacings)
        return self.against(self.best)[1] + 12 * roughness

    @property
    def narrow(self) -> bool:
        """Whether fprop computes in half precision, which is too coarse to tell neighbours apart."""
        return self.point.runner.unit > HALF

    def missing(self, reach: float, gap: float, line: Direction | None = None) -> tuple[float, float] | None:
        """How far the value moves otherwise than by the integral of what bprop says, and how much of that is rough.

        ∫ F'(x + t d) d dt over a stretch is F at its end less F at its start

        None where that is not to be told: the stretch leaves the domain, or what bprop says at its nodes and at the
        point itself is not a smooth function to a tenth of the mismatch.
        """
        nodes = np.append(np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES), 0.0)
        line, slopes, values = line or self.direction, [], []
        for node in nodes:
            near = self.point.beside(self.point.moved(line, reach * float(node)))
            gradients = None if near is None else ask(near, self.grad)[0]
            if near is None or gradients is None:
                return None
            slopes.append(analytic_slope(gradients, line, near.active)[0])
            values.append(float((self.grad * (near.value - self.point.value)).sum()))
        if not np.isfinite(slopes).all():
            return None
        fitted = _polynomial(nodes[:-1], np.array(slopes[:-1]), DEGREE)
        if np.abs(fitted(nodes) - slopes).max() > 0.1 * gap:
            return None
        missing = np.array(values) - reach * fitted.integ(lbnd=0)(nodes)
        rough = missing - _polynomial(nodes, missing, DEGREE // 2)(nodes)
        return float(np.abs(missing).max()), float(np.abs(rough).max())

    @property
    def is_gross(self) -> bool:
        """Whether the value moves otherwise than bprop says by 0.02 of the slopes, over both long stretches."""
        slopes, rounding = abs(self.numeric) + abs(self.analytic), 8 * self.point.runner.unit * self.size
        missing = {reach: self.missing(reach, 10 * slopes) for reach in LONG}
        return all(one is not None and one[0] > GROSS * slopes * reach + rounding for reach, one in missing.items())

    @property
    def persists(self) -> bool:
        """Whether a mismatch is also seen at one of three generic points nearby."""
        for _ in range(3):
            moved = {i: random_direction(self.point, i, self.rng) for i in self.point.active}
            near = self.point.beside(self.point.moved(moved, NEARBY))
            if near is not None:
                beside = Evidence(replace(self.mismatch, point=near), self.rng)
                excess, tolerance, _ = beside.against(beside.careful)
                if excess > tolerance:
                    return True
        return False

    @cached_property
    def dense(self) -> Direction:
        """A direction that moves every element."""
        return {i: np.abs(random_direction(self.point, i, self.rng)) for i in self.point.active}

    @cached_property
    def lines(self) -> Lines:
        """Slopes at neighbours, along the direction and along a dense one."""
        point, grad, rng = self.point, self.grad, self.rng
        around = [(line, neighbour_slopes(point, line, rng, NEIGHBOURS)) for line in (self.direction, self.dense)]
        return [(line, np.concatenate([rows, winner_slopes(point, line, grad, rng)])) for line, rows in around]

    @cached_property
    def smooth(self) -> bool:
        """Whether the slopes at neighbours come together; where fprop computes in a narrow type they say nothing."""
        return self.narrow or all(
            is_smooth(self.point, line, self.grad, rows, self.noise, self.excess, self.rng) for line, rows in self.lines
        )

    @cached_property
    def hull(self) -> tuple[bool, float]:
        """Whether the analytic slope is within the slopes around a kink, wrong only outside, and half of their width.

        Along a sparse direction few neighbours move the outputs, so that their hull is known only for few elements;
        along a dense one every neighbour shows it.
        """
        point, grad = self.point, self.grad
        gradients, _ = ask(point, grad)
        sparse, dense = self.lines
        few_elements = sum(point.size(i) for i in point.active) <= 12
        for line, rows in [dense, sparse] if few_elements else [dense]:
            low, high = hull(np.concatenate([rows, own_slopes(point, line)]), grad)
            analytic = None if gradients is None else analytic_slope(gradients, line, point.active)[0]
            room = self.tolerance + 0.3 * (high - low)
            if analytic is not None and max(low - analytic, analytic - high) > room:
                return False, (high - low) / 2
        return True, 0.0


def careful_slopes(
    point: Point, direction: Direction, noise: Array | float = 0.0, start: float = STEP
) -> Slopes | None:
    """By all steps 4^0 ... 4^-20; an estimate counts only if all finer steps agree. None where no fine one is legal."""
    stencil = point.stencil(direction, start)
    stencil.extend(DEPTH)
    narrower = min(1.0, float(np.finfo(point.value.dtype).eps / np.finfo(np.float64).eps))  # of long double
    slopes = stencil.slopes(np.maximum(point.rounding() * narrower, 2 * noise), confirmed=True)
    return None if stencil.stands_alone else slopes


def wider_slopes(wide: Point, direction: Direction) -> Slopes | None:
    """Slopes in the wider type, None where they are not conclusive."""
    found = careful_slopes(wide, direction)
    if found is None or not np.all(np.isfinite(found.error)):
        return None
    return Slopes.plain(np.asarray(found.value, np.float64), np.asarray(found.error, np.float64), found.one_sided)


def complex_slopes(point: Point, direction: Direction, noise: Array) -> Array | None:
    """The slope of each output; None where fprop does not carry complex numbers through, or is not analytic here.

    F'd = Im F(x + i h d) / h, in which nothing is subtracted, so that h may be as small as 1e-30.

    The difference quotient of an analytic function is the same in every direction of the complex plane. That of |x|,
    of a conjugate, and of what drops imaginary parts is not: along an oblique step it is far from the complex step.
    Source: Squire, Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40 (1998).
    """
    tiny = _along(point, direction, 1j * TINY)
    up, down = (None if tiny is None else _along(point, direction, step) for step in (OBLIQUE, -OBLIQUE))
    if tiny is None or up is None or down is None:
        return None
    slope = tiny.imag / TINY
    size = float(np.abs(point.value).max(initial=0.0))
    room = AGREEMENT * (np.abs(slope) + size) + 8 * noise / abs(OBLIQUE)
    oblique = np.abs((up - down) / (2 * OBLIQUE) - slope) <= room
    same_value = np.abs(tiny.real - point.value) <= AGREEMENT * size + 8 * noise
    return np.asarray(slope) if np.all(oblique & same_value) else None


def _along(point: Point, direction: Direction, step: complex) -> Array | None:
    """F(x + step d) as complex numbers; None where fprop refuses them, or answers with real ones."""
    inputs = list(point.inputs)
    for i, d in direction.items():
        moved = inputs[i] + step * d
        inputs[i] = complex(moved) if type(inputs[i]) is float else moved
    try:
        found = [np.asarray(part) for part in parts(point.runner.fprop(tuple(inputs)))]
        own = [np.asarray(part) for part in parts(point.output)]
    except Exception:  # whatever code raises that was written for real numbers
        return None
    fits = [(a.dtype.kind, a.shape) for a in found] == [("c", b.shape) for b in own if b.dtype.kind == "f"]
    if len(found) != len(own) or not fits or not all(np.all(np.isfinite(a)) for a in found):
        return None
    return point.project(np.concatenate([a.ravel() for a in found]))


def _polynomial(nodes: Array, values: Array, degree: int) -> np.polynomial.Chebyshev:
    return np.polynomial.Chebyshev.fit(nodes, values, degree, domain=[-1, 1])


def fewer_outputs(mismatch: ValueMismatch) -> ValueMismatch:
    """Halve the incoming gradient while one half still shows the mismatch, so that other outputs do not blur it."""
    point, grad, direction = mismatch.point, mismatch.grad, mismatch.direction
    slopes = point.slopes(direction, depth=8)
    while slopes is not None and np.count_nonzero(grad) > 1:
        where = np.flatnonzero(grad)
        best: tuple[float, Array, float] | None = None
        for half in np.array_split(where, 2):
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
