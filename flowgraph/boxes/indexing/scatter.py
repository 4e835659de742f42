"""What an assignment to elements does to an array, as a new box: other values, or values added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Value, holds_box
from flowgraph.box.attached import Attribute, attached_to
from flowgraph.box.base import operand, public
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.shape_like import broadcast_like, reshape_like
from flowgraph.boxes.indexing.index import Index, check_index, get, index, index_add, put_arrays, shape_at_index
from flowgraph.boxes.numpy_api.constructors import as_box, as_element
from flowgraph.errors import IndexingError, NoArrayError, ShapeError, UsageError
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec, same, shape_text


class AddAtRows(Box):
    """An array with rows added to some of its own: a table after a step that has looked up few of its rows.

    h = a, h[rows] += change        da = the gradient, dchange = its rows

    A row that is named twice receives both. Plans make it of the change of a parameter by the gradient of
    `table[rows]`.
    """

    public = False
    symbol = "add at rows"
    constant_children = frozenset({"rows"})
    slopes = "share"
    examples = (
        example((5, 3), (4, 3), np.array([0, 4, -1, 4])),
        example((4,), (2, 3), np.array([[1, 1], [-1, 3]])[:, [0, 1, 0]]),
        example((3, 2, 2), (1, 2, 2), np.array([2])),
    )

    def fprop(self, a: Value, change: Value, rows: Value) -> Value:
        return a + index_add(change, a, rows, index=(ARRAY,))

    def bprop(self, grad: Value, h: Value, a: Value, change: Value, rows: Value) -> tuple[Value, ...]:
        return grad, index(grad, rows, index=(ARRAY,)), None

    def infer(self, a: Spec, change: Spec, rows: Spec) -> Spec:
        """The shape of a; the change has that of the rows."""
        shape = shape_at_index(self, a.shape, (ARRAY,), [rows])
        if len(shape) != len(change.shape) or not all(map(same, shape, change.shape)):
            raise self.shape_error(
                f"the rows have the shape {shape_text(shape)}, the change {shape_text(change.shape)}"
            )
        return Spec(a.shape, np.result_type(a.dtype, change.dtype))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """One per element of the change."""
        return product(shapes[1])


class SetAt(Box):
    """An array with other values at an index; of several values for one place the last is taken, as in NumPy.

    h = a, but h[index] = value        da = the gradient, 0 at the index; dvalue = the gradient at the index,
                                       0 for a value that another one replaced

    `index` as in Index; value has the shape of a[index]. fg.set_at broadcasts it.

    Parameters
    ----------
    index : tuple, default ()
        One entry per axis, as NumPy indexes: a slice, an int, None, Ellipsis, or "array" for the next of `indices`.
    """

    index: tuple[Any, ...] = ()

    symbol = "set at"
    arithmetic = False
    constant_children = frozenset({"indices"})
    slopes = "choice"
    examples = (
        example((3, 4), (4,), index=(1,)),
        example((5, 3), (3, 2), index=(slice(None, None, -2), slice(1, None))),
        example((5, 3), (4, 3), np.array([0, 4, -1, 2]), index=(ARRAY,)),
        example((4,), (3, 2), np.array([[1, 1], [-1, 3], [1, 0]]), index=(ARRAY,)),
        example((3, 4), (3,), np.arange(3), np.array([0, 3, 3]), index=(ARRAY, ARRAY)),
        example((4,), (2,), np.array([True, False, False, True]), index=(ARRAY,)),
    )

    def fprop(self, a: Value, value: Value, *indices: Value) -> Value:
        h = np.array(a, np.result_type(a, value))  # an array also of one number, which is no array in a run
        # NumPy assigns in the order of memory: in that of the elements the last value is the same in every layout
        places = put_arrays(self.index, [np.array(entries, order="C") for entries in indices])
        if any(mask.dtype.kind == "b" for mask in indices) and h[places].shape != value.shape:
            raise ShapeError(
                f"SetAt: found value of shape {shape_text(value.shape)}, needs {shape_text(h[places].shape)}, what the "
                f"mask takes"
            )
        h[places] = np.array(value, order="C")
        return h

    def bprop(self, grad: Value, h: Value, a: Value, value: Value, *indices: Value) -> tuple[Value, ...]:
        kept = SetAt.apply(grad, np.zeros_like(value), *indices, index=self.index)
        taken = index(grad, *indices, index=self.index)
        if any(places.dtype.kind != "b" for places in indices):
            number = reshape_like(np.cumsum(np.ones_like(value, dtype=int)), value)
            owner = SetAt.apply(np.zeros_like(a, dtype=int), number, *indices, index=self.index)
            taken = np.where(index(owner, *indices, index=self.index) == number, taken, 0)
        return kept, taken, *(None for _ in indices)

    def check_settings(self) -> None:
        """Refuse what is no part of an index."""
        check_index(self)

    def infer(self, a: Spec, value: Spec, *indices: Spec) -> Spec:
        """The shape of a."""
        shape = shape_at_index(self, a.shape, self.index, indices)
        if len(shape) != len(value.shape) or not all(map(same, shape, value.shape)):
            raise self.shape_error(f"the index takes {shape_text(shape)} of a, and value is {shape_text(value.shape)}")
        return Spec(a.shape, np.result_type(a.dtype, value.dtype))


def _write_copy(who: str, write: Callable[..., None], a: Value, index: Any, value: Value) -> Any:
    """A copy of an array that was written to."""
    copy = np.array(operand(who, a))
    try:
        write(copy, index, value)
    except (IndexError, TypeError, ValueError) as error:
        raise IndexingError(f"{who}: {error}, in an array of shape {copy.shape}") from None
    return copy


@public
def set_at(a: Value, index: Any, value: Value) -> Any:
    """The array with other values at an index of any kind: a new box in place of a[index] = value.

    Where an index names a place twice, the last value is taken, and gets the gradient.

    Parameters
    ----------
    a : box or array_like
        The array; it stays as it is.
    index : int, slice, array_like, box, or tuple of such
        Where, as NumPy indexes.
    value : box or array_like
        The new values; they broadcast to the shape of a[index].

    Returns
    -------
    box or ndarray
        A box of the shape of `a`, or an array where no argument is a box.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=(3,))
    >>> h = fg.set_at(x, slice(1, None), 0.0)
    >>> fg.Graph(h).fprop(x=[1.0, 2.0, 3.0])[h]
    array([1., 0., 0.])
    """
    if not holds_box(a) and not holds_box(value):
        return _write_copy("fg.set_at", np.ndarray.__setitem__, a, index, value)
    a, taken = _take_elements(a, index)
    return SetAt(
        a, broadcast_like(as_element(value, a.dtype, "fg.set_at"), taken), *taken.children[1:], index=taken.index
    )


@public
def add_at(a: Value, index: Any, value: Value) -> Any:
    """The array with values added at an index of any kind: a new box in place of np.add.at(a, index, value).

    Where an index names a place twice, both values are added.

    Parameters
    ----------
    a : box or array_like
        The array; it stays as it is.
    index : int, slice, array_like, box, or tuple of such
        Where, as NumPy indexes.
    value : box or array_like
        What is added; it broadcasts to the shape of a[index].

    Returns
    -------
    box or ndarray
        A box of the shape of `a`, or an array where no argument is a box.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=(3,))
    >>> h = fg.add_at(x, [0, 2, 2], 10.0)
    >>> fg.Graph(h).fprop(x=[1.0, 2.0, 3.0])[h]
    array([11.,  2., 23.])
    """
    if not holds_box(a) and not holds_box(value):
        return _write_copy("fg.add_at", np.add.at, a, index, value)
    a, taken = _take_elements(a, index)
    added = broadcast_like(as_element(value, a.dtype, "fg.add_at"), taken)
    return a + index_add(added, a, *taken.children[1:], index=taken.index)


def _take_elements(a: Value, index: object) -> tuple[Any, Index]:
    """The array, and the elements that the index selects."""
    a = as_box(a)
    taken = get(a, index)
    assert isinstance(taken, Index)
    return a, taken


class Places:
    """The elements of a box at an index, `x.at[index]`, for new boxes in which these are others.

    As in JAX and array_api_extra, `x.at[index].add(value)` is the array in which the elements have the value added;
    `x` itself stays as it is. Where an index names a place twice, `set` takes the last value, `add` and `subtract`
    count both, and the others refuse it.

    Parameters
    ----------
    box : Box
        The array.
    index : int, slice, array_like, box, or tuple of such
        Where, as NumPy indexes.
    """

    def __init__(self, box: Box, index: Any) -> None:
        self._box, self._index = box, index

    def get(self) -> Any:
        """box[index].

        Returns
        -------
        Box
            The elements.
        """
        return self._box[self._index]

    def set(self, value: Value) -> Any:
        """The array with other elements there: `fg.set_at(box, index, value)`.

        Parameters
        ----------
        value : box or array_like
            The new elements; they broadcast to the shape of box[index].

        Returns
        -------
        Box
            An array of the shape of the box.
        """
        return set_at(self._box, self._index, value)

    def add(self, value: Value) -> Any:
        """The array with values added there: `fg.add_at(box, index, value)`.

        Parameters
        ----------
        value : box or array_like
            What is added; it broadcasts to the shape of box[index].

        Returns
        -------
        Box
            An array of the shape of the box.
        """
        return add_at(self._box, self._index, value)

    def subtract(self, value: Value) -> Any:
        """The array with values subtracted there; see `add`."""
        return add_at(self._box, self._index, np.negative(as_element(value, self._box.dtype, "at[...].subtract")))

    def multiply(self, value: Value) -> Any:
        """The array with the elements there multiplied by values; see `set`."""
        return self._write_result(np.multiply, value)

    def divide(self, value: Value) -> Any:
        """The array with the elements there divided by values; see `set`."""
        return self._write_result(np.divide, value)

    def power(self, value: Value) -> Any:
        """The array with the elements there to the power of values; see `set`."""
        return self._write_result(np.power, value)

    def min(self, value: Value) -> Any:
        """The array with the smaller of its elements there and of values; see `set`."""
        return self._write_result(np.minimum, value)

    def max(self, value: Value) -> Any:
        """The array with the larger of its elements there and of values; see `set`."""
        return self._write_result(np.maximum, value)

    def _write_result(self, ufunc: np.ufunc, value: Value) -> Any:
        """The array with what a function makes of its elements there and of values, each place taken once."""
        who = f"at[...] with np.{ufunc.__name__}"
        box, taken = _take_elements(self._box, self._index)
        if _may_name_a_place_twice(box, taken):
            raise UsageError(
                f"{box.title}: {who}: found an index that names a place twice, or that is not known before a run; "
                f"needs each place once, or one call for each of them"
            )
        return set_at(box, self._index, ufunc(taken, value))


def _may_name_a_place_twice(a: Box, taken: Index) -> bool:
    """Whether integers in an index name a place twice; without their values, or the sizes of the array, they may."""
    places = taken.children[1:]
    if all(entries.dtype.kind == "b" for entries in places):
        return False
    if not all(isinstance(size, int) for size in a.shape):
        return True
    try:
        known = [np.asarray(entries.value if isinstance(entries, Constant) else entries) for entries in places]
    except NoArrayError:
        return True
    times = np.zeros(a.shape, int)
    np.add.at(times, put_arrays(taken.index, known), 1)
    return bool(times.max(initial=0) > 1)


@attached_to(Box)
class WrittenBox:
    """What stands in place of an assignment to the elements of a box."""

    @Attribute
    def at(self: Any) -> Any:
        """`box.at[index].set(value)`, a new box with other elements at an index, as in JAX and array_api_extra.

        >>> import numpy as np
        >>> from flowgraph.functional import grad
        >>> grad(lambda x: np.sum(x.at[1:].multiply(x[0]) ** 2))(np.array([1.0, 2.0, 3.0]))
        array([28.,  4.,  6.])
        """
        return _At(self)


class _At:
    """What `box.at` is: indexed, the elements there."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def __getitem__(self, index: Any) -> Places:
        return Places(self._box, index)

    def __repr__(self) -> str:
        return f"{self._box!r}.at"
