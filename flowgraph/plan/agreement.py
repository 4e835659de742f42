"""Debug mode of plans: their values are compared with those of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.box.random_draws import Seed
from flowgraph.errors import PlanError
from flowgraph.graph import Graph
from flowgraph.graph.graph import Run

ULPS = 256
"""Units in the last place of the largest number on the way: sums are added up in another order than in the graph.

A bound that no right plan meets, not a tuned one: `python -m benchmarks fuzz` holds plans against the rounding of each
element.
"""


class Expected:
    """What the graph computes from the values that the parameters have now."""

    def __init__(self, graph: Graph, feeds: Mapping[Any, Any], seed: Seed) -> None:
        with np.errstate(all="ignore"):
            self.run: Run = graph.fprop({key: value for key, value in feeds.items() if key in graph}, seed=seed)
        floats = [np.asarray(self.run[box]) for box in graph if len(box.outputs) == 1 and box.dtype.kind in "fc"]
        self.largest = max((_largest(value) for value in floats), default=0.0)
        self.precision = max((float(np.finfo(value.dtype).eps) for value in floats), default=0.0)

    def compare(self, boxes: Sequence[Box], values: Sequence[Any], new: Mapping[Parameter, Box]) -> None:
        """Refuse values of outputs, and of parameters after the step, that are not those of the graph."""
        for box, value in zip(boxes, values, strict=True):
            self._compare(f"the output {self.run.graph.names[box]!r}", value, self.run[box], box)
        for parameter, box in new.items():
            self._compare(f"the new value of {parameter.title}", parameter.value, self.run[box], box, changed=True)

    def _compare(self, what: str, found: Any, expected: Any, box: Box, changed: bool = False) -> None:
        parts = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
        for one, other in parts:
            difference = self._difference(np.asarray(one), np.asarray(other), changed)
            if difference is not None:
                raise PlanError(
                    f"plan: {what} differs from that of the graph: {difference}; needs the same numbers. "
                    f"Compile without some passes (without=[...]) to see which one is at fault, and report it"
                    f"\n  built at {box.built_at}"
                )

    def _difference(self, found: Any, expected: Any, changed: bool) -> str | None:
        if found.shape != expected.shape or found.dtype != expected.dtype:
            return f"{found.shape} {found.dtype}, not {expected.shape} {expected.dtype}"
        if expected.dtype.kind not in "fc":
            return None if np.array_equal(found, expected) else f"{found.ravel()[:3]}, not {expected.ravel()[:3]}"
        if not np.array_equal(np.isnan(found), np.isnan(expected)):
            return "NaN in other places"
        infinite = np.isinf(expected)
        # A factor of a change stands where it costs least: what overflows in the graph need not in the plan.
        if not changed and not np.array_equal(found[infinite], expected[infinite], equal_nan=True):
            return "another number in the place of an infinity"
        with np.errstate(all="ignore"):
            apart = np.abs(found - expected)[np.isfinite(expected)]
        bound = ULPS * self.precision * max(self.largest, 1e-300)
        if apart.size and not float(apart.max()) <= bound:
            return f"by {float(apart.max()):.3g}, where rounding explains {bound:.3g}"
        return None


def _largest(value: Any) -> float:
    finite = np.abs(value[np.isfinite(value)])
    return float(finite.max()) if finite.size else 0.0
