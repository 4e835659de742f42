"""Measures of a model on examples, computed in parts: those of its problem, and metrics of targets and predictions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Value
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.neural.activation import sigmoid
from flowgraph.boxes.neural.loss import BinaryCrossEntropy, ClassLoss, Hinge, NegativeLogLikelihood
from flowgraph.boxes.neural.softmax import softmax
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.steps import replay
from flowgraph.peers import LOG_LOSSES
from flowgraph.plan import compile
from flowgraph.plan.backends import BackendName
from flowgraph.training.examples import Fed, read_examples
from flowgraph.training.problem import Problem, losses_in
from flowgraph.training.settings import read_result

DRAWS_OF_EVALUATION = 1 << 39
"""What tells the draws of random leaves in an evaluation from those of the steps, which are counted from 1."""

BATCH = 1024
"""Examples that are evaluated at once: calls of NumPy then cost little, and layers stay in the cache."""


class Evaluator:
    """Evaluates the measures of a problem, `problem.evaluated`, on many examples.

    They are evaluated in parts of 1024, and each part counts by its number of examples: the mean of an objective that
    is a mean over examples, regularizers aside, is its value on all of them at once. Of an objective that is none, a
    sum, it is the mean over the parts; up to 1024 examples are one part.

    Parameters
    ----------
    problem : Problem
        What is watched.
    penalty : Box, optional
        What an update rule minimises beside the objective.
    averages : mapping of Parameter to Parameter, optional
        Averages that stand in place of the parameters they are of.
    backend : {'numpy', 'numba', 'jax'}, default 'numpy'
        What runs the plan; see `fg.compile`.
    mesh : jax.sharding.Mesh or Placement, optional
        The devices among which JAX divides each part.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.training import Evaluator
    >>> x, w = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w")
    >>> Evaluator(fg.Problem(fg.mean((x - w) ** 2) + 0.5 * fg.L2(w))).measure({x: np.arange(2000) % 2})
    {'objective': 1.0, 'loss': 0.5}
    """

    def __init__(
        self,
        problem: Problem,
        penalty: Box | None = None,
        *,
        averages: Mapping[Parameter, Parameter] | None = None,
        backend: BackendName = "numpy",
        mesh: Any = None,
    ) -> None:
        self.problem = problem
        measures = problem.evaluated.with_penalty(penalty).by_name()
        self._measures = [*measures]
        self._plan = compile(put_averages([*measures.values()], averages or {}), backend=backend, mesh=mesh)

    def __call__(self, data: object) -> tuple[float, float | None]:
        """Loss and error, None where there is no error to speak of."""
        measures = self.measure(data)
        return measures["loss"], measures.get("error")

    def measure(self, data: object, *, seed: int = 0) -> dict[str, float]:
        """The objective, the loss and the error, averaged over examples.

        Parameters
        ----------
        data : Examples or tuple of array_like
            The examples; they are computed in parts.
        seed : int, default 0
            Seed of what random leaves draw.

        Returns
        -------
        dict of str to float
            Means over the examples by the name of the measure; loss and objective in the unit of the loss.
        """
        examples: Fed = read_examples(self.problem, data)
        totals = dict.fromkeys(self._measures, 0.0)
        for number, (count, feeds) in enumerate(examples.parts(BATCH)):
            values = self._plan(*[feeds[box] for box in self._plan.inputs], seed=seed + number)
            for name, value in zip(totals, values, strict=True):
                totals[name] += float(value) * count
        return {name: total / len(examples) for name, total in totals.items()}


def predict(predictor: Graph, x: Value) -> Array:
    """The output of a graph for inputs x, in parts."""
    (output,) = predictor.outputs
    inputs = np.asarray(x, predictor.inputs[0].dtype)
    starts = range(0, len(inputs), BATCH)
    parts = [predictor.fprop({"x": inputs[start : start + BATCH]}, keep="outputs")[output] for start in starts]
    return np.concatenate(parts)


def put_averages(boxes: list[Any], averages: Mapping[Parameter, Parameter]) -> list[Any]:
    """The boxes with the averages in place of the parameters that they are of."""
    if not averages:
        return boxes
    graph = Graph(*boxes)
    values = replay(graph.boxes, graph.slots, averages)
    return [values[graph.slots[box]] for box in boxes]


Metric = Callable[[Any, Any], Any]

SCORES = ("y_score", "y_proba", "y_prob", "pred_decision")
"""Names of the second parameter of metrics that take probabilities or numbers in place of classes."""


def read_metrics(given: Any) -> dict[str, Metric]:
    """Metrics by name: of a dict, or of functions, which have names."""
    if isinstance(given, Mapping):
        metrics = dict(given)
    else:
        listed = [given] if callable(given) or isinstance(given, str) else list(given)
        metrics = {getattr(metric, "__name__", type(metric).__name__): metric for metric in listed}
        if len(metrics) < len(listed):
            raise UsageError("metrics: found two of one name; give them names, {'name': function}")
    for name, metric in metrics.items():
        if not isinstance(name, str) or not callable(metric):
            raise UsageError(
                f"metrics: found {name!r}: {metric!r}, needs functions of (targets, predictions), such as "
                f"sklearn.metrics.f1_score, or a dict of names to them"
            )
    return metrics


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
        boxes = put_averages([*_outputs(self._loss), self._loss.children[1]], averages)
        self._plan = compile(boxes)

    def measure(self, examples: Fed) -> dict[str, float]:
        """The metrics by name."""
        inputs = self._plan.inputs
        parts = [self._plan(*[feeds[box] for box in inputs], seed=0) for _, feeds in examples.parts(BATCH)]
        scores, numbers, targets = (np.concatenate([np.asarray(v[i]) for v in parts]) for i in range(3))
        predicted, wanted = _decide_classes(self._loss, scores, targets)
        if isinstance(self._loss, ClassLoss) and numbers.shape[-1] == 2:
            numbers = numbers[..., 1]
        return {
            name: read_result(f"metrics: {name!r}", metric(wanted, numbers if _takes_scores(metric) else predicted))
            for name, metric in self.metrics.items()
        }


def _outputs(loss: Box) -> tuple[Any, Any]:
    """The scores that a loss reads, and the predictions or probabilities made of them."""
    scores = loss.children[0]
    if isinstance(loss, ClassLoss) and not isinstance(loss, NegativeLogLikelihood):
        return scores, softmax(scores)
    return scores, sigmoid(scores) if isinstance(loss, BinaryCrossEntropy) else scores


def _decide_classes(loss: Box, scores: Array, targets: Array) -> tuple[Array, Array]:
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
    of_sklearn = getattr(metric, "__module__", "").startswith("sklearn.")
    return len(names) > 1 and (names[1] in SCORES or (of_sklearn and getattr(metric, "__name__", "") in LOG_LOSSES))
