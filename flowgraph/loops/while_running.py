"""The steps of a while loop on arrays, by the plans of its condition and of its body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import new_lock
from flowgraph.graph import Graph
from flowgraph.loops.body import Body
from flowgraph.plan.backends import Backend
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.store import Store


class WhileRunner:
    """The compiled condition and body of one loop."""

    def __init__(self, body: Body, condition: Body) -> None:
        self.body, self.condition = body, condition
        self.lock = new_lock()  # the plans write to buffers of their own
        self._holds = _function(condition)
        self._step = _function(body)
        given = set(body.leaves)
        self._own = [one not in given for one in body.results]  # what the next step would write over

    def __call__(self, arrays: Sequence[Array], max_steps: int) -> tuple[tuple[Any, ...] | None, str]:
        """The last carries and what was stacked; None, and what is known of it, where the condition holds on."""
        carries = self.body.carries
        state, outers = [one[()] for one in arrays[:carries]], [one[()] for one in arrays[carries:]]
        before, stacks = state, [[] for _ in self.body.results[carries:]]  # type: ignore[var-annotated]
        steps = 0
        with self.lock:
            while self._holds(*state, *outers)[0]:
                if steps == max_steps:
                    return None, _why_endless(before, state, steps)
                found = self._step(*state, *outers)
                new = [_copy(one) if own else one for one, own in zip(found, self._own, strict=True)]
                before, state = state, new[:carries]
                for stack, one in zip(stacks, new[carries:], strict=True):
                    stack.append(one)
                steps += 1
        shapes = [((steps, *shape_of(one)), one.dtype) for one in self.body.results[carries:]]
        stacked = [np.array(stack, dtype).reshape(shape) for stack, (shape, dtype) in zip(stacks, shapes, strict=True)]
        return (*map(_copy, state), *stacked), ""


def _function(body: Body) -> Callable[..., Any]:
    """The function of the slots that computes the results of a body."""
    leaves: dict[Box, Box] = {slot: slot for slot in body.leaves}
    made = Backend("numpy").specialised(Graph(*body.results), Store({}), leaves, (), frozenset())
    function: Callable[..., Any] = made.functions[0]
    return function


def _copy(value: Any) -> Any:
    return value.copy() if type(value) is np.ndarray else value


def _why_endless(before: Sequence[Any], state: Sequence[Any], steps: int) -> str:
    """What the last step says about those that would follow."""
    pairs = zip(before, state, strict=True)
    if steps and all(np.array_equal(old, new, equal_nan=new.dtype.kind in "fc") for old, new in pairs):
        return " (the last step changed nothing, so no later one will)"
    strange = [i for i, one in enumerate(state) if one.dtype.kind in "fc" and not np.isfinite(one).all()]
    return f" (carry[{strange[0]}] is not finite)" if strange else ""
