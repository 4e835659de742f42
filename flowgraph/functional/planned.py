"""The graph of a derivative as the function of a plan, once it has run so often that compiling it pays."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Random
from flowgraph.functional.compiled import Compiled, is_bitwise
from flowgraph.functional.containers import LEAF, rebuild
from flowgraph.functional.evaluation import Evaluation
from flowgraph.graph import Graph
from flowgraph.graph.debug_mode import debugging

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


class Planned:
    """Some boxes of arguments and sources: computed box by box at first, by a plan after a number of runs.

    The number follows from the graph alone, so that a program gives the same bits whenever it is run. `room` has the
    plans of the function, of which the oldest goes. A run that fails in the plan is repeated box by box, whose error
    names the box.
    """

    def __init__(
        self, outputs: Sequence[Box], arguments: Mapping[Box, int], sources: Mapping[Box, int], values: Sequence[Any],
        room: deque[Planned], structure: Any,
    ) -> None:  # fmt: skip
        self.by_boxes = Evaluation(outputs, arguments, sources)
        self._graph = self.by_boxes.graph
        self._arguments, self._sources, self._room = arguments, sources, room
        self._structure = structure
        self._first = {i: values[i] for box, i in sources.items() if not box.shape and not isinstance(box, Random)}
        self._left = self._pause = _runs_before(self._graph)
        self._lock = threading.Lock()
        self._plan: Compiled | None = None

    @property
    def is_compiled(self) -> bool:
        """Whether runs go through a plan now."""
        return self._plan is not None

    @property
    def bytes(self) -> int:
        """Bytes of the buffers of the plan, if there is one."""
        plan = self._plan
        return 0 if plan is None else plan.bytes

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> Any:
        """The outputs for arguments and values of the sources: arrays of the caller's own, in their containers."""
        plan = self._plan
        if plan is None:
            self._left -= 1
            if self._left >= 0 or debugging():
                return self._computed(arrays, values)
            plan = self._compiled(values)
        if plan is None or debugging():
            return self._computed(arrays, values)
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
        self._plan, self._left = None, self._pause

    def _computed(self, arrays: Sequence[Any], values: Sequence[Any]) -> Any:
        found = [np.array(value)[()] for value in self.by_boxes(arrays, values)]
        return found[0] if self._structure is LEAF else rebuild(self._structure, iter(found))

    def _compiled(self, values: Sequence[Any]) -> Compiled | None:
        """The plan, unless another thread makes it, or there is none of this graph."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            fixed = {i: value for i, value in self._first.items() if is_bitwise(value, values[i])}
            self._first = fixed
            made = Compiled(self._graph, self._arguments, self._sources, fixed, self._structure)
            if made.bytes > MOST_BYTES:
                self._give_up()
                return None
            self._plan = made
            self._make_room()
        except Exception:  # what box classes of a user raise when they are built on other boxes: the graph has run
            self._give_up()
        finally:
            self._lock.release()
        return self._plan

    def _give_up(self) -> None:
        """Run box by box from now on."""
        self._plan, self._left, self._pause = None, _NEVER, _NEVER

    def _make_room(self) -> None:
        """Let go of the plans of the same function that were compiled first, as long as there are too many."""
        room = self._room
        if self in room:
            room.remove(self)
        room.append(self)
        while len(room) > MOST or sum([one.bytes for one in tuple(room)]) > MOST_BYTES:
            room.popleft().forget()


def _runs_before(graph: Graph) -> int:
    """The number of runs after which a graph is compiled; more than there will be for one that is too large."""
    if len(graph.boxes) > LARGEST:
        return _NEVER
    sizes = [size for box in graph.boxes for spec in box.outputs for size in [_elements(spec.shape)]]
    return max(min(RUNS, FEWEST), int(RUNS / (1 + sum(sizes) / max(len(sizes), 1) / ELEMENTS)))


def _elements(shape: Any) -> int:
    """The number of elements, where an unknown size counts once."""
    found = 1
    for size in shape:
        found *= size if isinstance(size, int) else 1
    return found
