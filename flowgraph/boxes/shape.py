"""The same elements in another shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.likeness import reshape_like
from flowgraph.example import example
from flowgraph.size import Size, divide, product, unknown
from flowgraph.spec import Spec, shape_text


class Reshape(Box):
    """The same elements, in rows, in another shape; one size may be -1 and follows from the others.

    h = a, reshaped        da = the gradient, in the shape of a
    """

    to: tuple[Any, ...]

    symbol = "reshape"
    examples = (example((3, 4), to=(2, 6)), example((3, 4), to=(-1,)), example((), to=(1, 1)))

    @classmethod
    def from_numpy(cls, a: Any, /, shape: Any, order: str = "C") -> Any:
        """np.reshape; order "F" counts columns first."""
        sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        if order == "F":
            return np.transpose(cls(np.transpose(a), to=sizes[::-1]))
        symbolic = [i for i, size in enumerate(sizes) if isinstance(size, Size)]
        if len(symbolic) == 1 and -1 not in sizes:
            sizes = tuple(-1 if i in symbolic else size for i, size in enumerate(sizes))
        return cls(a, to=sizes)

    numpy = np.reshape

    def fprop(self, a: Any) -> Any:
        return np.reshape(a, self.to)

    def bprop(self, grad: Any, h: Any, a: Any) -> tuple[Any, ...]:
        return (reshape_like(grad, a),)

    def infer(self, a: Spec) -> Spec:
        """The sizes given; where one is -1, what is left of the number of elements."""
        total = product(a.shape)
        given = product(size for size in self.to if not (isinstance(size, int) and size == -1))
        rest = divide(total, given)
        shape = tuple((unknown() if rest is None else rest) if size == -1 else size for size in self.to)
        if product(shape) != total and rest is not None:
            raise self.shape_error(f"{total} elements do not fit the shape {shape_text(self.to)}")
        return Spec(shape, a.dtype)


class Transpose(Box):
    """The axes in another order, the reverse by default.

    h = aᵀ        da = the gradient, with the axes put back
    """

    axes: tuple[int, ...] | None = None

    numpy = np.transpose
    symbol = "T"
    formula = r"a^\top"
    derivative = r"\nabla_h^\top"
    examples = (example((3, 4)), example((2, 3, 4), axes=(2, 0, 1)), example((4,)), example(()))

    def fprop(self, a: Any) -> Any:
        return np.transpose(a, self.axes)

    def bprop(self, grad: Any, h: Any, a: Any) -> tuple[Any, ...]:
        if self.axes is None:
            return (np.transpose(grad),)
        axes = [axis % a.ndim for axis in self.axes]
        return (np.transpose(grad, tuple(axes.index(axis) for axis in range(a.ndim))),)

    def infer(self, a: Spec) -> Spec:
        """The sizes in the order of the axes."""
        axes = range(len(a.shape))[::-1] if self.axes is None else self.axes
        if sorted(axis % max(len(a.shape), 1) for axis in axes) != list(range(len(a.shape))):
            raise self.shape_error(f"axes = {self.axes} is no order of {len(a.shape)} axes")
        return Spec(tuple(a.shape[axis] for axis in axes), a.dtype)
