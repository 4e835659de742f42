"""Operations that read and write elements by place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.indexing.gather import index_along_axis
from flowgraph.boxes.indexing.index import open_grid
from flowgraph.interop.onnx.export import Writer
from flowgraph.interop.onnx.node import Node
from flowgraph.interop.onnx.shape import LAST
from flowgraph.interop.onnx.table import parts_for, read_by, reader_for, rule_for
from flowgraph.interop.rules import along, taken_along
from flowgraph.shapes.size import Shape, Size, product


@reader_for("Gather")
def read_gather(node: Node, a: Foreign, places: Foreign) -> Any:
    """Elements along an axis; one place takes the axis away."""
    axis = node.axis("axis", 0, len(a.shape))
    if isinstance(places, Constant) and not places.shape:
        return a[along(a, axis, int(places.value))]
    return a[along(a, axis, places)]


@reader_for("GatherND")
def read_gather_nd(node: Node, a: Foreign, places: Foreign) -> Any:
    """Elements at places along the first axes."""
    batch = node.at_most(node.get("batch_dims", 0), len(a.shape), "axes of batches")
    depth = _depth(node, a, places)
    lines = _grid(node, places, range(batch), len(places.shape) - 1)
    return a[(*lines, *(places[..., i] for i in range(depth)))]


def _grid(node: Node, places: Foreign, axes: Sequence[int], ndim: int) -> list[Any]:
    """The places along each of these axes."""
    _reserve_grid(node, places, axes)
    return open_grid(places, axes, ndim=ndim, at=axes)


def _reserve_grid(node: Node, places: Foreign, axes: Sequence[int]) -> None:
    """Count the memory of the places along these axes, which are made where the sizes are known."""
    for size in (places.shape[axis] for axis in axes):
        node.make(0 if isinstance(size, Size) else 8 * size)


def _depth(node: Node, a: Foreign, places: Foreign) -> int:
    """Along how many axes the last axis of these indices has places."""
    return node.at_most(places.shape[-1], len(a.shape), "axes of places")


@reader_for("ScatterElements", "Scatter")
def read_scatter_elements(node: Node, a: Foreign, places: Foreign, updates: Foreign) -> Any:
    """Elements put at the places that they name along an axis."""
    axis = node.axis("axis", 0, len(a.shape))
    _reserve_grid(node, places, [i for i in range(len(a.shape)) if i != axis])
    return _scatter_updates(node, a, index_along_axis(places, places, axis), updates)


def _scatter_updates(node: Node, a: Foreign, index: tuple[Any, ...], updates: Foreign) -> Any:
    reduction = node.get("reduction", "none")
    if reduction == "none":
        return boxes.set_at(a, index, updates)
    if reduction != "add":
        raise node.refuse(f"found reduction={reduction!r}, needs 'none' or 'add'")
    return boxes.add_at(a, index, updates)


@reader_for("Compress")
def read_compress(node: Node, a: Foreign, condition: Foreign) -> Any:
    """Elements where a condition holds, of an axis or of the flat array."""
    if "axis" not in node.attributes:
        a = np.reshape(a, (-1,))
    axis = node.axis("axis", 0, len(a.shape))
    count, size = condition.shape[0], a.shape[axis]
    if count != size:
        a = a[along(a, axis, slice(0, count))]
    return a[along(a, axis, condition)]


@reader_for("OneHot")
def read_one_hot(node: Node, places: Foreign, depth: Foreign, values: Foreign) -> Any:
    """Rows with one element on; a place below 0 counts from the end, and of one outside all elements are off."""
    count = node.few(np.ravel(node.value_of_input(1))[0])
    axis = node.axis("axis", -1, len(places.shape) + 1)
    numbers = np.where(places < 0, places + places.dtype.type(count), places)
    line = np.arange(count).reshape((-1,) + (1,) * (len(places.shape) - axis)).astype(places.dtype)
    return np.where(np.expand_dims(numbers, axis) == line, values[1], values[0])


read_by({
    "GatherElements": lambda node, a, places: taken_along(a, places, node.axis("axis", 0, len(a.shape))),
    "ScatterND": lambda node, a, places, updates: _scatter_updates(
        node, a, tuple(places[..., i] for i in range(_depth(node, a, places))), updates
    ),
    "NonZero": lambda node, a: np.stack(tuple(np.nonzero(a))),
})  # fmt: skip


@rule_for(boxes.Index)
def write_index(writer: Writer, box: Foreign, a: str, *indices: str) -> Any:
    """The operations for a NumPy index."""
    dims = [len(child.shape) for child in box.children[1:]]
    return write_indexing(writer, a, len(box.children[0].shape), box.index, list(zip(indices, dims, strict=True)))


def write_indexing(writer: Writer, a: str, ndim: int, index: Sequence[Any], arrays: Sequence[tuple[str, int]]) -> str:
    """The operations for a NumPy index of a value with so many axes; `arrays` are the arrays in it with their axes."""
    items = _per_axis(writer, ndim, index, arrays)
    new = [i for i, item in enumerate(items) if item is None]
    if new:
        a = writer.op("Unsqueeze", a, writer.ints(*new))
        items = [slice(None) if item is None else item for item in items]
    a = _write_slices(writer, a, items)
    chosen = [(axis, item) for axis, item in enumerate(items) if isinstance(item, tuple)]
    places = [(axis, int(item)) for axis, item in enumerate(items) if isinstance(item, int | np.integer)]
    if not chosen:
        for axis, place in reversed(places):
            a = writer.op("Gather", a, writer.constant(place, np.int64), axis=axis)
        return a
    chosen += [(axis, (writer.constant(place, np.int64), 0)) for axis, place in places]
    chosen.sort(key=lambda pair: pair[0])
    if len(chosen) == 1:
        axis, (name, _) = chosen[0]
        return str(writer.op("Gather", a, name, axis=axis))
    return _write_gather(writer, a, len(items), chosen, _stand_together(index))


def _per_axis(writer: Writer, ndim: int, index: Sequence[Any], arrays: Sequence[tuple[str, int]]) -> list[Any]:
    """A slice, a number, None, or (name, number of axes) of an array of places for every axis of the value."""
    rest, items = iter(arrays), []
    for item in index:
        if not isinstance(item, str) or isinstance(item, Size):
            items.append([item])
            continue
        name, axes = next(rest)
        items.append(_places(writer, name, axes))
    read = sum(item is not None and item is not ... for listed in items for item in listed)
    full: list[Any] = []
    for listed in items:
        full += [slice(None)] * (ndim - read) if listed == [...] else listed
    return full + [slice(None)] * (ndim - sum(item is not None for item in full))


def _places(writer: Writer, name: str, axes: int) -> list[Any]:
    """An array of integers as it is; a mask as the places where it is true, along each of its axes."""
    if writer.dtypes[name] != np.bool_:
        return [(writer.cast(name, np.int64), axes)]
    if not axes:
        raise LookupError("its index is a single boolean, which ONNX cannot express; use an array of booleans")
    nonzero = writer.op("NonZero", name, dtype=np.int64)
    return [(writer.op("Gather", nonzero, writer.constant(i, np.int64), axis=0), 1) for i in range(axes)]


def _write_slices(writer: Writer, a: str, items: Sequence[Any]) -> str:
    cuts = [(axis, item) for axis, item in enumerate(items) if isinstance(item, slice) and item != slice(None)]
    if not cuts:
        return a
    steps = [item.step or 1 for _, item in cuts]
    ends = [(0 if step > 0 else LAST, LAST if step > 0 else -LAST) for step in steps]
    starts = [first if item.start is None else item.start for (_, item), (first, _) in zip(cuts, ends, strict=True)]
    stops = [last if item.stop is None else item.stop for (_, item), (_, last) in zip(cuts, ends, strict=True)]
    axes = writer.ints(*(axis for axis, _ in cuts))
    return str(writer.op("Slice", a, writer.shape(tuple(starts)), writer.shape(tuple(stops)), axes,
                         writer.ints(*steps)))  # fmt: skip


def _stand_together(index: Sequence[Any]) -> bool:
    """Whether all arrays and numbers of an index follow each other, so that their axes stay where they are."""
    kinds = [not (item is None or item is ... or isinstance(item, slice)) for item in index]
    first, last = kinds.index(True), len(kinds) - kinds[::-1].index(True)
    return all(kinds[first:last])


def _write_gather(writer: Writer, a: str, ndim: int, chosen: Sequence[tuple[int, Any]], together: bool) -> str:
    """Elements at places along several axes."""
    axes = [axis for axis, _ in chosen]
    rest = [axis for axis in range(ndim) if axis not in axes]
    if axes != list(range(len(axes))):
        a = writer.op("Transpose", a, perm=[*axes, *rest])
    places, count = _stack_places(writer, [pair for _, pair in chosen])
    gathered: str = writer.op("GatherND", a, places)
    before = sum(axis < axes[0] for axis in rest)
    if not together or not before:
        return gathered
    order = [*range(count, count + before), *range(count), *range(count + before, count + len(rest))]
    return str(writer.op("Transpose", gathered, perm=order))


def _stack_places(writer: Writer, pairs: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """Arrays of places, broadcast against each other, along a new last axis; and the number of axes before it."""
    zero = writer.constant(0, np.int64)
    for name, _ in pairs:
        zero = writer.op("Add", zero, writer.op("Mul", name, writer.constant(0, np.int64)))
    full = [writer.op("Unsqueeze", writer.op("Add", name, zero), writer.ints(-1)) for name, _ in pairs]
    return str(writer.op("Concat", *full, axis=-1)), max(axes for _, axes in pairs)


@rule_for(boxes.IndexAdd, boxes.SetAt)
def write_scattered(writer: Writer, box: Foreign, *names: str) -> Any:
    """By the flat place of every element: the places of all elements, of which the index takes some."""
    adds = isinstance(box, boxes.IndexAdd)
    dims = [len(child.shape) for child in box.children[2:]]
    flat = _flat_places(writer, box.shape)
    taken = write_indexing(writer, flat, len(box.shape), box.index, list(zip(names[2:], dims, strict=True)))
    places = writer.op("Reshape", taken, writer.ints(-1))
    values = writer.op("Reshape", writer.cast(names[0 if adds else 1], box.dtype), writer.ints(-1))
    if adds:
        start = writer.op("Expand", writer.constant(0, box.dtype), writer.size(product(box.shape)))
    else:
        start = writer.op("Reshape", writer.cast(names[0], box.dtype), writer.ints(-1))
    done = writer.op("ScatterElements", start, places, values, axis=0, reduction="add" if adds else None)
    return writer.op("Reshape", done, writer.shape(box.shape), allowzero=1)


def _flat_places(writer: Writer, shape: Shape) -> str:
    total = writer.op("Squeeze", writer.size(product(shape)))
    line = writer.op("Range", writer.constant(0, np.int64), total, writer.constant(1, np.int64))
    return str(writer.op("Reshape", line, writer.shape(shape), allowzero=1))


@rule_for(boxes.TakeAlongAxis, when=lambda box: bool(box.shape))
def write_taken_along(writer: Writer, box: Foreign, a: str, indices: str) -> Any:
    """Both values repeated along the other axes."""
    axis = box.axis % len(box.shape)
    wanted = list(box.shape)
    names = []
    for name, child in zip((a, writer.cast(indices, np.int64)), box.children, strict=True):
        full = tuple(child.shape[i] if i == axis else size for i, size in enumerate(wanted))
        names.append(name if child.shape == full else writer.op("Expand", name, writer.shape(full)))
    return writer.op("GatherElements", *names, axis=axis)


@rule_for(boxes.Nonzero)
def write_nonzero(writer: Writer, box: Foreign, a: str) -> Any:
    """The places along each axis."""
    nonzero = writer.op("NonZero", a, dtype=np.int64)
    lines = tuple(writer.op("Gather", nonzero, writer.constant(i, np.int64), axis=0) for i in range(len(box.outputs)))
    return lines if len(lines) > 1 else lines[0]


@parts_for(boxes.SearchSorted)
def search_sorted(box: Foreign, a: Foreign, v: Foreign) -> Any:
    """The number of elements below: those of a sorted row."""
    below = (a < v[..., None]) if box.side == "left" else (a <= v[..., None])
    return np.sum(below.astype(np.int64), axis=-1)


@parts_for(boxes.Digitize, when=lambda box: box.children[1].shape[0] != 0)
def digitize(box: Foreign, x: Foreign, bins: Foreign) -> Any:
    """The number of edges below, or not above; of a row that descends those above, or not below."""
    values = x[..., None]
    rising, falling = (bins < values, bins >= values) if box.right else (bins <= values, bins > values)
    return np.sum(np.where(bins[0] <= bins[-1], rising, falling).astype(np.int64), axis=-1)
