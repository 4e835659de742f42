"""Median, quantiles and percentiles as NumPy calls them: several axes, weights, parts that are boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import Axes
from flowgraph.box.numpy_dispatch import implements
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.indexing.places import arange_like
from flowgraph.boxes.numpy_api.array_arguments import (
    as_box,
    as_box_or_array,
    axes_back,
    expand_along,
    one_axis,
    take_axis,
)
from flowgraph.boxes.reduction.nan_reduction import may_be_nan
from flowgraph.boxes.statistics.quantile import Median, Quantile
from flowgraph.boxes.statistics.quantile_methods import METHODS, held, places
from flowgraph.boxes.statistics.weighting import weights_for
from flowgraph.errors import DtypeError, UsageError


@implements(np.median)
def median(a: Value, axis: Axes | None = None, *, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """np.median of a box; it is never written to, whatever `overwrite_input` says."""
    return _median(a, axis, keepdims, ignore_nan=False)


@implements(np.nanmedian)
def nanmedian(a: Value, axis: Axes | None = None, *, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """np.nanmedian of a box: the median of the elements that are not NaN."""
    return _median(a, axis, keepdims, ignore_nan=True)


@implements(np.quantile)
def quantile(
    a: Value, q: Value, axis: Axes | None = None, *, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, weights: Value = None,
) -> Any:  # fmt: skip
    """np.quantile of a box, by every method of NumPy; the gradient reaches q as well, where it is a box."""
    return _quantile(a, q, axis, method, keepdims, weights, ignore_nan=False)


@implements(np.nanquantile)
def nanquantile(
    a: Value, q: Value, axis: Axes | None = None, *, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, weights: Value = None,
) -> Any:  # fmt: skip
    """np.nanquantile of a box: quantiles of the elements that are not NaN."""
    return _quantile(a, q, axis, method, keepdims, weights, ignore_nan=True)


@implements(np.percentile)
def percentile(
    a: Value, q: Value, axis: Axes | None = None, *, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, weights: Value = None,
) -> Any:  # fmt: skip
    """np.percentile of a box: the quantile at a hundredth of q."""
    return _quantile(a, _hundredth(q), axis, method, keepdims, weights, ignore_nan=False)


@implements(np.nanpercentile)
def nanpercentile(
    a: Value, q: Value, axis: Axes | None = None, *, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, weights: Value = None,
) -> Any:  # fmt: skip
    """np.nanpercentile of a box: percentiles of the elements that are not NaN."""
    return _quantile(a, _hundredth(q), axis, method, keepdims, weights, ignore_nan=True)


def _median(a: Box, axis: Axes | None, keepdims: bool, ignore_nan: bool) -> Any:
    merged, place = one_axis(a, axis)
    return axes_back(Median(merged, axis=place, ignore_nan=ignore_nan and may_be_nan(a)), a, axis, keepdims)


def _quantile(
    a: Value, q: Value, axis: Axes | None, method: str, keepdims: bool, weights: Value, ignore_nan: bool
) -> Any:
    a = as_box(a)
    if ignore_nan and 0 in a.shape:
        a = a.astype(np.result_type(a.dtype, np.float16 if a.dtype.kind == "f" else np.float64))  # it is NaN
    if a.dtype.kind == "c" or (a.dtype.kind == "b" and METHODS[method](4, 0.5)[1] is not None):
        raise DtypeError(f"np.quantile: found {a.title} of dtype {a.dtype}, needs real numbers to go between")
    ignore_nan = ignore_nan and may_be_nan(a)
    parts = q if isinstance(q, Box) or type(q) in (int, float) else np.asarray(q)
    if np.ndim(parts) > 1:
        flat = _quantile(a, np.ravel(parts), axis, method, keepdims, weights, ignore_nan)
        return np.reshape(flat, (*parts.shape, *flat.shape[1:]))
    merged, place = one_axis(a, axis)
    if weights is not None:
        if method != "inverted_cdf":
            raise UsageError(f"np.quantile: found weights with method={method!r}, needs method='inverted_cdf'")
        full, _ = one_axis(as_box(weights_for(weights, a, axis)), axis)
        h = _weighted(merged, as_box_or_array(parts), full, place, ignore_nan)
    elif isinstance(parts, Box):
        h = _at_box(merged, parts, place, method, ignore_nan)
    else:
        h = Quantile(merged, q=_setting(parts), axis=place, method=method, ignore_nan=ignore_nan)
    return axes_back(h, a, axis, keepdims, np.ndim(parts))


def _hundredth(q: Value) -> Any:
    return q / 100 if isinstance(q, Box) or type(q) in (int, float) else np.true_divide(q, 100)


def _setting(parts: Value) -> Any:
    """The parts as a setting that compares by value: a Python number never widens float32, as in NumPy."""
    if isinstance(parts, np.ndarray) and parts.dtype == np.float64:
        return tuple(parts.tolist()) if parts.ndim else np.float64(parts)
    return parts


def _at_box(a: Value, q: Value, axis: int, method: str, ignore_nan: bool) -> Any:
    """The quantiles at parts known in a run: between two numbers of those in order."""
    n = _count(a, axis, ignore_nan)
    low, high, weight = places(method, n, expand_along(np.atleast_1d(q), axis, a.ndim))
    inorder = np.sort(a, axis=axis, kind="stable")
    h = np.take_along_axis(inorder, low, axis)
    if weight is not None:
        h = h * (1 - weight) + np.take_along_axis(inorder, high, axis) * weight
    return _quantiles_first(_nan_where_met(h, inorder, axis, ignore_nan), axis, q.ndim)


def _weighted(a: Value, q: Value, weights: Value, axis: int, ignore_nan: bool) -> Any:
    """The first number at which the sum of the weights, of numbers in order, reaches the part q of their total."""
    if ignore_nan:
        weights = np.where(np.isnan(a), 0, weights)
    order = np.argsort(a, axis=axis, kind="stable")
    running = np.cumsum(np.take_along_axis(weights, order, axis).astype(np.float64), axis=axis)
    share = running / np.expand_dims(take_axis(running, axis, -1), axis)
    below = np.expand_dims(np.where(share == 0, -1, share), -1) < np.atleast_1d(q)
    rank = held(np.moveaxis(np.sum(below, axis=axis), -1, axis), count_like(arange_like(a, axis)))
    inorder = np.take_along_axis(a, order, axis)
    h = np.take_along_axis(inorder, rank, axis)
    return _quantiles_first(_nan_where_met(h, inorder, axis, ignore_nan), axis, q.ndim)


def _count(a: Value, axis: int, ignore_nan: bool) -> Any:
    if ignore_nan:
        return np.sum(~np.isnan(a), axis=axis, keepdims=True)
    return count_like(arange_like(a, axis))


def _nan_where_met(h: Value, inorder: Value, axis: int, ignore_nan: bool) -> Any:
    """NaN for a line that has one, which is the last in order."""
    if ignore_nan or not may_be_nan(inorder):
        return h
    last = np.expand_dims(take_axis(inorder, axis, -1), axis)
    return np.where(np.isnan(last), last, h)


def _quantiles_first(h: Value, axis: int, ndim: int) -> Any:
    return np.moveaxis(h, axis, 0) if ndim else np.squeeze(h, axis)
