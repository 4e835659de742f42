"""Boxes without a rule for Numba become others, and large products are added to new values by BLAS."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np

from flowgraph.box import Box, Elementwise, Leaf
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate, SplitLike, Stack
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.blas import routine
from flowgraph.plan.numba.stacks import LARGE
from flowgraph.plan.numpy.rules import VIEWS
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, on_children, rebuild, shape_of, sizes_known


def in_parts(graph: Graph) -> Graph:
    """The graph with a slice for each part that an array is cut into, and stacks as arrays joined."""
    return rebuild(graph, lambda box, children: _rewritten(on_children(box, children)))


def add_products(graph: Graph, updates: int) -> Graph:
    """The graph in which AddMatMul stands for new values, the last outputs, to which a large product is added.

    Only where nobody else reads the new value or its terms: the product is then added in their memory.
    """
    readers = Counter(child for box in graph.boxes for child in box.children)
    readers.update(graph.outputs)
    new = set(graph.outputs[len(graph.outputs) - updates :])

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        same = on_children(box, children)
        if not isinstance(box, Add) or box not in new or readers[box] > 1:
            return same
        for product, other in (box.children, box.children[::-1]):
            if readers[product] == readers[other] == 1 and _is_large_product(product) and _is_made_here(other, box):
                turned = children if other is box.children[0] else children[::-1]
                return AddMatMul(turned[0], *turned[1].children)
        return same

    return rebuild(graph, rule)


def _is_large_product(box: Box) -> bool:
    if not isinstance(box, MatMul) or any(one.ndim != 2 or one.dtype != box.dtype for one in (box, *box.children)):
        return False
    between = shape_of(box.children[0])[1]
    large = elements(box) * between >= LARGE and min(*shape_of(box), between) > 1
    return large and routine(box.dtype) is not None and all(_is_matrix(child) for child in box.children)


def _is_matrix(box: Box) -> bool:
    """Whether the value lies in rows, or is the transpose of such a value."""
    inner = box.children[0] if isinstance(box, Transpose) else box
    return isinstance(inner, Leaf) or not VIEWS.has(inner)


def _is_made_here(box: Box, like: Box) -> bool:
    return (
        isinstance(box, Elementwise)
        and ufunc_of(box) is not None
        and box.shape == like.shape
        and box.dtype == like.dtype
    )


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
