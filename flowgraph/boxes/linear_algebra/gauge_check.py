"""Detects whether a loss depends on a gauge choice of a factorisation: a phase, or a basis of a null space."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.boxes.linear_algebra.matrices import columns, rows
from flowgraph.errors import OpenChoiceError
from flowgraph.shapes.spec import Spec


class GaugeInvarianceCheck(Box):
    """Passes a gradient on after checking that the loss does not depend on a gauge choice.

    h = grad        the gradient is sent on; `free`, the slope along what is left open, must be 0 up to rounding
    """

    public = False
    what: str

    symbol = "gauge"
    constant_children = frozenset({"free"})
    examples = None  # it is tested with the boxes of factorisations

    def fprop(self, a: Value, free: Value) -> Value:
        rough = float(np.finfo(free.dtype).eps) ** 0.5
        largest = float(np.max(np.abs(free), initial=0))
        if largest > rough * (1 + float(np.max(np.abs(a), initial=0))):
            raise OpenChoiceError(
                f"{self.what}, and the loss depends on it (its slope there is {largest:.2g}), so it has no gradient; "
                f"make the loss of what does not depend on it, such as |v|², v vᴴ, or the values alone"
            )
        return a

    def bprop(self, grad: Value, h: Value, a: Value, free: Value) -> tuple[Value, ...]:
        return grad, None

    def infer(self, a: Spec, free: Spec) -> Spec:
        """As the gradient."""
        return a


def open_to_values(equal: Value, turned: Value, values: Value) -> Any:
    """Where a loss depends on equal values and on the vectors of them, of which a change of a makes others.

    Neither gradient says then what the loss is along vectors that are mixed anew, so there is no gradient.
    """
    beside = equal & (rows(np.cumsum(np.ones_like(values), -1)) != columns(np.cumsum(np.ones_like(values), -1)))
    slopes = np.maximum(rows(np.abs(values)), columns(np.abs(values)))
    return np.where(beside, np.minimum(np.abs(turned), slopes), 0)
