"""JAX: functions of arrays or of nested containers of them, with custom_vjp or without."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.frameworks.adapter import Adapter, Pullback, wide_enough
from flowgraph.checking.frameworks.arguments import Arguments, ArrayKind, Opened, Written
from flowgraph.checking.target import Inputs

WITHOUT_KEY = re.compile(r"\[<flat index (\d+)>\]")


def to_numpy(value: Value) -> Any:
    """Float arrays in float64, others in their own type; a typed random key stays as it is."""
    jax = sys.modules["jax"]
    if not isinstance(value, jax.Array) or jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return value
    array = np.array(value)
    return array.astype(np.float64) if jax.numpy.issubdtype(value.dtype, np.floating) else array


def opened(value: Value) -> Opened | None:
    """Complex arrays in two parts, of a registered pytree the arrays of floats."""
    jax = sys.modules["jax"]
    if value is None or isinstance(value, dict | list | tuple):
        return None
    if isinstance(value, jax.Array | np.ndarray):
        if not jax.numpy.issubdtype(value.dtype, np.complexfloating):
            return None
        parts = [(".real", value.real), (".imag", value.imag)]
        return Opened(parts, Written(lambda found: jax.lax.complex(*found), "jax.lax.complex({}, {})".format))
    if jax.tree_util.all_leaves([value]):
        return None
    paths, structure = jax.tree_util.tree_flatten_with_path(value)
    leaves = [leaf for _, leaf in paths]
    moved = [place for place, leaf in enumerate(leaves) if _is_inexact(leaf)]

    def build(found: list[Any]) -> Any:
        whole = list(leaves)
        for place, leaf in zip(moved, found, strict=True):
            whole[place] = leaf
        return structure.unflatten(whole)

    labels = [WITHOUT_KEY.sub(r"[\1]", jax.tree_util.keystr(paths[place][0])) for place in moved]
    return Opened([(label, leaves[place]) for label, place in zip(labels, moved, strict=True)], build, fixed=True)


def _is_inexact(leaf: object) -> bool:
    jax = sys.modules["jax"]
    return isinstance(leaf, jax.Array | np.ndarray) and bool(jax.numpy.issubdtype(leaf.dtype, np.inexact))


JAX_ARRAYS = ArrayKind(to_numpy, opened)


class JaxCode(Adapter):
    """Gradients come from jax.vjp, in 64 bits for as long as a call lasts."""

    framework = "jax"

    def __init__(self, function: Callable[..., Any], arguments: Arguments, differentiated: tuple[int, ...]) -> None:
        super().__init__(function, arguments, differentiated)
        self._compiled: dict[Hashable, Any] = {}

    def of_subset(self, differentiated: tuple[int, ...]) -> JaxCode:
        """The same code, with a compilation of its own."""
        made = super().of_subset(differentiated)
        made._compiled = {}
        return made

    def called(self, leaves: Sequence[Any]) -> Any:
        """A callable pytree is called with the arrays of this run in it."""
        positional, keywords, own = self.arguments.put_together(leaves)
        function = own[0] if own else self.function
        return function(*positional, **keywords)

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The outputs, and the function that pulls gradients back through them."""
        jax = sys.modules["jax"]
        with jax.enable_x64(True):
            both = self._both(inputs)
            active = [self._array(inputs[i]) for i in self.differentiated]
            if both is None:
                outputs = [np.asarray(y) for y in self._of_active(inputs)[1](*active)]
            else:
                outputs = [np.asarray(y) for y in both(active, None)]

        def pull(grads: tuple[Any, ...]) -> list[Any]:
            with jax.enable_x64(True):
                arriving = [jax.numpy.asarray(np.conj(g), y.dtype) for g, y in zip(grads, outputs, strict=True)]
                found = self._pullback(inputs)(arriving) if both is None else both(active, arriving)
                return [np.asarray(g) for g in found]

        return outputs, pull

    def _both(self, inputs: Inputs) -> Any:
        """One program for the value and the gradient, compiled once for these shapes, dtypes and settings.

        None where the function cannot be compiled: it is then run as it stands, and what fails shows itself.
        """
        key = tuple(
            (x.shape, x.dtype) if i in self.differentiated else (x.shape, x.tobytes())
            if isinstance(x, np.ndarray) else repr(x)
            for i, x in enumerate(inputs)
        )  # fmt: skip
        if key not in self._compiled:
            self._compiled[key] = self._compile(inputs)
        return self._compiled[key]

    def _compile(self, inputs: Inputs) -> Any:
        jax = sys.modules["jax"]
        active, function = self._of_active(inputs)

        def value_and_gradient(values: Sequence[Value], arriving: Sequence[Value]) -> Any:
            outputs, pull = jax.vjp(function, *values)
            return outputs, pull(arriving)

        try:
            arriving = [jax.numpy.zeros(y.shape, y.dtype) for y in jax.eval_shape(function, *active)]
            program = jax.jit(value_and_gradient, compiler_options={"xla_backend_optimization_level": 0})
            program(active, arriving)
        except Exception:
            return None
        return lambda values, grads: program(values, arriving)[0] if grads is None else program(values, grads)[1]

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
        by_inputs: list[Any] = [None] * len(inputs)
        for i, g in zip(self.differentiated, by_active, strict=True):
            by_inputs[i] = g
        return (by_grad, None, *by_inputs)

    def _pullback(self, inputs: Inputs) -> Any:
        active, function = self._of_active(inputs)
        return sys.modules["jax"].vjp(function, *active)[1]

    def _of_active(self, inputs: Inputs) -> tuple[list[Any], Any]:
        leaves = [self._array(x) for x in inputs]

        def function(*active: Any) -> Any:
            values = list(leaves)
            for i, x in zip(self.differentiated, active, strict=True):
                values[i] = x
            return self._values(values)

        return [leaves[i] for i in self.differentiated], function

    def _values(self, leaves: list[Any]) -> list[Any]:
        jax = sys.modules["jax"]
        found = jax.tree_util.tree_leaves(self.called(leaves))
        return [y for y in found if jax.numpy.issubdtype(jax.numpy.asarray(y).dtype, np.inexact)]

    def _array(self, value: Value) -> Any:
        if not isinstance(value, np.ndarray | np.generic):
            return value
        return sys.modules["jax"].numpy.asarray(wide_enough(value))
