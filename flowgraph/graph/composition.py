"""A graph on boxes: its outputs built anew, with boxes in the place of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from flowgraph.box import Box, Constant, Leaf
from flowgraph.errors import FeedError, ShapeError
from flowgraph.graph.steps import replace_leaves
from flowgraph.graph.topology import Topology
from flowgraph.shapes.size import Size, substitute
from flowgraph.shapes.spec import shape_text


def build_on(graph: Topology, arguments: Sequence[Any], named: Mapping[str, Any]) -> list[Box]:
    """The outputs of a graph with these boxes in the place of its inputs, by position and by name.

    What no input reaches, parameters among it, is shared with the graph. A named size of an input is that of the box
    which stands for it, in random leaves too.
    """
    boxes = _boxes_of_inputs(graph, arguments, named)
    sizes = _sizes_on(graph, boxes)
    randoms = {leaf: _of_sizes(cast(Leaf, leaf), sizes) for leaf in graph.randoms}
    made = replace_leaves(graph.boxes, graph.slots, {**boxes, **randoms})
    return [made[graph.slots[output]] for output in graph.outputs]


def _boxes_of_inputs(graph: Topology, arguments: Sequence[Any], named: Mapping[str, Any]) -> dict[Box, Box]:
    """The box for each input; arrays are constants."""
    names = [str(graph.names[leaf]) for leaf in graph.inputs]
    if len(arguments) > len(names):
        raise FeedError(f"Graph: found {len(arguments)} arguments, needs one for each input: {', '.join(names)}")
    by_name = dict(zip(names, arguments, strict=False))
    strange = [name for name in named if name not in names or name in by_name]
    if strange:
        problem = f"two boxes for the input {strange[0]!r}" if strange[0] in names else f"no input {strange[0]!r}"
        raise FeedError(f"Graph: found {problem}, needs one box for each input: {', '.join(names)}")
    by_name.update(named)
    missing = [name for name in names if name not in by_name]
    if missing:
        raise FeedError(f"Graph: found no box for the input {missing[0]!r}, needs one for each: {', '.join(names)}")
    boxes = {}
    for leaf, name in zip(graph.inputs, names, strict=True):
        value = by_name[name]
        boxes[leaf] = box = value if isinstance(value, Box) else Constant(value)
        if box.dtype != leaf.dtype:
            raise FeedError(f"{name}: found a box of {box.dtype}, needs {leaf.dtype}; box.astype({str(leaf.dtype)!r})")
    return boxes


def _sizes_on(graph: Topology, boxes: Mapping[Box, Box]) -> dict[str, int | Size]:
    """The size that each named size of the inputs becomes."""
    sizes: dict[str, int | Size] = {}
    for leaf, box in boxes.items():
        fits = len(leaf.shape) == len(box.shape)
        for size, found in zip(leaf.shape, box.shape, strict=False):
            if isinstance(size, Size) and size in size.names and not (isinstance(found, Size) and found.unknown):
                sizes.setdefault(size, found)
        fits = fits and all(substitute(n, sizes) == found for n, found in zip(leaf.shape, box.shape, strict=True))
        if not fits:
            raise ShapeError(
                f"{graph.names[leaf]}: found a box of the shape {shape_text(box.shape)}, needs {shape_text(leaf.shape)}"
                f"{''.join(f', {name} = {size}' for name, size in sizes.items() if size != name)}; an input of a size "
                f"that varies has a name for it"
            )
    return sizes


def _of_sizes(leaf: Leaf, sizes: Mapping[str, int | Size]) -> Leaf:
    """A random leaf with the sizes that stand for the names of its own."""
    shape = tuple(substitute(size, sizes) for size in leaf.shape)
    return leaf if shape == leaf.shape else leaf._with_shape(shape)
