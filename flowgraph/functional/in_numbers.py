"""A first derivative computed in numbers: one forward and one backward pass over the boxes of a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value, concrete_values
from flowgraph.box.underflow import again
from flowgraph.derivatives.backward_graph import Fallback, seed_of
from flowgraph.functional.containers import mapped
from flowgraph.functional.record import refuse_stranger
from flowgraph.functional.transforms import Subject
from flowgraph.graph import Graph
from flowgraph.graph.passes import Step, backward, forward, seeds_of, sweep
from flowgraph.graph.steps import refuse_lost
from flowgraph.graph.topology import Topology
from flowgraph.graph.where_masking import mask_untaken


def computed(transform: Callable[[Subject], Any], subject: Subject, trace: concrete_values.Trace) -> Any:
    """The result of a transform of `FIRST_ORDER` for one call: arrays of the caller's own, in their containers."""

    def gradients(
        outputs: Sequence[Box], wrt: Sequence[Box], grads: Sequence[Value], *, fallback: Fallback | None, unused: str
    ) -> list[Any]:
        return _gradients(trace, outputs, wrt, grads)

    def value(leaf: Value) -> Any:
        return np.array(trace.value_of(leaf) if isinstance(leaf, Box) else leaf)[()]

    with concrete_values.traced(None):
        return mapped(value, transform(subject._replace(gradients=gradients)))


def _gradients(
    trace: concrete_values.Trace, outputs: Sequence[Box], wrt: Sequence[Box], grads: Sequence[Value]
) -> list[Any]:
    """What `derivatives.gradients` computes, with zeros for what no output depends on; the values go to the trace."""
    graph = Graph(*outputs)
    boxes = tuple(box for box in wrt if box in graph)
    cut = graph.cut(boxes)
    refuse_lost(graph, cut)
    values = [None if box.children else _value_of_leaf(trace, box) for box in graph.boxes]
    forward(graph, graph.fsteps(None), values)
    trace.know(dict(zip(graph.boxes, values, strict=True)))
    seeds = [(output, trace.value_of(seed_of(output, grad))) for output, grad in zip(outputs, grads, strict=True)]
    reached = tuple(box for box in boxes if box not in cut)
    found = backward(graph, graph.bsteps(reached), values, seeds_of(graph, seeds), reached, _sweep)
    return [found[box] if box in found else np.zeros_like(trace.value_of(box)) for box in wrt]


def _value_of_leaf(trace: concrete_values.Trace, leaf: Box) -> Any:
    value = trace.value_of(leaf)
    if value is None:
        refuse_stranger(leaf)
    return value


def _sweep(
    graph: Topology, steps: Sequence[Step], values: Sequence[Any], seeds: Sequence[Any], wrt: Sequence[Box]
) -> list[Any]:
    """The gradients of all boxes; where one by `wrt` is NaN, branches that are not taken send an exact 0.

    It says nothing of a NaN, as a function of NumPy says nothing.
    """

    def swept() -> list[Any]:
        grads = list(seeds)
        sweep(steps, values, grads)
        if any(np.isnan(grads[graph.slots[box]]).any() for box in wrt if grads[graph.slots[box]] is not None):
            grads = list(seeds)
            sweep(mask_untaken(steps, grads), values, grads)
        return grads

    try:
        return swept()
    except (FloatingPointError, RuntimeWarning) as error:
        found: list[Any] = again(error, swept)
        return found
