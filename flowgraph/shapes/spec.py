"""What is known of an array before a run: its shape and its dtype; and the plain rules for both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.printable import printable
from flowgraph.shapes.size import Shape, Size


class Spec(NamedTuple):
    """Shape and dtype of an array; a size is an int, or a Size where it follows the batch."""

    shape: Shape
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{shape_text(self.shape)} {self.dtype}"


def shape_text(shape: Sequence[int | str]) -> str:
    """A shape as one writes it: (N, 128), (10,), ()."""
    inside = ", ".join(str(size) for size in shape)
    return printable(f"({inside},)" if len(shape) == 1 else f"({inside})")


def same(left: int | Size, right: int | Size) -> bool:
    """Whether two sizes may be one number: equal, or one of them only known in a run."""
    return left == right or _unknown(left) or _unknown(right)


def broadcast(shapes: Iterable[Shape]) -> Shape | None:
    """The shape that NumPy broadcasts these (one or more) to, or None where it cannot.

    A name stands for every size, so N and 3 do not broadcast, though they would for N = 3.
    """
    shapes = list(shapes)
    if shapes.count(shapes[0]) == len(shapes):
        return shapes[0]
    ndim = max(len(shape) for shape in shapes)
    result: list[int | Size] = [1] * ndim
    for shape in shapes:
        for axis, size in enumerate(shape, ndim - len(shape)):
            if result[axis] == 1 or (_unknown(result[axis]) and size != 1):
                result[axis] = size
            elif size != 1 and not same(size, result[axis]):
                return None
    return tuple(result)


def sample(spec: Spec) -> np.ndarray[Any, Any]:
    """An array of that shape and dtype which takes no memory: ones for floats, zeros for labels, indices and masks."""
    one = np.ones((), spec.dtype) if spec.dtype.kind in "fc" else np.zeros((), spec.dtype)
    return np.broadcast_to(one, [int(size) for size in spec.shape])


def _unknown(size: int | Size) -> bool:
    return isinstance(size, Size) and size.unknown
