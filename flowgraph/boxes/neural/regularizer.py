"""Regularizers: one number for all weights of a model; biases are left out by not naming them."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.example import example
from flowgraph.boxes.elementwise.complex_numbers import conjugate, real_part
from flowgraph.boxes.engine import remedies
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape, add, product
from flowgraph.shapes.spec import Spec


class Regularizer(Box, abstract=True):
    """A number from weights, of any shapes."""

    role = "regularizer"
    examples = (example((3, 4), (4, 2)), example((5,)), example((), (2, 3), (2, 3, 4)))

    def infer(self, *specs: Spec) -> Spec:
        """A scalar of the weights' dtype; a real one of complex weights."""
        if not specs:
            raise UsageError(f"{self.title}: found no weights, needs one or more: {type(self).__name__}(W1, W2)")
        return Spec((), np.result_type(*[spec.dtype for spec in specs]).type(0).real.dtype)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Two per weight."""
        total: Any = 0
        for one in shapes:
            total = add(total, 2 * product(one))
        return total


class L1(Regularizer):
    """Sum of the absolute values of all weights.

    h = Σ |W|        dW = sign(W), with sign(0) = 0

    Source: Larochelle, Training neural networks, "regularization: L1".
    """

    symbol = "L1"
    formula = r"\sum |W|"
    derivative = r"\mathrm{sign}(W)"
    kinks = (0.0,)

    def fprop(self, *weights: Value) -> Value:
        return sum((np.sum(np.abs(w)) for w in weights[1:]), np.sum(np.abs(weights[0])))

    def bprop(self, grad: Value, h: Value, *weights: Value) -> tuple[Value, ...]:
        return tuple(grad * conjugate(np.sign(w)) for w in weights)


class L2(Regularizer):
    """Sum of the squares of all weights, of the squared absolute values of complex ones.

    h = Σ |W|²        dW = 2 W

    Source: Larochelle, Training neural networks, "regularization: L2".
    """

    symbol = "L2"
    formula = r"\sum W^2"
    derivative = "2 W"
    remedies = {"fprop": remedies.SUM}

    def fprop(self, *weights: Value) -> Value:
        first, *others = (np.sum(real_part(conjugate(w) * w)) for w in weights)
        return sum(others, first)

    def bprop(self, grad: Value, h: Value, *weights: Value) -> tuple[Value, ...]:
        return tuple(2 * grad * conjugate(w) for w in weights)
