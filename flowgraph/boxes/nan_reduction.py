"""Reductions that pass over NaN, made of those that do not; what is passed over gets an exact 0 as its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.exponential import one_at_zero
from flowgraph.dispatch import implements
from flowgraph.errors import UsageError


@implements(np.nansum)
def nansum(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nansum of a box: NaN adds nothing."""
    return np.sum(filled(a, 0), axis=axis, keepdims=keepdims)


@implements(np.nanprod)
def nanprod(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanprod of a box: NaN is 1."""
    return np.prod(filled(a, 1), axis=axis, keepdims=keepdims)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None) -> Any:
    """np.nancumsum of a box: NaN adds nothing."""
    return np.cumsum(filled(a, 0), axis=axis)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None) -> Any:
    """np.nancumprod of a box: NaN is 1."""
    return np.cumprod(filled(a, 1), axis=axis)


@implements(np.nanmax)
def nanmax(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanmax of a box: NaN only where there is nothing else; elements that tie share the gradient."""
    return _or_nan(np.max(filled(a, -np.inf), axis=axis, keepdims=keepdims), a, axis, keepdims)


@implements(np.nanmin)
def nanmin(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanmin of a box: NaN only where there is nothing else; elements that tie share the gradient."""
    return _or_nan(np.min(filled(a, np.inf), axis=axis, keepdims=keepdims), a, axis, keepdims)


@implements(np.nanargmax)
def nanargmax(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanargmax of a box: an index, which no gradient passes."""
    return np.argmax(filled(a, -np.inf), axis=axis, keepdims=keepdims)


@implements(np.nanargmin)
def nanargmin(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanargmin of a box: an index, which no gradient passes."""
    return np.argmin(filled(a, np.inf), axis=axis, keepdims=keepdims)


@implements(np.nanmean)
def nanmean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanmean of a box: over what is not NaN; of nothing it is NaN, with the gradient 0."""
    if not may_be_nan(a):
        return np.mean(a, axis=axis, keepdims=keepdims)
    return _ratio(np.sum(filled(a, 0), axis=axis, keepdims=keepdims), _count(a, axis, keepdims))


@implements(np.nanvar)
def nanvar(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False, correction: Any = None) -> Any:
    """np.nanvar of a box: over what is not NaN; NaN where that leaves no degree of freedom."""
    ddof = _one_of(ddof, correction)
    if not may_be_nan(a):
        return np.var(a, axis=axis, ddof=ddof, keepdims=keepdims)
    mean = np.sum(filled(a, 0), axis=axis, keepdims=True) / one_at_zero(_count(a, axis, True))
    centred = np.where(np.isnan(a), 0, a - mean)
    return _ratio(np.sum(centred * centred, axis=axis, keepdims=keepdims), _count(a, axis, keepdims) - ddof)


@implements(np.nanstd)
def nanstd(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False, correction: Any = None) -> Any:
    """np.nanstd of a box: over what is not NaN; where all of it is equal the gradient is 0, as that of np.std."""
    ddof = _one_of(ddof, correction)
    if not may_be_nan(a):
        return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims)
    variance = nanvar(a, axis, ddof=ddof, keepdims=keepdims)
    return np.where(variance == 0, 0, np.sqrt(one_at_zero(variance)))


def filled(a: Any, value: Any) -> Any:
    """The array with a number in place of each NaN."""
    return np.where(np.isnan(a), value, a) if may_be_nan(a) else a


def may_be_nan(a: Any) -> bool:
    """Whether an array is of a dtype that has a NaN."""
    return bool(a.dtype.kind in "fc")


def _count(a: Box, axis: Any, keepdims: bool) -> Any:
    """How many elements along the axes are no NaN, in the dtype of the array."""
    return np.sum(~np.isnan(a), axis=axis, keepdims=keepdims).astype(a.dtype)


def _ratio(total: Any, number: Any) -> Any:
    """A total divided by a number; NaN, and no gradient, where the number is not above 0."""
    return np.where(number > 0, total / np.where(number > 0, number, 1), np.nan)


def _or_nan(h: Any, a: Any, axis: Any, keepdims: bool) -> Any:
    """A result with NaN where there was nothing but NaN."""
    if not may_be_nan(a):
        return h
    return np.where(np.all(np.isnan(a), axis=axis, keepdims=keepdims), np.nan, h)


def _one_of(ddof: Any, correction: Any) -> Any:
    """The degrees of freedom that a mean takes, under either of their names."""
    if correction is None:
        return ddof
    if ddof != 0:
        raise UsageError(f"np.nanvar, np.nanstd: found both ddof={ddof} and correction={correction}, needs one of them")
    return correction
