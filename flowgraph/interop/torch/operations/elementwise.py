"""Arithmetic, functions of one number, activation functions and dropout, comparisons and choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.value import Foreign
from flowgraph.boxes import (
    Digamma,
    Erf,
    Erfc,
    GammaLn,
    LogExpit,
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
)
from flowgraph.boxes.engine.stop_gradient import StopGradient
from flowgraph.interop.rule_table import NoBoxesError
from flowgraph.interop.torch.rules import rule_for
from flowgraph.training.dropout import dropout

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


rule_for("aten.relu")(relu)
rule_for("aten.sigmoid")(sigmoid)
rule_for("aten.silu")(silu)
rule_for("aten.log_sigmoid")(LogExpit)


@rule_for("aten.log_sigmoid_forward")
def log_sigmoid_forward(a: Foreign) -> tuple[Any, ...]:
    """log σ(a); the second result is memory of PyTorch's own backward."""
    return LogExpit(a), None


@rule_for("aten.leaky_relu")
def leaky(a: Foreign, negative_slope: float = 0.01) -> Any:
    """max(0, a) + slope min(0, a)."""
    return leaky_relu(a, slope=negative_slope)


@rule_for("aten.rrelu")
def random_leaky(a: Foreign, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Any:
    """Leaky with the mean of two slopes; while the module trains, each slope is drawn."""
    if training:
        raise NoBoxesError("rrelu while it trains")
    return leaky_relu(a, slope=(lower + upper) / 2)


@rule_for("aten.elu")
def scaled_elu(a: Foreign, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    """scale · (a where a > 0, else alpha (exp(input_scale a) - 1))."""
    if input_scale == 1:
        result = elu(a, alpha=float(alpha))
    else:
        result = np.where(a > 0, a, alpha * np.expm1(input_scale * np.minimum(a, 0)))
    return result if scale == 1 else scale * result


@rule_for("aten.celu")
def celu(a: Foreign, alpha: float = 1.0) -> Any:
    """a where a > 0, else alpha (exp(a / alpha) - 1)."""
    return scaled_elu(a, alpha, 1.0, 1 / alpha)


@rule_for("aten.selu")
def selu(a: Foreign) -> Any:
    """ELU with the constants of self-normalising networks.

    Source: Klambauer et al. 2017, Self-normalizing neural networks.
    """
    return scaled_elu(a, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


@rule_for("aten.gelu")
def gaussian(a: Foreign, *, approximate: Foreign = "none") -> Any:
    """GELU."""
    return gelu(a, approximate=approximate)


@rule_for("aten.softplus")
def smooth(a: Foreign, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta a)) / beta, and a itself where beta a is above the threshold."""
    scaled = a if beta == 1 else beta * a
    result = softplus(np.where(scaled > threshold, 0, scaled))
    return np.where(scaled > threshold, a, result if beta == 1 else result / beta)


@rule_for("aten.mish")
def mish(a: Foreign) -> Any:
    """a tanh(softplus(a))."""
    return a * np.tanh(softplus(a))


@rule_for("aten.hardsigmoid")
def hardsigmoid(a: Foreign) -> Any:
    """Between 0 and 1 on a line of slope 1/6."""
    return np.where(a <= -3, 0, np.where(a >= 3, 1, a / 6 + 0.5))


@rule_for("aten.hardswish")
def hardswish(a: Foreign) -> Any:
    """a hardsigmoid(a)."""
    return np.where(a <= -3, 0, np.where(a >= 3, a, a * (a / 6 + 0.5)))


@rule_for("aten.hardshrink")
def hardshrink(a: Foreign, lambd: float = 0.5) -> Any:
    """a where |a| > lambda, else 0."""
    return np.where(np.abs(a) > lambd, a, 0)


@rule_for("aten.softshrink")
def softshrink(a: Foreign, lambd: float = 0.5) -> Any:
    """a moved by lambda towards 0."""
    return np.where(a > lambd, a - lambd, np.where(a < -lambd, a + lambd, 0))


@rule_for("aten.threshold")
def threshold(a: Foreign, threshold: float, value: float) -> Any:
    """a where it is above the threshold, else the value."""
    return np.where(a > threshold, a, value)


@rule_for("aten._prelu_kernel")
def prelu_kernel(a: Foreign, weight: Foreign) -> Any:
    """a where a > 0, else weight · a."""
    return np.where(a > 0, a, weight * a)


@rule_for("aten.prelu")
def prelu(a: Foreign, weight: Foreign) -> Any:
    """a where a > 0, else a times the weight of its channel."""
    shaped = np.reshape(weight, (-1, *(1 for _ in a.shape[2:]))) if weight.size > 1 and len(a.shape) > 2 else weight
    return prelu_kernel(a, shaped)


@rule_for("aten.glu")
def glu(a: Foreign, dim: int = -1) -> Any:
    """The first half times σ of the second."""
    first, second = np.split(a, 2, axis=dim)
    return first * sigmoid(second)


@rule_for("aten.softmax.int", "aten._softmax", "aten._safe_softmax")
def softmax_along(a: Foreign, dim: int, half_to_float: Foreign = None, *, dtype: Foreign = None) -> Any:
    """Softmax along an axis."""
    return softmax(a, axis=dim)


@rule_for("aten.log_softmax.int", "aten._log_softmax")
def log_softmax_along(a: Foreign, dim: int, half_to_float: Foreign = None, *, dtype: Foreign = None) -> Any:
    """The logarithm of softmax along an axis."""
    return log_softmax(a, axis=dim)


@rule_for("aten.dropout")
def dropped(a: Foreign, p: float, train: bool) -> Any:
    """Numbers set to 0 by chance while the module trains; itself else."""
    if not train or p == 0:
        return a
    return a * 0 if p == 1 else dropout(a, float(p))


@rule_for("aten.native_dropout")
def native_dropout(a: Foreign, p: float, train: Foreign) -> tuple[Any, ...]:
    """As dropout, unless it is told not to train; the second result is memory of PyTorch's own backward."""
    return dropped(a, p, train is not False), None


@rule_for("aten.feature_dropout")
def feature_dropout(a: Foreign, p: float, train: bool) -> Any:
    """Whole channels set to 0 by chance while the module trains; itself else."""
    if not train or p == 0:
        return a
    mask = dropout(np.ones_like(a[(..., *(slice(0, 1) for _ in a.shape[2:]))]), float(p))
    return a * mask
