"""Quantiles by the methods of NumPy, of which JAX has some."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.reduction.quantile import Median, Quantile
from flowgraph.plan.jax.array import Traced, unwrapped
from flowgraph.plan.jax.twins import rule_for


@rule_for(Median, Quantile)
def _order_statistic(box: Median | Quantile, a: Value) -> Any:
    """The numbers in order, at the places and with the weights that the box gives for its gradient."""
    axis = box.axis % a.ndim
    dtype = np.result_type(a.dtype, 1.0) if a.dtype.kind in "biu" else a.dtype
    if not a.size:
        return jnp.full((*np.shape(getattr(box, "q", 0.5)), *np.delete(a.shape, axis)), jnp.nan, dtype)
    ordered = jnp.sort(jnp.asarray(a, dtype), axis=axis)
    missing = jnp.isnan(ordered)
    n = jnp.sum(~missing, axis=axis, keepdims=True)
    count: Value = Traced(jnp.maximum(n, 1)) if box.ignore_nan else a.shape[axis]
    low, high, weight = unwrapped(box.chosen(count, axis, a.ndim))
    found = _at(ordered, low, axis)
    if weight is not None:
        found = _between(found, _at(ordered, high, axis), weight)
    wrong = n == 0 if box.ignore_nan else jnp.any(missing, axis=axis, keepdims=True)
    found = jnp.where(wrong, jnp.nan, found).astype(dtype)
    return jnp.moveaxis(found, axis, 0) if np.ndim(getattr(box, "q", 0.5)) else jnp.squeeze(found, axis)


def _at(ordered: Value, places: Value, axis: int) -> Any:
    shape = [1 if one == axis else size for one, size in enumerate(ordered.shape)]
    shape[axis] = places.shape[axis]
    return jnp.take_along_axis(ordered, jnp.broadcast_to(places, shape), axis)


def _between(low: Value, high: Value, weight: Value) -> Any:
    """The number between two; equal ones, infinities among them, are what they are."""
    between = low * (1 - weight) + high * weight
    return jnp.where((low == high) | (weight == 0), low, jnp.where(weight == 1, high, between))
