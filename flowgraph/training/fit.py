"""Training in one call: `fg.fit(model, data)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.errors import UsageError
from flowgraph.plan.backends import BackendName
from flowgraph.training.early_stopping import EarlyStopping
from flowgraph.training.history import History
from flowgraph.training.keywords import strict_keywords
from flowgraph.training.preflight import examine
from flowgraph.training.progress import progress_callback
from flowgraph.training.rule import Rule
from flowgraph.training.rules import RuleName
from flowgraph.training.schedules import Schedule
from flowgraph.training.settings import read_count
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

    `model` is an `fg.MLP`, which is trained by its cross entropy (softmax and sigmoid outputs) or squared error, plus
    `l1` · Σ |W| + `l2` · Σ W² of its weights; or a scalar objective box of your own, or a `Problem`, which says what
    to show as well.

    `data` is a pair (X, y), examples of `flowgraph.data`, or a dict of inputs (or their names) to arrays, the first
    axis of each counting the examples. `valid` is the same, or the share of the data to hold out, 0.1; or `data` is a
    pair of both. The best parameters are then those of the epoch with the smallest validation objective: the number
    that is minimised, regularizers included. `early_stopping=fg.EarlyStopping(watch="error")` chooses by the share of
    wrong classes instead, `watch="loss"` by the objective without regularizers; a number there is a patience.

    `evaluate` is the objective as it is evaluated on validation data, where that is another graph: without dropout, or
    with running statistics. `updates` maps parameters that are not trained, such as these statistics, to boxes of
    their new values, which each step takes over; see `Problem`. An MLP is evaluated without its dropout by itself.

    Each epoch uses each example once, in an order that `seed` fixes; `batch_size=1` is stochastic gradient descent
    example by example, `batch_size=None` uses all at once. The last batch of an epoch may be smaller.

    `sample_weight` has a number from 0 on for each example of `data`: the loss of an example, and its error, count so
    many times; the weights are divided by their mean, so that only their proportions matter. Weights of validation
    examples are given with them, `valid=(X, y, sample_weight)`; held out with `valid=0.1` each keeps its own.

    `metrics` are functions of (targets, predictions), scikit-learn's or your own, or a dict of names to them, measured
    after each epoch on the validation examples, without any on the training examples: `history["valid_f1_score"]`.
    One whose second parameter is called `y_score` or `y_proba` gets probabilities.

    `clip_norm` limits the norm of the gradient, `clip_value` each number of it, see `fg.Clipped`. `average=0.999`
    keeps an exponential moving average of the parameters, by which the model is validated, and with which it is left.

    Where `data` are a function that returns an iterator over batches, each (X, y) or a dict, it is called for each
    epoch; a loader that can be gone through again and again will do too. An iterator goes on from epoch to epoch,
    `steps_per_epoch` batches in each. `batch_size` says nothing then. An `np.memmap` is left where it is, and only the
    rows of a batch are read.

    Before training `checks` look at data and model, see `fg.preflight`. `progress` shows a bar in terminals and
    notebooks, and logs lines elsewhere; True prints the lines, False shows nothing. `callbacks` are functions of
    (trainer, epoch), or `fg.Callback`s. Ctrl-C ends training after the step, with the best parameters kept. `resume`
    goes on from a `trainer.state()`. `backend="numba"` compiles the step to machine code, see `fg.compile`.

    `backend="jax"` trains on the devices of JAX; `devices=8` or `mesh=`, a `jax.sharding.Mesh` or a
    `flowgraph.interop.jax.Placement`, divides each batch among several, on one host or, after
    `jax.distributed.initialize()`, on many: see docs/jax.md.

    >>> import numpy as np, flowgraph as fg
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)
    >>> mlp = fg.MLP([2, 16, 2], rng=0)
    >>> history = fg.fit(mlp, (X[:150], y[:150]), (X[150:], y[150:]), learning_rate=0.01, early_stopping=20)
    >>> history.best.valid_error < 0.1
    True

    Source: Larochelle, Training neural networks, "stochastic gradient descent".
    """
    epochs = read_count("fit", "epochs", epochs)
    if not isinstance(callbacks, Iterable):
        raise UsageError(f"fit: found callbacks={callbacks!r}, needs a list of them, [{callbacks!r}]")
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
    return trainer.run(epochs, [progress_callback(progress), *callbacks])
