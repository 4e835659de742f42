"""What is trained: an objective with its inputs and parameters, and the loss and the error that are watched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes import L1, L2, BinaryCrossEntropy, SoftmaxCrossEntropy, SquaredError
from flowgraph.boxes.activation import sigmoid
from flowgraph.boxes.elementwise_loss import Hinge
from flowgraph.boxes.label import pick
from flowgraph.boxes.likeness import reshape_like
from flowgraph.boxes.loss import ClassLoss
from flowgraph.boxes.reduction import mean
from flowgraph.boxes.softmax import log_softmax, softmax
from flowgraph.data.examples import rectangular
from flowgraph.errors import FeedError, UsageError
from flowgraph.graph import Graph
from flowgraph.leaves import Input
from flowgraph.training.mlp import MLP
from flowgraph.training.objective import objective
from flowgraph.training.settings import read_number


class Problem:
    """An objective to minimise over its parameters, and what is watched meanwhile.

    `batch_loss` and `batch_error` belong to the graph of the objective: a step gives them for its batch. `loss` and
    `error` are evaluated on many examples: means over the examples, without regularizer, and without dropout where
    the model has it. They are found by the box of role "loss" in the objective; with none or several of them the
    loss is the objective itself. `error`, the share of the examples whose class is wrong, is None for numbers.
    """

    def __init__(self, objective: Box, *, loss: Box | None = None, error: Box | None = None) -> None:
        if not isinstance(objective, Box) or objective.shape != () or objective.dtype.kind != "f":
            found = objective.title if isinstance(objective, Box) else type(objective).__name__
            raise UsageError(
                f"Problem: found {found} as the objective, needs a scalar box of floats; fg.mean makes one"
            )
        self.objective = objective
        self.graph = Graph(objective)
        if not self.graph.parameters:
            raise UsageError(
                f"Problem: {objective.title} depends on no parameter, so there is nothing to train; "
                f"make what is to change an fg.Parameter"
            )
        self.parameters: tuple[Any, ...] = self.graph.parameters
        self.inputs = self.graph.inputs
        self.batch_loss, self.batch_error = watched(objective)
        self.loss = self.batch_loss if loss is None else loss
        self.error = watched(self.loss)[1] if error is None else error
        unknown = [box for box in Graph(self.loss, *self._errors()).inputs if box not in self.inputs]
        if unknown:
            raise UsageError(f"Problem: the loss or error reads {unknown[0].title}, which the objective does not read")

    def layer_of(self, parameter: Box) -> str:
        """The scope of a parameter, its name where it has none."""
        scope, _, name = self.graph.names[parameter].rpartition("/")
        return scope or name

    def _errors(self) -> list[Box]:
        return [] if self.error is None else [self.error]

    def __repr__(self) -> str:
        inputs = ", ".join(self.graph.names[box] for box in self.inputs)
        count = len(self.parameters)
        return f"<Problem of {count} parameter{'s' * (count > 1)} and the inputs {inputs}>"


def watched(objective: Box) -> tuple[Any, Any]:
    """The mean loss and the mean error that an objective stands for."""
    losses = [box for box in Graph(objective).boxes if box.role == "loss"]
    if len(losses) != 1:
        return objective, None
    return mean(losses[0]), _error(losses[0])


def _error(losses: Box) -> Any:
    """The share of the examples whose class is wrong, None for a loss of numbers."""
    prediction: Any
    targets: Any
    prediction, targets = losses.children
    if isinstance(losses, ClassLoss):
        return mean(1 - _chance_of_right(losses, prediction, targets))
    if isinstance(losses, BinaryCrossEntropy | Hinge):
        middle = 0.5 if isinstance(losses, BinaryCrossEntropy) else 0
        return _share((prediction > 0) != (targets > middle))
    return None


def _chance_of_right(losses: Box, scores: Any, targets: Any) -> Any:
    """How probable it is to name the right class by the largest score, if among equal ones a draw decides.

    So a network that gives every class the same score is as wrong as chance, whatever the order of the classes. Where
    the targets are probabilities the right class is that of the largest.
    """
    largest = np.max(scores, axis=-1)
    ways = np.sum(_is_largest(scores, largest), axis=-1)
    if targets.ndim < scores.ndim:
        right = (pick(losses, scores, targets) == largest).astype(float)
    else:
        likely = _is_largest(targets, np.max(targets, axis=-1))
        right = np.sum(_is_largest(scores, largest) * likely, axis=-1)
        ways = ways * np.sum(likely, axis=-1)
    return right / np.maximum(ways, 1.0)


def _is_largest(scores: Any, largest: Any) -> Any:
    return (scores == np.expand_dims(largest, -1)).astype(float)


def _share(wrong: Any) -> Any:
    """How many are true, of all; in floats, whose mean is a sum that a plan writes out."""
    return mean(wrong.astype(float))


def problem_of(model: Any, data: Any, l1: float = 0.0, l2: float = 0.0) -> Problem:
    """The problem that a model stands for: itself, that of an objective box, or that of an MLP and its targets."""
    if isinstance(model, MLP):
        return mlp_problem(model, _targets(data), l1, l2)
    if l1 or l2:
        raise UsageError("fit: l1= and l2= are for an MLP; add the regularizer to the objective, fg.objective(...)")
    if isinstance(model, Problem):
        return model
    if isinstance(model, Box):
        return Problem(model)
    raise UsageError(f"fit: found {type(model).__name__} as the model, needs an fg.MLP, an objective box or a Problem")


def mlp_problem(mlp: MLP, targets: Any, l1: float = 0.0, l2: float = 0.0) -> Problem:
    """The usual objective of a network: cross entropy for a softmax or sigmoid output, else the squared error.

    `targets` are an array like those to come: integer labels, probabilities or numbers.
    """
    dtype = mlp.weights[0].dtype
    targets = rectangular(targets, "fit: 'y'")
    x = Input("x", shape=("N", mlp.sizes[0]), dtype=dtype)
    y = Input("y", shape=("N", *targets.shape[1:]), dtype=_target_dtype(mlp, targets, dtype))
    losses = _losses(mlp, mlp.logits(x, training=True), y)
    penalty: Any = None
    for strength, regularizer in ((l1, L1), (l2, L2)):
        if read_number("fit", regularizer.__name__.lower(), strength, low=0):
            part: Any = float(strength) * regularizer(*mlp.weights)
            penalty = part if penalty is None else penalty + part
    whole = objective(losses) if penalty is None else objective(losses, penalty, 1.0)
    return Problem(whole, loss=mean(_losses(mlp, mlp.logits(x), y)) if any(mlp.dropout) else None)


def _targets(data: Any) -> Any:
    """The y of a pair (X, y) or of a dict."""
    if isinstance(data, Mapping) and "y" in data:
        return data["y"]
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.y
    if isinstance(data, tuple | list) and len(data) == 2:
        return data[1]
    raise FeedError(f"fit: found {type(data).__name__} as the data of an MLP, needs a pair (X, y) or a dict of x and y")


def _losses(mlp: MLP, a: Any, y: Any) -> Any:
    if _is_classes(mlp):
        return SoftmaxCrossEntropy(a, y, name="loss")
    if y.ndim == 1 and mlp.sizes[-1] == 1:
        a = reshape_like(a, y)
    if mlp.output is sigmoid:
        return BinaryCrossEntropy(a, y, name="loss")
    return SquaredError(mlp.output(a), y, name="loss")


def _is_classes(mlp: MLP) -> bool:
    return mlp.output is softmax or mlp.output is log_softmax


def _target_dtype(mlp: MLP, targets: Any, dtype: Any) -> Any:
    """Labels are whole numbers; everything else has the dtype of the network."""
    return np.dtype(int) if targets.ndim == 1 and _is_classes(mlp) else dtype
