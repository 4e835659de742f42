"""Settles a mismatch: the excuses for it, asked in order, each of which relies on what those before have ruled out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from flowgraph.checking.compare import FormFault, Ruling, Suspicion, ValueMismatch, are_finite, ask, deviation
from flowgraph.checking.difference import STEP
from flowgraph.checking.evidence import Evidence, fewer_outputs
from flowgraph.checking.kinks import is_singular, no_derivative, of_other_gradients
from flowgraph.checking.noise import analytic_noise, disagrees, ill_conditioned, usual_size
from flowgraph.checking.point import UNIT, analytic_slope
from flowgraph.checking.runner import generator

UNSEEN = 1e-11  # of the slope and of the value: an iteration within fprop or bprop stops at some tolerance too
EXACT = 1e-9  # of the slope: how near to a complex step, which has no rounding of its own, a right bprop comes
FEW = 8  # units in the last place
COARSEST, DOWN = STEP * 4.0**5, 17  # 17 steps from 38 times an element, down to 9e-9 of it, where x² is no rounding yet
SMALL_MISMATCH = 3e-3  # of the slope: below, it must persist at neighbours, which takes 120 calls
STAIR = 1e-7  # of the value at the example: steps of rounding are no higher
REACHES = (16 * STEP, 4 * STEP, STEP, STEP / 4)  # of an element: 0.6 of it keeps its sign, below 0.01 noise is left
AMPLITUDE = 1e-6  # of the value: the most that is taken for noise, or for the jump of an iteration
MOST_LOST = 1e-4  # of an input: a slope further away is another one
TURNS = 400.0  # times a jump: hundreds of turns are off by as much in their slope, each by as much as the last moves
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


def settle(suspicion: Suspicion, rng: np.random.Generator, off: Collection[str] = ()) -> Ruling:
    """The result of confirming a suspicion; the excuses named in `off` are skipped."""
    if isinstance(suspicion, ValueMismatch):
        return _of_values(suspicion, rng, off)
    if suspicion.kind in ("nonfinite", "raised"):
        return no_number(suspicion, rng)
    return Ruling("wrong", suspicion, note=suspicion.note)


def _of_values(mismatch: ValueMismatch, rng: np.random.Generator, off: Collection[str]) -> Ruling:
    evidence = Evidence(fewer_outputs(mismatch), rng)
    for excuse in EXCUSES:
        if excuse.name not in off and excuse.holds(evidence):
            return Ruling(excuse.verdict, evidence.mismatch, note=excuse.words, excuse=excuse.name)
    error, note = evidence.tolerance / 4, ""
    if not evidence.smooth:
        error, note = evidence.hull[1], "not within the slopes around this kink"
    return Ruling("wrong", evidence.mismatch, evidence.numeric, error, note, oracle=evidence.oracle)


def no_number(fault: FormFault, rng: np.random.Generator) -> Ruling:
    """A NaN, an infinity or an exception is wrong only where every available quotient stays bounded."""
    why = no_derivative(fault, rng)
    if why:
        return Ruling("undecided", fault, note=why)
    return Ruling("wrong", fault, note=fault.note or "bprop gives a NaN or infinity where the slopes are finite")


def _excuse(name: str, cost: int, words: str, verdict: str = "undecided") -> Callable[[Rule], None]:
    """Adds a rule to the excuses; `words` are for the report."""
    return lambda rule: EXCUSES.append(Excuse(name, cost, words, verdict, rule))


@_excuse("below rounding", 4, "the mismatch moves the value by less than rounding does")
def _below_rounding(evidence: Evidence) -> bool:
    """A mismatch far below the rounding of the slope at the example, or of the value at other inputs of these shapes.

    In tails such as 1 - erf(x) beyond 6, and of x - tanh(x) at 1e-7, a long step moves the value by a few units of the
    inputs at most. An operation that is small everywhere is measured by its own values.
    """
    gap = abs(evidence.analytic - evidence.mismatch.numeric)
    unit = FEW * UNIT * float(np.abs(evidence.grad).max(initial=0.0))
    if gap <= unit * evidence.point.runner.slope * evidence.length:
        return True
    return gap * STEP <= unit * evidence.length and gap * STEP <= unit * usual_size(evidence.point)


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
    """The value changes as much under steps of 1e-10 as under 1e-3, like log |det| next to a singular matrix.

    A bprop that is checked as an operation may jump for every incoming gradient but that of 0, as np.where(a == 0,
    grad, 0) does at a = 0.
    """
    generic = of_other_gradients(evidence.point, generator(0))
    others = [generic] if generic is not None and generic is not evidence.point else []
    return any(is_singular(one, evidence.rng) for one in (evidence.point, *others))


@_excuse("complex step", 3, "the complex step says what bprop says", "fine")
def _complex_step_agrees(evidence: Evidence) -> bool:
    """The complex step, which subtracts nothing, says what bprop says, where fprop is analytic.

    Source: Squire, Trapp (1998); Martins, Sturdza, Alonso, "The complex-step derivative approximation" (2003).
    """
    exact = evidence.complex_slope
    return exact is not None and abs(exact - evidence.analytic) <= EXACT * abs(exact)


@_excuse("within the error bar", 40, "within the error bar of all steps", "fine")
def _within_error_bar(evidence: Evidence) -> bool:
    """With all steps and the measured noise the slopes agree, and the bar is narrow enough to tell.

    Source: Richardson (1911); Ridders (1982); Moré, Wild, "Estimating computational noise" (2011).
    """
    excess, tolerance, size = evidence.against(evidence.careful)
    return excess <= tolerance <= 1e-3 * size


@_excuse("wide error bar", 0, "no step gives a slope that finer steps confirm")
def _wide_error_bar(evidence: Evidence) -> bool:
    """The bar of the best step is so wide that it says nothing, or every small step leaves the domain.

    A width of 0 that means none has no small steps, though larger ones may be legal.
    """
    excess, tolerance, _ = evidence.against(evidence.careful)
    return excess <= tolerance


@_excuse("tolerance of an iteration", 0, "what is iterated can leave as much", "rounding")
def _iterated(evidence: Evidence) -> bool:
    """An iterative method is accurate to its tolerance only, and that is seldom below 1e-11 of slope and value.

    Of those at the example: where elements are settled by one iteration, it leaves as much of one that is small.
    """
    excess, _, _ = evidence.against(evidence.careful)
    usual = evidence.point.runner.slope * float(np.abs(evidence.grad).max()) * evidence.length
    slopes = abs(evidence.analytic) + abs(evidence.numeric_by(evidence.careful))
    return excess < UNSEEN * (slopes + usual + evidence.size)


@_excuse("quantised", 2 * DOWN, "the value moves by steps here")
def _quantised(evidence: Evidence) -> bool:
    """The value keeps its bits over the finest steps, and moves by units of rounding over coarser ones.

    So do (x + 1e8) - 1e8, the logarithm of a number below 1e-308, bisection to 1e-9.
    """
    if evidence.numeric_by(evidence.careful):
        return False
    stencil, weight = evidence.point.stencil(evidence.direction, COARSEST), float(np.abs(evidence.grad).max())
    stencil.extend(DOWN)
    steps = [stencil.base if value is None else value for value in (*stencil.plus[:DOWN], *stencil.minus[:DOWN])]
    moves = np.abs((np.array(steps) - stencil.base) @ evidence.grad).reshape(2, DOWN)
    height = moves.min(initial=np.inf, where=moves > 0)
    return not moves[:, -3:].any() and bool(height < STAIR * weight * evidence.point.runner.size)


@_excuse("still moving", 0, "the slopes have not settled before rounding takes over")
def _still_moving(evidence: Evidence) -> bool:
    """A one-sided slope that has not converged before rounding dominates, as of x^1.1 or x log x at 0."""
    stencil, used = evidence.point.stencil(evidence.direction), evidence.grad != 0
    sides = (stencil.settles(side, evidence.point.rounding()) for side in (1, -1))
    return any(side is not None and not side[used].all() for side in sides)


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


@_excuse("rounding of bprop", 0, "bprop loses these digits to rounding", "rounding")
def _rough_bprop(evidence: Evidence) -> bool:
    """bprop is itself as rough as the mismatch is large, on grids of a few to some thousand units in the last place.

    Source: Hamming, Introduction to applied numerical analysis: differences of high order leave the rounding alone.
    """
    return evidence.excess <= evidence.tolerance


@_excuse("narrow type", 50, "fprop computes in a narrow type")
def _narrow_type(evidence: Evidence) -> bool:
    """fprop computes in float32 or float16: only a mismatch over long stretches counts, of 0.02 of the slopes."""
    if not evidence.narrow:
        return False
    return evidence.length <= evidence.point.runner.least or not evidence.is_gross


@_excuse("right on average", 27 * len(REACHES), "over longer steps the value moves as bprop says")
def _right_on_average(evidence: Evidence) -> bool:
    """The integral of what bprop says is the change of the value: what differs at the point is noise, or a jump.

    A wrong gradient is wrong over every stretch. The ripples of noise average out; an iteration that stops at a
    tolerance has the slope of so many turns at the point, jumps where it takes one turn more, and moves over many
    such jumps as what it converges to, of which bprop is the derivative. So do steps of rounding.

    Where other elements decide on the turns, jumps are seen by moving all of them.
    """
    gap, runner = abs(evidence.analytic - evidence.numeric), evidence.point.runner
    weight = float(np.abs(evidence.grad).max())
    if gap < TURNS * runner.jump * weight:
        return True  # seen before: of inputs as small as its tolerance an iteration makes no jumps
    rounding = FEW * UNIT * weight * evidence.length
    room = max(AMPLITUDE * evidence.size, AMPLITUDE * runner.size * weight, rounding)
    for reach in REACHES:
        missing, rough = evidence.missing(reach, gap) or (np.inf, 0.0)
        if missing <= room and (missing <= gap * reach / 4 or rough >= missing / 8):
            runner.jump = max(runner.jump, missing / weight)
            return True
    for reach in REACHES if gap < TURNS * room else ():
        missing, rough = evidence.missing(reach, gap, evidence.dense) or (np.inf, 0.0)
        if missing <= room and rough >= missing / 8:
            runner.jump = max(runner.jump, missing / weight)
    return gap < TURNS * runner.jump * weight


@_excuse("kink", 400, "within the slopes around this kink", "kink")
def _at_kink(evidence: Evidence) -> bool:
    """At a point where the slope jumps every number within the hull of the slopes around is a subgradient.

    So is it where bprop gives no gradient for a loss that has none here, and says so by OpenChoiceError.
    Source: Clarke, Optimization and nonsmooth analysis (1983).
    """
    return not evidence.smooth and evidence.hull[0]


@_excuse("not nearby", 120, "a small mismatch that is not there at nearby points")
def _not_nearby(evidence: Evidence) -> bool:
    """A mismatch below 0.3 % of the slope that is not there at generic points nearby, as next to a kink."""
    small = evidence.excess < SMALL_MISMATCH * (abs(evidence.numeric) + abs(evidence.analytic))
    return not evidence.narrow and evidence.smooth and small and not evidence.persists


@_excuse("scatter of bprop", 8, "bprop loses these digits to rounding", "rounding")
def _jittered_bprop(evidence: Evidence) -> bool:
    """The mismatch is within the scatter of bprop when inputs move by as much as fprop has lost.

    Asked last: where elements are tied, bprop scatters by moving one of them.
    """
    size = np.maximum(np.abs(evidence.point.value), 1e-300)
    lost = float((evidence.noise / size).max(initial=UNIT, where=evidence.grad != 0))
    if evidence.narrow or not evidence.smooth:
        return False
    spread = analytic_noise(evidence.point, evidence.grad, evidence.direction, evidence.rng, min(lost, MOST_LOST))
    return evidence.excess <= evidence.tolerance + 12 * spread
