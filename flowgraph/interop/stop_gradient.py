"""A value through which no gradient passes: `detach` of PyTorch, `stop_gradient` of JAX."""

from __future__ import annotations

from flowgraph.box import Box, Value
from flowgraph.shapes.spec import Spec


class StopGradient(Box):
    """The same numbers, as a constant.

    h = a        no gradient is sent to a
    """

    public = False
    symbol = "stop gradient"
    arithmetic = False
    constant_children = frozenset({"a"})
    examples = None  # it has no gradient: it is tested with functions of PyTorch and JAX

    def fprop(self, a: Value) -> Value:
        """The same numbers."""
        return a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        """Nothing is sent."""
        return (None,)

    def infer(self, a: Spec) -> Spec:
        """That of a."""
        return a
