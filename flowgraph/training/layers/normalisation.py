"""Normalisation: of each feature over the batch, and of each example over its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.engine.passing_on import InTraining
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.errors import ShapeError
from flowgraph.training.keywords import strict_settings
from flowgraph.training.layers.layer import Layer
from flowgraph.training.settings import read_count, read_number


@strict_settings
class BatchNorm(Layer):
    """h = scale (x − mean) / √(variance + ε) + shift, of each feature, which axis 1 counts.

    Called with `training=True` the mean and variance are those of the batch, over all axes but axis 1; else they are
    the running ones, which `updates(x)` carries along: m becomes (1 − momentum) m + momentum times what the batch has,
    of the variance the unbiased one. They are parameters that are not trained.

    Shapes: x (N, features) or (N, features, ...), h as x.

    Parameters
    ----------
    features : int
        Size of axis 1.
    momentum : float, default 0.1
        The part of the batch in the running statistics, per step.
    epsilon : float, default 1e-5
        What is added to the variance, in its unit.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x, y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",), dtype=int)
    >>> with fg.scope("hidden"):
    ...     hidden, norm = fg.Linear(4, 8, rng=0), fg.BatchNorm(8)
    >>> with fg.scope("out"):
    ...     out = fg.Linear(8, 2, rng=1)
    >>> def losses(training):
    ...     return fg.SoftmaxCrossEntropy(out(np.tanh(norm(hidden(x), training=training))), y)
    >>> data = np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 2
    >>> history = fg.fit(fg.mean(losses(True)), data, 0.2, evaluate=fg.mean(losses(False)),
    ...                  updates=norm.updates(hidden(x)), epochs=2, progress=False)
    >>> len(history)
    2

    Source: Ioffe and Szegedy 2015, Batch normalization: accelerating deep network training.
    """

    def __init__(self, features: int, *, momentum: float = 0.1, epsilon: float = 1e-5, dtype: Any = float) -> None:
        super().__init__()
        features = read_count("BatchNorm", "features", features)
        self.momentum = read_number("BatchNorm", "momentum", momentum, low=0)
        self.epsilon = read_number("BatchNorm", "epsilon", epsilon, above=0)
        self.scale = Parameter(np.ones(features, dtype), name="scale")
        self.shift = Parameter(np.zeros(features, dtype), name="shift")
        self.mean = Parameter(np.zeros(features, dtype), name="mean")
        self.variance = Parameter(np.ones(features, dtype), name="variance")

    @property
    def parameters(self) -> list[Parameter]:
        """Scale and shift; mean and variance are carried along, not trained."""
        return [self.scale, self.shift]

    def __call__(self, x: Box, *, training: bool = False) -> Any:
        """The normalised batch: by its own mean and variance in training, else by the running ones."""
        self._check(x)
        with self._built(x):
            mean: Any = self.mean
            variance: Any = self.variance
            if training:
                of_batch = self._batch(x)
                mean, variance = (
                    InTraining(a, in_evaluation=b) for a, b in zip(of_batch, (mean, variance), strict=True)
                )
            rate = self.scale / np.sqrt(variance + self.epsilon)
            return ((x - _along(mean, x)) * _along(rate, x) + _along(self.shift, x)).named("h")

    def updates(self, x: Box) -> dict[Parameter, Box]:
        """The new values of the running mean and variance, for `fg.fit(updates=...)`.

        Parameters
        ----------
        x : Box, shape (N, ...)
            The input of the layer in training.

        Returns
        -------
        dict of Parameter to Box
            (1 − momentum) old + momentum new for both, with the unbiased variance of the batch; of a single number a
            feature, which has none, the running variance stays as it is.

        Raises
        ------
        ShapeError
            If axis 1 of x, the features, has another size than the layer.
        """
        self._check(x)
        with self._built(x):
            mean, variance = self._batch(x)
            n = count_like(x, _all_but_features(x))
            unbiased = variance * n / np.maximum(n - 1, 1)
            carried = self._carried(self.variance, unbiased)
            return {
                self.mean: self._carried(self.mean, mean),
                self.variance: np.where(n > 1, carried, self.variance),
            }

    def _carried(self, old: Any, new: Any) -> Any:
        return (1 - self.momentum) * old + self.momentum * new

    def _batch(self, x: Value) -> tuple[Any, Any]:
        axes = _all_but_features(x)
        return np.mean(x, axis=axes), np.var(x, axis=axes)

    def _check(self, x: object) -> None:
        features = self.scale.value.shape[0]
        if isinstance(x, Box) and (len(x.shape) < 2 or x.shape[1] != features):
            raise ShapeError(f"BatchNorm: found {x.title} of shape {x.shape}, needs (N, {features}, ...)")


def _all_but_features(x: Value) -> tuple[int, ...]:
    return tuple(axis for axis in range(len(x.shape)) if axis != 1)


def _along(values: Value, x: Box) -> Any:
    """A number per feature, to be broadcast along axis 1."""
    return np.expand_dims(values, tuple(range(1, len(x.shape) - 1))) if len(x.shape) > 2 else values


@strict_settings
class LayerNorm(Layer):
    """h = scale (x − mean) / √(variance + ε) + shift, of each example over its last axes.

    `shape` is the size of the last axis, or those of several. Mean and variance are those of the example, in training
    and afterwards alike.

    Shapes: x (..., *shape), h as x.

    Parameters
    ----------
    shape : int or sequence of int
        Sizes of the last axes, over which mean and variance are taken.
    epsilon : float, default 1e-5
        What is added to the variance, in its unit.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.LayerNorm(8)(fg.Input("x", shape=("N", 5, 8)))
    <Add 'h': (N, 5, 8) float64>

    Source: Ba, Kiros and Hinton 2016, Layer normalization.
    """

    def __init__(self, shape: int | Sequence[int], *, epsilon: float = 1e-5, dtype: Any = float) -> None:
        super().__init__()
        sizes = shape if isinstance(shape, Sequence) else (shape,)
        self.shape = tuple(read_count("LayerNorm", "shape", size) for size in sizes)
        self.epsilon = read_number("LayerNorm", "epsilon", epsilon, above=0)
        self.scale = Parameter(np.ones(self.shape, dtype), name="scale")
        self.shift = Parameter(np.zeros(self.shape, dtype), name="shift")

    def __call__(self, x: Value) -> Any:
        """Each example, normalised over the last axes."""
        with self._built(x):
            if tuple(x.shape[-len(self.shape) :]) != self.shape:
                raise ShapeError(f"LayerNorm: found {x.title} of shape {x.shape}, needs (..., {self.shape})")
            axes = tuple(range(-len(self.shape), 0))
            apart = x - np.mean(x, axis=axes, keepdims=True)
            variance = np.mean(apart * apart, axis=axes, keepdims=True)
            return (self.scale * (apart / np.sqrt(variance + self.epsilon)) + self.shift).named("h")
