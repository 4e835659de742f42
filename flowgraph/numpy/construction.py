"""What NumPy looks into for numbers: lists of boxes in any call, a box to fill with, numpy.r_ and numpy.c_."""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Value, holds_box, join_boxes
from flowgraph.box.numpy_dispatch import builder_of, call_function, call_ufunc
from flowgraph.errors import NoArrayError, UsageError


def array(
    object: Value, dtype: DTypeLike | None = None, *, copy: bool | None = True, order: Value = "K", subok: bool = False,
    ndmin: int = 0, like: Value = None,
) -> Any:  # fmt: skip
    """numpy.array, which also takes boxes in lists and tuples, however deeply nested, and joins them to one box.

    Parameters
    ----------
    object : array_like or Box
        Numbers, arrays and boxes; those of one list have one shape.
    dtype : dtype, optional
        The dtype of the result; otherwise that which NumPy finds for the elements.
    ndmin : int
        The least number of axes; new ones stand in front.
    copy, order, subok, like
        As in NumPy. A box is immutable and has no order in memory, so they change nothing of it.

    Raises
    ------
    ShapeError
        If the elements of one list differ in shape.

    >>> import flowgraph as fg, flowgraph.numpy as np
    >>> x = fg.Input("x", shape=(2,))
    >>> np.array([[x[0], 1.0], [0.0, x[1]]]).shape
    (2, 2)
    """
    if not holds_box(object):
        return np.array(object, dtype=dtype, copy=copy, order=order, subok=subok, ndmin=ndmin, like=like)
    made = join_boxes(object)
    if dtype is not None:
        made = made.astype(dtype)
    return np.expand_dims(made, tuple(range(ndmin - made.ndim))) if made.ndim < ndmin else made


def asarray(
    a: Value, dtype: DTypeLike | None = None, order: Value = None, *, device: Value = None, copy: bool | None = None,
    like: Value = None,
) -> Any:  # fmt: skip
    """numpy.asarray, which also takes boxes, by themselves and in lists and tuples."""
    if not holds_box(a):
        return np.asarray(a, dtype, order, device=device, copy=copy, like=like)
    return array(a, dtype)


def asanyarray(
    a: Value, dtype: DTypeLike | None = None, order: Value = None, *, device: Value = None, copy: bool | None = None,
    like: Value = None,
) -> Any:  # fmt: skip
    """numpy.asanyarray, which also takes boxes, by themselves and in lists and tuples."""
    if not holds_box(a):
        return np.asanyarray(a, dtype, order, device=device, copy=copy, like=like)
    return array(a, dtype)


def ascontiguousarray(a: Value, dtype: DTypeLike | None = None, *, like: Value = None) -> Any:
    """numpy.ascontiguousarray, which also takes boxes; of at least one axis, as NumPy's."""
    if not holds_box(a):
        return np.ascontiguousarray(a, dtype, like=like)
    return array(a, dtype, ndmin=1)


def full(
    shape: Value, fill_value: Value, dtype: DTypeLike | None = None, order: Value = "C", *, device: Value = None,
    like: Value = None,
) -> Any:  # fmt: skip
    """numpy.full, whose value may be a box, or a list with boxes in it, that broadcasts to the shape.

    >>> import flowgraph as fg, flowgraph.numpy as np
    >>> np.full((3, 2), fg.Input("x", shape=(2,))).shape
    (3, 2)
    """
    if not holds_box(fill_value):
        return np.full(shape, fill_value, dtype, order, device=device, like=like)
    return np.broadcast_to(array(fill_value, dtype), shape)


def full_like(
    a: Value, fill_value: Value, dtype: DTypeLike | None = None, order: Value = "K", subok: bool = True,
    shape: Value = None, *, device: Value = None,
) -> Any:  # fmt: skip
    """numpy.full_like, whose value may be a box, or a list with boxes in it, that broadcasts to the shape.

    >>> import flowgraph as fg, flowgraph.numpy as np
    >>> np.full_like(np.ones((3, 2)), fg.Input("x", shape=(2,))).shape
    (3, 2)
    """
    if holds_box(a):
        return np.full_like(
            join_boxes(a), join_boxes(fill_value) if holds_box(fill_value) else fill_value, dtype, shape=shape
        )
    if not holds_box(fill_value):
        return np.full_like(a, fill_value, dtype, order, subok, shape, device=device)
    a = np.asarray(a)
    return full(a.shape if shape is None else shape, fill_value, a.dtype if dtype is None else dtype)


_ANSWERS_ANYWAY = (np.array_equal, np.array_equiv)
"""Functions of NumPy that answer False where it cannot make an array of an argument, whatever is in it."""


class OfLists:
    """A function or ufunc of NumPy that also takes lists and tuples with boxes in them as arrays.

    >>> import flowgraph as fg, flowgraph.numpy as np
    >>> x = fg.Input("x", shape=(2,))
    >>> np.mean([x[0], x[1], 0.5]).shape
    ()
    """

    def __init__(self, function: Any, module: str) -> None:
        functools.update_wrapper(self, function)
        self._found_in = module

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """As NumPy's function, or the boxes that stand for it."""
        function = self.__wrapped__
        if function not in _ANSWERS_ANYWAY or not any(map(holds_box, (*args, *keywords.values()))):
            with contextlib.suppress(NoArrayError):  # of a list that is one array, in which NumPy looks for no boxes
                return function(*args, **keywords)
        given = [join_boxes(value) if holds_box(value) else value for value in args]
        named = {name: join_boxes(value) if holds_box(value) else value for name, value in keywords.items()}
        if isinstance(function, np.ufunc):
            return call_ufunc(function, "__call__", given, named)
        return call_function(function, given, named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __reduce__(self) -> Any:
        return _look_up, (self._found_in, self.__name__)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


def _look_up(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def of_lists(value: Any, module: str) -> Any:
    """A function for which a box stands, taking lists of boxes too; anything else as it is."""
    taken = callable(value) and (builder_of(value) is not None or value in _ANSWERS_ANYWAY)
    return OfLists(value, module) if taken else value


class Concatenation:
    """Replaces numpy.r_ and numpy.c_: NumPy's own result, unless there is a box among the arguments.

    >>> import flowgraph as fg, flowgraph.numpy as np
    >>> np.r_[0.0, fg.Input("x", shape=(3,)), 1:4].shape
    (7,)
    """

    def __init__(self, numpys: Value, axis: int, ndmin: int, trans1d: int) -> None:
        self._numpys, self._axis, self._ndmin, self._trans1d = numpys, axis, ndmin, trans1d

    def __getitem__(self, key: Value) -> Any:
        parts = list(key) if isinstance(key, tuple) else [key]
        if not holds_box(parts):
            return self._numpys[key]
        axis, ndmin, trans1d = self._axis, self._ndmin, self._trans1d
        if isinstance(parts[0], str):
            axis, ndmin, trans1d = _directive(parts.pop(0), axis, ndmin, trans1d)
        return np.concatenate([_shape_part(part, ndmin, trans1d) for part in parts], axis=axis)

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return repr(self._numpys)


def _directive(text: str, axis: int, ndmin: int, trans1d: int) -> tuple[int, int, int]:
    """The axis to join along, the least number of axes, and where those of a smaller array go."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3:
        raise UsageError(
            f"np.r_: found the directive {text!r} with boxes, needs one to three integers such as '0,2' (axis, least "
            f"number of axes, place of the old ones)"
        )
    return (*numbers, *(axis, ndmin, trans1d)[len(numbers) :])  # type: ignore[return-value]


def _shape_part(part: Value, ndmin: int, trans1d: int) -> Any:
    """A part with at least so many axes, as NumPy's class places the new ones."""
    array = np.r_[part] if isinstance(part, slice) else asarray(part)
    own = array.ndim
    if not own:
        return np.reshape(array, (1,) * max(ndmin, 1))
    missing = ndmin - own
    if missing <= 0:
        return array
    start = trans1d if trans1d >= 0 else trans1d + missing + 1
    new = [place for place in range(ndmin) if not start <= place < start + own]
    return np.expand_dims(array, tuple(new))


r_: Any = Concatenation(np.r_, 0, 1, -1)
"""numpy.r_: what stands between the brackets, joined along the first axis."""

c_: Any = Concatenation(np.c_, -1, 2, 0)
"""numpy.c_: what stands between the brackets as columns."""
