"""Normalisation over the features, groups and channels of examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.engine.passing_on import InTraining
from flowgraph.interop.torch.operations.networks import channelwise
from flowgraph.interop.torch.rules import rule_for


@rule_for("aten.layer_norm")
def layer_norm(
    x: Foreign, shape: Foreign, w: Foreign = None, b: Foreign = None, eps: float = 1e-5, cudnn: bool = True
) -> Any:
    """Every example moved and scaled to mean 0 and variance 1 over the last axes."""
    return native_layer_norm(x, shape, w, b, eps)[0]


@rule_for("aten.native_layer_norm")
def native_layer_norm(x: Foreign, shape: Foreign, w: Foreign, b: Foreign, eps: float) -> tuple[Any, ...]:
    """As layer_norm; the other results are memory of PyTorch's own backward."""
    h = standardised(x, tuple(range(-len(shape), 0)), eps)
    return affine(h, w, b), None, None


@rule_for("aten.rms_norm")
def rms_norm(x: Foreign, shape: Foreign, w: Foreign = None, eps: Foreign = None) -> Any:
    """Every example scaled to a mean square of 1 over the last axes."""
    epsilon = np.finfo(x.dtype).eps if eps is None else eps
    square = np.mean(x * x, axis=tuple(range(-len(shape), 0)), keepdims=True)
    return affine(x / np.sqrt(square + float(epsilon)), w, None)


@rule_for("aten.group_norm")
def group_norm(
    x: Foreign, groups: int, w: Foreign = None, b: Foreign = None, eps: float = 1e-5, cudnn: bool = True
) -> Any:
    """Every group of channels of an example moved and scaled to mean 0 and variance 1."""
    apart = np.reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    h = np.reshape(standardised(apart, tuple(range(2, len(apart.shape))), eps), x.shape)
    return affine(h, *channels(x, w, b))


@rule_for("aten._native_batch_norm_legit_no_training")
def batch_norm_in_use(
    x: Foreign, w: Foreign, b: Foreign, mean: Foreign, var: Foreign, momentum: float, eps: float
) -> tuple[Any, ...]:
    """By the statistics that training has left; the other results are memory of PyTorch's own backward."""
    mean, var, w, b = channels(x, mean, var, w, b)
    return affine((x - mean) / np.sqrt(var + eps), w, b), None, None


@rule_for("aten._native_batch_norm_legit_functional")
def batch_norm_in_training(
    x: Foreign, w: Foreign, b: Foreign, mean: Foreign, var: Foreign, training: bool, momentum: float, eps: float
) -> tuple[Any, ...]:
    """By the statistics of the batch; the last results are those that training leaves."""
    if not training:
        return (*batch_norm_in_use(x, w, b, mean, var, momentum, eps), mean, var)
    axes = (0, *range(2, len(x.shape)))
    now = InTraining(np.mean(x, axis=axes), in_evaluation=mean), InTraining(np.var(x, axis=axes), in_evaluation=var)
    h = batch_norm_in_use(x, w, b, *now, momentum, eps)[0]
    new_mean = (1 - momentum) * mean + momentum * np.mean(x, axis=axes)
    new_var = (1 - momentum) * var + momentum * np.var(x, axis=axes, ddof=1)
    return h, None, None, new_mean, new_var


@rule_for("aten._native_batch_norm_legit.no_stats")
def batch_norm_alone(
    x: Foreign, w: Foreign, b: Foreign, training: bool, momentum: float, eps: float
) -> tuple[Any, ...]:
    """By the statistics of the batch, which nobody keeps."""
    axes = (0, *range(2, len(x.shape)))
    return affine(standardised(x, axes, eps), *channels(x, w, b)), None, None


def standardised(x: Foreign, axes: tuple[int, ...], eps: float) -> Any:
    """Moved and scaled to mean 0 and variance 1 over some axes."""
    apart = x - np.mean(x, axis=axes, keepdims=True)
    return apart / np.sqrt(np.mean(apart * apart, axis=axes, keepdims=True) + eps)


def affine(h: Foreign, w: Foreign, b: Foreign) -> Any:
    """h w + b, where they are given."""
    h = h if w is None else h * w
    return h if b is None else h + b


def channels(x: Foreign, *numbers: Foreign) -> list[Any]:
    """One number per channel, in a shape that broadcasts with x."""
    return [None if one is None else channelwise(one, len(x.shape) - 2) for one in numbers]
