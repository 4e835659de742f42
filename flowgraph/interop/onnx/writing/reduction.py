"""How boxes that reduce, accumulate or normalise along axes are written."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.interop.onnx.writing.rules import parts_for, rule_for
from flowgraph.interop.onnx.writing.writer import Writer


def reduced(writer: Writer, operation: str, box: Foreign, a: str) -> str:
    """A reduction over the axes of a box, of a value that has the dtype to compute in."""
    axes = box.axes(len(box.children[0].shape))
    if not axes:
        return str(writer.op("Identity", a))
    return str(writer.op(operation, a, writer.ints(*axes), keepdims=int(box.keepdims)))


def _of_numbers(box: Foreign) -> bool:
    return bool(box.dtype.kind != "b" and box.dtype.itemsize > 1)


for _class, _operation in {
    boxes.Sum: "ReduceSum", boxes.Prod: "ReduceProd", boxes.Max: "ReduceMax", boxes.Min: "ReduceMin"
}.items():  # fmt: skip

    @rule_for(_class, when=_of_numbers)
    def _(writer: Writer, box: Foreign, a: str, operation: str = _operation) -> Any:
        return reduced(writer, operation, box, writer.cast(a, box.dtype))


@rule_for(boxes.Mean, when=lambda box: box.dtype.kind == "f" and not _is_empty(box))
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return reduced(writer, "ReduceMean", box, writer.cast(a, box.dtype))


def _is_empty(box: Foreign) -> bool:
    shape = box.children[0].shape
    return 0 in [shape[axis] for axis in box.axes(len(shape))]


@rule_for(boxes.LogSumExp, when=lambda box: not _is_empty(box))
def _(writer: Writer, box: Foreign, a: str) -> Any:
    if not box.axes(len(box.children[0].shape)):
        return writer.op("Identity", writer.cast(a, box.dtype))
    return reduced(writer, "ReduceLogSumExp", box, writer.cast(a, box.dtype))


@parts_for(boxes.EuclideanNorm)
def _(box: Foreign, a: Foreign) -> Any:
    """Scaled by the largest element, so that no square overflows."""
    size = np.abs(a)
    axes = box.axes(len(a.shape))
    if not axes:
        return size
    largest = np.max(size, axis=axes, keepdims=True)
    scale = np.where((largest == 0) | np.isinf(largest), box.dtype.type(1), largest)
    total = scale * np.sqrt(np.sum(np.square(size / scale), axis=axes, keepdims=True))
    return total if box.keepdims else np.squeeze(total, axes)


@parts_for(boxes.Var)
def variance(box: Foreign, a: Foreign) -> Any:
    """The mean of squares around the mean, over the degrees of freedom."""
    axes = box.axes(len(a.shape))
    a = a.astype(box.dtype)
    apart = a - np.mean(a, axis=axes, keepdims=True)
    freedom = np.maximum(count_like(a, axes) - box.dtype.type(box.ddof), box.dtype.type(0))
    return np.sum(apart * apart, axis=axes, keepdims=box.keepdims) / freedom


@parts_for(boxes.Std)
def _(box: Foreign, a: Foreign) -> Any:
    return np.sqrt(variance(box, a))


@parts_for(boxes.AnyTrue, boxes.AllTrue)
def _(box: Foreign, a: Foreign) -> Any:
    found = (a != 0).astype(np.int64)
    if isinstance(box, boxes.AnyTrue):
        return np.sum(found, axis=box.axes(len(a.shape)), keepdims=box.keepdims) > 0
    return np.sum(1 - found, axis=box.axes(len(a.shape)), keepdims=box.keepdims) == 0


@parts_for(boxes.CountNonzero)
def _(box: Foreign, a: Foreign) -> Any:
    return np.sum((a != 0).astype(np.int64), axis=box.axes(len(a.shape)), keepdims=box.keepdims)


@rule_for(boxes.ArgMax, boxes.ArgMin, when=lambda box: box.children[0].dtype.kind == "f")
def _(writer: Writer, box: Foreign, a: str) -> Any:
    operation = "ArgMax" if isinstance(box, boxes.ArgMax) else "ArgMin"
    shape = box.children[0].shape
    if not shape:
        return writer.constant(0, np.int64)
    if box.axis is not None:
        return writer.op(operation, a, dtype=np.int64, axis=int(box.axis), keepdims=int(box.keepdims))
    flat = writer.op("Reshape", a, writer.ints(-1))
    place = writer.op(operation, flat, dtype=np.int64, axis=0, keepdims=0)
    return writer.op("Reshape", place, writer.ints(*(1,) * len(box.shape)))


@rule_for(boxes.CumSum)
def _(writer: Writer, box: Foreign, a: str) -> Any:
    a, axis = writer.cast(a, box.dtype), box.axis
    if axis is None or not box.children[0].shape:
        a, axis = writer.op("Reshape", a, writer.ints(-1)), 0
    return writer.op("CumSum", a, writer.constant(axis, np.int64), reverse=int(box.reverse))


@rule_for(boxes.Softmax, boxes.LogSoftmax, when=lambda box: isinstance(box.axis, int))
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return writer.op(type(box).__name__, writer.cast(a, box.dtype), axis=int(box.axis))


@parts_for(boxes.Softmax, boxes.LogSoftmax)
def _(box: Foreign, a: Foreign) -> Any:
    """Over several axes: by the logarithm of a sum of exponentials."""
    low = a - boxes.LogSumExp(a, axis=box.axis, keepdims=True)
    return np.exp(low) if isinstance(box, boxes.Softmax) else low


@parts_for(boxes.PNorm)
def _(box: Foreign, a: Foreign) -> Any:
    size = np.abs(a)
    axes = box.axes(len(a.shape))
    largest = np.max(size, axis=axes, keepdims=True) if box.p > 0 else np.min(size, axis=axes, keepdims=True)
    scale = np.where((largest == 0) | np.isinf(largest), box.dtype.type(1), largest)
    power = np.sum(np.power(size / scale, box.dtype.type(box.p)), axis=axes, keepdims=True)
    total = scale * np.power(power, box.dtype.type(1 / box.p))
    return total if box.keepdims else np.squeeze(total, axes)


@rule_for(boxes.ArgSort, when=lambda box: box.shape and box.children[0].dtype.kind in "fi")
def _(writer: Writer, box: Foreign, a: str) -> Any:
    size = writer.size(box.shape[box.axis])
    _, places = writer.op("TopK", a, size, outputs=2, axis=int(box.axis), largest=0, sorted=1)
    writer.dtypes[places] = np.dtype(np.int64)
    return places
