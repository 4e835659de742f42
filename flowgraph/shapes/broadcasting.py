"""The gradient of broadcasting, on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def summed_to(array: Any, shape: Sequence[int]) -> Any:
    """The sum over the axes along which an array of `shape` was repeated to the shape of `array`."""
    extra = array.ndim - len(shape)
    if extra:
        array = array.sum(axis=tuple(range(extra)))
    repeated = tuple(i for i, size in enumerate(shape) if size == 1 and array.shape[i] != 1)
    return array.sum(axis=repeated, keepdims=True) if repeated else array
