"""The trainer: steps, epochs, and a state from which training resumes with bitwise the same results."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Parameter
from flowgraph.errors import UsageError
from flowgraph.plan.backends import BackendName
from flowgraph.training.batches import Nothing, Shuffled, Stream, as_stream
from flowgraph.training.callbacks import Callback, Listeners
from flowgraph.training.clipping import clipped_rule
from flowgraph.training.devices import read_placement
from flowgraph.training.early_stopping import EarlyStopping, Lookout, find_stopping
from flowgraph.training.evaluation import DRAWS_OF_EVALUATION
from flowgraph.training.examples import Fed, parted, read_examples
from flowgraph.training.history import Epoch, History
from flowgraph.training.interrupt import interruption
from flowgraph.training.keywords import strict_settings
from flowgraph.training.metrics import Metrics
from flowgraph.training.model_problem import problem_of, weighted_problem
from flowgraph.training.not_finite import SMALLER, cause_in
from flowgraph.training.rule import Rule
from flowgraph.training.rules import RuleName, find_rule
from flowgraph.training.schedules import Schedule, find_schedule
from flowgraph.training.settings import read_count, read_number
from flowgraph.training.state import Resumable
from flowgraph.training.step import Step
from flowgraph.training.training_data import has_weights, training_data


@strict_settings
class Trainer(Resumable):
    """Trains a model step by step by one plan, `plan`; model, data (here `train`) and settings are those of `fg.fit`.

    `updates` counts the steps, `epoch` the complete epochs, `position` the examples seen in the next. Order and dropout
    follow from the seed and these counts, so `state()` is all that `restore` needs.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> len(fg.Trainer(fg.MLP([3, 3], rng=0), (np.eye(3), np.arange(3))).run(2))
    2
    """

    def __init__(  # noqa: PLR0913  a keyword for each setting of a training
        self,
        model: Any,
        train: Any,
        valid: Any = None,
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        rule: RuleName | Rule = "adam",
        learning_rate: float | Schedule | None = None,
        batch_size: int | None = 32,
        early_stopping: EarlyStopping | int | None = None,
        evaluate: Box | None = None,
        updates: Mapping[Parameter, Box] | None = None,
        seed: int = 0,
        backend: BackendName = "numpy",
        mesh: Any = None,
        devices: Any = None,
        sample_weight: Any = None,
        metrics: Any = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        average: float | None = None,
        steps_per_epoch: int | None = None,
    ) -> None:
        train, valid = parted(train, valid)
        train, first = as_stream(train, steps_per_epoch)
        problem = problem_of(model, first, l1, l2, evaluate=evaluate, updates=updates)
        self.problem = weighted_problem(problem) if has_weights(valid, sample_weight) else problem
        self.seed = read_count("fit", "seed", seed, low=0)
        self.batch_size = batch_size
        self._read(train, valid, sample_weight)
        if evaluate is not None and self.valid is None:
            raise UsageError(
                "fit: found evaluate= without validation data, on which it would be evaluated; needs valid="
            )
        self.rule = clipped_rule(find_rule(rule), clip_norm, clip_value)
        self.schedule = find_schedule("fit", self.rule.default_rate if learning_rate is None else learning_rate)
        self.backend = backend
        self.placement = read_placement(backend, mesh, devices, self.batches)
        self.average = None if average is None else read_number("fit", "average", average, low=0, below=1)
        self.lookout = Lookout(find_stopping(early_stopping, self.problem, self.valid is not None))
        self.updates = self.epoch = 0
        self.stopped: str | None = None
        self.history: list[Epoch] = []
        self._set_aside: dict[Parameter, Array] = {}
        self._build(metrics)
        self._begin_epoch()

    def _read(self, train: object, valid: object, sample_weight: object) -> None:
        """Take examples to train on and to validate on, or a stream of batches."""
        data = training_data(
            self.problem, train, valid, batch_size=self.batch_size, seed=self.seed, sample_weight=sample_weight
        )
        self._cause: str | None = None
        self.batches: Shuffled | Stream | Nothing = data.batches
        self.train, self.valid = data.train, data.valid
        self.batch_size = data.batches.size

    def _build(self, metrics: object) -> None:
        self._step = step = Step(self.problem, self.rule, self.backend, self.average, self.placement)
        self.plan = step.plan
        self._evaluator = None if self.valid is None else step.evaluator()
        self._metrics = Metrics(self.problem, metrics, step.averages) if metrics else None
        if self._metrics is not None and self.train is None and self.valid is None:
            raise UsageError("fit: found metrics= beside a stream of batches alone; needs valid=, examples to measure")

    def _begin_epoch(self, position: int = 0) -> None:
        self.position, self._seconds = position, 0.0
        self._sums = dict.fromkeys(self._step.places, 0.0)
        self._norms = dict.fromkeys(self._step.layers, 0.0)
        self.batches.begin(self.epoch, position)

    def feed(
        self, train: object, valid: object = None, *, sample_weight: object = None, batch_size: int | None = None
    ) -> None:
        """Continue with other examples, from the beginning of an epoch.

        Parameters, state of the rule, counts and history stay; early stopping starts anew, because measures of other
        examples cannot be compared.

        Parameters
        ----------
        train : Examples, tuple of array_like or iterable of batches
            The examples to train on.
        valid : Examples or tuple of array_like, optional
            Validation examples; needed if and only if the trainer was given some.
        sample_weight : array_like, shape (n,), optional
            A weight for each training example.
        batch_size : int, optional
            Examples in a step; by default all.

        Raises
        ------
        UsageError
            If weights or validation examples were given now but not to the trainer, or the reverse.
        """
        if sample_weight is not None and self.problem.sample_weight is None:
            raise UsageError("feed: found sample_weight= for a training that began without; give it to the Trainer too")
        if (valid is None) is not (self._evaluator is None):
            raise UsageError("feed: found validation data now or before, but not both; needs them each time, or never")
        self.batch_size = batch_size
        self._read(train, valid, sample_weight)
        self.lookout = Lookout(self.lookout.settings)
        self.stopped = None
        self._begin_epoch()

    def release(self) -> None:
        """Let go of all examples; `feed` gives others."""
        self.batches, self.train, self.valid = Nothing(), None, None

    def examples(self) -> Fed:
        """The training examples.

        Returns
        -------
        Fed
            All of them; of a stream those of its first batch.
        """
        if self.train is not None:
            return self.train
        return read_examples(self.problem, self.batches.first)

    def step(self) -> None:
        """Do one update from the next batch of this epoch.

        Raises
        ------
        UsageError
            If the epoch has no examples left; `end_epoch` starts the next one.
        """
        start = time.perf_counter()
        if not self.batches.more:
            raise UsageError(
                f"step: found no example left in epoch {self.epoch + 1}, needs end_epoch() to go on to the next"
            )
        batch = self.batches.take()
        self.updates += 1
        seed = (self.seed << 40) + self.updates
        measured, norms = self._step.run(batch.arrays, self.schedule(self.updates), seed)
        for name, value in measured.items():
            self._sums[name] += value * batch.size
        if self._cause is None and not math.isfinite(measured["objective"] + sum(norms.values())):
            self._cause = cause_in(batch.arrays, self.batches.steps)
        for layer, norm in norms.items():
            self._norms[layer] += norm
        self.position += batch.size
        self._seconds += time.perf_counter() - start

    def end_epoch(self) -> Epoch:
        """Measure after the last step of an epoch, and decide whether training stops.

        Returns
        -------
        Epoch
            The measures, which are also appended to the history.

        Raises
        ------
        UsageError
            If the epoch still has examples.
        """
        start = time.perf_counter()
        if self.batches.more:
            of = "" if self.train is None else f" of {len(self.train)}"
            raise UsageError(
                f"end_epoch: found {self.position}{of} examples seen in epoch {self.epoch + 1}; step() goes on until "
                f"all are"
            )
        measured = self._measured()
        epoch = Epoch(
            number=self.epoch + 1,
            updates=self.updates,
            learning_rate=self.schedule(self.updates),
            seconds=self._seconds + time.perf_counter() - start,
            gradient_norms={layer: total / self.batches.steps for layer, total in self._norms.items()},
            **measured,
        )
        self.epoch = epoch.number
        self._begin_epoch()
        self.history.append(epoch)
        self.lookout.see(epoch, self.values)
        self.stopped = self.stopped or self.lookout.verdict()
        if not math.isfinite(epoch.train_objective):
            self.stopped = f"the objective is {epoch.train_objective} in epoch {epoch.number}; {self._cause or SMALLER}"
        return epoch

    def _measured(self) -> dict[str, Any]:
        """The measures of the steps of this epoch, and those of the validation examples; metrics of these if any."""
        found: dict[str, Any] = {f"train_{name}": total / self.position for name, total in self._sums.items()}
        if self._evaluator is not None:
            seed = (self.seed << 40) + DRAWS_OF_EVALUATION + (self.epoch << 20)
            measured = self._evaluator.measure(self.valid, seed=seed)
            found |= {f"valid_{name}": value for name, value in measured.items()}
        examples, part = (self.train, "train") if self.valid is None else (self.valid, "valid")
        if self._metrics is not None and examples is not None:
            measured = self._metrics.measure(examples)
            found["metrics"] = {f"{part}_{name}": value for name, value in measured.items()}
        return found

    def run(self, epochs: int, callbacks: Sequence[Any] = ()) -> History:
        """Train until `epochs` epochs are complete or training is stopped; then the model gets its best parameters.

        Parameters
        ----------
        epochs : int
            The number of epochs in all, those trained before included.
        callbacks : sequence of Callback or function, default ()
            Called on the way.

        Returns
        -------
        History
            The measures of all epochs, and why training ended.
        """
        listeners = Listeners(callbacks)
        for parameter, value in self._set_aside.items():
            parameter.value = value
        try:
            with interruption() as interrupted:
                listeners.on_start(self, epochs)
                while self.stopped is None and self.epoch < epochs and self._has_data():
                    self._run_step(listeners)
                    if interrupted.asked and self.stopped is None:
                        self.stopped = "interrupted"
                listeners.on_stop(self)
        finally:
            listeners.on_end(self)
        ended = f"ended: {self.stopped}" if self.stopped else f"ended after {self.epoch} epoch{'s' * (self.epoch != 1)}"
        self.put_back_best()
        watch = self.lookout.settings.watch
        return History(self.history, best_epoch=self.lookout.best_epoch or None, ended=ended, watch=watch)

    def _run_step(self, listener: Callback) -> None:
        if self.batches.more:
            self.step()
            listener.on_step(self)
        if not self.batches.more:
            listener.on_epoch(self, self.end_epoch())

    def _has_data(self) -> bool:
        """Whether the epoch can continue; a stream that cannot be iterated again ends the training."""
        if not self.batches.more and self.position == 0:
            self.stopped = f"the data ended after epoch {self.epoch}; a function that returns them gives them again"
        return self.stopped is None

    def stop(self, why: str) -> None:
        """End the run after this step; for callbacks.

        Parameters
        ----------
        why : str
            The reason, which `History.ended` reports.
        """
        self.stopped = why

    def values(self) -> dict[str, Array]:
        """The parameters of the model, those that `updates=` changes included.

        Returns
        -------
        dict of str to array
            Values by name; the moving average for parameters that have one.
        """
        return self._step.values()

    def put_back_best(self) -> None:
        """Give the model copies of the best parameters, and set aside the parameters that averages replace."""
        now = self.values()
        self._set_aside = {p: p.value for p in self._step.averages}
        for name, parameter in self._step.parameters.items():
            parameter.value = self.lookout.parameters.get(name, now[name])
