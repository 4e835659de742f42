"""What a box is made of: the boxes that its `parts` builds on its children."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box.base import Box
from flowgraph.shapes.spec import same


def inside_of(box: Box, build: Callable[..., Any] | None = None) -> tuple[Box, ...] | None:
    """The boxes that stand for the outputs of a box, built on its children; None where it is made of no others.

    They have the shapes and the dtypes of the outputs, and the bits of the value. A box that reads arrays, such as one
    that loops over values, is made of none. `build(box, *children)` builds others in the place of `box.parts`.
    """
    try:
        with np.errstate(all="ignore"):
            built = box.parts(*box.children) if build is None else build(box, *box.children)
    except Exception:  # whatever a fprop raises on boxes, on arrays it may run
        return None
    inside = built if isinstance(built, tuple) else (built,)
    if isinstance(built, tuple) != (len(box.outputs) > 1) or len(inside) != len(box.outputs):
        return None
    for part, spec in zip(inside, box.outputs, strict=True):
        if not isinstance(part, Box) or len(part.outputs) != 1 or part.dtype != spec.dtype or type(part) is type(box):
            return None
        if len(part.shape) != len(spec.shape) or not all(map(same, part.shape, spec.shape)):
            return None
    return inside


def boxes_between(children: Sequence[Box], outputs: Sequence[Box]) -> list[Box]:
    """The boxes from the children, not counted, up to the outputs, each after what it reads."""
    order: list[Box] = []
    seen = set(children)
    stack = [(output, False) for output in reversed(outputs)]
    while stack:
        box, done = stack.pop()
        if done:
            order.append(box)
        elif box not in seen:
            seen.add(box)
            stack.append((box, True))
            stack.extend((child, False) for child in box.children)
    return order
