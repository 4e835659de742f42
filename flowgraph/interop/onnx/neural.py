"""Convolutions, pooling, normalisation and losses; recurrent layers, unrolled."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.neural.pooling import Sliding
from flowgraph.boxes.neural.resizing import COORDINATES
from flowgraph.interop.onnx.export import Writer
from flowgraph.interop.onnx.node import Attributes, Node
from flowgraph.interop.onnx.reduction import widen_halves
from flowgraph.interop.onnx.shape import write_reshape
from flowgraph.interop.onnx.table import parts_for, read_by, reader_for, rule_for
from flowgraph.interop.rules import CONVOLUTIONS, affine, beyond, channelwise, likelihood_loss, standardise_axes
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import Size

ROWS = (ARRAY,)


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
    if any(isinstance(extent, Size) for extent in shape) and any(stride_of_axis != 1 for stride_of_axis in stride):
        raise node.refuse(f"found auto_pad={auto} with sizes that follow the batch")
    totals = [
        span - 1 if step == 1 else max((math.ceil(extent / step) - 1) * step + span - extent, 0)
        for extent, step, span in zip(shape, stride, window.spans, strict=True)
    ]
    return window._replace(padding=halves(totals, auto))


def halves(totals: Foreign, auto: str) -> tuple[tuple[int, int], ...]:
    """Padding in two halves for each axis, of which the one at the end is larger for SAME_UPPER."""
    return tuple((n // 2, n - n // 2) if auto == "SAME_UPPER" else (n - n // 2, n // 2) for n in totals)


@reader_for("Conv", light=False)
def read_convolution(node: Node, x: Foreign, w: Foreign, bias: Foreign = None) -> Any:
    """A convolution over 1 to 3 axes."""
    if len(x.shape) not in CONVOLUTIONS:
        raise node.refuse(f"found a convolution over {len(x.shape) - 2} axes, needs 1 to 3")
    window = window_of(node, w.shape[2:], x.shape[2:])
    h = CONVOLUTIONS[len(x.shape)].apply(
        x, w, stride=window.stride, padding=window.padding, dilation=window.dilation, groups=node.get("group", 1)
    )
    return affine(h, None, bias, len(x.shape) - 2)


@reader_for("ConvTranspose", light=False)
def read_transposed(node: Node, x: Foreign, w: Foreign, bias: Foreign = None) -> Any:
    """What a convolution sends back to its input, whose shape the attributes give."""
    if len(x.shape) not in CONVOLUTIONS or any(isinstance(size, Size) for size in x.shape[2:]):
        raise node.refuse(f"found an input of shape {tuple(x.shape)}, needs 1 to 3 axes of known sizes")
    groups = node.get("group", 1)
    given = Attributes({key: value for key, value in node.attributes.items() if key not in ("pads", "auto_pad")})
    given.asked = node.attributes.asked  # what is asked of the node without padding is asked of the node
    bare = window_of(replace(node, attributes=given), w.shape[2:], x.shape[2:])
    padding, out = padding_and_sizes(node, bare, x.shape[2:])
    like = np.broadcast_to(x[(slice(None), *(slice(0, 1),) * (len(out) + 1))], (x.shape[0], w.shape[1] * groups, *out))
    h = boxes.ConvInput(x, w, like, stride=bare.stride, padding=padding, dilation=bare.dilation, groups=groups)
    return affine(h, None, bias, len(x.shape) - 2)


def padding_and_sizes(node: Node, bare: Window, shape: Foreign) -> tuple[Any, list[int]]:
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
    return halves([max(f - size, 0) for f, size in zip(full, wanted, strict=True)], auto), wanted


def attributes_of(sliding: Sliding) -> dict[str, Any]:
    """The attributes of a window that slides."""
    befores, afters = zip(*sliding.padding, strict=True)
    return {
        "kernel_shape": sliding.size, "strides": sliding.stride, "pads": (*befores, *afters),
        "dilations": sliding.dilation,
    }  # fmt: skip


@rule_for(boxes.Conv1d, boxes.Conv2d, boxes.Conv3d, when=lambda box: box.dtype.kind == "f")
def write_convolution(writer: Writer, box: Foreign, *names: str) -> Any:
    """A convolution."""
    given = [writer.cast(name, box.dtype) for name in names]
    return writer.op("Conv", *given, group=box.groups, **attributes_of(box.sliding(box.children[1].shape)))


def left_over(box: Foreign) -> list[int] | None:
    """The elements along each axis that the last window position leaves over, if known."""
    g, w, like = box.children
    sliding = box.sliding(w.shape)
    steps = zip(like.shape[2:], g.shape[2:], sliding.spans, sliding.stride, sliding.padding, strict=True)
    rests = [size - ((count - 1) * stride + span - sum(pair)) for size, count, span, stride, pair in steps]
    return None if any(isinstance(rest, Size) for rest in rests) else rests


@rule_for(boxes.ConvInput, when=lambda box: box.dtype.kind == "f" and left_over(box) is not None)
def write_transposed(writer: Writer, box: Foreign, g: str, w: str, like: str) -> Any:
    """A transposed convolution."""
    given = [writer.cast(name, box.dtype) for name in (g, w)]
    settings = attributes_of(box.sliding(box.children[1].shape))
    return writer.op("ConvTranspose", *given, group=box.groups, output_padding=left_over(box), **settings)


@parts_for(boxes.ConvFilters)
def filters(box: Foreign, g: Foreign, x: Foreign, like: Foreign) -> Any:
    """A convolution in which examples are channels, steps and dilation change places."""
    sliding = box.sliding(like.shape)
    settings = {"stride": sliding.dilation, "dilation": sliding.stride, "padding": sliding.padding}
    count, channels = like.shape[0] // box.groups, like.shape[1]
    slopes = []
    for group in range(box.groups):
        some = x[:, group * channels : (group + 1) * channels].swapaxes(0, 1)
        sent = g[:, group * count : (group + 1) * count].swapaxes(0, 1)
        whole = CONVOLUTIONS[len(x.shape)](some, sent, **settings)
        slopes.append(whole[(..., *map(slice, sliding.size))].swapaxes(0, 1))
    return np.concatenate(slopes) if box.groups > 1 else slopes[0]


@reader_for("MaxPool", "AveragePool", light=False)
def read_pooling(node: Node, a: Foreign) -> Any:
    """The largest element or the mean of each window."""
    size = node.get("kernel_shape")
    if node.outputs > 1 or node.get("storage_order", 0):
        raise node.refuse("found a second output, the indices of the maxima")
    window, largest = window_of(node, size, a.shape[2:]), node.kind == "MaxPool"
    rest = [0] * len(size)
    if node.get("ceil_mode", 0):
        if any(isinstance(extent, Size) for extent in a.shape[2:]):
            raise node.refuse("found ceil_mode with sizes that follow the batch")
        rows = zip(a.shape[2:], window.spans, window.stride, window.padding, strict=True)
        rest = [beyond(n, span, step, *pair) for n, span, step, pair in rows]
    settings: dict[str, Any] = {"size": window.size, "stride": window.stride, "dilation": window.dilation}
    counts = bool(node.get("count_include_pad", 0))
    if not any(rest) and all(2 * pad <= k for k, pair in zip(size, window.padding, strict=True) for pad in pair):
        settings["padding"] = window.padding
        return (
            boxes.MaxPool.apply(a, **settings) if largest else boxes.MeanPool.apply(a, count_padding=counts, **settings)
        )
    inner, more = [(0, 0), (0, 0), *window.padding], [(0, 0), (0, 0), *((0, number) for number in rest)]
    if largest:
        low = -np.inf if a.dtype.kind == "f" else np.iinfo(a.dtype).min
        return boxes.MaxPool.apply(np.pad(a, np.add(inner, more).tolist(), constant_values=low), **settings)
    if any(isinstance(extent, Size) for extent in a.shape[2:]):
        raise node.refuse("found padding of more than half of a window with sizes that follow the batch")
    padded = [n + sum(pair) + extra for n, pair, extra in zip(a.shape[2:], window.padding, rest, strict=True)]
    node.few(math.prod(padded))
    counted = np.pad(np.pad(np.ones((1, 1, *a.shape[2:])), inner, constant_values=float(counts)), more)
    share = boxes.MeanPool.apply(counted, **settings).astype(a.dtype)
    return boxes.MeanPool.apply(np.pad(a, np.add(inner, more).tolist()), **settings) / Constant(np.asarray(share))


@rule_for(boxes.MaxPool, boxes.MeanPool, when=lambda box: box.dtype.kind == "f" and box.dtype.itemsize > 2)
def write_pooling(writer: Writer, box: Foreign, a: str) -> Any:
    """Over images of one channel: the axes before the window are examples."""
    shape, settings = box.children[0].shape, attributes_of(box.sliding)
    images = len(shape) == len(box.sliding.size) + 2
    a = a if images else writer.op("Reshape", a, writer.shape((-1, 1, *shape[len(shape) - len(box.sliding.size) :])))
    if isinstance(box, boxes.MeanPool):
        pooled = writer.op("AveragePool", a, count_include_pad=int(box.count_padding), **settings)
    else:
        pooled = writer.op("MaxPool", a, **settings)
    return pooled if images else write_reshape(writer, pooled, box.shape)


read_by({
    "GlobalAveragePool": lambda node, a: np.mean(a, axis=tuple(range(2, len(a.shape))), keepdims=True),
    "GlobalMaxPool": lambda node, a: np.max(a, axis=tuple(range(2, len(a.shape))), keepdims=True),
})  # fmt: skip


@reader_for("BatchNormalization", idle=["momentum"])
def read_batch_normalization(
    node: Node, x: Foreign, scale: Foreign, shift: Foreign, mean: Foreign, variance: Foreign
) -> Any:
    """With the mean and the variance that the file has, which are not trained."""
    if node.get("training_mode", 0) or node.outputs > 1 or node.trains_by_age or not node.get("spatial", 1):
        raise node.refuse("found batch normalisation in training mode, or with spatial=0")
    mean, variance = (Constant(moment.value, name=moment.name) if isinstance(moment, Parameter) else moment
                      for moment in (mean, variance))  # fmt: skip
    axes = len(x.shape) - 2
    rate = scale / np.sqrt(variance + node.get("epsilon", 1e-5))
    return affine(x - channelwise(mean, axes), rate, shift, axes).astype(x.dtype)


@reader_for("InstanceNormalization")
def read_instance_normalization(node: Node, x: Foreign, scale: Foreign, shift: Foreign) -> Any:
    """Every channel of an example by itself."""
    h = standardise_axes(x, tuple(range(2, len(x.shape))), node.get("epsilon", 1e-5))
    return affine(h, scale, shift, len(x.shape) - 2)


@reader_for("GroupNormalization", idle=["stash_type"])
def read_group_normalization(node: Node, x: Foreign, scale: Foreign, shift: Foreign) -> Any:
    """Scale and shift are numbers of each group before opset 21, of each channel since."""
    groups, channels = node.get("num_groups"), x.shape[1]
    if isinstance(channels, Size) or groups < 1 or channels % groups or scale.shape[0] not in (groups, channels):
        raise node.refuse(f"found {groups} groups of {channels} channels and {scale.shape[0]} numbers for their scales")
    parts = widen_halves(node, np.reshape(x, (x.shape[0], groups, channels // groups, *x.shape[2:])))
    h = standardise_axes(parts, tuple(range(2, len(parts.shape))), node.get("epsilon", 1e-5)).astype(x.dtype)
    if scale.shape[0] == channels:
        return affine(np.reshape(h, x.shape), scale, shift, len(x.shape) - 2)
    return np.reshape(affine(h, scale, shift, len(h.shape) - 2), x.shape)


@reader_for("Resize", "Upsample", idle=["extrapolation_value"], light=False)
def read_resize(node: Node, a: Foreign, *_: Foreign) -> Any:
    """Upsample, and Resize of opset 10, know scales and asymmetric coordinates alone."""
    old = node.kind == "Upsample" or node.version < 11
    scales = node.get("scales") if "scales" in node.attributes else numbers_of(node, 1 if old else 2)
    sizes = None if old else numbers_of(node, 3)
    coordinates = "asymmetric" if old else node.get("coordinate_transformation_mode", "half_pixel")
    known = coordinates in ("asymmetric", *COORDINATES)
    if node.get("antialias", 0) or not known or (scales is None) == (sizes is None):
        raise node.refuse(
            f"found antialias={node.get('antialias', 0)}, the coordinates {coordinates!r}, scales={scales} and "
            f"sizes={sizes}, needs antialias=0, coordinates among {', '.join(COORDINATES)}, and scales or sizes"
        )
    axes = [node.axis_from_front(axis, len(a.shape)) for axis in node.get("axes", range(len(a.shape)))]
    settings = sizes_and_scales(node, a.shape, axes, scales, sizes)
    return boxes.Resize.apply(
        a,
        **settings,
        mode=node.get("mode", "nearest"),
        coordinates=coordinates,
        rounding="floor" if old else node.get("nearest_mode", "round_prefer_floor"),
        cubic=node.get("cubic_coeff_a", -0.75),
        exclude_outside=bool(node.get("exclude_outside", 0)),
    )


def numbers_of(node: Node, place: int) -> Any:
    """The numbers of an input; None where the file has none."""
    numbers = np.ravel(node.value_of_input(place)) if node.has_input(place) else ()
    return list(numbers) if len(numbers) else None


def sizes_and_scales(node: Node, shape: Foreign, axes: Foreign, scales: Foreign, sizes: Foreign) -> dict[str, Any]:
    """The settings for the last axes, from the first one on that changes."""
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    numbers = scales if sizes is None else sizes
    if len(numbers) != len(axes):
        raise node.refuse(f"found {len(numbers)} numbers for {len(axes)} axes")
    changes = {axis: n for axis, n in zip(axes, numbers, strict=True) if n != (1 if sizes is None else shape[axis])}
    first = min(changes, default=len(shape) - 1)
    if any(isinstance(extent, Size) for extent in (*changes.values(), *(shape[first:] if sizes is not None else ()))):
        raise node.refuse("found sizes that follow the batch along an axis that is resized")
    if sizes is None:
        return {"scale": tuple(float(changes.get(axis, 1)) for axis in range(first, len(shape)))}
    if policy == "stretch":
        return {"size": tuple(int(changes.get(axis, shape[axis])) for axis in range(first, len(shape)))}
    ratios = [number / shape[axis] for axis, number in changes.items()] or [1.0]
    ratio = min(ratios) if policy == "not_larger" else max(ratios)
    return {
        "size": tuple(
            math.floor(shape[axis] * ratio + 0.5) if axis in axes else shape[axis] for axis in range(first, len(shape))
        ),
        "scale": tuple(float(ratio) if axis in axes else 1.0 for axis in range(first, len(shape))),
    }


MOST_CHANNELS = 1024
"""Channels that a local response looks at, each of which is a box; AlexNet has 5."""


@reader_for("LRN", light=False)
def read_local_response(node: Node, x: Foreign) -> Any:
    """Divided by a power of the squares in channels nearby."""
    size, channels = node.at_most(node.get("size"), MOST_CHANNELS, "channels"), x.shape[1]
    before = (size - 1) // 2
    squares = np.pad(x * x, [(0, 0), (before, size - 1 - before), *[(0, 0)] * (len(x.shape) - 2)])
    total = sum(squares[:, i : i + channels] for i in range(size))
    alpha, beta, bias = node.get("alpha", 1e-4), node.get("beta", 0.75), node.get("bias", 1.0)
    return x / np.power(bias + alpha / size * total, x.dtype.type(beta))


@reader_for("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")
def read_loss(node: Node, scores: Foreign, labels: Foreign, weights: Foreign = None) -> Any:
    """Classes stand along axis 1."""
    soft = node.kind == "SoftmaxCrossEntropyLoss"
    logs = boxes.LogSoftmax.apply(scores, axis=1) if soft else scores
    return likelihood_loss(logs, labels, weights, node.get("reduction", "mean"), node.get("ignore_index")), logs


def is_one_resize(box: Foreign) -> bool:
    """Whether the settings are attributes of the operation, whose numbers are of single precision."""
    numbers = (box.cubic, *(box.scale or ()))
    either = box.scale is None or (box.size is None and box.coordinates != "align_corners")  # of which runtimes differ
    return box.dtype.kind == "f" and either and all(float(np.float32(number)) == number for number in numbers)


@rule_for(boxes.Resize, when=is_one_resize)
def write_resize(writer: Writer, box: Foreign, a: str) -> Any:
    """The last axes in another size."""
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


@parts_for(boxes.OneHot, when=lambda box: not isinstance(box.shape[-1], Size))
def one_hot(box: Foreign, labels: Foreign, like: Foreign) -> Any:
    """Rows of the identity."""
    rows = Constant(np.eye(box.shape[-1], dtype=box.dtype))
    return boxes.Index(rows, as_places(labels.astype(np.int64), box.shape[-1]), index=ROWS)


def put_nan(value: Foreign, wrong: Foreign) -> Any:
    """NaN for a target that the box refuses, as ONNX raises no errors of its own."""
    return np.where(wrong, value.dtype.type(np.nan), value)


@parts_for(boxes.BinaryCrossEntropy)
def binary_cross_entropy(box: Foreign, logits: Foreign, targets: Foreign) -> Any:
    """softplus(f) - f y."""
    y = targets.astype(box.dtype)
    return put_nan(boxes.Softplus(logits) - logits * y, (y < 0) | (y > 1))


@parts_for(boxes.Hinge)
def hinge(box: Foreign, f: Foreign, targets: Foreign) -> Any:
    """max(0, 1 - f y)."""
    y = targets.astype(box.dtype)
    return put_nan(np.maximum(1 - f * y, box.dtype.type(0)), np.abs(y) != 1)


@parts_for(boxes.Convolve, boxes.Correlate, when=lambda box: not isinstance(box.children[1].shape[0], Size))
def convolve(box: Foreign, a: Foreign, v: Foreign) -> Any:
    """A convolution of one channel, whose filter is read from its end for np.convolve."""
    full = isinstance(box, boxes.Convolve)
    signals = (signal.astype(box.dtype)[None, None, :] for signal in (a, np.flip(v) if full else v))
    return boxes.Conv1d(*signals, padding=(v.shape[0] - 1) * full)[0, 0]


@parts_for(boxes.PlacesOf, when=lambda box: not box.columns and not isinstance(box.children[1].shape[-1], Size))
def places_of(box: Foreign, labels: Foreign, like: Foreign) -> Any:
    """Refused in the run: a place behind the last, for a label that is none."""
    classes = like.shape[-1]
    flat = np.reshape(labels.astype(np.int64), (-1,))
    wrong = (flat < 0) | (flat >= classes)
    return np.where(wrong, np.iinfo(np.int64).max, boxes.arange_like(flat) * classes + flat)


MOST_STEPS = 2048

_DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": boxes.Sigmoid.apply, "tanh": np.tanh, "relu": boxes.ReLU.apply
}  # fmt: skip


@reader_for("LSTM", "GRU", "RNN", light=False)
def read_recurrent(node: Node, x: Foreign, w: Foreign, r: Foreign, *rest: Foreign) -> Any:
    """The states after each step, the last one, and of an LSTM its last cell; for each direction."""
    given: list[Any] = [*rest, *[None] * (5 - len(rest))]
    bias, lengths, h0, c0, peepholes = given
    batch_first = bool(node.get("layout", 0))
    x = np.swapaxes(x, 0, 1) if batch_first else x
    steps = x.shape[0]
    if not isinstance(steps, int) or not 0 < steps <= MOST_STEPS:
        raise node.refuse(f"found {steps} steps, which are unrolled; needs a number of 1 to {MOST_STEPS}")
    _check(node, lengths, steps)
    directions = []
    for d in range(node.at_most(w.shape[0], 2, "directions")):
        starts = [None if s is None else (s[:, d] if batch_first else s[d]) for s in (h0, c0)]
        backwards = node.get("direction", "forward") == "reverse" or d == 1
        functions = _functions(node, d)
        bias_d = None if bias is None else bias[d]
        cell = _cell(node, w[d], r[d], bias_d, None if peepholes is None else peepholes[d], functions)
        directions.append(_run(cell, x, starts, backwards, node.get("hidden_size", r.shape[-1])))
    states = np.stack([np.stack(ran[0]) for ran in directions], axis=1)
    last, cells = np.stack([ran[1][0] for ran in directions]), np.stack([ran[1][1] for ran in directions])
    if batch_first:
        states, last, cells = np.transpose(states, (2, 0, 1, 3)), np.swapaxes(last, 0, 1), np.swapaxes(cells, 0, 1)
    return (states, last, cells) if node.kind == "LSTM" else (states, last)


def _check(node: Node, lengths: Foreign, steps: int) -> None:
    """Refuse options that no test covers."""
    if lengths is not None and np.any(np.asarray(node.value_of_input(4)) != steps):
        raise node.refuse("found sequence_lens with different lengths")
    if "clip" in node.attributes or node.get("input_forget", 0):
        raise node.refuse("found the attribute clip or input_forget, which no box has")


def _functions(node: Node, direction: int) -> list[Callable[[Any], Any]]:
    count = len(_DEFAULTS[node.kind])
    given = node.get("activations", ())[direction * count : (direction + 1) * count]
    names = [word.decode(errors="backslashreplace") if isinstance(word, bytes) else str(word) for word in given]
    names = names or _DEFAULTS[node.kind]
    if any(name.lower() not in _FUNCTIONS for name in names):
        raise node.refuse(f"found the activations {names}, needs some of Sigmoid, Tanh, Relu")
    return [_FUNCTIONS[name.lower()] for name in names]


def _run(cell: Foreign, x: Foreign, starts: Foreign, backwards: bool, hidden: int) -> Any:
    """The states in the order of the sequence, and the last one with its cell."""
    zero = x[0][:, :1] * x.dtype.type(0) + Constant(np.zeros((1, hidden), x.dtype))
    h, c = (zero if start is None else start for start in starts)
    steps = range(x.shape[0])
    states: list[Any] = [None] * len(steps)
    for t in reversed(steps) if backwards else steps:
        h, c = cell(x[t], h, c)
        states[t] = h
    return states, (h, c)


def _cell(
    node: Node, w: Foreign, r: Foreign, bias: Foreign, peepholes: Foreign, functions: list[Callable[[Any], Any]]
) -> Any:
    """The function of one step: (x, h, c) to the next h and c."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[node.kind]
    hidden = node.get("hidden_size", r.shape[-1])
    if any(size != gates * hidden for size in (w.shape[0], r.shape[0])):
        raise node.refuse(f"found weights of shape {tuple(w.shape)} for hidden_size={hidden}")
    to, back = np.transpose(w), np.transpose(r)
    of_x, of_h = (None, None) if bias is None else (bias[: gates * hidden], bias[gates * hidden :])

    def plus(a: Foreign, b: Foreign) -> Any:
        return a if b is None else a + b

    def cut(a: Foreign) -> list[Any]:
        return [a[:, i * hidden : (i + 1) * hidden] for i in range(gates)]

    def rnn(x: Foreign, h: Foreign, c: Foreign) -> Any:
        return functions[0](plus(x @ to, of_x) + plus(h @ back, of_h)), c

    def lstm(x: Foreign, h: Foreign, c: Foreign) -> Any:
        p = [None] * 3 if peepholes is None else [peepholes[i * hidden : (i + 1) * hidden] for i in range(3)]
        i, o, f, g = cut(plus(x @ to, of_x) + plus(h @ back, of_h))
        i, f = (functions[0](a if q is None else a + q * c) for a, q in ((i, p[0]), (f, p[2])))
        c = f * c + i * functions[1](g)
        return functions[0](o if p[1] is None else o + p[1] * c) * functions[2](c), c

    def gru(x: Foreign, h: Foreign, c: Foreign) -> Any:
        z, reset, n = cut(plus(x @ to, of_x))
        if node.get("linear_before_reset", 0):
            kept, again, read = cut(plus(h @ back, of_h))
            z, reset = functions[0](z + kept), functions[0](reset + again)
            n = functions[1](n + reset * read)
        else:
            kept, again, _ = cut(plus(h @ back, of_h))
            z, reset = functions[0](z + kept), functions[0](reset + again)
            n = functions[1](
                n + plus((reset * h) @ back[:, 2 * hidden :], None if of_h is None else of_h[2 * hidden :])
            )
        return (1 - z) * n + z * h, c

    return {"LSTM": lstm, "GRU": gru, "RNN": rnn}[node.kind]
