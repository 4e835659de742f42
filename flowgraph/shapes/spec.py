"""What is known of an array before a run: its shape and its dtype; and the plain rules for both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.printable import printable
from flowgraph.shapes.size import Shape, Size, unknown


class Spec(NamedTuple):
    """Shape and dtype of an array; a size is an int, or a Size where it follows the batch.

    Parameters
    ----------
    shape : tuple of int and Size
        One size per axis, in elements.
    dtype : numpy.dtype
        The dtype.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.Input("x", shape=("N", 2)).spec
    Spec(shape=('N', 2), dtype=dtype('float64'))
    """

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

    A name stands for every size, so N and 3 do not broadcast, though they would for N = 3. Of two sizes that are only
    known in a run either may be 1, so the larger one is only known in a run too.
    """
    shapes = list(shapes)
    if shapes.count(shapes[0]) == len(shapes):
        return shapes[0]
    ndim = max(map(len, shapes))
    result: list[int | Size] = [1] * ndim
    for shape in shapes:
        for axis, size in enumerate(shape, ndim - len(shape)):
            both = _broadcast_size(result[axis], size)
            if both is None:
                return None
            result[axis] = both
    return tuple(result)


def sample(spec: Spec) -> np.ndarray[Any, Any]:
    """An array of that shape and dtype which takes no memory: ones for floats, zeros for labels, indices and masks."""
    one = np.ones((), spec.dtype) if spec.dtype.kind in "fc" else np.zeros((), spec.dtype)
    return np.broadcast_to(one, [int(size) for size in spec.shape])


def _broadcast_size(one: int | Size, other: int | Size) -> int | Size | None:
    if one == 1 or one == other:
        return other
    if other == 1:
        return one
    if not same(one, other):
        return None
    return next((size for size in (one, other) if isinstance(size, int)), unknown())


def _unknown(size: int | Size) -> bool:
    return isinstance(size, Size) and size.unknown
