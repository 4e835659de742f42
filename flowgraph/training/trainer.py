"""The trainer: steps, epochs, and a state from which another trainer goes on as if nothing had been in between."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from functools import reduce
from numbers import Real
from operator import add
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Value
from flowgraph.box.copying import is_pickled_by, refuse_unpicklable
from flowgraph.box.leaves import Input, Parameter
from flowgraph.derivatives import gradient
from flowgraph.errors import UsageError
from flowgraph.graph.order import Boxes
from flowgraph.plan import compile
from flowgraph.plan.backends import BackendName
from flowgraph.training.callbacks import Callback, as_callback
from flowgraph.training.early_stopping import EarlyStopping, Lookout, find_stopping
from flowgraph.training.evaluation import Evaluator
from flowgraph.training.examples import Fed, epoch_order, held_out, parted, read_batch_size, read_examples
from flowgraph.training.history import Epoch, History
from flowgraph.training.interrupt import interruption
from flowgraph.training.keywords import strict_settings
from flowgraph.training.problem import problem_of
from flowgraph.training.rule import Rule
from flowgraph.training.rules import RuleName, find_rule
from flowgraph.training.schedules import Schedule, find_schedule
from flowgraph.training.settings import read_count
from flowgraph.training.state import State, check_arrays, check_identity, read_state

EVALUATION = 1 << 39
"""What tells the draws of random leaves in an evaluation from those of the steps, which are counted from 1."""


@strict_settings
class Trainer:
    """Trains a model step by step; `run` goes on to a number of epochs. Model, data and settings are those of `fg.fit`.

    The step is one plan, `plan`: objective, gradients, update rule and the updates of the problem, all parameters
    together. `updates` counts the steps, `epoch` the epochs that are complete, `position` the examples seen in the one
    that is not. Order and dropout are fixed by the seed and these counts, so `state()` is all that `restore` needs:
    parameters, what the rule remembers, the counts, sums of this epoch, early stopping, the history.
    """

    def __init__(
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
    ) -> None:
        train, valid = parted(train, valid)
        self.problem = problem = problem_of(model, train, l1, l2, evaluate=evaluate, updates=updates)
        self.seed = read_count("fit", "seed", seed, low=0)
        self.train = read_examples(problem, train)
        self.valid: Fed | None = None
        if isinstance(valid, Real):
            self.train, self.valid = held_out(self.train, valid, self.seed)  # type: ignore[arg-type]
        elif valid is not None:
            self.valid = read_examples(problem, valid, "valid")
        if evaluate is not None and self.valid is None:
            raise UsageError(
                "fit: found evaluate= without validation data, on which it would be evaluated; needs valid="
            )
        self.rule = find_rule(rule)
        self.schedule = find_schedule("fit", self.rule.default_rate if learning_rate is None else learning_rate)
        self.batch_size = read_batch_size(batch_size, len(self.train))
        self.backend = backend
        self.lookout = Lookout(find_stopping(early_stopping, problem, self.valid is not None))
        self.updates = self.epoch = self.position = 0
        self.stopped: str | None = None
        self.history: list[Epoch] = []
        self._sums = dict.fromkeys(problem.measures.by_name(), 0.0)
        self._seconds = 0.0
        self._order = self._epoch_order()
        self._build()

    def _build(self) -> None:
        problem = self.problem
        dtypes = {parameter.dtype for parameter in problem.parameters}
        rate = Input("learning_rate", dtype=dtypes.pop() if len(dtypes) == 1 else float)
        grads: dict[Parameter, Box] = dict(
            zip(problem.parameters, gradient(problem.objective, problem.parameters), strict=True)
        )
        by_layer: dict[str, list[Any]] = {}
        for parameter, grad in grads.items():
            by_layer.setdefault(problem.layer_of(parameter), []).append(grad)
        self._norms = dict.fromkeys(by_layer, 0.0)
        norms = [np.sqrt(reduce(add, map(_squares, parts))) for parts in by_layer.values()]
        rule = self.rule
        if rule.needs_weights:
            rule = rule.of_weights(problem.weights(rule.name))
        measures = problem.measures.with_penalty(rule.penalty).by_name()
        watched = Boxes(dict.fromkeys(measures.values()))
        self._places = {name: watched.index(box) for name, box in measures.items()}
        self._evaluator = None if self.valid is None else Evaluator(problem, rule.penalty)
        updates = rule.updates(grads, rate)
        self.plan = compile(
            [*watched, *norms], updates | problem.updates, [*problem.inputs, rate], backend=self.backend
        )
        self._parameters: dict[str, Parameter] = {problem.names[p]: p for p in (*grads, *problem.updates)}
        own = [parameter for parameter in updates if parameter not in grads]
        self._remembered = {f"{number}/{p.name}": p for number, p in enumerate(own)}

    def step(self) -> None:
        """One update, from the next batch of this epoch."""
        start = time.perf_counter()
        if self.position >= len(self.train):
            raise UsageError(
                f"step: found no example left in epoch {self.epoch + 1}, needs end_epoch() to go on to the next"
            )
        stop = min(self.position + self.batch_size, len(self.train))
        numbers = self._order[self.position : stop]
        whole = len(numbers) == len(self.train)
        batch = self.train.arrays if whole else self.train.take(numbers)
        arrays = [batch[box] for box in self.problem.inputs]
        self.updates += 1
        values = self.plan(*arrays, self.schedule(self.updates), seed=(self.seed << 40) + self.updates)
        count = stop - self.position
        for name, place in self._places.items():
            self._sums[name] += float(values[place]) * count
        for layer, norm in zip(self._norms, values[len(values) - len(self._norms) :], strict=True):
            self._norms[layer] += float(norm)
        self.position = stop
        self._seconds += time.perf_counter() - start

    def end_epoch(self) -> Epoch:
        """Measure after the last step of an epoch, and decide whether to stop."""
        start = time.perf_counter()
        if self.position < len(self.train):
            raise UsageError(
                f"end_epoch: found {self.position} of {len(self.train)} examples seen in epoch {self.epoch + 1}; "
                f"step() goes on until all are"
            )
        count, steps = len(self.train), -(-len(self.train) // self.batch_size)
        measured = {f"train_{name}": total / count for name, total in self._sums.items()}
        if self._evaluator is not None:
            seed = (self.seed << 40) + EVALUATION + (self.epoch << 20)
            found = self._evaluator.measure(self.valid, seed=seed)
            measured |= {f"valid_{name}": value for name, value in found.items()}
        epoch = Epoch(
            number=self.epoch + 1,
            updates=self.updates,
            learning_rate=self.schedule(self.updates),
            seconds=self._seconds + time.perf_counter() - start,
            gradient_norms={layer: total / steps for layer, total in self._norms.items()},
            **measured,
        )
        self.epoch, self.position = epoch.number, 0
        self._sums = dict.fromkeys(self._sums, 0.0)
        self._seconds = 0.0
        self._norms = dict.fromkeys(self._norms, 0.0)
        self._order = self._epoch_order()
        self.history.append(epoch)
        self.lookout.see(epoch, self.values)
        self.stopped = self.stopped or self.lookout.verdict()
        if not math.isfinite(epoch.train_objective):
            self.stopped = (
                f"the objective is {epoch.train_objective} in epoch {epoch.number}; try a smaller learning rate"
            )
        return epoch

    def run(self, epochs: int, callbacks: Sequence[Any] = ()) -> History:
        """Train until `epochs` epochs are complete, or until it is stopped; the best parameters are put back."""
        listeners = [as_callback(callback) for callback in callbacks]
        try:
            with interruption() as interrupted:
                for listener in listeners:
                    listener.on_start(self, epochs)
                while self.stopped is None and self.epoch < epochs:
                    self._run_step(listeners)
                    if interrupted.asked and self.stopped is None:
                        self.stopped = "interrupted"
                for listener in listeners:
                    listener.on_stop(self)
        finally:
            for listener in listeners:
                listener.on_end(self)
        ended = f"ended: {self.stopped}" if self.stopped else f"ended after {self.epoch} epoch{'s' * (self.epoch != 1)}"
        self.put_back_best()
        watch = self.lookout.settings.watch
        return History(self.history, best_epoch=self.lookout.best_epoch or None, ended=ended, watch=watch)

    def _run_step(self, listeners: Sequence[Callback]) -> None:
        if self.position < len(self.train):
            self.step()
            for listener in listeners:
                listener.on_step(self)
        if self.position == len(self.train):
            epoch = self.end_epoch()
            for listener in listeners:
                listener.on_epoch(self, epoch)

    def stop(self, why: str) -> None:
        """End the run after this step; a callback may call it."""
        self.stopped = why

    def values(self) -> dict[str, Array]:
        """The parameters of the model by name, those that only `updates` changes among them."""
        return {name: parameter.value for name, parameter in self._parameters.items()}

    def put_back_best(self) -> None:
        """Give the model the parameters of the best epoch, if validation data showed one, and free it of the plan.

        Parameters that lived on in the memory of the plan would keep it.
        """
        for name, parameter in self._parameters.items():
            parameter.value = self.lookout.parameters.get(name, parameter.value)

    def state(self) -> State:
        """All that `restore` needs, copied."""
        arrays = {f"parameter/{name}": np.array(p.value) for name, p in self._parameters.items()}
        arrays |= {f"rule/{name}": np.array(p.value) for name, p in self._remembered.items()}
        arrays |= {f"best/{name}": np.array(value) for name, value in self.lookout.parameters.items()}
        record = {
            **self._identity(),
            "updates": self.updates,
            "epoch": self.epoch,
            "position": self.position,
            "sums": dict(self._sums),
            "seconds": self._seconds,
            "norms": dict(self._norms),
            "lookout": self.lookout.record(),
            "history": [vars(epoch) | {"gradient_norms": dict(epoch.gradient_norms)} for epoch in self.history],
        }
        return State(arrays, record)

    def restore(self, state: State) -> None:
        """Go on where a state was taken, by a trainer with the same problem, data and settings."""
        arrays, record = read_state(state)
        check_identity(record, self._identity())
        best = {name.removeprefix("best/"): array for name, array in arrays.items() if name.startswith("best/")}
        owned = {f"parameter/{name}": p for name, p in self._parameters.items()}
        owned |= {f"rule/{name}": p for name, p in self._remembered.items()}
        check_arrays(arrays, owned)
        check_arrays(arrays, {f"best/{name}": self._parameters[name] for name in best if name in self._parameters})
        for what, own in (("norms", self._norms), ("sums", self._sums)):
            if record[what].keys() != own.keys():
                raise UsageError(
                    f"restore: found a state with {what} of {', '.join(record[what])}, this trainer has those of "
                    f"{', '.join(own)}"
                )
        if record["position"] > len(self.train):
            raise UsageError(
                f"restore: found a state after {record['position']} examples of an epoch; this trainer has "
                f"{len(self.train)}"
            )
        for name, parameter in owned.items():
            parameter.value = arrays[name]
        self.lookout.restore(record["lookout"], best)
        self.updates, self.epoch, self.position = record["updates"], record["epoch"], record["position"]
        self._sums, self._seconds = dict(record["sums"]), record["seconds"]
        self._norms, self.stopped = dict(record["norms"]), self.lookout.verdict()
        self.history = [Epoch(**epoch) for epoch in record["history"]]
        self._order = self._epoch_order()

    def __reduce_ex__(self, protocol: Any) -> Any:
        if is_pickled_by(sys._getframe()):
            refuse_unpicklable(self, vars(self), protocol)
        return super().__reduce_ex__(protocol)

    def _identity(self) -> dict[str, Any]:
        """What a state and a trainer have in common."""
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "backend": self.backend,
            "examples": len(self.train),
            "rule": str(self.rule),
            "watch": self.lookout.settings.watch,
            "schedule": str(self.schedule),
        }

    def _epoch_order(self) -> Array:
        return epoch_order(len(self.train), self.batch_size, self.seed, self.epoch)


def _squares(grad: Value) -> Any:
    """The sum of the squares of all numbers, of their sizes where they are complex."""
    return np.sum(grad * grad if grad.dtype.kind == "f" else np.real(grad * np.conj(grad)))
