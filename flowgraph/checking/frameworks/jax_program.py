"""A traced JAX function run by NumPy, since XLA compiles anew for every shape, which takes longer than all else.

A program is the list of primitives that JAX writes down when it traces a function and its vjp (a jaxpr). What NumPy has
under another name is run by NumPy; elementwise special functions by XLA in a few padded sizes, each compiled once;
everything else by XLA as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from flowgraph.checking.frameworks.jax_numpy import OF_FLOATS, PRIMITIVES, accumulated, plain
from flowgraph.checking.target import Array

Operation = Callable[..., Any]

PADDED = (
    "lgamma digamma polygamma erf erfc erf_inv bessel_i0e bessel_i1e igamma igammac igamma_grad_a zeta "
    "random_gamma_grad regularized_incomplete_beta"
)
LEAST_PADDED = 64  # sizes are powers of two from here on, so that few are compiled
INNER = ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")


def _pad(x: Array, value: Array, *, padding_config: Any) -> Array:
    """A number around and between the elements, or fewer elements where the padding is below 0."""
    lengths = [max(n + (n - 1) * gap, 0) for n, (_, _, gap) in zip(x.shape, padding_config, strict=True)]
    rows = [(max(low, 0), length, max(high, 0), gap + 1)
            for (low, high, gap), length in zip(padding_config, lengths, strict=True)]  # fmt: skip
    made = np.full([before + length + after for before, length, after, _ in rows], value, x.dtype)
    made[tuple(slice(before, before + length, step) for before, length, _, step in rows)] = x
    return made[tuple(slice(max(-low, 0), min(high, 0) or None) for low, high, _ in padding_config)]


def _sort(*arrays: Array, dimension: int, num_keys: int, is_stable: bool) -> list[Array]:
    order = np.argsort(arrays[0], dimension, kind="stable")
    return [np.take_along_axis(x, order, dimension) for x in arrays]


NUMPY: dict[str, Operation] = {
    **PRIMITIVES,
    "logistic": plain(lambda x: 1 / (1 + np.exp(-x))),
    "stop_gradient": plain(lambda x: x),
    "cummax": accumulated(np.maximum.accumulate),
    "cummin": accumulated(np.minimum.accumulate),
    "pad": _pad,
    "sort": _sort,
}


class Program:
    """What was traced for one form of the arguments; `run` gives the first outputs, or all of them."""

    def __init__(self, closed: Any, first: int) -> None:
        jaxpr = closed.jaxpr
        self.places: dict[Any, int] = {}
        self.constants = [(self._place(v), _array(c)) for v, c in zip(jaxpr.constvars, closed.consts, strict=True)]
        self.inputs = [self._place(v) for v in jaxpr.invars]
        self.steps = [
            (_operation(e), [self._read(v) for v in e.invars], [self._place(v) for v in e.outvars], e.primitive)
            for e in jaxpr.eqns
        ]
        self.outputs = [self._read(v) for v in jaxpr.outvars]
        self.first = first
        self.needed = self._needed(self.outputs[:first])

    def _place(self, variable: Any) -> int:
        return self.places.setdefault(variable, len(self.places))

    def _read(self, variable: Any) -> tuple[bool, Any]:
        """(whether it is a constant of the text, its place or the constant)."""
        return (True, _array(variable.val)) if hasattr(variable, "val") else (False, self._place(variable))

    def _needed(self, outputs: Sequence[tuple[bool, Any]]) -> list[Any]:
        """The steps on which these outputs rest."""
        wanted = {place for constant, place in outputs if not constant}
        kept = []
        for step in reversed(self.steps):
            if wanted & set(step[2]):
                kept.append(step)
                wanted |= {place for constant, place in step[1] if not constant}
        return kept[::-1]

    def run(self, values: Sequence[Any], everything: bool) -> list[Any]:
        """The outputs as NumPy arrays; for the first alone, only what it depends on is computed."""
        known: list[Any] = [None] * len(self.places)
        for place, value in (*self.constants, *zip(self.inputs, values, strict=True)):
            known[place] = value
        for operation, read, written, primitive in self.steps if everything else self.needed:
            found = operation(*[one if constant else known[one] for constant, one in read])
            if not primitive.multiple_results:
                known[written[0]] = found
                continue
            for place, one in zip(written, found, strict=True):
                known[place] = one
        wanted = self.outputs if everything else self.outputs[: self.first]
        return [one if constant else known[one] for constant, one in wanted]


def _operation(equation: Any) -> Operation:
    name, parameters = equation.primitive.name, equation.params
    real = all(getattr(v.aval, "dtype", None) is None or v.aval.dtype.kind in "biuf" for v in equation.invars)
    floats = all(v.aval.dtype.kind == "f" for v in equation.invars) if real else False
    if name in INNER:
        inner = next(parameters[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in parameters)
        inner = Program(inner, len(inner.jaxpr.outvars))
        return lambda *values: inner.run(values, everything=True)
    rule = (NUMPY.get(name) or (OF_FLOATS.get(name) if floats else None)) if real else None
    if rule is None or parameters.get("num_keys", 1) != 1:
        return _padded(equation) if name in PADDED.split() and floats else _by_xla(equation)
    dtypes = [out.aval.dtype for out in equation.outvars]

    def converted(*values: Any) -> Any:
        found = rule(*values, **parameters)
        if not equation.primitive.multiple_results:
            return np.asarray(found, dtypes[0])
        return [np.asarray(one, dtype) for one, dtype in zip(found, dtypes, strict=True)]

    return converted


def _by_xla(equation: Any) -> Operation:
    bound = equation.primitive.get_bind_params(equation.params)
    functions, parameters = ((), bound) if isinstance(bound, dict) else bound  # by the version of JAX

    def call(*values: Any) -> Any:
        found = equation.primitive.bind(*functions, *values, **parameters)
        return [_array(one) for one in found] if equation.primitive.multiple_results else _array(found)

    return call


def _padded(equation: Any) -> Operation:
    """An elementwise primitive on one axis of a few sizes, so that it is compiled for few of them."""

    def call(*values: Any) -> Any:
        shape = np.broadcast_shapes(*map(np.shape, values))
        size = prod(shape)
        whole = max(LEAST_PADDED, 1 << (size - 1).bit_length())
        flat = [np.ravel(np.broadcast_to(x, shape)) for x in values]
        long = [np.concatenate([x, np.ones(whole - size, x.dtype)]) for x in flat]
        return np.asarray(equation.primitive.bind(*long, **equation.params))[:size].reshape(shape)

    return call


def _array(value: Any) -> Any:
    """A NumPy array, but of a typed random key."""
    return np.asarray(value) if isinstance(getattr(value, "dtype", None), np.dtype) else value
