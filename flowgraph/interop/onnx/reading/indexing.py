"""Operations that read and write elements by place."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.indexing.index import open_grid
from flowgraph.interop.onnx.reading.node import Node
from flowgraph.interop.onnx.reading.rules import reader_for
from flowgraph.shapes.size import Size


def _along(axis: int, item: Foreign) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, item)


@reader_for("Gather")
def _(node: Node, a: Foreign, places: Foreign) -> Any:
    axis = node.axis("axis", 0, len(a.shape))
    if isinstance(places, Constant) and not places.shape:
        return a[_along(axis, int(places.value))]
    return a[_along(axis, places)]


@reader_for("GatherElements")
def _(node: Node, a: Foreign, places: Foreign) -> Any:
    axis = node.axis("axis", 0, len(a.shape))
    index = [slice(None) if i == axis or size == own else slice(0, size)
             for i, (size, own) in enumerate(zip(places.shape, a.shape, strict=True))]  # fmt: skip
    return np.take_along_axis(a[tuple(index)] if any(i != slice(None) for i in index) else a, places, axis)


@reader_for("GatherND")
def _(node: Node, a: Foreign, places: Foreign) -> Any:
    batch, depth = node.get("batch_dims", 0), places.shape[-1]
    if isinstance(depth, Size):
        raise node.refuse("found indices whose last axis has a symbolic size")
    lines = open_grid(places, range(batch), ndim=len(places.shape) - 1, at=range(batch))
    return a[(*lines, *(places[..., i] for i in range(depth)))]


@reader_for("ScatterElements", "Scatter")
def _(node: Node, a: Foreign, places: Foreign, updates: Foreign) -> Any:
    axis = node.axis("axis", 0, len(a.shape))
    others = [i for i in range(len(a.shape)) if i != axis]
    index: list[Any] = open_grid(places, others, ndim=len(a.shape), at=others)
    index.insert(axis, places)
    return _scattered(node, a, tuple(index), updates)


@reader_for("ScatterND")
def _(node: Node, a: Foreign, places: Foreign, updates: Foreign) -> Any:
    return _scattered(node, a, tuple(places[..., i] for i in range(places.shape[-1])), updates)


def _scattered(node: Node, a: Foreign, index: tuple[Any, ...], updates: Foreign) -> Any:
    reduction = node.get("reduction", "none")
    if reduction == "none":
        return boxes.set_at(a, index, updates)
    if reduction != "add":
        raise node.refuse(f"found reduction={reduction!r}, needs 'none' or 'add'")
    return boxes.add_at(a, index, updates)


@reader_for("Compress")
def _(node: Node, a: Foreign, condition: Foreign) -> Any:
    if "axis" not in node.attributes:
        a = np.reshape(a, (-1,))
    axis = node.axis("axis", 0, len(a.shape))
    count, size = condition.shape[0], a.shape[axis]
    if count != size:
        a = a[_along(axis, slice(0, count))]
    return a[_along(axis, condition)]


@reader_for("OneHot")
def _(node: Node, places: Foreign, depth: Foreign, values: Foreign) -> Any:
    """A place below 0 counts from the end; one outside has no element that is on."""
    count = node.few(np.ravel(node.known(1))[0])
    axis = node.axis("axis", -1, len(places.shape) + 1)
    numbers = np.where(places < 0, places + places.dtype.type(count), places)
    line = np.arange(count).reshape((-1,) + (1,) * (len(places.shape) - axis)).astype(places.dtype)
    return np.where(np.expand_dims(numbers, axis) == line, values[1], values[0])


@reader_for("NonZero")
def _(node: Node, a: Foreign) -> Any:
    found = np.nonzero(a)
    return np.stack(found if isinstance(found, tuple | list) else tuple(found))
