"""From what a user gives to a graph to the values of its leaves: dtype, shape, and the sizes that names stand for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.errors import DtypeError, FeedError, ShapeError
from flowgraph.leaves import Input
from flowgraph.size import Size, evaluate
from flowgraph.spec import shape_text

if TYPE_CHECKING:
    from flowgraph.graph import Graph


def feed(graph: Graph, values: list[Any], feeds: Mapping[Any, Any] | None, named: Mapping[str, Any]) -> dict[str, int]:
    """Put the fed arrays, copied, into the list of values; return the size of each named axis."""
    given = read_feeds(graph, feeds, named)
    missing = [box for box in graph.inputs if box not in given]
    if missing:
        raise FeedError(
            f"fprop: needs {', '.join(f'{graph.names[b]} {b.spec}' for b in missing)}; found "
            f"{', '.join(graph.names[b] for b in given) or 'nothing'}; give it by name, {graph.names[missing[0]]}=..., "
            f"or in a dict of boxes"
        )
    for box, value in given.items():
        values[graph.slots[box]] = value
    return bind_sizes(graph, {box: values[graph.slots[box]].shape for box in graph.inputs})


def read_feeds(graph: Graph, feeds: Mapping[Any, Any] | None, named: Mapping[str, Any]) -> dict[Box, Any]:
    """The fed arrays by box, each of the dtype of its leaf."""
    given = {}
    for key, value in {**(feeds or {}), **named}.items():
        box = graph.box(key)
        if box.children or isinstance(box, Constant):
            raise FeedError(
                f"fprop: found a value for {graph.names[box]!r}, which is a {type(box).__name__}; "
                f"only inputs, parameters and random leaves are fed"
            )
        given[box] = read_array(graph.names[box], box, value)
    return given


def read_array(name: str, leaf: Box, value: Any) -> Any:
    """A read-only copy of what is fed to a leaf, of the leaf's dtype; 0-d arrays become scalars."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise FeedError(f"{name}: found what is no array ({error}), needs {leaf.spec}") from None
    if array.dtype.kind not in "biufc" or not np.can_cast(array.dtype, leaf.dtype, "same_kind"):
        raise DtypeError(
            f"{name}: found dtype {array.dtype}, needs {leaf.dtype}; convert it, or declare the input with "
            f"dtype={str(array.dtype)!r}"
        )
    if array.ndim != len(leaf.shape):
        raise ShapeError(f"{name}: found the shape {shape_text(array.shape)}, needs {shape_text(leaf.shape)}")
    copy = np.array(array, leaf.dtype)
    copy.setflags(write=False)
    if not isinstance(leaf, Input) and copy.shape != leaf.shape and all(isinstance(s, int) for s in leaf.shape):
        raise ShapeError(f"{name}: found the shape {shape_text(copy.shape)}, needs {shape_text(leaf.shape)}")
    return copy[()]


def bind_sizes(graph: Graph, shapes: Mapping[Box, tuple[int, ...]]) -> dict[str, int]:
    """The number that each named size has, the same for every input."""
    sizes: dict[str, int] = {}
    owner: dict[str, str] = {}
    for box, shape in shapes.items():
        name = graph.names[box]
        for size, found in zip(box.shape, shape, strict=True):
            if isinstance(size, Size) and size not in sizes and not size.names <= sizes.keys():
                sizes[size], owner[size] = found, name
                continue
            needed = sizes[size] if isinstance(size, Size) and size in sizes else evaluate(size, sizes)
            if needed != found:
                whose = f", and {size} = {needed}" if isinstance(size, Size) else ""
                whose += f" in {owner[size]!r}" if size in owner else ""
                raise ShapeError(f"{name}: found the shape {shape_text(shape)}, needs {shape_text(box.shape)}{whose}")
    return sizes


def unknown_box(graph: Graph, key: Any) -> str:
    """What to say of a box or a name that the graph does not hold."""
    if isinstance(key, Box):
        return f"{key.title}: is not in this graph; it holds the boxes that its outputs read"
    if not isinstance(key, str):
        return f"found {key!r}, needs a box of the graph or its name"
    near = difflib.get_close_matches(key, graph.names.values(), 3, 0.5) or list(graph.names.values())[:8]
    return f"no box of the graph is called {key!r}; near it: {', '.join(near)}"
