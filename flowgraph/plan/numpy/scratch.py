"""Memory of a plan that the lines of a box use beside its buffer, and arrays that lie at one place in every run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.plan.arena import aligned
from flowgraph.plan.binding import Memory
from flowgraph.plan.numpy.lines import fill_of
from flowgraph.plan.numpy.rules import Writes
from flowgraph.plan.schedule import Buffer, Schedule

Shapes = Mapping[str, tuple[tuple[int, ...], Any]]
"""Arrays by name: shape and dtype."""


def give_scratch(plan: Schedule) -> None:
    """Give the lines of each box the memory that they use; it is free again in the next line."""
    for line, box in enumerate(plan.graph.boxes):
        writing = fill_of(box) if plan.kinds[box] == "fill" else None
        if writing is not None and writing.scratch is not None:
            plan.scratch[box] = Buffer(writing.scratch(box), line, line)


def bytes_of(shapes: Shapes) -> int:
    """Bytes of these arrays, one after another."""
    return sum(_bytes(*one) for one in shapes.values())


def arrays_in(memory: Memory, buffer: Buffer, shapes: Shapes) -> dict[str, Array]:
    """The arrays in the scratch memory of a box."""
    found, start = {}, buffer.start
    for name, (shape, dtype) in shapes.items():
        size = math.prod(shape) * np.dtype(dtype).itemsize
        found[name] = memory.arena[start : start + size].view(dtype).reshape(shape)
        start += _bytes(shape, dtype)
    return found


def _bytes(shape: tuple[int, ...], dtype: Any) -> int:
    return aligned(math.prod(shape) * np.dtype(dtype).itemsize)


def place_of(writer: Writes, box: Box, text: str) -> Callable[[Memory], Array | None]:
    """Where the value of a box is that its parents read by this text: None where that is another place in every run."""
    plan = writer.plan
    if not plan.is_fixed(box):
        return lambda memory: None
    name = writer.out(box) if plan.kinds[box] == "fill" else text
    return lambda memory: memory[name]
