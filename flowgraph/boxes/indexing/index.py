"""Indexing: slices, integers, new axes, integer and boolean arrays; and its gradient, which adds into zeros."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Value, join_boxes, numpy_dispatch
from flowgraph.box.axes import AxisLabels
from flowgraph.box.base import public
from flowgraph.box.node import current
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.passing_on import part
from flowgraph.errors import DtypeError, IndexingError, ShapeError
from flowgraph.shapes import indexing as index_shape
from flowgraph.shapes.indexing import ARRAY, ArrayIndex, IndexMismatchError
from flowgraph.shapes.size import Shape, Size, product
from flowgraph.shapes.spec import Spec, same, shape_text


class ArangeLike(Box):
    """The indices 0, 1, 2 ... along one axis of an array: np.arange(N) where N is a symbolic size.

    h_i = i; no gradient, as it depends on the shape alone

    Examples
    --------
    >>> import flowgraph as fg
    >>> from flowgraph.boxes.indexing.index import ArangeLike
    >>> x, y = fg.Input("x", shape=("N", 10)), fg.Input("y", shape=("N",), dtype=int)
    >>> x[ArangeLike(y), y].shape
    ('N',)
    """

    axis: int = 0

    symbol = "arange"
    arithmetic = False
    constant_children = frozenset({"like"})
    examples = (example((3, 4)), example((3, 4), axis=-1))

    def fprop(self, like: Value) -> Value:
        return np.arange(like.shape[self.axis])

    def infer(self, like: Spec) -> Spec:
        """The size of the axis."""
        if not -len(like.shape) <= self.axis < len(like.shape):
            raise self.shape_error(f"axis = {self.axis} of an array with {len(like.shape)} axes")
        return Spec((like.shape[self.axis],), np.dtype(int))


@public
def arange_like(like: Value, axis: int = 0) -> Any:
    """ArangeLike on boxes whose axis follows the batch, its value where the size is known.

    Parameters
    ----------
    like : box or array_like
        What has the axis; only its shape is read.
    axis : int, default 0
        The axis whose places are numbered.

    Returns
    -------
    box or ndarray
        0, 1, ... up to the size of the axis, less one; a box where the size follows the batch.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.arange_like(np.zeros((2, 3)), axis=1)
    array([0, 1, 2])
    """
    size = like.shape[axis]
    return np.arange(size) if isinstance(size, int) else ArangeLike(like, axis=axis)


class Index(Box):
    """Elements of an array at an index of any kind that NumPy has.

    h = a[index]        da = the gradient, added into zeros at the same places; twice where an element is taken twice

    `index` is a tuple of slices, integers, None, Ellipsis, and "array" for each of the children `indices`, which hold
    integers or booleans. Shapes: NumPy's; what a mask or the first k of an axis N leave is known in a run.

    Parameters
    ----------
    index : tuple, default ()
        One entry per axis, as NumPy indexes: a slice, an int, None, Ellipsis, or "array" for the next of `indices`.
    """

    index: tuple[Any, ...] = ()

    symbol = "[ ]"
    arithmetic = False
    formula = r"a_{[index]}"
    constant_children = frozenset({"indices"})
    slopes = "choice"
    examples = (
        example((3, 4), index=(1,)),
        example((5, 3), index=(slice(None, None, -2), slice(1, None))),
        example((2, 3, 4), index=(..., None, -1)),
        example((5, 3), np.array([0, 4, -1, 4]), index=(ARRAY,)),
        example((3, 4), np.array([[True, False, False, True]] * 3), index=(ARRAY,)),
        example((3, 4), np.arange(3), np.array([0, 3, 3]), index=(ARRAY, ARRAY)),
        example((2, 3, 4), np.array([True, False]), np.array([1, 1]), index=(ARRAY, slice(1, None), ARRAY)),
    )

    def fprop(self, a: Value, *indices: Value) -> Value:
        return a[put_arrays(self.index, indices)]

    def bprop(self, grad: Value, h: Value, a: Value, *indices: Value) -> tuple[Value, ...]:
        return index_add(grad, a, *indices, index=self.index), *(None for _ in indices)

    def check_settings(self) -> None:
        """Refuse what is no part of an index."""
        check_index(self)

    def infer(self, a: Spec, *indices: Spec) -> Spec:
        """The sizes that the index leaves, the dtype of a."""
        return Spec(shape_at_index(self, a.shape, self.index, indices), a.dtype)

    def axis_labels(self) -> AxisLabels | None:
        """Axes that are taken whole, and those of an array of integers among slices."""
        a, *indices = self.children
        found = _labels(self.index, a.shape, indices)
        return None if found is None else AxisLabels(tuple(found[:-1]), found[-1])


class IndexAdd(Box):
    """Zeros of the shape of another array, with an array added in at an index: the gradient of indexing.

    h = 0, h[index] += a        da = the gradient, at the same index

    A place that the index names twice receives both. `index` as in Index.
    """

    public = False
    index: tuple[Any, ...] = ()

    symbol = "add at"
    constant_children = frozenset({"like", "indices"})
    slopes = "share"
    examples = (
        example((4,), (3, 4), index=(1,)),
        example((3, 2), (5, 3), index=(slice(None, None, -2), slice(1, None))),
        example((4, 3), (5, 3), np.array([0, 4, -1, 4]), index=(ARRAY,)),
        example((3,), (3, 4), np.arange(3), np.array([0, 3, 3]), index=(ARRAY, ARRAY)),
        example((2,), (4,), np.array([True, False, False, True]), index=(ARRAY,)),
    )

    def fprop(self, a: Value, like: Value, *indices: Value) -> Value:
        return _index_add(a, like.shape, self.index, indices)

    def bprop(self, grad: Value, h: Value, a: Value, like: Value, *indices: Value) -> tuple[Value, ...]:
        return index(grad, *indices, index=self.index), None, *(None for _ in indices)

    def check_settings(self) -> None:
        """Refuse what is no part of an index."""
        check_index(self)

    def infer(self, a: Spec, like: Spec, *indices: Spec) -> Spec:
        """The shape of `like`, the dtype of a."""
        shape = shape_at_index(self, like.shape, self.index, indices)
        if len(shape) != len(a.shape) or not all(map(same, shape, a.shape)):
            raise self.shape_error(f"the index takes {shape_text(shape)} of `like`, and a is {shape_text(a.shape)}")
        return Spec(like.shape, a.dtype)

    def axis_labels(self) -> AxisLabels | None:
        """Axes that are taken whole; those of an array of integers are added up in places that they share."""
        _, like, *indices = self.children
        found = _labels(self.index, like.shape, indices)
        if found is None:
            return None
        whole, *of_arrays, taken = found
        none = [[None] * len(labels) for labels in of_arrays]
        return AxisLabels(([label if label in whole else None for label in taken], whole, *none), whole)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """One per element of a."""
        return product(shapes[0])


def _labels(index: tuple[Any, ...], shape: Shape, indices: Sequence[Box]) -> list[Any] | None:
    """The labels of the axes of what is indexed, of arrays of the index, and of what it takes; None where they mix."""
    arrays = [item for item in index if isinstance(item, str)]
    numbers = any(isinstance(item, int | np.integer) for item in index)
    if len(arrays) > 1 or (arrays and (numbers or indices[0].dtype.kind == "b")):
        return None
    of_arrays = [[("array", axis) for axis in range(child.ndim)] for child in indices]
    rest = [slice(None)] * (len(shape) - sum(item is not None and item is not Ellipsis for item in index))
    place = next((i for i, item in enumerate(index) if item is Ellipsis), len(index))
    of_a: list[Any] = []
    of_value: list[Any] = []
    for item in (*index[:place], *rest, *index[place + 1 :]):
        size = None if item is None else shape[len(of_a)]
        is_whole = isinstance(item, slice) and isinstance(size, int) and item.indices(size) == (0, size, 1)
        label = len(of_a) if is_whole else None
        of_value += of_arrays[0] if isinstance(item, str) else [label] * (item is None or isinstance(item, slice))
        of_a += [label] * (item is not None)
    return [of_a, *of_arrays, of_value]


def index(a: Value, *indices: Any, index: tuple[Any, ...]) -> Any:
    """Index on boxes, its value on arrays."""
    if any(isinstance(value, Box) for value in (a, *indices)):
        return Index(a, *indices, index=index)
    return a[put_arrays(index, indices)]


def find_row_numbers(box: Index | IndexAdd) -> Box | None:
    """The numbers of the rows of a table that the index names; None where it names anything but whole rows."""
    first, *further = box.index or (None,)
    if any(entry is not Ellipsis and entry != slice(None) for entry in further):
        return None
    if isinstance(first, int | np.integer) and not isinstance(first, bool):
        return Constant(np.array(first))
    if first != ARRAY:
        return None
    numbers = box.children[1 if isinstance(box, Index) else 2]
    return numbers if numbers.dtype.kind in "iu" else None


def index_add(a: Value, like: Value, *indices: Any, index: tuple[Any, ...]) -> Any:
    """IndexAdd on boxes, its value on arrays."""
    if any(isinstance(value, Box) for value in (a, like, *indices)):
        return IndexAdd(a, like, *indices, index=index)
    return _index_add(a, like.shape, index, indices)


def open_grid(
    like: Value, axes: Sequence[int], *, ndim: int | None = None, at: Sequence[int] | None = None
) -> list[Any]:
    """The places along each of these axes, in arrays that broadcast against each other, as np.ix_ gives them.

    The places along axes[i] vary along axis at[i] of `ndim` axes; by default along axis i of as many as there are.
    """
    ndim = len(axes) if ndim is None else ndim
    at = range(len(axes)) if at is None else at
    return [line_along(arange_like(like, axis), place, ndim) for axis, place in zip(axes, at, strict=True)]


def line_along(line: Value, axis: int, ndim: int) -> Any:
    """A one-dimensional array along one of `ndim` axes."""
    return line[(*(None,) * axis, slice(None), *(None,) * (ndim - axis - 1))]


def put_arrays(index: tuple[Any, ...], indices: Sequence[Any]) -> tuple[Any, ...]:
    """The index that NumPy takes, with the arrays in their places."""
    if not indices:
        return index
    arrays = iter(indices)
    return tuple(next(arrays) if isinstance(item, str) else item for item in index)


def shape_at_index(box: Box, shape: Shape, index: tuple[Any, ...], indices: Sequence[Spec]) -> Shape:
    """The shape that the index of a box, with its last children in place, takes of an array."""
    arrays = []
    for spec, child in zip(indices, box.children[len(box.children) - len(indices) :], strict=True):
        if spec.dtype.kind not in "biu":
            raise DtypeError(
                f"{box.title}: found the index {child.title} of dtype {spec.dtype}, needs integers or booleans; "
                f"convert it with .astype(int) or .astype(bool)"
            )
        numbers = child.value if isinstance(child, Constant) else None
        arrays.append(ArrayIndex(spec.shape, spec.dtype.kind == "b", numbers))
    try:
        return index_shape.indexed_shape(shape, index, arrays)
    except IndexMismatchError as mismatch:
        raise IndexingError("\n  ".join([f"{box.title}: {mismatch}", *box.lineup()])) from None


@numpy_dispatch.implements(operator.getitem)
def get(box: Box, index: object) -> Any:
    """box[index]: an Index box; of a box with several outputs, one of them."""
    tape = current()
    if tape is not None and tape.at_once and "shape" in box.__dict__:
        items = index if type(index) is tuple else (index,)
        if all(type(item) is int or item is None or _is_settled(item) for item in items):
            made = Index._of_state({"index": items})
            tape.compute(made, (box,))
            return made
    if len(box.outputs) != 1:
        return part(box, index)
    if type(index) is int:
        return Index(box, index=(index,))
    items = index if isinstance(index, tuple) else (index,)
    if all(map(_is_settled, items)):
        return Index(box, index=items)
    items = tuple(item if _is_place(item) else as_index(box, item) for item in items)
    template: list[Any] = []
    arrays: list[Any] = []
    axes = [_axes_read(item) for item in items]
    axis = 0
    try:
        for i, item in enumerate(items):
            if isinstance(item, Box | np.ndarray):
                arrays.append(item)
                template.append(ARRAY)
            else:
                template.append(_plain(box, item, axis))
            axis = len(box.shape) - sum(axes[i + 1 :]) if item is ... else axis + axes[i]
    except IndexMismatchError as mismatch:
        raise IndexingError(f"{box.title}: {mismatch}") from None
    return Index(box, *arrays, index=tuple(template))


def _is_settled(item: object) -> bool:
    """Whether an entry of an index is a setting as it stands: an integer of Python, a slice of such, or None."""
    if type(item) is slice:
        return item.step != 0 and all(type(part) is int or part is None for part in (item.start, item.stop, item.step))
    return type(item) is int or item is None


def _is_place(item: object) -> bool:
    """Whether an entry of an index is no array: a slice, an integer, None or Ellipsis."""
    if item is None or item is ... or isinstance(item, slice | Size):
        return True
    return hasattr(item, "__index__") and not isinstance(item, bool | np.bool_ | np.ndarray | Box)


def _plain(box: Box, item: object, axis: int) -> Any:
    """A slice, an integer, None or Ellipsis as they stand in the setting."""
    if item is None or item is ...:
        return item
    size = box.shape[axis] if 0 <= axis < len(box.shape) else 0
    try:
        return index_shape.plain_slice(item, size) if isinstance(item, slice) else index_shape.plain_place(item, size)
    except TypeError:
        raise _no_index(box, item) from None


def as_index(box: Box, item: object) -> Any:
    """What NumPy makes an array of, as that array; an empty list is one of integers, as in NumPy."""
    array = join_boxes(item)
    if isinstance(array, Box):
        return array
    if array.size == 0 and not hasattr(item, "dtype"):
        array = array.astype(int)
    if array.dtype.kind not in "biu":
        raise _no_index(box, array if array.ndim else item)
    return array


def _no_index(box: Box, item: object) -> IndexingError:
    what = f"an index of dtype {item.dtype}" if isinstance(item, Box | np.ndarray) else f"{item!r} in its index"
    return IndexingError(
        f"{box.title}: found {what}, needs integers, slices of integers, None, '...', or arrays of integers or "
        f"booleans; convert numbers with .astype(int) or .astype(bool)"
    )


def _axes_read(item: Any) -> int:
    """The number of axes that an entry of an index reads: those of a mask, else one."""
    if isinstance(item, Box | np.ndarray):
        return item.ndim if item.dtype.kind == "b" else 1
    return int(item is not None and item is not ...)


def check_index(box: Box) -> None:
    """Refuse an index that holds anything but slices, integers, None, Ellipsis and places of arrays."""
    known = (slice, int, np.integer, Size, type(None), type(Ellipsis))
    for item in box.index if isinstance(box.index, tuple) else (box.index,):
        if type(item) is int or type(item) is slice:
            continue
        plain = isinstance(item, known) and not isinstance(item, bool)
        if not (plain or (isinstance(item, str) and item == ARRAY)):
            raise IndexingError(
                f"{type(box).__name__}: found {item!r} in index=, needs slices, integers, None, Ellipsis, "
                f"and {ARRAY!r} for each array among the children; box[...] takes lists and arrays"
            )


def _index_add(a: Value, shape: tuple[int, ...], index: tuple[Any, ...], indices: Sequence[Any]) -> Any:
    h = np.zeros(shape, a.dtype)
    if any(mask.dtype.kind == "b" for mask in indices) and h[put_arrays(index, indices)].shape != a.shape:
        taken = shape_text(h[put_arrays(index, indices)].shape)
        raise ShapeError(
            f"IndexAdd: found a of shape {shape_text(a.shape)}, needs {taken}, the number of elements that the mask "
            f"selects"
        )
    if not indices or (len(indices) == 1 and indices[0].dtype.kind == "b"):
        h[put_arrays(index, indices)] = a  # every place is named once
    elif index == (ARRAY,) and len(shape) > 1 and indices[0].ndim:
        # whole rows: np.add.at is several times faster on single elements than on rows
        width = h[0].size if shape[0] else 0
        rows = indices[0].astype(np.intp, copy=False)  # 8 bits do not hold the number of rows, 64 may have no sign
        rows = np.where(rows < 0, rows + shape[0], rows)
        if rows.size and rows.min() < 0:
            raise IndexingError(f"IndexAdd: found the index {indices[0].min()}, needs {-shape[0]} to {shape[0] - 1}")
        places = rows.reshape(-1, 1) * width + np.arange(width)
        np.add.at(h.reshape(-1), places.reshape(-1), np.reshape(a, -1))
    else:
        np.add.at(h, put_arrays(index, indices), a)
    return h
