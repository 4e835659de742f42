"""A graph as a function of arguments: box by box, or compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.arrays import again
from flowgraph.box.leaves import Input, Random
from flowgraph.graph import Graph
from flowgraph.graph.passes import forward
from flowgraph.graph.topology import Topology
from flowgraph.loops.containers import text_of
from flowgraph.plan.backends import Backend, BackendName, Specialised
from flowgraph.plan.store import Store


class Leaves:
    """The values of the leaves of a graph in a list with a place for every box: of arguments, sources and constants."""

    def __init__(self, graph: Topology, arguments: Mapping[Box, int], sources: Mapping[Box, int]) -> None:
        self._fed = [(arguments[box], graph.slots[box]) for box in graph.inputs]
        self._read = [(sources[box], slot) for box, slot in graph.slots.items() if box in sources]
        self._constants = [
            box.value[()] if isinstance(box, Constant) and box not in sources else None for box in graph.boxes
        ]

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """The list for the arguments and sources of one call."""
        slots = self._constants.copy()
        for i, slot in self._fed:
            slots[slot] = arrays[i]
        for i, slot in self._read:
            slots[slot] = values[i]
        return slots


class Evaluation:
    """The steps from arguments and sources to some boxes."""

    def __init__(self, outputs: Sequence[Box], arguments: Mapping[Box, int], sources: Mapping[Box, int]) -> None:
        self.graph = graph = Graph(*outputs)
        self._leaves = Leaves(graph, arguments, sources)
        self._outputs = [graph.slots[box] for box in outputs]
        self._steps = graph.fsteps(frozenset(self._outputs))

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """The outputs, of the arguments and of the values of the sources."""
        slots = self._leaves(arrays, values)
        forward(self.graph, self._steps, slots)
        return [slots[slot] for slot in self._outputs]


MOST_IDLE, IDLE_BYTES = 4, 1 << 22
"""Functions of one plan that wait for a call, and bytes of theirs beyond those of the first: as many threads run it
without making buffers anew."""

_CALL = """\
def call({arguments}):
{guard}    try:
        function = idle.pop()
    except IndexError:
        function = fresh()
    try:
        try:
            {results}= function({taken})
        except underflows as error:
            {results}= again(error, function, {taken})
        return {container}
    finally:
        if len(idle) < most:
            idle.append(function)
"""
"""One call. It takes the function and its buffers for itself, so that calls in several threads, and one inside another,
go on side by side; its results, in their containers, are the caller's own."""


class Compiled:
    """Some boxes as the function of a plan of `arguments` and of `sources`, each by its number.

    What is fed, parameters too, has a leaf of its own in the plan. `call(arrays, values)` runs it once.
    """

    def __init__(
        self, graph: Graph, arguments: Mapping[Box, int], sources: Mapping[Box, int],
        structure: Any, backend: BackendName = "numpy",
    ) -> None:  # fmt: skip
        leaves: dict[Box, Box] = {}
        self.takes: list[tuple[bool, int]] = []
        for box in graph.boxes:
            if box in sources or box in arguments:
                leaves[box] = box if isinstance(box, Input | Random) else _as_input(box, sources[box])
                self.takes.append((box in sources, sources[box] if box in sources else arguments[box]))
        self._is_number = [not box.shape for box in leaves.values() if not isinstance(box, Constant)]
        self._store = Store({})
        self.plan: Specialised = Backend(backend).specialise_graph(graph, self._store, leaves, (), frozenset())
        function = self.plan.functions[0]
        owners = {id(owner): owner.nbytes for owner in _owners_in(list(function.__globals__.values()))}
        self.bytes = sum(owners.values())
        self.idle: list[Callable[..., Any]] = [function]
        self._structure = structure
        self.call = self.write_function("arrays, values", "", *_BY_NUMBER)

    def write_function(
        self, arguments: str, guard: str, arrays: Callable[[int], str], values: Callable[[int], str],
        space: Mapping[str, Any] | None = None,
    ) -> Callable[..., Any]:  # fmt: skip
        """A function of these arguments that runs the plan once.

        `guard` are lines before it; `arrays` and `values` write the expressions of an argument and of a source by its
        number, with the names of `space`.
        """
        program = self.plan.program
        taken = "".join(
            f"{values(place) if of_source else arrays(place)}{'[()]' * number}, "
            for (of_source, place), number in zip(self.takes, self._is_number, strict=True)
        )
        names = [f"r{i}" for i in range(len(program.copied))]
        own = [f"{name}.copy()[()]" if copied else name for name, copied in zip(names, program.copied, strict=True)]
        known: dict[str, Any] = {
            "again": again, "underflows": (FloatingPointError, RuntimeWarning), "idle": self.idle, "fresh": self._fresh,
            "most": min(MOST_IDLE, 1 + IDLE_BYTES // max(self.bytes, 1)), **(space or {}),
        }  # fmt: skip
        container = text_of(self._structure, iter(own), known)
        results = "".join(f"{name}, " for name in names)
        text = _CALL.format(arguments=arguments, guard=guard, results=results, taken=taken, container=container)
        exec(compile(text, "<call of a compiled function>", "exec"), known)
        call: Callable[..., Any] = known["call"]
        return call

    def _fresh(self) -> Callable[..., Any]:
        """The function with buffers of its own."""
        return self.plan.bind_functions()[0]


_BY_NUMBER = (lambda place: f"arrays[{place}]", lambda place: f"values[{place}]")


def _as_input(box: Box, place: int) -> Input:
    """The leaf of the plan for a constant or a parameter, whose value is another one in each call."""
    return Input(box.name or f"captured{place}", shape=box.shape, dtype=box.dtype)


def _owners_in(value: Any) -> list[Any]:
    """The arrays whose memory is that of arrays in nested lists and tuples."""
    if isinstance(value, list | tuple):
        return [owner for item in value for owner in _owners_in(item)]
    owner = None
    while isinstance(value, np.ndarray):
        owner, value = value, value.base
    return [] if owner is None else [owner]
