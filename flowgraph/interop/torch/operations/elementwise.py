"""Arithmetic, functions of one number, comparisons and choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import Digamma, Erf, Erfc, GammaLn
from flowgraph.boxes.engine.passing_on import StopGradient
from flowgraph.interop.torch.rules import rule_for

ONE_NUMBER: dict[str, Any] = {
    "neg": np.negative, "positive": np.positive, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log,
    "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt, "square": np.square,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "abs": np.abs, "sign": np.sign, "sgn": np.sign, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
    "reciprocal": np.reciprocal, "erf": Erf, "erfc": Erfc, "lgamma": GammaLn, "digamma": Digamma,
    "deg2rad": np.deg2rad, "rad2deg": np.rad2deg, "sinc": np.sinc, "isnan": np.isnan, "isinf": np.isinf,
    "isfinite": np.isfinite, "logical_not": np.logical_not, "bitwise_not": np.invert,
    "conj": np.conj, "_conj": np.conj, "conj_physical": np.conj, "resolve_conj": np.positive, "real": np.real,
    "imag": np.imag, "angle": np.angle,
}  # fmt: skip

TWO_NUMBERS: dict[str, Any] = {
    "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum, "fmax": np.fmax, "fmin": np.fmin,
    "atan2": np.arctan2, "hypot": np.hypot, "logaddexp": np.logaddexp, "logaddexp2": np.logaddexp2,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "fmod": np.fmod, "remainder": np.remainder, "floor_divide": np.floor_divide, "copysign": np.copysign,
    "pow": np.power, "xlogy": lambda a, b: np.where(a == 0, 0, a * np.log(np.where(a == 0, 1, b))),
}  # fmt: skip

for _name, _function in (*ONE_NUMBER.items(), *TWO_NUMBERS.items()):
    rule_for(f"aten.{_name}")(_function)

rule_for("aten.max.other")(np.maximum)
rule_for("aten.min.other")(np.minimum)


rule_for("aten.detach")(StopGradient)


@rule_for("aten.alias", "aten.clone", "aten.contiguous", "aten.lift_fresh_copy")
def same(a: Foreign, *, memory_format: Foreign = None) -> Any:
    """The same numbers."""
    return a


@rule_for("aten._to_copy", "aten.to", "aten.type_as", "aten._assert_tensor_metadata")
def converted(a: Foreign, *rest: Foreign, **settings: Foreign) -> Any:
    """The same numbers, which are converted to the dtype of the result."""
    return a


@rule_for("aten.add")
def add(a: Foreign, b: Foreign, *, alpha: Foreign = 1) -> Any:
    """a + alpha b."""
    return a + (b if alpha == 1 else alpha * b)


@rule_for("aten.sub")
def sub(a: Foreign, b: Foreign, *, alpha: Foreign = 1) -> Any:
    """a - alpha b."""
    return a - (b if alpha == 1 else alpha * b)


@rule_for("aten.rsub")
def rsub(a: Foreign, b: Foreign, alpha: Foreign = 1) -> Any:
    """b - alpha a."""
    return b - (a if alpha == 1 else alpha * a)


@rule_for("aten.div")
def div(a: Foreign, b: Foreign, *, rounding_mode: Foreign = None) -> Any:
    """a / b, perhaps rounded down or towards 0."""
    if rounding_mode == "floor":
        return np.floor_divide(a, b)
    return np.trunc(a / b) if rounding_mode == "trunc" else a / b


@rule_for("aten.rsqrt")
def rsqrt(a: Foreign) -> Any:
    """1 / √a."""
    return 1 / np.sqrt(a)


@rule_for("aten.round")
def rounded(a: Foreign, *, decimals: int = 0) -> Any:
    """To so many decimals."""
    return np.round(a, decimals)


@rule_for("aten.lerp")
def lerp(a: Foreign, b: Foreign, weight: Foreign) -> Any:
    """From a to b."""
    return a + weight * (b - a)


@rule_for("aten.addcmul")
def addcmul(a: Foreign, b: Foreign, c: Foreign, *, value: Foreign = 1) -> Any:
    """a + value b c."""
    return a + value * b * c


@rule_for("aten.addcdiv")
def addcdiv(a: Foreign, b: Foreign, c: Foreign, *, value: Foreign = 1) -> Any:
    """a + value b / c."""
    return a + value * b / c


@rule_for("aten.where.self", "aten.where.ScalarOther", "aten.where.ScalarSelf")
def where(condition: Foreign, a: Foreign, b: Foreign) -> Any:
    """a where the condition holds, else b."""
    return np.where(condition, a, b)


@rule_for("aten.masked_fill")
def masked_fill(a: Foreign, mask: Foreign, value: Foreign) -> Any:
    """The value where the mask holds, else a."""
    return np.where(mask, value, a)


@rule_for("aten.clamp", "aten.clamp_min", "aten.clip")
def clamp(a: Foreign, min: Foreign = None, max: Foreign = None) -> Any:
    """Clips to `min` and `max`; the gradient passes where a is at a bound, as in PyTorch."""
    result = a
    if min is not None:
        result = np.where(a < min, min, result)
    if max is not None:
        result = np.where(a > max, max, result)
    return result


@rule_for("aten.clamp_max")
def clamp_max(a: Foreign, max: Foreign) -> Any:
    """Clips to `max`."""
    return clamp(a, None, max)


@rule_for("aten.hardtanh")
def hardtanh(a: Foreign, min_val: Foreign = -1, max_val: Foreign = 1) -> Any:
    """Between two bounds, where the gradient is 0."""
    return np.where(a <= min_val, min_val, np.where(a >= max_val, max_val, a))


@rule_for("aten.nan_to_num")
def nan_to_num(a: Foreign, nan: Foreign = None, posinf: Foreign = None, neginf: Foreign = None) -> Any:
    """Replaces NaN and the infinities."""
    return np.nan_to_num(a, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)
