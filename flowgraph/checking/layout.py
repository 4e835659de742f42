"""The memory layout of arguments must not change a gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.compare import Gradients, read_gradients
from flowgraph.checking.examination import Examination
from flowgraph.checking.noise import slope_rounding
from flowgraph.checking.point import Point
from flowgraph.checking.runner import Illegal, flatten, unflatten
from flowgraph.checking.target import Array

Differs = Callable[[Gradients], int | None]


def _fortran(x: Array) -> Array:
    return np.asfortranarray(x)


def _reversed(x: Array) -> Array:
    return x[tuple(slice(None, None, -1) for _ in x.shape)].copy()[tuple(slice(None, None, -1) for _ in x.shape)]


def _gaps(x: Array) -> Array:
    wide = np.full(tuple(2 * n for n in x.shape), 7, dtype=x.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def _read_only(x: Array) -> Array:
    kept = x.copy()
    kept.setflags(write=False)
    return kept


def _transposed(x: Array) -> Array:
    return np.ascontiguousarray(x.T).T


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran order": _fortran,
    "negative strides": _reversed,
    "gaps": _gaps,
    "read-only": _read_only,
    "transposed": _transposed,
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
    flat = grad if point.projection is None else grad @ point.projection
    plain = unflatten(flat, point.output)
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
            examination.fail(
                "layout",
                point,
                "bprop gives another gradient, or raises, with a 0-stride incoming gradient (np.broadcast_to)",
                point.active[k],
            )
            return
