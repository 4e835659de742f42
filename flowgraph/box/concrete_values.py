"""The concrete values behind boxes while a function is traced, for Python control flow that asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np

from flowgraph.box.node import Node
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.box.vocabulary import Value
from flowgraph.errors import UsageError

_current: ContextVar[Trace | None] = ContextVar("flowgraph_trace", default=None)


class Steps(Protocol):
    """What is called in place of each function of NumPy on boxes, to record or to replay it."""

    def call(
        self,
        build: Callable[..., Any],
        function: Callable[..., Any],
        method: str,
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> Any:
        """The result of the function: what `build` returns, or an equal one that is made in another way."""


class Trace:
    """One call of a function on boxes, where each leaf has a concrete array.

    A value is computed when it is asked for, and `asked` counts how often: what is built next may follow from it.
    `constants` is the class of the constants that are built meanwhile. Random leaves are numbered as they are built,
    and draw from `seed`, or from that of the innermost derivative that has one. `steps`, if any, looks on at each
    function. A trace that is `for_all` stands for the calls with all values, as under `functional.jit`: no box has a
    value in it, and no parameter is read. `refused` is the last error by which a box refused to be a number.
    """

    refused: UsageError | None = None

    def __init__(
        self, values: Mapping[Node, Any], constants: type[Any], seed: Seed = None, for_all: bool = False
    ) -> None:
        self.asked = 0
        self.constants = constants
        self.randoms: dict[Any, tuple[Any, int]] = {}
        self.steps: Steps | None = None
        self.for_all = for_all
        self._seed = seed
        self._seeds: list[tuple[Any, Iterator[int]]] = []
        self._values: dict[Node, Any] = dict(values)

    @property
    def seed(self) -> Any:
        """The seed of the call, drawn where it is first needed."""
        self._seed = seed_of_run(self._seed)
        return self._seed

    def note(self, leaf: Value) -> tuple[Any, int]:
        """The seed of a random leaf, None for that of the call, and its number among those of the same seed."""
        if leaf not in self.randoms:
            if self._seeds:
                seed, numbers = self._seeds[-1]
                self.randoms[leaf] = seed, next(numbers)
            else:
                self.randoms[leaf] = None, len(self.randoms)
        return self.randoms[leaf]

    @contextmanager
    def seeded(self, seed: Seed) -> Iterator[None]:
        """Let the random leaves that are built inside draw from a seed of their own, counted from 0."""
        self._seeds.append((seed, iter(range(1 << 62))))
        try:
            yield
        finally:
            self._seeds.pop()

    def answer(self, box: Node, kind: Callable[[Any], Any]) -> Any:
        """The value of a box as a bool or an int, None where it reads a leaf from outside that has none."""
        value = None if self.for_all else self.value_of(box)
        if value is None:
            return None
        self.asked += 1
        return kind(value)

    def unknown(self, box: Node) -> Any:
        """The leaf that a box reads and that has no value in this call, if any."""
        seen: set[Node] = set(self._values)
        stack = [box]
        while stack:
            top = stack.pop()
            if top not in seen and not top.children and "draw" not in top.__dict__ and self._value_of_leaf(top) is None:
                return top
            stack += () if top in seen else top.children
            seen.add(top)
        return None

    def value_of(self, box: Node) -> Any:
        """The value of a box, None where it reads a leaf from outside that has none."""
        values = self._values
        stack = [box]
        while stack:
            top = stack[-1]
            missing = [child for child in top.children if child not in values]
            if top in values:
                stack.pop()
            elif missing:
                stack.extend(missing)
            elif top.children:
                values[top] = top.fprop(*[values[child] for child in top.children])
            else:
                value = self._value_of_leaf(top)
                if value is None:
                    return None
                values[top] = np.asarray(value)[()]
        return values[box]

    def _value_of_leaf(self, leaf: Value) -> Any:
        if "draw" in leaf.__dict__:
            seed, number = self.note(leaf)
            return leaf.value_for(self.seed if seed is None else seed, number, {})
        kind = type(leaf)  # a box looks for similar names where it is asked for an attribute that it has not
        return leaf.held if hasattr(kind, "held") else leaf.current() if hasattr(kind, "current") else None


UNDER_JIT = "has no number in a function under jit, which is called once for all values"
"""Why a box is no number there, as errors say it."""

current: Callable[[], Trace | None] = _current.get
"""The trace that is going on, if any."""


@contextmanager
def traced(trace: Trace | None) -> Iterator[None]:
    """Let boxes answer from the values of this trace; of none, for a while."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)
