"""Reshapes of one turned array that cannot be views share one copy: the others are views of it."""

from __future__ import annotations

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.rebuild import on_children, rebuild, shape_of, sizes_known


def share_copies(graph: Graph) -> Graph:
    """The graph in which an array that is turned is copied once, for all shapes in which it is read."""
    copied: dict[Box, Box] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        same = on_children(box, children)
        if not isinstance(same, Reshape) or not _is_copied(same):
            return same
        first = copied.setdefault(same.children[0], same)
        return same if first.shape == same.shape else Reshape(first, to=shape_of(same))

    return rebuild(graph, rule)


def _is_copied(box: Reshape) -> bool:
    """Whether NumPy copies the elements, if those of the array that is turned lie in rows."""
    (turned,) = box.children
    if not isinstance(turned, Transpose) or not all(map(sizes_known, (box, turned))):
        return False
    rows = np.empty(shape_of(turned.children[0]), np.int8)
    seen = np.asarray(turned.fprop(rows))
    return bool(rows.size) and not np.shares_memory(seen.reshape(shape_of(box)), rows)
