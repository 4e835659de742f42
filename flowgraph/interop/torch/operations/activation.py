"""Activation functions and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.value import Foreign
from flowgraph.boxes import LogExpit, elu, gelu, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, softplus
from flowgraph.interop.rule_table import NoBoxesError
from flowgraph.interop.torch.rules import rule_for
from flowgraph.training.mlp import dropout

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
