"""JAX: functions of arrays or of nested containers of them, with custom_vjp or without.

XLA compiles anew for every shape, which takes longer than all else. So a program, the list of primitives that JAX
writes down when it traces a function and its vjp (a jaxpr), is run by NumPy: what NumPy has under another name by
NumPy, elementwise special functions by XLA in a few padded sizes, each compiled once, everything else by XLA as it is.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, Self

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.frameworks.adapter import Adapter, ArrayKind, Opened, Pullback, is_of, names, wide_enough
from flowgraph.checking.frameworks.jax_numpy import OF_FLOATS, PRIMITIVES, accumulate_along, plain, settings_of
from flowgraph.checking.point import generator
from flowgraph.checking.target import Array, Inputs, form_of
from flowgraph.peers import bind_arguments

QUICK = {"xla_backend_optimization_level": 0}
CLOSE = 1e-9  # relative, of NumPy and XLA
WITHOUT_KEY = re.compile(r"\[<flat index (\d+)>\]")


def to_numpy(value: Value) -> Any:
    """Float arrays in float64, others in their own type; a typed random key stays as it is."""
    jax = sys.modules["jax"]
    if not isinstance(value, jax.Array) or jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return value
    array = np.array(value)
    return array.astype(np.float64) if jax.numpy.issubdtype(value.dtype, np.floating) else array


def open_pytree(value: Value) -> Opened | None:
    """Complex arrays in two parts, of a registered pytree the arrays of floats."""
    jax = sys.modules["jax"]
    if value is None or isinstance(value, dict | list | tuple):
        return None
    if isinstance(value, jax.Array | np.ndarray):
        if not jax.numpy.issubdtype(value.dtype, np.complexfloating):
            return None
        parts = [(".real", value.real), (".imag", value.imag)]
        return Opened(parts, lambda leaves: jax.lax.complex(*leaves), "jax.lax.complex({}, {})".format)
    if jax.tree_util.all_leaves([value]):
        return None
    paths, structure = jax.tree_util.tree_flatten_with_path(value)
    leaves = [leaf for _, leaf in paths]
    moved = [place for place, leaf in enumerate(leaves) if _is_inexact(leaf)]

    def build(values: list[Any]) -> Any:
        whole = list(leaves)
        for place, leaf in zip(moved, values, strict=True):
            whole[place] = leaf
        return structure.unflatten(whole)

    labels = [WITHOUT_KEY.sub(r"[\1]", jax.tree_util.keystr(paths[place][0])) for place in moved]
    return Opened([(label, leaves[place]) for label, place in zip(labels, moved, strict=True)], build, fixed=True)


def _is_compiled(value: Value) -> bool:
    """Compiled and custom functions: callables that JAX has wrapped."""
    return callable(value) and (is_of(type(value), "jax") or is_of(type(value), "jaxlib"))


def _is_inexact(leaf: object) -> bool:
    jax = sys.modules["jax"]
    return isinstance(leaf, jax.Array | np.ndarray) and bool(jax.numpy.issubdtype(leaf.dtype, np.inexact))


def _error_of_shapes(error: Exception) -> Exception | None:
    """The error of the function for such shapes; None if it only cannot be traced, as it branches on values."""
    return None if isinstance(error, sys.modules["jax"].errors.JAXTypeError) else error


@contextlib.contextmanager
def _plain_tracebacks() -> Iterator[None]:
    """Without JAX's shortening of tracebacks, which takes longer than a trace where a shape is refused."""
    config = sys.modules["jax"].config
    before = config.jax_traceback_filtering
    config.update("jax_traceback_filtering", "off")
    try:
        yield
    finally:
        config.update("jax_traceback_filtering", before)


def _close(given: Any, other: Any) -> bool:
    return bool(np.allclose(given, other, rtol=CLOSE, atol=CLOSE * np.abs(given).max(initial=0.0), equal_nan=True))


class JaxCode(Adapter):
    """Gradients come from jax.vjp, in 64 bits for as long as a call lasts."""

    framework = "jax"
    kind = ArrayKind(to_numpy, open_pytree)
    words = ("forward", "vjp")

    @classmethod
    def recognises(cls, function: Any, leaves: Sequence[Any]) -> bool:
        """By an array among the arguments or in itself, by itself, or by what the code names."""
        jax = sys.modules["jax"]
        arrays = any(isinstance(x, jax.Array) for x in jax.tree_util.tree_leaves([function, *leaves]))
        return arrays or is_of(function, "jaxlib") or names(function, "jax", _is_compiled)

    def own(self, given: Sequence[Any], keywords: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arrays of a callable pytree."""
        return {} if open_pytree(self.function) is None else {"": self.function}

    def start(self) -> None:
        """Forget the compilations too."""
        super().start()
        self._programs: dict[Hashable, Any] = {}
        self._by_numpy = False

    def of_subset(self, differentiated: tuple[int, ...]) -> Self:
        """What NumPy has been seen to compute for all of them, it computes for some."""
        made = super().of_subset(differentiated)
        made._by_numpy = self._by_numpy
        return made

    def call_function(self, leaves: Sequence[Any]) -> Any:
        """A callable pytree is called with the arrays of this run in it."""
        positional, keywords, own = self.arguments.put_together(leaves)
        function = own[0] if own else self.function
        return function(*positional, **keywords)

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The outputs, and the function that pulls gradients back through them."""
        jax = sys.modules["jax"]
        with jax.enable_x64(True):
            both = self._both(inputs)
            if both is None:
                active = [self._array(inputs[i]) for i in self.differentiated]
                outputs = [np.asarray(y) for y in self._of_active(inputs)[1](*active)]
            else:
                active = [wide_enough(inputs[i]) for i in self.differentiated]
                outputs = [np.array(y) for y in both(active, None)]

        def pull(grads: tuple[Any, ...]) -> list[Any]:
            with jax.enable_x64(True):
                arriving = [np.asarray(np.conj(g), y.dtype) for g, y in zip(grads, outputs, strict=True)]
                if both is not None:
                    return [np.array(g) for g in both(active, arriving)]
                own, function = self._of_active(inputs)
                return [np.array(g) for g in jax.vjp(function, *own)[1](arriving)]

        return outputs, pull

    def _both(self, inputs: Inputs) -> Any:
        """One program for the value and the gradient for these shapes, dtypes and settings.

        That of the example is compiled by XLA. All others are traced and run by NumPy where that has been seen to give
        the same numbers for the example, which saves a compilation for each. None where the function cannot be traced:
        it is then run as it stands, and what fails shows itself.
        """
        key = form_of(inputs, self.differentiated)
        if key not in self._programs:
            with _plain_tracebacks():
                self._programs[key] = self._make_program(inputs, self._by_numpy)
                if len(self._programs) == 1 and not self._by_numpy:
                    self._by_numpy = self._agree(inputs, self._programs[key])
        if isinstance(self._programs[key], Exception):
            raise self._programs[key]
        return self._programs[key]

    def _make_program(self, inputs: Inputs, by_numpy: bool) -> Any:
        """What gives the outputs of differentiated inputs, or their gradients for incoming ones."""
        jax = sys.modules["jax"]
        try:
            function, active, arriving = self._value_and_gradient(inputs)
        except Exception as error:
            return _error_of_shapes(error)
        try:
            if by_numpy:
                traced = Program(jax.make_jaxpr(function)(active, arriving), len(arriving))
            else:
                compiled = jax.jit(function, compiler_options=QUICK)
                compiled(active, arriving)
        except Exception:
            return None

        def both(values: Sequence[Any], grads: Sequence[Any] | None) -> Any:
            given = arriving if grads is None else grads
            if not by_numpy:
                return compiled(values, given)[grads is not None]
            results = traced.run([*values, *given], grads is not None)
            return results if grads is None else results[len(arriving) :]

        return both

    def _value_and_gradient(self, inputs: Inputs) -> tuple[Any, list[Any], list[Any]]:
        """The function to trace, its arguments, and zeros in the form of the incoming gradients.

        The user's code is traced once: what JAX wrote down of it is what is differentiated.
        """
        jax = sys.modules["jax"]
        active, function = self._of_active(inputs)
        written = jax.make_jaxpr(function)(*active)
        as_written = importlib.import_module("jax.extend.core").jaxpr_as_fun(written)

        def value_and_gradient(values: Sequence[Value], arriving: Sequence[Value]) -> Any:
            outputs, pull = jax.vjp(as_written, *values)
            return outputs, pull(arriving)

        return value_and_gradient, active, [np.zeros(y.shape, y.dtype) for y in written.out_avals]

    def _agree(self, inputs: Inputs, compiled: Any) -> bool:
        """Whether NumPy gives the numbers of XLA, for the value and for the gradient."""
        traced = self._make_program(inputs, by_numpy=True)
        if not callable(compiled) or not callable(traced):
            return False
        active = [inputs[i] for i in self.differentiated]
        try:
            values = [np.asarray(y) for y in compiled(active, None)]
            grads = [np.asarray(generator(0).normal(size=y.shape), y.dtype) for y in values]
            pairs = [*zip(values, traced(active, None), strict=True)]
            pairs += zip(compiled(active, grads), traced(active, grads), strict=True)
            return all(np.shape(a) == np.shape(b) and a.dtype == b.dtype and _close(np.asarray(a), b) for a, b in pairs)
        except Exception:
            return False

    def second(
        self, grads: Sequence[Value], gradients: object, grad: Value, output: Value, *inputs: Any
    ) -> tuple[Any, ...]:
        """The bprop of bprop, by jax.vjp twice."""
        jax = sys.modules["jax"]
        with jax.enable_x64(True):
            active, function = self._of_active(inputs)
            of_each = [
                jax.numpy.zeros_like(x) if grads[i] is None else jax.numpy.asarray(grads[i])
                for i, x in zip(self.differentiated, active, strict=True)
            ]

            def first(arriving: Value, *values: Value) -> Any:
                return jax.vjp(function, *values)[1]([arriving])

            _, pull = jax.vjp(first, jax.numpy.asarray(grad), *active)
            by_grad, *by_active = [np.asarray(g) for g in pull(tuple(of_each))]
        return (by_grad, None, *self._each(by_active, inputs))

    def _of_active(self, inputs: Inputs) -> tuple[list[Any], Any]:
        """The differentiated inputs as NumPy arrays, and the function of them alone."""
        leaves = [x if i in self.differentiated else self._array(x) for i, x in enumerate(inputs)]
        active = [wide_enough(inputs[i]) for i in self.differentiated]
        return active, lambda *moved: self._values(self._with_active(leaves, moved))

    def _values(self, leaves: list[Any]) -> list[Any]:
        jax = sys.modules["jax"]
        result = self.call_function(leaves)
        self.gives_one = isinstance(result, jax.Array)
        results = jax.tree_util.tree_leaves(result)
        return [y for y in results if jax.numpy.issubdtype(jax.numpy.asarray(y).dtype, np.inexact)]

    def _array(self, value: Value) -> Any:
        if not isinstance(value, np.ndarray | np.generic):
            return value
        return sys.modules["jax"].numpy.asarray(wide_enough(value))


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
    "cummax": accumulate_along(np.maximum.accumulate),
    "cummin": accumulate_along(np.minimum.accumulate),
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
            (
                _operation(e),
                [self._read_variable(v) for v in e.invars],
                [self._place(v) for v in e.outvars],
                e.primitive,
            )
            for e in jaxpr.eqns
        ]
        self.outputs = [self._read_variable(v) for v in jaxpr.outvars]
        self.first = first
        self.needed = self._steps_needed(self.outputs[:first])

    def _place(self, variable: Any) -> int:
        return self.places.setdefault(variable, len(self.places))

    def _read_variable(self, variable: Any) -> tuple[bool, Any]:
        """(whether it is a constant of the text, its place or the constant)."""
        return (True, _array(variable.val)) if hasattr(variable, "val") else (False, self._place(variable))

    def _steps_needed(self, outputs: Sequence[tuple[bool, Any]]) -> list[Any]:
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
            results = operation(*[source if constant else known[source] for constant, source in read])
            if not primitive.multiple_results:
                known[written[0]] = results
                continue
            for place, result in zip(written, results, strict=True):
                known[place] = result
        wanted = self.outputs if everything else self.outputs[: self.first]
        return [source if constant else known[source] for constant, source in wanted]


def _operation(equation: Any) -> Operation:
    name, parameters = equation.primitive.name, equation.params
    real = all(getattr(v.aval, "dtype", None) is None or v.aval.dtype.kind in "biuf" for v in equation.invars)
    floats = all(v.aval.dtype.kind == "f" for v in equation.invars) if real else False
    if name in INNER:
        inner = next(parameters[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in parameters)
        inner = Program(inner, len(inner.jaxpr.outvars))
        return lambda *values: inner.run(values, everything=True)
    rule = (NUMPY.get(name) or (OF_FLOATS.get(name) if floats else None)) if real else None
    settings = None if rule is None else settings_of(rule, parameters)
    if rule is None or settings is None or parameters.get("num_keys", 1) != 1:
        return _pad_operation(equation) if name in PADDED.split() and floats else _by_xla(equation)
    dtypes = [out.aval.dtype for out in equation.outvars]

    def convert_values(*values: Any) -> Any:
        results = rule(*values, **settings)
        if not equation.primitive.multiple_results:
            return np.asarray(results, dtypes[0])
        return [np.asarray(result, dtype) for result, dtype in zip(results, dtypes, strict=True)]

    return convert_values


def _by_xla(equation: Any) -> Operation:
    functions, parameters = bind_arguments(equation.primitive, equation.params)

    def call(*values: Any) -> Any:
        results = equation.primitive.bind(*functions, *values, **parameters)
        return [_array(result) for result in results] if equation.primitive.multiple_results else _array(results)

    return call


def _pad_operation(equation: Any) -> Operation:
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
