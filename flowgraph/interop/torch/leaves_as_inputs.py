"""A graph whose every leaf is an input, perhaps of other floats: what a program is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Input
from flowgraph.graph import Graph
from flowgraph.graph.steps import replay
from flowgraph.shapes.size import Shape


class WithInputs(NamedTuple):
    """The outputs of a graph on inputs, one for each of the leaves that were asked for."""

    inputs: list[Input]
    outputs: list[Box]


def leaves_as_inputs(
    graph: Graph, leaves: Sequence[Box], shapes: Sequence[Shape], floats: np.dtype[Any] | None
) -> WithInputs:
    """The graph on inputs of these shapes in the place of leaves; real leaves and constants of the dtype `floats`."""
    inputs = [
        Input(f"leaf {place}", shape=shape, dtype=_dtype(leaf, floats))
        for place, (leaf, shape) in enumerate(zip(leaves, shapes, strict=True))
    ]
    known: dict[Any, Any] = dict(zip(leaves, inputs, strict=True))
    for box in graph.boxes:
        if isinstance(box, Constant) and _dtype(box, floats) != box.dtype:
            known[box] = Constant(box.value, dtype=floats)
    values = replay(graph.boxes, graph.slots, known) if known else list(graph.boxes)
    return WithInputs(inputs, [values[graph.slots[box]] for box in graph.outputs])


def _dtype(leaf: Box, floats: np.dtype[Any] | None) -> np.dtype[Any]:
    return floats if floats is not None and leaf.dtype.kind == "f" else leaf.dtype
