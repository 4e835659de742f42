"""Losses of numbers and of two classes, element by element, to be averaged with fg.mean; nothing is broadcast."""

from __future__ import annotations

from math import inf
from typing import Annotated, Any

import numpy as np

from flowgraph.box import Elementwise, Value
from flowgraph.box.example import example
from flowgraph.box.interval import Interval
from flowgraph.boxes.engine import remedies
from flowgraph.boxes.neural.activation import Sigmoid
from flowgraph.boxes.neural.label import check_same_shape, refuse
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec

_TARGETS = example((3, 4), np.linspace(-1.5, 2.1, 12).reshape(3, 4))
_CLASSES = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 1]])


class ElementwiseLoss(Elementwise, abstract=True):
    """A loss of each number and its target, of the same shape; one number serves as the target of all."""

    role = "loss"

    def infer(self, *specs: Spec) -> Spec:
        """The shape of the prediction; refuses targets that would be broadcast."""
        prediction, targets = specs
        check_same_shape(self, prediction, targets)
        wide = targets.dtype if targets.dtype.kind == "f" else prediction.dtype
        return Spec(prediction.shape, np.result_type(prediction.dtype, wide, 1.0))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Some operations per element."""
        return 3 * product(shape)


class SquaredError(ElementwiseLoss):
    """Squared difference.

    h = (f − y)²        df = 2 (f − y), dy = −2 (f − y) where the targets are floats

    Shapes: f and targets of one shape, h too.

    Notes
    -----
    - Unit: the square of that of f and y, one value per element.
    """

    symbol = "squared error"
    formula = "(f - y)^2"
    derivative = "2 (f - y), -2 (f - y)"
    slopes = "finite"
    remedies = {"fprop": remedies.SUM}
    examples = (_TARGETS,)

    def fprop(self, f: Value, targets: Value) -> Value:
        difference = f - _like(targets, f)
        return difference * difference

    def bprop(self, grad: Value, h: Value, f: Value, targets: Value) -> tuple[Value, ...]:
        part = 2 * grad * (f - _like(targets, f))
        return part, -part


class AbsoluteError(ElementwiseLoss):
    """Absolute difference.

    h = |f − y|        df = sign(f − y), dy = −sign(f − y) where the targets are floats; 0 at the kink f = y

    Shapes: f and targets of one shape, h too.

    Notes
    -----
    - Unit: that of f and y, one value per element.
    """

    symbol = "absolute error"
    formula = "|f - y|"
    derivative = r"\mathrm{sign}(f - y), -\mathrm{sign}(f - y)"
    examples = (_TARGETS,)

    def fprop(self, f: Value, targets: Value) -> Value:
        return np.abs(f - _like(targets, f))

    def bprop(self, grad: Value, h: Value, f: Value, targets: Value) -> tuple[Value, ...]:
        part = grad * np.sign(f - _like(targets, f))
        return part, -part


class Huber(ElementwiseLoss):
    """Squared difference near 0, absolute difference beyond delta; its slope has no jump.

    h = ½ (f − y)² where |f − y| ≤ δ, else δ (|f − y| − ½ δ)        df = clip(f − y, −δ, δ), dy = −df

    Shapes: f and targets of one shape, h too.

    Parameters
    ----------
    delta : float, above 0, default 1.0
        Where the loss changes from quadratic to linear, in the unit of f − y.

    Notes
    -----
    - Unit: that of (f − y)², one value per element; for a mean per example divide by the number of examples.
    """

    delta: Annotated[float, Interval(0.0, inf, open=True)] = 1.0

    symbol = "huber"
    formula = r"\min(|d|, \delta) (|d| - \frac{1}{2} \min(|d|, \delta)), d = f - y"
    derivative = r"\mathrm{clip}(f - y, -\delta, \delta), -\mathrm{clip}(f - y, -\delta, \delta)"
    examples = (_TARGETS, example((3, 4), np.linspace(-1.5, 2.1, 12).reshape(3, 4), delta=0.7))

    def fprop(self, f: Value, targets: Value) -> Value:
        distance = np.abs(f - _like(targets, f))
        near = np.minimum(distance, self.delta)
        return near * (distance - 0.5 * near)

    def bprop(self, grad: Value, h: Value, f: Value, targets: Value) -> tuple[Value, ...]:
        part = grad * np.clip(f - _like(targets, f), -self.delta, self.delta)
        return part, -part


class BinaryCrossEntropy(ElementwiseLoss):
    """Negative log-likelihood of two classes from the score of class 1; targets are 0, 1 or a probability between.

    h = −y log σ(a) − (1 − y) log(1 − σ(a)) = max(a, 0) − a y + log(1 + exp(−|a|))        da = σ(a) − y

    The targets are constant.

    Shapes: logits and targets of one shape, h too.

    Notes
    -----
    - Unit: nats, one value per example.
    """

    symbol = "binary cross entropy"
    formula = r"-y \log \sigma(a) - (1 - y) \log(1 - \sigma(a))"
    derivative = r"\sigma(a) - y"
    constant_children = frozenset({"targets"})
    examples = (example((3, 4), _CLASSES), example((3, 4), np.linspace(0, 1, 12).reshape(3, 4)))

    def fprop(self, logits: Value, targets: Value) -> Value:
        refuse(self, "target", targets, (targets < 0) | (targets > 1), "0 to 1")
        y = _like(targets, logits)
        return np.maximum(logits, 0) - logits * y + np.log1p(np.exp(np.minimum(logits, -1.0 * logits)))

    def bprop(self, grad: Value, h: Value, logits: Value, targets: Value) -> tuple[Value, ...]:
        return grad * (Sigmoid.apply(logits) - _like(targets, logits)), None


class Hinge(ElementwiseLoss):
    """Hinge loss of two classes, -1 and 1.

    h = max(0, 1 − y f)        df = −y where y f < 1, else 0; 0 at the kink y f = 1

    The targets are constant. Labels 0 and 1 are refused; 2 y - 1 makes -1 and 1 of them.

    Shapes: f and targets of one shape, h too.

    Notes
    -----
    - Unit: that of the margin y f, one value per example.
    """

    symbol = "hinge"
    formula = r"\max(0, 1 - y f)"
    derivative = r"-y \, 1_{y f < 1}"
    constant_children = frozenset({"targets"})
    examples = (example((3, 4), 2 * _CLASSES - 1), example((3, 4), 1.0 - 2 * _CLASSES))

    def fprop(self, f: Value, targets: Value) -> Value:
        refuse(self, "label", targets, (targets != 1) & (targets != -1), "-1 or 1")
        return np.maximum(1 - f * _like(targets, f), 0)

    def bprop(self, grad: Value, h: Value, f: Value, targets: Value) -> tuple[Value, ...]:
        y = _like(targets, f)
        return np.where(f * y < 1, -grad * y, 0), None


def _like(targets: Value, f: Value) -> Any:
    """Targets in floats: integers and booleans take the dtype of the prediction, and so never widen it."""
    return targets if targets.dtype.kind == "f" else targets.astype(f.dtype)
