"""The same numbers in other memory layouts and in other types: every answer of bprop should stay as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.compare import FormFault, Gradients, are_finite, ask, read_gradients
from flowgraph.checking.examination import Examination
from flowgraph.checking.noise import jittered, rounded_otherwise, slope_rounding
from flowgraph.checking.point import Point
from flowgraph.checking.regimes_values import DRAWS, as_input
from flowgraph.checking.runner import Illegal, flatten, parts, unflatten
from flowgraph.checking.target import Array, Inputs


def _reversed(x: Array) -> Array:
    return np.flip(np.flip(x).copy())


def _gaps(x: Array) -> Array:
    wide = np.full(tuple(2 * n for n in x.shape), 7, dtype=x.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def _read_only(x: Array) -> Array:
    kept = x.copy()
    kept.setflags(write=False)
    return kept


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran order": np.asfortranarray,
    "negative strides": _reversed,
    "gaps": _gaps,
    "read-only": _read_only,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
}


def layouts(examination: Examination, point: Point, grad: Array, differs: Callable[..., int | None]) -> None:
    """Inputs, incoming gradient and both in every layout; and the 0-stride gradient that np.broadcast_to gives."""
    for label, inputs, arriving in _arrangements(point, grad):
        try:
            output = examination.runner.legal(inputs)
        except Illegal:
            continue
        value = flatten(output)
        before = flatten(point.output)
        if value.shape != before.shape or np.any(np.abs(value - before) > 1e-9 * np.abs(before).max(initial=0.0)):
            continue
        try:
            result = examination.runner.bprop(arriving, output, inputs)
        except Exception as error:
            loud = f"bprop does not with {label} ({type(error).__name__})"
            examination.fail("layout", point, f"bprop raised {type(error).__name__} with {label}: {error}", loud=loud)
            return
        gradients, faults = read_gradients(point, result)
        wrong = differs(gradients) if gradients is not None else 0
        if wrong is not None or faults:
            examination.fail("layout", point, f"bprop gives another gradient with {label}", point.active[wrong or 0])
            return
    _constant_gradient(examination, point)


def _arrangements(point: Point, grad: Array) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    plain = point.arriving(grad)
    for label, arrange in LAYOUTS.items():
        arranged = tuple(arrange(x) if isinstance(x, np.ndarray) and x.ndim else x for x in point.inputs)
        arriving = _each(plain, arrange)
        yield f"{label} inputs", arranged, plain
        yield f"a {label} incoming gradient", point.inputs, arriving
        yield f"{label} inputs and incoming gradient", arranged, arriving


def _each(grad: Value, arrange: Callable[[Array], Array]) -> Any:
    if isinstance(grad, tuple):
        return tuple(_each(part, arrange) for part in grad)
    return arrange(grad) if isinstance(grad, np.ndarray) and grad.ndim else grad


def _constant_gradient(examination: Examination, point: Point) -> None:
    """The gradient that a sum sends back: one number with strides 0."""

    def seen(grad: Value) -> Gradients | None:
        try:
            return read_gradients(point, examination.runner.bprop(grad, point.output, point.inputs))[0]
        except Exception:
            return None

    full = unflatten(np.full(flatten(point.output).shape, 1.7), point.output)
    narrow = _each(full, lambda g: np.broadcast_to(g.reshape(-1)[0], g.shape) if g.size else g)
    expected, got = seen(full), seen(narrow)
    if expected is None:
        return
    rounding = slope_rounding(point, np.full(1, 1.7))
    for k, g in enumerate(expected):
        other = None if got is None else got[k]
        if g is None:
            continue
        room = 1e-7 * np.abs(g).max(initial=0.0) + 64 * rounding[k]
        if other is None or np.any(np.abs(np.asarray(other, dtype=float) - g) > room):
            note = "bprop gives another gradient, or raises, with a 0-stride incoming gradient (np.broadcast_to)"
            examination.fail("layout", point, note, point.active[k])
            return


FAR = ("large", "large negative", "×30")
REPRESENTED = 1e30  # gradients that float32 has with room to spare


def other_types(examination: Examination) -> None:
    """At the example and at tamer values, since a narrow type overflows early."""
    rng = examination.rng
    inputs = examination.inputs
    halved = tuple(x * 0.5 if i in examination.active else x for i, x in enumerate(inputs))
    for dtype in (np.float32, np.float16):
        for regime, values in (("the example", inputs), ("half of it", halved)):
            _compare(examination, values, np.dtype(dtype), f"{regime} in {np.dtype(dtype).name}", rng)
    for label in FAR:
        drawn = tuple(
            as_input(x, DRAWS[label](np.asarray(x), rng)) if i in examination.active else x
            for i, x in enumerate(inputs)
        )
        if examination.allows(drawn):
            _overflow(examination, drawn, f"{label} in float32", rng)


def _overflow(examination: Examination, inputs: Inputs, regime: str, rng: np.random.Generator) -> None:
    """Where bprop overflows on its way in float32, to a NaN or an infinity, though value and gradient do not."""
    points = _in_both(examination, inputs, np.dtype(np.float32), regime)
    if points is None:
        return
    large, small = points
    grad = rng.normal(size=small.value.shape).astype(np.float32)
    found, expected = ask(small, grad)[0], ask(large, grad.astype(np.float64))[0]
    if found is None or expected is None:
        return
    for i, g, right in zip(small.active, found, expected, strict=True):
        if g is None or right is None or not np.all(np.isfinite(right)) or g.dtype != np.float32:
            continue
        if np.abs(right).max(initial=0.0) < REPRESENTED and not np.all(np.isfinite(g)):
            note = "bprop overflows in float32, where the value and the gradient are finite"
            examination.fail("overflow", small, note, i)
            return


def _in_both(
    examination: Examination, inputs: Inputs, dtype: np.dtype[np.floating], regime: str
) -> tuple[Point, Point] | None:
    """The same numbers in float64 and in a narrow type; None where one is not legal, or fprop widens."""
    moved = [i for i in examination.active if type(inputs[i]) is not float]
    if not any(isinstance(inputs[i], np.ndarray) for i in moved):
        return None
    narrow = tuple(np.asarray(x).astype(dtype) if i in moved else x for i, x in enumerate(inputs))
    exact = tuple(x.astype(np.float64) if i in moved else x for i, x in enumerate(narrow))
    large, small = examination.point(regime, exact), examination.point(regime, narrow)
    if small is None or large is None or small.value.shape != large.value.shape or not small.value.size:
        return None
    if any(np.asarray(part).dtype != dtype for part in parts(small.output) if np.asarray(part).dtype.kind == "f"):
        return None  # what bprop returns is then a matter of taste
    return large, small


def _compare(
    examination: Examination, inputs: Inputs, dtype: np.dtype[np.floating], regime: str, rng: np.random.Generator
) -> None:
    points = _in_both(examination, inputs, dtype, regime)
    if points is None:
        return
    large, small = points
    grad = rng.normal(size=small.value.shape).astype(dtype)
    found, faults = ask(small, grad)
    if dtype == np.float32:  # few functions are written for half precision: what they widen to is no mistake
        _form(examination, faults, found)
    expected, _ = ask(large, grad.astype(np.float64))
    unit = float(np.finfo(dtype).eps)
    # half precision partitions and sorts in another order, and each gradient is then right for its own value
    room = 1e3 * unit if unit < 1e-4 else 4 * unit
    lost = np.abs(small.value.astype(float) - large.value).max() > room * np.abs(large.value).max()
    if expected is None or lost or not are_finite(expected):
        return
    if found is None:
        if any(f.kind == "raised" for f in faults) and dtype != np.float16:
            examination.fail("dtype", small, f"{faults[0].note} ({dtype.name} inputs)", loud=faults[0].loud)
        return
    _numbers(examination, small, grad, found, expected, unit)


def _form(examination: Examination, faults: list[FormFault], found: Gradients | None) -> None:
    """A gradient wider than its input is only warned of, unless the author says or writes that types matter.

    np.where(x > 0, 1, 0) * grad widens already, and is right.
    """
    target = examination.target
    widens = found is not None and all(g is None or g.dtype in (np.float32, np.float64) for g in found)
    strict = target.strict_types or any(map(_names_float64, (target.bprop, *target.code)))
    for fault in faults:
        if fault.kind == "raised":
            continue
        if fault.kind == "dtype" and widens and not strict:
            examination.warn("dtype", f"{fault.note}: a float32 graph is widened")
        else:
            examination.pursue([fault])


def _names_float64(function: object) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and ("float64" in code.co_names or "float64" in code.co_consts)


def _numbers(
    examination: Examination, small: Point, grad: Array, found: Gradients, expected: Gradients, unit: float
) -> None:
    """Too far apart for the type, and for the scatter of its own results under a few ulps of the inputs."""
    scatter = [0.0] * len(found)
    for _ in range(6):
        near = jittered(small, examination.rng, unit)
        other = rounded_otherwise(grad, examination.rng, unit)
        moved = ask(near, other)[0] if near is not None else None
        for k, (g, m) in enumerate(zip(found, moved or found, strict=True)):
            if g is not None and m is not None:
                scatter[k] = max(scatter[k], float(np.abs(m.astype(float) - g.astype(float)).max(initial=0.0)))
    for k, (g, right) in enumerate(zip(found, expected, strict=True)):
        if g is None or right is None or not right.size:
            continue
        size = float(np.abs(right).max())
        if size > 0.01 * float(np.finfo(g.dtype).max if g.dtype.kind == "f" else np.inf):
            continue
        gap = np.abs(g.astype(float) - right)
        room = 3e4 * unit * size if unit < 1e-4 else 0.3 * size
        if not np.all(gap <= room + 30 * scatter[k] + 1e3 * float(np.finfo(small.value.dtype).tiny)):
            if unit > 1e-4 and not np.all(np.isfinite(g)):
                continue
            note = f"the gradient in {small.value.dtype} is not that in float64"
            examination.fail("dtype", small, note, small.active[k])
            return
