"""Weighted means and what is made of them: averages, covariances, correlations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.axes import Axes, axes_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.boxes.engine.shape_like import broadcast_like, count_like
from flowgraph.boxes.numpy_api.array_arguments import as_box, as_box_or_array
from flowgraph.errors import ShapeError, UsageError
from flowgraph.shapes.spec import same, shape_text


@implements(np.average)
def average(
    a: Value, axis: Axes | None = None, weights: Value = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """np.average of a box, whose weights may be a box; with `returned` also the sum of the weights."""
    a = as_box(a)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        return (mean, np.zeros_like(mean) + count_like(a, axis)) if returned else mean
    if axis is not None:
        axes_of(a, axis, a.ndim)
    w = weights_for(weights, a, axis)
    dtype = np.result_type(a.dtype, w.dtype, *(["f8"] if a.dtype.kind in "biu" else []))
    if not isinstance(w, Box) and np.any(np.sum(w, axis=axis) == 0):
        raise UsageError("np.average: found weights whose sum is 0, needs another sum to divide by")
    w = broadcast_like(w.astype(dtype), a)
    total = np.sum(w, axis=axis, keepdims=keepdims)
    mean = np.sum(a * w, axis=axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


@implements(np.cov)
def cov(
    m: Value, y: Value = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Value = None,
    aweights: Value = None, *, dtype: DTypeLike | None = None,
) -> Any:  # fmt: skip
    """np.cov of boxes: rows are variables (columns without `rowvar`); frequencies and weights may be boxes."""
    parts = [_variables(m, not rowvar and np.ndim(m) != 1, dtype)]
    if y is not None:
        parts.append(_variables(y, not rowvar and np.ndim(y) == 2 and np.shape(y)[0] != 1, dtype))
    x: Any = np.concatenate(parts) if y is not None else parts[0]
    if x.shape[0] == 0:
        return np.empty((0, 0))
    if ddof is not None and ddof != int(ddof):
        raise UsageError(f"np.cov: found ddof={ddof!r}, needs an integer")
    ddof = int(not bias) if ddof is None else ddof
    frequencies, reliability = _weights(fweights, "fweights", x), _weights(aweights, "aweights", x)
    if frequencies is None and reliability is None:
        centred = x - np.mean(x, axis=1, keepdims=True)
        product, freedom = centred @ np.conj(centred.T), count_like(x, 1) - ddof
    else:
        w = 1.0 if frequencies is None else frequencies
        w = w if reliability is None else w * reliability
        total = np.sum(w)
        centred = x - np.expand_dims(x @ w / total, 1)
        product = centred @ np.conj((centred * w).T)
        freedom = total - ddof * (1.0 if reliability is None else np.sum(w * reliability) / total)
    freedom = max(freedom, 0) if isinstance(freedom, int) else np.maximum(freedom, 0)
    return np.squeeze(product / freedom)


@implements(np.corrcoef)
def corrcoef(x: Value, y: Value = None, rowvar: bool = True, *, dtype: DTypeLike | None = None) -> Any:
    """np.corrcoef of boxes: the covariances divided by both standard deviations, held from -1 to 1."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diag(c))
    return np.clip(c / deviation[:, None] / deviation, -1, 1)


def weights_for(weights: Value, a: Box, axis: Axes | None) -> Any:
    """Weights of the shape of an array, or of its sizes along some axes, so that they broadcast with it."""
    w = as_box_or_array(weights)
    if len(w.shape) == a.ndim and all(map(same, w.shape, a.shape)):
        return w
    if axis is None:
        raise ShapeError(
            f"np.average: found weights of shape {shape_text(w.shape)} for {a.title} {shape_text(a.shape)}, needs the "
            f"same shape, or axis= for weights along it"
        )
    axes = axes_of(a, axis, a.ndim)
    needed = tuple(a.shape[i] for i in axes)
    if len(w.shape) != len(needed) or not all(map(same, w.shape, needed)):
        raise ShapeError(
            f"np.average: found weights of shape {shape_text(w.shape)} along the axes {axes} of {a.title}, needs "
            f"{shape_text(needed)}"
        )
    w = np.transpose(w, tuple(int(i) for i in np.argsort(axes)))
    return np.expand_dims(w, tuple(i for i in range(a.ndim) if i not in axes))


def _variables(m: Value, transposed: bool, dtype: DTypeLike | None) -> Any:
    """The variables of a covariance in rows, in the dtype given, or in double precision at least."""
    m = as_box(m)
    if m.ndim > 2:
        raise ShapeError(f"np.cov: found {m.title} {shape_text(m.shape)}, needs one or two axes")
    rows = np.atleast_2d(m.astype(np.result_type(m.dtype, np.float64) if dtype is None else dtype))
    return rows.T if transposed else rows


def _weights(weights: Value, name: str, x: Box) -> Any:
    """Weights of the observations, in double precision."""
    if weights is None:
        return None
    w = as_box_or_array(weights)
    if len(w.shape) != 1 or not same(w.shape[0], x.shape[1]):
        raise ShapeError(f"np.cov: found {name} of shape {shape_text(w.shape)}, needs ({x.shape[1]},), one per column")
    if not isinstance(w, Box) and (np.any(w < 0) or (name == "fweights" and np.any(w != np.round(w)))):
        raise UsageError(f"np.cov: found {name} = {w}, needs numbers from 0{', whole ones' * (name == 'fweights')}")
    return w.astype(np.float64)
