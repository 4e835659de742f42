"""Findings that are notes, not failures: bprop refuses inputs beyond the example, or fprop is meaningless there.

A function of rows that adds up all elements gives a number for a stack of matrices too, and one that divides by a
deviation gives one for a negative deviation. Neither says anything of its gradient. Nor does what is left of a value
that overflowed on its way, or that has saturated at inputs much larger than the example's. `MEANINGLESS` are the rules
that tell such inputs from those, as a stack of examples or axis=None, where a wrong number is a mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.compare import Suspicion, ValueMismatch, ask
from flowgraph.checking.example_contract import ExampleContract, Excess
from flowgraph.checking.kinks import beyond_guard
from flowgraph.checking.point import Direction, Point, analytic_slope, coordinate
from flowgraph.checking.runner import Illegal, generator, parts
from flowgraph.checking.target import Array, Inputs
from flowgraph.checking.values import resampled

RANGE = "range"
GUARD = 1e-6  # where clips that keep off a singularity begin at most
INSIDE = 1e-5  # how far beside the edge of a clip its singularity shows
STEEP = 100.0  # times the move: log(p) is steeper below 0.01
MOST = 24  # elements that are looked at
REACH = 10.0  # times the example's largest input, or 1: units of an input seldom span more within one use
AROUND = (0.4, 1.8)  # times a number in the code: where regimes lie that look for a branch at it
FLAT = 1e-6  # of the slope that bprop gives: what is less is what a saturated value has
HUGE = 1e100  # an exponential that large overflows after another factor of three in its argument
NUDGE = 1e-3  # of an element


@dataclass
class Notes:
    """One text for each kind of mistake, child, and respect in which inputs go beyond the example."""

    found: dict[tuple[frozenset[str], str, int | None], str] = field(default_factory=dict)

    def texts(self) -> list[str]:
        """All of them, in the order in which they were found."""
        return list(dict.fromkeys(self.found.values()))

    def of_none(self, child: int, name: str) -> None:
        """That a gradient of None was taken as the answer that none is meant to be asked for."""
        self.found[frozenset({"None"}), "none", child] = f"bprop gives None for {name}"

    def spares(self, suspicion: Suspicion, contract: ExampleContract) -> bool:
        """Whether a suspicion need not be confirmed: it is a refusal that is noted, or said already."""
        if suspicion.loud:
            return self.takes(suspicion, contract)
        excesses = contract.beyond(suspicion.point.inputs, suspicion.point.output)
        if any(RANGE in known for known, *_ in self.found):
            excesses += out_of_range(contract, suspicion)
        return self._known(suspicion, excesses)

    def takes(self, suspicion: Suspicion, contract: ExampleContract) -> bool:
        """Whether a mistake is so far beyond the example that it becomes a note."""
        point = suspicion.point
        excesses = contract.beyond(point.inputs, point.output)
        if suspicion.loud:
            excesses = excesses or contract.bound(point.inputs, lambda inputs: _answers(point, inputs))
        elif not self._known(suspicion, excesses):
            excesses = _meaningless(contract, suspicion, excesses)
        if excesses and not self._known(suspicion, excesses):
            said = "a NaN or infinity" if suspicion.kind in ("nonfinite", "overflow") else "wrong numbers"
            words, answer = ", ".join(one.words for one in excesses), suspicion.loud or f"bprop gives {said} there"
            subjects = frozenset(one.subject for one in excesses)
            self.found[subjects, suspicion.kind, suspicion.child] = f"fprop takes {words}, {answer}"
        return bool(excesses)

    def _known(self, suspicion: Suspicion, excesses: list[Excess]) -> bool:
        """Whether a note about no more respects, of the same kind and child, says it already."""
        about, subjects = (suspicion.kind, suspicion.child), {one.subject for one in excesses}
        return any(known <= subjects for known, *other in self.found if tuple(other) == about)


def _answers(point: Point, inputs: Inputs) -> bool | None:
    """Whether bprop gives gradients of the right form for other inputs; None where fprop gives no value."""
    try:
        other = Point.at(point.runner, inputs, "another size", point.active)
    except Illegal:
        return None
    gradients, faults = ask(other, np.ones(other.value.shape))
    return gradients is not None and not any(fault.loud for fault in faults)


def _meaningless(contract: ExampleContract, suspicion: Suspicion, excesses: list[Excess]) -> list[Excess]:
    """How a point goes beyond the inputs for which fprop is meaningful; nothing if a wrong number is a mistake."""
    found = [one for rule in MEANINGLESS for one in rule(contract, suspicion)]
    found = found or list(guarded(contract, suspicion))
    shapes = any(one.subject == "shapes" for one in excesses)
    if found or any(one.of_range for one in excesses) or (shapes and not is_stack(contract, suspicion.point)):
        return [*found, *excesses]
    return []


def other_signs(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Inputs of one sign in the example, such as a standard deviation, while others have both: no accident."""
    example = {i: np.asarray(contract.example[i]) for i in contract.active if np.size(contract.example[i])}
    mixed = any(x.min() < 0 < x.max() for x in example.values())
    for i, x in example.items():
        other = np.asarray(suspicion.point.inputs[i])
        if mixed and other.size and ((x.min() > 0 >= other.min()) or (x.max() < 0 <= other.max())):
            yield Excess(f"sign of {i}", f"{contract.target.names[i]} of another sign")


def clipped(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Inputs with values outside of [0, 1], or below 0, that fprop clips there to keep away from a singularity.

    The example has none of these: the clip is the guard of a domain, as that of log(p), and no part of the function.
    """
    point = suspicion.point
    for i in contract.active:
        x, shown = np.asarray(point.inputs[i]), np.asarray(contract.example[i])
        if not shown.size or shown.min() <= 0:
            continue
        edges = {0.0: INSIDE, 1.0: 1.0 - INSIDE} if shown.max() < 1 else {0.0: INSIDE}
        for edge in edges:
            outside = np.zeros(x.shape, bool)
            for k in np.flatnonzero(x >= 1.0 - GUARD if edge else x <= GUARD)[:MOST]:
                one = np.arange(x.size).reshape(x.shape) == k
                outside |= one & np.array_equal(_with(point, i, one, edge), point.value)
            steps = [_with(point, i, outside, near) - _with(point, i, outside, at) for at, near in edges.items()]
            if outside.any() and any(np.any(np.abs(step) > STEEP * INSIDE) for step in steps):
                yield Excess(f"values of {i}", f"values of {contract.target.names[i]} that it clips")
                break


def _with(point: Point, i: int, chosen: Array, number: float) -> Array:
    """The value with the chosen elements of one input at a number; NaN where there is none."""
    moved = point.beside(point.changed(lambda _, x: np.where(chosen, number, x), (i,)))
    return np.full(point.value.shape, np.nan) if moved is None else moved.value


def out_of_range(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Values at which fprop has overflowed on its way, or saturated far beyond the example.

    1 / (1 + exp(-x)) is 0 at -800 since exp(800) is infinite, and log(p + 2e-16) no longer moves with p = 1e-30: IEEE
    arithmetic and guards give fprop a value there that its formula, and its gradient, do not have.
    """
    point, child = suspicion.point, suspicion.child
    if not _is_far(contract, point):
        return
    if isinstance(suspicion, ValueMismatch):
        if _saturates(suspicion):
            yield Excess(RANGE, "values so large that it saturates")
        return
    grad = np.ones(point.value.shape) if suspicion.grad is None else suspicion.grad
    gradients = ask(point, grad)[0] if suspicion.kind in ("nonfinite", "overflow") else None
    found = None if gradients is None or child is None else gradients[point.active.index(child)]
    if found is None or child is None:
        return
    size = max(float(np.abs(point.value).max(initial=0.0)), point.runner.size)
    bad = [coordinate(point, child, int(k)) for k in np.flatnonzero(~np.isfinite(found))[:MOST]]
    flat = all(_is_flat(point, np.ones(point.value.shape), one, 0.0, FLAT * NUDGE * size) for one in bad)
    if (size > HUGE or flat) and _overflows(point):
        yield Excess(RANGE, "values so large that it overflows on its way")
    elif flat and not np.isnan(found).any():
        yield Excess(RANGE, "values so large that it saturates")


def _is_far(contract: ExampleContract, point: Point) -> bool:
    """Whether an element is much larger than any in the example, and not around a number in the code."""
    for i in contract.active:
        x, shown = np.abs(np.ravel(point.inputs[i])), np.abs(np.ravel(contract.example[i])).max(initial=1.0)
        beyond = x[x > REACH * shown]
        known = [(beyond > AROUND[0] * abs(c)) & (beyond < AROUND[1] * abs(c)) for c in contract.constants]
        if beyond.size and not np.all(np.any(known, axis=0) if known else False):
            return True
    return False


def _overflows(point: Point) -> bool:
    """Whether an infinity comes up within fprop, though its value is finite."""
    with np.errstate(over="raise"):
        try:
            point.runner.fprop(point.inputs)
        except FloatingPointError:
            return True
        except Exception:
            return False
    return False


def _saturates(mismatch: ValueMismatch) -> bool:
    """Whether each element with another slope than bprop says has none, or loses it at twice the largest element.

    What differs by a millionth of the largest slope does not count: a sum of which a small term has saturated.
    """
    point, grad = mismatch.point, mismatch.grad
    gradients, _ = ask(point, grad)
    elements = [(i, int(k)) for i, d in mismatch.direction.items() for k in np.flatnonzero(d)][:MOST]
    found = []
    for one in (coordinate(point, i, k) for i, k in elements):
        slopes = point.slopes(one)
        if slopes is None or gradients is None:
            return False
        found.append((one, analytic_slope(gradients, one, point.active)[0], float((grad * slopes.value).sum())))
    largest = max((abs(analytic) for _, analytic, _ in found), default=0.0)
    for one, analytic, numeric in found:
        if abs(analytic - numeric) > FLAT * largest and abs(numeric) > FLAT * abs(analytic):
            reach = max(np.abs(point.inputs[i]).max(initial=0.0) / np.abs(d).max() for i, d in one.items())
            if not _is_flat(point, grad, one, 2 * float(reach), FLAT * abs(analytic) * 2 * float(reach) * NUDGE):
                return False
    return True


def _is_flat(point: Point, grad: Array, one: Direction, at: float, room: float) -> bool:
    """Whether a small move along a direction leaves the value as it is: on both sides, or far out on one."""
    found = []
    for side in (1.0, -1.0):
        ends = [point.along(one, side * at), point.along(one, side * (at * (1 + NUDGE) if at else NUDGE))]
        if ends[0] is not None and ends[1] is not None:
            found.append(abs(float((grad * (ends[1] - ends[0])).sum())) <= room)
    return any(found) and (at > 0 or all(found))


def guarded(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Values beyond the guard of a singularity that is met within fprop, on the way from the example."""
    point, start = suspicion.point, list(contract.example)
    for i in contract.active:
        if np.shape(start[i]) != np.shape(point.inputs[i]):
            start[i] = resampled(start[i], np.shape(point.inputs[i]), generator(0))
    grad = np.ones(point.value.shape) if suspicion.grad is None else suspicion.grad
    if beyond_guard(point, tuple(start), grad):
        yield Excess("guard", "values at which it is cut off, as log(p) at p < 0")


MEANINGLESS: tuple[Callable[[ExampleContract, Suspicion], Iterator[Excess]], ...] = (other_signs, clipped, out_of_range)


def is_stack(contract: ExampleContract, point: Point) -> bool:
    """Whether fprop maps over the axis that is new, or that is gone: slice by slice it answers as on the whole."""
    arrays = contract.arrays(contract.example)
    more = [np.ndim(point.inputs[i]) - contract.example[i].ndim for i in arrays]
    if (set(more) - {0, 1} and set(more) - {0, -1}) or not any(more):
        return False
    whole = point.inputs
    if 1 not in more:  # the arrays of the example beside the settings of the point
        whole = tuple(contract.example[i] if i in arrays else x for i, x in enumerate(whole))
    stacked = [i for i, rank in zip(arrays, more, strict=True) if rank]
    sizes = {len(whole[i]) for i in stacked}
    if len(sizes) != 1 or sizes == {0}:
        return False
    try:
        outputs = parts(point.runner.legal(whole))
        for k in range(sizes.pop()):
            slices = tuple(x[k] if i in stacked else x for i, x in enumerate(whole))
            found = point.runner.legal(slices)
            if 1 in more and not contract.tied(slices, found):
                return False
            if not all(_close(one[k], other) for one, other in zip(outputs, parts(found), strict=True)):
                return False
    except Illegal:  # with a setting that no slice takes, as the last of three axes, nothing is known: numbers count
        return contract.has_other_settings(whole)
    except (IndexError, TypeError, ValueError):
        return False
    return True


def _close(one: Value, other: Value) -> bool:
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=1e-9, atol=1e-12)
