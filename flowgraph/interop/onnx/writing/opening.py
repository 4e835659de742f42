"""A graph in which every box is one that the ONNX back end has a rule for, as far as boxes can be opened."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Leaf
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.graph import Graph
from flowgraph.graph.topology import topological_order
from flowgraph.interop.onnx.package import WRITTEN
from flowgraph.interop.onnx.writing.rules import OPERATIONS, PARTS
from flowgraph.plan.passes.opening import open_composites
from flowgraph.plan.rebuild import on_children, rebuild
from flowgraph.shapes.spec import same

DEEPEST = 40
"""Boxes inside boxes, after which one is not opened further: it may be made of itself."""


def open_boxes(graph: Graph) -> Graph:
    """The graph with each box without a rule replaced by what its fprop builds on boxes, where that can be written."""
    single = open_composites(graph, lambda box: len(box.outputs) == 1 or is_written(box), symbolic=True)
    return rebuild(single, lambda box, children: _opened(on_children(box, children), DEEPEST))


def is_written(box: Box) -> bool:
    """Whether the box is written as operations: it has a rule, and dtypes that ONNX computes with."""
    if isinstance(box, Leaf):
        return all(spec.dtype in WRITTEN for spec in box.outputs)
    specs = [spec for each in (box, *box.children) for spec in each.outputs]
    return isinstance(box, Part) or (OPERATIONS.of(box) is not None and all(spec.dtype in WRITTEN for spec in specs))


def _opened(box: Box, depth: int) -> Box:
    if isinstance(box, Leaf | Part) or is_written(box) or not depth:
        return box
    inside = _built(box)
    if inside is None:
        return box
    new: dict[Box, Box] = {child: child for child in box.children}
    for part in topological_order([inside]):
        if part in new:
            continue
        children = [new.get(child, child) for child in part.children]
        new[part] = _opened(on_children(part, children), depth - 1) if part.children else part
        if not _is_whole(new[part], set(box.children)):
            return box  # the box itself is what a user knows, and is named in the error
    return new[inside]


def _is_whole(box: Box, known: set[Box]) -> bool:
    """Whether everything between the children and the box can be written."""
    return box in known or is_written(box)


def _built(box: Box) -> Box | None:
    """A replacement for the box with the same shape and dtype; None if its fprop does not run on boxes."""
    rule = PARTS.of(box)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            inside = rule.function(box, *box.children) if rule else box.fprop(*box.children)
    except Exception:  # whatever a fprop raises on boxes, on arrays it may run
        return None
    return inside if _fits(inside, box) else None


def _fits(inside: Foreign, box: Box) -> bool:
    if not isinstance(inside, Box) or len(inside.outputs) != 1 or len(box.outputs) != 1 or type(inside) is type(box):
        return False
    return inside.dtype == box.dtype and _same_shape(inside.shape, box.shape)


def _same_shape(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(map(same, one, other))
