"""How boxes that move or repeat numbers are written."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.writing.rules import parts_for, rule_for
from flowgraph.interop.onnx.writing.writer import Writer
from flowgraph.shapes.size import Shape, Size

LAST = np.iinfo(np.int64).max


def reshaped(writer: Writer, a: str, shape: Shape) -> str:
    """The value in another shape; a single symbolic size becomes -1."""
    varying = [i for i, size in enumerate(shape) if isinstance(size, Size)]
    if len(varying) == 1 and 0 not in shape:
        return str(writer.op("Reshape", a, writer.ints(*(-1 if isinstance(size, Size) else size for size in shape))))
    return str(writer.op("Reshape", a, writer.shape(shape), allowzero=1))


def cut(writer: Writer, a: str, axis: int, start: Foreign, stop: Foreign) -> str:
    """The elements from start to stop along an axis."""
    ends = [name if isinstance(name, str) else writer.ints(name) for name in (start, stop)]
    return str(writer.op("Slice", a, *ends, writer.ints(axis)))


@rule_for(boxes.Reshape, boxes.ExpandDims, boxes.Squeeze, boxes.ReshapeLike, boxes.RowsAs)
def _(writer: Writer, box: Foreign, a: str, *_: str) -> Any:
    if isinstance(box, boxes.ExpandDims | boxes.Squeeze):
        count = len(box.axis) if isinstance(box.axis, tuple | list) else 1
        ndim = max(len(box.shape), len(box.children[0].shape))
        given = box.axis if isinstance(box.axis, tuple | list) else (box.axis,)
        operation = "Unsqueeze" if isinstance(box, boxes.ExpandDims) else "Squeeze"
        return writer.op(operation, a, writer.ints(*(axis % ndim for axis in given))) if count else a
    return reshaped(writer, a, box.shape)


@rule_for(boxes.BroadcastTo, boxes.BroadcastLike, boxes.RepeatRows)
def _(writer: Writer, box: Foreign, a: str, *_: str) -> Any:
    return writer.op("Expand", a, writer.shape(box.shape))


@rule_for(boxes.BroadcastArrays)
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    return tuple(writer.op("Expand", name, writer.shape(box.outputs[0].shape)) for name in names)


@rule_for(boxes.SumLike)
def _(writer: Writer, box: Foreign, a: str, like: str) -> Any:
    shape = box.children[0].shape
    extra = len(shape) - len(box.shape)
    axes = [i for i, size in enumerate(shape) if i < extra or (box.shape[i - extra] == 1 and size != 1)]
    if axes:
        a = writer.op("ReduceSum", writer.cast(a, box.dtype), writer.ints(*axes), keepdims=0)
    return reshaped(writer, a, box.shape)


@rule_for(boxes.CountLike)
def _(writer: Writer, box: Foreign, like: str) -> Any:
    shape = box.children[0].shape
    axes = range(len(shape)) if box.axis is None else box.axis if isinstance(box.axis, tuple) else (box.axis,)
    total = writer.constant(1, np.int64)
    for axis in axes:
        total = writer.op("Mul", total, writer.op("Squeeze", writer.size(shape[axis])))
    return writer.cast(total, box.dtype)


@rule_for(boxes.ArangeLike)
def _(writer: Writer, box: Foreign, like: str) -> Any:
    zero, one = writer.constant(0, np.int64), writer.constant(1, np.int64)
    return writer.op("Range", zero, writer.op("Squeeze", writer.size(box.shape[0])), one)


@rule_for(boxes.Transpose)
def _(writer: Writer, box: Foreign, a: str) -> Any:
    ndim = len(box.shape)
    axes = range(ndim)[::-1] if box.axes is None else [axis % ndim for axis in box.axes]
    return writer.op("Transpose", a, perm=list(axes)) if ndim else a


@rule_for(boxes.Concatenate, boxes.Stack)
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    axis = box.axis % len(box.shape)
    names = tuple(writer.cast(name, box.dtype) for name in names)
    if isinstance(box, boxes.Stack):
        names = tuple(writer.op("Unsqueeze", name, writer.ints(axis)) for name in names)
    return writer.op("Concat", *names, axis=axis)


@rule_for(boxes.Split, boxes.SplitLike)
def _(writer: Writer, box: Foreign, a: str, *_: str) -> Any:
    axis = box.axis % len(box.outputs[0].shape)
    sizes = [writer.size(spec.shape[axis]) for spec in box.outputs]
    if len(sizes) == 1:
        return (writer.op("Identity", a),)
    return tuple(
        writer.op("Split", a, writer.op("Concat", *sizes, dtype=np.int64, axis=0), outputs=len(sizes), axis=axis)
    )


@rule_for(boxes.Unstack)
def _(writer: Writer, box: Foreign, a: str) -> Any:
    axis = int(box.axis)
    return tuple(writer.op("Gather", a, writer.constant(i, np.int64), axis=axis) for i in range(len(box.outputs)))


@rule_for(boxes.Flip)
def _(writer: Writer, box: Foreign, a: str) -> Any:
    ndim = len(box.shape)
    given = range(ndim) if box.axis is None else box.axis if isinstance(box.axis, tuple) else (box.axis,)
    axes = [axis % ndim for axis in given]
    if not axes:
        return a
    count = len(axes)
    starts, ends, steps = writer.ints(*(-1,) * count), writer.ints(*(-LAST,) * count), writer.ints(*(-1,) * count)
    return writer.op("Slice", a, starts, ends, writer.ints(*axes), steps)


@parts_for(boxes.Roll)
def _(box: Foreign, a: Foreign) -> Any:
    if box.axis is None:
        return np.reshape(_rolled(np.reshape(a, (-1,)), box.shift, 0), a.shape)
    axes = box.axis if isinstance(box.axis, tuple) else (box.axis,)
    shifts = box.shift if isinstance(box.shift, tuple) else (box.shift,) * len(axes)
    for shift, axis in zip(shifts, axes * (len(shifts) if len(axes) == 1 else 1), strict=True):
        a = _rolled(a, shift, axis % len(a.shape))
    return a


@parts_for(boxes.FftShift)
def _(box: Foreign, a: Foreign) -> Any:
    axes = range(len(a.shape)) if box.axes is None else box.axes if isinstance(box.axes, tuple) else (box.axes,)
    for axis in axes:
        half = a.shape[axis] // 2
        a = _rolled(a, -half if box.inverse else half, axis % len(a.shape))
    return a


def _rolled(a: Foreign, shift: int, axis: int) -> Any:
    """The last elements first."""
    size = a.shape[axis]
    place = shift % size if size else 0  # a size that follows the batch has no remainder, and is refused so
    lead = (slice(None),) * axis
    return np.concatenate([a[(*lead, slice(size - place, None))], a[(*lead, slice(None, size - place))]], axis=axis)


@rule_for(boxes.Tril, boxes.Triu, when=lambda box: box.dtype.kind in "fi")
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return writer.op("Trilu", a, writer.constant(box.k, np.int64), upper=int(isinstance(box, boxes.Triu)))


_MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect", "wrap": "wrap"}


@rule_for(boxes.Pad, when=lambda box: box.mode in _MODES and _fits_once(box))
def _(writer: Writer, box: Foreign, a: str) -> Any:
    if not box.shape:
        return a
    pads = writer.ints(*itertools.chain(*zip(*box.pad_width, strict=True)))
    value = [writer.constant(box.constant_values, box.dtype)] if box.mode == "constant" else []
    return writer.op("Pad", a, pads, *value, mode=_MODES[box.mode])


def _fits_once(box: Foreign) -> bool:
    """Whether no side needs more elements than the axis has, which ONNX leaves open."""
    if box.mode in ("constant", "edge"):
        return True
    most: Sequence[Any] = [size - (box.mode == "reflect") for size in box.children[0].shape]
    return all(not isinstance(n, Size) and max(pair) <= n for n, pair in zip(most, box.pad_width, strict=True))


@parts_for(boxes.FitLike)
def _(box: Foreign, a: Foreign, like: Foreign) -> Any:
    """With sizes in numbers: cut, or filled with zeros."""
    for axis, size in enumerate(box.shape):
        missing = size - a.shape[axis]
        if missing > 0:
            a = np.pad(a, [(0, missing if i == axis else 0) for i in range(len(a.shape))])
        elif missing:
            a = a[(slice(None),) * axis + (slice(size),)]
    return a


@parts_for(boxes.Diag)
def _(box: Foreign, a: Foreign) -> Any:
    """Of each row the element whose column lies k to the right, or zero."""
    n = a.shape[0] + abs(box.k)
    line = np.pad(a, ((max(box.k, 0), max(-box.k, 0)),))
    rows, columns = np.indices((n, n))
    return np.where(columns - rows == box.k, line[columns], box.dtype.type(0))


@parts_for(boxes.Diagonal)
def _(box: Foreign, a: Foreign) -> Any:
    axes = [axis % len(a.shape) for axis in (box.axis1, box.axis2)]
    a = np.moveaxis(a, axes, (-2, -1))
    places = np.arange(box.shape[-1])
    return a[..., places + max(-box.offset, 0), places + max(box.offset, 0)]


@parts_for(boxes.OnDiagonal)
def _(box: Foreign, a: Foreign, like: Foreign) -> Any:
    axes = [axis % len(like.shape) for axis in (box.axis1, box.axis2)]
    shape = np.moveaxis(np.empty(like.shape, bool), axes, (-2, -1)).shape
    places = np.arange(a.shape[-1])
    index = (..., places + max(-box.offset, 0), places + max(box.offset, 0))
    return np.moveaxis(boxes.set_at(np.zeros(shape, box.dtype), index, a), (-2, -1), axes)
