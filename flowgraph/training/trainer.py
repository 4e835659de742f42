"""The trainer: steps, epochs, and a state from which training resumes with bitwise the same results."""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.copying import Picklable
from flowgraph.box.leaves import Parameter
from flowgraph.errors import UsageError
from flowgraph.plan.backends import BackendName
from flowgraph.plan.compilation import read_placement
from flowgraph.training.callbacks import Callback, as_callback, hear_steps, listed_callbacks, tell
from flowgraph.training.early_stopping import EarlyStopping, Lookout, find_stopping
from flowgraph.training.evaluation import DRAWS_OF_EVALUATION, Evaluator, Metrics
from flowgraph.training.examples import (
    Fed,
    Nothing,
    Shuffled,
    Stream,
    as_stream,
    has_weights,
    read_examples,
    train_and_valid,
    training_data,
)
from flowgraph.training.history import Epoch, History
from flowgraph.training.objective import problem_of, weighted_problem
from flowgraph.training.rule import Rule
from flowgraph.training.rules import RuleName, clipped_rule, find_rule
from flowgraph.training.schedules import Schedule, find_schedule
from flowgraph.training.settings import read_setting, strict_settings
from flowgraph.training.state import (
    FINGERPRINTS,
    State,
    check_arrays,
    check_fingerprints,
    check_identity,
    check_progress,
    fingerprints,
    read_state,
)
from flowgraph.training.step import Step


def placement_for(backend: BackendName, mesh: Any, devices: Any, batches: Shuffled | Stream | Nothing) -> Any:
    """How each batch is divided among devices, None for one device; refused where they do not divide it.

    The last batch of an epoch, and the last part of an evaluation, may be smaller: each device computes it whole.
    """
    placement = read_placement("fit", backend, mesh, devices)
    if placement is None or not isinstance(batches, Shuffled):
        return placement
    if batches.size % placement.parts:
        raise UsageError(
            f"fit: found batches of {batches.size} examples for {placement.parts} devices, which do not divide them; "
            f"give batch_size= a multiple of {placement.parts}"
        )
    return dataclasses.replace(placement, uneven=True)


def is_writer(placement: Any) -> bool:
    """Whether this process writes files for all of a training: the first one does."""
    if placement is None:
        return True
    import jax

    return bool(jax.process_index() == 0)


def decide_together(placement: Any, wish: bool) -> bool:
    """The decision of the first process, on all of them, so that all act after the same step."""
    if placement is None:
        return wish
    import jax

    if jax.process_count() == 1:
        return wish
    from jax.experimental import multihost_utils

    return bool(multihost_utils.broadcast_one_to_all(int(wish)))


@contextmanager
def interruption(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls a function, the second raises KeyboardInterrupt.

    In a thread, or under a handler of the user's own, it stays as it was.
    """
    pressed: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        stop()

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield
        return
    try:
        signal.signal(signal.SIGINT, handle)  # an interrupt right after it finds the way back too
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def are_finite(values: Array) -> bool:
    """Whether all are; their squares are looked at one by one only where the sum of these is not finite."""
    return math.isfinite(np.vdot(values, values).real) or bool(np.isfinite(values).all())


SMALLER = "try a smaller learning rate"


def cause_in(arrays: Mapping[Box, Array], step: int) -> str:
    """What to do about the first objective or gradient that is not finite, of the batch of a step of an epoch."""
    for box, array in arrays.items():
        bad = np.argwhere(~np.isfinite(array)) if array.dtype.kind in "fc" else np.empty((0, 0), int)
        if len(bad):
            place = tuple(int(i) for i in bad[0])
            return (
                f"{len(bad)} of the numbers of {box.title} are not finite in the batch of step {step}, such as "
                f"{array[place]} at {list(place)}; leave such examples out, or fill them in"
            )
    return SMALLER


@strict_settings
class Trainer(Picklable):
    """Trains a model step by step by one plan, `plan`; model, data (here `train`) and settings are those of `fg.fit`.

    `updates` counts the steps, `epoch` the complete epochs, `position` the examples seen in the next. Order and dropout
    follow from the seed and these counts, so `state()` is all that `restore` needs. `stopped` is why training stopped,
    None while it did not; `interrupted` is whether Ctrl-C was pressed in a run.

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
        train, valid = train_and_valid(train, valid)
        train, first = as_stream(train, steps_per_epoch)
        problem = problem_of(model, first, l1, l2, evaluate=evaluate, updates=updates)
        self.problem = weighted_problem(problem) if has_weights(valid, sample_weight) else problem
        self.seed: int = read_setting("fit", "seed", seed)
        self.batch_size = batch_size
        self._take_examples(train, valid, sample_weight)
        if evaluate is not None and self.valid is None:
            raise UsageError(
                "fit: found evaluate= without validation data, on which it would be evaluated; needs valid="
            )
        self.rule = clipped_rule(find_rule(rule), clip_norm, clip_value)
        self.schedule = find_schedule("fit", self.rule.default_rate if learning_rate is None else learning_rate)
        self.backend = backend
        self.placement = placement_for(backend, mesh, devices, self.batches)
        self.average: float | None = read_setting("fit", "average", average)
        self.lookout = Lookout(find_stopping(early_stopping, self.problem, self.valid is not None))
        self.updates = self.epoch = 0
        self.stopped: str | None = None
        self.interrupted = False
        self.history: list[Epoch] = []
        self._set_aside: dict[Parameter, Array] = {}
        self._finite: dict[str, Array] = {}
        self._build(metrics)
        self._begin_epoch()

    def _take_examples(self, train: object, valid: object, sample_weight: object) -> None:
        """Take examples to train on and to validate on, or a stream of batches."""
        data = training_data(
            self.problem, train, valid, batch_size=self.batch_size, seed=self.seed, sample_weight=sample_weight
        )
        self._cause: str | None = None
        self._fingerprints: dict[str, str | None] = {}
        self.batches: Shuffled | Stream | Nothing = data.batches
        self.train, self.valid = data.train, data.valid
        self.batch_size = data.batches.size

    def _build(self, metrics: object) -> None:
        self._step = step = Step(self.problem, self.rule, self.backend, self.average, self.placement)
        self.plan = step.plan
        where: dict[str, Any] = {"backend": "jax", "mesh": self.placement} if self.backend == "jax" else {}
        self._evaluator = None
        if self.valid is not None:
            self._evaluator = Evaluator(self.problem, step.penalty, averages=step.averages, **where)
        self._metrics = Metrics(self.problem, metrics, step.averages) if metrics else None
        if self._metrics is not None and self.train is None and self.valid is None:
            raise UsageError("fit: found metrics= beside a stream of batches alone; needs valid=, examples to measure")

    def _begin_epoch(self, position: int = 0) -> None:
        self.position, self._seconds = position, 0.0
        self._totals = self._step.totals({}, {})
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
        self._take_examples(train, valid, sample_weight)
        self.lookout = Lookout(self.lookout.settings)
        self.stopped, self.interrupted = None, False
        self._begin_epoch()

    def go_on_from(self, other: Trainer, *, same_rule: bool) -> None:
        """Take over what a trainer of the same model with other settings has learned.

        Parameters
        ----------
        other : Trainer
            Its parameters, averages, counts and history are taken over.
        same_rule : bool
            Whether what its rule remembers is taken over too, rather than begun anew.
        """
        own, its = self._step, other._step
        for name, parameter in own.parameters.items():
            before = its.parameters.get(name, parameter)
            parameter.value = other._set_aside.get(before, before.value)
            if parameter in own.averages:
                own.averages[parameter].value = its.averages.get(before, parameter).value
        if same_rule and own.memory.keys() == its.memory.keys():
            for name, remembered in own.memory.items():
                remembered.value = its.memory[name].value
        self.updates, self.epoch, self.history = other.updates, other.epoch, list(other.history)
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
        if not self.batches.more:
            raise UsageError(
                f"step: found no example left in epoch {self.epoch + 1}, needs end_epoch() to go on to the next"
            )
        self._steps(self.updates + 1)

    def _steps(self, last: float) -> None:
        """Do the updates to number `last`, or to the end of the epoch; not more than one once training is stopped."""
        start = time.perf_counter()
        batches, totals, inputs = self.batches, self._totals, self.problem.inputs
        plan, schedule, measures = self._step.plan, self.schedule, len(self._step.measures)
        first = self.seed << 40
        while batches.more and self.updates < last:
            batch = batches.take()
            self.updates += 1
            arrays = [batch.arrays[box] for box in inputs]
            values = [*map(float, plan(*arrays, schedule(self.updates), seed=first + self.updates))]
            for place, value in enumerate(values):
                totals[place] += value * batch.size if place < measures else value
            self.position += batch.size
            if self._cause is None and not math.isfinite(sum(values)):
                self._cause = cause_in(batch.arrays, batches.steps)
            if self.stopped is not None:
                break
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
        sums, norms = self._step.sums_by_name(self._totals)
        measured = self._measure_epoch(sums)
        epoch = Epoch(
            number=self.epoch + 1,
            updates=self.updates,
            learning_rate=self.schedule(self.updates),
            seconds=self._seconds + time.perf_counter() - start,
            gradient_norms={layer: total / self.batches.steps for layer, total in norms.items()},
            **measured,
        )
        self.epoch = epoch.number
        self._begin_epoch()
        self.history.append(epoch)
        self.lookout.see(epoch, self.values)
        self.stopped = self.stopped or self.lookout.verdict()
        finite = self._keep_finite()
        if not math.isfinite(epoch.train_objective):
            self.stopped = f"the objective is {epoch.train_objective} in epoch {epoch.number}; {self._cause or SMALLER}"
        elif not finite:
            self.stopped = f"parameters are not finite after epoch {epoch.number}; {self._cause or SMALLER}"
        return epoch

    def _keep_finite(self) -> bool:
        """Whether all parameters are finite; a copy of them is kept then, which a model gets that diverges later."""
        values = {name: p.array for name, p in self._step.in_use.items()}
        if not all(map(are_finite, values.values())):
            return False
        self._finite = values  # each a copy of its own, which no later step writes to
        return True

    def _measure_epoch(self, sums: Mapping[str, float]) -> dict[str, Any]:
        """The measures of the steps of this epoch, and those of the validation examples; metrics of these if any."""
        measures: dict[str, Any] = {f"train_{name}": total / self.position for name, total in sums.items()}
        if self._evaluator is not None:
            seed = (self.seed << 40) + DRAWS_OF_EVALUATION + (self.epoch << 20)
            measured = self._evaluator.measure(self.valid, seed=seed)
            measures |= {f"valid_{name}": value for name, value in measured.items()}
        examples, part = (self.train, "train") if self.valid is None else (self.valid, "valid")
        if self._metrics is not None and examples is not None:
            measured = self._metrics.measure(examples)
            measures["metrics"] = {f"{part}_{name}": value for name, value in measured.items()}
        return measures

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
        listeners = [as_callback(callback) for callback in listed_callbacks(callbacks)]
        for parameter, value in self._set_aside.items():
            parameter.value = value
        self._keep_finite()
        try:
            with interruption(self._interrupt):
                tell(listeners, "on_start", self, epochs)
                while self.stopped is None and self.epoch < epochs and self._has_data():
                    self._run_steps(listeners)
                tell(listeners, "on_stop", self)
                self.put_back_best()
        finally:
            self._end(listeners)
        ended = f"ended: {self.stopped}" if self.stopped else f"ended after {self.epoch} epoch{'s' * (self.epoch != 1)}"
        watch = self.lookout.settings.watch
        return History(self.history, best_epoch=self.lookout.best_epoch or None, ended=ended, watch=watch)

    def _end(self, listeners: Sequence[Callback]) -> None:
        """Tell all that it has ended, once more where an interrupt comes in between: they hold files and locks."""
        try:
            tell(listeners, "on_end", self)
        except KeyboardInterrupt:
            tell(listeners, "on_end", self)
            raise

    def _interrupt(self) -> None:
        """Stop after the step; that it was interrupted stays known where the epoch ends with another reason to stop."""
        self.interrupted = True
        self.stopped = self.stopped or "interrupted"

    def _run_steps(self, listeners: Sequence[Callback]) -> None:
        """A step, where a listener hears of each, else those that are left of the epoch; after the last, its end."""
        heard = hear_steps(listeners)
        if self.batches.more:
            self._steps(self.updates + 1 if heard else math.inf)
            tell(heard, "on_step", self)
        if not self.batches.more:
            tell(listeners, "on_epoch", self, self.end_epoch())

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
        return {name: p.value for name, p in self._step.in_use.items()}

    def put_back_best(self) -> None:
        """Give the model copies of the best parameters, and set aside the parameters that averages replace."""
        best, now = self.lookout.parameters, self.values()
        if not best and not all(map(are_finite, now.values())):
            best = self._finite
        self._set_aside = {p: p.value for p in self._step.averages}
        for name, parameter in self._step.parameters.items():
            parameter.value = best.get(name, now[name])

    def _identity(self) -> dict[str, Any]:
        """The settings that a state and a trainer must have in common."""
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "backend": self.backend,
            "examples": None if self.train is None else len(self.train),
            "rule": str(self.rule),
            "watch": self.lookout.settings.watch,
            "schedule": str(self.schedule),
            "average": self.average,
        }

    def fingerprints(self) -> dict[str, str | None]:
        """Checksums of what a state depends on; a checkpoint has them.

        Returns
        -------
        dict of str to str or None
            Those of the objective, of other graphs and of the examples, computed once for these.
        """
        self._fingerprints = self._fingerprints or fingerprints(self.problem, self.train, self.valid)
        return self._fingerprints

    def state(self) -> State:
        """A copy of all that `restore` needs to continue the training with the same numbers.

        Returns
        -------
        State
            Arrays by name, and a record of counts and history.
        """
        sums, norms = self._step.sums_by_name(self._totals)
        arrays = {name: np.array(self._set_aside.get(p, p.value)) for name, p in self._step.owned.items()}
        arrays |= {f"best/{name}": np.array(value) for name, value in self.lookout.parameters.items()}
        record = {
            **self._identity(),
            "updates": self.updates,
            "epoch": self.epoch,
            "position": self.position,
            "sums": sums,
            "seconds": self._seconds,
            "norms": norms,
            "lookout": self.lookout.record(),
            "history": [epoch.record() for epoch in self.history],
        }
        return State(arrays, record)

    def restore(self, state: State) -> None:
        """Continue where a state was taken.

        Parameters
        ----------
        state : State
            What `state` returned, in this trainer or in another with the same problem, data and settings.

        Raises
        ------
        UsageError
            If it is no state, or belongs to another problem, other data or other settings.
        FeedError
            If an array has another shape or dtype than the parameter.
        """
        arrays, record = read_state(state)
        if FINGERPRINTS in record:
            check_fingerprints(record[FINGERPRINTS], self.fingerprints())
        check_identity(record, self._identity())
        best = {name.removeprefix("best/"): array for name, array in arrays.items() if name.startswith("best/")}
        owned, own = self._step.owned, self._step.parameters
        check_arrays(arrays, owned)
        check_arrays(arrays, {f"best/{name}": own[name] for name in best if name in own})
        check_progress(record, {"norms": self._step.layers, "sums": self._step.measures}, self.train)
        for name, parameter in owned.items():
            parameter.value = arrays[name]
        self._set_aside = {}
        self.lookout.restore(record["lookout"], best)
        self.updates, self.epoch = record["updates"], record["epoch"]
        self._begin_epoch(record["position"])
        self._totals = self._step.totals(record["sums"], record["norms"])
        self._seconds, self.stopped, self.interrupted = record["seconds"], self.lookout.verdict(), False
        self.history = [Epoch(**epoch) for epoch in record["history"]]
