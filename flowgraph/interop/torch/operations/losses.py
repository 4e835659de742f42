"""Losses and how they are reduced."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import log_softmax, softplus
from flowgraph.interop.rule_table import NoBoxesError
from flowgraph.interop.torch.rules import rule_for

NONE, MEAN, SUM = range(3)
"""How PyTorch numbers what is done with the losses of single examples."""


def reduced(losses: Foreign, reduction: int) -> Any:
    """The losses, their mean or their sum."""
    if reduction == NONE:
        return losses
    return np.mean(losses) if reduction == MEAN else np.sum(losses)


@rule_for("aten.mse_loss")
def squared_error(a: Foreign, target: Foreign, reduction: int = MEAN) -> Any:
    """(a - target)²."""
    return reduced(np.square(a - target), reduction)


@rule_for("aten.l1_loss")
def absolute_error(a: Foreign, target: Foreign, reduction: int = MEAN) -> Any:
    """|a - target|."""
    return reduced(np.abs(a - target), reduction)


@rule_for("aten.huber_loss")
def huber(a: Foreign, target: Foreign, reduction: int = MEAN, delta: float = 1.0) -> Any:
    """Squared for errors up to delta, linear beyond."""
    size = np.abs(a - target)
    return reduced(np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)), reduction)


@rule_for("aten.smooth_l1_loss")
def smooth_l1(a: Foreign, target: Foreign, reduction: int = MEAN, beta: float = 1.0) -> Any:
    """The Huber loss over beta."""
    if beta == 0:
        return absolute_error(a, target, reduction)
    size = np.abs(a - target)
    return reduced(np.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction)


@rule_for("aten.soft_margin_loss")
def soft_margin(a: Foreign, target: Foreign, reduction: int = MEAN) -> Any:
    """log(1 + exp(-target a))."""
    return reduced(softplus(-target * a), reduction)


@rule_for("aten.kl_div")
def divergence(a: Foreign, target: Foreign, reduction: int = MEAN, *, log_target: bool = False) -> Any:
    """target (log target - a), of the logarithms a."""
    if log_target:
        return reduced(np.exp(target) * (target - a), reduction)
    inside = np.where(target > 0, target, 1)
    return reduced(np.where(target > 0, target * (np.log(inside) - a), 0), reduction)


@rule_for("aten.binary_cross_entropy")
def binary_cross_entropy(a: Foreign, target: Foreign, weight: Foreign = None, reduction: int = MEAN) -> Any:
    """-target log a - (1 - target) log(1 - a); PyTorch keeps the logarithms above -100."""
    losses = -target * np.maximum(np.log(a), -100) - (1 - target) * np.maximum(np.log1p(-a), -100)
    return reduced(losses if weight is None else losses * weight, reduction)


@rule_for("aten.binary_cross_entropy_with_logits")
def with_logits(
    a: Foreign, target: Foreign, weight: Foreign = None, pos_weight: Foreign = None, reduction: int = MEAN
) -> Any:
    """The same of σ(a)."""
    if pos_weight is None:
        losses = (1 - target) * a + softplus(-a)
    else:
        losses = (1 - target) * a + (1 + (pos_weight - 1) * target) * softplus(-a)
    return reduced(losses if weight is None else losses * weight, reduction)


@rule_for("aten.cross_entropy_loss")
def cross_entropy(
    a: Foreign,
    target: Foreign,
    weight: Foreign = None,
    reduction: int = MEAN,
    ignore_index: int = -100,
    smoothing: float = 0.0,
) -> Any:
    """-log softmax(a) at the target, a class for each example, or probabilities of the classes."""
    axis = min(1, len(a.shape) - 1)
    log_p = log_softmax(a, axis=axis)
    if target.dtype.kind in "iu":
        if smoothing:
            raise NoBoxesError("cross_entropy with label smoothing of classes")
        return negative_log_likelihood(log_p, target, weight, reduction, ignore_index)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / a.shape[axis]
    if weight is not None:
        log_p = log_p * _classwise(weight, log_p, axis)
    losses = -np.sum(target * log_p, axis=axis)
    return reduced(losses, reduction)


@rule_for("aten.nll_loss", "aten.nll_loss_nd", "aten.nll_loss2d")
def negative_log_likelihood(
    log_p: Foreign, target: Foreign, weight: Foreign = None, reduction: int = MEAN, ignore_index: int = -100
) -> Any:
    """-log_p of the class of each example, weighted by the class; some examples may be left out."""
    axis = min(1, len(log_p.shape) - 1)
    counted = target != ignore_index
    classes = np.where(counted, target, 0)
    losses = -np.squeeze(np.take_along_axis(log_p, np.expand_dims(classes, axis), axis=axis), axis=axis)
    weights = counted.astype(log_p.dtype) if weight is None else np.where(counted, weight[classes], 0)
    losses = losses * weights
    return np.sum(losses) / np.sum(weights) if reduction == MEAN else reduced(losses, reduction)


@rule_for("aten.nll_loss_forward", "aten.nll_loss2d_forward")
def nll_forward(log_p: Foreign, target: Foreign, weight: Foreign, reduction: int, ignore_index: int) -> tuple[Any, ...]:
    """As nll_loss; the second result is memory of PyTorch's own backward."""
    return negative_log_likelihood(log_p, target, weight, reduction, ignore_index), None


def _classwise(weight: Foreign, a: Foreign, axis: int) -> Any:
    return np.reshape(weight, (-1, *(1 for _ in a.shape[axis + 1 :])))
