"""Boxes that write at places, that choose, and that look at labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.fourier.transforms import BothHalves
from flowgraph.boxes.indexing.gather import PlacesOfRows
from flowgraph.boxes.indexing.index import Index, IndexAdd, filled
from flowgraph.boxes.indexing.scatter import AddAtRows, SetAt
from flowgraph.boxes.indexing.select import Choose, Interp
from flowgraph.boxes.linear_algebra.diagonal import OnDiagonal
from flowgraph.boxes.neural.label import MinusAt, PlaceOf, check_labels
from flowgraph.plan.jax.array import Traced
from flowgraph.plan.jax.twins import rule_for
from flowgraph.shapes.indexing import ARRAY


@rule_for(Index)
def _index(box: Index, a: Value, *indices: Value) -> Any:
    _note_outside(box.index, a.shape, indices)
    return Traced(jnp.asarray(a))[filled(box.index, indices)].value


@rule_for(IndexAdd)
def _index_add(box: IndexAdd, a: Value, like: Value, *indices: Value) -> Any:
    _note_outside(box.index, like.shape, indices)
    return jnp.zeros(like.shape, a.dtype).at[filled(box.index, indices)].add(a)


@rule_for(AddAtRows)
def _add_at_rows(box: AddAtRows, a: Value, change: Value, rows: Value) -> Any:
    _note_outside((ARRAY,), a.shape, (rows,))
    dtype = np.result_type(a.dtype, change.dtype)
    return jnp.asarray(a, dtype).at[rows].add(jnp.asarray(change, dtype))


@rule_for(PlacesOfRows)
def _places_of_rows(box: PlacesOfRows, rows: Value, at: Value, like: Value) -> Any:
    _note_outside((ARRAY,), like.shape, (rows,))
    _note_outside((ARRAY,), like.shape, (at,))
    last = jnp.full(like.shape[0], -1).at[jnp.reshape(rows, -1)].max(jnp.arange(rows.size))
    places = last[at]
    return jnp.where(places < 0, rows.size, places)


@rule_for(SetAt)
def _set_at(box: SetAt, a: Value, value: Value, *indices: Value) -> Any:
    """A place that is named twice keeps the last value, which JAX leaves open: the last one is found first."""
    dtype = np.result_type(a.dtype, value.dtype)
    a, value = jnp.asarray(a, dtype), jnp.asarray(value, dtype)
    place = filled(box.index, indices)
    _note_outside(box.index, a.shape, indices)
    if not indices or any(one.dtype.kind == "b" and isinstance(one, jax.Array) for one in indices):
        return a.at[place].set(value)
    at = jnp.arange(a.size).reshape(a.shape)[place]
    sent = jnp.broadcast_to(value, at.shape).reshape(-1)
    last = jnp.full(a.size, -1).at[at.reshape(-1)].max(jnp.arange(at.size))
    found = sent[jnp.maximum(last, 0)] if at.size else a.reshape(-1)
    return jnp.where(last >= 0, found, a.reshape(-1)).reshape(a.shape)


def _note_outside(index: Sequence[Any], shape: Sequence[int], indices: Sequence[Value]) -> None:
    """Note the places that are none of an array, for which NumPy raises an IndexError and JAX takes what it likes."""
    parts = filled(tuple(index), indices)
    axes = [_axes_taken(part) for part in parts]
    axis = 0
    for part, taken in zip(parts, axes, strict=True):
        if isinstance(part, jax.Array) and part.dtype.kind in "iu":
            Traced((part < -shape[axis]) | (part >= shape[axis])).note_wrong()
        axis += len(shape) - sum(axes) if part is Ellipsis else taken


def _axes_taken(part: Any) -> int:
    """How many axes of an array a part of an index is for."""
    if part is None or part is Ellipsis:
        return 0
    return int(part.ndim) if hasattr(part, "dtype") and part.dtype.kind == "b" else 1


@rule_for(MinusAt)
def _minus_at(box: MinusAt, a: Value, places: Value, amount: Value) -> Any:
    dtype = np.result_type(a.dtype, amount.dtype)
    flat = jnp.asarray(a, dtype).reshape(-1)
    return flat.at[places].add(-jnp.asarray(amount, dtype)).reshape(a.shape)


@rule_for(PlaceOf)
def _place_of(box: PlaceOf, labels: Value, like: Value) -> Any:
    check_labels(box, Traced(jnp.asarray(labels)), like.shape[-1])
    return labels.reshape(-1)[0]


@rule_for(OnDiagonal)
def _on_diagonal(box: OnDiagonal, a: Value, like: Value) -> Any:
    axes = (box.axis1, box.axis2)
    matrices = jnp.moveaxis(jnp.zeros(like.shape, a.dtype), axes, (-2, -1))
    i = np.arange(a.shape[-1])
    matrices = matrices.at[..., i - min(box.offset, 0), i + max(box.offset, 0)].set(a)
    return jnp.moveaxis(matrices, (-2, -1), axes)


@rule_for(Interp)
def _interp(box: Interp, x: Value, xp: Value, fp: Value) -> Any:
    Traced(jnp.any(xp[1:] < xp[:-1])).note_wrong()
    left = jnp.clip(jnp.searchsorted(xp, x, side="right") - 1, 0, max(xp.shape[0] - 2, 0))
    right = jnp.minimum(left + 1, xp.shape[0] - 1)
    width = jnp.where(xp[right] == xp[left], 1, xp[right] - xp[left])
    t = jnp.clip((x - xp[left]) / width, 0, 1)
    inside = fp[left] + t * (fp[right] - fp[left])
    return jnp.where(x >= xp[-1], fp[-1], jnp.where(x <= xp[0], fp[0], jnp.where(jnp.isnan(x), x, inside)))


@rule_for(Choose)
def _choose(box: Choose, number: Value, *choices: Value) -> Any:
    if box.mode == "raise":
        Traced(jnp.any((number < 0) | (number >= len(choices)))).note_wrong()
    dtype = np.result_type(*[choice.dtype for choice in choices])
    listed = [jnp.asarray(choice, dtype) for choice in choices]
    return jnp.choose(number, listed, mode="clip" if box.mode == "raise" else box.mode)


@rule_for(BothHalves)
def _both_halves(box: BothHalves, a: Value, like: Value) -> Any:
    count = a.shape[box.axis]
    factors = np.full(count, 2.0, a.dtype)
    factors[0] = 1
    if like.shape[box.axis] % 2 == 0:
        factors[-1] = 1
    shape = [1] * a.ndim
    shape[box.axis] = count
    return a * factors.reshape(shape)
