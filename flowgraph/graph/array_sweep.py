"""The backward sweep on arrays, with the postconditions of debug mode, repeated with masks where it meets a NaN."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.underflow import again
from flowgraph.errors import GradientWarning
from flowgraph.graph.debug_mode import debugging
from flowgraph.graph.postconditions import checked_sweep, is_nan, nan_text, read_nan
from flowgraph.graph.steps import Step
from flowgraph.graph.sweep import sweep
from flowgraph.graph.topology import Topology
from flowgraph.graph.where_masking import mask_untaken


def sweep_arrays(
    graph: Topology, steps: Sequence[Step], values: Sequence[Any], seeds: Sequence[Any], wrt: Sequence[Box]
) -> list[Any]:
    """The gradients of all boxes.

    Masks of branches that are not taken cost more than the sweep itself, so they are only made where a gradient by one
    of `wrt` is NaN without them.
    """
    try:
        return _swept(graph, steps, values, seeds, wrt)
    except (FloatingPointError, RuntimeWarning) as error:
        grads: list[Any] = again(error, _swept, graph, steps, values, seeds, wrt)
        return grads


def _swept(
    graph: Topology, steps: Sequence[Step], values: Sequence[Any], seeds: Sequence[Any], wrt: Sequence[Box]
) -> list[Any]:
    grads = list(seeds)
    if debugging():
        checked_sweep(graph, steps, values, grads)
    else:
        sweep(steps, values, grads)
    if any(_has_nan(grads[graph.slots[box]]) for box in wrt):
        return _sweep_to_nan(graph, steps, values, seeds)
    return grads


def _sweep_to_nan(graph: Topology, steps: Sequence[Step], values: Sequence[Any], seeds: Sequence[Any]) -> list[Any]:
    """The sweep anew, with an exact 0 for branches that are not taken.

    A warning names the first bprop that made a NaN of what was free of it, none where the values held one already.
    """
    grads = list(seeds)
    named = False
    for step in mask_untaken(steps, grads):
        sweep((step,), values, grads)
        for position, child in step.wanted:
            if not named and is_nan(grads[child]) and not read_nan(step, values, grads):
                warnings.warn(nan_text(graph, step, position), GradientWarning, stacklevel=3)
                named = True
    return grads


def _has_nan(part: Value) -> bool:
    """A cheap look: a sum that is no NaN rules one out."""
    if part is None or isinstance(part, tuple):
        return False
    with np.errstate(all="ignore"):
        return bool(np.isnan(np.sum(part))) and bool(np.isnan(part).any())
