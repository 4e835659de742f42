"""The excuses for a mismatch, in the order in which they are asked: each relies on what those before have ruled out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flowgraph.checking import roughness
from flowgraph.checking.careful import DEPTH, careful_slopes, disagrees, wider_slopes
from flowgraph.checking.compare import are_finite, ask, deviation
from flowgraph.checking.difference import STEP
from flowgraph.checking.evidence import Evidence
from flowgraph.checking.kinks import (
    is_singular,
    of_other_gradients,
    shrinks_with_the_step,
    stands_at_every_step,
    still_moving,
)
from flowgraph.checking.noise import analytic_noise, ill_conditioned, measured_noise
from flowgraph.checking.point import UNIT, analytic_slope
from flowgraph.checking.runner import generator

UNSEEN = 1e-11  # of the slope and of the value: an iteration within fprop or bprop stops at some tolerance too
EXACT = 1e-9  # of the slope: how near to a complex step, which has no rounding of its own, a right bprop comes
SMALL_MISMATCH = 3e-3  # of the slope: below, it must persist at neighbours, which takes 120 calls
TURNS = 400.0  # times a jump: hundreds of turns are off by as much in their slope, each by as much as the last moves
JUMPS = "the value has small jumps around here, as one found by iteration"
ROUNDS = "bprop loses these digits to rounding"
Rule = Callable[[Evidence], bool]


@dataclass(frozen=True)
class Excuse:
    """A reason for which a right gradient can look wrong at a point.

    `verdict` is what becomes of the mismatch where it `holds`: fine, rounding, kink or undecided; `cost` about how many
    calls of fprop it takes beyond those of earlier ones.
    """

    name: str
    cost: int
    words: str
    verdict: str
    holds: Rule

    @property
    def reason(self) -> str:
        """Why the mismatch is then none, and the source."""
        return inspect.getdoc(self.holds) or ""


EXCUSES: list[Excuse] = []


def _excuse(name: str, cost: int, words: str, verdict: str = "undecided") -> Callable[[Rule], None]:
    """Adds a rule to the excuses; `words` are for the report."""
    return lambda rule: EXCUSES.append(Excuse(name, cost, words, verdict, rule))


@_excuse("both zero", 0, "both slopes are 0 beside those of the example")
def _both_zero(evidence: Evidence) -> bool:
    """A mismatch far below the rounding of the slope at the example is none."""
    length = max(float(np.abs(d).max(initial=0.0)) for d in evidence.direction.values())
    least = 8 * UNIT * evidence.point.runner.slope * length * float(np.abs(evidence.grad).max(initial=0.0))
    return abs(evidence.analytic - evidence.mismatch.numeric) <= least


@_excuse("below rounding", 9, "neither slope moves the value by more than inputs are rounded")
def _below_rounding(evidence: Evidence) -> bool:
    """In tails such as 1 - erf(x) beyond 6, a large step moves the value by a few ulps of the inputs at most."""
    return roughness.below_rounding(evidence.mismatch)


@_excuse("known small jumps", 0, JUMPS)
def _known_jumps(evidence: Evidence) -> bool:
    """As small jumps below, where those at the example have been measured before: nothing else need be asked."""
    jump = float(np.abs(evidence.grad).max()) * (evidence.point.runner.jump or 0.0)
    gap, room = abs(evidence.analytic - evidence.mismatch.numeric), evidence.room_of_jumps
    return gap < TURNS * jump and max(gap, jump) < room and not evidence.narrow


@_excuse("no correct digits", 1, "fprop has no correct digits here")
def _no_correct_digits(evidence: Evidence) -> bool:
    """fprop gives another value in long double: the point says nothing of its slope."""
    return evidence.wide is not None and disagrees(evidence.point, evidence.wide)


@_excuse("ill-conditioned", 3, "the last digits of the inputs change many of the value's")
def _ill_conditioned(evidence: Evidence) -> bool:
    """A solve of condition 1e10 answers with the solution, and the slope, of another system; long double would tell."""
    return evidence.wide is None and ill_conditioned(evidence.point, evidence.grad, evidence.rng)


@_excuse("jump", 6, "the value jumps here")
def _value_jumps(evidence: Evidence) -> bool:
    """The value changes as much under steps of 1e-10 as under 1e-3, like log |det| next to a singular matrix."""
    return is_singular(evidence.point, evidence.rng)


@_excuse("jump of other gradients", 6, "the value jumps here for other incoming gradients")
def _jumps_for_other_gradients(evidence: Evidence) -> bool:
    """A bprop jumps for every incoming gradient but that of 0 here, as np.where(a == 0, grad, 0) does at a = 0."""
    generic = of_other_gradients(evidence.point, generator(0))
    return generic is not None and generic is not evidence.point and is_singular(generic, generator(0))


@_excuse("no small step", 2 * DEPTH, "no small step is legal on either side")
def _no_small_step(evidence: Evidence) -> bool:
    """Every small step leaves the domain, though larger ones may be legal: a width of 0 that means none."""
    return evidence.careful is None or evidence.point.stencil(evidence.direction).stands_alone


@_excuse("complex step", 3, "the complex step says what bprop says", "fine")
def _complex_step_agrees(evidence: Evidence) -> bool:
    """The complex step, which subtracts nothing, says what bprop says, where fprop is analytic.

    Source: Squire, Trapp (1998); Martins, Sturdza, Alonso, "The complex-step derivative approximation" (2003).
    """
    exact = evidence.complex_slope
    return exact is not None and abs(exact - evidence.analytic) <= EXACT * abs(exact)


@_excuse("quantised", 4, "the value moves by steps here")
def _quantised(evidence: Evidence) -> bool:
    """The value keeps its bits over the finest steps and climbs over coarser ones as bprop says: (x + 1e8) - 1e8."""
    flat = not evidence.numeric_by(evidence.first)
    return flat and roughness.on_a_stair(evidence.point, evidence.grad, evidence.direction, evidence.analytic)


@_excuse("within the error bar", 0, "within the error bar of all steps", "fine")
def _within_error_bar(evidence: Evidence) -> bool:
    """With all steps and the measured noise the slopes agree, and the bar is narrow enough to tell.

    Source: Richardson (1911); Ridders (1982); Moré, Wild, "Estimating computational noise" (2011).
    """
    excess, tolerance, size = evidence.against(evidence.first)
    return excess <= tolerance <= 1e-3 * size


@_excuse("wide error bar", 0, "no step gives a slope that finer steps confirm")
def _wide_error_bar(evidence: Evidence) -> bool:
    """The bar of the best step is so wide that it says nothing."""
    excess, tolerance, _ = evidence.against(evidence.first)
    return excess <= tolerance


@_excuse("tolerance of an iteration", 0, "what is iterated can leave as much", "rounding")
def _iterated(evidence: Evidence) -> bool:
    """An iterative method is accurate to its tolerance only, and that is seldom below 1e-11 of slope and value."""
    excess, _, _ = evidence.against(evidence.first)
    room = abs(evidence.analytic) + abs(evidence.numeric_by(evidence.first)) + evidence.size
    return excess < UNSEEN * room


@_excuse("shrinks with the step", 8, "the mismatch shrinks as the step grows: it is noise of the value")
def _shrinks_with_the_step(evidence: Evidence) -> bool:
    """A wrong gradient is as wrong at every step; a mismatch that falls like 1 / h as the step grows is noise.

    D(h) = F' + O(h²) + ε / h, of which extrapolation takes the h²
    """
    own = abs(evidence.numeric_by(evidence.first) - evidence.analytic)
    return shrinks_with_the_step(evidence.point, evidence.direction, evidence.grad, evidence.analytic, own)


@_excuse("still moving", 8, "the slopes have not settled before rounding takes over")
def _still_moving(evidence: Evidence) -> bool:
    """A one-sided slope that has not converged before rounding dominates, as of x^1.1 or x log x at 0."""
    return still_moving(evidence.point, evidence.direction, evidence.grad)


@_excuse("right in a wider type", 2, "right in a wider type: bprop loses digits here", "rounding")
def _right_in_wider_type(evidence: Evidence) -> bool:
    """bprop in long double is right: in float64 it loses digits."""
    wide, slopes, grad = evidence.wide, evidence.wider, evidence.grad
    if wide is None or slopes is None:
        return False
    gradients, _ = ask(wide, grad.astype(np.longdouble))
    if gradients is None or not are_finite(gradients):
        return False
    analytic, terms = analytic_slope(gradients, evidence.direction, wide.active)
    _, excess, tolerance, _ = deviation(grad, slopes, analytic, terms)
    return excess <= tolerance < np.inf


@_excuse("finer steps disagree", 2, "finer steps do not confirm it")
def _finer_steps_disagree(evidence: Evidence) -> bool:
    """The mismatch does not stand where fprop is taken to have no noise but its rounding.

    Where that has no estimate at all, a gross mismatch still stands if no single step comes near the analytic slope:
    what looks like noise may be the function itself, seen too coarsely.
    """
    if evidence.wider is not None or evidence.strict is None:
        return False
    excess, tolerance, _ = evidence.against(evidence.strict)
    if np.isfinite(tolerance):
        return excess <= tolerance
    (excess, _, _), numeric = evidence.against(evidence.first), evidence.numeric_by(evidence.first)
    gross = excess >= 0.01 * (abs(numeric) + abs(evidence.analytic))
    return not (gross and stands_at_every_step(evidence.point, evidence.direction, evidence.grad, evidence.analytic))


@_excuse("rounding of bprop", 0, ROUNDS, "rounding")
def _rough_bprop(evidence: Evidence) -> bool:
    """bprop is itself as rough as the mismatch is large, on grids of a few to some thousand units in the last place.

    Source: Hamming, Introduction to applied numerical analysis: differences of high order leave the rounding alone.
    """
    return evidence.excess <= evidence.tolerance


@_excuse("narrow type", 8, "fprop computes in a narrow type")
def _narrow_type(evidence: Evidence) -> bool:
    """fprop computes in float32 or float16: only a mismatch of 0.3 of the slope, by coarse steps too, counts."""
    if not evidence.narrow:
        return False
    point, direction, grad, analytic = evidence.point, evidence.direction, evidence.grad, evidence.analytic
    coarse = point.slopes(direction)
    seen = evidence.numeric if coarse is None else evidence.numeric_by(coarse)
    moved = max(float(np.abs(d).max(initial=0.0)) for d in direction.values())
    if moved <= point.runner.least or not roughness.is_resolved(point, direction, grad, max(abs(seen), abs(analytic))):
        return True
    far = min(evidence.excess, abs(seen - analytic)) > 0.3 * (abs(seen) + abs(analytic))
    return not far and not roughness.contradicts_coarse_slopes(point, direction, grad, analytic)


@_excuse("kink", 200, "within the slopes around this kink", "kink")
def _at_kink(evidence: Evidence) -> bool:
    """At a point where the slope jumps every number within the hull of the slopes around is a subgradient.

    Source: Clarke, Optimization and nonsmooth analysis (1983).
    """
    return not evidence.smooth and bool(evidence.hull.contains)


@_excuse("no answer at a kink", 0, "bprop gives no gradient at this kink")
def _no_answer_at_kink(evidence: Evidence) -> bool:
    """bprop gives no gradient for a loss that has none here, and says so by OpenChoiceError."""
    return not evidence.smooth and evidence.hull.contains is None


@_excuse("scatter of bprop", 8, ROUNDS, "rounding")
def _jittered_bprop(evidence: Evidence) -> bool:
    """The mismatch is within the scatter of bprop when inputs move by what fprop has lost, and its middle is unsure."""
    if evidence.narrow or not evidence.smooth:
        return False
    point, grad = evidence.point, evidence.grad
    lost = float((evidence.noise / np.maximum(np.abs(point.value), 1e-300))[grad != 0].max(initial=0.0))
    jitter = max(UNIT, min(lost, 1e-4))
    middle, spread = analytic_noise(point, grad, evidence.direction, evidence.rng, jitter, together=False)
    steady = abs(evidence.analytic - middle) > 2 * spread
    right = steady and abs(middle - evidence.numeric) <= 0.1 * evidence.excess
    return evidence.excess <= evidence.tolerance + 12 * spread and not right


@_excuse("noise in a wider type", 63, "the value is rough in a wider type too")
def _noisy_in_wider_type(evidence: Evidence) -> bool:
    """Long double takes the rounding of fprop, and leaves what a tolerance makes of the value, as in bisection."""
    if evidence.wide is None or evidence.wider is None:
        return False
    noisy = wider_slopes(evidence.wide, evidence.direction, measured_noise(evidence.wide, evidence.direction))
    return evidence.agrees(noisy)


@_excuse("other steps", 40, "other steps do not confirm it")
def _other_steps(evidence: Evidence) -> bool:
    """Steps that are incommensurate with the first do not show it."""
    if evidence.narrow or not evidence.smooth:
        return False
    point, direction = evidence.point, evidence.direction
    return evidence.agrees(careful_slopes(point, direction, measured_noise(point, direction), STEP * 0.7310585))


@_excuse("not nearby", 120, "a small mismatch that is not there at nearby points")
def _not_nearby(evidence: Evidence) -> bool:
    """A mismatch below 0.3 % of the slope that is not there at generic points nearby."""
    small = evidence.excess < SMALL_MISMATCH * (abs(evidence.numeric) + abs(evidence.analytic))
    return not evidence.narrow and evidence.smooth and small and not evidence.persists()


@_excuse("small jumps", 540, JUMPS)
def _small_jumps(evidence: Evidence) -> bool:
    """An iteration that stops at a tolerance is smooth between jumps, with the slope of a fixed number of turns.

    bprop has the slope of what it converges to. Jumps at the example count too: of inputs as small as its tolerance an
    iteration makes none.
    """
    room = evidence.room_of_jumps
    if evidence.narrow or not evidence.smooth or evidence.excess >= room:
        return False
    point, grad, rng = evidence.point, evidence.grad, evidence.rng
    jump = float(np.abs(grad).max()) * roughness.jump_at_example(point.runner, point.active, rng)
    if TURNS * jump <= evidence.excess:
        jump = roughness.small_jump(point, grad, evidence.direction, rng, evidence.excess / TURNS)
    return evidence.excess < TURNS * jump and jump < room
