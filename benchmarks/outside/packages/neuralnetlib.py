"""neuralnetlib: activations, losses and layers in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("neuralnetlib", "numpy")
Y, P, HOT = normal(4, 3, seed=1), uniform(4, 3, low=0.15, high=0.6), np.eye(3)[[0, 2, 1, 2]]
ROWS = P / P.sum(axis=1, keepdims=True)
BINARY = (Y > 0) * 1.0


def _activation(name: str) -> Case:
    from neuralnetlib import activations

    act = getattr(activations, name)()
    return Case(act, (normal(3, 4),), lambda grad, value, x: (grad * act.derivative(x),))


for _name in ("Sigmoid", "ReLU", "Tanh", "Linear", "LeakyReLU", "ELU", "SELU", "GELU"):
    PACKAGE.add(_name, lambda name=_name: _activation(name))


@PACKAGE.right("Softmax.backward")
def _softmax() -> Case:
    from neuralnetlib.activations import Softmax

    act = Softmax()
    return Case(act, (normal(3, 4),), lambda grad, value, x: (act.backward(value, grad),))


def _loss(name: str, target: Any, prediction: Any) -> Case:
    from neuralnetlib import losses

    loss = getattr(losses, name)()
    return Case(lambda p: loss(target, p), (prediction,), lambda grad, value, p: (grad * loss.derivative(target, p),))


for _name, _target, _prediction in (
    ("MeanSquaredError", Y, P), ("MeanAbsoluteError", Y, P), ("Huber", 2 * Y, P), ("Wasserstein", Y, P),
    ("FocalLoss", BINARY, P),
):  # fmt: skip
    PACKAGE.add(_name, lambda name=_name, target=_target, prediction=_prediction: _loss(name, target, prediction))
PACKAGE.add(
    "BinaryCrossentropy", lambda: _loss("BinaryCrossentropy", BINARY, P), "wrong",
    "the loss is a mean, its derivative is not divided by the number of elements",
)  # fmt: skip
PACKAGE.add(
    "BinaryFocalLossPerLabel", lambda: _loss("BinaryFocalLossPerLabel", BINARY, P), "wrong",
    "clipped to 10 after the division: for a target of 0 at p = 0.999 it is 10, the slope of the loss is 63",
)  # fmt: skip
PACKAGE.add(
    "MultiLabelBCELoss", lambda: _loss("MultiLabelBCELoss", BINARY, P), "wrong",
    "clipped to 10 before the division, the loss is not: for a target of 1 at p = 0.05 its slope is 20 / 12",
)  # fmt: skip
PACKAGE.add(
    "AsymmetricLoss", lambda: _loss("AsymmetricLoss", BINARY, P), "wrong",
    "the loss clips p to 0.05 ... 0.95 and is constant beyond, where the derivative is that at the bound, not 0",
)  # fmt: skip
PACKAGE.add(
    "CategoricalCrossentropy", lambda: _loss("CategoricalCrossentropy", HOT, ROWS), "wrong",
    "the loss is divided by the number of rows, its derivative is not",
)  # fmt: skip


@PACKAGE.right("KullbackLeiblerDivergence")
def _kl() -> Case:
    from neuralnetlib.losses import KullbackLeiblerDivergence

    loss = KullbackLeiblerDivergence()

    def backward(grad: Any, value: Any, mu: Any, log_var: Any) -> Any:
        by_mu, by_log_var = loss.derivative(mu, log_var)
        return grad * by_mu, grad * by_log_var

    return Case(loss, (normal(4, 2), normal(4, 2, seed=1)), backward)


def _layer(make: Any, x: Any, names: tuple[str, ...] = (), values: tuple[Any, ...] = ()) -> Case:
    """The layer made anew for each call, with its parameters set."""

    def forward(x: Any, *values: Any) -> Any:
        layer = make()
        layer.forward_pass(np.array(x))
        for name, value in zip(names, values, strict=True):
            setattr(layer, name, value)
        return layer, layer.forward_pass(x)

    def backward(grad: Any, value: Any, x: Any, *values: Any) -> Any:
        layer, _ = forward(x, *values)
        found = layer.backward_pass(grad)
        return (found, *(getattr(layer, f"d_{name}") for name in names))

    return Case(lambda *inputs: forward(*inputs)[1], (x, *values), backward)


def _made(name: str, *settings: Any, **more: Any) -> Any:
    from neuralnetlib import layers

    return lambda: getattr(layers, name)(*settings, **more)


NORMS = (uniform(3, low=0.5, high=1.5), normal(3, seed=1))
PACKAGE.add(
    "Dense",
    lambda: _layer(_made("Dense", 2, random_state=0), normal(4, 3), ("weights", "bias"), (normal(3, 2), normal(1, 2))),
)
PACKAGE.add("BatchNormalization", lambda: _layer(_made("BatchNormalization"), normal(5, 3), ("gamma", "beta"), NORMS))
PACKAGE.add("LayerNormalization", lambda: _layer(_made("LayerNormalization"), normal(5, 3), ("gamma", "beta"), NORMS))
PACKAGE.add("Flatten", lambda: _layer(_made("Flatten"), normal(2, 3, 2)))
PACKAGE.add("AveragePooling2D", lambda: _layer(_made("AveragePooling2D", 2), normal(2, 4, 4, 3)))
PACKAGE.add("MaxPooling2D", lambda: _layer(_made("MaxPooling2D", 2), normal(2, 4, 4, 3)))
PACKAGE.add("AveragePooling1D", lambda: _layer(_made("AveragePooling1D", 2), normal(2, 4, 3)))
PACKAGE.add("MaxPooling1D", lambda: _layer(_made("MaxPooling1D", 2), normal(2, 4, 3)))
PACKAGE.add("GlobalAveragePooling1D", lambda: _layer(_made("GlobalAveragePooling1D"), normal(2, 4, 3)))
PACKAGE.add("GlobalAveragePooling2D", lambda: _layer(_made("GlobalAveragePooling2D"), normal(2, 4, 3, 2)))
PACKAGE.add("Attention", lambda: _layer(_made("Attention"), normal(2, 4, 3)))
PACKAGE.add(
    "Conv2D",
    lambda: _layer(
        _made("Conv2D", 2, 2, random_state=0),
        normal(2, 4, 4, 3),
        ("weights", "bias"),
        (normal(2, 2, 3, 2), normal(1, 2)),
    ),
)
