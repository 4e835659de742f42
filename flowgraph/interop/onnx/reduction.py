"""Reductions, accumulations, normal forms and orders along axes, and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.indexing.gather import order_along
from flowgraph.errors import SavedFileError
from flowgraph.interop.onnx.export import Writer
from flowgraph.interop.onnx.node import Node
from flowgraph.interop.onnx.table import both, parts_for, reader_for, rule_for
from flowgraph.interop.rules import along, cast

BOTH: dict[str, type[Box]] = {
    "ReduceSum": boxes.Sum, "ReduceProd": boxes.Prod, "ReduceMax": boxes.Max, "ReduceMin": boxes.Min,
    "ReduceMean": boxes.Mean, "ReduceLogSumExp": boxes.LogSumExp,
}  # fmt: skip
"""Reductions that are boxes: they are read and written alike."""

READ: dict[str, Callable[..., Any]] = {
    **{operation: cls.apply for operation, cls in BOTH.items()},
    "ReduceL1": lambda a, **k: np.sum(np.abs(a), **k),
    "ReduceL2": lambda a, **k: np.sqrt(np.sum(a * a, **k)),
    "ReduceLogSum": lambda a, **k: np.log(np.sum(a, **k)),
    "ReduceSumSquare": lambda a, **k: np.sum(a * a, **k),
}


@reader_for(*READ)
def read_reduction(node: Node, a: Foreign, axes: Foreign = None) -> Any:
    """A reduction over axes, over all of them where none are given."""
    none = () if node.get("noop_with_empty_axes", 0) else None
    over = node.ints("axes", 1) or none
    function, settings = READ[node.kind], {"axis": over, "keepdims": bool(node.get("keepdims", 1))}
    if 0 in a.shape and node.kind in ("ReduceMax", "ReduceMin"):
        if a.dtype.kind != "f":
            raise node.refuse("found the maximum or minimum of an empty array of integers")
        largest = node.kind == "ReduceMax"
        function, settings["initial"] = (np.max, -np.inf) if largest else (np.min, np.inf)
    return cast(function(a, **settings), a.dtype)


def can_be_written(box: Foreign) -> bool:
    """Whether ONNX has the reduction for numbers of that dtype, and for so many of them."""
    if isinstance(box, boxes.Mean | boxes.LogSumExp):
        shape = box.children[0].shape
        return box.dtype.kind == "f" and 0 not in [shape[axis] for axis in box.axes(len(shape))]
    return bool(box.dtype.kind != "b" and box.dtype.itemsize > 1)


@rule_for(*BOTH.values(), when=can_be_written)
def write_reduction(writer: Writer, box: Foreign, a: str) -> Any:
    """A reduction over the axes of a box, in its dtype."""
    a, axes = writer.cast(a, box.dtype), box.axes(len(box.children[0].shape))
    if not axes:
        return writer.op("Identity", a)
    operation = next(operation for operation, cls in BOTH.items() if type(box) is cls)
    return writer.op(operation, a, writer.ints(*axes), keepdims=int(box.keepdims))


@parts_for(boxes.Var, boxes.Std)
def spread(box: Foreign, a: Foreign) -> Any:
    """The mean of squares around the mean, over the degrees of freedom, which a size of the batch may give."""
    axes = box.axes(len(a.shape))
    a = a.astype(box.dtype)
    apart = a - np.mean(a, axis=axes, keepdims=True)
    freedom = np.maximum(count_like(a, axes) - box.dtype.type(box.ddof), box.dtype.type(0))
    variance = np.sum(apart * apart, axis=axes, keepdims=box.keepdims) / freedom
    return variance if isinstance(box, boxes.Var) else np.sqrt(variance)


@reader_for("ArgMax", "ArgMin")
def read_place(node: Node, a: Foreign) -> Any:
    """The place of the largest or smallest element, of several the first or the last one."""
    axis = node.axis("axis", 0, len(a.shape))
    function: Any = np.argmax if node.kind == "ArgMax" else np.argmin
    last = node.get("select_last_index", 0)
    place = function(np.flip(a, axis) if last else a, axis=axis, keepdims=bool(node.get("keepdims", 1)))
    if last and not isinstance(a.shape[axis], int):
        raise node.refuse("found select_last_index=1 along an axis whose size follows the batch")
    return a.shape[axis] - 1 - place if last else place


@rule_for(boxes.ArgMax, boxes.ArgMin, when=lambda box: box.children[0].dtype.kind == "f")
def write_place(writer: Writer, box: Foreign, a: str) -> Any:
    """The place along an axis; without one in the flat array."""
    if not box.children[0].shape:
        return writer.constant(0, np.int64)
    operation, settings = type(box).__name__, {"axis": box.axis, "keepdims": int(box.keepdims)}
    if box.axis is not None:
        return writer.op(operation, a, dtype=np.int64, **settings)
    place = writer.op(operation, writer.op("Reshape", a, writer.ints(-1)), dtype=np.int64, axis=0, keepdims=0)
    return writer.op("Reshape", place, writer.ints(*(1,) * len(box.shape)))


@reader_for("TopK", idle=["sorted"])
def read_top_k(node: Node, a: Foreign, k: Foreign = None) -> Any:
    """The largest or smallest elements along an axis, and their places."""
    axis = node.axis("axis", -1, len(a.shape))
    (count,), size = node.ints("k", 1), a.shape[axis] if a.shape else 1
    if isinstance(count, int) and (count < 0 or (isinstance(size, int) and count > size)):
        raise SavedFileError(f"found k={count} along an axis of {size} elements, needs 0 to {size}")
    places = order_along(a, axis, descending=bool(node.get("largest", 1)))[along(a, axis, slice(0, count))]
    return np.take_along_axis(a, places, axis), places


@rule_for(boxes.ArgSort, when=lambda box: box.shape and box.children[0].dtype.kind in "fiub")
def write_order(writer: Writer, box: Foreign, a: str) -> Any:
    """The places of all elements, smallest first; TopK takes no bools."""
    if box.children[0].dtype == bool:
        a = writer.cast(a, np.dtype(np.uint8))
    size = writer.size(box.shape[box.axis])
    _, places = writer.op("TopK", a, size, outputs=2, axis=int(box.axis), largest=0, sorted=1)
    writer.dtypes[places] = np.dtype(np.int64)
    return places


@reader_for("CumSum", "CumProd")
def read_accumulation(node: Node, a: Foreign, axis: Foreign) -> Any:
    """Sums or products of the elements before, and of each itself unless the attribute `exclusive` is set."""
    place = node.axis_from_front(int(node.number("axis", 1)), len(a.shape))
    if node.get("reverse", 0):
        a = np.flip(a, place)
    if node.get("exclusive", 0):
        a = a[along(a, place, slice(0, -1))]
        width = [(int(i == place), 0) for i in range(len(a.shape))]
        a = np.pad(a, width, constant_values=int(node.kind == "CumProd"))
    accumulated = cast((np.cumsum if node.kind == "CumSum" else np.cumprod)(a, axis=place), a.dtype)
    return np.flip(accumulated, place) if node.get("reverse", 0) else accumulated


@rule_for(boxes.CumSum)
def write_accumulation(writer: Writer, box: Foreign, a: str) -> Any:
    """Sums along an axis; without one of the flat array."""
    a, axis = writer.cast(a, box.dtype), box.axis
    if axis is None or not box.children[0].shape:
        a, axis = writer.op("Reshape", a, writer.ints(-1)), 0
    return writer.op("CumSum", a, writer.constant(axis, np.int64), reverse=int(box.reverse))


both("Softmax", boxes.Softmax, axis=("axis", -1), when=lambda box: isinstance(box.axis, int))
both("LogSoftmax", boxes.LogSoftmax, axis=("axis", -1), when=lambda box: isinstance(box.axis, int))


@reader_for("Softmax", "LogSoftmax", "Hardmax")
def read_softmax(node: Node, a: Foreign) -> Any:
    """Before operator set 13 over all axes from the one that is named."""
    old = node.version < 13
    axis = node.axis("axis", 1 if old else -1, len(a.shape))
    over: Any = tuple(range(axis, len(a.shape))) if old and axis < len(a.shape) - 1 else axis
    if node.kind != "Hardmax":
        return (boxes.Softmax if node.kind == "Softmax" else boxes.LogSoftmax).apply(a, axis=over)
    if not isinstance(over, int):
        raise node.refuse("found Hardmax over several axes")
    place = np.argmax(a, axis=over, keepdims=True)
    line = np.arange(node.few(a.shape[over])).reshape((-1,) + (1,) * (len(a.shape) - 1 - over))
    return (place == line).astype(a.dtype)


@reader_for("LpNormalization")
def read_lp_normalization(node: Node, a: Foreign) -> Any:
    """Divided by the norm along an axis; zeros stay zeros."""
    axis, power = node.get("axis", -1), node.get("p", 2)
    size = np.sum(np.abs(a) if power == 1 else a * a, axis=axis, keepdims=True)
    length = size if power == 1 else np.sqrt(size)
    return np.where(length == 0, a.dtype.type(0), a / np.where(length == 0, a.dtype.type(1), length))


def widen_halves(node: Node, x: Foreign) -> Any:
    """Halves are computed with in single precision, unless the file says otherwise."""
    return x.astype(np.float32) if x.dtype == np.float16 and node.get("stash_type", 1) == 1 else x


@reader_for("LayerNormalization", "RMSNormalization", idle=["stash_type"])
def read_layer_normalization(node: Node, x: Foreign, scale: Foreign, shift: Foreign = None) -> Any:
    """Over the last axes, with the mean taken away or without."""
    axes = tuple(range(node.axis("axis", -1, len(x.shape)), len(x.shape)))
    apart, mean = widen_halves(node, x), None
    if node.kind == "LayerNormalization":
        mean = np.mean(apart, axis=axes, keepdims=True)
        apart = apart - mean
    rate = 1 / np.sqrt(np.mean(apart * apart, axis=axes, keepdims=True) + node.get("epsilon", 1e-5))
    h = (apart * rate).astype(x.dtype) * scale
    return h if mean is None else (h if shift is None else h + shift, mean, rate)


@reader_for("MeanVarianceNormalization")
def read_mean_variance(node: Node, x: Foreign) -> Any:
    """Over the axes of the examples and of the image."""
    axes = tuple(node.get("axes", (0, 2, 3)))
    apart = x - np.mean(x, axis=axes, keepdims=True)
    return apart / (np.sqrt(np.mean(apart * apart, axis=axes, keepdims=True)) + 1e-9)


def spells_out(box: Foreign) -> bool:
    """Whether the equation names all axes; one that a size of 1 is broadcast along is left to NumPy."""
    sizes: dict[str, Any] = {}
    terms = box.subscripts.replace(" ", "").split("->")[0].split(",")
    for term, child in zip(terms, box.children, strict=True):
        if "." in term or any(sizes.setdefault(letter, n) != n for letter, n in zip(term, child.shape, strict=True)):
            return False
    return "->" in box.subscripts and bool(box.dtype.kind == "f")


both("MatMul", boxes.MatMul, light=False, when=lambda box: box.dtype.kind in "fiu" and box.dtype.itemsize > 2)
both("Det", boxes.Det, light=False, when=lambda box: box.dtype.kind == "f")
both("Einsum", boxes.Einsum, light=False, when=spells_out, equation=("subscripts", ""))


@reader_for("Einsum", light=False)
def read_einsum(node: Node, *operands: Foreign) -> Any:
    """NumPy's function, which writes out what an equation without an arrow leaves open."""
    return np.einsum(node.get("equation").replace(" ", ""), *operands)


@reader_for("Gemm", light=False)
def read_gemm(node: Node, a: Foreign, b: Foreign, c: Foreign = None) -> Any:
    """A product of matrices, each perhaps transposed, and a sum, each with a factor."""
    a = np.transpose(a) if node.get("transA", 0) else a
    b = np.transpose(b) if node.get("transB", 0) else b
    h = np.matmul(a, b)
    alpha, beta = (node.get(name, 1.0) for name in ("alpha", "beta"))
    h = h if alpha == 1 else h * h.dtype.type(alpha)
    return h if c is None else h + (c if beta == 1 else c * c.dtype.type(beta))
