"""The VJP at one point with its rounding error: the reference for the consistency checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flowgraph.checking.compare import Gradients, are_finite, ask, gaps, kept
from flowgraph.checking.examination import Examination
from flowgraph.checking.noise import jittered, rounded_otherwise, slope_rounding
from flowgraph.checking.point import UNIT, Point
from flowgraph.checking.target import Array

DRAWS = 24  # a rounding that one draw in five shows is then missed once in 200 times


HALF_ROUNDINGS = 16  # of the type that fprop computes in: of half precision that is more than what is asked for


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
            if one is None and two is None:
                continue
            a = np.zeros(()) if one is None else factor * np.asarray(one, dtype=float)
            b = np.zeros(a.shape) if two is None else np.asarray(two, dtype=float)
            a = np.zeros(b.shape) if one is None else a
            if a.shape != b.shape:
                return k
            if not a.size:
                continue
            size = abs(factor) * float(np.abs(one if one is not None else b).max(initial=0.0))
            room = relative * size + 64 * abs(factor) * (self.noise[k] + UNIT * largest) + 1e-290
            gap = np.abs(a - b)
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


def answer_at(examination: Examination, point: Point, grad: Array) -> Answer | None:
    """The answer to one incoming gradient; None where it has no form, or is not finite."""
    gradients, faults = ask(point, grad)
    examination.pursue(faults)
    if gradients is None or not are_finite(gradients):
        return None
    gradients = kept(gradients) or []
    noise = slope_rounding(point, grad)
    for _ in range(2):
        near = jittered(point, examination.rng, UNIT, together=False)
        moved = ask(near, grad)[0] if near is not None else None
        for k, (gap, size) in enumerate(gaps(gradients, moved)):
            # a branch that flips at a tie is no rounding
            noise[k] = max(noise[k], gap) if gap < 1e-3 * size else noise[k]
    if all(gap == 0 for gap, _ in gaps(gradients, ask(point, grad)[0])):  # the same arguments give the same bits
        for _ in range(3):
            moved, _ = ask(point, rounded_otherwise(grad, examination.rng, 2 * UNIT))
            noise = [max(one, gap) for one, (gap, _) in zip(noise, gaps(gradients, moved), strict=True)]
    return Answer(point, grad, gradients, noise, examination.rng)
