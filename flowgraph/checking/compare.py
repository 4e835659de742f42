"""The fast comparison at one point: bprop against slopes with error bars; a mismatch is then confirmed or explained."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.difference import Slopes
from flowgraph.checking.point import UNIT, Direction, OutOfTime, Point, analytic_slope
from flowgraph.checking.target import Array
from flowgraph.errors import OpenChoiceError

WEAK = 1e-3  # relative errors below which a comparison must see
WEAK_UNITS = 32  # of a type of half precision, which sees no more
DIGITS = 1e-8  # of a slope: half of the digits, about what a difference with one step resolves

Gradients = list[Array | None]


@dataclass
class ValueMismatch:
    """A slope by bprop that is not the numeric one, at a point, for an incoming gradient, along a direction."""

    point: Point
    grad: Array
    direction: Direction
    analytic: float
    numeric: float
    tolerance: float
    kinked: bool = False

    kind: ClassVar[str] = "value"
    note: ClassVar[str] = ""
    loud: ClassVar[str] = ""

    @property
    def child(self) -> int | None:
        """The input that it is about; None along a direction in several."""
        return next(iter(self.direction)) if len(self.direction) == 1 else None

    @property
    def clarity(self) -> float:
        """How many tolerances it is large."""
        return abs(self.analytic - self.numeric) / (self.tolerance + 1e-300)

    @property
    def is_plain(self) -> bool:
        """Whether neither a kink nor few digits may explain it."""
        return not self.kinked and not is_in_last_digits(self)

    def clear(self, factor: float) -> bool:
        """Whether the mismatch is `factor` times the tolerance, away from kinks, so that little can explain it away."""
        gap = abs(self.analytic - self.numeric)
        far = gap > factor * self.tolerance and gap > 0.01 * (abs(self.analytic) + abs(self.numeric))
        return not self.kinked and far


@dataclass
class FormFault:
    """A fault of an answer other than its numbers: `kind` is nonfinite, raised, count, shape, dtype, or a contract.

    `loud` are the words for what whoever uses the gradient hears of at once; "" where it is silent.
    """

    kind: str
    point: Point
    note: str = ""
    grad: Array | None = None
    child: int | None = None
    loud: str = ""

    clarity: ClassVar[float] = math.inf

    def clear(self, factor: float) -> bool:
        """Nothing is known of how clear it is."""
        return False


Suspicion: TypeAlias = ValueMismatch | FormFault


def is_in_last_digits(suspicion: Suspicion, numeric: float | None = None) -> bool:
    """Whether a slope is right to half of its digits, where that is enough."""
    if not isinstance(suspicion, ValueMismatch):
        return False
    numeric = suspicion.numeric if numeric is None else numeric
    return abs(suspicion.analytic - numeric) <= suspicion.point.runner.digits * abs(numeric)


@dataclass
class Ruling:
    """wrong, kink, rounding, undecided or fine; for "wrong" the numeric slope, its bar, and the oracle that gave it.

    `exemption` is the name of the exemption that explains a mismatch.
    """

    kind: str
    suspicion: Suspicion
    numeric: float = float("nan")
    error: float = float("nan")
    note: str = ""
    exemption: str = ""
    oracle: str = ""


@dataclass
class Tally:
    """The resolution of the comparisons that were made."""

    comparisons: int = 0
    weak: int = 0
    undecided: int = 0
    kinks: int = 0
    resolved: set[int] = field(default_factory=set)  # inputs that were moved where a slope was told
    resolutions: list[float] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Whether every comparison told something, away from kinks."""
        return bool(self.resolutions) and not (self.weak or self.undecided or self.kinks)


def read_gradients(point: Point, result: Value) -> tuple[Gradients | None, list[FormFault]]:
    """The gradients of the differentiated inputs, and faults of their count, shape or dtype."""
    count = len(point.inputs) - point.runner.target.defaulted
    if isinstance(result, np.ndarray | np.generic | float) and count == 1:
        result = (result,)
    if not isinstance(result, tuple | list):
        kind = type(result).__name__
        found = "bprop returned None: return is missing" if result is None else f"bprop returned {kind}"
        note = f"{found}; a tuple with one gradient per input ({count}) is needed"
        return None, [FormFault("count", point, note, loud=f"bprop returns a {kind}")]
    if len(result) != count:
        words = f"{len(result)} gradients for {count} inputs"
        return None, [FormFault("count", point, f"bprop returned {words}", loud=f"bprop returns {words}")]
    gradients: Gradients = []
    faults: list[FormFault] = []
    for i in point.active:
        gradients.append(None if result[i] is None else _as_array(result[i]))
        fault = _fault_of_form(point, i, gradients[-1])
        faults += [fault] if fault is not None else []
    broken = any(fault.kind in ("shape", "numbers") for fault in faults)
    return (None if broken else gradients), faults


def _as_array(gradient: object) -> Array:
    try:
        return np.asarray(gradient)
    except ValueError:
        return np.asarray(gradient, dtype=object)


def _fault_of_form(point: Point, i: int, gradient: Array | None) -> FormFault | None:
    """The fault of the shape or dtype of one gradient."""
    if gradient is None:
        return None
    name, x = point.runner.target.names[i], np.asarray(point.inputs[i])
    if gradient.shape != x.shape:
        note = f"the gradient of {name} has shape {gradient.shape}, {name} has shape {x.shape}"
        loud = f"bprop gives {name} a gradient of shape {gradient.shape}"
        return FormFault("shape", point, note, child=i, loud=loud)
    if gradient.dtype.kind not in "fiub":
        note = f"the gradient of {name} is {gradient.dtype}, needs real numbers, as {name} is {x.dtype}"
        return FormFault("numbers", point, note, child=i, loud=f"bprop gives {name} a gradient of {gradient.dtype}")
    if gradient.dtype != x.dtype:
        return FormFault("dtype", point, f"the gradient of {name} is {gradient.dtype}, {name} is {x.dtype}", child=i)
    return None


def ask(point: Point, grad: Array, arriving: Value = None) -> tuple[Gradients | None, list[FormFault]]:
    """bprop at a point, with what is wrong with its form; `arriving` is `grad` in the structure of the output."""
    arriving = point.arriving(grad) if arriving is None else arriving
    try:
        result = point.runner.bprop(arriving, point.output, point.inputs)
    except OpenChoiceError:  # this gradient is of no loss that has one
        return None, []
    except Exception as error:
        note = f"bprop raised {type(error).__name__}: {error}"
        return None, [FormFault("raised", point, note, grad, loud=f"bprop does not ({type(error).__name__})")]
    gradients, faults = read_gradients(point, result)
    for fault in faults:
        fault.grad = grad
    return gradients, faults


def copies_of(gradients: Gradients | None) -> Gradients | None:
    """Copies, that later calls of bprop cannot change."""
    return None if gradients is None else [None if g is None else np.array(g) for g in gradients]


def are_finite(gradients: Gradients) -> bool:
    """Whether no gradient has a NaN or an infinity."""
    return all(g is None or np.all(np.isfinite(g)) for g in gradients)


def gaps(gradients: Gradients, others: Gradients | None) -> list[tuple[float, float]]:
    """Per gradient, the largest difference to another answer, and its own size."""
    pairs = []
    for g, m in zip(gradients, others or gradients, strict=True):
        comparable = g is not None and m is not None and np.shape(m) == g.shape and g.size
        gap = float(np.abs(np.asarray(m, dtype=float) - g).max()) if comparable and g is not None else 0.0
        pairs.append((gap, float(np.abs(g).max()) if comparable and g is not None else 0.0))
    return pairs


Answered = tuple[Gradients | None, list[FormFault]]


def compare(
    point: Point, grads: list[Array], directions: list[Direction], tally: Tally, first: Answered | None = None
) -> list[Suspicion]:
    """All grads against all directions; the slopes of a direction serve every grad. `first` is a known answer."""
    suspicions: list[Suspicion] = []
    answers: list[tuple[Array, Gradients]] = []
    for k, grad in enumerate(grads):
        gradients, faults = first if first is not None and k == 0 else ask(point, grad)
        suspicions += faults
        if gradients is None:
            break
        bad = next(
            (i for i, g in zip(point.active, gradients, strict=True) if g is not None and not np.all(np.isfinite(g))),
            None,
        )
        if bad is not None:
            suspicions.append(FormFault("nonfinite", point, "", grad, child=bad))
            continue
        answers.append((grad, gradients))
    if not answers:
        return suspicions
    settled, whole = _settled_slopes(point, directions)
    told = tally if whole else Tally()  # part of a comparison is none, unless it shows a mistake
    for direction, slopes in zip(directions, settled, strict=False):
        if slopes is None:
            told.undecided += 1
            continue
        mismatches = (judge(point, grad, gradients, direction, slopes, told) for grad, gradients in answers)
        suspicions += [mismatch for mismatch in mismatches if mismatch is not None]
    if not whole and not suspicions:
        raise OutOfTime
    return suspicions


def _settled_slopes(point: Point, directions: list[Direction]) -> tuple[list[Slopes | None], bool]:
    """By few steps, by more of them where these do not tell the slope; and whether there was time for all of them."""
    settled: list[Slopes | None] = []
    try:
        settled += (point.slopes(direction) for direction in directions)
        for k, slopes in enumerate(settled):
            if slopes is not None and _wide(slopes):
                settled[k] = point.slopes(directions[k], depth=10) or slopes
    except OutOfTime:
        return settled, False
    return settled, True


def _wide(slopes: Slopes) -> bool:
    size = np.abs(slopes.value)
    room = 1e-7 * (size + 1e-3 * size.max(initial=0.0)) + 1e-290
    return bool(((slopes.error > room) & ~slopes.kinked).any())


def judge(
    point: Point, grad: Array, gradients: Gradients, direction: Direction, slopes: Slopes, tally: Tally | None = None
) -> ValueMismatch | None:
    """|analytic - numeric| ≤ 4·error + 64 ulp of the summed terms; within the hull of the slopes at a kink."""
    analytic, terms = analytic_slope(gradients, direction, point.active)
    numeric, excess, tolerance, size = deviation(grad, slopes, analytic, terms, point.runner.measured.answers)
    if tally is not None:
        tally.comparisons += 1
        resolution = tolerance / size if size > 0 else 0.0
        if not resolution < max(WEAK, WEAK_UNITS * point.runner.measured.unit):
            tally.weak += 1
        else:
            tally.resolutions.append(resolution)
            tally.resolved |= set(direction)
        tally.kinks += bool(slopes.kinked.any())
    if excess <= tolerance:
        return None
    kinked = bool(slopes.kinked[grad != 0].any())
    return ValueMismatch(point, grad, direction, analytic, numeric, tolerance, kinked)


def deviation(
    grad: Array, slopes: Slopes, analytic: float, terms: float, unit: float = UNIT
) -> tuple[float, float, float, float]:
    """(numeric, how far outside the hull the analytic slope is, tolerance, size of the summed terms).

    `unit` is the rounding of the type that bprop answers in.
    """
    value, error = slopes.value, slopes.error
    kinked = slopes.kinked.any()
    typical = float(np.abs(value).max(initial=0.0))
    used = grad.nonzero()[0]
    if used.size < grad.size:
        grad, value, error = grad[used], value[used], error[used]
    g = grad.astype(np.float64, copy=False)
    weight = np.abs(g)
    size = float(weight @ np.abs(value))
    numeric = least = most = float(g @ value)
    if kinked:
        low, high = slopes.low[used], slopes.high[used]
        least = float(np.where(g > 0, g * low, g * high).sum())
        most = float(np.where(g > 0, g * high, g * low).sum())
    typical *= float(weight.max(initial=0.0))
    tolerance = 4 * float(weight @ error) + 64 * unit * (terms + size + typical) + 1e-290
    excess = max(least - analytic, analytic - most, 0.0)
    if not math.isfinite(excess) or not math.isfinite(tolerance):
        return numeric, 0.0, np.inf, size
    return numeric, excess, tolerance, size
