"""Specialisation: a graph with named sizes becomes one with numbers, and what depends on shapes is constant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.engine.shape_like import BroadcastLike, CountLike, ReshapeLike, SumLike, count
from flowgraph.boxes.indexing.index import ArangeLike
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.reshaping import BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.graph import Graph
from flowgraph.plan.provenance import of_shape
from flowgraph.plan.rebuild import all_sizes_known, on_children, rebuild
from flowgraph.shapes.size import evaluate


def concrete_leaves(graph: Graph, shapes: Mapping[Box, tuple[int, ...]], sizes: Mapping[str, int]) -> dict[Box, Box]:
    """For each leaf that is fed or drawn, the leaf of a known shape that stands for it."""
    leaves: dict[Box, Box] = {box: of_shape(box, shapes[box]) for box in graph.inputs}
    for box in graph.randoms:
        leaves[box] = of_shape(box, tuple(evaluate(size, sizes) for size in box.shape))
    return leaves


def specialise(graph: Graph, leaves: Mapping[Box, Box]) -> Graph:
    """The graph on these leaves, where what followed their shapes is fixed."""

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        return leaves.get(box, box) if not children else in_numbers(on_children(box, children))

    return rebuild(graph, rule)


def in_numbers(box: Box) -> Box:
    """A box that follows the shape of a child becomes one with that shape as a setting, if it is known."""
    if not all_sizes_known(box):
        return box
    if isinstance(box, CountLike):
        return Constant(box.dtype.type(count(box.children[0].shape, box.axis)))
    if isinstance(box, ArangeLike):
        return Constant(np.arange(box.shape[0]))
    if isinstance(box, SumLike):
        return _sum_to(box.children[0], box.shape)
    if isinstance(box, BroadcastLike):
        return BroadcastTo(box.children[0], to=box.shape)
    if isinstance(box, ReshapeLike | Reshape | ExpandDims | Squeeze):
        return Reshape(box.children[0], to=box.shape)
    return _without_like(box)


def _sum_to(a: Box, shape: tuple[Any, ...]) -> Box:
    """The sum over the axes along which `shape` was broadcast to that of `a`."""
    extra = len(a.shape) - len(shape)
    axes = tuple(i for i, size in enumerate(a.shape) if i < extra or shape[i - extra] != size)
    summed = Sum(a, axis=axes) if axes else a
    return summed if summed.shape == shape else Reshape(summed, to=shape)


def _without_like(box: Box) -> Box:
    """A child that is read for its shape and dtype only is a zero of that shape."""
    if "like" not in box.constant_children or "like" not in box.child_names:
        return box
    place = box.child_names.index("like")
    like = box.children[place]
    if isinstance(like, BroadcastTo) and isinstance(like.children[0], Constant):
        return box
    zeros = BroadcastTo(Constant(np.zeros((), like.dtype)), to=like.shape)
    return on_children(box, (*box.children[:place], zeros, *box.children[place + 1 :]))
