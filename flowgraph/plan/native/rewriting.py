"""Arrays cut into parts become slices, and arrays stacked become arrays joined, which loops know."""

from __future__ import annotations

import itertools

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.indexing import Index
from flowgraph.boxes.joining import Concatenate, SplitLike, Stack
from flowgraph.boxes.part import Part
from flowgraph.boxes.shape import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.rebuild import on_children, rebuild, shape_of, sizes_known


def in_parts(graph: Graph) -> Graph:
    """The graph with a slice for each part that an array is cut into, and stacks as arrays joined."""
    return rebuild(graph, lambda box, children: _rewritten(on_children(box, children)))


def _rewritten(box: Box) -> Box:
    if isinstance(box, Part) and isinstance(box.children[0], SplitLike):
        return _slice(box, box.children[0])
    if isinstance(box, Stack) and sizes_known(box):
        shape = list(shape_of(box))
        shape[box.axis % box.ndim] = 1
        joined = [Reshape(child, to=tuple(shape)) for child in box.children]
        if all(child.dtype == box.dtype for child in box.children):
            return joined[0] if len(joined) == 1 else Concatenate(*joined, axis=box.axis % box.ndim)
    return box


def _slice(part: Part, split: SplitLike) -> Box:
    a, *likes = split.children
    if not all(map(sizes_known, split.children)):
        return part
    axis = int(np.lib.array_utils.normalize_axis_index(split.axis, a.ndim))
    ends = list(itertools.accumulate((shape_of(like)[axis] for like in likes), initial=0))
    start, stop = ends[part.index : part.index + 2]
    return Index(a, index=(*[slice(None)] * axis, slice(start, stop)))
