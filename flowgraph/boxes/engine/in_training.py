"""What differs between a graph that trains and the graph in use."""

from __future__ import annotations

from flowgraph.box import Box, Constant, Leaf, Value
from flowgraph.errors import ShapeError
from flowgraph.shapes.spec import Spec, same


class InTraining(Box):
    """What a graph computes while it trains, such as a mean of the batch; in use, a leaf stands for it.

    h = a        the gradient goes to a, while the graph trains

    `in_evaluation` is that leaf, such as a running mean: of the shape of a, or a number.
    """

    in_evaluation: Leaf

    symbol = "in training"
    arithmetic = False
    public = False
    slopes = "share"
    examples = None  # its setting is a box: it is tested with batch normalisation

    def fprop(self, a: Value) -> Value:
        """The same numbers."""
        return a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        """What arrives; of a graph in use nothing, as the leaf does not depend on a."""
        return (InTraining.apply(grad, in_evaluation=Constant(0.0)),)

    def infer(self, a: Spec) -> Spec:
        """That of a."""
        shape = self.in_evaluation.shape
        if shape and (len(shape) != len(a.shape) or not all(map(same, shape, a.shape))):
            raise ShapeError(f"{self.title}: found in_evaluation {self.in_evaluation.spec} for {a}, needs its shape")
        return a
