"""Diagonals of matrices and of stacks of matrices, and the triangles beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.inference import axes_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.indexing.scatter import set_at
from flowgraph.shapes.size import Size, add, unknown
from flowgraph.shapes.spec import Spec, same, shape_text


class Diagonal(Box):
    """The diagonals of the matrices on two axes, along a new last axis.

    h_i = a_{i, i + offset}        da = the gradient on the diagonal of zeros

    Parameters
    ----------
    offset : int, default 0
        Which diagonal: 0 is the main one, a positive offset lies above it, a negative one below it.
    axis1 : int, default 0
        Axis of the rows.
    axis2 : int, default 1
        Axis of the columns.
    """

    offset: int = 0
    axis1: int = 0
    axis2: int = 1

    numpy = np.diagonal
    symbol = "diagonal"
    arithmetic = False
    formula = r"\operatorname{diag}(a)"
    core = Core("axis1", "axis2")
    slopes = "choice"
    examples = (
        example((3, 3)),
        example((3, 4), offset=1),
        example((4, 3), offset=-2),
        example((2, 3, 4), axis1=-1, axis2=0),
        example((2, 3), offset=5),
    )

    def fprop(self, a: Value) -> Value:
        return np.diagonal(a, self.offset, self.axis1, self.axis2)

    def parts(self, a: Value) -> Value:
        """Its elements, picked by their places."""
        return np.moveaxis(a, (self.axis1, self.axis2), (-2, -1))[_places(self.shape[-1], self.offset)]

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (OnDiagonal.apply(grad, a, **self.setting_values()),)

    def infer(self, a: Spec) -> Spec:
        """The other axes, then the length of the diagonal."""
        axes = axes_of(self, (self.axis1, self.axis2), len(a.shape))
        rest = tuple(size for i, size in enumerate(a.shape) if i not in axes)
        return Spec((*rest, _length(a.shape[axes[0]], a.shape[axes[1]], self.offset)), a.dtype)


class OnDiagonal(Box):
    """Zeros of the shape of another array, with an array on the diagonal: the gradient of taking the diagonal.

    h_{i, i + offset} = a_i, else 0        da = the diagonal of the gradient
    """

    public = False
    offset: int = 0
    axis1: int = 0
    axis2: int = 1

    symbol = "on diagonal"
    arithmetic = False
    core = Core("axis1", "axis2", of_value=True, all_loops=True)
    constant_children = frozenset({"like"})
    slopes = "share"
    examples = (
        example((3,), (3, 3)),
        example((3,), (3, 4), offset=1),
        example((2,), (4, 3), offset=-2),
        example((3, 2), (2, 3, 4), axis1=-1, axis2=0),
    )

    def fprop(self, a: Value, like: Value) -> Value:
        h = np.zeros(like.shape, a.dtype)
        matrices = np.moveaxis(h, (self.axis1, self.axis2), (-2, -1))
        i = np.arange(a.shape[-1])
        matrices[..., i - min(self.offset, 0), i + max(self.offset, 0)] = a
        return h

    def parts(self, a: Value, like: Value) -> Value:
        """Zeros, with the elements put at their places."""
        axes = (self.axis1, self.axis2)
        shape = np.moveaxis(np.empty(like.shape, bool), axes, (-2, -1)).shape
        filled = set_at(np.zeros(shape, self.dtype), _places(a.shape[-1], self.offset), a)
        return np.moveaxis(filled, (-2, -1), axes)

    def bprop(self, grad: Value, h: Value, a: Value, like: Value) -> tuple[Value, ...]:
        return np.diagonal(grad, self.offset, self.axis1, self.axis2), None

    def infer(self, a: Spec, like: Spec) -> Spec:
        """The shape of `like`, the dtype of a."""
        axes = axes_of(self, (self.axis1, self.axis2), len(like.shape))
        rest = tuple(size for i, size in enumerate(like.shape) if i not in axes)
        needed = (*rest, _length(like.shape[axes[0]], like.shape[axes[1]], self.offset))
        if len(a.shape) != len(needed) or not all(map(same, a.shape, needed)):
            raise self.shape_error(f"the diagonals are {shape_text(needed)}")
        return Spec(like.shape, a.dtype)


class Diag(Box):
    """The matrix with a vector on its diagonal, or on the k-th above it.

    h_{i, i + k} = a_i, else 0        da = the k-th diagonal of the gradient

    Parameters
    ----------
    k : int, default 0
        Which diagonal: 0 is the main one, k > 0 lies above it, k < 0 below it.
    """

    k: int = 0

    symbol = "diag"
    arithmetic = False
    formula = r"\operatorname{diag}(a)"
    slopes = "share"
    examples = (example((3,)), example((3,), k=2), example((2,), k=-1))

    def fprop(self, a: Value) -> Value:
        return np.diag(a, self.k)

    def parts(self, a: Value) -> Value:
        """Of each row the element whose column lies k to the right, or zero."""
        line = np.pad(a, ((max(self.k, 0), max(-self.k, 0)),))
        rows, columns = np.indices((a.shape[0] + abs(self.k),) * 2)
        return np.where(columns - rows == self.k, line[columns], self.dtype.type(0))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.diagonal(grad, self.k),)

    def infer(self, a: Spec) -> Spec:
        """A square matrix."""
        if len(a.shape) != 1:
            raise self.shape_error(f"found {len(a.shape)} axes, needs a vector; np.diagonal takes the diagonal")
        return Spec((a.shape[0] + abs(self.k),) * 2, a.dtype)


def _places(count: Any, offset: int) -> tuple[Any, ...]:
    """The index of a diagonal of the last two axes."""
    places = np.arange(count)
    return (..., places + max(-offset, 0), places + max(offset, 0))


class Triangle(Box, abstract=True):
    """A part of the matrices on the last two axes, zeros elsewhere."""

    k: int = 0

    arithmetic = False
    core = Core(last=2)
    examples = (example((3, 4)), example((4, 3), k=1), example((2, 3, 3), k=-1))

    @classmethod
    def from_numpy(cls, m: Value, k: int = 0) -> Box:
        """NumPy's call; a vector becomes every row of a square matrix."""
        return cls(np.broadcast_to(m, (m.size, m.size)) if m.ndim == 1 else m, k=k)

    def infer(self, a: Spec) -> Spec:
        """The shape and the dtype of the child."""
        if len(a.shape) < 2:
            raise self.shape_error(f"found {len(a.shape)} axes, needs matrices")
        return a


class Tril(Triangle):
    """The lower triangle, up to the k-th diagonal, zeros above.

    h_ij = a_ij where j <= i + k, else 0        da = the same part of the gradient

    Parameters
    ----------
    k : int, default 0
        The last diagonal that is kept: 0 is the main one, k > 0 lies above it, k < 0 below it.
    """

    numpy = np.tril
    symbol = "tril"
    slopes = "choice"

    def fprop(self, a: Value) -> Value:
        return np.tril(a, self.k)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.tril(grad, self.k),)


class Triu(Triangle):
    """The upper triangle, from the k-th diagonal, zeros below.

    h_ij = a_ij where j >= i + k, else 0        da = the same part of the gradient

    Parameters
    ----------
    k : int, default 0
        The first diagonal that is kept: 0 is the main one, k > 0 lies above it, k < 0 below it.
    """

    numpy = np.triu
    symbol = "triu"
    slopes = "choice"

    def fprop(self, a: Value) -> Value:
        return np.triu(a, self.k)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.triu(grad, self.k),)


@implements(np.diag)
def diag(v: Value, k: int = 0) -> Any:
    """np.diag of a box: the diagonal of a matrix, the matrix of a diagonal."""
    return np.diagonal(v, k) if v.ndim == 2 else Diag(v, k=k)


@implements(np.diagflat)
def diagflat(v: Value, k: int = 0) -> Any:
    """np.diagflat of a box."""
    return Diag(np.ravel(v), k=k)


@implements(np.trace)
def trace(a: Value, offset: int = 0, axis1: int = 0, axis2: int = 1, *, dtype: DTypeLike | None = None) -> Any:
    """np.trace of a box: the sum of the diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Value, /, *, offset: int = 0) -> Any:
    """np.linalg.diagonal of a box: of the matrices on the last two axes."""
    return np.diagonal(x, offset, -2, -1)


@implements(np.linalg.trace)
def linalg_trace(x: Value, /, *, offset: int = 0) -> Any:
    """np.linalg.trace of a box: of the matrices on the last two axes."""
    return np.trace(x, offset, -2, -1)


def _length(rows: int | Size, columns: int | Size, offset: int) -> int | Size:
    """The length of a diagonal; unknown where it depends on which of two sizes is smaller."""
    if rows == columns and isinstance(rows, Size):
        return add(rows, -abs(offset))
    sides = (rows, max(-offset, 0)), (columns, max(offset, 0))
    known = [size - before for size, before in sides if not isinstance(size, Size)]
    if known and min(known) <= 0:
        return 0
    return min(known) if len(known) == 2 else unknown()
