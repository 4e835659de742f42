"""Operations element by element: arithmetic, functions, activations, comparisons, choices, casts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Box
from flowgraph.box.value import Foreign
from flowgraph.interop.onnx.export import Writer
from flowgraph.interop.onnx.node import Node
from flowgraph.interop.onnx.table import parts_for, reader_for, rule_for
from flowgraph.interop.onnx.tensors import dtype_of

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


def same_name(operation: str, *, compared: bool = False, of: Foreign = None) -> Callable[..., Any]:
    """A rule of one operation on all children, in the dtype of the box, or compared in their common dtype."""

    def rule(writer: Writer, box: Box, *names: str) -> Any:
        dtype = of or (np.result_type(*(child.dtype for child in box.children)) if compared else box.dtype)
        if compared and operation != "Equal" and dtype.kind == "b":
            dtype = np.dtype(np.int32)
        return writer.op(operation, *[writer.cast(name, dtype) for name in names], dtype=box.dtype)

    return rule


OPERATIONS: Mapping[str, tuple[type[Box], ...]] = {
    "Abs": (boxes.Absolute, boxes.Fabs),
    "Acos": (boxes.Arccos,),
    "Acosh": (boxes.Arccosh,),
    "Add": (boxes.Add,),
    "Asin": (boxes.Arcsin,),
    "Asinh": (boxes.Arcsinh,),
    "Atan": (boxes.Arctan,),
    "Atanh": (boxes.Arctanh,),
    "Ceil": (boxes.Ceil,),
    "Cos": (boxes.Cos,),
    "Cosh": (boxes.Cosh,),
    "Erf": (boxes.Erf,),
    "Exp": (boxes.Exp,),
    "Floor": (boxes.Floor,),
    "Log": (boxes.Log,),
    "Mul": (boxes.Multiply,),
    "Neg": (boxes.Negative,),
    "Reciprocal": (boxes.Reciprocal,),
    "Round": (boxes.Rint,),
    "Sigmoid": (boxes.Sigmoid,),
    "Sign": (boxes.Sign,),
    "Sin": (boxes.Sin,),
    "Sinh": (boxes.Sinh,),
    "Sqrt": (boxes.Sqrt,),
    "Sub": (boxes.Subtract,),
    "Tan": (boxes.Tan,),
    "Tanh": (boxes.Tanh,),
    "Div": (boxes.Divide,),
    "Pow": (boxes.Power,),
    "Relu": (boxes.ReLU,),
    "Softplus": (boxes.Softplus,),
    "Identity": (boxes.Positive,),
}  # fmt: skip
for _operation, _classes in OPERATIONS.items():
    rule_for(*_classes, when=lambda box: box.dtype.kind != "b")(same_name(_operation))

COMPARISONS: Mapping[str, type[Box]] = {
    "Equal": boxes.Equal,
    "Greater": boxes.Greater,
    "GreaterOrEqual": boxes.GreaterEqual,
    "Less": boxes.Less,
    "LessOrEqual": boxes.LessEqual,
}
for _operation, _class in COMPARISONS.items():
    rule_for(_class)(same_name(_operation, compared=True))

LOGIC: Mapping[str, type[Box]] = {
    "And": boxes.LogicalAnd,
    "Or": boxes.LogicalOr,
    "Xor": boxes.LogicalXor,
    "Not": boxes.LogicalNot,
}
for _operation, _class in LOGIC.items():
    rule_for(_class)(same_name(_operation, of=bool))

BITS: Mapping[str, tuple[type[Box], str]] = {
    "BitwiseAnd": (boxes.BitwiseAnd, "And"),
    "BitwiseOr": (boxes.BitwiseOr, "Or"),
    "BitwiseXor": (boxes.BitwiseXor, "Xor"),
    "BitwiseNot": (boxes.Invert, "Not"),
}
for _operation, (_class, _of_truth) in BITS.items():
    rule_for(_class)(same_name(_operation))
    rule_for(_class, when=lambda box: box.dtype.kind == "b")(same_name(_of_truth))


@rule_for(boxes.NotEqual)
def _(writer: Writer, box: Box, *names: str) -> Any:
    return writer.op("Not", same_name("Equal", compared=True)(writer, box, *names))


@rule_for(boxes.Maximum, boxes.Minimum, when=lambda box: box.dtype.kind != "b")
def _(writer: Writer, box: Box, *names: str) -> Any:
    operation = "Max" if isinstance(box, boxes.Maximum) else "Min"
    return writer.op(operation, *[writer.cast(name, box.dtype) for name in names])


@rule_for(boxes.IsNan, boxes.IsInf, when=lambda box: box.children[0].dtype.kind == "f")
def _(writer: Writer, box: Box, a: str) -> Any:
    return writer.op("IsNaN" if isinstance(box, boxes.IsNan) else "IsInf", a, dtype=bool)


@rule_for(boxes.Cast)
def _(writer: Writer, box: Box, a: str) -> Any:
    return writer.cast(a, box.dtype)


@rule_for(boxes.Where)
def _(writer: Writer, box: Box, condition: str, a: str, b: str) -> Any:
    condition, a, b = writer.cast(condition, bool), writer.cast(a, box.dtype), writer.cast(b, box.dtype)
    if box.dtype != bool:
        return writer.op("Where", condition, a, b, dtype=box.dtype)
    return writer.op("Or", writer.op("And", condition, a), writer.op("And", writer.op("Not", condition), b))


@rule_for(boxes.ConstantPower)
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return writer.op("Pow", writer.cast(a, box.dtype), writer.constant(box.exponent, box.dtype))


@rule_for(boxes.Square)
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return writer.op("Mul", writer.cast(a, box.dtype), writer.cast(a, box.dtype))


@rule_for(boxes.Fmod)
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    return writer.op("Mod", *[writer.cast(name, box.dtype) for name in names], fmod=1)


@rule_for(boxes.Remainder, when=lambda box: box.dtype.kind in "iu")
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    return writer.op("Mod", *[writer.cast(name, box.dtype) for name in names])


def _in_single(name: str) -> Callable[[Any], bool]:
    """Whether a setting is exact in the attribute of an operation, which is a number of single precision."""
    return lambda box: box.dtype != np.float64 or float(np.float32(getattr(box, name))) == getattr(box, name)


@rule_for(boxes.ELU, when=_in_single("alpha"))
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return writer.op("Elu", writer.cast(a, box.dtype), alpha=float(box.alpha))


@rule_for(boxes.LeakyReLU, when=_in_single("slope"))
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return writer.op("LeakyRelu", writer.cast(a, box.dtype), alpha=float(box.slope))


@rule_for(boxes.GELU)
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return writer.op("Gelu", writer.cast(a, box.dtype), approximate=box.approximate)


@parts_for(boxes.LeakyReLU)
def _(box: Foreign, a: Foreign) -> Any:
    return np.where(a > 0, a, a * box.dtype.type(box.slope))


@parts_for(boxes.ELU)
def _(box: Foreign, a: Foreign) -> Any:
    return np.where(a > 0, a, np.expm1(np.minimum(a, box.dtype.type(0))) * box.dtype.type(box.alpha))


@parts_for(boxes.SiLU)
def _(box: Box, a: Foreign) -> Any:
    return a * boxes.Sigmoid(a)


@parts_for(boxes.Clip)
def _(box: Foreign, a: Foreign) -> Any:
    a = a if box.low == -np.inf else np.maximum(a, box.dtype.type(box.low))
    return a if box.high == np.inf else np.minimum(a, box.dtype.type(box.high))


@parts_for(boxes.Round)
def _(box: Foreign, a: Foreign) -> Any:
    scale = a.dtype.type(10.0 ** abs(box.decimals))
    return np.rint(a * scale) / scale if box.decimals >= 0 else np.rint(a / scale) * scale


@parts_for(boxes.Trunc)
def _(box: Box, a: Foreign) -> Any:
    return np.where(a < 0, np.ceil(a), np.floor(a))


@parts_for(boxes.IsFinite, when=lambda box: box.children[0].dtype.kind == "f")
def _(box: Box, a: Foreign) -> Any:
    return np.logical_not(np.isnan(a) | np.isinf(a))


@parts_for(boxes.NanToNum)
def _(box: Foreign, a: Foreign) -> Any:
    info = np.finfo(box.dtype)
    high = info.max if box.posinf is None else box.posinf
    low = info.min if box.neginf is None else box.neginf
    finite = np.where(np.isnan(a), box.dtype.type(box.nan), a)
    finite = np.where(a == np.inf, box.dtype.type(high), finite)
    return np.where(a == -np.inf, box.dtype.type(low), finite)


@parts_for(boxes.Remainder)
def _(box: Box, a: Foreign, b: Foreign) -> Any:
    rest = np.fmod(a, b)
    return np.where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest)


@parts_for(boxes.FloorDivide)
def _(box: Box, a: Foreign, b: Foreign) -> Any:
    """Of floats; by an infinite number -1 or 0, by zero what the quotient is."""
    if box.dtype.kind != "f":
        raise NotImplementedError
    beyond = np.isinf(b) & np.logical_not(np.isinf(a) | np.isnan(a))
    far = np.where((a != 0) & ((a < 0) != (b < 0)), box.dtype.type(-1), box.dtype.type(0))
    near = np.where(beyond, box.dtype.type(1), b)
    whole = np.where(b == 0, a / b, np.rint((a - np.remainder(a, near)) / near))
    return np.where(beyond, far, whole)


@rule_for(boxes.FloorDivide, when=lambda box: box.dtype.kind in "iu")
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    a, b = (writer.cast(name, box.dtype) for name in names)
    return writer.op("Div", writer.op("Sub", a, writer.op("Mod", a, b)), b)


@parts_for(boxes.LeftShift, when=lambda box: box.dtype.kind in "iu")
def _(box: Box, a: Foreign, b: Foreign) -> Any:
    return a * np.power(box.dtype.type(2), b)


@parts_for(boxes.RightShift, when=lambda box: box.dtype.kind in "iu")
def _(box: Box, a: Foreign, b: Foreign) -> Any:
    return a // np.power(box.dtype.type(2), b)
