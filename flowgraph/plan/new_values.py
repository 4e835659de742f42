"""New values of parameters, each in memory of its own."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.arithmetic import Positive
from flowgraph.graph import Graph
from flowgraph.plan.kinds import Kinds
from flowgraph.plan.schedule import FlatParameters


def with_new_values(graph: Graph, parameters: Sequence[Parameter], flat: FlatParameters | None = None) -> Graph:
    """The graph whose last outputs, the new values, each fill a buffer of their own: a copy where they would not.

    New values that are sections of a flat array share its buffer.
    """
    together = {p for run in flat.new.values() for p in run} if flat else set()
    kept = len(graph.outputs) - len(parameters)
    seen: set[Box] = set()
    outputs = list(graph.outputs)
    kinds = Kinds()
    for place in range(kept, len(outputs)):
        box = outputs[place]
        if parameters[place - kept] not in together and (kinds[box] not in ("fill", "number") or box in seen):
            outputs[place] = Positive(box)
        seen.add(box)
    return Graph(*outputs)


def nearest_first(graph: Graph, new: Sequence[Box]) -> list[Box]:
    """Boxes in the order in which backpropagation comes to them: what they read can die early."""
    depth: dict[Box, int] = {}
    for box in graph.boxes:
        depth[box] = 1 + max((depth[child] for child in box.children), default=0)
    return sorted(new, key=depth.__getitem__)
