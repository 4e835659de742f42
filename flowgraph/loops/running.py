"""The steps of a loop on arrays: as Python's numbers where the body is small, else by the plan of the body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import new_lock
from flowgraph.graph import Graph
from flowgraph.loops.body import Body, known_of
from flowgraph.loops.numbers import in_numbers
from flowgraph.plan.backends import Backend
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.store import Store


def run(body: Body, arrays: Sequence[Array], length: int, reverse: bool) -> tuple[Any, ...]:
    """The last carries, and what was stacked."""
    runner = known_of(body, "runner", lambda: Runner(body))
    return runner(arrays, length, reverse)


class Runner:
    """The compiled body of one loop.

    A body whose values are all few float64 runs as arithmetic of Python's floats, in one function for all steps.
    Where that is not what NumPy would compute (a division by zero, an overflow), the steps run again as calls of NumPy,
    which warn as it does.
    """

    def __init__(self, body: Body) -> None:
        self.carries, self.elements = body.carries, body.elements
        self.leaves = body.leaves
        self.results = body.results
        self.lock = new_lock()  # the step writes to buffers of its own
        self.numbers = in_numbers(body)
        self._loop: Callable[..., Any] | None = None

    def __call__(self, arrays: Sequence[Array], length: int, reverse: bool) -> tuple[Any, ...]:
        """The last carries and what was stacked."""
        if self.numbers is not None and length:
            results = self.numbers(arrays, length, reverse)
            if results is not None:
                return results
        with self.lock:
            return self._by_calls(arrays, length, reverse)

    def _by_calls(self, arrays: Sequence[Array], length: int, reverse: bool) -> tuple[Any, ...]:
        if self._loop is None:
            leaves: dict[Box, Box] = {slot: slot for slot in self.leaves}
            found = Backend("numpy").specialised(Graph(*self.results), Store({}), leaves, (), frozenset())
            self._loop = _bound(self, found.functions[0])
        stacks = [np.empty((length, *shape_of(one)), one.dtype) for one in self.results[self.carries :]]
        order = range(length - 1, -1, -1) if reverse else range(length)
        inner = self.carries + self.elements
        state, inputs, outers = arrays[: self.carries], arrays[self.carries : inner], arrays[inner:]
        last = self._loop(order, *[one[()] for one in state], *inputs, *[one[()] for one in outers], *stacks)
        return (*[one.copy() if type(one) is np.ndarray else one for one in last], *stacks)  # none lies in another one


def _bound(runner: Runner, step: Callable[..., Any]) -> Callable[..., Any]:
    """The loop as a function of the steps, the first carries, inputs, what is read from outside, and the stacks.

    The step returns arrays that its next call writes over, so what it hands on is copied, or read where it is stacked.
    """
    carries, count = runner.carries, len(runner.results)
    state, new = [f"s{i}" for i in range(carries)], [f"r{i}" for i in range(count)]
    inputs = [f"x{i}" for i in range(runner.elements)]
    outers = [f"p{i}" for i in range(len(runner.leaves) - carries - len(inputs))]
    stacks = [f"y{i}" for i in range(count - carries)]
    given = [*state, *(f"{name}[t]" for name in inputs), *outers]
    lines = [f"{''.join(f'{name}, ' for name in new)} = step({', '.join(given)})"] if new else []
    lines += [f"{stack}[t] = {name}" for stack, name in zip(stacks, new[carries:], strict=True)]
    where = {one: f"{stack}[t]" for stack, one in zip(stacks, runner.results[carries:], strict=True)}
    for name, result, value in zip(state, new, runner.results, strict=False):
        lines.append(f"{name} = {where.get(value, f'{result}.copy()') if value.shape else result}")
    head = f"def loop({', '.join(['order', *state, *inputs, *outers, *stacks])}):"
    text = [head, "    for t in order:", *(f"        {line}" for line in lines or ["pass"])]
    space: dict[str, Any] = {"step": step}
    exec(compile("\n".join([*text, f"    return ({''.join(f'{name}, ' for name in state)})"]), "<loop>", "exec"), space)
    loop: Callable[..., Any] = space["loop"]
    return loop
