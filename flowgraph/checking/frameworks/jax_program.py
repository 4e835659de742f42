"""A traced JAX function run by NumPy, since XLA compiles anew for every shape, which takes longer than all else.

A program is the list of primitives that JAX writes down when it traces a function and its vjp (a jaxpr). What NumPy has
under another name is run by NumPy; elementwise special functions by XLA in a few padded sizes, each compiled once;
everything else by XLA as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from math import prod
from typing import Any

import numpy as np

from flowgraph.checking.target import Array

Operation = Callable[..., Any]

SAME_NAME = "exp exp2 expm1 log log1p sqrt cbrt sin cos tan tanh sinh cosh floor ceil sign square abs add"
NUMPY: dict[str, Operation] = {
    **{name: getattr(np, name) for name in SAME_NAME.split()},
    "neg": np.negative, "sub": np.subtract, "mul": np.multiply, "add_any": np.add, "max": np.maximum, "min": np.minimum,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "and": np.bitwise_and, "or": np.bitwise_or, "not": np.invert, "xor": np.bitwise_xor,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "is_finite": np.isfinite,
    "rsqrt": lambda x: 1 / np.sqrt(x), "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "stop_gradient": lambda x: x, "copy": lambda x: x, "copy_p": lambda x: x,
}  # fmt: skip
FLOATS_ALONE: dict[str, Operation] = {"div": np.divide, "rem": np.fmod, "pow": np.power, "atan2": np.arctan2}
"""Integers are divided in another way by XLA."""

PADDED = (
    "lgamma digamma polygamma erf erfc erf_inv bessel_i0e bessel_i1e igamma igammac igamma_grad_a zeta "
    "random_gamma_grad regularized_incomplete_beta"
)
LEAST_PADDED = 64  # sizes are powers of two from here on, so that few are compiled
INNER = ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")


def _broadcast(p: dict[str, Any]) -> Operation:
    shape, dimensions = p["shape"], p["broadcast_dimensions"]

    def spread(x: Array) -> Array:
        sizes = [1] * len(shape)
        for n, d in zip(np.shape(x), dimensions, strict=True):
            sizes[d] = n
        return np.broadcast_to(np.reshape(x, sizes), shape)

    return spread


def _select(which: Array, *cases: Array) -> Array:
    if len(cases) == 2:
        return np.where(which, cases[1], cases[0])
    return np.choose(which, cases)


def _pad(p: dict[str, Any]) -> Operation | None:
    config = p["padding_config"]
    if any(low < 0 or high < 0 for low, high, _ in config):
        return None

    def padded(x: Array, value: Array) -> Array:
        ends = [
            (low, low + max(n + (n - 1) * gap, 0), high, gap)
            for n, (low, high, gap) in zip(x.shape, config, strict=True)
        ]
        made = np.full([end + high for _, end, high, _ in ends], value, x.dtype)
        made[tuple(slice(low, end, gap + 1) for low, end, _, gap in ends)] = x
        return made

    return padded


def _dot(p: dict[str, Any]) -> Operation:
    (left, right), (left_batch, right_batch) = p["dimension_numbers"]
    dtype = p["preferred_element_type"]

    def product(a: Array, b: Array) -> Array:
        letters = count()
        of_a = [next(letters) for _ in a.shape]
        of_b = [next(letters) for _ in b.shape]
        for i, k in (*zip(left, right, strict=True), *zip(left_batch, right_batch, strict=True)):
            of_b[k] = of_a[i]
        batch = [of_a[i] for i in left_batch]
        out = [
            *batch,
            *(k for i, k in enumerate(of_a) if i not in (*left, *left_batch)),
            *(k for i, k in enumerate(of_b) if i not in (*right, *right_batch)),
        ]
        return np.asarray(np.einsum(a, of_a, b, of_b, out), dtype)

    return product


def _iota(p: dict[str, Any]) -> Operation:
    sizes = [1] * len(p["shape"])
    sizes[p["dimension"]] = -1
    made = np.broadcast_to(np.arange(p["shape"][p["dimension"]], dtype=p["dtype"]).reshape(sizes), p["shape"])
    return lambda: made


def _slices(p: dict[str, Any]) -> Operation:
    strides = p["strides"] or (1,) * len(p["start_indices"])
    place = tuple(map(slice, p["start_indices"], p["limit_indices"], strides))
    return lambda x: x[place]


def _sort(p: dict[str, Any]) -> Operation | None:
    if p["num_keys"] != 1:
        return None

    def in_order(*xs: Array) -> list[Array]:
        order = np.argsort(xs[0], p["dimension"], kind="stable")
        return [np.take_along_axis(x, order, p["dimension"]) for x in xs]

    return in_order


def _accumulated(operation: np.ufunc) -> Callable[[dict[str, Any]], Operation]:
    def of(p: dict[str, Any]) -> Operation:
        axis = p["axis"]
        if p["reverse"]:
            return lambda x: np.flip(operation.accumulate(np.flip(x, axis), axis, dtype=x.dtype), axis)
        return lambda x: operation.accumulate(x, axis, dtype=x.dtype)

    return of


WITH_PARAMETERS: dict[str, Callable[[dict[str, Any]], Operation | None]] = {
    "integer_pow": lambda p: lambda x: x ** p["y"],
    "select_n": lambda p: _select,
    "clamp": lambda p: lambda low, x, high: np.minimum(np.maximum(x, low), high),
    "convert_element_type": lambda p: lambda x: np.asarray(x).astype(p["new_dtype"]),
    "reshape": lambda p: (lambda x: np.reshape(x, p["new_sizes"])) if p["dimensions"] is None else None,
    "transpose": lambda p: lambda x: np.transpose(x, p["permutation"]),
    "squeeze": lambda p: lambda x: np.squeeze(x, p["dimensions"]),
    "rev": lambda p: lambda x: np.flip(x, p["dimensions"]),
    "concatenate": lambda p: lambda *xs: np.concatenate(xs, p["dimension"]),
    "split": lambda p: lambda x: np.split(x, np.cumsum(p["sizes"])[:-1], p["axis"]),
    "reduce_sum": lambda p: lambda x: np.sum(x, p["axes"], dtype=np.asarray(x).dtype),
    "reduce_max": lambda p: lambda x: np.max(x, p["axes"]),
    "reduce_min": lambda p: lambda x: np.min(x, p["axes"]),
    "reduce_or": lambda p: lambda x: np.any(x, p["axes"]),
    "reduce_and": lambda p: lambda x: np.all(x, p["axes"]),
    "argmax": lambda p: lambda x: np.argmax(x, p["axes"][0]).astype(p["index_dtype"]),
    "argmin": lambda p: lambda x: np.argmin(x, p["axes"][0]).astype(p["index_dtype"]),
    "cumsum": _accumulated(np.add),
    "cumprod": _accumulated(np.multiply),
    "cummax": _accumulated(np.maximum),
    "cummin": _accumulated(np.minimum),
    "sort": _sort,
    "broadcast_in_dim": _broadcast,
    "pad": _pad,
    "dot_general": _dot,
    "iota": _iota,
    "slice": _slices,
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
    made = None
    if real:
        made = NUMPY.get(name) or (FLOATS_ALONE.get(name) if floats else None)
        if made is None and name in WITH_PARAMETERS:
            made = WITH_PARAMETERS[name](parameters)
    return made or (_padded(equation) if name in PADDED.split() and floats else _by_xla(equation))


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
