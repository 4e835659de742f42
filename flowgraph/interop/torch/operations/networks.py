"""Convolutions, pooling, attention, normalisation and losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import (
    ConvInput,
    MaxPool,
    MeanPool,
    Resize,
    arange_like,
    count_like,
    softmax,
    softplus,
)
from flowgraph.boxes.engine.passing_on import InTraining
from flowgraph.interop.rules import (
    CONVOLUTIONS,
    NoBoxesError,
    affine,
    beyond,
    channelwise,
    likelihood_loss,
    reduce_losses,
    shortest,
    shortest_padding,
    standardise_axes,
)
from flowgraph.interop.torch.operations import register, with_memory
from flowgraph.interop.torch.symbolic_sizes import fill_sizes

REDUCTIONS = ("none", "mean", "sum")
"""What is done with the losses of single examples, by PyTorch's number for it."""

MEAN = 1


def per_axis(given: Foreign, axes: int) -> Any:
    """A number for each axis."""
    listed = tuple(given) if isinstance(given, list | tuple) else (given,)
    return listed * axes if len(listed) == 1 else listed


def conv(
    x: Foreign, w: Foreign, b: Foreign = None, stride: Foreign = 1, padding: Foreign = 0, dilation: Foreign = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """A convolution of any number of axes; padding may be "same" or "valid"."""
    axes = len(w.shape) - 2
    batched = len(x.shape) == len(w.shape)
    settings = {
        "stride": shortest(per_axis(stride, axes)),
        "padding": padding if isinstance(padding, str) else shortest(per_axis(padding, axes)),
        "dilation": shortest(per_axis(dilation, axes)),
        "groups": groups,
    }
    h = affine(CONVOLUTIONS[len(w.shape)](x if batched else x[None], w, **settings), None, b, axes)
    return h if batched else h[0]


def conv_transpose(
    x: Foreign, w: Foreign, b: Foreign = None, stride: Foreign = 1, padding: Foreign = 0, output_padding: Foreign = 0,
    groups: int = 1, dilation: Foreign = 1,
) -> Any:  # fmt: skip
    """The gradient of a convolution by its input, whose shape is that of `like`."""
    axes = len(w.shape) - 2
    batched = len(x.shape) == len(w.shape)
    x = x if batched else x[None]
    step, pad, more, gap = (per_axis(setting, axes) for setting in (stride, padding, output_padding, dilation))
    sizes = [
        (x.shape[2 + i] - 1) * step[i] - 2 * pad[i] + gap[i] * (w.shape[2 + i] - 1) + 1 + more[i] for i in range(axes)
    ]
    like = fill_sizes((x.shape[0], w.shape[1] * groups, *sizes), x.dtype.type(0))
    h = affine(ConvInput(x, w, like, stride=step, padding=pad, dilation=gap, groups=groups), None, b, axes)
    return h if batched else h[0]


def convolution(  # noqa: PLR0913  the arguments of the operation
    x: Foreign, w: Foreign, b: Foreign, stride: Foreign, padding: Foreign, dilation: Foreign, transposed: bool,
    out_padding: Foreign, groups: int,
) -> Any:  # fmt: skip
    """A convolution, or a transposed one."""
    if transposed:
        return conv_transpose(x, w, b, stride, padding, out_padding, groups, dilation)
    return conv(x, w, b, stride, padding, dilation, groups)


def max_pool(
    a: Foreign, size: Foreign, stride: Foreign = (), padding: Foreign = 0, dilation: Foreign = 1,
    ceil_mode: bool = False,
) -> Any:  # fmt: skip
    """The largest in each window; of numbers that tie, each gets its share of the gradient, in PyTorch the first."""
    gap = per_axis(dilation, len(size))
    window = _window(a, size, stride, per_axis(padding, len(size)), gap, ceil_mode)
    return MaxPool(a, **window, dilation=shortest(gap))


def mean_pool(
    a: Foreign, size: Foreign, stride: Foreign = (), padding: Foreign = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: Foreign = None,
) -> Any:  # fmt: skip
    """The mean of each window."""
    pad = per_axis(padding, len(size))
    window = _window(a, size, stride, pad, (1,) * len(size), ceil_mode)
    even = window["padding"] == shortest(pad)
    if not even and count_include_pad and any(pad):
        raise NoBoxesError("avg_pool with ceil_mode, padding and count_include_pad")
    counts = even and (count_include_pad or divisor_override is not None or not any(pad))
    h: Any = MeanPool(a, **window, count_padding=counts)
    return h if divisor_override is None else h * (math.prod(size) / divisor_override)


def _window(a: Foreign, size: Foreign, stride: Foreign, pad: Foreign, gap: Foreign, ceil_mode: bool) -> dict[str, Any]:
    """The settings of a pooling, as one would write them; a number as size is one for two axes.

    Where a last window may begin inside and end outside, there is more padding at the end.
    """
    size, step = tuple(size), tuple(per_axis(stride, len(size)) or size)
    spans = [d * (k - 1) + 1 for k, d in zip(size, gap, strict=True)]
    rows = zip(a.shape[-len(size) :], spans, step, pad, strict=True)
    pairs = [(p, p + (beyond(n, span, s, p, p) if ceil_mode else 0)) for n, span, s, p in rows]
    return {
        "size": shortest(size) if len(size) == 2 else size,
        "stride": None if step == size else shortest(step),
        "padding": shortest_padding(pairs),
    }


def adaptive(function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that reduces so many windows, of about equal size, along the last axes."""

    def along_axis(a: Foreign, axis: int, count: Foreign) -> Any:
        length = a.shape[axis]
        if count is None or count == length:
            return a
        if count == 1:
            return function(a, axis=axis, keepdims=True)
        if length % count == 0:
            shape = (*a.shape[:axis], count, length // count, *a.shape[axis + 1 :])
            return function(np.reshape(a, shape), axis=axis + 1)
        lead = (slice(None),) * axis
        ends = [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]
        parts = [function(a[(*lead, slice(*pair))], axis=axis, keepdims=True) for pair in ends]
        return np.concatenate(parts, axis=axis)

    def rule(a: Foreign, size: Foreign) -> Any:
        for i, count in enumerate(size):
            a = along_axis(a, len(a.shape) - len(size) + i, count)
        return a

    return rule


def attention(
    q: Foreign, k: Foreign, v: Foreign, mask: Foreign = None, dropout_p: float = 0.0, is_causal: bool = False, *,
    scale: Foreign = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """softmax(q kᵀ / √d) v, where a mask may take places out or add to the scores; 0 where it takes out all."""
    if dropout_p or enable_gqa:
        raise NoBoxesError("attention with dropout or groups of queries")
    factor = scale if scale is not None else count_like(q, -1) ** -0.5
    scores = q @ np.swapaxes(k, -1, -2) * factor
    if is_causal:
        scores = np.where(arange_like(q, -2)[:, None] >= arange_like(k, -2)[None, :], scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        nothing = np.all(scores == -np.inf, axis=-1, keepdims=True)
        return np.where(nothing, 0.0, softmax(np.where(nothing, 0.0, scores), axis=-1)) @ v
    return softmax(scores, axis=-1) @ v


def nearest(a: Foreign, size: Foreign, factors: Foreign = None) -> Any:
    """The element at the place that is rounded down; PyTorch takes twice the size of an image for a factor of 2."""
    if size is None and len(a.shape) == 4:
        ratios = [math.floor(extent * factor) / extent for extent, factor in zip(a.shape[2:], factors, strict=True)]
        factors = [ratio if ratio in (1, 2) else given for ratio, given in zip(ratios, factors, strict=True)]
    return resize_image(a, size, False, factors, mode="nearest", coordinates="asymmetric", rounding="floor")


def nearest_exact(a: Foreign, size: Foreign, factors: Foreign = None) -> Any:
    """The element whose pixel the centre of the result lies in."""
    return resize_image(a, size, False, factors, mode="nearest", rounding="round_prefer_ceil")


def resize_image(a: Foreign, size: Foreign, align_corners: bool, factors: Foreign = None, **settings: Foreign) -> Any:
    """By the factors where they are given; where corners are aligned by the sizes, which then alone count."""
    if size is None and align_corners:
        size = [math.floor(extent * factor) for extent, factor in zip(a.shape[2:], factors, strict=True)]
    if align_corners:
        settings["coordinates"] = "align_corners"
    number = {"size": tuple(size)} if size is not None else {"scale": tuple(map(float, factors))}
    return Resize(a, **number, **settings)


register({
    "conv1d conv2d conv3d": conv,
    "convolution": convolution,
    "max_pool1d max_pool2d max_pool3d": max_pool,
    "max_pool2d_with_indices max_pool3d_with_indices": with_memory(max_pool, 2),
    "avg_pool1d avg_pool2d avg_pool3d": mean_pool,
    "adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d": adaptive(np.mean),
    "adaptive_max_pool1d adaptive_max_pool2d": with_memory(adaptive(np.max), 2),
    "scaled_dot_product_attention": attention,
    "upsample_nearest1d.vec upsample_nearest2d.vec upsample_nearest3d.vec": nearest,
    "_upsample_nearest_exact1d.vec _upsample_nearest_exact2d.vec _upsample_nearest_exact3d.vec": nearest_exact,
    "upsample_linear1d.vec upsample_bilinear2d.vec upsample_trilinear3d.vec": lambda *given: resize_image(
        *given, mode="linear"
    ),
    "upsample_bicubic2d.vec": lambda *given: resize_image(*given, mode="cubic"),
})  # fmt: skip


def layer_norm(
    x: Foreign, shape: Foreign, w: Foreign = None, b: Foreign = None, eps: float = 1e-5, cudnn: bool = True
) -> Any:
    """Every example moved and scaled to mean 0 and variance 1 over the last axes."""
    return affine(standardise_axes(x, tuple(range(-len(shape), 0)), eps), w, b)


def rms_norm(x: Foreign, shape: Foreign, w: Foreign = None, eps: Foreign = None) -> Any:
    """Every example scaled to a mean square of 1 over the last axes."""
    epsilon = np.finfo(x.dtype).eps if eps is None else eps
    square = np.mean(x * x, axis=tuple(range(-len(shape), 0)), keepdims=True)
    return affine(x / np.sqrt(square + float(epsilon)), w, None)


def group_norm(
    x: Foreign, groups: int, w: Foreign = None, b: Foreign = None, eps: float = 1e-5, cudnn: bool = True
) -> Any:
    """Every group of channels of an example moved and scaled to mean 0 and variance 1."""
    apart = np.reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    h = np.reshape(standardise_axes(apart, tuple(range(2, len(apart.shape))), eps), x.shape)
    return affine(h, w, b, len(x.shape) - 2)


def batch_norm_in_use(
    x: Foreign, w: Foreign, b: Foreign, mean: Foreign, var: Foreign, momentum: float, eps: float
) -> Any:
    """By the statistics that training has left."""
    axes = len(x.shape) - 2
    return affine((x - channelwise(mean, axes)) / np.sqrt(channelwise(var, axes) + eps), w, b, axes)


def batch_norm_in_training(
    x: Foreign, w: Foreign, b: Foreign, mean: Foreign, var: Foreign, training: bool, momentum: float, eps: float
) -> tuple[Any, ...]:
    """By the statistics of the batch; the last results are those that training leaves."""
    if not training:
        return (batch_norm_in_use(x, w, b, mean, var, momentum, eps), None, None, mean, var)
    axes = (0, *range(2, len(x.shape)))
    now = InTraining(np.mean(x, axis=axes), in_evaluation=mean), InTraining(np.var(x, axis=axes), in_evaluation=var)
    new_mean = (1 - momentum) * mean + momentum * np.mean(x, axis=axes)
    new_var = (1 - momentum) * var + momentum * np.var(x, axis=axes, ddof=1)
    return batch_norm_in_use(x, w, b, *now, momentum, eps), None, None, new_mean, new_var


def batch_norm_alone(x: Foreign, w: Foreign, b: Foreign, training: bool, momentum: float, eps: float) -> Any:
    """By the statistics of the batch, which nobody keeps."""
    return affine(standardise_axes(x, (0, *range(2, len(x.shape))), eps), w, b, len(x.shape) - 2)


register({
    "native_layer_norm": with_memory(layer_norm, 3),
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "_native_batch_norm_legit_no_training": with_memory(batch_norm_in_use, 3),
    "_native_batch_norm_legit_functional": batch_norm_in_training,
    "_native_batch_norm_legit.no_stats": with_memory(batch_norm_alone, 3),
})  # fmt: skip


def divergence(a: Foreign, target: Foreign, reduction: int = MEAN, *, log_target: bool = False) -> Any:
    """target (log target - a), of the logarithms a."""
    if log_target:
        return reduce_losses(np.exp(target) * (target - a), REDUCTIONS[reduction])
    inside = np.where(target > 0, target, 1)
    return reduce_losses(np.where(target > 0, target * (np.log(inside) - a), 0), REDUCTIONS[reduction])


def binary_cross_entropy(a: Foreign, target: Foreign, weight: Foreign = None, reduction: int = MEAN) -> Any:
    """-target log a - (1 - target) log(1 - a); PyTorch keeps the logarithms above -100."""
    if a.shape != target.shape:  # the operation resizes a buffer then, and its values differ; torch.nn refuses it
        raise NoBoxesError("binary_cross_entropy with a target of another shape")
    losses = -target * np.maximum(np.log(a), -100) - (1 - target) * np.maximum(np.log1p(-a), -100)
    return reduce_losses(affine(losses, weight, None), REDUCTIONS[reduction])


def negative_log_likelihood(
    log_p: Foreign, target: Foreign, weight: Foreign = None, reduction: int = MEAN, ignore_index: int = -100
) -> Any:
    """-log_p of the class of each example."""
    axis = min(1, len(log_p.shape) - 1)
    return likelihood_loss(log_p, target, weight, REDUCTIONS[reduction], ignore_index, axis)


register({
    "mse_loss": lambda a, target, reduction=MEAN: reduce_losses(np.square(a - target), REDUCTIONS[reduction]),
    "soft_margin_loss": lambda a, target, reduction=MEAN: reduce_losses(softplus(-target * a), REDUCTIONS[reduction]),
    "kl_div": divergence,
    "binary_cross_entropy": binary_cross_entropy,
    "nll_loss nll_loss_nd nll_loss2d": negative_log_likelihood,
    "nll_loss_forward nll_loss2d_forward": with_memory(negative_log_likelihood, 2),
})  # fmt: skip
