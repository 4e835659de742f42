"""Tensors of PyTorch as arrays of NumPy and back: on the CPU both read the same memory, so nothing is copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from flowgraph.box import Array, Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.errors import DtypeError, FeedError, ShapeError, UsageError
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
