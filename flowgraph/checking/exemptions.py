"""Settles a mismatch: the exemptions for it, asked in order, each of which relies on what those before have ruled out.

What they ask for is measured on first use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from flowgraph.checking.compare import (
    Ruling,
    Suspicion,
    ValueMismatch,
    are_finite,
    ask,
    deviation,
    is_in_last_digits,
)
from flowgraph.checking.difference import STEP, Slopes
from flowgraph.checking.point import (
    HALF,
    NARROW,
    UNIT,
    Direction,
    Point,
    analytic_slope,
    generator,
    parts,
    random_direction,
)
from flowgraph.checking.roughness import (
    ROUGH,
    ROUGHER,
    analytic_roughness,
    disagrees,
    hull,
    is_degenerate,
    is_singular,
    is_smooth,
    measured_noise,
    neighbour_slopes,
    no_derivative,
    of_other_gradients,
    tells_nothing,
    usual_size,
    widen_point,
    winner_slopes,
)
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
STILL = (1e-11, -1e-11, 1e-12, -1e-12)  # steps, of an element, that a stair may be wider than
ROUNDINGS = 100.0  # of the value, which a step has to be worth by the slope that is in doubt
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
        return widen_point(self.point)

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
        slopes = None if self.wide is None or self.wide.slower_than(SLOW) else wider_slopes(self.wide, self.direction)
        more = 0 * self.grad if slopes is None else np.abs(self.grad) * (slopes.error - self.careful.error)
        return slopes if np.sum(more, where=self.grad != 0) <= 0 else None

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

    @property
    def numeric(self) -> float:
        """The slope of the inner product of the incoming gradient with the outputs, by the slopes that decide."""
        return float((self.grad * self.best.value).sum())

    def against(self, slopes: Slopes) -> tuple[float, float, float]:
        """(excess, tolerance, size of the summed terms) of the analytic slope against these."""
        gradients, _ = ask(self.point, self.grad)
        if gradients is None:
            return 0.0, np.inf, 0.0
        analytic, terms = analytic_slope(gradients, self.direction, self.point.active)
        _, excess, tolerance, size = deviation(self.grad, slopes, analytic, terms, self.point.runner.measured.answers)
        unit = self.point.runner.measured.unit
        if unit > NARROW:  # what bprop rounds to as well, many times over
            tolerance += (6 * unit**0.5 if unit > HALF else 64 * unit) * (size + terms)
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

    def missing(self, reach: float, gap: float, line: Direction | None = None) -> tuple[float, float] | None:
        """How far the value moves otherwise than by the integral of what bprop says, and how much of that is rough.

        ∫ F'(x + t d) d dt over a stretch is F at its end less F at its start

        None where that is not to be told: the stretch leaves the domain, or what bprop says at its nodes and at the
        point itself is not a smooth function to a tenth of the mismatch.
        """
        nodes = np.append(np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES), 0.0)
        line, slopes, values = line or self.direction, [], []
        for node in nodes:
            near = self.point.beside(self.point.move_along(line, reach * float(node)))
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
        slopes, rounding = abs(self.numeric) + abs(self.analytic), 8 * self.point.runner.measured.unit * self.size
        missing = {reach: self.missing(reach, 10 * slopes) for reach in LONG}
        return all(gap is not None and gap[0] > GROSS * slopes * reach + rounding for reach, gap in missing.items())

    def persists(self, continuous: bool = False) -> bool:
        """Whether a mismatch is also seen at one of three generic points nearby, if need be one without a jump."""
        for _ in range(3):
            moved = {i: random_direction(self.point, i, self.rng) for i in self.point.active}
            near = self.point.beside(self.point.move_along(moved, NEARBY))
            if near is not None:
                beside = Evidence(replace(self.mismatch, point=near), self.rng)
                excess, tolerance, _ = beside.against(beside.careful)
                if excess > tolerance and not (continuous and is_singular(near, self.rng)):
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
        """Whether the slopes at neighbours come together; in half precision, too coarse to tell them apart, they do."""
        return self.point.runner.measured.unit > HALF or all(
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
            low, high = hull(rows, grad)
            analytic = None if gradients is None else analytic_slope(gradients, line, point.active)[0]
            room = self.tolerance + 0.3 * (high - low)
            if analytic is not None and max(low - analytic, analytic - high) > room:
                return False, (high - low) / 2
        return True, 0.0


def careful_slopes(point: Point, direction: Direction, noise: Array | float = 0.0) -> Slopes | None:
    """By all steps 4^0 ... 4^-20; an estimate counts only if all finer steps agree. None where no fine one is legal."""
    stencil = point.stencil(direction)
    stencil.extend(DEPTH)
    narrower = min(1.0, float(np.finfo(point.value.dtype).eps / np.finfo(np.float64).eps))  # of long double
    slopes = stencil.slopes(np.maximum(point.rounding() * narrower, 2 * noise), confirmed=True)
    return None if stencil.stands_alone else slopes


def wider_slopes(wide: Point, direction: Direction) -> Slopes | None:
    """Slopes in the wider type, None where they are not conclusive."""
    slopes = careful_slopes(wide, direction)
    if slopes is None or not np.all(np.isfinite(slopes.error)):
        return None
    return Slopes.plain(np.asarray(slopes.value, np.float64), np.asarray(slopes.error, np.float64), slopes.one_sided)


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
        outputs = [np.asarray(part) for part in parts(point.runner.fprop(tuple(inputs)))]
        own = [np.asarray(part) for part in parts(point.output)]
    except Exception:  # whatever code raises that was written for real numbers
        return None
    fits = [(a.dtype.kind, a.shape) for a in outputs] == [("c", b.shape) for b in own if b.dtype.kind == "f"]
    if len(outputs) != len(own) or not fits or not all(np.all(np.isfinite(a)) for a in outputs):
        return None
    return point.project(np.concatenate([a.ravel() for a in outputs]))


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
            _, excess, tolerance, _ = deviation(part, slopes, analytic, terms, point.runner.measured.answers)
            if excess > tolerance and (best is None or excess / tolerance > best[0]):
                best = (excess / tolerance, part, analytic)
        if best is None:
            break
        grad = best[1]
        mismatch = replace(mismatch, grad=grad, analytic=best[2])
    return mismatch


UNSEEN = 1e-11  # of the slopes at the example
EXACT = 1e-9  # of the slope: how near to a complex step, which has no rounding of its own, a right bprop comes
FEW = 8  # units in the last place
SMALL_MISMATCH = 3e-3  # of the slope: below, it must persist at neighbours, which takes 120 calls
REACHES = (16 * STEP, 4 * STEP, STEP, STEP / 4)  # of an element: 0.6 of it keeps its sign, below 0.01 noise is left
AMPLITUDE = 1e-6  # of the value: the most that is taken for noise, or for the jump of an iteration
TURNS = 400.0  # times a jump: hundreds of turns are off by as much in their slope, each by as much as the last moves
Rule = Callable[[Evidence], bool]


@dataclass(frozen=True)
class Exemption:
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


EXEMPTIONS: list[Exemption] = []


def settle(suspicion: Suspicion, rng: np.random.Generator, off: Collection[str] = ()) -> Ruling:
    """The result of confirming a suspicion; the exemptions named in `off` are skipped.

    A NaN, an infinity or an exception is wrong only where every available quotient stays bounded.
    """
    if isinstance(suspicion, ValueMismatch):
        return _of_values(suspicion, rng, off)
    if suspicion.kind in ("nonfinite", "raised"):
        why = no_derivative(suspicion, rng)
        if why:
            return Ruling("undecided", suspicion, note=why)
        note = suspicion.note or "bprop gives a NaN or infinity where the slopes are finite"
        return Ruling("wrong", suspicion, note=note)
    return Ruling("wrong", suspicion, note=suspicion.note)


def _of_values(mismatch: ValueMismatch, rng: np.random.Generator, off: Collection[str]) -> Ruling:
    evidence = Evidence(fewer_outputs(mismatch), rng)
    for exemption in EXEMPTIONS:
        if exemption.name not in off and exemption.holds(evidence):
            note = exemption.words.format(abs(evidence.analytic - evidence.numeric) / (abs(evidence.numeric) or 1.0))
            return Ruling(exemption.verdict, evidence.mismatch, note=note, exemption=exemption.name)
    error, note = evidence.tolerance / 4, ""
    if not evidence.smooth:
        error, note = evidence.hull[1], "not within the slopes around this kink"
    return Ruling("wrong", evidence.mismatch, evidence.numeric, error, note, oracle=evidence.oracle)


def _exemption(name: str, cost: int, words: str, verdict: str = "undecided") -> Callable[[Rule], None]:
    """Adds a rule to the exemptions; `words` are for the report."""
    return lambda rule: EXEMPTIONS.append(Exemption(name, cost, words, verdict, rule))


@_exemption("below rounding", 4, "the mismatch moves the value by less than rounding does")
def _below_rounding(evidence: Evidence) -> bool:
    """A mismatch far below the rounding of the slope at the example, or of the value at other inputs of these shapes.

    In tails such as 1 - erf(x) beyond 6, and of x - tanh(x) at 1e-7, a long step moves the value by a few units of the
    inputs at most. An operation that is small everywhere is measured by its own values.
    """
    gap = abs(evidence.analytic - evidence.mismatch.numeric)
    unit = FEW * UNIT * float(np.abs(evidence.grad).max(initial=0.0))
    if gap <= unit * evidence.point.runner.measured.slope * evidence.length:
        return True
    return gap * STEP <= unit * evidence.length and gap * STEP <= unit * usual_size(evidence.point)


@_exemption("no correct digits", 1, "fprop has no correct digits here")
def _no_correct_digits(evidence: Evidence) -> bool:
    """fprop gives another value in long double: the point says nothing of its slope."""
    return evidence.wide is not None and disagrees(evidence.point, evidence.wide)


@_exemption("jump", 6, "the value jumps here")
def _value_jumps(evidence: Evidence) -> bool:
    """The value changes as much under steps of 1e-10 as under 1e-3, like log |det| next to a singular matrix.

    A bprop that is checked as an operation may jump for every incoming gradient but that of 0, as np.where(a == 0,
    grad, 0) does at a = 0.
    """
    generic = of_other_gradients(evidence.point, generator(0))
    others = [generic] if generic is not None and generic is not evidence.point else []
    return any(is_singular(point, evidence.rng, evidence.direction) for point in (evidence.point, *others))


@_exemption("complex step", 3, "the complex step says what bprop says", "fine")
def _complex_step_agrees(evidence: Evidence) -> bool:
    """The complex step, which subtracts nothing, says what bprop says, where fprop is analytic.

    Source: Squire, Trapp (1998); Martins, Sturdza, Alonso, "The complex-step derivative approximation" (2003).
    """
    exact = evidence.complex_slope
    return exact is not None and abs(exact - evidence.analytic) <= EXACT * abs(exact)


@_exemption("within the error bar", 40, "within the error bar of all steps", "fine")
def _within_error_bar(evidence: Evidence) -> bool:
    """With all steps and the measured noise the slopes agree, and the bar is narrow enough to tell.

    Source: Richardson (1911); Ridders (1982); Moré, Wild, "Estimating computational noise" (2011).
    """
    excess, tolerance, size = evidence.against(evidence.careful)
    return excess <= tolerance <= 1e-3 * size


@_exemption("wide error bar", 0, "no step gives a slope that finer steps confirm")
def _wide_error_bar(evidence: Evidence) -> bool:
    """The bar of the best step is so wide that it says nothing, or every small step leaves the domain.

    A width of 0 that means none has no small steps, though larger ones may be legal. A value that is cut off at 1e304
    is rounded by 1e288: a bar that is wider than the slope there, and than that at the example, tells none.
    """
    excess, tolerance, _ = evidence.against(evidence.careful)
    return excess <= tolerance or tells_nothing(evidence.point, evidence.direction, evidence.careful, evidence.grad)


@_exemption("small beside the example", 0, "it is rounding beside the slopes at the example", "rounding")
def _small_beside_the_example(evidence: Evidence) -> bool:
    """The mismatch is below 1e-11 of the slopes at the example, as what is left of terms that cancel.

    Such as the slope of a softmax that is saturated, which is 0 but for the rounding of its terms.
    """
    excess, _, _ = evidence.against(evidence.careful)
    usual = evidence.point.runner.measured.slope * float(np.abs(evidence.grad).max()) * evidence.length
    return excess < UNSEEN * (usual + evidence.size)


@_exemption("still moving", 0, "the slopes have not settled before rounding takes over")
def _still_moving(evidence: Evidence) -> bool:
    """A one-sided slope that has not converged before rounding dominates, as of x^1.1 or x log x at 0."""
    stencil, used = evidence.point.stencil(evidence.direction), evidence.grad != 0
    sides = (stencil.settles(side, evidence.point.rounding()) for side in (1, -1))
    return any(side is not None and not side[used].all() for side in sides)


@_exemption("right in a wider type", 2, "right in a wider type: bprop loses digits here", "rounding")
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


@_exemption("rounding of bprop", 0, "bprop loses these digits to rounding", "rounding")
def _rough_bprop(evidence: Evidence) -> bool:
    """bprop is itself as rough as the mismatch is large, on grids of a few to some thousand units in the last place.

    Source: Hamming, Introduction to applied numerical analysis: differences of high order leave the rounding alone.
    """
    return evidence.excess <= evidence.tolerance


@_exemption("stairs", 200, "the value moves in stairs that are finer than the steps")
def _fine_stairs(evidence: Evidence) -> bool:
    """Over the smallest steps beside the point the value moves as bprop says, though longer ones have another slope.

    As of floor(a / b) where that is 1e10: each step of a difference takes many of its stairs. A smooth value would move
    by its slope, which differs from what bprop says by a hundred roundings over such a step. The point itself may lie
    at the edge of a stair.
    """
    point, grad, direction = evidence.point, evidence.grad, evidence.direction
    moved = {i: random_direction(point, i, evidence.rng) for i in point.active}
    for place in (point.beside(point.move_along(moved, step)) for step in (NEARBY, -NEARBY)):
        gradients = None if place is None else ask(place, grad)[0]
        if place is None or gradients is None:
            return False
        analytic = analytic_slope(gradients, direction, point.active)[0]
        careful = Evidence(replace(evidence.mismatch, point=place), evidence.rng).careful
        numeric = float((grad * careful.value).sum())
        rounding = float((np.abs(grad) * place.rounding()).sum())
        steps = [step for step in STILL if abs((numeric - analytic) * step) > ROUNDINGS * rounding]
        ends = [(step, place.along(direction, step)) for step in steps]
        moves = [(step, float((grad * (end - place.value)).sum())) for step, end in ends if end is not None]
        if not any(abs(move - analytic * step) <= rounding for step, move in moves):
            return False
    return True


@_exemption("narrow type", 50, "fprop computes in a narrow type")
def _narrow_type(evidence: Evidence) -> bool:
    """fprop computes in half precision: only a mismatch over long stretches counts, of 0.02 of the slopes."""
    return evidence.point.runner.measured.unit > HALF and not evidence.is_gross


@_exemption("right on average", 27 * len(REACHES), "over longer steps the value moves as bprop says")
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
    room = max(AMPLITUDE * evidence.size, AMPLITUDE * runner.measured.size * weight, rounding)
    for reach in REACHES:
        missing, rough = evidence.missing(reach, gap) or (np.inf, 0.0)
        if missing <= room and (missing <= gap * reach / 4 or rough >= missing / 8):
            runner.saw_jump(missing / weight)
            return True
    for reach in REACHES if gap < TURNS * room else ():
        missing, rough = evidence.missing(reach, gap, evidence.dense) or (np.inf, 0.0)
        if missing <= room and rough >= missing / 8:
            runner.saw_jump(missing / weight)
    return gap < TURNS * runner.jump * weight


@_exemption("only there", 120, "a mismatch of a point that is none of its neighbours'")
def _only_there(evidence: Evidence) -> bool:
    """A tie of all entries, or of all rows or columns, an axis of length 1, or more entries than the example has.

    No input near the example is such a point. A factorisation may have no derivative there, and another value beside
    it, so that the mismatch counts if a random neighbour shows it too, at which the value does not jump.
    """
    return is_degenerate(evidence.point) and not evidence.persists(continuous=True)


@_exemption("kink", 400, "within the slopes around this kink", "kink")
def _at_kink(evidence: Evidence) -> bool:
    """At a point where the slope jumps every number within the hull of the slopes around is a subgradient.

    So is it where bprop gives no gradient for a loss that has none here, and says so by OpenChoiceError.
    Source: Clarke, Optimization and nonsmooth analysis (1983).
    """
    return not evidence.smooth and evidence.hull[0]


@_exemption("not nearby", 120, "a small mismatch that is not there at nearby points")
def _not_nearby(evidence: Evidence) -> bool:
    """A mismatch below 0.3 % of the slope that is not there at generic points nearby, as next to a kink."""
    small = evidence.excess < SMALL_MISMATCH * (abs(evidence.numeric) + abs(evidence.analytic))
    return evidence.smooth and small and not evidence.persists()


@_exemption(
    "last digits", 0, "bprop differs from the slope by {:.0e} of it, as by a constant of few digits", "rounding"
)
def _in_last_digits(evidence: Evidence) -> bool:
    """Half of the digits are right: a constant has few, a divisor is damped; with strict=True that is a failure."""
    return is_in_last_digits(evidence.mismatch, evidence.numeric)
