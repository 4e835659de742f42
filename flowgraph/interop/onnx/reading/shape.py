"""Operations that make, move, cut, join and repeat arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.engine.shape_like import CountLike
from flowgraph.errors import SavedFileError
from flowgraph.interop.onnx.reading.node import MOST_MADE, Node
from flowgraph.interop.onnx.reading.rules import is_old_training, reader_for
from flowgraph.interop.onnx.reading.tensors import dtype_of
from flowgraph.shapes.size import Size, multiply


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
