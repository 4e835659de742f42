"""Operations element by element: arithmetic, functions, activations, comparisons, casts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.reading.node import Node
from flowgraph.interop.onnx.reading.rules import reader_for
from flowgraph.interop.onnx.reading.tensors import dtype_of

PLAIN: Mapping[str, Callable[..., Any]] = {
    "Abs": np.abs, "Acos": np.arccos, "Acosh": np.arccosh, "Add": np.add, "And": np.logical_and, "Asin": np.arcsin,
    "Asinh": np.arcsinh, "Atan": np.arctan, "Atanh": np.arctanh, "BitwiseAnd": np.bitwise_and,
    "BitwiseNot": np.invert, "BitwiseOr": np.bitwise_or, "BitwiseXor": np.bitwise_xor, "Ceil": np.ceil,
    "Cos": np.cos, "Cosh": np.cosh, "Equal": np.equal, "Erf": boxes.Erf.apply, "Exp": np.exp, "Floor": np.floor,
    "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Identity": lambda a: a, "IsNaN": np.isnan,
    "Less": np.less, "LessOrEqual": np.less_equal, "Log": np.log, "Mul": np.multiply, "Neg": np.negative,
    "Not": np.logical_not, "Or": np.logical_or, "Reciprocal": np.reciprocal, "Round": np.rint,
    "Sigmoid": boxes.Sigmoid.apply, "Sign": np.sign, "Sin": np.sin, "Sinh": np.sinh, "Softplus": boxes.Softplus.apply,
    "Softsign": lambda a: a / (1 + np.abs(a)), "Sqrt": np.sqrt, "Sub": np.subtract, "Tan": np.tan, "Tanh": np.tanh,
    "Mish": lambda a: a * np.tanh(boxes.Softplus.apply(a)), "Xor": np.logical_xor, "Where": np.where,
    "HardSwish": lambda a: a * _clipped(a / 6 + 0.5, 0, 1),
}  # fmt: skip
"""Operations that are functions of NumPy."""


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda node, *inputs: function(*inputs)


for _operation, _function in PLAIN.items():
    reader_for(_operation)(_plain(_function))


def _clipped(a: Foreign, low: Foreign, high: Foreign) -> Any:
    return np.minimum(np.maximum(a, a.dtype.type(low)), a.dtype.type(high))


@reader_for("Relu")
def _(node: Node, a: Foreign) -> Any:
    return boxes.ReLU.apply(a) if a.dtype.kind == "f" else np.maximum(a, a.dtype.type(0))


@reader_for("Sum", "Mean", "Max", "Min")
def _(node: Node, *arrays: Foreign) -> Any:
    function = {"Max": np.maximum, "Min": np.minimum}.get(node.kind, np.add)
    total = functools.reduce(function, arrays)
    return total / len(arrays) if node.kind == "Mean" else total


@reader_for("Div")
def _(node: Node, a: Foreign, b: Foreign) -> Any:
    """Of integers towards zero."""
    if a.dtype.kind == "f":
        return a / b
    if a.dtype.kind == "u":
        return np.floor_divide(a, b)
    quotient = np.floor_divide(np.abs(a), np.abs(b))
    return (quotient * np.sign(a) * np.sign(b)).astype(a.dtype)


@reader_for("Mod")
def _(node: Node, a: Foreign, b: Foreign) -> Any:
    if a.dtype.kind == "f" and not node.get("fmod", 0) and node.version < 28:
        raise node.refuse("found floats with fmod=0, which ONNX does not define before opset 28")
    return np.fmod(a, b) if node.get("fmod", 0) else np.remainder(a, b)


@reader_for("Pow")
def _(node: Node, a: Foreign, b: Foreign) -> Any:
    """In the dtype of the base."""
    return np.power(a, b).astype(a.dtype)


@reader_for("BitShift")
def _(node: Node, a: Foreign, b: Foreign) -> Any:
    return np.left_shift(a, b) if node.get("direction") == "LEFT" else np.right_shift(a, b)


@reader_for("Cast", idle=["saturate", "round_mode"])
def _(node: Node, a: Foreign) -> Any:
    return _cast(a, dtype_of(node.get("to"), "what is cast"))


@reader_for("CastLike", idle=["saturate", "round_mode"])
def _(node: Node, a: Foreign, like: Foreign) -> Any:
    return _cast(a, like.dtype)


def _cast(a: Foreign, dtype: Foreign) -> Any:
    return a if a.dtype == dtype else a.astype(dtype)


@reader_for("Clip")
def _(node: Node, a: Foreign, low: Foreign = None, high: Foreign = None) -> Any:
    low, high = node.get("min", low), node.get("max", high)
    for function, bound in ((np.maximum, low), (np.minimum, high)):
        if bound is not None:
            a = function(a, a.dtype.type(bound) if isinstance(bound, float) else bound)
    return a


@reader_for("IsInf")
def _(node: Node, a: Foreign) -> Any:
    found = np.isinf(a)
    if not node.get("detect_positive", 1):
        found = found & (a < 0)
    return found if node.get("detect_negative", 1) else found & (a > 0)


@reader_for("LeakyRelu")
def _(node: Node, a: Foreign) -> Any:
    return boxes.LeakyReLU.apply(a, slope=node.get("alpha", 0.01))


@reader_for("PRelu")
def _(node: Node, a: Foreign, slope: Foreign) -> Any:
    return np.where(a < 0, a * slope, a)


@reader_for("Elu")
def _(node: Node, a: Foreign) -> Any:
    return boxes.ELU.apply(a, alpha=node.get("alpha", 1.0))


@reader_for("Celu")
def _(node: Node, a: Foreign) -> Any:
    alpha = node.get("alpha", 1.0)
    return np.maximum(a, a.dtype.type(0)) + alpha * np.expm1(np.minimum(a, a.dtype.type(0)) / alpha)


@reader_for("Selu")
def _(node: Node, a: Foreign) -> Any:
    alpha, gamma = node.get("alpha", 1.6732632423543772), node.get("gamma", 1.0507009873554805)
    return gamma * boxes.ELU.apply(a, alpha=alpha)


@reader_for("Gelu")
def _(node: Node, a: Foreign) -> Any:
    return boxes.GELU.apply(a, approximate=node.get("approximate", "none"))


@reader_for("Swish")
def _(node: Node, a: Foreign) -> Any:
    return a * boxes.Sigmoid.apply(node.get("alpha", 1.0) * a)


@reader_for("HardSigmoid")
def _(node: Node, a: Foreign) -> Any:
    return _clipped(node.get("alpha", 0.2) * a + node.get("beta", 0.5), 0, 1)


@reader_for("ThresholdedRelu")
def _(node: Node, a: Foreign) -> Any:
    return np.where(a > node.get("alpha", 1.0), a, a.dtype.type(0))


@reader_for("Shrink")
def _(node: Node, a: Foreign) -> Any:
    bias, bound = node.get("bias", 0.0), node.get("lambd", 0.5)
    moved = np.where(a < -bound, a + bias, np.where(a > bound, a - bias, a.dtype.type(0)))
    return moved.astype(a.dtype)
