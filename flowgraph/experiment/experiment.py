"""An experiment: examples that are split and standardised, the network for them, its trainer, its predictions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import numpy as np

from flowgraph.box import Array
from flowgraph.box.leaves import Input
from flowgraph.data import Examples, Split, Standardiser, split
from flowgraph.data.preparation import Preparation
from flowgraph.errors import UsageError
from flowgraph.experiment.loading import load
from flowgraph.experiment.settings import TrainSettings
from flowgraph.graph import Graph
from flowgraph.saving.limits import check_room
from flowgraph.training.mlp import MLP, Activation
from flowgraph.training.model_problem import mlp_problem
from flowgraph.training.problem import Problem
from flowgraph.training.trainer import Trainer

BATCH = 1024
"""Rows that are predicted at once: calls of NumPy then cost little, and layers stay in the cache."""

COPIES = 4
"""Arrays as large as the parameters that a training holds, at least: they, their gradients, what the rule remembers."""


class Experiment:
    """Everything that settings fix before the first step.

    `predictor` is the graph from raw inputs to probabilities or numbers: it holds the standardisation, so that what is
    saved reads what the user's file has.

    Parameters
    ----------
    settings : TrainSettings
        What fixes the training.
    examples : Examples, optional
        The examples; by default those that `settings.source` names.
    raw : Split, optional
        Their parts, where they are split already.

    Raises
    ------
    UsageError
        If the settings do not fit the examples.

    Examples
    --------
    >>> from flowgraph.experiment import Experiment, TrainSettings
    >>> experiment = Experiment(TrainSettings("iris", hidden=(8,), epochs=5))
    >>> history = experiment.trainer().run(5)
    >>> len(history), experiment.predictor.outputs[0]
    (5, <Softmax 'f', axis=-1: (N, 3) float64>)
    """

    def __init__(self, settings: TrainSettings, examples: Examples | None = None, raw: Split | None = None) -> None:
        self.settings = settings
        self.preparation: Preparation | None = None
        if examples is None:
            examples, self.preparation = load(settings)
        self.examples = examples
        if settings.watch == "error" and not examples.classes:
            raise UsageError(f"{examples.name}: found watch='error' for numbers, which have none; watch the objective")
        self.raw: Split = raw or split(
            examples, valid=settings.valid, test=settings.test, stratify=settings.stratify, seed=settings.seed
        )
        self.standardise = Standardiser.of(self.raw.train.x) if settings.standardise else None
        numbers = not self.examples.classes
        self.scale = Standardiser.of(self.raw.train.y[:, None]) if numbers and settings.standardise else None
        sizes = [self.examples.x.shape[1], *settings.hidden, self.examples.outputs]
        count = sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))
        check_room(
            f"a network of {count:,} parameters", COPIES * count * np.dtype(settings.dtype).itemsize,
            f"make the hidden layers {settings.hidden} smaller", UsageError,
        )  # fmt: skip
        self.mlp = MLP(
            sizes,
            hidden=cast(Activation, settings.activation),
            output="linear" if numbers else "softmax",
            init="he_uniform" if settings.activation in ("relu", "leaky_relu", "elu") else "glorot_uniform",
            rng=settings.seed,
            dtype=settings.dtype,
            dropout=settings.dropout,
        )
        self.problem: Problem = mlp_problem(self.mlp, self._pair(self.raw.train)[1], settings.l1, settings.l2)

    @property
    def classes(self) -> tuple[str, ...]:
        """The words for the outputs, none for numbers."""
        return self.examples.classes

    def trainer(self, *, validated: bool = True) -> Trainer:
        """A trainer at the start of training.

        Parameters
        ----------
        validated : bool, default True
            Whether it gets the validation examples; without them there is no early stopping.

        Returns
        -------
        Trainer
            The trainer.
        """
        settings = self.settings
        return Trainer(
            self.problem,
            self._pair(self.raw.train),
            self._pair(self.raw.valid) if validated else None,
            rule=settings.update_rule,
            learning_rate=settings.schedule,
            batch_size=settings.batch_size,
            early_stopping=settings.early_stopping if validated else None,
            seed=settings.seed,
        )

    @property
    def predictor(self) -> Graph:
        """From raw inputs to the probabilities of the classes, or to numbers in their own unit."""
        dtype = np.dtype(self.settings.dtype)
        x = Input("x", shape=("N", self.examples.x.shape[1]), dtype=dtype)
        raw: Any = x
        if self.standardise is not None:
            raw = (x - self.standardise.mean.astype(dtype)) / self.standardise.scale.astype(dtype)
        f = self.mlp(raw)
        if not self.classes:
            f = f[:, 0]
            if self.scale is not None:
                f = f * dtype.type(self.scale.scale[0]) + dtype.type(self.scale.mean[0])
        return Graph(f.named("f"))

    def _pair(self, examples: Examples) -> tuple[Array, Array]:
        """Inputs and targets as the network is trained on them."""
        x = examples.x if self.standardise is None else self.standardise(examples.x)
        y = examples.y if self.scale is None else self.scale(examples.y[:, None])[:, 0]
        dtype = np.dtype(self.settings.dtype)
        return x.astype(dtype), y if self.classes else y.astype(dtype)


def predict(predictor: Graph, x: Array) -> Array:
    """The outputs of a predictor for raw inputs, in batches."""
    (output,) = predictor.outputs
    dtype = predictor.inputs[0].dtype
    parts = []
    for start in range(0, len(x), BATCH):
        run = predictor.fprop({"x": x[start : start + BATCH].astype(dtype)}, keep="outputs")
        parts.append(run[output])
    return np.concatenate(parts)


def error_of(output: Array, examples: Examples) -> float:
    """The share of the examples whose most probable class is not theirs; for numbers the root of the mean square."""
    if examples.classes:
        return float(np.mean(output.argmax(axis=1) != examples.y))
    return float(np.sqrt(np.mean((output - examples.y) ** 2)))
