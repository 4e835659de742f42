"""Findings that are notes, not failures: bprop refuses inputs beyond the example, or fprop is meaningless there.

A function of rows that adds up all elements gives a number for a stack of matrices too, and one that divides by a
deviation gives one for a negative deviation. Neither says anything of its gradient. Nor does what is left of a value
that overflowed on its way, or that has saturated at inputs much larger than the example's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.checking.compare import Suspicion, ValueMismatch, ask
from flowgraph.checking.example_contract import ExampleContract, Excess, is_stack
from flowgraph.checking.kinks import beyond_guard
from flowgraph.checking.point import Direction, Point, analytic_slope, coordinate
from flowgraph.checking.regimes_shapes import resampled
from flowgraph.checking.runner import Illegal, generator
from flowgraph.checking.target import Array, Inputs

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
            excesses += _out_of_range(contract, suspicion)
        return self._known(suspicion, {one.subject for one in excesses})

    def takes(self, suspicion: Suspicion, contract: ExampleContract) -> bool:
        """Whether a mistake is so far beyond the example that it becomes a note."""
        point = suspicion.point
        excesses = contract.beyond(point.inputs, point.output)
        if suspicion.loud:
            excesses = excesses or contract.bound(point.inputs, lambda inputs: answers(point, inputs))
        elif not self._known(suspicion, {one.subject for one in excesses}):
            excesses = _meaningless(contract, suspicion, excesses)
        subjects = frozenset(one.subject for one in excesses)
        if excesses and not self._known(suspicion, subjects):
            said = "a NaN or infinity" if suspicion.kind in ("nonfinite", "overflow") else "wrong numbers"
            words, answer = ", ".join(one.words for one in excesses), suspicion.loud or f"bprop gives {said} there"
            self.found[subjects, suspicion.kind, suspicion.child] = f"fprop takes {words}, {answer}"
        return bool(excesses)

    def _known(self, suspicion: Suspicion, subjects: Set[str]) -> bool:
        """Whether a note about no more respects, of the same kind and child, says it already."""
        about = (suspicion.kind, suspicion.child)
        return any(known <= subjects for known, *other in self.found if tuple(other) == about)


def answers(point: Point, inputs: Inputs) -> bool | None:
    """Whether bprop gives gradients of the right form for other inputs; None where fprop gives no value."""
    try:
        other = Point.at(point.runner, inputs, "another size", point.active)
    except Illegal:
        return None
    gradients, faults = ask(other, np.ones(other.value.shape))
    return gradients is not None and not any(fault.loud for fault in faults)


def _meaningless(contract: ExampleContract, suspicion: Suspicion, excesses: Sequence[Excess]) -> list[Excess]:
    """How a point goes beyond the inputs for which fprop is meaningful; nothing if a wrong number is a mistake."""
    point = suspicion.point
    found = [*_other_signs(contract, point), *_clipped(contract, point), *_out_of_range(contract, suspicion)]
    found = found or list(_guarded(contract, suspicion))
    shapes = any(one.subject == "shapes" for one in excesses)
    if found or any(one.of_range for one in excesses) or (shapes and not is_stack(contract, point)):
        return [*found, *excesses]
    return []


def _other_signs(contract: ExampleContract, point: Point) -> Iterator[Excess]:
    """Inputs of one sign in the example, such as a standard deviation, while others have both: no accident."""
    example = {i: np.asarray(contract.example[i]) for i in contract.active if np.size(contract.example[i])}
    mixed = {i for i, x in example.items() if x.min() < 0 < x.max()}
    for i, x in example.items():
        other = np.asarray(point.inputs[i])
        if mixed and other.size and ((x.min() > 0 >= other.min()) or (x.max() < 0 <= other.max())):
            yield Excess(f"sign of {i}", f"{contract.target.names[i]} of another sign")


def _out_of_range(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Values at which fprop has overflowed on its way, or saturated far beyond the example.

    1 / (1 + exp(-x)) is 0 at -800 since exp(800) is infinite, and log(p + 2e-16) no longer moves with p = 1e-30: IEEE
    arithmetic and guards give fprop a value there that its formula, and its gradient, do not have.
    """
    point = suspicion.point
    if not _is_far(contract, point):
        return
    if isinstance(suspicion, ValueMismatch):
        if _saturates(suspicion):
            yield Excess(RANGE, "values so large that it saturates")
    elif suspicion.kind in ("nonfinite", "overflow") and suspicion.child is not None:
        yield from _without_end(point, suspicion.child, suspicion.grad)


def _without_end(point: Point, child: int, grad: Array | None) -> Iterator[Excess]:
    """For a gradient with a NaN or an infinity."""
    gradients, _ = ask(point, np.ones(point.value.shape) if grad is None else grad)
    found = None if gradients is None else gradients[point.active.index(child)]
    if found is None:
        return
    bad = [coordinate(point, child, int(k)) for k in np.flatnonzero(~np.isfinite(found))[:MOST]]
    flat = all(_is_flat(point, one) for one in bad)
    huge = float(np.abs(point.value).max(initial=0.0)) > HUGE
    if (huge or flat) and _overflows(point):
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


def _is_flat(point: Point, one: Direction) -> bool:
    """Whether a small move of one element leaves the value where it is."""
    size = max(float(np.abs(point.value).max(initial=0.0)), point.runner.size)
    moved = [value for h in (NUDGE, -NUDGE) if (value := point.along(one, h)) is not None]
    return bool(moved) and all(np.all(np.abs(value - point.value) <= FLAT * NUDGE * size) for value in moved)


def _saturates(mismatch: ValueMismatch) -> bool:
    """Whether each element with another slope than bprop says has none, or loses it further out.

    What differs by a millionth of the largest slope does not count: a sum of which a small term has saturated.
    """
    point, grad = mismatch.point, mismatch.grad
    gradients, _ = ask(point, grad)
    if gradients is None:
        return False
    elements = [(i, int(k)) for i, d in mismatch.direction.items() for k in np.flatnonzero(d)][:MOST]
    found = []
    for i, k in elements:
        one = coordinate(point, i, k)
        slopes = point.slopes(one)
        if slopes is None:
            return False
        found.append((one, analytic_slope(gradients, one, point.active)[0], float((grad * slopes.value).sum())))
    largest = max((abs(analytic) for _, analytic, _ in found), default=0.0)
    wrong = [
        (one, a) for one, a, numeric in found if abs(a - numeric) > FLAT * largest and abs(numeric) > FLAT * abs(a)
    ]
    return all(_flattens(point, grad, one, FLAT * abs(a)) for one, a in wrong)


def _flattens(point: Point, grad: Array, one: Direction, room: float) -> bool:
    """Whether the slope along an element is 0 at the distance of the largest element."""
    reach = max(
        float(np.abs(np.asarray(point.inputs[i])).max(initial=0.0)) / float(np.abs(d).max()) for i, d in one.items()
    )
    for side in (1.0, -1.0):
        ends = [point.along(one, 2 * side * reach * (1 + h)) for h in (0.0, NUDGE)]
        if ends[0] is None or ends[1] is None:
            continue
        if abs(float((grad * (ends[1] - ends[0])).sum())) <= room * 2 * reach * NUDGE:
            return True
    return False


def _clipped(contract: ExampleContract, point: Point) -> Iterator[Excess]:
    """Inputs with values outside of [0, 1], or below 0, that fprop clips there to keep away from a singularity.

    The example has none of these: the clip is the guard of a domain, as that of log(p), and no part of the function.
    """
    for i in contract.active:
        x, shown = np.asarray(point.inputs[i]), np.asarray(contract.example[i])
        edges = [(0.0, INSIDE)] if shown.size and shown.min() > 0 else []
        edges += [(1.0, 1.0 - INSIDE)] if edges and shown.max() < 1 else []
        for (edge, _), near in zip(edges, (x <= GUARD, x >= 1.0 - GUARD), strict=False):
            outside = _unmoved(point, i, near, edge)
            if np.any(outside) and _is_singular(point, i, outside, edges):
                yield Excess(f"values of {i}", f"values of {contract.target.names[i]} that it clips")
                break


def _guarded(contract: ExampleContract, suspicion: Suspicion) -> Iterator[Excess]:
    """Values beyond the guard of a singularity that is met within fprop, on the way from the example."""
    point, grad = suspicion.point, suspicion.grad
    start = list(contract.example)
    for i in contract.active:
        if np.shape(start[i]) != np.shape(point.inputs[i]):
            start[i] = resampled(start[i], np.shape(point.inputs[i]), generator(0))
    if beyond_guard(point, tuple(start), np.ones(point.value.shape) if grad is None else grad):
        yield Excess("guard", "values at which it is cut off, as log(p) at p < 0")


def _unmoved(point: Point, i: int, near: Any, edge: float) -> Any:
    """Those of some elements that can be put at the edge without a change of the value."""
    found = np.zeros(near.shape, bool)
    for k in np.flatnonzero(near)[:MOST]:
        one = np.arange(near.size).reshape(near.shape) == k
        value = _moved_to(point, i, one, edge)
        found |= one & (value is not None and np.array_equal(value, point.value))
    return found


def _is_singular(point: Point, i: int, outside: Any, edges: list[tuple[float, float]]) -> bool:
    """Whether fprop changes much within the first millionths next to one of the edges."""
    for pair in edges:
        at_edge, beside = (_moved_to(point, i, outside, number) for number in pair)
        if at_edge is not None and beside is not None and np.any(np.abs(beside - at_edge) > STEEP * INSIDE):
            return True
    return False


def _moved_to(point: Point, i: int, chosen: Any, number: float) -> Any:
    """The value with the chosen elements of one input at a number; None where there is none."""
    moved = point.beside(point.changed(lambda _, x: np.where(chosen, number, x), (i,)))
    return None if moved is None else moved.value
