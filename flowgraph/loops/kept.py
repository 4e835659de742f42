"""Which values of a step are stored for the reverse loop, and not recomputed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.boxes.elementwise import arithmetic
from flowgraph.graph.topology import topological_order
from flowgraph.loops.body import Body, ElementInput
from flowgraph.loops.numbers import LARGEST
from flowgraph.plan.rebuild import sizes_known
from flowgraph.shapes.size import Size


def worth_keeping(body: Body, outputs: Sequence[Box]) -> dict[Box, Box]:
    """The values of a step that these outputs of its reverse read and that cost more to compute than to keep.

    For each there is the slot which stands for it in the reverse. Sums, products and moved elements are computed again,
    and so is all of a body of few numbers. So is an inner loop, whose stacked carries would
    otherwise be kept for each step of the outer one.
    """
    if _is_small(body):
        return {}
    forward = topological_order(body.results)
    known = set(forward)
    reading = [box for box in topological_order(outputs) if box not in known]
    read = {child for box in reading for child in box.children} | set(outputs)
    dear: set[Box] = set()
    found: dict[Box, Box] = {}
    for box in forward:
        if not box.children or not (_is_dear(box) or any(child in dear for child in box.children)):
            continue
        if box in read and _is_stackable(box):
            found[box] = ElementInput(shape=box.shape, dtype=box.dtype)
        else:
            dear.add(box)
    return found


def _is_small(body: Body) -> bool:
    """Whether the body may run as Python's numbers."""
    parts = (*body.leaves, *body.results)
    return all(map(sizes_known, parts)) and sum(math.prod(map(int, part.shape)) for part in parts) <= LARGEST


def _is_dear(box: Box) -> bool:
    """Whether the box does more than to add, multiply or move elements."""
    return box.arithmetic and type(box).__module__ != arithmetic.__name__


def _is_stackable(box: Box) -> bool:
    return len(box.outputs) == 1 and not any(isinstance(size, Size) and size.unknown for size in box.shape)
