"""What the checks of a box ask of a case: gradients to send, the gradients that come back, a graph on inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, Value
from flowgraph.box.leaves import Input
from flowgraph.checking.cases import Case
from flowgraph.graph import Graph


def require(holds: object, problem: str) -> None:
    """Raise an AssertionError unless something holds; `assert` would be silent under `python -O`."""
    if not holds:
        raise AssertionError(problem)


def parts(value: Value) -> tuple[Any, ...]:
    """The outputs of a box, one or several."""
    return value if isinstance(value, tuple) else (value,)


def seeds(value: Value, number: int = 0) -> Any:
    """Random gradients for a value."""
    rng = np.random.default_rng(number)
    drawn = tuple(draw(rng, v) for v in parts(value))
    return drawn if isinstance(value, tuple) else drawn[0]


def draw(rng: np.random.Generator, like: Value) -> Array:
    """Normal numbers of the shape and dtype of an array."""
    real = np.asarray(rng.normal(size=np.shape(like)))
    return (real + 1j * rng.normal(size=np.shape(like)) if np.iscomplexobj(like) else real).astype(like.dtype)


def product(a: Value, b: Value) -> Any:
    """Σ a b of real numbers, Re Σ conj(a) b of complex ones: how much an output of gradient `a` moves along `b`."""
    return np.sum(np.conjugate(a) * b).real


def differentiable(case: Case) -> bool:
    """Whether the box has a gradient at all here."""
    return bool(case.floats) and all(spec.dtype.kind in "fc" for spec in case.box.outputs)


def outputs_of(box: Box) -> Sequence[Box]:
    """The box itself, or a box for each of its outputs."""
    return [box] if len(box.outputs) == 1 else list(box)


def grads_of(case: Case, grad: Value) -> list[Any]:
    """The gradients of the children, through the engine: broadcasting undone, None for constants."""
    box = case.box
    run = Graph(*outputs_of(box)).fprop()
    wrt = [box.children[i] for i in case.floats]
    grads = run.bprop(grad=parts(grad) if len(box.outputs) > 1 else grad, wrt=wrt, unused="zeros")
    return [grads[child] for child in wrt]


def symbolic(case: Case) -> tuple[Box, list[Box], list[Box]]:
    """The box on inputs where there were arrays, the inputs that have a gradient, and inputs for the gradients."""
    leaves: list[Box] = [
        Input(f"child{i}", shape=a.shape, dtype=a.dtype) if i in case.floats else Constant(a)
        for i, a in enumerate(case.children)
    ]
    box = case.cls(*leaves, **case.settings)
    values = parts(case.box.fprop(*case.children))
    grads: list[Box] = [Input(f"grad{i}", shape=v.shape, dtype=v.dtype) for i, v in enumerate(values)]
    return box, [leaves[i] for i in case.floats], grads


def assert_same(found: Value, needed: Value, case: Case, what: str, rtol: float = 1e-9) -> None:
    """Equal up to rounding, and no NaN on one side only."""
    for f, n in zip(parts(found), parts(needed), strict=True):
        require(np.shape(f) == np.shape(n), f"{case}: {what} has the shape {np.shape(f)}, needs {np.shape(n)}")
        np.testing.assert_allclose(f, n, rtol=rtol, atol=rtol, err_msg=f"{case}: {what}", strict=False)
