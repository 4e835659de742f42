"""Tensors as arrays, and sizes that vary in an exported program as the sizes of boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from flowgraph.box import Array, Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import arange_like, count_like
from flowgraph.boxes.indexing.index import line_along
from flowgraph.errors import DtypeError, FeedError, ShapeError, UnsupportedError, UsageError
from flowgraph.shapes.size import Size, fit
from flowgraph.shapes.spec import shape_text


def array_of(tensor: torch.Tensor) -> Any:
    """The array in the memory of a tensor on the CPU; a NumPy number of one without axes."""
    return tensor.detach().resolve_conj().resolve_neg().numpy()[()]


def tensor_of(value: Foreign) -> torch.Tensor:
    """The tensor in the memory of an array, or in that of a copy where the array may not be written to."""
    array = np.asarray(value)
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    return torch.from_numpy(array)


def torch_dtype(dtype: np.dtype[Any]) -> torch.dtype:
    """PyTorch's dtype of that name."""
    try:
        return torch.from_numpy(np.empty(0, dtype)).dtype
    except TypeError as error:
        raise DtypeError(
            f"module: found dtype {dtype}, which PyTorch does not have; convert it with .astype"
        ) from error


def numpy_dtype(dtype: torch.dtype, who: str) -> np.dtype[Any]:
    """NumPy's dtype of that name."""
    try:
        return torch.empty(0, dtype=dtype).numpy().dtype
    except TypeError as error:
        raise DtypeError(
            f"{who}: found {dtype}, which NumPy does not have, and flowgraph computes with NumPy; "
            f"use torch.float32 or torch.float64"
        ) from error


def check_device(who: str, device: torch.device) -> None:
    """Refuse a tensor that is not in the memory of the CPU."""
    if device.type != "cpu":
        raise UsageError(
            f"{who}: found a tensor on {device}, but flowgraph computes on the CPU; move it there with .cpu(), "
            f"or run the graph on other devices by flowgraph.interop.jax"
        )


def check_input(leaf: Box, name: str, tensor: Foreign) -> None:
    """Refuse anything but a dense tensor on the CPU with the dtype and number of axes of an input."""
    who = f"module: the input {name!r}"
    if not isinstance(tensor, torch.Tensor):
        kind = type(tensor).__name__
        raise FeedError(f"{who}: found a {kind}, needs a tensor {leaf.spec}; make one with torch.as_tensor(...)")
    check_device(who, tensor.device)
    if tensor.layout != torch.strided:
        raise FeedError(f"{who}: found a tensor of layout {tensor.layout}, needs a dense one; use .to_dense()")
    needed = torch_dtype(leaf.dtype)
    if tensor.dtype != needed:
        convert = f"convert it with .to({needed})"
        if tensor.dtype.is_floating_point and needed.is_floating_point:
            convert += f", or the module with module.to({tensor.dtype})"
        raise DtypeError(f"{who}: found {tensor.dtype}, needs {needed}; {convert}")
    if tensor.ndim != len(leaf.shape):
        raise ShapeError(
            f"{who}: found the shape {tuple(tensor.shape)}, needs {shape_text(leaf.shape)}\n  built at {leaf.built_at}"
        )


def arrays_of(tensors: Sequence[torch.Tensor]) -> list[Array]:
    """The arrays in the memory of several tensors."""
    return [array_of(tensor) for tensor in tensors]


_SAMPLES = (3, 4, 7, 12)


class Batch:
    """The size that varies: its name, its symbol in the program, and a box whose first axis has it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.symbol: Any = None
        self.box: Any = None
        self.sizes: dict[Box, Size] = {}

    def find_symbol(self, tensor: Foreign) -> None:
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


def count_up_to(size: int | Size) -> Any:
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


def fill_sizes(size: Sequence[Any], value: Foreign) -> Any:
    """The same number everywhere; sizes may be those that vary."""
    lines = [
        line_along(count_up_to(extent), place, len(size))
        for place, extent in enumerate(size)
        if isinstance(extent, Size)
    ]
    if not lines and not isinstance(value, Box):
        return np.full(tuple(size), value)
    whole = np.empty([1 if isinstance(extent, Size) else extent for extent in size], bool)
    return np.broadcast_arrays(value if isinstance(value, Box) else np.asarray(value), whole, *lines)[0]
