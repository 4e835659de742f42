"""Sizes that vary in an exported program, as the sizes of boxes, and the numbers and arrays that are made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from flowgraph.box import Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import arange_like, count_like
from flowgraph.boxes.indexing.index import lifted
from flowgraph.errors import UnsupportedError
from flowgraph.shapes.size import Size, fit

_SAMPLES = (3, 4, 7, 12)


class Batch:
    """The size that varies: its name, its symbol in the program, and a box whose first axis has it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.symbol: Any = None
        self.box: Any = None
        self.sizes: dict[Box, Size] = {}

    def read(self, tensor: Foreign) -> None:
        """Find the symbol in the first axis of an input."""
        if self.symbol is None and tensor.ndim and isinstance(tensor.shape[0], torch.SymInt):
            (self.symbol,) = tensor.shape[0].node.expr.free_symbols or (None,)


_batch: ContextVar[Batch | None] = ContextVar("flowgraph_batch", default=None)


@contextmanager
def batch_of(batch: Batch | None) -> Iterator[None]:
    """While a program is read: the size that varies, if one does."""
    token = _batch.set(batch)
    try:
        yield
    finally:
        _batch.reset(token)


def size_of(size: Foreign) -> Any:
    """A size of a tensor: a number, or an expression of the batch size, which has a name."""
    if not isinstance(size, torch.SymInt):
        return size
    expression = size.node.expr
    if not expression.free_symbols:
        return int(expression)
    batch = _batch.get()
    if batch is not None and expression.free_symbols == {batch.symbol}:
        fitted = fit([({batch.name: number}, int(expression.subs(batch.symbol, number))) for number in _SAMPLES])
        if not isinstance(fitted, Size) or not fitted.unknown:
            return fitted
    raise UnsupportedError(f"graph_of: found the size {expression}, which does not follow from those of the inputs")


def shape_of(tensor: Foreign) -> tuple[Any, ...]:
    """The shape of a tensor of an exported program."""
    return tuple(map(size_of, tensor.shape))


def number_of(size: Size) -> Any:
    """A size as a number to compute with: a whole number that a run counts."""
    batch = _batch.get()
    assert batch is not None
    count: Any = count_like(arange_like(batch.box))
    total: Any = 0
    for names, factor in size.terms.items():
        term: Any = factor
        for _ in names:
            term = term * count
        total = total + term
    batch.sizes[total] = size
    return total


def size_behind(number: Foreign) -> Any:
    """The size that a number was made of, for an array of so many elements; any other number as it is."""
    batch = _batch.get()
    return batch.sizes.get(number, number) if batch is not None and isinstance(number, Box) else number


def counted(size: int | Size) -> Any:
    """The whole numbers from 0 up to, not including, a size."""
    if not isinstance(size, Size):
        return np.arange(size)
    batch = _batch.get()
    assert batch is not None
    times, more = size.terms.get((batch.name,), 0), size.terms.get((), 0)
    if times < 1 or len(size.terms) > 1 + (more != 0):
        raise UnsupportedError(f"graph_of: found the size {size}, needs a multiple of {batch.name} and a number")
    line: Any = arange_like(batch.box)
    if times > 1:
        line = np.tile(line, times)
    if more:
        line = np.concatenate([line, np.zeros(more, int)]) if more > 0 else line[:more]
    return arange_like(line)


def filled(size: Sequence[Any], value: Foreign) -> Any:
    """The same number everywhere; sizes may be those that vary."""
    lines = [lifted(counted(extent), place, len(size)) for place, extent in enumerate(size) if isinstance(extent, Size)]
    if not lines and not isinstance(value, Box):
        return np.full(tuple(size), value)
    whole = np.empty([1 if isinstance(extent, Size) else extent for extent in size], bool)
    return np.broadcast_arrays(value if isinstance(value, Box) else np.asarray(value), whole, *lines)[0]
