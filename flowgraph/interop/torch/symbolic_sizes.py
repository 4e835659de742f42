"""Sizes that vary in an exported program, as the sizes of boxes, and arrays that are made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from flowgraph.box import Box
from flowgraph.box.value import Foreign
from flowgraph.errors import UnsupportedError
from flowgraph.shapes.size import Size, fit

_SAMPLES = (3, 4, 7, 12)
_batch: ContextVar[Box | None] = ContextVar("flowgraph_batch", default=None)


def size_of(size: Foreign, name: str | None) -> Any:
    """A size of a tensor: a number, or an expression of the batch size, which has a name."""
    if not isinstance(size, torch.SymInt):
        return size
    expression = size.node.expr
    symbols = sorted(expression.free_symbols, key=str)
    if not symbols:
        return int(expression)
    if name is not None and len(symbols) == 1:
        found = fit([({name: number}, int(expression.subs(symbols[0], number))) for number in _SAMPLES])
        if not isinstance(found, Size) or not found.unknown:
            return found
    raise UnsupportedError(f"graph_of: found the size {expression}, which does not follow from those of the inputs")


def shape_of(tensor: Foreign, name: str | None) -> tuple[Any, ...]:
    """The shape of a tensor of an exported program."""
    return tuple(size_of(size, name) for size in tensor.shape)


@contextmanager
def batch_of(box: Box | None) -> Iterator[None]:
    """While rules run: a box whose first axis is that of the batch."""
    token = _batch.set(box)
    try:
        yield
    finally:
        _batch.reset(token)


def filled(size: Sequence[Any], value: Foreign) -> Any:
    """The same number everywhere; a size that has a name is taken from the box of the batch."""
    named = [place for place, one in enumerate(size) if isinstance(one, Size)]
    if not named:
        return np.full(tuple(size), value)
    batch: Any = _batch.get()
    if len(named) > 1 or batch is None or size[named[0]] != batch.shape[0]:
        raise UnsupportedError(f"graph_of: found an array of the shape {tuple(size)}, made of sizes that vary")
    (place,) = named
    row = np.full_like(batch[(slice(None), *(0 for _ in batch.shape[1:]))], value, dtype=np.asarray(value).dtype)
    return np.broadcast_to(np.reshape(row, (-1, *(1 for _ in size[place + 1 :]))), tuple(size))
