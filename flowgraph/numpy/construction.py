"""Arrays of what NumPy would look into: lists of boxes, a box as the value to fill with, numpy.r_ and numpy.c_."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Constant, Value
from flowgraph.errors import ShapeError, UsageError
from flowgraph.shapes.spec import shape_text


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
    made = _joined(object)
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


def holds_box(value: Value) -> bool:
    """Whether a value is a box, or a list or tuple with one in it."""
    if isinstance(value, list | tuple):
        return any(holds_box(part) for part in value)
    return isinstance(value, Box)


def _joined(value: Value) -> Any:
    """One box of a list of what has one shape."""
    if isinstance(value, Box):
        if len(value.outputs) != 1:
            raise UsageError(f"array: found {value.title}, which has {len(value.outputs)} outputs; give one of them")
        return value
    if not isinstance(value, list | tuple):
        return np.asarray(value)
    parts = [_joined(part) for part in value]
    shapes = [part.shape for part in parts]
    if any(len(shape) != len(shapes[0]) for shape in shapes):
        first, other = next((shapes[0], shape) for shape in shapes if len(shape) != len(shapes[0]))
        raise ShapeError(
            f"array: found elements of the shapes {shape_text(first)} and {shape_text(other)} in one list, needs one "
            f"shape; join what differs with np.concatenate or np.hstack"
        )
    if not any(isinstance(part, Box) for part in parts):
        return np.stack(parts)
    return np.stack([part if isinstance(part, Box) else Constant(part) for part in parts])


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
        return np.concatenate([_shaped(part, ndmin, trans1d) for part in parts], axis=axis)

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


def _shaped(part: Value, ndmin: int, trans1d: int) -> Any:
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
