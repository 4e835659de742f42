"""autograd: its own functions, primitives, and functions written with autograd.numpy."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.frameworks.adapter import Adapter, Pullback
from flowgraph.checking.frameworks.arguments import ArrayKind, Opened, Written, arrays_in
from flowgraph.checking.target import Inputs


def opened(value: Value) -> Opened | None:
    """Complex arrays in two parts."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "c":
        return None
    parts = [(".real", value.real.copy()), (".imag", value.imag.copy())]
    return Opened(parts, Written(lambda found: found[0] + 1j * found[1], "({} + 1j * {})".format))


ARRAYS = ArrayKind(lambda value: value, opened)


class AutogradCode(Adapter):
    """Gradients come from autograd's make_vjp."""

    framework = "autograd"

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The outputs, and the function that pulls gradients back through them."""
        outputs = self._values(inputs)
        kept: list[Any] = []

        def pull(grads: tuple[Any, ...]) -> Any:
            if not kept:
                kept.append(self._pullback(inputs, len(outputs)))
            arriving = tuple(np.conj(g) for g in grads)
            return kept[0](arriving if len(outputs) > 1 else arriving[0])

        return outputs, pull

    def second(
        self, grads: Sequence[Value], gradients: object, grad: Value, output: Value, *inputs: Any
    ) -> tuple[Any, ...]:
        """The bprop of bprop, by make_vjp twice."""
        core = importlib.import_module("autograd").make_vjp
        together = importlib.import_module("autograd.builtins").tuple
        active, function = self._of_active(inputs, 1)
        numbers = tuple(range(len(active)))
        of_each = tuple(
            np.zeros_like(x) if grads[i] is None else grads[i] for i, x in zip(self.differentiated, active, strict=True)
        )

        def first(arriving: Value, *values: Value) -> Any:
            return together(core(function, numbers)(*values)[0](arriving))

        pull, _ = core(first, (0, *(n + 1 for n in numbers)))(grad, *active)
        by_grad, *by_active = pull(of_each)
        by_inputs: list[Any] = [None] * len(inputs)
        for i, g in zip(self.differentiated, by_active, strict=True):
            by_inputs[i] = g
        return (by_grad, None, *by_inputs)

    def _pullback(self, inputs: Inputs, count: int) -> Callable[[Any], Any]:
        active, function = self._of_active(inputs, count)
        make_vjp = importlib.import_module("autograd").make_vjp
        return make_vjp(function, tuple(range(len(active))))(*active)[0]  # type: ignore[no-any-return]

    def _of_active(self, inputs: Inputs, count: int) -> tuple[list[Any], Callable[..., Any]]:
        together = importlib.import_module("autograd.builtins").tuple

        def function(*active: Any) -> Any:
            values = list(inputs)
            for i, x in zip(self.differentiated, active, strict=True):
                values[i] = x
            found = self._values(tuple(values))
            return together(tuple(found)) if count > 1 else found[0]

        return [inputs[i] for i in self.differentiated], function

    def _values(self, inputs: Inputs) -> list[Any]:
        result = self.called(inputs)
        if isinstance(getattr(result, "_value", None), tuple | list):  # a box that holds several arrays
            result = [result[k] for k in range(len(result))]
        return [y for y in arrays_in(result) if getattr(y, "dtype", np.asarray(0.0).dtype).kind in "fc"]
