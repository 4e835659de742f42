"""The bias-variance trade-off of an experiment: one setting varied, each network trained on resampled examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.data import Examples
from flowgraph.errors import UsageError
from flowgraph.experiment.experiment import Experiment, predict
from flowgraph.experiment.settings import TrainSettings
from flowgraph.training.bias_variance import BiasVariance, bias_variance
from flowgraph.training.settings import strict_keywords

FIXED = ("source", "target", "kind", "valid", "test", "stratify", "seed", "watch", "patience")
"""Settings that say what is compared, or that training to the end has no use for."""


@strict_keywords
def trade_off(
    settings: TrainSettings,
    name: str,
    values: Iterable[Any],
    *,
    training_sets: int = 20,
    on_training: Callable[[], Any] | None = None,
) -> BiasVariance:
    """Squared bias and variance of the network for each value of one setting, at the validation examples.

    The training examples are drawn from with replacement, and each network is trained on what was drawn, from other
    first weights, through all epochs. The truth is the target, one row per example with a 1 for its class: what no
    input tells of it counts as squared bias. The test examples stay closed.

    Parameters
    ----------
    settings : TrainSettings
        The settings that stay.
    name : str
        The setting that is varied.
    values : iterable
        Its values.
    training_sets : int, default 20
        Number of resampled training sets.
    on_training : function, optional
        It is called before each training.

    Returns
    -------
    BiasVariance
        A decomposition for each value.

    Raises
    ------
    UsageError
        If the setting cannot be varied, since it says what is compared.

    Examples
    --------
    >>> from flowgraph.experiment import TrainSettings, trade_off
    >>> settings = TrainSettings("moons", epochs=4, learning_rate=0.01)
    >>> found = trade_off(settings, "hidden", [(1,), (16,)], training_sets=4)
    >>> found.rows[0].squared_bias > found.rows[1].squared_bias
    True
    """
    if name in FIXED:
        raise UsageError(f"trade_off: found {name!r}, which says what is compared; vary another, such as hidden")
    whole = Experiment(settings)
    classes = whole.classes

    def fit(x: Array, y: Array, value: Any, number: int) -> Callable[[Array], Array]:
        drawn = Examples(x, y, whole.examples.columns, classes, whole.examples.name)
        varied = settings.with_values({name: value, "seed": number})
        experiment = Experiment(varied, whole.examples, replace(whole.raw, train=drawn))
        trainer = experiment.trainer(validated=False)
        trainer.run(varied.epochs)
        if trainer.stopped == "interrupted":
            raise KeyboardInterrupt  # a network that was trained for less says nothing of the setting
        if on_training is not None:
            on_training()
        predictor = experiment.predictor
        return lambda points: predict(predictor, points)

    valid = whole.raw.valid
    truth = np.eye(len(classes))[valid.y] if classes else valid.y
    return bias_variance(
        fit, values, tuple(whole.raw.train), valid.x, truth, training_sets=training_sets, seed=settings.seed
    )
