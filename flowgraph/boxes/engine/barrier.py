"""A value that plans do not read early: what is computed again is not merged with what was computed before."""

from __future__ import annotations

from flowgraph.box import Box, Value
from flowgraph.box.example import example
from flowgraph.shapes.spec import Spec


class Barrier(Box):
    """The value of a, read only once the values `after` are there.

    h = a        the gradient goes to a as it is

    A plan takes two equal computations for one and keeps the value in between. Where the second one reads its children
    through barriers it is another one, and has its place behind `after`.

    Source: Bradbury et al., JAX, `jax.lax.optimization_barrier`.
    """

    symbol = "barrier"
    arithmetic = False
    public = False
    constant_children = frozenset({"after"})
    slopes = "share"
    examples = (example((2, 3), (3,)), example((), ()), example((3,), (2,), ()))

    def fprop(self, a: Value, *after: Value) -> Value:
        return a

    def bprop(self, grad: Value, h: Value, a: Value, *after: Value) -> tuple[Value, ...]:
        return (grad, *[None] * len(after))

    def infer_from_children(self) -> Spec:
        """That of a."""
        return self.children[0].spec
