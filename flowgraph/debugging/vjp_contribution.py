"""What one bprop sends to one child, apart from what others send."""

from __future__ import annotations

from typing import Any

from flowgraph.box.vocabulary import Value
from flowgraph.graph.passes import Step, accumulate


def vjp_contribution(step: Step, child: int, grad: Value, own: Value, *values: Any) -> Any:
    """The gradient that a box sends to the child in a slot: over all places in which it is a child."""
    parts = step.bprop(grad, own, *values)
    total: Any = None
    for position, slot, edge in step.edges:
        if slot == child:
            part = edge.settled(parts[position], values[position])
            total = part if total is None else accumulate(total, part)
    return total
