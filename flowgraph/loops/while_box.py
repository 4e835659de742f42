"""The box of a loop that runs for as long as a condition holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.errors import StepLimitError, UsageError
from flowgraph.loops.body import Body, fitted, known_of, stacked
from flowgraph.loops.reverse import asked, by_child, reverse_of, values_of_steps
from flowgraph.loops.scan_box import Scan
from flowgraph.loops.while_running import WhileRunner
from flowgraph.shapes.size import unknown
from flowgraph.shapes.spec import Spec


class While(Box):
    """A loop: the body runs on its own result for as long as the condition holds.

    cₜ₊₁, yₜ = body(cₜ, p) while condition(cₜ, p)        the value is the last c, and the y stacked

    The children are the first carries, and what every step reads from outside. The number of steps is known in a run.
    `fg.while_loop` builds it.

    Source: Bradbury et al., JAX, `jax.lax.while_loop`; Griewank and Walther, Evaluating Derivatives, chapter 3.2
    (reverse mode of a sequence of steps).
    """

    body: Body
    condition: Body
    max_steps: int

    symbol = "while"
    public = False
    examples = None  # it holds graphs; tests/loops tests it with random ones

    def fprop(self, *values: Value) -> Value:
        """The last carries and what was stacked."""
        if any(isinstance(value, Box) for value in values):
            return While(*values, **self.setting_values())
        arrays = [np.asarray(value) for value in values]
        specs = [Spec(array.shape, array.dtype) for array in arrays]
        body, condition = fitted(self.body, specs), fitted(self.condition, specs)
        runner = known_of(body, ("while", id(condition)), lambda: WhileRunner(body, condition))
        results, why = runner(arrays, self.max_steps)
        if results is None:
            raise StepLimitError(
                f"{self.title}: found the condition true after {self.max_steps:,} steps, needs one that becomes false"
                f"{why}; give while_loop a larger max_steps= if the loop needs more\n"
                f"  built at {self.__dict__.get('built_at', 'this call')}"
            )
        return results[0] if len(results) == 1 else results

    def bprop(self, grad: Value, h: Value, *values: Value, needs: tuple[bool, ...] | None = None) -> tuple[Value, ...]:
        """A loop over the steps that were taken, in the other order, of the vector-Jacobian product of one."""
        body = fitted(self.body, [Spec(value.shape, value.dtype) for value in values])
        arrived, wanted = asked(body, grad, needs)
        of_steps = arrived[body.carries :]
        reverse = reverse_of(body, tuple([part is not None for part in of_steps]), wanted, counted=True)
        outers = values[body.carries :]

        def again(body: Body) -> Any:
            return While.apply(*values, body=body, condition=self.condition, max_steps=self.max_steps)

        first = [np.zeros_like(values[i]) if arrived[i] is None else arrived[i] for i in reverse.flowing]
        found = Scan.apply(
            *first,
            *[np.zeros_like(outers[i]) for i in reverse.summed],
            *values_of_steps(body, reverse.kept, h, again),
            *[part for part in of_steps if part is not None],
            *[outers[i] for i in reverse.outers],
            body=reverse.body,
            reverse=True,
        )
        return by_child(body, reverse, found, wanted)

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Those of the carries, and of what is stacked, with as many steps as a run takes as the first axis."""
        specs = [child.spec for child in self.children]
        slots = self.body.slots
        if not len(specs) == slots == self.condition.slots or self.body.elements or self.max_steps < 0:
            raise UsageError(
                f"{self.title}: found {len(specs)} children and max_steps={self.max_steps}, needs {slots}, "
                f"as its body and its condition have slots, none for an element, and a number from 0"
            )
        body, holds = fitted(self.body, specs), fitted(self.condition, specs).results
        if [one.spec for one in holds] != [Spec((), np.dtype(bool))]:
            raise self.shape_error(
                f"found a condition {', '.join(str(one.spec) for one in holds)}, needs one bool without axes"
            )
        of_steps = stacked(self, body, unknown())
        found = [*[one.spec for one in body.results[: body.carries]], *of_steps]
        return found if len(found) > 1 else found[0]
