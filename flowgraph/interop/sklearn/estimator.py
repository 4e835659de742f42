"""What estimators of scikit-learn's API have in common, and the network that they train."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from flowgraph.box import Array
from flowgraph.box.leaves import Input
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.plan.backends import BackendName
from flowgraph.training.evaluation import predict, read_metrics
from flowgraph.training.history import History
from flowgraph.training.mlp import MLP, usual_init
from flowgraph.training.objective import mlp_problem, weighted_problem
from flowgraph.training.problem import losses_in
from flowgraph.training.rule import Rule
from flowgraph.training.rules import RuleName
from flowgraph.training.schedules import Schedule
from flowgraph.training.settings import read_setting
from flowgraph.training.trainer import Trainer

DTYPES = (np.float64, np.float32)

OF_EACH_FIT = {
    "batch_size", "epochs", "validation_fraction", "callbacks", "warm_start", "class_weight", "hidden_layer_sizes",
}  # fmt: skip
"""Parameters that each fit reads; by a change of another one the network is made anew with what it has learned."""


@dataclass(eq=False, repr=False)
class NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """An estimator with a network; a subclass says what its outputs are.

    scikit-learn reads the hyperparameters off the signature, which is that of the fields.
    """

    hidden_layer_sizes: Sequence[int] = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    dropout: float | Sequence[float] = 0.0
    loss: Callable[[Any, Any], Any] | None = None
    rule: RuleName | Rule = "adam"
    learning_rate: float | Schedule | None = None
    batch_size: int | str | None = "auto"
    epochs: int = 200
    l1: float = 0.0
    l2: float = 0.0
    clip_norm: float | None = None
    average: float | None = None
    early_stopping: Any = False
    validation_fraction: float = 0.1
    metrics: Any = ()
    callbacks: Sequence[Any] = ()
    warm_start: bool = False
    random_state: Any = None
    backend: BackendName = "numpy"
    _network: Network = field(init=False)

    @property
    def model_(self) -> Any:
        """The trained `fg.MLP`."""
        check_is_fitted(self)
        return self._network.mlp

    @property
    def history_(self) -> History:
        """What was measured after each epoch; of `partial_fit` and warm starts all of them."""
        check_is_fitted(self)
        return self._network.history

    @property
    def loss_curve_(self) -> list[float]:
        """The objective on the training examples, epoch by epoch."""
        curve: list[float] = self.history_["train_objective"]
        return curve

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer."""
        return [W.value for W in self.model_.weights]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer."""
        return [b.value for b in self.model_.biases]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    def _fit(self, x: Array, y: Array, weights: Array | None, valid: object) -> None:
        """Train a new network, or continue with the present one if warm_start is set."""
        if valid is None and self.early_stopping is not False and self.early_stopping is not None:
            x, y, weights, valid = self._split(x, y, weights)
        network = self._begin(x, y, valid, getattr(self, "_network", None) if self.warm_start else None)
        epochs = read_setting(type(self).__name__, "epochs", self.epochs)
        network.train(x, y, weights, valid, epochs, self._batch(x), self.callbacks)
        self._keep(network)

    def _partial_fit(self, x: Array, y: Array, weights: Array | None) -> None:
        """One epoch more, with all that the rule remembers of the ones before."""
        network = self._begin(x, y, None, getattr(self, "_network", None))
        network.train(x, y, weights, None, 1, self._batch(x), self.callbacks)
        self._keep(network)

    def _keep(self, network: Network) -> None:
        self._network = network
        self.n_iter_ = len(network.history)

    def _begin(self, x: Array, y: Array, valid: object, before: Network | None) -> Network:
        """A new network, or the one before: with what it has learned, and the parameters of now."""
        if self.loss is not None and not callable(self.loss):
            raise UsageError(
                f"{type(self).__name__}: found loss={self.loss!r}, needs a function of two boxes, fg.SquaredError"
            )
        settings = {name: value for name, value in self.get_params(deep=False).items() if name not in OF_EACH_FIT}
        settings |= {"valid": valid is not None, "sizes": self._sizes(x, y)}
        settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
        if before is None:
            return Network(self, settings, x, y, valid)
        changed = {name for name, value in settings.items() if not _equal(value, before.settings[name])}
        if "sizes" in changed:
            raise ValueError(
                f"{type(self).__name__}: found layers of {settings['sizes']} units to go on from a network of "
                f"{before.settings['sizes']}, needs those it has; give warm_start=False, or fit a clone"
            )
        if not changed:
            return before
        network = Network(self, settings, x, y, valid)
        network.trainer.go_on_from(before.trainer, same_rule="rule" not in changed)
        return network

    def _sizes(self, x: Array, y: Array) -> tuple[int, ...]:
        """The units of all layers, of the inputs and the outputs too."""
        outputs = (y.shape[1] if y.ndim > 1 else 1) if not hasattr(self, "classes_") else len(self.classes_)
        return (x.shape[1], *self._hidden_sizes(), outputs)

    def _hidden_sizes(self) -> list[int]:
        """The units of the hidden layers, of which one number is one layer."""
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes))
        if sizes.size and (sizes.ndim > 1 or sizes.dtype.kind not in "iu" or sizes.min() < 1):
            raise UsageError(
                f"{type(self).__name__}: found hidden_layer_sizes={self.hidden_layer_sizes!r}, needs whole numbers "
                f"from 1 on, one per layer, such as (100, 50)"
            )
        return [int(size) for size in sizes]

    def _patience(self, valid: object) -> Any:
        if valid is None or self.early_stopping is False or self.early_stopping is None:
            return None
        return 10 if self.early_stopping is True else self.early_stopping

    def _batch(self, x: Array) -> int | None:
        return min(200, len(x)) if isinstance(self.batch_size, str) and self.batch_size == "auto" else self.batch_size  # type: ignore[return-value]

    def _split(self, x: Array, y: Array, weights: Array | None) -> tuple[Any, ...]:
        """Some of the examples held out, of each class its share."""
        arrays = [x, y] if weights is None else [x, y, weights]
        parts = train_test_split(
            *arrays,
            test_size=self.validation_fraction,
            random_state=check_random_state(self.random_state),
            stratify=y if hasattr(self, "classes_") else None,
        )
        return (*parts[::2], *([None] if weights is None else []), tuple(parts[1::2]))

    def _weights(self, sample_weight: ArrayLike | None, x: Array) -> Any:
        if sample_weight is None:
            return None
        return _check_sample_weight(sample_weight, x, dtype=x.dtype, ensure_non_negative=True)

    def _outputs(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        x = validate_data(self, X, dtype=DTYPES, reset=False)
        return predict(self._network.graph, x)


def one_set(eval_set: object) -> tuple[Any, ...]:
    """Inputs, targets and perhaps weights of the only set; of none two times None."""
    if eval_set is None:
        return None, None
    if isinstance(eval_set, list):
        if len(eval_set) != 1:
            raise ValueError(f"eval_set: found {len(eval_set)} sets, needs one, (X, y)")
        eval_set = eval_set[0]
    if not isinstance(eval_set, tuple) or len(eval_set) not in (2, 3):
        raise ValueError(f"eval_set: found {type(eval_set).__name__}, needs (X, y) or (X, y, sample_weight)")
    return eval_set


class Network:
    """An MLP and its trainer, which continues with the examples that it is given each time."""

    def __init__(self, of: NetworkEstimator, settings: dict[str, Any], x: Array, y: Array, valid: Any) -> None:
        self.settings = settings
        rng, classes = check_random_state(of.random_state), getattr(of, "classes_", None)
        of_network, of_trainer = (int(seed) for seed in rng.randint(np.iinfo(np.int32).max, size=2))
        self.mlp = MLP(
            settings["sizes"],
            hidden=of.activation,
            output="linear" if classes is None else "softmax",
            init=usual_init(of.activation),
            dropout=of.dropout,
            rng=of_network,
            dtype=x.dtype,
        )
        problem = mlp_problem(self.mlp, y, of.l1, of.l2, loss=of.loss)
        metrics = read_metrics(of.metrics) if of.metrics else {}
        if classes is not None:
            metrics = {name: _OfClasses(metric, classes) for name, metric in metrics.items()}
        # The weights of examples may come with any call of partial_fit, so that the step is made for them if it can be.
        if losses_in(problem.graph, problem.losses):
            problem = weighted_problem(problem)
        self.trainer = Trainer(
            problem, (x, y), valid, metrics=metrics, batch_size=None, rule=of.rule, learning_rate=of.learning_rate,
            clip_norm=of.clip_norm, average=of.average, seed=of_trainer, backend=of.backend,
            early_stopping=of._patience(valid),
        )  # fmt: skip
        f = self.mlp(Input("x", shape=("N", x.shape[1]), dtype=x.dtype))
        self.graph = Graph(f[:, 0] if classes is None and y.ndim == 1 else f)
        self.history = History()

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
        """Train for so many epochs on these examples, which are not kept."""
        trainer = self.trainer
        if weights is not None:
            weighted_problem(trainer.problem)  # refuses what has no loss of each example
        trainer.feed((x, y), valid, sample_weight=weights, batch_size=batch_size)
        self.history = trainer.run(trainer.epoch + epochs, callbacks)
        trainer.release()


def _equal(value: object, other: object) -> bool:
    """Whether two settings are known to be equal; what compares as arrays do is not."""
    return value is other or (value == other) is True


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
