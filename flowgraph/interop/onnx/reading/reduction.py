"""Reductions, accumulations, normal forms and orders along axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.reading.node import Node
from flowgraph.interop.onnx.reading.rules import reader_for

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
