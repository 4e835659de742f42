"""The largest and the smallest along axes, whether any or all are true, and reductions that leave out NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.inference import Axes
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.elementwise.exponential import one_at_zero
from flowgraph.boxes.reduction.sums import Fold, Reduction, by_numpy, count_where, in_floats, mask_of, one_of, squares

_TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])


class Extreme(Fold, abstract=True):
    """The gradient goes to the element that was taken; elements that tie share it equally."""

    analytic = False
    slopes = "choice"
    fprop = by_numpy

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        taken = (a == self.restore_axes(h, a)).astype(a.dtype)
        ties = np.sum(taken, axis=self.axis, keepdims=True)
        return (self.restore_axes(grad, a) * (taken / ties),)


class Max(Extreme):
    """The largest along axes.

    h = max a        dh/da = 1/k at each of the k largest, else 0
    """

    numpy = (np.max, np.amax)
    symbol = "max"
    formula = r"\max a"


class Min(Extreme):
    """The smallest along axes.

    h = min a        dh/da = 1/k at each of the k smallest, else 0
    """

    numpy = (np.min, np.amin)
    symbol = "min"
    formula = r"\min a"


@implements(np.ptp)
def ptp(a: Value, axis: Axes | None = None, *, keepdims: bool = False) -> Any:
    """np.ptp of a box: from the smallest to the largest."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


class Place(Reduction, abstract=True):
    """The index along an axis, or in the flat array, of an element that is taken; not differentiable."""

    axis: int | None = None

    core = Core("axis", line=True)
    of_numbers = True
    fprop = by_numpy


class ArgMax(Place):
    """Index of the largest element along an axis, the first of several; not differentiable."""

    numpy = np.argmax
    symbol = "argmax"
    formula = r"\arg\max a"
    examples = (example((3, 4)), example((3, 4), axis=-1), example(_TIED, axis=1, keepdims=True))


class ArgMin(Place):
    """Index of the smallest element along an axis, the first of several; not differentiable."""

    numpy = np.argmin
    symbol = "argmin"
    formula = r"\arg\min a"
    examples = (example((3, 4)), example((3, 4), axis=-1), example(_TIED, axis=1, keepdims=True))


class AnyTrue(Fold):
    """Whether any element along the axes is true, or not 0; no gradient."""

    numpy = np.any
    fprop = by_numpy
    identity = False
    symbol = "any"
    formula = r"\exists\, a"
    examples = (*Reduction.examples, example(np.array([[True, False], [False, False]]), axis=1))

    def parts(self, a: Value) -> Value:
        """Whether the number of those that are true is not 0."""
        return np.sum((a != 0).astype(np.int64), axis=self.axis, keepdims=self.keepdims) > 0


class AllTrue(Fold):
    """Whether all elements along the axes are true, or not 0; no gradient."""

    numpy = np.all
    fprop = by_numpy
    identity = True
    symbol = "all"
    formula = r"\forall\, a"
    examples = (*Reduction.examples, example(np.array([[True, False], [True, True]]), axis=1))

    def parts(self, a: Value) -> Value:
        """Whether the number of those that are false is 0."""
        return np.sum((a == 0).astype(np.int64), axis=self.axis, keepdims=self.keepdims) == 0


class CountNonzero(Reduction):
    """How many elements along the axes are true, or not 0; no gradient."""

    of_numbers = True
    numpy = np.count_nonzero
    symbol = "count ≠ 0"
    formula = r"\sum 1_{a \neq 0}"
    examples = (*Reduction.examples, example(np.array([[1.0, 0.0], [0.0, 0.0]]), axis=1))

    def fprop(self, a: Value) -> Value:
        count = np.count_nonzero(a, axis=self.axis, keepdims=self.keepdims)
        return np.intp(count) if isinstance(count, int) else count  # an int of Python before NumPy 2.3

    def parts(self, a: Value) -> Value:
        """The sum of ones."""
        return np.sum((a != 0).astype(np.int64), axis=self.axis, keepdims=self.keepdims)


_HOLES = np.array([[np.nan, 3.0, 1.0], [2.0, np.nan, 2.0]])


@implements(np.nansum)
def nansum(
    a: Value,
    axis: Axes | None = None,
    *,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
    initial: Value = None,
    where: Value = None,
) -> Any:
    """np.nansum of a box: NaN adds nothing."""
    return np.sum(fill_nan(a, 0), axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


@implements(np.nanprod)
def nanprod(
    a: Value,
    axis: Axes | None = None,
    *,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
    initial: Value = None,
    where: Value = None,
) -> Any:
    """np.nanprod of a box: NaN is 1."""
    return np.prod(fill_nan(a, 1), axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


@implements(np.nancumsum)
def nancumsum(a: Value, axis: Any = None, *, dtype: DTypeLike | None = None) -> Any:
    """np.nancumsum of a box: NaN adds nothing."""
    return np.cumsum(fill_nan(a, 0), axis=axis, dtype=dtype)


@implements(np.nancumprod)
def nancumprod(a: Value, axis: Any = None, *, dtype: DTypeLike | None = None) -> Any:
    """np.nancumprod of a box: NaN is 1."""
    return np.cumprod(fill_nan(a, 1), axis=axis, dtype=dtype)


@implements(np.nanmax)
def nanmax(a: Value, axis: Any = None, *, keepdims: bool = False, initial: Value = None, where: Value = None) -> Any:
    """np.nanmax of a box: NaN only where there is nothing else; elements that tie share the gradient."""
    return _extreme(np.max, -np.inf, a, axis, keepdims, initial, where)


@implements(np.nanmin)
def nanmin(a: Value, axis: Any = None, *, keepdims: bool = False, initial: Value = None, where: Value = None) -> Any:
    """np.nanmin of a box: NaN only where there is nothing else; elements that tie share the gradient."""
    return _extreme(np.min, np.inf, a, axis, keepdims, initial, where)


class NanArgMax(Place):
    """The index of the largest element that is not NaN, the first of several; not differentiable.

    As in NumPy, a line of nothing but NaN has none, and is an error.
    """

    per_element = 2  # a comparison with itself, which a NaN fails, and one with the best so far
    numpy = np.nanargmax
    symbol = "nanargmax"
    formula = r"\arg\max_{a \neq \mathrm{NaN}} a"
    examples = (example((3, 4)), example((3, 4), axis=-1), example(_HOLES, axis=1, keepdims=True))


class NanArgMin(Place):
    """The index of the smallest element that is not NaN, the first of several; not differentiable.

    As in NumPy, a line of nothing but NaN has none, and is an error.
    """

    per_element = 2  # a comparison with itself, which a NaN fails, and one with the best so far
    numpy = np.nanargmin
    symbol = "nanargmin"
    formula = r"\arg\min_{a \neq \mathrm{NaN}} a"
    examples = (example((3, 4)), example((3, 4), axis=-1), example(_HOLES, axis=1, keepdims=True))


@implements(np.nanmean)
def nanmean(
    a: Value, axis: Axes | None = None, *, dtype: DTypeLike | None = None, keepdims: bool = False, where: Value = None
) -> Any:
    """np.nanmean of a box: the mean of the elements that are not NaN; NaN with gradient 0 if there is none."""
    if not may_be_nan(a):
        return np.mean(a, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    a = in_floats(a, dtype)
    total = np.sum(fill_nan(a, 0), axis=axis, keepdims=keepdims, where=where)
    return _ratio(total, count_where(a, _numbers(a, where), axis, keepdims).astype(total.dtype))


@implements(np.nanvar)
def nanvar(
    a: Value, axis: Axes | None = None, *, dtype: DTypeLike | None = None, ddof: Any = 0, keepdims: bool = False,
    where: Value = None, mean: Value = None, correction: Any = None,
) -> Any:  # fmt: skip
    """np.nanvar of a box: the variance of the elements that are not NaN; NaN without a degree of freedom."""
    a, ddof = in_floats(a, dtype, real=True), one_of(ddof, correction)
    if not may_be_nan(a):
        return np.var(a, axis=axis, ddof=ddof, keepdims=keepdims, where=where, mean=mean)
    total, number = squares(fill_nan(a, 0), _numbers(a, where), axis, keepdims, mean)
    return _ratio(total, number - ddof)


@implements(np.nanstd)
def nanstd(
    a: Value, axis: Axes | None = None, *, dtype: DTypeLike | None = None, ddof: Any = 0, keepdims: bool = False,
    where: Value = None, mean: Value = None, correction: Any = None,
) -> Any:  # fmt: skip
    """np.nanstd of a box: of the elements that are not NaN; the gradient is 0 if all are equal, as for np.std."""
    a, ddof = in_floats(a, dtype, real=True), one_of(ddof, correction)
    if not may_be_nan(a):
        return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims, where=where, mean=mean)
    variance = nanvar(a, axis, ddof=ddof, keepdims=keepdims, where=where, mean=mean)
    return np.where(variance == 0, 0, np.sqrt(one_at_zero(variance)))


def fill_nan(a: Value, value: Value) -> Any:
    """The array with a number in place of each NaN."""
    return np.where(np.isnan(a), value, a) if may_be_nan(a) else a


def may_be_nan(a: Value) -> bool:
    """Whether an array is of a dtype that has a NaN."""
    return bool(a.dtype.kind in "fc")


def _numbers(a: Box, where: Value) -> Any:
    """A mask of the elements that count: no NaN, and chosen by `where`."""
    return ~np.isnan(a) if where is None or where is True else ~np.isnan(a) & mask_of(a, where)


def _ratio(total: Value, number: Any) -> Any:
    """A total divided by a number; NaN, and no gradient, where the number is not above 0."""
    return np.where(number > 0, total / np.where(number > 0, number, 1), np.nan)


def _extreme(
    reduce: Callable[..., Any], beyond: float, a: Value, axis: Any, keepdims: bool, initial: Value, where: Value
) -> Any:
    """The largest or smallest element that is not NaN; NaN if there is none."""
    if not may_be_nan(a):
        return reduce(a, axis=axis, keepdims=keepdims, initial=initial, where=where)
    h = reduce(fill_nan(a, beyond), axis=axis, keepdims=keepdims, initial=initial, where=where)
    return h if initial is not None else np.where(np.all(np.isnan(a), axis=axis, keepdims=keepdims), np.nan, h)
