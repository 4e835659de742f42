"""The network behind an estimator: made from settings and examples, trained in parts, without the examples it saw."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.box.leaves import Input
from flowgraph.graph import Graph
from flowgraph.training.evaluation import read_metrics
from flowgraph.training.history import History
from flowgraph.training.mlp import MLP
from flowgraph.training.objective import mlp_problem, weighted_problem
from flowgraph.training.problem import losses_in
from flowgraph.training.trainer import Trainer

RECTIFIED = ("relu", "leaky_relu", "elu")
PART = 1024
"""As many examples are predicted at once."""


@dataclass(frozen=True)
class Settings:
    """The settings of an estimator's network; `sizes` are those of the inputs and the hidden layers."""

    sizes: tuple[int, ...]
    classes: Array | None
    activation: Any
    dropout: Any
    loss: Callable[[Any, Any], Any] | None
    l1: float
    l2: float
    metrics: Any
    seed: int
    trainer: Mapping[str, Any]


class Network:
    """An MLP and its trainer, which continues with the examples that it is given each time."""

    def __init__(self, settings: Settings, x: Array, y: Array, valid: Any) -> None:
        classes = settings.classes
        outputs = (y.shape[1] if y.ndim > 1 else 1) if classes is None else len(classes)
        self.mlp = MLP(
            [*settings.sizes, outputs],
            hidden=settings.activation,
            output="linear" if classes is None else "softmax",
            init="he_uniform" if settings.activation in RECTIFIED else "glorot_uniform",
            dropout=settings.dropout,
            rng=settings.seed,
            dtype=x.dtype,
        )
        problem = mlp_problem(self.mlp, y, settings.l1, settings.l2, loss=settings.loss)
        metrics = read_metrics(settings.metrics) if settings.metrics else {}
        if classes is not None:
            metrics = {name: _OfClasses(metric, classes) for name, metric in metrics.items()}
        # The weights of examples may come with any call of partial_fit, so that the step is made for them if it can be.
        if losses_in(problem.graph, problem.losses):
            problem = weighted_problem(problem)
        self.trainer = Trainer(problem, (x, y), valid, metrics=metrics, batch_size=None, **settings.trainer)
        f = self.mlp(Input("x", shape=("N", settings.sizes[0]), dtype=x.dtype))
        self.graph = Graph(f[:, 0] if classes is None and y.ndim == 1 else f)
        self.history = History()
        self._validated = valid is not None

    def fits(self, validated: bool) -> bool:
        """Whether training can continue with validation data, or without."""
        return self._validated is validated

    def train(
        self,
        x: Array,
        y: Array,
        weights: object,
        valid: object,
        epochs: int,
        batch_size: int | None,
        callbacks: Sequence[Any],
    ) -> None:
        """So many epochs on these examples, of which none is kept."""
        trainer = self.trainer
        if weights is not None:
            weighted_problem(trainer.problem)  # refuses what has no loss of each example
        trainer.feed((x, y), valid, sample_weight=weights, batch_size=batch_size)
        self.history = trainer.run(trainer.epoch + epochs, callbacks)
        trainer.release()

    def outputs(self, x: Array) -> Array:
        """The outputs for inputs, in parts."""
        x = np.asarray(x, self.mlp.weights[0].dtype)
        (output,) = self.graph.outputs
        parts = [
            self.graph.fprop({"x": x[start : start + PART]}, keep="outputs")[output] for start in range(0, len(x), PART)
        ]
        return np.concatenate(parts)


class _OfClasses:
    """A metric that is given the names of classes in place of their numbers."""

    def __init__(self, metric: Callable[[Any, Any], Any], classes: Array) -> None:
        self.metric, self.classes = metric, classes

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.metric)

    def __call__(self, targets: Array, predicted: Array) -> Any:
        named = self.classes[predicted] if predicted.dtype.kind in "iu" else predicted
        return self.metric(self.classes[targets], named)
