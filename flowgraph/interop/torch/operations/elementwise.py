"""Operations of PyTorch on each element: arithmetic, functions, activation functions, dropout, comparisons, choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
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
from flowgraph.boxes.engine.passing_on import StopGradient
from flowgraph.interop.rules import NoBoxesError, times
from flowgraph.interop.torch.operations import register, with_memory
from flowgraph.training.mlp import dropout

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
"""Source: Klambauer et al. 2017, Self-normalizing neural networks."""


def div(a: Foreign, b: Foreign, *, rounding_mode: Foreign = None) -> Any:
    """The quotient, perhaps rounded down or towards 0."""
    if rounding_mode == "floor":
        return np.floor_divide(a, b)
    return np.trunc(a / b) if rounding_mode == "trunc" else a / b


def clamp(a: Foreign, min: Foreign = None, max: Foreign = None) -> Any:
    """Clips to `min` and `max`; the gradient passes where a is at a bound, as in PyTorch."""
    if min is not None:
        a = np.where(a < min, min, a)
    return a if max is None else np.where(a > max, max, a)


def scaled_elu(a: Foreign, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    """scale · (a where a > 0, else alpha (exp(input_scale a) - 1))."""
    if input_scale == 1:
        return times(scale, elu(a, alpha=float(alpha)))
    return times(scale, np.where(a > 0, a, alpha * np.expm1(input_scale * np.minimum(a, 0))))


def smooth(a: Foreign, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta a)) / beta, and a itself where beta a is above the threshold."""
    scaled = times(beta, a)
    result = softplus(np.where(scaled > threshold, 0, scaled))
    return np.where(scaled > threshold, a, result if beta == 1 else result / beta)


def random_leaky(a: Foreign, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Any:
    """Leaky with the mean of two slopes; while the module trains, each slope is drawn."""
    if training:
        raise NoBoxesError("rrelu while it trains")
    return leaky_relu(a, slope=(lower + upper) / 2)


def prelu(a: Foreign, weight: Foreign) -> Any:
    """Where a is not above 0, a times the weight of its channel."""
    shaped = np.reshape(weight, (-1, *(1 for _ in a.shape[2:]))) if weight.size > 1 and len(a.shape) > 2 else weight
    return np.where(a > 0, a, shaped * a)


def drop_numbers(a: Foreign, p: float, train: bool | None) -> Any:
    """Numbers set to 0 by chance while the module trains; itself where it is told not to."""
    if train is False or p == 0:
        return a
    return a * 0 if p == 1 else dropout(a, float(p))


def feature_dropout(a: Foreign, p: float, train: bool) -> Any:
    """Whole channels set to 0 by chance while the module trains; itself else."""
    if not train or p == 0:
        return a
    return a * dropout(np.ones_like(a[(..., *(slice(0, 1) for _ in a.shape[2:]))]), float(p))


register({
    "neg": np.negative, "positive": np.positive, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log,
    "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt, "square": np.square,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "abs": np.abs, "sign sgn": np.sign, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
    "reciprocal": np.reciprocal, "erf": Erf, "erfc": Erfc, "lgamma": GammaLn, "digamma": Digamma,
    "deg2rad": np.deg2rad, "rad2deg": np.rad2deg, "sinc": np.sinc, "isnan": np.isnan, "isinf": np.isinf,
    "isfinite": np.isfinite, "logical_not": np.logical_not, "bitwise_not": np.invert,
    "conj _conj conj_physical": np.conj, "resolve_conj": np.positive, "real": np.real, "imag": np.imag,
    "angle": np.angle,
    "mul": np.multiply, "maximum max.other": np.maximum, "minimum min.other": np.minimum, "fmax": np.fmax,
    "fmin": np.fmin, "atan2": np.arctan2, "hypot": np.hypot, "logaddexp": np.logaddexp, "logaddexp2": np.logaddexp2,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "fmod": np.fmod, "remainder": np.remainder, "floor_divide": np.floor_divide, "copysign": np.copysign,
    "pow": np.power, "detach": StopGradient,
})  # fmt: skip

register({
    "alias clone contiguous lift_fresh_copy": lambda a, **settings: a,
    # the result of every rule is converted to the dtype that PyTorch gives
    "_to_copy to type_as _assert_tensor_metadata": lambda a, *rest, **settings: a,
    "add": lambda a, b, *, alpha=1: a + times(alpha, b),
    "sub": lambda a, b, *, alpha=1: a - times(alpha, b),
    "div": div,
    "rsqrt": lambda a: 1 / np.sqrt(a),
    "round": lambda a, *, decimals=0: np.round(a, decimals),
    "lerp": lambda a, b, weight: a + weight * (b - a),
    "xlogy": lambda a, b: np.where(a == 0, 0, a * np.log(np.where(a == 0, 1, b))),
    "where.self where.ScalarOther where.ScalarSelf": lambda condition, a, b: np.where(condition, a, b),
    "masked_fill": lambda a, mask, value: np.where(mask, value, a),
    "clamp clamp_min clip": clamp,
    "nan_to_num": lambda a, nan=None, posinf=None, neginf=None: np.nan_to_num(
        a, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf
    ),
})  # fmt: skip

register({
    "relu": relu,
    "sigmoid": sigmoid,
    "silu": silu,
    "log_sigmoid_forward": with_memory(LogExpit, 2),
    "gelu": lambda a, *, approximate="none": gelu(a, approximate=approximate),
    "leaky_relu": lambda a, negative_slope=0.01: leaky_relu(a, slope=negative_slope),
    "rrelu": random_leaky,
    "elu": scaled_elu,
    "celu": lambda a, alpha=1.0: scaled_elu(a, alpha, 1.0, 1 / alpha),
    "selu": lambda a: scaled_elu(a, SELU_ALPHA, SELU_SCALE),
    "softplus": smooth,
    "mish": lambda a: a * np.tanh(softplus(a)),
    "hardtanh": lambda a, low=-1, high=1: np.where(a <= low, low, np.where(a >= high, high, a)),
    "hardsigmoid": lambda a: np.where(a <= -3, 0, np.where(a >= 3, 1, a / 6 + 0.5)),
    "hardswish": lambda a: np.where(a <= -3, 0, np.where(a >= 3, a, a * (a / 6 + 0.5))),
    "prelu _prelu_kernel": prelu,
    "softmax.int _softmax _safe_softmax": lambda a, dim, *rest, **settings: softmax(a, axis=dim),
    "log_softmax.int _log_softmax": lambda a, dim, *rest, **settings: log_softmax(a, axis=dim),
    "dropout": lambda a, p, train: drop_numbers(a, p, bool(train)),
    "native_dropout": with_memory(drop_numbers, 2),
    "feature_dropout": feature_dropout,
})  # fmt: skip
