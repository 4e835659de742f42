"""The likely kind of mistake: transformations of the wrong gradient, compared with the right one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from flowgraph.checking.compare import Gradients, Suspicion, ValueMismatch, ask
from flowgraph.checking.point import Point, coordinate
from flowgraph.checking.runner import generator
from flowgraph.checking.target import Array

MOST_ELEMENTS = 64  # each costs a slope of its own


def diagnose(point: Point, suspicion: Suspicion, child: int | None) -> str:
    """The first explanation that turns the analytic gradient of `child` into the numeric one; "" if none does."""
    if not isinstance(suspicion, ValueMismatch) or child is None or not 0 < point.size(child) <= MOST_ELEMENTS:
        return ""
    rng = generator(0)
    grad = rng.uniform(0.5, 1.5, point.value.shape) * rng.choice([-1.0, 1.0], point.value.shape)
    gradients, _ = ask(point, grad)
    if gradients is None:
        return ""
    g = gradients[point.active.index(child)]
    numeric = numeric_gradient(point, grad, child)
    if numeric is None:
        return ""
    analytic = np.zeros(numeric.shape) if g is None else np.asarray(g, dtype=float)
    if _alike(analytic, numeric):
        few = np.count_nonzero(suspicion.grad) < suspicion.grad.size
        return "it is right for a dense incoming gradient and wrong for one with zeros" if few else ""
    for words, candidate in _candidates(point, grad, gradients, analytic, numeric, child):
        if candidate.shape == numeric.shape and _alike(candidate, numeric):
            return words
    return _by_place(point, analytic, numeric)


def numeric_gradient(point: Point, grad: Array, child: int) -> Array | None:
    """Every element by central differences."""
    found = np.zeros(point.size(child))
    for k in range(point.size(child)):
        direction = coordinate(point, child, k)
        slopes = point.slopes(direction, depth=6)
        length = float(np.ravel(direction[child])[k])
        if slopes is None or not length:
            return None
        found[k] = float((grad * slopes.value).sum()) / length
    return found.reshape(np.shape(point.inputs[child]))


def _alike(one: Array, other: Array) -> bool:
    size = float(np.abs(other).max(initial=0.0))
    return bool(size > 0 and np.all(np.isfinite(one)) and np.abs(one - other).max(initial=0.0) <= 1e-6 * size)


def _candidates(
    point: Point, grad: Array, gradients: Gradients, analytic: Array, numeric: Array, child: int
) -> Iterator[tuple[str, Array]]:
    """Gradients that are right if the mistake is the one that the words name, the likely ones first."""
    yield "the sign is wrong", -analytic
    if not np.any(analytic):
        yield "the gradient is 0 or None although the output depends on this input", numeric
    for words, factor in _factors(point, child).items():
        yield f"a factor: it should be {words} times as large", factor * analytic
        yield f"a factor: it should be -{words} times as large", -factor * analytic
    if analytic.ndim == 2 and analytic.shape[0] == analytic.shape[1]:
        yield "transposed", analytic.T
    for i, other in zip(point.active, gradients, strict=True):
        if i != child and other is not None:
            name, its = point.runner.target.names[i], np.asarray(other, dtype=float)
            yield f"children swapped: this is the gradient of {name}", its
            yield f"children swapped: this is minus the gradient of {name}", -its
    if point.projection is None and grad.size == analytic.size:
        incoming = grad.reshape(analytic.shape)
        yield "the incoming gradient is dropped", analytic * incoming
        yield "the incoming gradient is applied twice", analytic / incoming
    yield from _along_axes(analytic, numeric)
    if point.projection is None and grad.size == analytic.size and len(point.active) == 1:
        yield from _activations(point, grad.reshape(analytic.shape), analytic, numeric)
    scale = float((analytic * numeric).sum() / max(float((analytic * analytic).sum()), 1e-300))
    yield f"a constant factor: it should be {scale:.6g} times as large", scale * analytic


def _factors(point: Point, child: int) -> dict[str, float]:
    shape = np.shape(point.inputs[child])
    sizes = {"the number of elements": int(np.prod(shape)), "the number of outputs": point.value.size}
    sizes |= {f"the size of axis {k}" + (" (the batch size?)" if k == 0 else ""): n for k, n in enumerate(shape)}
    found = {"2": 2.0, "1/2": 0.5}
    for words, n in sizes.items():
        found |= {f"{words} ({n})": float(n), f"1 / {words} ({n})": 1 / n} if n > 1 else {}
    return found


def _along_axes(analytic: Array, numeric: Array) -> Iterator[tuple[str, Array]]:
    axes = range(analytic.ndim)
    for chosen in (*combinations(axes, 1), *combinations(axes, 2)):
        total = analytic.sum(axis=chosen, keepdims=True)
        yield f"a sum over axis {', '.join(map(str, chosen))} is missing", np.broadcast_to(total, numeric.shape)
    for axis in axes:
        yield f"reversed along axis {axis}", np.flip(analytic, axis)
        steps = np.flip(np.diff(analytic, axis=axis, prepend=0), axis)
        yield f"accumulated from the wrong end of axis {axis}", np.flip(np.cumsum(steps, axis=axis), axis)


FORMULAS: dict[str, Callable[[Array], Array]] = {
    "1 - v²": lambda v: 1 - v * v,
    "v (1 - v)": lambda v: v * (1 - v),
    "exp(v)": np.exp,
    "cos(v)": np.cos,
    "sin(v)": np.sin,
    "1 / v": lambda v: 1 / v,
    "v > 0": lambda v: 1.0 * (v > 0),
    "the value": lambda v: v,
    "1": np.ones_like,
    "1 / (1 + v²)": lambda v: 1 / (1 + v * v),
}


def _activations(point: Point, incoming: Array, analytic: Array, numeric: Array) -> Iterator[tuple[str, Array]]:
    """Elementwise boxes: names the formula that bprop has used in place of the right one."""
    x = np.asarray(point.inputs[point.active[0]], dtype=float)
    places = {"output": point.value.reshape(analytic.shape), "input": x}
    formulas = {f"{words} of the {where}": rule(v) for where, v in places.items() for words, rule in FORMULAS.items()}
    needed = next((words for words, v in formulas.items() if _alike(v, numeric / incoming)), None)
    for words, value in formulas.items():
        if _alike(value, analytic / incoming):
            tail = f"; it should be {needed}" if needed else ""
            yield f"the derivative of another activation: it is {words}{tail}", numeric


def _by_place(point: Point, analytic: Array, numeric: Array) -> str:
    """Wrong in some elements only: repeated indices, or one part of the array."""
    off = np.abs(analytic - numeric) > 1e-6 * np.abs(numeric).max(initial=0.0)
    for i, x in enumerate(point.inputs):
        if i not in point.active and isinstance(x, np.ndarray) and x.dtype.kind in "iu" and x.size:
            values, counts = np.unique(x, return_counts=True)
            rows = set(np.nonzero(off)[0].tolist()) if off.ndim else set()
            if np.any(counts > 1) and rows <= {int(v) % max(1, analytic.shape[0]) for v in values[counts > 1]}:
                return f"= instead of += at repeated indices of {point.runner.target.names[i]} (np.add.at)"
    if off.ndim and 0 < off.sum() < off.size:
        return f"only {int(off.sum())} of {off.size} elements are wrong: a branch, a mask or an index"
    return ""
