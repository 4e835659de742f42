"""The backward pass of the lecture, written once: on arrays it gives numbers, on boxes it gives boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex
from flowgraph.graph.cached_steps import CachedSteps
from flowgraph.graph.steps import Step
from flowgraph.graph.topology import Topology

Sweep = Callable[[Topology, Sequence[Step], Sequence[Any], Sequence[Any], Sequence[Box]], list[Any]]
"""Takes a graph, steps, values, seeds and what is differentiated by, and gives the gradients that the steps send."""


def backward(
    graph: CachedSteps, values: Sequence[Any], seeds: Sequence[Any], wrt: tuple[Box, ...], sweep: Sweep,
    every: bool = False,
) -> dict[Box, Any]:  # fmt: skip
    """The gradient by each of `wrt`, zeros where none arrives; with `every` also for the boxes on the way.

    Boxes are visited in reverse topological order, and only those that lead to `wrt`; each sends to its children the
    vector-Jacobian product of what arrived. `values` and `seeds` have a place for every box: the values are arrays, or
    the boxes themselves. `sweep` says how the steps are taken, and with which checks.

    Source: Larochelle, Training neural networks, "flow graph", bprop.
    """
    grads = sweep(graph, graph.bsteps(wrt), values, seeds, wrt)
    found = {box: conjugate_if_complex(grads[graph.slots[box]]) for box in wrt}
    if every:
        sent = zip(graph.boxes, grads, strict=True)
        found |= {box: conjugate_if_complex(grad) for box, grad in sent if grad is not None and box not in found}
    zeros = {box: np.zeros_like(values[graph.slots[box]]) for box, grad in found.items() if grad is None}
    return {**found, **zeros}


def seeds_of(graph: Topology, arriving: Iterable[tuple[Box, Any]]) -> list[Any]:
    """The gradients before the sweep, in a list with a place for every box; what arrives at one box adds up."""
    seeds: list[Any] = [None] * len(graph)
    for box, grad in arriving:
        slot, seed = graph.slots[box], conjugate_if_complex(grad)
        seeds[slot] = seed if seeds[slot] is None else seeds[slot] + seed
    return seeds
