"""PyTensor: Ops, whose gradient is their L_op (or pullback), and functions of its variables, on arrays of NumPy."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.frameworks.adapter import Adapter, ArrayKind, Pullback, arrays_in, names, wide_enough
from flowgraph.checking.target import Inputs


@dataclass
class Program:
    """Variables of one form of inputs, the outputs of floats that the function makes of them, and what was compiled."""

    variables: list[Any]  # of arrays, None for settings
    outputs: list[Any]
    arriving: list[Any]
    compiled: dict[str, Callable[..., Any]]
    gradients: list[Any] | None = None  # variables of those of the differentiated inputs, once they were asked for

    def arrays(self, inputs: Inputs) -> list[Any]:
        """Those inputs that are arrays."""
        return [x for x, variable in zip(inputs, self.variables, strict=True) if variable is not None]

    @property
    def leaves(self) -> list[Any]:
        """The variables that there are."""
        return [variable for variable in self.variables if variable is not None]


class PytensorCode(Adapter):
    """Gradients come from pytensor.gradient.grad; `perform` of each Op is run as it is, without rewriting the graph."""

    framework = "pytensor"
    kind = ArrayKind(lambda value: value)
    words = ("perform", "L_op")

    @classmethod
    def recognises(cls, function: Any, leaves: Sequence[Any]) -> bool:
        """By itself, or by what its code names: its arguments are NumPy's."""
        op = importlib.import_module("pytensor.graph.op").Op
        return names(function, "pytensor", lambda value: isinstance(value, op))

    def start(self) -> None:
        """Forget what was kept of runs, and of programs."""
        super().start()
        self._programs: dict[Hashable, Program] = {}

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The outputs, and the function that pulls gradients back through them."""
        program = self._program(inputs)
        outputs = self._call(program, "forward", lambda: ([], program.outputs))(*program.arrays(inputs))

        def pull(grads: tuple[Any, ...]) -> list[Any]:
            first = self._gradients(program)
            backward = self._call(program, "backward", lambda: (program.arriving, [g for g in first if g is not None]))
            found = iter(backward(*program.arrays(inputs), *grads))
            return [None if g is None else next(found) for g in first]

        return list(map(np.asarray, outputs)), pull

    def second(
        self, grads: Sequence[Value], gradients: object, grad: Value, output: Value, *inputs: Any
    ) -> tuple[Any, ...]:
        """The bprop of bprop, by the gradient of the gradients."""
        program = self._program(inputs)
        pairs = [(g, grads[i]) for i, g in zip(self.differentiated, self._gradients(program), strict=True)]
        asked = [(g, value) for g, value in pairs if g is not None and value is not None]
        more = [g.type() for g, _ in asked]
        wrt = [program.arriving[0], *(program.variables[i] for i in self.differentiated)]
        second = _grad(wrt, dict(zip((g for g, _ in asked), more, strict=True)))
        made = self._function(program, [*program.arriving, *more], [g for g in second if g is not None])
        found = iter(made(*program.arrays(inputs), grad, *(value for _, value in asked)))
        by_grad, *by_active = (None if g is None else next(found) for g in second)
        return (by_grad, None, *self._each(by_active, inputs))

    def _program(self, inputs: Inputs) -> Program:
        """The program for inputs of these types and ranks."""
        forms = tuple((x.ndim, x.dtype) if isinstance(x, np.ndarray) else repr(x) for x in inputs)
        if forms not in self._programs:
            tensor = importlib.import_module("pytensor.tensor").tensor
            variable = sys.modules["pytensor"].graph.basic.Variable
            variables = [
                tensor(f"x{i}", dtype=str(wide_enough(x).dtype), shape=(None,) * x.ndim)
                if isinstance(x, np.ndarray) else None
                for i, x in enumerate(inputs)
            ]  # fmt: skip
            result = self.call_function([x if v is None else v for v, x in zip(variables, inputs, strict=True)])
            self.gives_one = isinstance(result, variable)
            outputs = [y for y in arrays_in(result) if isinstance(y, variable) and y.dtype.startswith("float")]
            self._programs[forms] = Program(variables, outputs, [y.type() for y in outputs], {})
        return self._programs[forms]

    def _gradients(self, program: Program) -> list[Any]:
        """The gradient variables of the differentiated inputs; None for one on which nothing depends."""
        if program.gradients is None:
            wrt = [program.variables[i] for i in self.differentiated]
            program.gradients = _grad(wrt, dict(zip(program.outputs, program.arriving, strict=True)))
        return program.gradients

    def _call(
        self, program: Program, name: str, parts: Callable[[], tuple[list[Any], list[Any]]]
    ) -> Callable[..., Any]:
        """A function of a program, compiled when it is first asked for."""
        if name not in program.compiled:
            program.compiled[name] = self._function(program, *parts())
        return program.compiled[name]

    def _function(self, program: Program, more: list[Any], outputs: list[Any]) -> Callable[..., Any]:
        mode = importlib.import_module("pytensor.compile.mode").Mode(linker="py", optimizer=None)
        made: Callable[..., Any] = sys.modules["pytensor"].function(
            [*program.leaves, *more], outputs, mode=mode, on_unused_input="ignore"
        )
        return made


def _grad(wrt: list[Any], known: dict[Any, Any]) -> list[Any]:
    """The gradients of what is known to arrive, None for what nothing depends on."""
    gradient = importlib.import_module("pytensor.gradient")
    try:
        grads: list[Any] = gradient.grad(
            None, wrt, known_grads=known, disconnected_inputs="ignore", return_disconnected="none"
        )
    except gradient.NullTypeGradError as error:  # an Op says so of an input
        raise NotImplementedError(f"pytensor: {error}") from error
    return grads
