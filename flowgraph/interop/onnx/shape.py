"""Operations that make, move, cut, join and repeat arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.engine.shape_like import CountLike
from flowgraph.errors import SavedFileError, ShapeError
from flowgraph.interop.onnx.export import Writer
from flowgraph.interop.onnx.node import MOST_MADE, Node, dtype_of
from flowgraph.interop.onnx.table import read_by, reader_for, rule_for, write_by
from flowgraph.interop.rules import along, cast, pad_or_cut
from flowgraph.shapes.size import Shape, Size, multiply

LAST = np.iinfo(np.int64).max


def axes_in(given: Foreign, ndim: int) -> list[int]:
    """The axes of a setting, counted from the front: one, some, or all for None."""
    listed = range(ndim) if given is None else given if isinstance(given, tuple | list) else (given,)
    return [axis % ndim for axis in listed]


@reader_for("Constant")
def read_constant(node: Node) -> Any:
    """Numbers that the file holds."""
    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                        ("value_ints", np.int64), ("value", None)):  # fmt: skip
        if name in node.attributes:
            return Constant(np.asarray(node.attributes[name], dtype))
    raise node.refuse(f"found a constant by {', '.join(node.attributes) or 'nothing'}, needs numbers")


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
def read_reshape(node: Node, a: Foreign, shape: Foreign = None) -> Any:
    """In another shape, where 0 keeps a size unless the node says otherwise."""
    sizes = list(node.ints("shape", 1))
    if not node.get("allowzero", 0):
        sizes = [a.shape[i] if isinstance(size, int) and size == 0 else size for i, size in enumerate(sizes)]
    try:
        return np.reshape(a, tuple(sizes))
    except ShapeError:  # sizes that are no products of neighbouring axes of the array, but axes of others
        if -1 in sizes or not all(size in node.axes for size in sizes if isinstance(size, Size)):
            raise
        return boxes.reshape_like(a, node.expand_to(Constant(np.zeros((), bool)), sizes))


@reader_for("Flatten")
def read_flatten(node: Node, a: Foreign) -> Any:
    """Two axes: those before one, and the rest."""
    axis = node.get("axis", 1)
    axis += len(a.shape) * (axis < 0)
    rows: Any = 1
    for size in a.shape[:axis]:
        rows = multiply(rows, size)
    return np.reshape(a, (rows, -1)) if 0 not in a.shape else np.reshape(a, (rows, math.prod(a.shape[axis:])))


def write_reshape(writer: Writer, a: str, shape: Shape) -> str:
    """The value in another shape; a single symbolic size becomes -1."""
    varying = [i for i, size in enumerate(shape) if isinstance(size, Size)]
    if len(varying) == 1 and 0 not in shape:
        return str(writer.op("Reshape", a, writer.ints(*(-1 if isinstance(size, Size) else size for size in shape))))
    return str(writer.op("Reshape", a, writer.shape(shape), allowzero=1))


@rule_for(boxes.ExpandDims, boxes.Squeeze)
def write_unit_axes(writer: Writer, box: Foreign, a: str) -> Any:
    """With new axes of size 1, or without some."""
    axes = axes_in(box.axis, max(len(box.shape), len(box.children[0].shape)))
    operation = "Unsqueeze" if isinstance(box, boxes.ExpandDims) else "Squeeze"
    return writer.op(operation, a, writer.ints(*axes)) if axes else a


@rule_for(boxes.Transpose)
def write_transpose(writer: Writer, box: Foreign, a: str) -> Any:
    """Axes in another order; the reverse one where none is given."""
    ndim = len(box.shape)
    axes = list(range(ndim))[::-1] if box.axes is None else axes_in(box.axes, ndim)
    return writer.op("Transpose", a, perm=axes) if ndim else a


@rule_for(boxes.Concatenate, boxes.Stack)
def write_concat(writer: Writer, box: Foreign, *names: str) -> Any:
    """One after the other, along an axis that there is or along a new one."""
    axis = box.axis % len(box.shape)
    names = tuple(writer.cast(name, box.dtype) for name in names)
    if isinstance(box, boxes.Stack):
        names = tuple(writer.op("Unsqueeze", name, writer.ints(axis)) for name in names)
    return writer.op("Concat", *names, axis=axis)


@reader_for("Split")
def read_split(node: Node, a: Foreign, split: Foreign = None) -> Any:
    """Pieces of given sizes, or of equal ones."""
    axis = node.axis("axis", 0, len(a.shape))
    sizes = node.ints("split", 1)
    if sizes is None:
        count, size = node.at_most(node.get("num_outputs", node.outputs), node.outputs, "pieces"), a.shape[axis]
        if isinstance(size, Size):
            return tuple(np.split(a, count, axis=axis))
        each = -(-size // count)
        sizes = [max(min(each, size - i * each), 0) for i in range(count)]
    node.at_most(len(sizes), node.outputs, "pieces")
    if sum(sizes) != a.shape[axis]:
        raise node.refuse(f"found the split {sizes} of an axis of size {a.shape[axis]}")
    starts = np.cumsum([0, *sizes]).tolist()
    return tuple(a[along(a, axis, slice(start, start + size))] for start, size in zip(starts, sizes, strict=False))


@rule_for(boxes.Split, boxes.SplitLike)
def write_split(writer: Writer, box: Foreign, a: str, *_: str) -> Any:
    """Pieces of the sizes that the outputs have."""
    axis = box.axis % len(box.outputs[0].shape)
    sizes = [writer.size(spec.shape[axis]) for spec in box.outputs]
    if len(sizes) == 1:
        return (writer.op("Identity", a),)
    given = writer.op("Concat", *sizes, dtype=np.int64, axis=0)
    return tuple(writer.op("Split", a, given, outputs=len(sizes), axis=axis))


@reader_for("Slice")
def read_slice(node: Node, a: Foreign, *_: Foreign) -> Any:
    """From starts to ends along axes, in steps."""
    starts, ends = node.ints("starts", 1), node.ints("ends", 2)
    axes = node.ints("axes", 3, tuple(range(len(starts))))
    steps = node.ints("steps", 4, (1,) * len(starts))
    index: list[Any] = [slice(None)] * len(a.shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        index[axis] = slice_of(a.shape[axis], start, end, step)
    return a[tuple(index)]


def slice_of(size: Foreign, start: Foreign, end: Foreign, step: int) -> slice:
    """The slice of Python; ONNX writes numbers beyond every size for the ends of an axis."""
    far = 2**31 - 1
    if not isinstance(end, Size) and abs(end) >= far:
        end = None
    if not isinstance(start, Size) and abs(start) >= far:
        start = None if (start > 0) == (step < 0) or step > 0 else start
    if isinstance(size, Size) and end == size and step > 0:
        end = None
    return slice(start, end, step)


@rule_for(boxes.Flip)
def write_flip(writer: Writer, box: Foreign, a: str) -> Any:
    """In steps of -1, from the last element on."""
    axes = axes_in(box.axis, len(box.shape))
    if not axes:
        return a
    starts, ends, steps = (writer.ints(*(number,) * len(axes)) for number in (-1, -LAST, -1))
    return writer.op("Slice", a, starts, ends, writer.ints(*axes), steps)


@reader_for("Expand")
def read_expand(node: Node, a: Foreign, shape: Foreign) -> Any:
    """Repeated to a shape, in which 1 and -1 keep a size."""
    sizes = list(node.ints("shape", 1))
    sizes = [1] * max(len(a.shape) - len(sizes), 0) + sizes
    own = (1,) * (len(sizes) - len(a.shape)) + tuple(a.shape)
    sizes = [
        there if isinstance(size, int) and size in (1, -1) else size for size, there in zip(sizes, own, strict=True)
    ]
    if tuple(sizes) == tuple(a.shape):
        return a
    # a size that follows the batch is a number in a run alone, so the array grows by broadcasting against another one
    if any(isinstance(size, Size) and size != there for size, there in zip(sizes, own, strict=True)):
        return node.expand_to(a, [1 if size == there else size for size, there in zip(sizes, own, strict=True)])
    return np.broadcast_to(a, tuple(sizes))


@reader_for("ConstantOfShape")
def read_filled(node: Node, shape: Foreign) -> Any:
    """One number everywhere."""
    value = np.ravel(node.get("value", np.zeros(1, np.float32)))
    return node.expand_to(Constant(value.reshape(())), node.ints("shape", 0))


@reader_for("Range")
def read_range(node: Node, *ends: Foreign) -> Any:
    """Numbers in equal steps."""
    start, limit, delta = (np.ravel(node.value_of_input(i))[0] for i in range(3))
    dtype = ends[0].dtype
    if isinstance(limit, Size) and start == 0 and delta == 1:
        return cast(node.numbers(limit), dtype)
    if isinstance(limit, Size) or isinstance(start, Size) or not delta or abs((limit - start) / delta) > MOST_MADE:
        raise node.refuse(
            f"found a range from {start} to {limit} by {delta}, needs fixed numbers and at most {MOST_MADE} elements"
        )
    count = max(math.ceil((limit - start) / delta), 0)
    return Constant((start + np.arange(count) * delta).astype(dtype))


@rule_for(boxes.ArangeLike)
def write_range(writer: Writer, box: Foreign, like: str) -> Any:
    """The whole numbers below a size."""
    zero, step = writer.constant(0, np.int64), writer.constant(1, np.int64)
    return writer.op("Range", zero, writer.op("Squeeze", writer.size(box.shape[0])), step)


@rule_for(boxes.CountLike)
def write_count(writer: Writer, box: Foreign, like: str) -> Any:
    """The product of the sizes of axes."""
    shape = box.children[0].shape
    total = writer.constant(1, np.int64)
    for axis in axes_in(box.axis, len(shape)):
        total = writer.op("Mul", total, writer.op("Squeeze", writer.size(shape[axis])))
    return writer.cast(total, box.dtype)


@rule_for(boxes.SumLike)
def write_sum_like(writer: Writer, box: Foreign, a: str, like: str) -> Any:
    """The sum over the axes along which a value was repeated."""
    shape = box.children[0].shape
    extra = len(shape) - len(box.shape)
    axes = [i for i, size in enumerate(shape) if i < extra or (box.shape[i - extra] == 1 and size != 1)]
    if axes:
        a = writer.op("ReduceSum", writer.cast(a, box.dtype), writer.ints(*axes), keepdims=0)
    return write_reshape(writer, a, box.shape)


@reader_for("Pad", idle=["value"])
def read_pad(node: Node, a: Foreign, *_: Foreign) -> Any:
    """Elements around, or fewer where a number is below 0."""
    mode = node.get("mode", "constant")
    if mode not in MODES:
        raise node.refuse(f"found the mode {mode!r}")
    pads = node.ints("pads", 1) or node.ints("paddings", 1)
    axes = [node.axis_from_front(axis, len(a.shape)) for axis in node.ints("axes", 3, range(len(a.shape)))]
    if len(pads) != 2 * len(axes):
        raise node.refuse(f"found {len(pads)} numbers of padding for {len(axes)} axes")
    pairs = [(0, 0)] * len(a.shape)
    for axis, before, after in zip(axes, pads, pads[len(axes) :], strict=False):
        pairs[axis] = (before, after)
    settings = {"constant_values": a.dtype.type(node.number("value", 2, 0))} if mode == "constant" else {}
    return pad_or_cut(a, pairs, mode=mode, **settings)


MODES = ("constant", "edge", "reflect", "wrap")
"""How NumPy and ONNX pad alike."""


def fits_once(box: Foreign) -> bool:
    """Whether no side needs more elements than the axis has, which ONNX leaves open."""
    if box.mode in ("constant", "edge"):
        return True
    most: Sequence[Any] = [size - (box.mode == "reflect") for size in box.children[0].shape]
    return all(not isinstance(n, Size) and max(pair) <= n for n, pair in zip(most, box.pad_width, strict=True))


@rule_for(boxes.Pad, when=lambda box: box.mode in MODES and fits_once(box))
def write_pad(writer: Writer, box: Foreign, a: str) -> Any:
    """Elements around."""
    if not box.shape:
        return a
    pads = writer.ints(*itertools.chain(*zip(*box.pad_width, strict=True)))
    value = [writer.constant(box.constant_values, box.dtype)] if box.mode == "constant" else []
    return writer.op("Pad", a, pads, *value, mode=box.mode)


@rule_for(boxes.Tril, boxes.Triu, when=lambda box: box.dtype.kind in "fi")
def write_triangle(writer: Writer, box: Foreign, a: str) -> Any:
    """The elements above or below a diagonal."""
    return writer.op("Trilu", a, writer.constant(box.k, np.int64), upper=int(isinstance(box, boxes.Triu)))


@reader_for("EyeLike")
def read_eye(node: Node, a: Foreign) -> Any:
    """Ones on a diagonal."""
    dtype = dtype_of(node.get("dtype"), "what it makes") if "dtype" in node.attributes else a.dtype
    if any(isinstance(size, Size) for size in a.shape) or np.prod(a.shape, dtype=float) > MOST_MADE:
        raise node.refuse(f"found the shape {tuple(a.shape)}, needs fixed sizes and at most {MOST_MADE} elements")
    return Constant(np.eye(a.shape[0], a.shape[1], k=node.get("k", 0), dtype=dtype))


@reader_for("DepthToSpace", "SpaceToDepth")
def read_depth_and_space(node: Node, a: Foreign) -> Any:
    """Channels as places of a finer image, or the reverse."""
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
def read_dropout(node: Node, a: Foreign, ratio: Foreign = None, training: Foreign = None) -> Any:
    """Nothing is dropped: the mask is true everywhere."""
    if node.trains_by_age or (training is not None and bool(np.any(node.value_of_input(2)))):
        raise SavedFileError("found training_mode, which draws anew in every run; export the model for inference")
    return a, boxes.broadcast_like(Constant(np.array(True)), a)


read_by({
    "Shape": lambda node, a: shape_of(a, range(len(a.shape))[node.get("start", 0) : node.get("end")]),
    "Size": lambda node, a: np.prod(shape_of(a, range(len(a.shape)))),
    "Squeeze": lambda node, a, axes=None: np.squeeze(a, node.ints("axes", 1)),
    "Unsqueeze": lambda node, a, axes=None: np.expand_dims(a, node.ints("axes", 1)),
    "Transpose": lambda node, a: np.transpose(a, node.get("perm")),
    "Concat": lambda node, *arrays: np.concatenate(arrays, axis=node.get("axis", 1)),
    "Tile": lambda node, a, repeats: np.tile(a, node.ints("repeats", 1)),
    "Trilu": lambda node, a, k=None: (np.triu if node.get("upper", 1) else np.tril)(a, int(node.number("k", 1, 0))),
})  # fmt: skip
write_by({
    (boxes.Reshape, boxes.ReshapeLike, boxes.RowsAs): lambda writer, box, a, *_: write_reshape(writer, a, box.shape),
    (boxes.BroadcastTo, boxes.BroadcastLike, boxes.RepeatRows): lambda writer, box, a, *_: writer.op(
        "Expand", a, writer.shape(box.shape)
    ),
    boxes.BroadcastArrays: lambda writer, box, *names: tuple(
        writer.op("Expand", name, writer.shape(box.outputs[0].shape)) for name in names
    ),
})  # fmt: skip
