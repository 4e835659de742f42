"""A graph computed box by box on the arguments of a call and on what its function took from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowgraph.box import Box, Constant
from flowgraph.graph import Graph
from flowgraph.graph.passes import forward
from flowgraph.graph.topology import Topology


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
