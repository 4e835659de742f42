"""Which values of a forward pass are kept for the backward pass."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.graph.topology import topological_order
from flowgraph.shapes.size import Size


def kept_values(forward: Sequence[Box], backward: Sequence[Box]) -> list[Box]:
    """The boxes of the forward graph that boxes of the backward graph alone read, where an input can stand for them.

    What is no array of a shape that follows from those of the inputs (a box of several outputs, a size that depends on
    values) is computed again from what it reads, and so is what is read for its shape only.
    """
    inside = set(topological_order(forward))
    found: dict[Box, None] = {}
    again: set[Box] = set()
    waiting = [box for box in topological_order(backward) if box not in inside]
    waiting += [box for box in backward if box in inside]
    for box in waiting:  # grows while it is walked through
        read = [box] if box in inside and box not in again else _read(box)
        for child in read:
            if child not in inside or not child.children or child in found or child in again:
                continue
            if _can_be_kept(child):
                found[child] = None
            else:
                again.add(child)
                waiting.append(child)
    return list(found)


def _read(box: Box) -> list[Box]:
    """The children whose values a box reads."""
    like = "like" in box.constant_children
    return [
        child
        for name, child in zip(box.names_of_children(), box.children, strict=True)
        if not (like and name == "like")
    ]


def _can_be_kept(box: Box) -> bool:
    return len(box.outputs) == 1 and not any(isinstance(size, Size) and size.unknown for size in box.shape)
