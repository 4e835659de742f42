"""numpy-ml: activations with their two derivatives, layers, losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("numpy-ml", "numpy")
ACTIVATIONS = (
    "Sigmoid", "ReLU", "LeakyReLU", "Tanh", "Affine", "Identity", "ELU", "Exponential", "SELU", "HardSigmoid",
    "SoftPlus",
)  # fmt: skip


def _neural_nets(module: str) -> Any:
    """It was written for a Python whose `collections` still had the abstract classes."""
    import collections
    import collections.abc
    import importlib

    collections.Hashable = collections.abc.Hashable  # type: ignore[attr-defined]
    return importlib.import_module(f"numpy_ml.neural_nets.{module}")


def _activation(name: str) -> Case:
    act = getattr(_neural_nets("activations"), name)()
    return Case(act.fn, (normal(3, 4),), lambda grad, value, z: (grad * act.grad(z),))


def _second(name: str) -> Case:
    act = getattr(_neural_nets("activations"), name)()
    return Case(act.grad, (normal(3, 4),), lambda grad, value, z: (grad * act.grad2(z),))


for _name in ACTIVATIONS:
    PACKAGE.add(_name, lambda name=_name: _activation(name))
for _name in ("Sigmoid", "Tanh", "ELU", "Exponential", "SELU", "SoftPlus"):
    PACKAGE.add(f"{_name}.grad2", lambda name=_name: _second(name))


def _layer(make: Callable[[], Any], x: Any, **parameters: Any) -> Case:
    """A layer as a function of its input and parameters; made anew for each call."""
    names = list(parameters)

    def forward(x: Any, *values: Any) -> tuple[Any, Any]:
        layer = make()
        layer.forward(np.array(x), retain_derived=False)
        layer.parameters.update(dict(zip(names, values, strict=True)))
        return layer, layer.forward(x)

    def backward(grad: Any, value: Any, x: Any, *values: Any) -> Any:
        layer, _ = forward(x, *values)
        found = layer.backward(grad)
        return (found, *(layer.gradients[name] for name in names))

    return Case(lambda *inputs: forward(*inputs)[1], (x, *parameters.values()), backward)


def _layers() -> Any:
    return _neural_nets("layers")


PACKAGE.add(
    "FullyConnected", lambda: _layer(lambda: _layers().FullyConnected(2), normal(4, 3), W=normal(3, 2), b=normal(1, 2))
)
PACKAGE.add(
    "FullyConnected with tanh",
    lambda: _layer(lambda: _layers().FullyConnected(2, act_fn="Tanh"), normal(4, 3), W=normal(3, 2), b=normal(1, 2)),
)
PACKAGE.add("Softmax", lambda: _layer(lambda: _layers().Softmax(), normal(4, 3)))
PACKAGE.add("Flatten", lambda: _layer(lambda: _layers().Flatten(), normal(2, 3, 2)))
PACKAGE.add(
    "BatchNorm1D",
    lambda: _layer(lambda: _layers().BatchNorm1D(), normal(4, 3), scaler=uniform(3), intercept=normal(3)),
)
PACKAGE.add(
    "LayerNorm1D",
    lambda: _layer(lambda: _layers().LayerNorm1D(), normal(4, 3), scaler=uniform(3), intercept=normal(3)),
)
PACKAGE.add(
    "BatchNorm2D",
    lambda: _layer(lambda: _layers().BatchNorm2D(), normal(2, 3, 3, 2), scaler=uniform(2), intercept=normal(2)),
)
PACKAGE.add(
    "LayerNorm2D",
    lambda: _layer(
        lambda: _layers().LayerNorm2D(), normal(2, 3, 3, 2), scaler=uniform(3, 3, 2), intercept=normal(3, 3, 2)
    ),
)
PACKAGE.add(
    "Conv1D",
    lambda: _layer(lambda: _layers().Conv1D(2, 3, pad=0), normal(2, 6, 3), W=normal(3, 3, 2), b=normal(1, 1, 2)),
)
PACKAGE.add(
    "Conv2D",
    lambda: _layer(lambda: _layers().Conv2D(2, (2, 2)), normal(2, 4, 4, 3), W=normal(2, 2, 3, 2), b=normal(1, 1, 1, 2)),
)
PACKAGE.add(
    "Deconv2D",
    lambda: _layer(
        lambda: _layers().Deconv2D(2, (2, 2)), normal(2, 3, 3, 3), W=normal(2, 2, 3, 2), b=normal(1, 1, 1, 2)
    ),
)
PACKAGE.add(
    "Pool2D, mean", lambda: _layer(lambda: _layers().Pool2D((2, 2), stride=2, mode="average"), normal(2, 4, 4, 3))
)


def _of_several(name: str) -> Case:
    def value(a: Any, b: Any) -> Any:
        return getattr(_layers(), name)().forward([a, b])

    def backward(grad: Any, value: Any, a: Any, b: Any) -> Any:
        layer = getattr(_layers(), name)()
        layer.forward([a, b])
        return tuple(layer.backward(grad))

    return Case(value, (normal(3, 2), normal(3, 2, seed=1)), backward)


PACKAGE.add("Add", lambda: _of_several("Add"))
PACKAGE.add("Multiply", lambda: _of_several("Multiply"))


@PACKAGE.right("DotProductAttention")
def _attention() -> Case:
    def value(q: Any, k: Any, v: Any) -> Any:
        return _layers().DotProductAttention(scale=True).forward(q, k, v)

    def backward(grad: Any, value: Any, q: Any, k: Any, v: Any) -> Any:
        layer = _layers().DotProductAttention(scale=True)
        layer.forward(q, k, v)
        return layer.backward(grad)

    return Case(value, (normal(2, 3, 4), normal(2, 3, 4, seed=1), normal(2, 3, 2)), backward)


@PACKAGE.right("SquaredError with a sigmoid")
def _squared() -> Case:
    loss, y, act = _neural_nets("losses").SquaredError(), normal(4, 3), _neural_nets("activations").Sigmoid()
    return Case(
        lambda z: loss(y, act.fn(z)),
        (normal(4, 3, seed=1),),
        lambda grad, value, z: (grad * loss.grad(y, act.fn(z), z, act),),
    )


@PACKAGE.right("CrossEntropy with a softmax")
def _cross_entropy() -> Case:
    from scipy.special import softmax

    loss, y = _neural_nets("losses").CrossEntropy(), np.eye(3)[[0, 2, 1, 1]]
    return Case(
        lambda z: loss(y, softmax(z, axis=1)),
        (normal(4, 3),),
        lambda grad, value, z: (grad * loss.grad(y, softmax(z, axis=1)),),
    )


@PACKAGE.right("VAELoss")
def _vae() -> Case:
    loss, y = _neural_nets("losses").VAELoss(), uniform(4, 5, seed=1)

    def backward(grad: Any, value: Any, y_pred: Any, mean: Any, log_var: Any) -> Any:
        by_pred, by_log_var, by_mean = loss.grad(y, y_pred, mean, log_var)
        return grad * by_pred, grad * by_mean, grad * by_log_var

    return Case(lambda p, m, v: loss(y, p, m, v), (uniform(4, 5), normal(4, 2), normal(4, 2, seed=1)), backward)
