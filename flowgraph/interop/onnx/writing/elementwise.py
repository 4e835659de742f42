"""How boxes that act element by element are written: arithmetic, functions, comparisons, choices, casts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.writing.rules import parts_for, rule_for
from flowgraph.interop.onnx.writing.writer import Writer


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
