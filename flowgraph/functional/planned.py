"""The graph of a derivative as the function of a plan, once it has run so often that compiling it pays."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.functional.compiled import Compiled, Evaluation, is_bitwise
from flowgraph.functional.containers import LEAF, flatten, rebuild
from flowgraph.functional.in_numbers import FirstOrder
from flowgraph.functional.record import Captured
from flowgraph.graph.topology import Topology, debugging

RUNS, FEWEST = 128, 16
"""Runs of a graph of small arrays before it is compiled, and of any graph.

Compiling takes 0.2 ms a box and saves 1 to 1.5 microseconds a box in each later run: 100 to 200 runs pay it back. Who
compiles when as much was lost as compiling costs never takes more than twice the time of who knew the number of calls.
"""

ELEMENTS = 4096
"""Elements of the values of a graph, in the mean over its boxes, for which a plan saves as much again as for calls:
an MLP of 128-64-10 (1,800 of them) takes 76 runs to pay the compilation back, one of 784-100-10 (19,000) 24."""

LARGEST = 2000
"""Boxes of a graph that is compiled: a bound of about half a second on the one call that compiles."""

MOST = 16
"""Graphs of one function that are kept as plans, each with buffers of its own; the one compiled first goes."""

MOST_BYTES = 1 << 25
"""Bytes of the buffers of these plans. A graph that needs more alone runs box by box: it hardly gains by a plan."""

_NEVER = 1 << 62
"""More runs than there will be."""


class Derivation(Evaluation):
    """The graph of a derivative, of which `result` are the boxes, with what its derivation asked of its sources.

    For other values of the `sources` that meet these conditions the derivation would build the same graph.
    """

    passes = 1

    def __init__(self, result: Any, arguments: Mapping[Box, int], sources: Sequence[Box]) -> None:
        outputs: list[Any] = []
        self.structure = flatten(result, outputs)
        self.arguments = arguments
        self.sources = {source: i for i, source in enumerate(sources)}
        super().__init__([one if isinstance(one, Box) else Constant(one) for one in outputs], arguments, self.sources)
        settled = [(i, source.settle()) for i, source in enumerate(sources) if isinstance(source, Captured)]
        self._conditions = [(i, conditions) for i, conditions in settled if conditions]

    def accepts(self, values: Sequence[Any]) -> bool:
        """Whether the derivation would build the same graph for these values of the sources."""
        for i, conditions in self._conditions:
            value = np.asarray(values[i])
            if any(predicate(value) != said for predicate, said in conditions):
                return False
        return True


class Planned:
    """A derivative of arguments and sources: computed step by step at first, by a plan after a number of runs.

    The number follows from the graph alone, so that a program gives the same bits whenever it is run. `derive` makes
    the `derivation` that a plan is compiled of; the steps are that, or those of a first derivative in numbers. Sources
    in `fixed` are constants of the plan as long as they have these values. `room` has the plans of the function, of
    which the oldest goes. A run that fails in the plan is repeated step by step, whose error names the box.
    """

    def __init__(
        self, steps: FirstOrder | Derivation, derive: Callable[[Sequence[Any]], Derivation], fixed: dict[int, Any],
        room: deque[Planned],
    ) -> None:  # fmt: skip
        self.derivation = steps if isinstance(steps, Derivation) else None
        self._steps, self._derive, self._room = steps, derive, room
        self._first = fixed
        self._left = self._pause = _runs_before(steps.graph, steps.passes)
        self._lock = threading.Lock()
        self._ready: tuple[Compiled, Derivation] | None = None

    @property
    def plan(self) -> Compiled | None:
        """The plan that runs now, if there is one."""
        ready = self._ready
        return None if ready is None else ready[0]

    @property
    def bytes(self) -> int:
        """Bytes of the buffers of the plan, if there is one."""
        plan = self.plan
        return 0 if plan is None else plan.bytes

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> Any:
        """The outputs for arguments and values of the sources: arrays of the caller's own, in their containers."""
        ready = self._ready
        if ready is None:
            self._left -= 1
            if self._left >= 0 or debugging():
                return self._computed(arrays, values)
            ready = self._compiled(values)
        if ready is None or debugging() or not ready[1].accepts(values):
            return self._computed(arrays, values)
        plan = ready[0]
        if not plan.fits(values):
            self.forget(plan.others(values))
            return self._computed(arrays, values)
        try:
            return plan.call(arrays, values)
        except Exception:
            found = self._computed(arrays, values)  # which raises the error of the box
            self._give_up()
            return found

    def forget(self, changed: Sequence[int] = ()) -> None:
        """Let go of the plan; the sources by these numbers are not taken for constants in the next one."""
        for i in changed:
            self._first.pop(i, None)
        self._ready, self._left = None, self._pause

    def _computed(self, arrays: Sequence[Any], values: Sequence[Any]) -> Any:
        found = self._steps(arrays, values)
        if found is None:  # a NaN: which branches are not taken is a matter of the derivation
            found = self._derived(values)(arrays, values)
        owned = [np.array(value)[()] for value in found]
        return owned[0] if self._steps.structure is LEAF else rebuild(self._steps.structure, iter(owned))

    def _derived(self, values: Sequence[Any]) -> Derivation:
        """The derivation for these values of the sources."""
        found = self.derivation
        if found is None or not found.accepts(values):
            found = self.derivation = self._derive(values)
        return found

    def _compiled(self, values: Sequence[Any]) -> tuple[Compiled, Derivation] | None:
        """The plan and what it is of, unless another thread makes it, or there is none of this graph."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            fixed = {i: value for i, value in self._first.items() if is_bitwise(value, values[i])}
            self._first = fixed
            of = self._derived(values)
            made = Compiled(of.graph, of.arguments, of.sources, fixed, of.structure)
            if made.bytes > MOST_BYTES:
                self._give_up()
                return None
            self._ready = made, of
            self._make_room()
        except Exception:  # what box classes of a user raise when they are built on other boxes: the graph has run
            self._give_up()
        finally:
            self._lock.release()
        return self._ready

    def _give_up(self) -> None:
        """Run box by box from now on."""
        self._ready, self._left, self._pause = None, _NEVER, _NEVER

    def _make_room(self) -> None:
        """Let go of the plans of the same function that were compiled first, as long as there are too many."""
        room = self._room
        if self in room:
            room.remove(self)
        room.append(self)
        while len(room) > MOST or sum([one.bytes for one in tuple(room)]) > MOST_BYTES:
            room.popleft().forget()


def _runs_before(graph: Topology, passes: int) -> int:
    """The number of runs after which a graph is compiled; more than there will be for one that is too large.

    Its derivation has about as many times the boxes as there are `passes`.
    """
    if len(graph.boxes) * passes > LARGEST:
        return _NEVER
    sizes = [size for box in graph.boxes for spec in box.outputs for size in [_elements(spec.shape)]]
    return max(min(RUNS, FEWEST), int(RUNS / (1 + sum(sizes) / max(len(sizes), 1) / ELEMENTS)))


def _elements(shape: Any) -> int:
    """The number of elements, where an unknown size counts once."""
    found = 1
    for size in shape:
        found *= size if isinstance(size, int) else 1
    return found
