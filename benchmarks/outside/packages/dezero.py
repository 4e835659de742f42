"""dezero: functions with a forward and a backward method, called through its own graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.outside.entry import DIFFERENCES, Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("dezero", "numpy", held_out=True, second=True)
X, P, W, B = normal(3, 4), uniform(3, 4), normal(4, 2), normal(2)
PICTURE, FILTERS = normal(1, 2, 5, 5), normal(3, 2, 3, 3)
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "sin": (lambda F, x: F.sin(x), (X,)),
    "tanh": (lambda F, x: F.tanh(x), (X,)),
    "exp": (lambda F, x: F.exp(x), (X,)),
    "log": (lambda F, x: F.log(x), (P,)),
    "sum over an axis": (lambda F, x: F.sum(x, axis=1), (X,)),
    "transpose": (lambda F, x: F.transpose(x, (1, 0)), (X,)),
    "get_item": (lambda F, x: F.get_item(x, np.array([0, 2, 2])), (X,)),
    "matmul": (lambda F, x, w: F.matmul(x, w), (X, W)),
    "linear": (lambda F, x, w, b: F.linear(x, w, b), (X, W, B)),
    "sigmoid": (lambda F, x: F.sigmoid(x), (X,)),
    "relu": (lambda F, x: F.relu(x), (X,)),
    "leaky_relu": (lambda F, x: F.leaky_relu(x), (X,)),
    "softmax": (lambda F, x: F.softmax(x), (X,)),
    "log_softmax": (lambda F, x: F.log_softmax(x), (X,)),
    "mean_squared_error": (lambda F, x, y: F.mean_squared_error(x, y), (X, P)),
    "softmax_cross_entropy": (lambda F, x: F.softmax_cross_entropy(x, F.as_variable(np.array([0, 3, 1]))), (X,)),
    "max": (lambda F, x: F.max(x, axis=1), (X,)),
    "min": (lambda F, x: F.min(x, axis=1), (X,)),
    "clip": (lambda F, x: F.clip(x, -0.5, 0.7), (X,)),
    "mul": (lambda F, x, y: F.mul(x, y), (X, P)),
    "div": (lambda F, x, y: F.div(x, y), (X, P)),
    "pow": (lambda F, x: F.pow(x, 3), (X,)),
    "conv2d": (lambda F, x, w, b: F.conv2d(x, w, b, stride=1, pad=1), (PICTURE, FILTERS, normal(3))),
    "deconv2d": (lambda F, x, w: F.deconv2d(x, w, stride=2, pad=1), (normal(1, 3, 3, 3), FILTERS)),
    "pooling": (lambda F, x: F.pooling(x, 2, stride=1), (PICTURE,)),
    "average_pooling": (lambda F, x: F.average_pooling(x, 2, stride=2), (normal(1, 2, 4, 4),)),
}
TIES = "of equal elements each is given the whole gradient, in sum twice the slope along all of them"


def _functions() -> Any:
    np.int = int  # type: ignore[attr-defined]  # noqa: NPY001  # it was written for a NumPy that had this name
    import dezero.functions

    return dezero.functions


def _function(name: str) -> Case:
    F = _functions()

    built, inputs = FUNCTIONS[name]

    def forward(*xs: Any) -> Any:
        return built(F, *[F.as_variable(x) for x in xs]).data

    def backward(grad: Any, value: Any, *xs: Any) -> tuple[Any, ...]:
        leaves = [F.Variable(np.array(x)) for x in xs]
        result = built(F, *leaves)
        result.grad = F.Variable(np.array(grad))
        result.backward()
        return tuple(leaf.grad.data for leaf in leaves)

    return Case(forward, inputs, backward)


for _name in FUNCTIONS:
    _judged = "wrong" if _name in ("max", "min") else "right"
    PACKAGE.add(_name, lambda name=_name: _function(name), _judged, TIES if _judged == "wrong" else DIFFERENCES)


@PACKAGE.right("batch_norm")
def _batch_norm() -> Case:
    F = _functions()

    def built(x: Any, gamma: Any, beta: Any) -> Any:
        return F.BatchNorm(np.zeros(x.shape[1]), np.ones(x.shape[1]), 0.9, 2e-5)(x, gamma, beta)

    def backward(grad: Any, value: Any, *xs: Any) -> tuple[Any, ...]:
        leaves = [F.Variable(np.array(x)) for x in xs]
        result = built(*leaves)
        result.grad = F.Variable(np.array(grad))
        result.backward()
        return tuple(leaf.grad.data for leaf in leaves)

    return Case(lambda *xs: built(*map(F.as_variable, xs)).data, (X, uniform(4), normal(4)), backward)
