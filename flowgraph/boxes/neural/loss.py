"""Losses of classes: one value per example, to be averaged with fg.mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.example import example
from flowgraph.box.interval import Interval
from flowgraph.boxes.engine import remedies
from flowgraph.boxes.neural.label import as_rows, check_targets, pick
from flowgraph.boxes.neural.softmax import Softmax
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec


class ClassLoss(Box, abstract=True):
    """A loss of scores for the classes along the last axis; the targets are constant.

    Shapes: scores (..., C), targets (...) for integer labels or (..., C) for probabilities, h (...).
    """

    role = "loss"

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

    symbol = "-log"
    formula = r"-\log f_y"
    derivative = r"-e(y) / f_y"
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

    symbol = "cross entropy"
    formula = r"-\log \mathrm{softmax}(a)_y"
    derivative = r"-(e(y) - \mathrm{softmax}(a))"
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
