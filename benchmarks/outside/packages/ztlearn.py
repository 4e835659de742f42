"""ztlearn: activations and objectives in NumPy."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("ztlearn", "numpy")
Y, HOT = uniform(4, 3, seed=1), np.eye(3)[[0, 2, 1, 2]]
P = uniform(4, 3) / uniform(4, 3).sum(axis=1, keepdims=True)


def _module(name: str) -> Any:
    """It was written for a NumPy that had `np.int`."""
    np.int = int  # type: ignore[attr-defined]  # noqa: NPY001
    np.float = float  # type: ignore[attr-defined]  # noqa: NPY001
    return importlib.import_module(f"ztlearn.{name}")


def _activation(name: str) -> Case:
    act = getattr(_module("activations"), name)({})
    return Case(act.activation, (normal(3, 4),), lambda grad, value, x: (grad * act.derivative(x),))


for _name in ("ELU", "SELU", "ReLU", "TanH", "Sigmoid", "LeakyReLU", "ElliotSigmoid"):
    PACKAGE.add(_name, lambda name=_name: _activation(name))
PACKAGE.add(
    "Softmax", lambda: _activation("Softmax"), "wrong",
    "p (1 - p) is the diagonal of the Jacobian, what one score does to the other probabilities is missing",
)  # fmt: skip
PACKAGE.add(
    "Linear", lambda: _activation("Linear"), "wrong", "an identity matrix times the incoming gradient, elementwise"
)


def _objective(name: str, target: Any) -> Case:
    objective = getattr(_module("objectives"), name)()
    return Case(
        lambda p: objective.loss(p, target, np.float64),
        (P,),
        lambda grad, value, p: (grad * objective.derivative(p, target, np.float64),),
    )


for _name, _target, _proof in (
    ("MeanSquaredError", Y, "the loss is a mean over rows, its derivative is not divided by their number"),
    ("HellingerDistance", Y, "the loss is a mean over rows, its derivative is not divided by their number"),
    ("BinaryCrossEntropy", (Y > 0.5) * 1.0, "the loss is a mean, its derivative is not divided"),
    ("CategoricalCrossEntropy", HOT, "p - t is the gradient by scores before a softmax, the loss takes p: -t / p / N"),
    ("HuberLoss", Y, "the derivative is summed over all elements, and has the sign of target - prediction"),
    ("HingeLoss", HOT, "the loss divides by the number of classes, the derivative does not"),
):
    PACKAGE.add(_name, lambda name=_name, target=_target: _objective(name, target), "wrong", _proof)
