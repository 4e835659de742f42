"""The box of a loop over the first axis of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.errors import UsageError
from flowgraph.loops.body import Body, fitted, stacked
from flowgraph.loops.reverse import asked, by_child, reverse_of, values_of_steps
from flowgraph.loops.running import run
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import Spec, same


class Scan(Box):
    """A loop: the body runs once for each element along the first axis of the inputs.

    cₜ₊₁, yₜ = body(cₜ, xₜ, p)        the value is the last c, and the y stacked

    The children are the first carries, the inputs, and what every step reads from outside. `fg.scan` builds it.

    Source: Bradbury et al., JAX, `jax.lax.scan`; Griewank and Walther, Evaluating Derivatives, chapter 3.2 (reverse
    mode of a sequence of steps).
    """

    body: Body
    length: int | None = None
    reverse: bool = False

    symbol = "scan"
    public = False
    examples = None  # it holds a graph; tests/loops tests it with random ones

    def fprop(self, *values: Value) -> Value:
        """The last carries and what was stacked."""
        if any(isinstance(value, Box) for value in values):
            return Scan(*values, **self.setting_values())
        arrays = [np.asarray(value) for value in values]
        specs = [Spec(array.shape, array.dtype) for array in arrays]
        body = fitted(self.body, self.of_step(specs))
        results = run(body, arrays, int(self._length(specs[body.carries : body.carries + body.elements])), self.reverse)
        return results[0] if len(results) == 1 else results

    def bprop(self, grad: Value, h: Value, *values: Value, needs: tuple[bool, ...] | None = None) -> tuple[Value, ...]:
        """A loop over the same steps in the other order, of the vector-Jacobian product of one."""
        body = fitted(self.body, self.of_step([Spec(value.shape, value.dtype) for value in values]))
        arrived, wanted = asked(body, grad, needs)
        of_steps = arrived[body.carries :]
        reverse = reverse_of(body, tuple([part is not None for part in of_steps]), wanted)
        elements = values[body.carries : body.carries + body.elements]
        outers = values[body.carries + body.elements :]

        def again(body: Body) -> Any:
            return Scan.apply(*values, body=body, length=self.length, reverse=self.reverse)

        first = [np.zeros_like(values[i]) if arrived[i] is None else arrived[i] for i in reverse.flowing]
        found = Scan.apply(
            *first,
            *[np.zeros_like(outers[i]) for i in reverse.summed],
            *values_of_steps(body, reverse.kept, h, again),
            *[elements[i] for i in reverse.read],
            *[part for part in of_steps if part is not None],
            *[outers[i] for i in reverse.outers],
            body=reverse.body,
            length=self._length_of(elements),
            reverse=not self.reverse,
        )
        return by_child(body, reverse, found, wanted)

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Those of the new carries, and of what is stacked, with the steps as the first axis."""
        specs = [child.spec for child in self.children]
        body = fitted(self.body, self.of_step(specs))
        steps = self._length(specs[body.carries : body.carries + body.elements])
        found = [*specs[: body.carries], *stacked(self, body, steps)]
        return found if len(found) > 1 else found[0]

    def of_step(self, specs: Sequence[Spec]) -> list[Spec]:
        """What one step sees of the children."""
        body = self.body
        if len(specs) != body.slots:
            raise UsageError(f"{self.title}: found {len(specs)} children, needs {body.slots}, as its body has slots")
        of_elements = range(body.carries, body.carries + body.elements)
        for i in of_elements:
            if not specs[i].shape:
                raise self.shape_error("found an input without axes, needs a first axis to loop over")
        return [Spec(spec.shape[1:], spec.dtype) if i in of_elements else spec for i, spec in enumerate(specs)]

    def _length(self, elements: Sequence[Spec]) -> int | Size:
        """The number of steps, in which all inputs and the setting agree."""
        if not elements:
            return self._steps()
        lengths = [spec.shape[0] for spec in elements]
        if self.length is not None:
            lengths.append(self.length)
        first = next((one for one in lengths if isinstance(one, int)), lengths[0])
        for one in lengths:
            if not same(one, first):
                raise self.shape_error(f"found inputs of {first} and of {one} steps, needs first axes of one length")
        return first

    def _steps(self) -> int:
        if self.length is None or self.length < 0:
            raise UsageError(f"{self.title}: found no inputs and length={self.length}, needs length= from 0")
        return self.length

    def _length_of(self, elements: Sequence[Value]) -> int | None:
        """The number of steps as a setting; None where only a run knows it."""
        steps = elements[0].shape[0] if elements else self.length
        return steps if isinstance(steps, int) and not isinstance(steps, Size) else None
