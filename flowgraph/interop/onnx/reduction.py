"""Reductions, accumulations, normal forms and orders along axes, and products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box.value import Foreign
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.interop.onnx.export import Writer
from flowgraph.interop.onnx.node import Node
from flowgraph.interop.onnx.table import parts_for, reader_for, rule_for

REDUCTIONS: Mapping[str, Callable[..., Any]] = {
    "ReduceSum": np.sum,
    "ReduceMean": np.mean,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceL1": lambda a, **k: np.sum(np.abs(a), **k),
    "ReduceL2": lambda a, **k: np.sqrt(np.sum(a * a, **k)),
    "ReduceLogSum": lambda a, **k: np.log(np.sum(a, **k)),
    "ReduceLogSumExp": boxes.LogSumExp.apply,
    "ReduceSumSquare": lambda a, **k: np.sum(a * a, **k),
}


@reader_for(*REDUCTIONS)
def _(node: Node, a: Foreign, axes: Foreign = None) -> Any:
    none = () if node.get("noop_with_empty_axes", 0) else None
    along = node.ints("axes", 1) or none
    start = {"ReduceMax": -np.inf, "ReduceMin": np.inf}.get(node.kind)
    settings: dict[str, Any] = {"axis": along, "keepdims": bool(node.get("keepdims", 1))}
    if 0 in a.shape and start is not None:
        if a.dtype.kind != "f":
            raise node.refuse("found the maximum or minimum of an empty array of integers")
        settings["initial"] = start
    found = REDUCTIONS[node.kind](a, **settings)
    return found if found.dtype == a.dtype else found.astype(a.dtype)


@reader_for("ArgMax", "ArgMin")
def _(node: Node, a: Foreign) -> Any:
    axis = node.axis("axis", 0, len(a.shape))
    function = np.argmax if node.kind == "ArgMax" else np.argmin
    last = node.get("select_last_index", 0)
    place = function(np.flip(a, axis) if last else a, axis=axis, keepdims=bool(node.get("keepdims", 1)))
    if last and not isinstance(a.shape[axis], int):
        raise node.refuse("found select_last_index=1 along an axis whose size follows the batch")
    return a.shape[axis] - 1 - place if last else place


@reader_for("TopK", idle=["sorted"])
def _(node: Node, a: Foreign, k: Foreign = None) -> Any:
    axis = node.axis("axis", -1, len(a.shape))
    (count,) = node.ints("k", 1)
    if a.dtype.kind == "u":
        raise node.refuse("found unsigned integers to be sorted")
    places = np.argsort(-a if node.get("largest", 1) else a, axis=axis)[(*(slice(None),) * axis, slice(0, count))]
    return np.take_along_axis(a, places, axis), places


@reader_for("CumSum", "CumProd")
def _(node: Node, a: Foreign, axis: Foreign) -> Any:
    along = node.counted(int(node.number("axis", 1)), len(a.shape))
    lead = (slice(None),) * along
    if node.get("reverse", 0):
        a = np.flip(a, along)
    if node.get("exclusive", 0):
        a = a[(*lead, slice(0, -1))]
        width = [(int(i == along), 0) for i in range(len(a.shape))]
        a = np.pad(a, width, constant_values=int(node.kind == "CumProd"))
    found = (np.cumsum if node.kind == "CumSum" else np.cumprod)(a, axis=along)
    found = found if found.dtype == a.dtype else found.astype(a.dtype)
    return np.flip(found, along) if node.get("reverse", 0) else found


@reader_for("Softmax", "LogSoftmax", "Hardmax")
def _(node: Node, a: Foreign) -> Any:
    """Before operator set 13 over all axes from the one that is named."""
    old = node.version < 13
    axis = node.axis("axis", 1 if old else -1, len(a.shape))
    along: Any = tuple(range(axis, len(a.shape))) if old and axis < len(a.shape) - 1 else axis
    if node.kind != "Hardmax":
        return (boxes.Softmax if node.kind == "Softmax" else boxes.LogSoftmax).apply(a, axis=along)
    if not isinstance(along, int):
        raise node.refuse("found Hardmax over several axes")
    place = np.argmax(a, axis=along, keepdims=True)
    line = np.arange(node.few(a.shape[along])).reshape((-1,) + (1,) * (len(a.shape) - 1 - along))
    return (place == line).astype(a.dtype)


@reader_for("LpNormalization")
def _(node: Node, a: Foreign) -> Any:
    axis, power = node.get("axis", -1), node.get("p", 2)
    size = np.sum(np.abs(a) if power == 1 else a * a, axis=axis, keepdims=True)
    length = size if power == 1 else np.sqrt(size)
    return np.where(length == 0, a.dtype.type(0), a / np.where(length == 0, a.dtype.type(1), length))


@reader_for("LayerNormalization", idle=["stash_type"])
def _(node: Node, x: Foreign, scale: Foreign, shift: Foreign = None) -> Any:
    axes = tuple(range(node.axis("axis", -1, len(x.shape)), len(x.shape)))
    wide = stashed(node, x)
    mean = np.mean(wide, axis=axes, keepdims=True)
    apart = wide - mean
    rate = 1 / np.sqrt(np.mean(apart * apart, axis=axes, keepdims=True) + node.get("epsilon", 1e-5))
    h = (apart * rate).astype(x.dtype) * scale
    return h if shift is None else h + shift, mean, rate


@reader_for("RMSNormalization", idle=["stash_type"])
def _(node: Node, x: Foreign, scale: Foreign) -> Any:
    axes = tuple(range(node.axis("axis", -1, len(x.shape)), len(x.shape)))
    wide = stashed(node, x)
    root = np.sqrt(np.mean(wide * wide, axis=axes, keepdims=True) + node.get("epsilon", 1e-5))
    return (wide / root).astype(x.dtype) * scale


def stashed(node: Node, x: Foreign) -> Any:
    """Halves are computed with in single precision, unless the file says otherwise."""
    return x.astype(np.float32) if x.dtype == np.float16 and node.get("stash_type", 1) == 1 else x


@reader_for("MeanVarianceNormalization")
def _(node: Node, x: Foreign) -> Any:
    axes = tuple(node.get("axes", (0, 2, 3)))
    apart = x - np.mean(x, axis=axes, keepdims=True)
    return apart / (np.sqrt(np.mean(apart * apart, axis=axes, keepdims=True)) + 1e-9)


@reader_for("MatMul", light=False)
def _(node: Node, a: Foreign, b: Foreign) -> Any:
    return np.matmul(a, b)


@reader_for("Gemm", light=False)
def _(node: Node, a: Foreign, b: Foreign, c: Foreign = None) -> Any:
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    a = np.transpose(a) if node.get("transA", 0) else a
    b = np.transpose(b) if node.get("transB", 0) else b
    h = np.matmul(a, b)
    h = h if alpha == 1 else h * h.dtype.type(alpha)
    if c is None:
        return h
    return h + (c if beta == 1 else c * c.dtype.type(beta))


@reader_for("Einsum", light=False)
def _(node: Node, *operands: Foreign) -> Any:
    return np.einsum(node.get("equation").replace(" ", ""), *operands)


@reader_for("Det", light=False)
def _(node: Node, a: Foreign) -> Any:
    return np.linalg.det(a)


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


@rule_for(boxes.MatMul, when=lambda box: box.dtype.kind in "fiu" and box.dtype.itemsize > 2)
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    return writer.op("MatMul", *[writer.cast(name, box.dtype) for name in names])


@rule_for(boxes.Einsum, when=lambda box: box.dtype.kind == "f" and _spells_out(box))
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    return writer.op("Einsum", *[writer.cast(name, box.dtype) for name in names], equation=box.subscripts)


def _spells_out(box: Foreign) -> bool:
    """Whether the equation names all axes; one that a size of 1 is broadcast along is left to NumPy."""
    sizes: dict[str, Any] = {}
    terms = box.subscripts.replace(" ", "").split("->")[0].split(",")
    for term, child in zip(terms, box.children, strict=True):
        if "." in term or any(sizes.setdefault(letter, n) != n for letter, n in zip(term, child.shape, strict=True)):
            return False
    return "->" in box.subscripts


@parts_for(boxes.TensorDot)
def _(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """The equation with a letter for each axis."""
    letters = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    of_a, of_b = ([axis % len(c.shape) for axis in axes] for axes, c in zip(box.axes, (a, b), strict=True))
    left = [next(letters) for _ in a.shape]
    right = [left[of_a[of_b.index(axis)]] if axis in of_b else next(letters) for axis in range(len(b.shape))]
    kept = [c for i, c in enumerate(left) if i not in of_a] + [c for i, c in enumerate(right) if i not in of_b]
    return boxes.Einsum(a, b, subscripts=f"{''.join(left)},{''.join(right)}->{''.join(kept)}")


@rule_for(boxes.Det, when=lambda box: box.dtype.kind == "f")
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return writer.op("Det", writer.cast(a, box.dtype))


@parts_for(boxes.AddMatMul)
def _(box: Foreign, c: Foreign, left: Foreign, right: Foreign) -> Any:
    return c + np.matmul(left, right)
