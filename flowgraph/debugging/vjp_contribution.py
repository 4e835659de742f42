"""What one bprop sends to one child, apart from what others send."""

from __future__ import annotations

from typing import Any

from flowgraph.box.value import Value
from flowgraph.graph.steps import Step
from flowgraph.graph.sweep import accumulate, check_and_unbroadcast


def vjp_contribution(step: Step, child: int, grad: Value, own: Value, *values: Any) -> Any:
    """The gradient that a box sends to the child in a slot: over all places in which it is a child."""
    parts = step.bprop(grad, own, *values)
    total: Any = None
    for position, slot in step.wanted:
        if slot == child:
            part = check_and_unbroadcast(parts[position], values[position], step.box, position, own)
            total = part if total is None else accumulate(total, part)
    return total
