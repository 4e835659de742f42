"""Convolutions, pooling, normalisation and losses."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.leaves import Parameter
from flowgraph.box.value import Foreign
from flowgraph.boxes.engine.shape_like import broadcast_like, reshape_like
from flowgraph.boxes.neural.resizing import COORDINATES
from flowgraph.boxes.neural.sliding import Sliding
from flowgraph.interop.onnx.export import Writer
from flowgraph.interop.onnx.node import Attributes, Node
from flowgraph.interop.onnx.reduction import stashed
from flowgraph.interop.onnx.shape import reshaped
from flowgraph.interop.onnx.table import is_old_training, parts_for, reader_for, rule_for
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import Size


class Window(NamedTuple):
    """A sliding window: its size, stride, dilation and padding."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]

    @property
    def spans(self) -> list[int]:
        """From the first to the last element of the window."""
        return [d * (k - 1) + 1 for k, d in zip(self.size, self.dilation, strict=True)]


def window_of(node: Node, size: Foreign, shape: Foreign) -> Window:
    """The window of an operation over axes of these sizes."""
    count = len(size)
    stride, dilation = tuple(node.get("strides", (1,) * count)), tuple(node.get("dilations", (1,) * count))
    pads, auto = node.get("pads", (0,) * 2 * count), node.get("auto_pad", "NOTSET")
    window = Window(tuple(size), stride, dilation, tuple(zip(pads[:count], pads[count:], strict=True)))
    fits = len(stride) == len(dilation) == count and tuple(node.get("kernel_shape", size)) == tuple(size)
    if any(pad < 0 for pad in pads) or not fits:
        raise node.refuse(f"found pads={list(pads)}, strides={list(stride)}, dilations={list(dilation)}")
    if auto in ("NOTSET", ""):
        return window
    if auto == "VALID":
        return window._replace(padding=((0, 0),) * count)
    if any(isinstance(one, Size) for one in shape) and any(one != 1 for one in stride):
        raise node.refuse(f"found auto_pad={auto} with sizes that follow the batch")
    totals = [
        span - 1 if step == 1 else max((math.ceil(one / step) - 1) * step + span - one, 0)
        for one, step, span in zip(shape, stride, window.spans, strict=True)
    ]
    upper = auto == "SAME_UPPER"
    return window._replace(padding=tuple((t // 2, t - t // 2) if upper else (t - t // 2, t // 2) for t in totals))


@reader_for("Conv", light=False)
def _(node: Node, x: Foreign, w: Foreign, bias: Foreign = None) -> Any:
    convolution = {3: boxes.Conv1d, 4: boxes.Conv2d, 5: boxes.Conv3d}.get(len(x.shape))
    if convolution is None:
        raise node.refuse(f"found a convolution over {len(x.shape) - 2} axes, needs 1 to 3")
    window = window_of(node, w.shape[2:], x.shape[2:])
    h = convolution.apply(
        x, w, stride=window.stride, padding=window.padding, dilation=window.dilation, groups=node.get("group", 1)
    )
    return h if bias is None else h + _along_channels(bias, h)


def _along_channels(values: Foreign, x: Foreign) -> Any:
    """A number per channel, which axis 1 counts."""
    return np.reshape(values, (-1,) + (1,) * (len(x.shape) - 2))


@reader_for("ConvTranspose", light=False)
def _(node: Node, x: Foreign, w: Foreign, bias: Foreign = None) -> Any:
    """What a convolution sends back to its input, whose shape the attributes give."""
    if len(x.shape) not in (3, 4, 5) or any(isinstance(size, Size) for size in x.shape[2:]):
        raise node.refuse(f"found an input of shape {tuple(x.shape)}, needs 1 to 3 axes of known sizes")
    groups, bare = node.get("group", 1), window_of(_without_pads(node), w.shape[2:], x.shape[2:])
    padding, out = _enlarged(node, bare, x.shape[2:])
    like = np.broadcast_to(x[(slice(None), *(slice(0, 1),) * (len(out) + 1))], (x.shape[0], w.shape[1] * groups, *out))
    h = boxes.ConvInput(x, w, like, stride=bare.stride, padding=padding, dilation=bare.dilation, groups=groups)
    return h if bias is None else h + _along_channels(bias, h)


def _enlarged(node: Node, bare: Window, shape: Foreign) -> tuple[Any, list[int]]:
    """The padding of a transposed convolution, and the sizes that it gives."""
    rest, auto = node.get("output_padding", (0,) * len(shape)), node.get("auto_pad", "NOTSET")
    wanted, pads = node.get("output_shape"), node.get("pads", (0,) * 2 * len(shape))
    full = [(n - 1) * s + k + r for n, s, k, r in zip(shape, bare.stride, bare.spans, rest, strict=True)]
    if wanted is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(shape, bare.stride, strict=True)]
    if wanted is None:
        padding = tuple(zip(pads[: len(shape)], pads[len(shape) :], strict=True))
        return padding, [f - sum(pair) for f, pair in zip(full, padding, strict=True)]
    wanted = list(wanted[-len(shape) :])
    totals = [max(f - size, 0) for f, size in zip(full, wanted, strict=True)]
    upper = auto == "SAME_UPPER"
    return tuple((t // 2, t - t // 2) if upper else (t - t // 2, t // 2) for t in totals), wanted


def _without_pads(node: Node) -> Node:
    kept = {key: value for key, value in node.attributes.items() if key not in ("pads", "auto_pad")}
    bare = Attributes(kept)
    bare.asked = node.attributes.asked
    return Node(**{**vars(node), "attributes": bare})


@reader_for("MaxPool", "AveragePool", light=False)
def _(node: Node, a: Foreign) -> Any:
    size = node.get("kernel_shape")
    if node.outputs > 1 or node.get("storage_order", 0):
        raise node.refuse("found a second output, the indices of the maxima")
    window = window_of(node, size, a.shape[2:])
    rest = _beyond(node, window, a.shape[2:]) if node.get("ceil_mode", 0) else [0] * len(size)
    largest = node.kind == "MaxPool"
    half = all(2 * pad <= one for one, pair in zip(size, window.padding, strict=True) for pad in pair)
    settings: dict[str, Any] = {"size": window.size, "stride": window.stride, "dilation": window.dilation}
    if half and not any(rest):
        settings["padding"] = window.padding
        if largest:
            return boxes.MaxPool.apply(a, **settings)
        return boxes.MeanPool.apply(a, count_padding=bool(node.get("count_include_pad", 0)), **settings)
    around = [
        (0, 0),
        (0, 0),
        *((before, after + more) for (before, after), more in zip(window.padding, rest, strict=True)),
    ]
    if largest:
        low = -np.inf if a.dtype.kind == "f" else np.iinfo(a.dtype).min
        return boxes.MaxPool.apply(np.pad(a, around, constant_values=low), **settings)
    if any(isinstance(one, Size) for one in a.shape[2:]):
        raise node.refuse("found ceil_mode with sizes that follow the batch")
    node.few(math.prod(a.shape[2:]))
    counted = np.ones((1, 1, *a.shape[2:]))
    inner = [(0, 0), (0, 0), *window.padding]
    counted = np.pad(counted, inner, constant_values=float(bool(node.get("count_include_pad", 0))))
    counted = np.pad(counted, [(0, 0), (0, 0), *((0, more) for more in rest)])
    share = boxes.MeanPool.apply(counted, **settings).astype(a.dtype)
    return boxes.MeanPool.apply(np.pad(a, around), **settings) / Constant(np.asarray(share))


def _beyond(node: Node, window: Window, shape: Foreign) -> list[int]:
    """The padding at the end of each axis that completes the last window."""
    rests = []
    for size, span, step, (before, after) in zip(shape, window.spans, window.stride, window.padding, strict=True):
        if isinstance(size, Size):
            raise node.refuse("found ceil_mode with sizes that follow the batch")
        count = math.ceil((size + before + after - span) / step) + 1
        if (count - 1) * step >= size + before:
            count -= 1
        rests.append(max((count - 1) * step + span - size - before - after, 0))
    return rests


@reader_for("GlobalAveragePool", "GlobalMaxPool")
def _(node: Node, a: Foreign) -> Any:
    function = np.mean if node.kind == "GlobalAveragePool" else np.max
    return function(a, axis=tuple(range(2, len(a.shape))), keepdims=True)


@reader_for("BatchNormalization", idle=["momentum"])
def _(node: Node, x: Foreign, scale: Foreign, shift: Foreign, mean: Foreign, variance: Foreign) -> Any:
    """With the mean and the variance that the file has, which are not trained."""
    if node.get("training_mode", 0) or node.outputs > 1 or is_old_training(node) or not node.get("spatial", 1):
        raise node.refuse("found batch normalisation in training mode, or with spatial=0")
    mean, variance = (Constant(one.value, name=one.name) if isinstance(one, Parameter) else one
                      for one in (mean, variance))  # fmt: skip
    rate = scale / np.sqrt(variance + node.get("epsilon", 1e-5))
    h = (x - _along_channels(mean, x)) * _along_channels(rate, x) + _along_channels(shift, x)
    return h.astype(x.dtype)


@reader_for("InstanceNormalization")
def _(node: Node, x: Foreign, scale: Foreign, shift: Foreign) -> Any:
    axes = tuple(range(2, len(x.shape)))
    return _along_channels(scale, x) * _normal(x, axes, node.get("epsilon", 1e-5)) + _along_channels(shift, x)


@reader_for("GroupNormalization", idle=["stash_type"])
def _(node: Node, x: Foreign, scale: Foreign, shift: Foreign) -> Any:
    """Scale and shift are numbers of each group before opset 21, of each channel since."""
    groups, channels = node.get("num_groups"), x.shape[1]
    if isinstance(channels, Size) or groups < 1 or channels % groups or scale.shape[0] not in (groups, channels):
        raise node.refuse(f"found {groups} groups of {channels} channels and {scale.shape[0]} numbers for their scales")
    parts = stashed(node, np.reshape(x, (x.shape[0], groups, channels // groups, *x.shape[2:])))
    h = _normal(parts, tuple(range(2, len(parts.shape))), node.get("epsilon", 1e-5)).astype(x.dtype)
    if scale.shape[0] == channels:
        return np.reshape(h, x.shape) * _along_channels(scale, x) + _along_channels(shift, x)
    return np.reshape(h * _along_channels(scale, h) + _along_channels(shift, h), x.shape)


@reader_for("Resize", "Upsample", idle=["extrapolation_value"], light=False)
def _(node: Node, a: Foreign, *_: Foreign) -> Any:
    """Upsample, and Resize of opset 10, know scales and asymmetric coordinates alone."""
    old = node.kind == "Upsample" or node.version < 11
    scales = node.get("scales") if "scales" in node.attributes else _numbers(node, 1 if old else 2)
    sizes = None if old else _numbers(node, 3)
    coordinates = "asymmetric" if old else node.get("coordinate_transformation_mode", "half_pixel")
    if (
        node.get("antialias", 0)
        or coordinates not in ("asymmetric", *COORDINATES)
        or (scales is None) == (sizes is None)
    ):
        raise node.refuse(
            f"found antialias={node.get('antialias', 0)}, the coordinates {coordinates!r}, scales={scales} and "
            f"sizes={sizes}, needs antialias=0, coordinates among {', '.join(COORDINATES)}, and scales or sizes"
        )
    axes = [node.counted(axis, len(a.shape)) for axis in node.get("axes", range(len(a.shape)))]
    settings = _sizes_and_scales(node, a.shape, axes, scales, sizes)
    return boxes.Resize.apply(
        a,
        **settings,
        mode=node.get("mode", "nearest"),
        coordinates=coordinates,
        rounding="floor" if old else node.get("nearest_mode", "round_prefer_floor"),
        cubic=node.get("cubic_coeff_a", -0.75),
        exclude_outside=bool(node.get("exclude_outside", 0)),
    )


def _numbers(node: Node, place: int) -> Any:
    """The numbers of an input; None where the file has none."""
    found = np.ravel(node.known(place)) if node.given(place) else ()
    return list(found) if len(found) else None


def _sizes_and_scales(node: Node, shape: Foreign, axes: Foreign, scales: Foreign, sizes: Foreign) -> dict[str, Any]:
    """The settings for the last axes, from the first one on that changes."""
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    numbers = scales if sizes is None else sizes
    if len(numbers) != len(axes):
        raise node.refuse(f"found {len(numbers)} numbers for {len(axes)} axes")
    changes = {
        axis: one for axis, one in zip(axes, numbers, strict=True) if one != (1 if sizes is None else shape[axis])
    }
    first = min(changes, default=len(shape) - 1)
    if any(isinstance(one, Size) for one in (*changes.values(), *(shape[first:] if sizes is not None else ()))):
        raise node.refuse("found sizes that follow the batch along an axis that is resized")
    if sizes is None:
        return {"scale": tuple(float(changes.get(axis, 1)) for axis in range(first, len(shape)))}
    if policy == "stretch":
        return {"size": tuple(int(changes.get(axis, shape[axis])) for axis in range(first, len(shape)))}
    ratios = [one / shape[axis] for axis, one in changes.items()] or [1.0]
    ratio = min(ratios) if policy == "not_larger" else max(ratios)
    return {
        "size": tuple(
            math.floor(shape[axis] * ratio + 0.5) if axis in axes else shape[axis] for axis in range(first, len(shape))
        ),
        "scale": tuple(float(ratio) if axis in axes else 1.0 for axis in range(first, len(shape))),
    }


def _normal(x: Foreign, axes: tuple[int, ...], epsilon: float) -> Any:
    apart = x - np.mean(x, axis=axes, keepdims=True)
    return apart / np.sqrt(np.mean(apart * apart, axis=axes, keepdims=True) + epsilon)


@reader_for("LRN", light=False)
def _(node: Node, x: Foreign) -> Any:
    size, channels = node.get("size"), x.shape[1]
    before = (size - 1) // 2
    squares = np.pad(x * x, [(0, 0), (before, size - 1 - before), *[(0, 0)] * (len(x.shape) - 2)])
    total = sum(squares[:, i : i + channels] for i in range(size))
    alpha, beta, bias = node.get("alpha", 1e-4), node.get("beta", 0.75), node.get("bias", 1.0)
    return x / np.power(bias + alpha / size * total, x.dtype.type(beta))


@reader_for("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")
def _(node: Node, scores: Foreign, labels: Foreign, weights: Foreign = None) -> Any:
    """Classes stand along axis 1; labels that are ignored count for nothing."""
    soft = node.kind == "SoftmaxCrossEntropyLoss"
    logs = boxes.LogSoftmax.apply(scores, axis=1) if soft else scores
    ignored = labels == node.get("ignore_index") if "ignore_index" in node.attributes else None
    places = labels if ignored is None else np.where(ignored, labels.dtype.type(0), labels)
    loss = -np.take_along_axis(logs, np.expand_dims(places.astype(np.int64), 1), 1)[:, 0]
    weight = boxes.broadcast_like(Constant(np.ones((), scores.dtype)), loss) if weights is None else weights[places]
    if ignored is not None:
        weight = np.where(ignored, scores.dtype.type(0), weight)
    loss, reduction = loss * weight, node.get("reduction", "mean")
    if reduction != "none":
        loss = np.sum(loss) / np.sum(weight) if reduction == "mean" else np.sum(loss)
    return loss, logs


ROWS = (ARRAY,)


def window(sliding: Sliding) -> dict[str, Any]:
    """The attributes of a window that slides."""
    befores, afters = zip(*sliding.padding, strict=True)
    return {
        "kernel_shape": sliding.size,
        "strides": sliding.stride,
        "pads": (*befores, *afters),
        "dilations": sliding.dilation,
    }


@rule_for(boxes.Conv1d, boxes.Conv2d, boxes.Conv3d, when=lambda box: box.dtype.kind == "f")
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    given = [writer.cast(name, box.dtype) for name in names]
    return writer.op("Conv", *given, group=box.groups, **window(box.sliding(box.children[1].shape)))


@rule_for(boxes.ConvInput, when=lambda box: box.dtype.kind == "f" and _rests(box) is not None)
def _(writer: Writer, box: Foreign, g: str, w: str, like: str) -> Any:
    given = [writer.cast(name, box.dtype) for name in (g, w)]
    settings = window(box.sliding(box.children[1].shape))
    return writer.op("ConvTranspose", *given, group=box.groups, output_padding=_rests(box), **settings)


def _rests(box: Foreign) -> list[int] | None:
    """The elements along each axis that the last window position leaves over, if known."""
    g, w, like = box.children
    sliding = box.sliding(w.shape)
    steps = zip(like.shape[2:], g.shape[2:], sliding.spans, sliding.stride, sliding.padding, strict=True)
    rests = [size - ((count - 1) * stride + span - sum(pair)) for size, count, span, stride, pair in steps]
    return None if any(isinstance(rest, Size) for rest in rests) else rests


@parts_for(boxes.ConvFilters)
def _(box: Foreign, g: Foreign, x: Foreign, like: Foreign) -> Any:
    """A convolution in which examples are channels, steps and dilation change places."""
    sliding = box.sliding(like.shape)
    settings = {"stride": sliding.dilation, "dilation": sliding.stride, "padding": sliding.padding}
    convolution = {3: boxes.Conv1d, 4: boxes.Conv2d, 5: boxes.Conv3d}[len(x.shape)]
    filters, channels = like.shape[0] // box.groups, like.shape[1]
    found = []
    for group in range(box.groups):
        some = x[:, group * channels : (group + 1) * channels].swapaxes(0, 1)
        sent = g[:, group * filters : (group + 1) * filters].swapaxes(0, 1)
        whole = convolution(some, sent, **settings)
        found.append(whole[(..., *map(slice, sliding.size))].swapaxes(0, 1))
    return np.concatenate(found) if box.groups > 1 else found[0]


@rule_for(boxes.MaxPool, boxes.MeanPool, when=lambda box: box.dtype.kind == "f" and box.dtype.itemsize > 2)
def _(writer: Writer, box: Foreign, a: str) -> Any:
    """Over images of one channel: the axes before the window are examples."""
    sliding, mean = box.sliding, isinstance(box, boxes.MeanPool)
    shape = box.children[0].shape
    rest = shape[len(shape) - len(sliding.size) :]
    images = len(shape) == len(sliding.size) + 2
    a = a if images else writer.op("Reshape", a, writer.shape((-1, 1, *rest)))
    settings = window(sliding)
    if mean:
        found = writer.op("AveragePool", a, count_include_pad=int(box.count_padding), **settings)
    else:
        found = writer.op("MaxPool", a, **settings)
    return found if images else reshaped(writer, found, box.shape)


def _is_one_resize(box: Foreign) -> bool:
    """Whether the settings are attributes of the operation, whose numbers are of single precision."""
    numbers = (box.cubic, *(box.scale or ()))
    either = box.scale is None or (box.size is None and box.coordinates != "align_corners")  # of which runtimes differ
    return box.dtype.kind == "f" and either and all(float(np.float32(one)) == one for one in numbers)


@rule_for(boxes.Resize, when=_is_one_resize)
def _(writer: Writer, box: Foreign, a: str) -> Any:
    sizes = [] if box.size is None else [writer.ints(*box.size)]
    scales = "" if box.scale is None else writer.constant(np.array(box.scale, np.float32))
    ndim = len(box.shape)
    return writer.op(
        "Resize", a, "", scales, *sizes,
        axes=[*range(ndim - len(box.size or box.scale), ndim)],
        mode=box.mode,
        coordinate_transformation_mode=box.coordinates,
        nearest_mode=box.rounding,
        cubic_coeff_a=box.cubic,
        exclude_outside=int(box.exclude_outside),
    )  # fmt: skip


def as_places(labels: Foreign, classes: Foreign) -> Any:
    """Labels as class indices; a negative label becomes an index out of bounds, which a run refuses as well."""
    return np.where(labels < 0, classes, labels)


def picked(values: Foreign, labels: Foreign) -> Any:
    """The value at each label along the last axis."""
    places = as_places(labels.astype(np.int64), values.shape[-1])
    return np.take_along_axis(values, places[..., None], -1)[..., 0]


@parts_for(boxes.SoftmaxCrossEntropy, when=lambda box: not isinstance(box.children[0].shape[-1], Size))
def _(box: Foreign, logits: Foreign, targets: Foreign) -> Any:
    low = boxes.LogSoftmax(logits, axis=-1)
    if len(targets.shape) < len(logits.shape):
        return -picked(low, targets)
    t = targets.astype(box.dtype)
    return -np.sum(np.where(t == 0, box.dtype.type(0), t * low), axis=-1)


@parts_for(boxes.NegativeLogLikelihood, when=lambda box: not isinstance(box.children[0].shape[-1], Size))
def _(box: Foreign, f: Foreign, targets: Foreign) -> Any:
    if len(targets.shape) < len(f.shape):
        return -np.log(picked(f, targets))
    t = targets.astype(box.dtype)
    return -np.sum(np.where(t == 0, box.dtype.type(0), t * np.log(np.where(t == 0, box.dtype.type(1), f))), axis=-1)


@parts_for(boxes.OneHot, when=lambda box: not isinstance(box.shape[-1], Size))
def _(box: Foreign, labels: Foreign, like: Foreign) -> Any:
    """Rows of the identity."""
    classes = box.shape[-1]
    rows = Constant(np.eye(classes, dtype=box.dtype))
    return boxes.Index(rows, as_places(labels.astype(np.int64), classes), index=ROWS)


def poisoned(value: Foreign, wrong: Foreign) -> Any:
    """NaN for a target that the box refuses, as ONNX raises no errors of its own."""
    return np.where(wrong, value.dtype.type(np.nan), value)


@parts_for(boxes.BinaryCrossEntropy)
def _(box: Foreign, logits: Foreign, targets: Foreign) -> Any:
    y = targets.astype(box.dtype)
    return poisoned(boxes.Softplus(logits) - logits * y, (y < 0) | (y > 1))


@parts_for(boxes.Hinge)
def _(box: Foreign, f: Foreign, targets: Foreign) -> Any:
    y = targets.astype(box.dtype)
    return poisoned(np.maximum(1 - f * y, box.dtype.type(0)), np.abs(y) != 1)


@parts_for(boxes.SquaredError, boxes.AbsoluteError)
def _(box: Foreign, f: Foreign, targets: Foreign) -> Any:
    apart = f - targets.astype(box.dtype)
    return apart * apart if isinstance(box, boxes.SquaredError) else np.abs(apart)


@parts_for(boxes.MinusAt)
def _(box: Foreign, a: Foreign, places: Foreign, amount: Foreign) -> Any:
    sent = boxes.IndexAdd(broadcast_like(amount.astype(box.dtype), places), np.reshape(a, (-1,)), places, index=ROWS)
    return a - reshape_like(sent, a)


@parts_for(boxes.Convolve, boxes.Correlate, when=lambda box: not isinstance(box.children[1].shape[0], Size))
def _(box: Foreign, a: Foreign, v: Foreign) -> Any:
    full = isinstance(box, boxes.Convolve)
    filters = np.flip(v) if full else v
    signals = (one.astype(box.dtype)[None, None, :] for one in (a, filters))
    return boxes.Conv1d(*signals, padding=(v.shape[0] - 1) * full)[0, 0]


@parts_for(boxes.PlacesOf, when=lambda box: not box.columns and not isinstance(box.children[1].shape[-1], Size))
def _(box: Foreign, labels: Foreign, like: Foreign) -> Any:
    """Refused in the run: a place behind the last, for a label that is none."""
    classes = like.shape[-1]
    flat = np.reshape(labels.astype(np.int64), (-1,))
    wrong = (flat < 0) | (flat >= classes)
    return np.where(wrong, np.iinfo(np.int64).max, boxes.arange_like(flat) * classes + flat)
