"""What NumPy's reductions take beside axes: a mask of the elements that count, a value to start from, given means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.axes import Axes
from flowgraph.boxes.elementwise.exponential import one_at_zero
from flowgraph.boxes.numpy_api.array_arguments import as_box, as_element, one_axis
from flowgraph.errors import DtypeError, UsageError


def in_dtype(a: Value, dtype: DTypeLike | None) -> Any:
    """An array as a box, in another dtype if one is given."""
    a = as_box(a)
    return a if dtype is None else a.astype(dtype)


def in_floats(a: Value, dtype: DTypeLike | None, real: bool = False) -> Any:
    """The same for a mean, which integers seldom hold, or for a variance, which is real."""
    a = as_box(a)
    if dtype is not None and np.dtype(dtype).kind not in ("f" if real else "fc"):
        raise DtypeError(
            f"{a.title}: found dtype={np.dtype(dtype)} for a {'variance' if real else 'mean'}, needs a dtype of "
            f"{'real' if real else 'real or complex'} numbers with fractions; convert the result, .astype(...)"
        )
    return in_dtype(a, dtype)


def masked(a: Value, where: Value, neutral: Any) -> Any:
    """The array with the identity of the reduction in place of the elements outside the mask."""
    if where is None or where is True:
        return a
    kept = np.where(as_box(where), a, neutral)
    if kept.shape != a.shape:
        raise a.shape_error(f"found where= of shape {as_box(where).shape}, needs one that broadcasts to the array")
    return kept


def count_where(a: Value, where: Value, axis: Axes | None, keepdims: bool) -> Any:
    """How many elements along the axes the mask keeps."""
    return np.sum(masked(np.ones_like(a, dtype=int), where, 0), axis=axis, keepdims=keepdims)


def started(a: Box, axis: Axes | None, initial: Value) -> tuple[Any, int]:
    """The array with the axes of a reduction made one, and the place of that axis.

    It has a slice more on it, of the value that the reduction starts from.
    """
    if isinstance(initial, Box):
        raise UsageError(f"{a.title}: found {initial.title} as initial=, needs a number; use np.maximum or np.minimum")
    merged, place = one_axis(a, axis) if axis != () else (np.expand_dims(a, -1), a.ndim)
    last = as_element(initial, a.dtype, f"{a.title}: initial=").value[()]
    return np.pad(merged, [(0, int(i == place)) for i in range(merged.ndim)], constant_values=last), place


def squares(a: Value, where: Value, axis: Axes | None, keepdims: bool, mean: Value = None) -> tuple[Any, Any]:
    """The sum of squared deviations from the mean over the mask, and the number of elements."""
    number = count_where(a, where, axis, True)
    if mean is None:
        mean = np.sum(masked(a, where, 0), axis=axis, keepdims=True) / one_at_zero(number).astype(a.dtype)
    distance = masked(a - mean, where, 0)
    total = np.sum(np.real(np.conj(distance) * distance), axis=axis, keepdims=keepdims)
    return total, count_where(a, where, axis, keepdims).astype(total.dtype)


def one_of(ddof: Any, correction: Any) -> Any:
    """The degrees of freedom that a mean takes, under either of their names."""
    if correction is None:
        return ddof
    if ddof != 0:
        raise UsageError(f"np.var, np.std: found both ddof={ddof} and correction={correction}, needs one of them")
    return correction
