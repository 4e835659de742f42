"""Numerical causes of a mismatch in bprop or near the point: rounding, kinks, small jumps, neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flowgraph.checking.careful import careful_slopes, wider_slopes
from flowgraph.checking.compare import ask, deviation
from flowgraph.checking.difference import STEP
from flowgraph.checking.evidence import Evidence, Excuse, excess_of
from flowgraph.checking.noise import analytic_noise, measured_noise
from flowgraph.checking.point import UNIT, Point, analytic_slope, random_direction
from flowgraph.checking.roughness import (
    contradicts_coarse_slopes,
    is_resolved,
    jump_at_example,
    small_jump,
)
from flowgraph.checking.runner import Illegal

SMALL_MISMATCH = 3e-3  # of the slope: below, it must persist at neighbours, which takes 120 calls
TINY_MISMATCH = 1e-3  # of the slope: what an iteration leaves between two jumps; the gross has other causes
TURNS = 400.0  # times a jump: hundreds of turns are off by as much in their slope, each by as much as the last moves
JUMPS = "the value has small jumps around here, as one found by iteration"
ROUNDS = "bprop loses these digits to rounding"


class RightInWiderType(Excuse):
    """bprop in long double is right: in float64 it loses digits."""

    name, cost, verdict = "right in a wider type", 2, "rounding"

    def applies(self, evidence: Evidence) -> str | None:
        """Against the slopes of fprop in long double."""
        wide, slopes, grad = evidence.wide, evidence.wider, evidence.grad
        if wide is None or slopes is None:
            return None
        gradients, _ = ask(wide, grad.astype(np.longdouble))
        if gradients is None or not all(g is None or np.all(np.isfinite(g)) for g in gradients):
            return None
        analytic, terms = analytic_slope(gradients, evidence.direction, wide.active)
        _, excess, tolerance, _ = deviation(grad, slopes, analytic, terms)
        return "right in a wider type: bprop loses digits here" if excess <= tolerance < np.inf else None


class RoughBprop(Excuse):
    """bprop is itself as rough as the mismatch is large, on grids of a few to some thousand units in the last place.

    Source: Hamming, Introduction to applied numerical analysis: differences of high order leave the rounding alone.
    """

    name, cost, verdict = "rounding of bprop", 0, "rounding"

    def applies(self, evidence: Evidence) -> str | None:
        """Twelve times what is measured."""
        return ROUNDS if evidence.excess <= evidence.tolerance else None


class NarrowType(Excuse):
    """fprop computes in float32 or float16, whatever it returns: only a gross mismatch is more than rounding."""

    name, cost = "narrow type", 8

    def applies(self, evidence: Evidence) -> str | None:
        """Gross: over 0.3 of the slope, by coarse steps too, or far outside of all slopes by coarse steps."""
        if not evidence.narrow or self._is_gross(evidence):
            return None
        return "fprop computes in a narrow type"

    def _is_gross(self, evidence: Evidence) -> bool:
        point, direction, grad, analytic = evidence.point, evidence.direction, evidence.grad, evidence.analytic
        coarse = point.slopes(direction)
        seen = evidence.numeric if coarse is None else evidence.numeric_by(coarse)
        moved = max(float(np.abs(d).max(initial=0.0)) for d in direction.values())
        if moved <= point.runner.least or not is_resolved(point, direction, grad, max(abs(seen), abs(analytic))):
            return False
        gap = min(evidence.excess, abs(seen - analytic))
        far = gap > 0.3 * (abs(seen) + abs(analytic))
        return far or contradicts_coarse_slopes(point, direction, grad, analytic)


class AtKink(Excuse):
    """At a point where the slope jumps every number within the hull of the slopes around is a subgradient.

    Source: Clarke, Optimization and nonsmooth analysis (1983).
    """

    name, cost, verdict = "kink", 200, "kink"

    def applies(self, evidence: Evidence) -> str | None:
        """Where the slopes at neighbours stay apart as the neighbourhood shrinks."""
        return "within the slopes around this kink" if not evidence.smooth and evidence.hull.contains else None


class NoAnswerAtKink(Excuse):
    """bprop gives no gradient for a loss that has none here."""

    name, cost = "no answer at a kink", 0

    def applies(self, evidence: Evidence) -> str | None:
        """Where it says so by OpenChoiceError."""
        silent = not evidence.smooth and evidence.hull.contains is None
        return "bprop gives no gradient at this kink" if silent else None


class JitteredBprop(Excuse):
    """The mismatch is within the scatter of bprop when the inputs move by what fprop has lost."""

    name, cost, verdict = "scatter of bprop", 8, "rounding"

    def applies(self, evidence: Evidence) -> str | None:
        """Unless its middle is steady, and right."""
        if evidence.narrow or not evidence.smooth:
            return None
        size = np.maximum(np.abs(evidence.point.value), 1e-300)
        lost = float((evidence.noise / size)[evidence.grad != 0].max(initial=0.0))
        jitter = max(UNIT, min(lost, 1e-4))
        middle, spread = analytic_noise(
            evidence.point, evidence.grad, evidence.direction, evidence.rng, jitter, together=False
        )
        steady = abs(evidence.analytic - middle) > 2 * spread
        right = steady and abs(middle - evidence.numeric) <= 0.1 * evidence.excess
        return ROUNDS if evidence.excess <= evidence.tolerance + 12 * spread and not right else None


class NoisyInWiderType(Excuse):
    """A wider type takes the rounding of fprop, and leaves what a tolerance or a table makes of the value.

    What is bisected to 1e-9 is as rough in long double, where its finest steps were taken for exact.
    """

    name, cost = "noise in a wider type", 63

    def applies(self, evidence: Evidence) -> str | None:
        """With the noise that is measured in that type there is no mismatch."""
        if evidence.wide is None or evidence.wider is None:
            return None
        noisy = wider_slopes(evidence.wide, evidence.direction, measured_noise(evidence.wide, evidence.direction))
        excess, tolerance, _ = (0.0, 0.0, 0.0) if noisy is None else evidence.against(noisy)
        return None if excess > tolerance else "the value is rough in a wider type too"


class OtherSteps(Excuse):
    """Steps that are incommensurate with the first do not show it."""

    name, cost = "other steps", 40

    def applies(self, evidence: Evidence) -> str | None:
        """All of them, from another start."""
        if evidence.narrow or not evidence.smooth:
            return None
        point, direction = evidence.point, evidence.direction
        again = careful_slopes(point, direction, measured_noise(point, direction), STEP * 0.7310585)
        excess, tolerance, _ = (0.0, 0.0, 0.0) if again is None else evidence.against(again)
        return None if excess > tolerance else "other steps do not confirm it"


class NotNearby(Excuse):
    """A small mismatch that is not there at generic points nearby."""

    name, cost = "not nearby", 120

    def applies(self, evidence: Evidence) -> str | None:
        """Below 0.3 % of the slope."""
        small = evidence.excess < SMALL_MISMATCH * (abs(evidence.numeric) + abs(evidence.analytic))
        if evidence.narrow or not evidence.smooth or not small or _persists(evidence):
            return None
        return "a small mismatch that is not there at nearby points"


class SmallJumps(Excuse):
    """An iteration that stops at a tolerance is smooth between jumps, with the slope of a fixed number of turns.

    bprop has the slope of what it converges to.
    """

    name, cost = "small jumps", 540

    def applies(self, evidence: Evidence) -> str | None:
        """Jumps at the example count too: of inputs as small as its tolerance an iteration makes none."""
        room = _room_of_jumps(evidence)
        if evidence.narrow or not evidence.smooth or evidence.excess >= room:
            return None
        point, grad, rng = evidence.point, evidence.grad, evidence.rng
        jump = float(np.abs(grad).max()) * jump_at_example(point.runner, point.active, rng)
        if TURNS * jump <= evidence.excess:
            jump = small_jump(point, grad, evidence.direction, rng, evidence.excess / TURNS)
        return JUMPS if evidence.excess < TURNS * jump and jump < room else None


class KnownJumps(Excuse):
    """The same where the jumps at the example have been measured before: nothing else need be asked."""

    name, cost = "known small jumps", 0

    def applies(self, evidence: Evidence) -> str | None:
        """By the mismatch as it was first seen."""
        jump = float(np.abs(evidence.grad).max()) * (evidence.point.runner.jump or 0.0)
        gap, room = abs(evidence.analytic - evidence.mismatch.numeric), _room_of_jumps(evidence)
        return JUMPS if gap < TURNS * jump and max(gap, jump) < room and not evidence.narrow else None


def _room_of_jumps(evidence: Evidence) -> float:
    """A thousandth of the slope, or of the value where an input is doubled: a slope of 0 has no thousandth."""
    size = max(float(np.abs(evidence.point.value).max()), evidence.point.runner.size)
    slopes = abs(evidence.mismatch.numeric) + abs(evidence.analytic)
    return TINY_MISMATCH * (slopes + size * float(np.abs(evidence.grad).max()))


def _persists(evidence: Evidence) -> bool:
    """Whether a small mismatch of like size is also seen at a generic point nearby."""
    point, direction = evidence.point, evidence.direction
    for _ in range(3):
        inputs = list(point.inputs)
        for i in point.active:
            moved = np.asarray(inputs[i]) + 1e-3 * random_direction(point, i, evidence.rng)
            inputs[i] = float(moved) if type(inputs[i]) is float else moved
        try:
            near = Point.at(point.runner, tuple(inputs), point.regime, point.active)
        except Illegal:
            continue
        slopes = careful_slopes(near, direction, measured_noise(near, direction), STEP)
        if slopes is None:
            continue
        excess, tolerance, _ = excess_of(replace(evidence.mismatch, point=near), slopes)
        if excess > tolerance:
            return True
    return False
