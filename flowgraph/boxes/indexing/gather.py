"""Elements taken by place: along an axis, in sorted order, by a condition, as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.inference import axis_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.indexing.index import arange_like, as_index, index_add, open_grid
from flowgraph.boxes.numpy_api.constructors import as_box, with_axis
from flowgraph.errors import UsageError
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.spec import Spec, broadcast


class TakeAlongAxis(Box):
    """Elements at an index of their own for each line along an axis, as np.take_along_axis.

    h_{.i.} = a_{.indices_i.}        da = the gradient, added into zeros at the same places
    """

    axis: int = -1

    numpy = np.take_along_axis
    aliases = ("gather",)
    symbol = "take along"
    arithmetic = False
    core = Core("axis", line=True)
    constant_children = frozenset({"indices"})
    slopes = "choice"
    examples = (
        example((3, 4), np.array([[0], [3], [3]])),
        example((3, 4), np.array([[2, 0, -1, 2], [0, 0, 0, 0]]), axis=0),
        example((2, 3, 2), np.array([[[0, 1], [2, 2]]]), axis=1),
        example((4,), np.array([3, 3, -4])),
    )

    @classmethod
    def from_numpy(cls, arr: Value, indices: Value, axis: int | None = -1) -> Box:
        """np.take_along_axis; axis None takes from all elements in rows."""
        return cls(np.ravel(arr), indices, axis=0) if axis is None else cls(arr, indices, axis=axis)

    def fprop(self, a: Value, indices: Value) -> Value:
        return np.take_along_axis(a, indices, self.axis)

    def bprop(self, grad: Value, h: Value, a: Value, indices: Value) -> tuple[Value, ...]:
        return add_along_axis(grad, a, indices, self.axis % a.ndim), None

    def infer(self, a: Spec, indices: Spec) -> Spec:
        """The number of places along the axis, the others broadcast."""
        axis = axis_of(self, self.axis, len(a.shape))
        if indices.dtype.kind not in "iu" or len(indices.shape) != len(a.shape):
            raise self.shape_error(f"needs integers with {len(a.shape)} axes, found {indices}")
        rest = broadcast([s.shape[:axis] + s.shape[axis + 1 :] for s in (a, indices)])
        if rest is None:
            raise self.shape_error(f"the axes other than {axis} do not broadcast")
        return Spec((*rest[:axis], indices.shape[axis], *rest[axis:]), a.dtype)


def index_along_axis(indices: Value, like: Value, axis: int) -> tuple[Any, ...]:
    """The index of the elements that each line along an axis has at places of its own, of an array with such lines."""
    others = [i for i in range(like.ndim) if i != axis]
    places = open_grid(like, others, ndim=like.ndim, at=others)
    return (*places[:axis], indices, *places[axis:])


def add_along_axis(a: Value, like: Value, indices: Value, axis: int) -> Any:
    """Zeros of the shape of an array, with numbers added for each line along an axis at places of its own."""
    return index_add(a, like, *index_along_axis(indices, like, axis), index=(ARRAY,) * like.ndim)


class ArgSort(Box):
    """The indices that sort an array along an axis, by a stable sort; not differentiable.

    a[h] ascends
    """

    axis: int = -1

    symbol = "argsort"
    core = Core("axis", line=True)
    examples = (example((3, 4)), example((3, 4), axis=0), example((5,)))

    def fprop(self, a: Value) -> Value:
        return np.argsort(a, axis=self.axis, kind="stable")

    def infer(self, a: Spec) -> Spec:
        """The shape of the child."""
        axis_of(self, self.axis, len(a.shape))
        return Spec(a.shape, np.dtype(np.intp))


@implements(np.argsort)
def argsort(a: Value, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None) -> Any:
    """np.argsort of a box; of every kind the stable one."""
    a, axis = with_axis(a, axis)
    return ArgSort(a, axis=axis)


def order_along(a: Value, axis: int = -1, *, descending: bool = False) -> Any:
    """The indices that sort an array along an axis, by a stable sort.

    NaN counts as the largest, as in NumPy, PyTorch and ONNX Runtime. What descends is found from behind: -a is not
    ordered the other way where numbers have no sign, nor at the smallest integer, nor at NaN.
    """
    if not descending:
        return np.argsort(a, axis=axis, kind="stable")
    places = np.flip(np.argsort(np.flip(a, axis), axis=axis, kind="stable"), axis)
    return count_like(places, axis) - 1 - places


@implements(np.sort)
def sort(a: Value, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None) -> Any:
    """np.sort of a box: its elements in the order of their places, so that each gets its gradient back."""
    if axis is None:
        a, axis = np.ravel(a), 0
    return TakeAlongAxis(a, ArgSort(a, axis=axis), axis=axis)


@implements(np.partition)
def partition(a: Value, kth: int | Sequence[Any], axis: int | None = -1, kind: str | None = None) -> Any:
    """np.partition of a box: in full order, one of those that NumPy allows; each element gets its gradient back."""
    _check_kth(a, kth, axis)
    return sort(a, axis)


@implements(np.argpartition)
def argpartition(a: Value, kth: int | Sequence[Any], axis: int | None = -1, kind: str | None = None) -> Any:
    """np.argpartition of a box: the places of its elements in full order."""
    a, axis = with_axis(a, axis)
    _check_kth(a, kth, axis)
    return argsort(a, axis)


@implements(np.take)
def take(a: Value, indices: Value, axis: int | None = None, *, mode: str = "raise") -> Any:
    """np.take of a box; places outside are refused, or taken modulo the size, or moved to the ends, by `mode`."""
    if mode not in ("raise", "wrap", "clip"):
        raise UsageError(f"np.take: found mode={mode!r}, needs one of raise, wrap, clip")
    a, axis = with_axis(as_box(a), axis)
    places = as_index(a, indices)
    if places.dtype.kind == "b":
        places = places.astype(int)
    if mode != "raise":
        n = count_like(arange_like(a, axis_of(a, axis, a.ndim)))
        places = places % n if mode == "wrap" else np.minimum(np.maximum(places, 0), n - 1)
    return a[(*(slice(None),) * axis_of(a, axis, a.ndim), places)]


@implements(np.compress)
def compress(condition: Value, a: Value, axis: int | None = None) -> Any:
    """np.compress of a box: the slices for which the condition is true."""
    a, axis = with_axis(a, axis)
    if isinstance(condition, Box):
        return a[(*(slice(None),) * axis_of(a, axis, a.ndim), condition)]
    return take(a, np.flatnonzero(np.asarray(condition)), axis)


@implements(np.extract)
def extract(condition: Value, arr: Value) -> Any:
    """np.extract of a box: the elements for which the condition is true."""
    if not isinstance(condition, Box):
        return take(arr, np.flatnonzero(np.asarray(condition)))
    return np.ravel(as_box(arr))[np.ravel(condition if condition.dtype.kind == "b" else condition != 0)]


def _check_kth(a: Value, kth: int | Sequence[Any], axis: int | None) -> None:
    """Refuse ranks that an axis does not have."""
    size = a.size if axis is None else a.shape[axis_of(a, axis, a.ndim)]
    ranks = np.asarray(kth)
    if ranks.dtype.kind not in "iu" or (isinstance(size, int) and size and np.any((ranks < -size) | (ranks >= size))):
        raise UsageError(
            f"np.partition: found kth={kth!r} on an axis of {size} of {a.title}, needs integers from -{size} to "
            f"{size - 1}"
        )


class PlacesOfRows(Box):
    """For each row of `at` the last place among `rows` that names it too, and their number where there is none.

    h_i = max { j : rows_j and at_i name the same row of `like` }; no gradient, as it is made of integers

    Plans add up what is added to the same row of a table at these places, instead of in an array of all rows.

    Shapes: rows (...), at (...), like (R, ...), h as `at`; places count the rows in their order, from 0.
    """

    public = False
    symbol = "places"
    arithmetic = False
    constant_children = frozenset({"rows", "at", "like"})
    examples = (
        example(np.array([0, 4, -1, 2]), np.array([4, -5, 1]), (5, 3)),
        example(np.array([[1, 0], [1, 2]]), np.array([[1, 0], [1, 2]]), (3,)),
        example(np.array(1), np.array([1, 0]), (2, 2)),
    )

    def fprop(self, rows: Value, at: Value, like: Value) -> Value:
        places = np.full(like.shape[0], rows.size)
        places[rows.reshape(-1)] = np.arange(rows.size)
        return places[at]

    def bprop(self, grad: Value, h: Value, rows: Value, at: Value, like: Value) -> tuple[Value, ...]:
        return None, None, None

    def infer(self, rows: Spec, at: Spec, like: Spec) -> Spec:
        """A place for each row of `at`."""
        if rows.dtype.kind not in "iu" or at.dtype.kind not in "iu" or not like.shape:
            raise self.shape_error("needs the numbers of rows, as integers, of an array with axes")
        return Spec(at.shape, np.dtype(np.intp))
