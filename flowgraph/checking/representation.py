"""The same numbers in other memory layouts and in other types: every answer of bprop should stay as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.compare import FormFault, Gradients, are_finite, ask, gaps
from flowgraph.checking.examination import Examination
from flowgraph.checking.noise import Answer, jittered, rounded_otherwise
from flowgraph.checking.point import Point
from flowgraph.checking.runner import parts
from flowgraph.checking.target import Array, Inputs
from flowgraph.checking.values import DRAWS, Draw, as_input

SAME = 1e-9  # relative: another order of summation changes a value by less
ALIKE = 1.7  # of a gradient that is the same for each output: any number
NEAR: dict[str, Draw] = {"the example": lambda x, rng: x, "half of it": lambda x, rng: x * 0.5}
FAR = ("large", "large negative", "×30")
REPRESENTED = 1e30  # gradients that float32 has with room to spare
SCATTERS = 6  # times that the inputs are moved by a few units in the last place
WORST = 30  # times the largest scatter of six: the worst roundings are seldom among them
UNIT = float(np.finfo(np.float32).eps)
LOST = 1e3 * UNIT  # of the value: digits that float32 does not keep there
ROOM = 3e4 * UNIT  # of the gradient: squares and sums lose some digits more than the value does
LEAST = 1e3 * float(np.finfo(np.float32).tiny)  # below it float32 has fewer digits


def _gaps(x: Array) -> Array:
    wide = np.full(tuple(2 * n for n in x.shape), 7, dtype=x.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def _read_only(x: Array) -> Array:
    copy = x.copy()
    copy.setflags(write=False)
    return copy


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda x: np.flip(np.flip(x).copy()),
    "gaps": _gaps,
    "read-only": _read_only,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
}


def _laid(x: Value, arrange: Callable[[Array], Array]) -> Any:
    if isinstance(x, tuple):
        return tuple(_laid(part, arrange) for part in x)
    return arrange(x) if isinstance(x, np.ndarray) and x.ndim else x


def other_layouts(answer: Answer, answered: Callable[[Point, Array], Answer | None]) -> Iterator[FormFault]:
    """Where bprop answers otherwise to inputs, incoming gradient or both in another layout.

    A gradient of 0 strides is what a sum sends back; `answered` gives the answer to the same numbers in full.
    """
    point = answer.point
    plain = point.arriving(answer.grad)
    for label, arrange in LAYOUTS.items():
        arranged, arriving = tuple(_laid(x, arrange) for x in point.inputs), _laid(plain, arrange)
        yield from _otherwise(answer, arranged, plain, f"{label} inputs")
        yield from _otherwise(answer, point.inputs, arriving, f"a {label} incoming gradient")
        yield from _otherwise(answer, arranged, arriving, f"{label} inputs and incoming gradient")
    alike = answered(point, np.full(answer.grad.shape, ALIKE)) if point.projection is None else None
    if alike is not None:
        given = _laid(point.arriving(alike.grad), lambda g: np.broadcast_to(g.reshape(-1)[0], g.shape) if g.size else g)
        yield from _otherwise(alike, point.inputs, given, "a 0-stride incoming gradient (np.broadcast_to)")


def _otherwise(answer: Answer, inputs: Inputs, arriving: Value, words: str) -> Iterator[FormFault]:
    """The fault of another answer to the same numbers, where fprop gives the same value."""
    point = answer.point
    moved = point.beside(inputs)
    if moved is None or np.any(np.abs(moved.value - point.value) > SAME * np.abs(point.value).max(initial=0.0)):
        return
    got, faults = ask(moved, answer.grad, arriving)
    raised = next((fault for fault in faults if fault.kind == "raised"), None)
    if raised is not None:
        yield FormFault("layout", point, f"{raised.note} with {words}", loud=f"{raised.loud} with {words}")
        return
    k = 0 if got is None or faults else answer.differs(got)
    if k is not None:
        yield FormFault("layout", point, f"bprop gives another gradient with {words}", child=point.active[k])


def other_types(examination: Examination) -> None:
    """In float32 and in float64: at the example and at tamer values; far out only whether bprop alone overflows."""
    for label, draw in {**NEAR, **{label: DRAWS[label] for label in FAR}}.items():
        inputs = list(examination.inputs)
        for i in examination.active:
            inputs[i] = as_input(inputs[i], draw(np.asarray(inputs[i]), examination.rng))
        pair = _in_both(examination, tuple(inputs), f"{label} in float32")
        if pair is None or (label in FAR and not examination.allows(tuple(inputs))):
            continue
        small, large = pair
        grad = examination.rng.normal(size=small.value.shape).astype(np.float32)
        found, faults = ask(small, grad)
        expected, _ = ask(large, grad.astype(np.float64))
        if label in NEAR:
            _form(examination, faults, found)
        if expected is None or not are_finite(expected):
            continue
        if found is None:
            for fault in (one for one in faults if one.kind == "raised" and label in NEAR):
                examination.fail(FormFault("dtype", small, f"{fault.note} (float32 inputs)", loud=fault.loud))
        elif (wrong := _wrong(examination, pair, grad, found, expected, label in FAR)) is not None:
            examination.fail(wrong)


def _in_both(examination: Examination, inputs: Inputs, regime: str) -> tuple[Point, Point] | None:
    """The same numbers in float32 and in float64; None where one is not legal, or fprop widens."""
    moved = [i for i in examination.active if type(inputs[i]) is not float]
    if not any(isinstance(inputs[i], np.ndarray) for i in moved):
        return None
    narrow = tuple(np.asarray(x).astype(np.float32) if i in moved else x for i, x in enumerate(inputs))
    exact = tuple(x.astype(np.float64) if i in moved else x for i, x in enumerate(narrow))
    large, small = examination.point(regime, exact), examination.point(regime, narrow)
    if small is None or large is None or small.value.shape != large.value.shape or not small.value.size:
        return None
    floats = [kind for part in parts(small.output) if (kind := np.asarray(part).dtype).kind == "f"]
    return None if set(floats) - {np.dtype(np.float32)} else (small, large)  # what bprop returns is then open


def _form(examination: Examination, faults: list[FormFault], found: Gradients | None) -> None:
    """A gradient wider than its input is only warned of, unless the author says or writes that types matter.

    np.where(x > 0, 1, 0) * grad widens already, and is right.
    """
    target = examination.target
    widens = found is not None and all(g is None or g.dtype in (np.float32, np.float64) for g in found)
    strict = target.strict_types or any(map(_names_float64, (target.bprop, *target.code)))
    for fault in faults:
        if fault.kind == "dtype" and widens and not strict:
            examination.warn("dtype", f"{fault.note}: a float32 graph is widened")
        elif fault.kind != "raised":
            examination.pursue([fault])


def _names_float64(function: object) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and ("float64" in code.co_names or "float64" in code.co_consts)


def _wrong(
    examination: Examination, pair: tuple[Point, Point], grad: Array, found: Gradients, expected: Gradients, far: bool
) -> FormFault | None:
    """Where the gradients are too far apart for the type, and for their own scatter under a few ulps of the inputs.

    Where the value has lost its digits, so has the gradient. Far out only a NaN or an infinity counts: bprop overflows
    on its way, though the value and the gradient do not.
    """
    small, large = pair
    if not far and np.abs(small.value.astype(float) - large.value).max() > LOST * np.abs(large.value).max():
        return None
    scatter = np.zeros(len(found))
    for _ in range(0 if far else SCATTERS):
        near = jittered(small, examination.rng, UNIT)
        moved = ask(near, rounded_otherwise(grad, examination.rng, UNIT))[0] if near is not None else None
        scatter = np.maximum(scatter, [gap for gap, _ in gaps(found, moved)])
    for k, (g, right) in enumerate(zip(found, expected, strict=True)):
        size = 0.0 if right is None else float(np.abs(right).max(initial=0.0))
        if g is None or right is None or size > REPRESENTED:
            continue
        room = ROOM * size + WORST * scatter[k] + LEAST
        if far and not np.all(np.isfinite(g)):
            note = "bprop overflows in float32, where the value and the gradient are finite"
            return FormFault("overflow", small, note, child=small.active[k])
        if not far and not np.all(np.abs(g.astype(float) - right) <= room):
            return FormFault("dtype", small, "the gradient in float32 is not that in float64", child=small.active[k])
    return None
