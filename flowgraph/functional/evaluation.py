"""A graph computed box by box on the arguments of a call and on what its function took from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowgraph.box import Box, Constant
from flowgraph.graph import Graph
from flowgraph.graph.passes import forward


class Evaluation:
    """The steps from arguments and sources to some boxes."""

    def __init__(self, outputs: Sequence[Box], arguments: Mapping[Box, int], sources: Mapping[Box, int]) -> None:
        graph = Graph(*outputs)
        self.graph = graph
        self._fed = [(arguments[box], graph.slots[box]) for box in graph.inputs]
        self._read = [(sources[box], slot) for box, slot in graph.slots.items() if box in sources]
        self._outputs = [graph.slots[box] for box in outputs]
        self._steps = graph.fsteps(frozenset(self._outputs))
        self._constants = [
            box.value[()] if isinstance(box, Constant) and box not in sources else None for box in graph.boxes
        ]

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """The outputs, of the arguments and of the values of the sources."""
        slots = self._constants.copy()
        for i, slot in self._fed:
            slots[slot] = arrays[i]
        for i, slot in self._read:
            slots[slot] = values[i]
        forward(self.graph, self._steps, slots)
        return [slots[slot] for slot in self._outputs]
