"""Convolutions, pooling, attention, normalisation and losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box.value import Foreign
from flowgraph.boxes import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvInput,
    MaxPool,
    MeanPool,
    Resize,
    arange_like,
    count_like,
    log_softmax,
    softmax,
    softplus,
)
from flowgraph.boxes.engine.in_training import InTraining
from flowgraph.interop.rule_table import NoBoxesError, shortest, shortest_padding
from flowgraph.interop.torch.rules import rule_for
from flowgraph.interop.torch.symbolic_sizes import filled

CONVOLUTIONS: dict[int, Any] = {3: Conv1d, 4: Conv2d, 5: Conv3d}
"""By the number of axes of their input."""


def per_axis(given: Foreign, axes: int) -> Any:
    """A number for each axis."""
    listed = tuple(given) if isinstance(given, list | tuple) else (given,)
    return listed * axes if len(listed) == 1 else listed


def channelwise(a: Foreign, axes: int) -> Any:
    """A number for each channel, before axes that follow."""
    return np.reshape(a, (-1, *(1 for _ in range(axes))))


@rule_for("aten.conv1d", "aten.conv2d", "aten.conv3d")
def conv(
    x: Foreign,
    w: Foreign,
    b: Foreign = None,
    stride: Foreign = 1,
    padding: Foreign = 0,
    dilation: Foreign = 1,
    groups: int = 1,
) -> Any:
    """A convolution of any number of axes; padding may be "same" or "valid"."""
    axes = len(w.shape) - 2
    batched = len(x.shape) == len(w.shape)
    settings = {
        "stride": shortest(per_axis(stride, axes)),
        "padding": padding if isinstance(padding, str) else shortest(per_axis(padding, axes)),
        "dilation": shortest(per_axis(dilation, axes)),
        "groups": groups,
    }
    h = CONVOLUTIONS[len(w.shape)](x if batched else x[None], w, **settings)
    h = h if b is None else h + channelwise(b, axes)
    return h if batched else h[0]


@rule_for("aten.convolution")
def convolution(  # noqa: PLR0913  the arguments of the operation
    x: Foreign,
    w: Foreign,
    b: Foreign,
    stride: Foreign,
    padding: Foreign,
    dilation: Foreign,
    transposed: bool,
    out_padding: Foreign,
    groups: int,
) -> Any:
    """A convolution, or a transposed one."""
    if transposed:
        return conv_transpose(x, w, b, stride, padding, out_padding, groups, dilation)
    return conv(x, w, b, stride, padding, dilation, groups)


@rule_for("aten.conv_transpose1d", "aten.conv_transpose2d", "aten.conv_transpose3d")
def conv_transpose(
    x: Foreign, w: Foreign, b: Foreign = None,
    stride: Foreign = 1, padding: Foreign = 0, output_padding: Foreign = 0, groups: int = 1,
    dilation: Foreign = 1,
) -> Any:  # fmt: skip
    """The gradient of a convolution by its input, whose shape is that of `like`."""
    axes = len(w.shape) - 2
    batched = len(x.shape) == len(w.shape)
    x = x if batched else x[None]
    step, pad, more, gap = (per_axis(one, axes) for one in (stride, padding, output_padding, dilation))
    sizes = [
        (x.shape[2 + i] - 1) * step[i] - 2 * pad[i] + gap[i] * (w.shape[2 + i] - 1) + 1 + more[i] for i in range(axes)
    ]
    like = filled((x.shape[0], w.shape[1] * groups, *sizes), x.dtype.type(0))
    h: Any = ConvInput(x, w, like, stride=step, padding=pad, dilation=gap, groups=groups)
    h = h if b is None else h + channelwise(b, axes)
    return h if batched else h[0]


@rule_for("aten.max_pool1d", "aten.max_pool2d", "aten.max_pool3d")
def max_pool(
    a: Foreign,
    size: Foreign,
    stride: Foreign = (),
    padding: Foreign = 0,
    dilation: Foreign = 1,
    ceil_mode: bool = False,
) -> Any:
    """The largest in each window; of numbers that tie, each gets its share of the gradient, in PyTorch the first."""
    axes = len(size)
    step = per_axis(stride, axes) or tuple(size)
    pads = _pads(a, size, step, per_axis(padding, axes), per_axis(dilation, axes), ceil_mode)
    return MaxPool(a, **_window(size, step, pads), dilation=shortest(per_axis(dilation, axes)))


@rule_for("aten.max_pool2d_with_indices", "aten.max_pool3d_with_indices")
def max_pool_and_places(a: Foreign, *given: Foreign, **settings: Foreign) -> tuple[Any, ...]:
    """The largest; the second result is memory of PyTorch's own backward."""
    return max_pool(a, *given, **settings), None


@rule_for("aten.avg_pool1d", "aten.avg_pool2d", "aten.avg_pool3d")
def mean_pool(
    a: Foreign, size: Foreign, stride: Foreign = (),
    padding: Foreign = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: Foreign = None,
) -> Any:  # fmt: skip
    """The mean of each window."""
    axes = len(size)
    step = per_axis(stride, axes) or tuple(size)
    pad = per_axis(padding, axes)
    pads = _pads(a, size, step, pad, (1,) * axes, ceil_mode)
    if pads != tuple((one, one) for one in pad) and count_include_pad and any(pad):
        raise NoBoxesError("avg_pool with ceil_mode, padding and count_include_pad")
    counts = (count_include_pad or divisor_override is not None) and pads == tuple((one, one) for one in pad)
    h: Any = MeanPool(a, **_window(size, step, pads), count_padding=counts or not any(map(any, pads)))
    return h if divisor_override is None else h * (math.prod(size) / divisor_override)


def _window(size: Foreign, step: Foreign, pads: Foreign) -> dict[str, Any]:
    """The settings of a pooling, as one would write them; a number as size is one for two axes."""
    return {
        "size": shortest(tuple(size)) if len(size) == 2 else tuple(size),
        "stride": None if tuple(step) == tuple(size) else shortest(step),
        "padding": shortest_padding(pads),
    }


def _pads(
    a: Foreign, size: Foreign, step: Foreign, pad: Foreign, gap: Foreign, ceil_mode: bool
) -> tuple[tuple[int, int], ...]:
    """The padding at both ends; where a last window may begin inside and end outside, more at the end."""
    pairs = [(one, one) for one in pad]
    if ceil_mode:
        for i, length in enumerate(a.shape[-len(size) :]):
            span = gap[i] * (size[i] - 1) + 1
            count = -(-(length + 2 * pad[i] - span) // step[i]) + 1
            count -= (count - 1) * step[i] >= length + pad[i]
            pairs[i] = (pad[i], max(pad[i], (count - 1) * step[i] + span - length - pad[i]))
    return tuple(pairs)


@rule_for("aten.adaptive_avg_pool1d", "aten.adaptive_avg_pool2d", "aten._adaptive_avg_pool2d")
def adaptive_mean(a: Foreign, size: Foreign) -> Any:
    """Means of so many windows, of about equal size, along the last axes."""
    for i, count in enumerate(size):
        axis = len(a.shape) - len(size) + i
        a = _adaptive(a, axis, count, np.mean)
    return a


@rule_for("aten.adaptive_max_pool1d", "aten.adaptive_max_pool2d")
def adaptive_max(a: Foreign, size: Foreign) -> tuple[Any, ...]:
    """The largest of so many windows; the second result is memory of PyTorch's own backward."""
    for i, count in enumerate(size):
        a = _adaptive(a, len(a.shape) - len(size) + i, count, np.max)
    return a, None


def _adaptive(a: Foreign, axis: int, count: Foreign, reduce: Foreign) -> Any:
    length = a.shape[axis]
    if count is None or count == length:
        return a
    if count == 1:
        return reduce(a, axis=axis, keepdims=True)
    if length % count == 0:
        shape = (*a.shape[:axis], count, length // count, *a.shape[axis + 1 :])
        return reduce(np.reshape(a, shape), axis=axis + 1)
    parts = [
        reduce(a[(*(slice(None) for _ in range(axis)), slice(i * length // count, -(-(i + 1) * length // count)))],
               axis=axis, keepdims=True)
        for i in range(count)
    ]  # fmt: skip
    return np.concatenate(parts, axis=axis)


@rule_for("aten.scaled_dot_product_attention")
def attention(
    q: Foreign, k: Foreign, v: Foreign, mask: Foreign = None, dropout_p: float = 0.0, is_causal: bool = False, *,
    scale: Foreign = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """softmax(q kᵀ / √d) v, where a mask may take places out or add to the scores; 0 where it takes out all."""
    if dropout_p or enable_gqa:
        raise NoBoxesError("attention with dropout or groups of queries")
    factor = scale if scale is not None else 1 / np.sqrt(count_like(q, -1))
    scores = q @ np.swapaxes(k, -1, -2) * factor
    if is_causal:
        scores = np.where(arange_like(q, -2)[:, None] >= arange_like(k, -2)[None, :], scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        nothing = np.all(scores == -np.inf, axis=-1, keepdims=True)
        return np.where(nothing, 0.0, softmax(np.where(nothing, 0.0, scores), axis=-1)) @ v
    return softmax(scores, axis=-1) @ v


@rule_for("aten.upsample_nearest1d.vec", "aten.upsample_nearest2d.vec", "aten.upsample_nearest3d.vec")
def nearest(a: Foreign, size: Foreign, factors: Foreign = None) -> Any:
    """The element at the place that is rounded down; PyTorch takes twice the size of an image for a factor of 2."""
    if size is None and len(a.shape) == 4:
        found = [math.floor(one * factor) / one for one, factor in zip(a.shape[2:], factors, strict=True)]
        factors = [ratio if ratio in (1, 2) else one for ratio, one in zip(found, factors, strict=True)]
    return _resized(a, size, factors, False, mode="nearest", coordinates="asymmetric", rounding="floor")


@rule_for(
    "aten._upsample_nearest_exact1d.vec", "aten._upsample_nearest_exact2d.vec", "aten._upsample_nearest_exact3d.vec"
)
def nearest_exact(a: Foreign, size: Foreign, factors: Foreign = None) -> Any:
    """The element whose pixel the centre of the result lies in."""
    return _resized(a, size, factors, False, mode="nearest", rounding="round_prefer_ceil")


@rule_for("aten.upsample_linear1d.vec", "aten.upsample_bilinear2d.vec", "aten.upsample_trilinear3d.vec")
def linear(a: Foreign, size: Foreign, align_corners: bool, factors: Foreign = None) -> Any:
    """Means of the two elements around each place, along each axis."""
    return _resized(a, size, factors, align_corners, mode="linear")


@rule_for("aten.upsample_bicubic2d.vec")
def cubic(a: Foreign, size: Foreign, align_corners: bool, factors: Foreign = None) -> Any:
    """Weighted means of the four elements around each place, along each axis."""
    return _resized(a, size, factors, align_corners, mode="cubic")


def _resized(a: Foreign, size: Foreign, factors: Foreign, align_corners: bool, **settings: Foreign) -> Any:
    """By the factors where they are given; where corners are aligned by the sizes, which then alone count."""
    if size is None and align_corners:
        size = [math.floor(one * factor) for one, factor in zip(a.shape[2:], factors, strict=True)]
    if align_corners:
        settings["coordinates"] = "align_corners"
    number = {"size": tuple(size)} if size is not None else {"scale": tuple(map(float, factors))}
    return Resize(a, **number, **settings)


@rule_for("aten.pixel_shuffle")
def pixel_shuffle(a: Foreign, factor: int) -> Any:
    """Channels as places of a finer image."""
    *rest, c, h, w = a.shape
    apart = np.reshape(a, (*rest, c // factor**2, factor, factor, h, w))
    n = len(rest)
    turned = np.transpose(apart, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return np.reshape(turned, (*rest, c // factor**2, h * factor, w * factor))


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
