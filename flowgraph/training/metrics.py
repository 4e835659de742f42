"""Metrics: functions of targets and predictions, scikit-learn's or one's own, that are watched during a training."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Parameter
from flowgraph.boxes import BinaryCrossEntropy, NegativeLogLikelihood
from flowgraph.boxes.neural.activation import sigmoid
from flowgraph.boxes.neural.loss import ClassLoss, Hinge
from flowgraph.boxes.neural.softmax import softmax
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.plan import compile
from flowgraph.training.evaluation import BATCH, averaged
from flowgraph.training.examples import Fed
from flowgraph.training.problem import Problem
from flowgraph.training.sample_weight import losses_in

Metric = Callable[[Any, Any], Any]

SCORES = ("y_score", "y_proba", "y_prob", "pred_decision")
"""Names of the second parameter of metrics that take probabilities or numbers in place of classes."""


def read_metrics(given: Any) -> dict[str, Metric]:
    """Metrics by name: of a dict, or of functions, which have names."""
    if isinstance(given, Mapping):
        found = dict(given)
    else:
        listed = [given] if callable(given) else list(given)
        found = {getattr(one, "__name__", type(one).__name__): one for one in listed}
        if len(found) < len(listed):
            raise UsageError("metrics: found two of one name; give them names, {'name': function}")
    for name, one in found.items():
        if not isinstance(name, str) or not callable(one):
            raise UsageError(
                f"metrics: found {name!r}: {one!r}, needs functions of (targets, predictions), such as "
                f"sklearn.metrics.f1_score, or a dict of names to them"
            )
    return found


class Metrics:
    """Measures metrics on examples.

    A metric gets the targets and the predictions: the class of the largest score, or the number. One whose second
    parameter is called `y_score`, `y_proba` or `y_prob`, as in `roc_auc_score` and `log_loss`, gets the probabilities
    instead, of two classes those of the second. `averages` stand in place of the parameters they are of.
    """

    def __init__(self, problem: Problem, given: Any, averages: Mapping[Parameter, Parameter]) -> None:
        self.metrics = read_metrics(given)
        losses = losses_in(Graph(problem.evaluate))
        if len(losses) != 1:
            raise UsageError(
                f"metrics: found {len(losses)} losses of examples in the objective, needs one, fg.SquaredError or "
                f"another, whose children are the predictions and the targets"
            )
        self._loss = losses[0]
        boxes = averaged([*_outputs(self._loss), self._loss.children[1]], averages)
        self._plan = compile(boxes)
        self._inputs = Graph(*boxes).inputs

    def measure(self, examples: Fed) -> dict[str, float]:
        """The metrics by name."""
        parts = [
            self._plan({box: array for box, array in feeds.items() if box in self._inputs}, seed=0)
            for _, feeds in examples.parts(BATCH)
        ]
        scores, numbers, targets = (np.concatenate([np.asarray(v[i]) for v in parts]) for i in range(3))
        predicted, wanted = _decided(self._loss, scores, targets)
        if isinstance(self._loss, ClassLoss) and numbers.shape[-1] == 2:
            numbers = numbers[..., 1]
        return {
            name: float(metric(wanted, numbers if _takes_scores(metric) else predicted))
            for name, metric in self.metrics.items()
        }


def _outputs(loss: Box) -> tuple[Any, Any]:
    """The scores that a loss reads, and the predictions or probabilities made of them."""
    scores = loss.children[0]
    if isinstance(loss, ClassLoss) and not isinstance(loss, NegativeLogLikelihood):
        return scores, softmax(scores)
    return scores, sigmoid(scores) if isinstance(loss, BinaryCrossEntropy) else scores


def _decided(loss: Box, scores: Array, targets: Array) -> tuple[Array, Array]:
    """Classes where the loss is one of classes, else the numbers as they are."""
    if isinstance(loss, ClassLoss):
        classes: Array = scores.argmax(axis=-1)
        return classes, targets if targets.ndim < scores.ndim else targets.argmax(axis=-1)
    if isinstance(loss, BinaryCrossEntropy):
        return (scores > 0).astype(int), (targets > 0.5).astype(int)
    if isinstance(loss, Hinge):
        return np.where(scores > 0, 1, -1), np.where(targets > 0, 1, -1)
    return scores, targets


def _takes_scores(metric: Metric) -> bool:
    try:
        names = list(inspect.signature(metric).parameters)
    except (TypeError, ValueError):
        return False
    return len(names) > 1 and names[1] in SCORES
