"""Operations element by element: arithmetic, functions, activations, comparisons, choices, casts."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.export import Writer
from flowgraph.interop.onnx.node import Node, dtype_of
from flowgraph.interop.onnx.table import both, made_of, parts_for, read_as, read_by, reader_for, rule_for, write_by
from flowgraph.interop.rules import cast


def number(box: Foreign, value: float) -> Any:
    """A number of the dtype of a box, which so widens nothing."""
    return box.dtype.type(value)


def is_negative(a: Foreign) -> Any:
    """Whether the sign bit is set: of numbers below zero, and of -0."""
    return (a < 0) | ((a == 0) & (np.reciprocal(a) < 0))


@parts_for(boxes.Expm1)
def expm1(box: Foreign, a: Foreign) -> Any:
    """By the trick of Kahan: the error of exp(a) - 1 and that of the logarithm of exp(a) are the same."""
    u = np.exp(a)
    near = np.abs(a) < 1
    safe = np.where(near & (u != 1), u, number(box, math.e))
    return np.where(near, np.where(u == 1, a, (safe - 1) * (a / np.log(safe))), u - 1)


@parts_for(boxes.Log1p)
def log1p(box: Foreign, a: Foreign) -> Any:
    """By the same trick: ln(u) a / (u - 1) with u the rounded 1 + a."""
    u = 1 + a
    near = (np.abs(a) < 1) & (u != 1)
    safe = np.where(near & (u > 0), u, number(box, 2))
    return np.where(u == 1, a, np.where(near & (u > 0), np.log(safe) * (a / (safe - 1)), np.log(u)))


@parts_for(boxes.Cbrt)
def cbrt(box: Foreign, a: Foreign) -> Any:
    """The root of the size, with the sign."""
    root = np.power(np.abs(a), number(box, 1 / 3))
    return np.where(a < 0, -root, root)


@parts_for(boxes.LogAddExp)
def log_add_exp(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """By the larger one, so that nothing overflows; of two equal infinities it is that infinity."""
    return np.where(a == b, a + number(box, math.log(2)), np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b))))


@parts_for(boxes.LogAddExp2)
def log_add_exp2(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """The same to the base 2."""
    two = number(box, math.log(2))
    return np.where(a == b, a + 1, np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b) * two)) / two)


@parts_for(boxes.Hypot)
def hypot(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """By the ratio to the larger one, whose square does not overflow."""
    first, other = np.abs(a), np.abs(b)
    large, small = np.maximum(first, other), np.minimum(first, other)
    ratio = small / np.where((large == 0) | np.isinf(large), number(box, 1), large)
    infinite = np.isinf(first) | np.isinf(other)
    return np.where(infinite, number(box, math.inf), large * np.sqrt(1 + ratio * ratio))


@parts_for(boxes.Arctan2)
def arctan2(box: Foreign, y: Foreign, x: Foreign) -> Any:
    """The quadrant by the signs, that of zero included."""
    half, whole = number(box, math.pi / 2), number(box, math.pi)
    up, quotient = np.where(is_negative(y), -1, 1).astype(box.dtype), y / np.where(x == 0, number(box, 1), x)
    steep = np.where(y == 0, np.where(is_negative(x), whole, number(box, 0)), half)
    both = np.isinf(y) & np.isinf(x)
    flat = np.where(both, number(box, math.pi / 4), np.arctan(np.abs(np.where(both, number(box, 1), quotient))))
    angle = up * np.where(x == 0, steep, np.where(x < 0, whole - flat, flat))
    return np.where(np.isnan(x) | np.isnan(y), x + y, angle)


@parts_for(boxes.XLog1pY)
def x_log_y(box: Foreign, x: Foreign, y: Foreign) -> Any:
    """Zero where x is, unless y is NaN."""
    zero = (x == 0) & np.logical_not(np.isnan(y))
    return np.where(zero, number(box, 0), x * np.log1p(np.where(zero, number(box, 1), y)))


@parts_for(boxes.RelEntr, boxes.KlDiv)
def relative_entropy(box: Foreign, x: Foreign, y: Foreign) -> Any:
    """By the logarithm of the ratio; by two logarithms where that overflows."""
    proper = (x > 0) & (y > 0)
    unit = number(box, 1)
    over, under = np.where(proper, x, unit), np.where(proper, y, unit)
    ratio = over / under
    far = (ratio == 0) | np.isinf(ratio)
    apart = np.where(far, np.log(over) - np.log(under), np.log(np.where(far, unit, ratio)))
    value = np.where(proper, x * apart, number(box, math.inf))
    zero = (x == 0) & (y >= 0)
    value = np.where(zero, number(box, 0), value)
    if isinstance(box, boxes.KlDiv):
        value = np.where(zero, y, np.where(proper, value - x + y, value))
    return np.where(np.isnan(x) | np.isnan(y), x + y, value)


made_of({
    boxes.Log2: lambda box, a: np.log(a) / number(box, math.log(2)),
    boxes.Log10: lambda box, a: np.log(a) / number(box, math.log(10)),
    boxes.Ldexp: lambda box, a, exponents: a * np.power(number(box, 2), exponents.astype(box.dtype)),
    boxes.Erfc: lambda box, a: 1 - boxes.Erf(a),
    boxes.NormalCdf: lambda box, a: number(box, 0.5) * (1 + boxes.Erf(a * number(box, math.sqrt(0.5)))),
    boxes.Logit: lambda box, a: np.log(a / (1 - a)),
    boxes.LogExpit: lambda box, a: -boxes.Softplus(-a),
    boxes.LeftShift: lambda box, a, b: a * np.power(box.dtype.type(2), b),
    boxes.RightShift: lambda box, a, b: a // np.power(box.dtype.type(2), b),
})  # fmt: skip


ARITHMETIC: dict[str, tuple[type[Box], ...]] = {
    "Abs": (boxes.Absolute, boxes.Fabs), "Acos": (boxes.Arccos,), "Acosh": (boxes.Arccosh,), "Add": (boxes.Add,),
    "Asin": (boxes.Arcsin,), "Asinh": (boxes.Arcsinh,), "Atan": (boxes.Arctan,), "Atanh": (boxes.Arctanh,),
    "BitwiseAnd": (boxes.BitwiseAnd,), "BitwiseNot": (boxes.Invert,), "BitwiseOr": (boxes.BitwiseOr,),
    "BitwiseXor": (boxes.BitwiseXor,), "Ceil": (boxes.Ceil,), "Cos": (boxes.Cos,), "Cosh": (boxes.Cosh,),
    "Div": (boxes.Divide,), "Erf": (boxes.Erf,), "Exp": (boxes.Exp,), "Floor": (boxes.Floor,),
    "Log": (boxes.Log,), "Max": (boxes.Maximum,), "Min": (boxes.Minimum,),
    "Mul": (boxes.Multiply,), "Neg": (boxes.Negative,), "Pow": (boxes.Power,), "Reciprocal": (boxes.Reciprocal,),
    "Relu": (boxes.ReLU,), "Round": (boxes.Rint,), "Sigmoid": (boxes.Sigmoid,), "Sign": (boxes.Sign,),
    "Sin": (boxes.Sin,), "Sinh": (boxes.Sinh,), "Softplus": (boxes.Softplus,), "Sqrt": (boxes.Sqrt,),
    "Sub": (boxes.Subtract,), "Tan": (boxes.Tan,), "Tanh": (boxes.Tanh,),
}  # fmt: skip
for _operation, _classes in ARITHMETIC.items():
    both(_operation, *_classes, when=lambda box: box.dtype.kind != "b")

LOGIC: dict[str, tuple[type[Box], ...]] = {
    "And": (boxes.LogicalAnd, boxes.BitwiseAnd), "Or": (boxes.LogicalOr, boxes.BitwiseOr),
    "Xor": (boxes.LogicalXor, boxes.BitwiseXor), "Not": (boxes.LogicalNot, boxes.Invert),
}  # fmt: skip
for _operation, _classes in LOGIC.items():
    both(_operation, *_classes, when=lambda box: box.dtype.kind == "b", of=lambda box: bool)


def common(box: Box) -> np.dtype[Any]:
    """The dtype in which values are compared: ONNX knows no order of booleans."""
    dtype = np.result_type(*(child.dtype for child in box.children))
    return np.dtype(np.int32) if dtype.kind == "b" and not isinstance(box, boxes.Equal | boxes.NotEqual) else dtype


for _operation, _class in {
    "Equal": boxes.Equal, "Greater": boxes.Greater, "GreaterOrEqual": boxes.GreaterEqual, "Less": boxes.Less,
    "LessOrEqual": boxes.LessEqual,
}.items():  # fmt: skip
    both(_operation, _class, of=common)
both("IsNaN", boxes.IsNan, of=common, when=lambda box: box.children[0].dtype.kind == "f")
both("IsInf", boxes.IsInf, of=common, when=lambda box: box.children[0].dtype.kind == "f")
both("LeakyRelu", boxes.LeakyReLU, alpha=("slope", 0.01))
both("Elu", boxes.ELU, alpha=("alpha", 1.0))
both("Gelu", boxes.GELU, approximate=("approximate", "none"))


def clip_in_dtype(a: Foreign, low: float, high: float) -> Any:
    """Between two numbers, in the dtype of the array."""
    return np.minimum(np.maximum(a, a.dtype.type(low)), a.dtype.type(high))


def quotient(a: Foreign, b: Foreign) -> Any:
    """The quotient, which is rounded towards zero for integers."""
    if a.dtype.kind == "f":
        return a / b
    if a.dtype.kind == "u":
        return np.floor_divide(a, b)
    return (np.floor_divide(np.abs(a), np.abs(b)) * np.sign(a) * np.sign(b)).astype(a.dtype)


read_as({
    "Identity": lambda a: a,
    "Where": np.where,
    "Div": quotient,
    "Pow": lambda a, b: np.power(a, b).astype(a.dtype),
    "Max": lambda *arrays: functools.reduce(np.maximum, arrays),
    "Min": lambda *arrays: functools.reduce(np.minimum, arrays),
    "Sum": lambda *arrays: functools.reduce(np.add, arrays),
    "Mean": lambda *arrays: functools.reduce(np.add, arrays) / len(arrays),
    "Relu": lambda a: boxes.ReLU.apply(a) if a.dtype.kind == "f" else np.maximum(a, a.dtype.type(0)),
    "PRelu": lambda a, slope: np.where(a < 0, a * slope, a),
    "Softsign": lambda a: a / (1 + np.abs(a)),
    "Mish": lambda a: a * np.tanh(boxes.Softplus.apply(a)),
    "HardSwish": lambda a: a * clip_in_dtype(a / 6 + 0.5, 0, 1),
})  # fmt: skip


read_by({
    "BitShift": lambda node, a, b: (np.left_shift if node.get("direction") == "LEFT" else np.right_shift)(a, b),
    "Swish": lambda node, a: a * boxes.Sigmoid.apply(node.get("alpha", 1.0) * a),
    "HardSigmoid": lambda node, a: clip_in_dtype(node.get("alpha", 0.2) * a + node.get("beta", 0.5), 0, 1),
    "ThresholdedRelu": lambda node, a: np.where(a > node.get("alpha", 1.0), a, a.dtype.type(0)),
    "Selu": lambda node, a: node.get("gamma", 1.0507009873554805) * boxes.ELU.apply(
        a, alpha=node.get("alpha", 1.6732632423543772)
    ),
})  # fmt: skip


@reader_for("Mod")
def read_mod(node: Node, a: Foreign, b: Foreign) -> Any:
    """The remainder, with the sign of the dividend where fmod=1, else with that of the divisor."""
    if a.dtype.kind == "f" and not node.get("fmod", 0) and node.version < 28:
        raise node.refuse("found floats with fmod=0, which ONNX does not define before opset 28")
    return np.fmod(a, b) if node.get("fmod", 0) else np.remainder(a, b)


@reader_for("Cast", "CastLike", idle=["saturate", "round_mode"])
def read_cast(node: Node, a: Foreign, like: Foreign = None) -> Any:
    """In the dtype of the attribute, or of another value."""
    return cast(a, dtype_of(node.get("to"), "what is cast") if like is None else like.dtype)


@reader_for("Clip")
def read_clip(node: Node, a: Foreign, low: Foreign = None, high: Foreign = None) -> Any:
    """Between bounds, of which each may be left out."""
    for function, bound in ((np.maximum, node.get("min", low)), (np.minimum, node.get("max", high))):
        if bound is not None:
            a = function(a, a.dtype.type(bound) if isinstance(bound, float) else bound)
    return a


@reader_for("IsInf")
def read_is_inf(node: Node, a: Foreign) -> Any:
    """Whether a number is infinite, of both signs or of one."""
    infinite = np.isinf(a)
    if not node.get("detect_positive", 1):
        infinite = infinite & (a < 0)
    return infinite if node.get("detect_negative", 1) else infinite & (a > 0)


@reader_for("Celu")
def read_celu(node: Node, a: Foreign) -> Any:
    """a above 0, else alpha (exp(a / alpha) - 1)."""
    alpha, zero = node.get("alpha", 1.0), a.dtype.type(0)
    return np.maximum(a, zero) + alpha * np.expm1(np.minimum(a, zero) / alpha)


@reader_for("Shrink")
def read_shrink(node: Node, a: Foreign) -> Any:
    """Moved towards 0, and 0 between two bounds."""
    bias, bound = node.get("bias", 0.0), node.get("lambd", 0.5)
    return np.where(a < -bound, a + bias, np.where(a > bound, a - bias, a.dtype.type(0))).astype(a.dtype)


@rule_for(boxes.Where)
def write_where(writer: Writer, box: Box, condition: str, a: str, b: str) -> Any:
    """A choice; of booleans, which runtimes do not choose from, by And and Or."""
    condition, a, b = writer.cast(condition, bool), writer.cast(a, box.dtype), writer.cast(b, box.dtype)
    if box.dtype != bool:
        return writer.op("Where", condition, a, b, dtype=box.dtype)
    return writer.op("Or", writer.op("And", condition, a), writer.op("And", writer.op("Not", condition), b))


@rule_for(boxes.Fmod)
@rule_for(boxes.Remainder, when=lambda box: box.dtype.kind in "iu")
def write_mod(writer: Writer, box: Foreign, *names: str) -> Any:
    """The remainder, with the sign of the dividend or with that of the divisor."""
    fmod = 1 if isinstance(box, boxes.Fmod) else None
    return writer.op("Mod", *[writer.cast(name, box.dtype) for name in names], fmod=fmod)


@rule_for(boxes.FloorDivide, when=lambda box: box.dtype.kind in "iu")
def write_floor_divide(writer: Writer, box: Foreign, *names: str) -> Any:
    """The quotient of integers: the remainder is taken off first, so that it is a whole number."""
    a, b = (writer.cast(name, box.dtype) for name in names)
    return writer.op("Div", writer.op("Sub", a, writer.op("Mod", a, b)), b)


write_by({
    boxes.NotEqual: lambda writer, box, *names: writer.op(
        "Not", writer.op("Equal", *[writer.cast(name, common(box)) for name in names], dtype=bool)
    ),
    boxes.Positive: lambda writer, box, a: writer.op("Identity", writer.cast(a, box.dtype)),
    boxes.Cast: lambda writer, box, a: writer.cast(a, box.dtype),
    boxes.Square: lambda writer, box, a: writer.op("Mul", *[writer.cast(a, box.dtype)] * 2),
    boxes.ConstantPower: lambda writer, box, a: writer.op(
        "Pow", writer.cast(a, box.dtype), writer.constant(box.exponent, box.dtype)
    ),
})  # fmt: skip
