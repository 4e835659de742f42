"""How convolutions, pooling and losses of classes are written."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.engine.shape_like import broadcast_like, reshape_like
from flowgraph.boxes.neural.sliding import Sliding
from flowgraph.interop.onnx.writing.rules import parts_for, rule_for
from flowgraph.interop.onnx.writing.shape import reshaped
from flowgraph.interop.onnx.writing.writer import Writer
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import Size

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
