"""Losses, one value per example or per element, to be averaged with fg.mean; and regularizers of weights."""

from __future__ import annotations

from math import inf
from typing import Annotated, Any

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.axes import Core
from flowgraph.box.vocabulary import Interval, example
from flowgraph.boxes.elementwise.complex_numbers import conjugate, real_part
from flowgraph.boxes.engine import remedies
from flowgraph.boxes.neural.activation import Sigmoid, exp_of_minus_size
from flowgraph.boxes.neural.label import as_rows, check_same_shape, check_targets, pick, refuse
from flowgraph.boxes.neural.softmax import Softmax
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape, add, product
from flowgraph.shapes.spec import Spec


class ClassLoss(Box, abstract=True):
    """A loss of scores for the classes along the last axis; the targets are constant.

    Shapes: scores (..., C), targets (...) for integer labels or (..., C) for probabilities, h (...).
    """

    role = "loss"

    core = Core(last=1, all_loops=True)

    def infer(self, *specs: Spec) -> Spec:
        """One value per example, of the dtype of the scores; refuses targets that would be broadcast."""
        scores, targets = specs
        check_targets(self, scores, targets)
        return Spec(scores.shape[:-1], np.log(np.ones((), scores.dtype)).dtype)


class NegativeLogLikelihood(ClassLoss):
    """Negative log-likelihood of given probabilities, one value per example.

    h = −log f_y        df = −e(y) / f_y

    With probabilities t as targets: h = −Σ_c t_c log f_c, df_c = −t_c / f_c, where a class of t_c = 0 counts for
    nothing, whatever its f_c. Where the probability of the right class is 0 the loss is ∞, and NumPy warns.

    Shapes: f (..., C), targets (...) for integer labels or (..., C) for probabilities, h (...).

    Source: Larochelle, Training neural networks, "loss function" and "loss gradient at output".

    Notes
    -----
    - Unit: nats, one value per example; divide by ln 2 for bits.
    """

    aliases = ("nll_loss",)
    symbol = "−log"
    formula = r"-\log f_y"
    domain = {"f": Interval(0, 1, open=True)}
    constant_children = frozenset({"targets"})
    remedies = {"fprop": remedies.logarithm, "bprop": remedies.logarithm}
    examples = (
        example((5, 3), np.array([0, 2, 1, 1, 0])),
        example((2, 3), np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])),
        example((2, 2, 3), np.array([[0, 2], [1, 1]])),
        example((4,), np.array(3)),
    )

    def fprop(self, f: Value, targets: Value) -> Value:
        if targets.ndim < f.ndim:
            return -np.log(pick(self, f, targets))
        t = as_rows(targets, f)
        return -np.sum(t * np.log(np.where(t == 0, 1, f)), axis=-1)

    def bprop(self, grad: Value, h: Value, f: Value, targets: Value) -> tuple[Value, ...]:
        t = as_rows(targets, f)
        return -grad[..., None] * t / np.where(t == 0, 1, f), None

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A logarithm and a sign per target."""
        return 2 * product(shapes[1])


class SoftmaxCrossEntropy(ClassLoss):
    """Negative log-likelihood of the softmax of scores, one value per example: stable where the two boxes are not.

    h = −log f(x)_y with f(x) = softmax(logits)        dlogits = −(e(y) − f(x))

    With probabilities t as targets: h = −Σ_c t_c log f_c, dlogits = f Σ_c t_c − t, where a class of t_c = 0 counts
    for nothing.

    Shapes: logits (..., C), targets (...) for integer labels or (..., C) for probabilities, h (...).

    Source: Larochelle, Training neural networks, "loss gradient at output pre-activation".

    Notes
    -----
    - Unit: nats, one value per example; divide by ln 2 for bits.
    """

    aliases = ("cross_entropy", "categorical_crossentropy", "sparse_categorical_crossentropy")
    symbol = "cross entropy"
    formula = r"-\log \mathrm{softmax}(a)_y"
    constant_children = frozenset({"targets"})
    examples = (
        example((5, 3), np.array([0, 2, 1, 1, 0])),
        example((2, 3), np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])),
        example((2, 2, 3), np.array([[0, 2], [1, 1]])),
        example((4,), np.array(3)),
    )

    def fprop(self, logits: Value, targets: Value) -> Value:
        low = logits - np.max(logits, axis=-1, keepdims=True) if logits.size else logits
        log_sum = np.log(np.sum(np.exp(low), axis=-1)) if logits.shape[-1] else low.sum(axis=-1)
        if targets.ndim < logits.ndim:
            return log_sum - pick(self, low, targets)
        t = as_rows(targets, logits)
        return np.sum(t * np.where(t == 0, 0, log_sum[..., None] - low), axis=-1)

    def bprop(self, grad: Value, h: Value, logits: Value, targets: Value) -> tuple[Value, ...]:
        t = as_rows(targets, logits)
        f = Softmax.apply(logits)
        if targets.ndim == logits.ndim:
            f = f * np.sum(t, axis=-1, keepdims=True)
        return grad[..., None] * (f - t), None

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Per class a comparison, a difference, an exponential, a sum; with probabilities as many again, to weigh."""
        return (4 if len(shapes[1]) < len(shapes[0]) else 8) * product(shapes[0])


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

    aliases = ("mse_loss", "mean_squared_error")
    symbol = "squared error"
    formula = "(f - y)^2"
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

    aliases = ("l1_loss", "mean_absolute_error")
    symbol = "absolute error"
    formula = "|f - y|"
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
    formula = r"\min(|f - y|, \delta) (|f - y| - \frac{1}{2} \min(|f - y|, \delta))"
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
    constant_children = frozenset({"targets"})
    examples = (example((3, 4), _CLASSES), example((3, 4), np.linspace(0, 1, 12).reshape(3, 4)))

    def fprop(self, logits: Value, targets: Value) -> Value:
        refuse(self, "target", targets, (targets < 0) | (targets > 1), "0 to 1")
        y = _like(targets, logits)
        return np.maximum(logits, 0) - logits * y + np.log1p(exp_of_minus_size(logits))

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
        for weights in shapes:
            total = add(total, 2 * product(weights))
        return total


class L1(Regularizer):
    """Sum of the absolute values of all weights.

    h = Σ |W|        dW = sign(W), with sign(0) = 0

    Source: Larochelle, Training neural networks, "regularization: L1".
    """

    symbol = "L1"
    formula = r"\sum |W|"
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
    formula = r"\sum |W|^2"
    remedies = {"fprop": remedies.SUM}

    def fprop(self, *weights: Value) -> Value:
        first, *others = (np.sum(real_part(conjugate(w) * w)) for w in weights)
        return sum(others, first)

    def bprop(self, grad: Value, h: Value, *weights: Value) -> tuple[Value, ...]:
        return tuple(2 * grad * conjugate(w) for w in weights)
