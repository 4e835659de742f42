"""Numerical causes of a mismatch in fprop: differences of its values that cannot decide."""

from __future__ import annotations

import numpy as np

from flowgraph.checking.careful import DEPTH, disagrees
from flowgraph.checking.difference import STEP
from flowgraph.checking.evidence import Evidence, Excuse
from flowgraph.checking.kinks import is_singular, of_other_gradients, still_moving
from flowgraph.checking.noise import ill_conditioned
from flowgraph.checking.point import UNIT
from flowgraph.checking.roughness import below_rounding, on_a_stair
from flowgraph.checking.runner import generator
from flowgraph.checking.target import Array

UNSEEN = 1e-11  # of the slope and of the value: an iteration within fprop or bprop stops at some tolerance too
COARSE = 16.0  # times STEP: 0.6 of the size of an element, the largest step that keeps its sign
EXACT = 1e-9  # of the slope: how near to a complex step, which has no rounding of its own, a right bprop comes
FALL = 100.0  # times, to which a mismatch must shrink before it is called noise
SPAN = 3  # steps, each four times the one before, over which it must do so at least
AMPLITUDE = 1e-6  # of the value: the most that is taken for noise


class ComplexStepAgrees(Excuse):
    """The complex step, which subtracts nothing, says what bprop says.

    Source: Squire, Trapp (1998); Martins, Sturdza, Alonso, "The complex-step derivative approximation" (2003).
    """

    name, cost, verdict = "complex step", 3, "fine"

    def applies(self, evidence: Evidence) -> str | None:
        """Only where fprop is analytic: `complex_slopes` tells."""
        exact = evidence.complex_slope
        agrees = exact is not None and abs(exact - evidence.analytic) <= EXACT * abs(exact)
        return "the complex step says what bprop says" if agrees else None


class BothZero(Excuse):
    """A mismatch far below the rounding of the slope at the example is none."""

    name, cost = "both zero", 0

    def applies(self, evidence: Evidence) -> str | None:
        """In units of the slope at the example."""
        length = max(float(np.abs(d).max(initial=0.0)) for d in evidence.direction.values())
        least = 8 * UNIT * evidence.point.runner.slope * length * float(np.abs(evidence.grad).max(initial=0.0))
        gap = abs(evidence.analytic - evidence.mismatch.numeric)
        return "both slopes are 0 beside those of the example" if gap <= least else None


class BelowRounding(Excuse):
    """In tails such as 1 - erf(x) beyond 6, a large step moves the value by a few ulps of the inputs at most."""

    name, cost = "below rounding", 9

    def applies(self, evidence: Evidence) -> str | None:
        """By fprop and by bprop alike."""
        tail = below_rounding(evidence.mismatch)
        return "neither slope moves the value by more than inputs are rounded" if tail else None


class NoCorrectDigits(Excuse):
    """fprop gives another value in long double: the point says nothing of its slope."""

    name, cost = "no correct digits", 1

    def applies(self, evidence: Evidence) -> str | None:
        """From a relative difference of 1e-7."""
        lost = evidence.wide is not None and disagrees(evidence.point, evidence.wide)
        return "fprop has no correct digits here" if lost else None


class IllConditioned(Excuse):
    """A solve of condition 1e10 answers with the solution, and the slope, of a system close by."""

    name, cost = "ill-conditioned", 3

    def applies(self, evidence: Evidence) -> str | None:
        """Asked only where long double does not tell."""
        ill = evidence.wide is None and ill_conditioned(evidence.point, evidence.grad, evidence.rng)
        return "the last digits of the inputs change many of the value's" if ill else None


class ValueJumps(Excuse):
    """The value changes as much under steps of 1e-10 as under 1e-3, like log |det| next to a singular matrix.

    A bprop that is checked is linear in the incoming gradient, and may do so for every other one: at a = 0
    `np.where(a == 0, grad, 0)` is continuous for a gradient of 0 alone, and has no derivative there.
    """

    name, cost = "jump", 6

    def applies(self, evidence: Evidence) -> str | None:
        """Along random directions."""
        point = evidence.point
        if is_singular(point, evidence.rng):
            return "the value jumps here"
        generic = of_other_gradients(point, generator(0))
        if generic is None or generic is point or not is_singular(generic, generator(0)):
            return None
        return "the value jumps here for other incoming gradients"


class NoSmallStep(Excuse):
    """Every small step leaves the domain, though larger ones may be legal: a width of 0 that means none."""

    name, cost = "no small step", 2 * DEPTH

    def applies(self, evidence: Evidence) -> str | None:
        """To either side."""
        alone = evidence.careful is None or evidence.point.stencil(evidence.direction).stands_alone
        return "no small step is legal on either side" if alone else None


class Quantised(Excuse):
    """The value keeps its bits over the finest steps and climbs over coarser ones as bprop says: (x + 1e8) - 1e8."""

    name, cost = "quantised", 4

    def applies(self, evidence: Evidence) -> str | None:
        """Only where the finest slope is 0."""
        flat = not evidence.numeric_by(evidence.first)
        point, grad, direction = evidence.point, evidence.grad, evidence.direction
        stairs = flat and on_a_stair(point, grad, direction, evidence.analytic)
        return "the value moves by steps here" if stairs else None


class WithinErrorBar(Excuse):
    """With all steps and the measured noise the slopes agree.

    Source: Richardson (1911); Ridders (1982); Moré, Wild, "Estimating computational noise" (2011).
    """

    name, cost, verdict = "within the error bar", 0, "fine"

    def applies(self, evidence: Evidence) -> str | None:
        """Where the bar is narrow enough to tell."""
        excess, tolerance, size = _first_bar(evidence)
        return "within the error bar of all steps" if excess <= tolerance <= 1e-3 * size else None


class WideErrorBar(Excuse):
    """The bar of the best step is so wide that it says nothing."""

    name, cost = "wide error bar", 0

    def applies(self, evidence: Evidence) -> str | None:
        """From a thousandth of the slope."""
        excess, tolerance, _ = _first_bar(evidence)
        return "no step gives a slope that finer steps confirm" if excess <= tolerance else None


class Iterated(Excuse):
    """An iterative method is accurate to its tolerance only."""

    name, cost, verdict = "tolerance of an iteration", 0, "rounding"

    def applies(self, evidence: Evidence) -> str | None:
        """Below 1e-11 of the slope and of the value."""
        excess, _, _ = _first_bar(evidence)
        value = float((np.abs(evidence.grad) * np.abs(evidence.point.value)).sum())
        room = UNSEEN * (abs(evidence.analytic) + abs(evidence.numeric_by(evidence.first)) + value)
        return "what is iterated can leave as much" if excess < room else None


class ShrinksWithTheStep(Excuse):
    """A wrong gradient is as wrong at every step; a mismatch that falls like 1 / h as the step grows is noise.

    D(h) = F' + O(h²) + ε / h, of which extrapolation takes the h²
    """

    name, cost = "shrinks with the step", 8

    def applies(self, evidence: Evidence) -> str | None:
        """Fitted at all scales, for an ε that is small beside the value."""
        steps, seen = _coarse_slopes(evidence, 14)
        own = abs(evidence.numeric_by(evidence.first) - evidence.analytic)
        gaps = np.abs((16 * seen[1:] - seen[:-1]) / 15 - evidence.analytic)
        short = np.flatnonzero(gaps <= 0.25 * own)
        settled = int(short[-1]) + 1 if short.size else 0  # from here on every finer step shows the mismatch
        if settled == len(gaps):
            return None
        steps = steps[1:]
        amplitude = own * steps[settled]
        size = float((np.abs(evidence.grad) * np.abs(evidence.point.value)).sum())
        for k in range(settled - SPAN):
            falls = np.all(gaps[k:settled] * steps[k:settled] <= 5 * amplitude)
            if falls and gaps[k] <= own / FALL and amplitude <= AMPLITUDE * size:
                return "the mismatch shrinks as the step grows: it is noise of the value"
        return None


class StillMoving(Excuse):
    """A one-sided slope that has not converged before rounding dominates, as of x^1.1 or x log x at 0."""

    name, cost = "still moving", 8

    def applies(self, evidence: Evidence) -> str | None:
        """To either side."""
        moving = still_moving(evidence.point, evidence.direction, evidence.grad)
        return "the slopes have not settled before rounding takes over" if moving else None


class FinerStepsDisagree(Excuse):
    """The mismatch does not stand where fprop is taken to have no noise but its rounding.

    Where that has no estimate at all, a gross mismatch still stands if no single step comes near the analytic slope:
    what looks like noise may be the function itself, seen too coarsely.
    """

    name, cost = "finer steps disagree", 2

    def applies(self, evidence: Evidence) -> str | None:
        """Where long double does not decide."""
        if evidence.wider is not None or evidence.strict is None:
            return None
        excess, tolerance, _ = evidence.against(evidence.strict)
        stands = excess > tolerance if np.isfinite(tolerance) else _stands_at_every_step(evidence)
        return None if stands else "finer steps do not confirm it"


def _first_bar(evidence: Evidence) -> tuple[float, float, float]:
    return evidence.against(evidence.first)


def _coarse_slopes(evidence: Evidence, depth: int) -> tuple[Array, Array]:
    """Steps that are legal to both sides, from a coarse one down to fine ones, and their central quotients."""
    stencil = evidence.point.stencil(evidence.direction, COARSE * STEP)
    stencil.extend(depth)
    central = stencil.central(evidence.point.rounding())
    if central is None:
        return np.zeros(0), np.zeros(0)
    steps, usable = stencil.rows(True, True)
    kept = np.array(usable) < depth
    return steps[kept], np.asarray((central[0][kept] * evidence.grad).sum(axis=1))


def _stands_at_every_step(evidence: Evidence) -> bool:
    numeric, (excess, _, _) = evidence.numeric_by(evidence.first), _first_bar(evidence)
    stencil = evidence.point.stencil(evidence.direction)
    stencil.extend(DEPTH)
    central = stencil.central(evidence.point.rounding())
    if central is None or excess < 0.01 * (abs(numeric) + abs(evidence.analytic)):
        return False
    seen = (central[0] * evidence.grad).sum(axis=1)
    floor = (central[1] * np.abs(evidence.grad)).sum(axis=1)
    near = np.abs(seen - evidence.analytic) <= 0.03 * abs(evidence.analytic) + 4 * floor
    return not bool(near.any())
