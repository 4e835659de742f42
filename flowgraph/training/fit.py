"""Training in one call: `fg.fit(model, data)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.plan.backends import BackendName
from flowgraph.training.callbacks import listed_callbacks, progress_callback
from flowgraph.training.early_stopping import EarlyStopping
from flowgraph.training.history import History
from flowgraph.training.preflight import examine
from flowgraph.training.rule import Rule
from flowgraph.training.rules import RuleName
from flowgraph.training.schedules import Schedule
from flowgraph.training.settings import read_setting, strict_keywords
from flowgraph.training.state import State
from flowgraph.training.trainer import Trainer


@strict_keywords
def fit(  # noqa: PLR0913  a keyword for each setting of a training
    model: Any,
    data: Any,
    valid: Any = None,
    *,
    epochs: int = 100,
    rule: RuleName | Rule = "adam",
    learning_rate: float | Schedule | None = None,
    batch_size: int | None = 32,
    l1: float = 0.0,
    l2: float = 0.0,
    early_stopping: EarlyStopping | int | None = None,
    evaluate: Box | None = None,
    updates: Mapping[Parameter, Box] | None = None,
    seed: int = 0,
    backend: BackendName = "numpy",
    mesh: Any = None,
    devices: Any = None,
    checks: bool = True,
    progress: bool | None = None,
    callbacks: Sequence[Any] = (),
    resume: State | None = None,
    sample_weight: Any = None,
    metrics: Any = (),
    clip_norm: float | None = None,
    clip_value: float | None = None,
    average: float | None = None,
    steps_per_epoch: int | None = None,
) -> History:
    """Train a model on examples, and return the history; the model is left with the best parameters.

    The best parameters are those of the epoch with the smallest validation objective: the number that is minimised,
    regularizers included. `early_stopping=fg.EarlyStopping(watch="error")` chooses by the share of wrong classes
    instead, `watch="loss"` by the objective without regularizers.

    Each epoch uses each example once, in an order that `seed` fixes. The last batch of an epoch may be smaller. Ctrl-C
    ends training after the step, with the best parameters kept.

    Data may also be a function that returns an iterator over batches, each (X, y) or a dict, which is called for each
    epoch, or a loader that can be iterated over repeatedly. An iterator continues from epoch to epoch, with
    `steps_per_epoch` batches in each. `batch_size` has no effect then. An `np.memmap` stays in its file, and only the
    rows of a batch are read.

    Parameters
    ----------
    model : MLP, Box or Problem
        A network, which is trained by its cross entropy in nats per example (softmax and sigmoid outputs) or squared
        error, plus `l1` · Σ |W| + `l2` · Σ W² of its weights; or a scalar objective box of your own, or a `Problem`,
        which says what to show as well.
    data : pair of arrays, Examples, dict, function or iterator
        The training examples: (X, y), examples of `flowgraph.data`, or inputs (or their names) to arrays, the first
        axis of each counting the examples; or a pair of training and validation examples; or batches.
    valid : as `data`, or float, optional
        The validation examples, or the share of the data to hold out, such as 0.1.
    epochs : int, default 100
        Largest number of epochs.
    rule : str or Rule, default 'adam'
        The update rule: 'sgd', 'momentum', 'nesterov', 'rmsprop', 'adagrad', 'adam', 'adamw', or one that
        was made.
    learning_rate : float or Schedule, optional
        The rate per step; by default one that suits the rule.
    batch_size : int or None, default 32
        Examples of a step: 1 is stochastic gradient descent example by example, None uses all at once.
    l1, l2 : float, default 0.0
        Strengths of the penalties on the weights of an MLP.
    early_stopping : EarlyStopping or int, optional
        When to stop; a number is a patience, in epochs.
    evaluate : Box, optional
        The objective on validation data, where that is another graph; see `Problem`. An MLP is evaluated without its
        dropout by itself.
    updates : mapping of Parameter to Box, optional
        New values of parameters that are not trained, such as running statistics; see `Problem`.
    seed : int, default 0
        What fixes the order of the examples and the draws of dropout.
    backend : {'numpy', 'numba', 'jax'}, default 'numpy'
        What runs the step; see `fg.compile`.
    mesh : jax.sharding.Mesh or Placement, optional
        The devices among which JAX divides each batch, on one host or, after `jax.distributed.initialize()`, on many.
    devices : int or list, optional
        Their number, or the devices themselves, in place of `mesh`.
    checks : bool, default True
        Whether data and model are looked at before training; see `fg.preflight`.
    progress : bool, optional
        True prints lines, False shows nothing; by default a bar in terminals and notebooks, and log lines elsewhere.
    callbacks : sequence of functions or Callback, default ()
        What is called with (trainer, epoch) after each epoch.
    resume : State, optional
        Where to go on: a `trainer.state()`, or `load_checkpoint(path)`, which is refused where objective or data are
        not those of the training that wrote it.
    sample_weight : array_like, optional
        A number from 0 on for each example of `data`: its loss, and its error, count so many times. The numbers are
        divided by their mean. Weights of validation examples are given with them, `valid=(X, y, sample_weight)`; held
        out with `valid=0.1` each keeps its own.
    metrics : sequence of functions, or dict, default ()
        Functions of (targets, predictions), scikit-learn's or your own, measured after each epoch on the validation
        examples, without any on the training examples: `history["valid_f1_score"]`. One whose second parameter is
        called `y_score` or `y_proba` gets probabilities.
    clip_norm, clip_value : float, optional
        Largest norm of the gradient, and largest absolute value of each number of it; see `fg.Clipped`.
    average : float, optional
        Decay of an exponential moving average of the parameters, such as 0.999, by which the model is validated, and
        with which it is left.
    steps_per_epoch : int, optional
        Batches of an epoch, for data that are an iterator.

    Returns
    -------
    History
        What was measured after each epoch, why training ended, and which epoch was the best.

    Raises
    ------
    UsageError
        If a setting does not fit; an unknown one is named with the nearest known.
    FeedError
        If the data do not fit the inputs of the model.
    PreflightError
        If a check before training finds what makes it useless, such as NaN in the data.

    References
    ----------
    Larochelle, Training neural networks, "stochastic gradient descent".

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)
    >>> mlp = fg.MLP([2, 16, 2], rng=0)
    >>> history = fg.fit(mlp, (X[:150], y[:150]), (X[150:], y[150:]), learning_rate=0.01, early_stopping=20)
    >>> history.best.valid_error < 0.1
    True
    """
    epochs = read_setting("fit", "epochs", epochs)
    trainer = Trainer(
        model,
        data,
        valid,
        l1=l1,
        l2=l2,
        rule=rule,
        learning_rate=learning_rate,
        batch_size=batch_size,
        early_stopping=early_stopping,
        evaluate=evaluate,
        updates=updates,
        seed=seed,
        backend=backend,
        mesh=mesh,
        devices=devices,
        sample_weight=sample_weight,
        metrics=metrics,
        clip_norm=clip_norm,
        clip_value=clip_value,
        average=average,
        steps_per_epoch=steps_per_epoch,
    )
    if resume is not None:
        trainer.restore(resume)
    elif checks:
        examine(trainer.problem, trainer.examples(), trainer.seed, trainer.valid).tell()
    return trainer.run(epochs, [progress_callback(progress), *listed_callbacks(callbacks)])
