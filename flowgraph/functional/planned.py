"""The graph of a derivative as the function of a plan, once it has run so often that compiling it pays."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Input, Random
from flowgraph.box.underflow import again
from flowgraph.functional.containers import LEAF, rebuild, text_of
from flowgraph.functional.evaluation import Evaluation
from flowgraph.graph import Graph
from flowgraph.graph.debug_mode import debugging
from flowgraph.plan.binding import Program, bind
from flowgraph.plan.emitter import Request, emitter_of
from flowgraph.plan.passes.opening import open_composites
from flowgraph.plan.store import Store

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

MOST_IDLE, IDLE_BYTES = 4, 1 << 22
"""Functions of one plan that wait for a call, and bytes of theirs beyond those of the first: as many threads run it
without making buffers anew."""

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
        self._graph, self._outputs = self.by_boxes.graph, outputs
        self._arguments, self._sources, self._room = arguments, sources, room
        self._structure = structure
        self._first = {i: values[i] for box, i in sources.items() if not box.shape and not isinstance(box, Random)}
        self._left = self._pause = _runs_before(self._graph)
        self._lock = threading.Lock()
        self._plan: _Function | None = None

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
            return plan(arrays, values)
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

    def _compiled(self, values: Sequence[Any]) -> _Function | None:
        """The plan, unless another thread makes it, or there is none of this graph."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            fixed = {i: value for i, value in self._first.items() if _bits(value) == _bits(values[i])}
            self._first = fixed
            made = _Function(self._graph, self._outputs, self._arguments, self._sources, fixed, self._structure)
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


class _Function:
    """The function of a plan for arguments and sources; numbers that were the same in all runs are constants of it.

    Each call takes the function and its buffers for itself, so that calls in several threads, and one inside another,
    go on side by side.
    """

    def __init__(
        self, graph: Graph, outputs: Sequence[Box], arguments: Mapping[Box, int], sources: Mapping[Box, int],
        fixed: Mapping[int, Any], structure: Any,
    ) -> None:  # fmt: skip
        leaves: dict[Box, Box] = {}
        takes: list[tuple[bool, int]] = []
        given: list[Box] = []
        for box in graph.boxes:
            if box in sources and sources[box] in fixed:
                leaves[box] = Constant(fixed[sources[box]])
            elif box in sources or box in arguments:
                leaves[box] = box if isinstance(box, Input | Random) else _as_input(box, sources[box])
                takes.append((box in sources, sources[box] if box in sources else arguments[box]))
                given.append(leaves[box])
        emitter = emitter_of("numpy")
        self._store = Store({})
        opened = open_composites(Graph(*outputs), emitter.has_rule, leaves=leaves)
        request = Request(opened, self._store, given, (), frozenset(), given)
        self._program = emitter.emit(request, emitter.schedule(request))
        function: Any = bind(self._program, self._store)[0]
        owners = {id(one): one.nbytes for one in _owners_in(list(function.__globals__.values()))}
        self.bytes = sum(owners.values())
        self._most = min(MOST_IDLE, 1 + IDLE_BYTES // max(self.bytes, 1))
        self._idle: list[Callable[..., Any]] = [function]
        self._fixed = list(fixed.items())
        self._call = _written(takes, [not box.shape for box in given], self._program, structure)

    def fits(self, values: Sequence[Any]) -> bool:
        """Whether the sources that are constants of the plan have the values that it has for them."""
        return all(values[i] is value or _bits(values[i]) == _bits(value) for i, value in self._fixed)

    def others(self, values: Sequence[Any]) -> list[int]:
        """The numbers of the sources that have other values."""
        return [i for i, value in self._fixed if _bits(values[i]) != _bits(value)]

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> Any:
        """Run once."""
        idle = self._idle
        try:
            function = idle.pop()
        except IndexError:
            function = bind(self._program, self._store)[0]
        try:
            return self._call(function, arrays, values)
        finally:
            if len(idle) < self._most:
                idle.append(function)


_CALL = """\
def call(function, arrays, values):
    try:
        {results}= function({taken})
    except underflows as error:
        {results}= again(error, function, {taken})
    return {container}
"""
"""One call: arguments and sources as the function takes them, its results in their containers, the caller's own."""


def _written(
    takes: Sequence[tuple[bool, int]], numbers: Sequence[bool], program: Program, structure: Any
) -> Callable[..., Any]:
    """The call of a program; `takes` says from where each argument comes, `numbers` which are without axes."""
    taken = "".join(
        f"{'values' if of_source else 'arrays'}[{place}]{'[()]' * number}, "
        for (of_source, place), number in zip(takes, numbers, strict=True)
    )
    names = [f"r{i}" for i in range(len(program.copied))]
    own = [f"{name}.copy()[()]" if copied else name for name, copied in zip(names, program.copied, strict=True)]
    space: dict[str, Any] = {"again": again, "underflows": (FloatingPointError, RuntimeWarning)}
    container = text_of(structure, iter(own), space)
    text = _CALL.format(results="".join(f"{name}, " for name in names), taken=taken, container=container)
    exec(compile(text, "<call of a derivative>", "exec"), space)
    call: Callable[..., Any] = space["call"]
    return call


def _as_input(box: Box, place: int) -> Input:
    """The leaf of the plan for a constant or a parameter, whose value is another one in each call."""
    return Input(box.name or f"captured{place}", shape=box.shape, dtype=box.dtype)


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


def _owners_in(value: Any) -> list[Any]:
    """The arrays whose memory is that of arrays in nested lists and tuples."""
    if isinstance(value, list | tuple):
        return [owner for one in value for owner in _owners_in(one)]
    owner = None
    while isinstance(value, np.ndarray):
        owner, value = value, value.base
    return [] if owner is None else [owner]


def _bits(value: Any) -> bytes:
    return np.asarray(value).tobytes()
