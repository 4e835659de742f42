"""Operations that make, move, cut, join and repeat arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.value import Foreign
from flowgraph.boxes.engine.shape_like import CountLike
from flowgraph.errors import SavedFileError
from flowgraph.interop.onnx.export import Writer
from flowgraph.interop.onnx.node import MOST_MADE, Node
from flowgraph.interop.onnx.table import is_old_training, parts_for, reader_for, rule_for
from flowgraph.interop.onnx.tensors import dtype_of
from flowgraph.shapes.size import Shape, Size, multiply


@reader_for("Constant")
def _(node: Node) -> Any:
    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                        ("value_ints", np.int64), ("value", None)):  # fmt: skip
        if name in node.attributes:
            return Constant(np.asarray(node.attributes[name], dtype))
    raise node.refuse(f"found a constant by {', '.join(node.attributes) or 'nothing'}, needs numbers")


@reader_for("Shape")
def _(node: Node, a: Foreign) -> Any:
    return shape_of(a, range(len(a.shape))[node.get("start", 0) : node.get("end")])


@reader_for("Size")
def _(node: Node, a: Foreign) -> Any:
    return np.prod(shape_of(a, range(len(a.shape))))


def shape_of(a: Foreign, axes: Sequence[int]) -> Any:
    """The sizes of some axes in a row, of which each may be known in the run only."""
    sizes = [a.shape[axis] for axis in axes]
    if not any(isinstance(size, Size) for size in sizes):
        return Constant(np.array(sizes, np.int64))
    counted = a if a.dtype == np.float64 or a.dtype == np.int64 else a.astype(np.int64)
    parts = [CountLike(counted, axis=(axis,)).astype(np.int64) if isinstance(size, Size) else Constant(np.int64(size))
             for axis, size in zip(axes, sizes, strict=True)]  # fmt: skip
    return np.stack(parts)


@reader_for("Reshape")
def _(node: Node, a: Foreign, shape: Foreign = None) -> Any:
    sizes = list(node.ints("shape", 1))
    if not node.get("allowzero", 0):
        sizes = [a.shape[i] if isinstance(size, int) and size == 0 else size for i, size in enumerate(sizes)]
    return np.reshape(a, tuple(sizes))


@reader_for("Flatten")
def _(node: Node, a: Foreign) -> Any:
    axis = node.get("axis", 1)
    axis += len(a.shape) * (axis < 0)
    rows: Any = 1
    for size in a.shape[:axis]:
        rows = multiply(rows, size)
    return np.reshape(a, (rows, -1)) if 0 not in a.shape else np.reshape(a, (rows, math.prod(a.shape[axis:])))


@reader_for("Transpose")
def _(node: Node, a: Foreign) -> Any:
    return np.transpose(a, node.get("perm"))


@reader_for("Squeeze")
def _(node: Node, a: Foreign, axes: Foreign = None) -> Any:
    return np.squeeze(a, node.ints("axes", 1))


@reader_for("Unsqueeze")
def _(node: Node, a: Foreign, axes: Foreign = None) -> Any:
    return np.expand_dims(a, node.ints("axes", 1))


@reader_for("Concat")
def _(node: Node, *arrays: Foreign) -> Any:
    return np.concatenate(arrays, axis=node.get("axis", 1))


@reader_for("Split")
def _(node: Node, a: Foreign, split: Foreign = None) -> Any:
    axis = node.axis("axis", 0, len(a.shape))
    sizes = node.ints("split", 1)
    if sizes is None:
        count, size = node.get("num_outputs", node.outputs), a.shape[axis]
        if isinstance(size, Size):
            return tuple(np.split(a, count, axis=axis))
        each = -(-size // count)
        sizes = [max(min(each, size - i * each), 0) for i in range(count)]
    if sum(sizes) != a.shape[axis]:
        raise node.refuse(f"found the split {sizes} of an axis of size {a.shape[axis]}")
    lead, starts = (slice(None),) * axis, np.cumsum([0, *sizes]).tolist()
    return tuple(a[(*lead, slice(start, start + size))] for start, size in zip(starts, sizes, strict=False))


@reader_for("Slice")
def _(node: Node, a: Foreign, *_: Foreign) -> Any:
    starts, ends = node.ints("starts", 1), node.ints("ends", 2)
    axes = node.ints("axes", 3, tuple(range(len(starts))))
    steps = node.ints("steps", 4, (1,) * len(starts))
    index: list[Any] = [slice(None)] * len(a.shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        index[axis] = _slice(a.shape[axis], start, end, step)
    return a[tuple(index)]


def _slice(size: Foreign, start: Foreign, end: Foreign, step: int) -> slice:
    """As Python cuts; numbers beyond every size mean the ends."""
    far = 2**31 - 1
    if not isinstance(end, Size) and abs(end) >= far:
        end = None
    if not isinstance(start, Size) and abs(start) >= far:
        start = None if (start > 0) == (step < 0) or step > 0 else start
    if isinstance(size, Size) and end == size and step > 0:
        end = None
    return slice(start, end, step)


@reader_for("Expand")
def _(node: Node, a: Foreign, shape: Foreign) -> Any:
    sizes = list(node.ints("shape", 1))
    missing = max(len(a.shape) - len(sizes), 0)
    sizes = [1] * missing + sizes
    own = (1,) * (len(sizes) - len(a.shape)) + tuple(a.shape)
    sizes = [
        there if isinstance(size, int) and size in (1, -1) else size for size, there in zip(sizes, own, strict=True)
    ]
    if tuple(sizes) == tuple(a.shape):
        return a
    if any(isinstance(size, Size) and size != there for size, there in zip(sizes, own, strict=True)):
        return node.expanded(a, [1 if size == there else size for size, there in zip(sizes, own, strict=True)])
    return np.broadcast_to(a, tuple(sizes))


@reader_for("Tile")
def _(node: Node, a: Foreign, repeats: Foreign) -> Any:
    return np.tile(a, node.ints("repeats", 1))


@reader_for("ConstantOfShape")
def _(node: Node, shape: Foreign) -> Any:
    value = np.ravel(node.get("value", np.zeros(1, np.float32)))
    return node.expanded(Constant(value.reshape(())), node.ints("shape", 0))


@reader_for("Range")
def _(node: Node, *ends: Foreign) -> Any:
    start, limit, delta = (np.ravel(node.known(i))[0] for i in range(3))
    dtype = ends[0].dtype
    if isinstance(limit, Size) and start == 0 and delta == 1 and limit in node.axes:
        found = boxes.arange_like(*node.axes[limit])
        return found if found.dtype == dtype else found.astype(dtype)
    if isinstance(limit, Size) or isinstance(start, Size) or not delta or abs((limit - start) / delta) > MOST_MADE:
        raise node.refuse(
            f"found a range from {start} to {limit} by {delta}, needs fixed numbers and at most {MOST_MADE} elements"
        )
    count = max(math.ceil((limit - start) / delta), 0)
    return Constant((start + np.arange(count) * delta).astype(dtype))


@reader_for("Pad", idle=["value"])
def _(node: Node, a: Foreign, *_: Foreign) -> Any:
    mode = node.get("mode", "constant")
    if mode not in ("constant", "edge", "reflect", "wrap"):
        raise node.refuse(f"found the mode {mode!r}")
    pads = node.ints("pads", 1) or node.ints("paddings", 1)
    axes = [node.counted(axis, len(a.shape)) for axis in node.ints("axes", 3, range(len(a.shape)))]
    if len(pads) != 2 * len(axes):
        raise node.refuse(f"found {len(pads)} numbers of padding for {len(axes)} axes")
    width = [(0, 0)] * len(a.shape)
    index: list[Any] = [slice(None)] * len(a.shape)
    for axis, before, after in zip(axes, pads, pads[len(axes) :], strict=False):
        width[axis] = (max(before, 0), max(after, 0))
        index[axis] = slice(-min(before, 0), min(after, 0) or None)
    if any(pad < 0 for pad in pads):
        a = a[tuple(index)]
    settings = {"constant_values": a.dtype.type(node.number("value", 2, 0))} if mode == "constant" else {}
    return np.pad(a, width, mode=mode, **settings)


@reader_for("Trilu")
def _(node: Node, a: Foreign, k: Foreign = None) -> Any:
    return (np.triu if node.get("upper", 1) else np.tril)(a, int(node.number("k", 1, 0)))


@reader_for("EyeLike")
def _(node: Node, a: Foreign) -> Any:
    dtype = dtype_of(node.get("dtype"), "what it makes") if "dtype" in node.attributes else a.dtype
    if any(isinstance(size, Size) for size in a.shape) or np.prod(a.shape, dtype=float) > MOST_MADE:
        raise node.refuse(f"found the shape {tuple(a.shape)}, needs fixed sizes and at most {MOST_MADE} elements")
    return Constant(np.eye(a.shape[0], a.shape[1], k=node.get("k", 0), dtype=dtype))


@reader_for("DepthToSpace", "SpaceToDepth")
def _(node: Node, a: Foreign) -> Any:
    n, c, h, w = a.shape
    size, by_block = node.get("blocksize"), node.get("mode", "DCR") == "DCR"
    if node.kind == "SpaceToDepth":
        parts = np.reshape(a, (n, c, h // size, size, w // size, size))
        order = (0, 3, 5, 1, 2, 4) if by_block else (0, 1, 3, 5, 2, 4)
        return np.reshape(np.transpose(parts, order), (n, c * size * size, h // size, w // size))
    if by_block:
        parts = np.transpose(np.reshape(a, (n, size, size, c // size**2, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        parts = np.transpose(np.reshape(a, (n, c // size**2, size, size, h, w)), (0, 1, 4, 2, 5, 3))
    return np.reshape(parts, (n, c // size**2, h * size, w * size))


@reader_for("Dropout", idle=["seed", "ratio"])
def _(node: Node, a: Foreign, ratio: Foreign = None, training: Foreign = None) -> Any:
    if is_old_training(node) or (training is not None and bool(np.any(node.known(2)))):
        raise SavedFileError("found training_mode, which draws anew in every run; export the model for inference")
    return a, boxes.broadcast_like(Constant(np.array(True)), a)


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
