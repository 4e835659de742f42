"""Convolutions by XLA's own, and pooling over the elements of the window."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d, ConvFilters, ConvInput, Convolving
from flowgraph.boxes.neural.pooling import MaxPool, MeanOfLargest, MeanPool, Pooling, SpreadEvenly, SpreadToLargest
from flowgraph.boxes.neural.sliding import Sliding
from flowgraph.plan.jax.array import struct_of
from flowgraph.plan.jax.twins import rule_for


def _convolved(box: Convolving, x: Value, w: Value) -> Any:
    sliding = box.sliding(w.shape)
    dtype = np.result_type(x.dtype, w.dtype)
    return lax.conv_general_dilated(
        jnp.asarray(x, dtype),
        jnp.asarray(w, dtype),
        sliding.stride,
        sliding.padding,
        rhs_dilation=sliding.dilation,
        feature_group_count=box.groups,
    )


@rule_for(Conv1d, Conv2d, Conv3d)
def _convolution(box: Any, x: Value, w: Value) -> Any:
    return _convolved(box, x, w)


@rule_for(ConvInput)
def _of_input(box: ConvInput, g: Value, w: Value, like: Value) -> Any:
    """What arrives at the convolution sent back to what it reads: the convolution transposed."""
    dtype = np.result_type(g.dtype, w.dtype)
    struct = struct_of(like.shape, dtype)
    (found,) = jax.linear_transpose(lambda x: _convolved(box, x, w), struct)(jnp.asarray(g, dtype))
    return found


@rule_for(ConvFilters)
def _of_filters(box: ConvFilters, g: Value, x: Value, like: Value) -> Any:
    dtype = np.result_type(g.dtype, x.dtype)
    struct = struct_of(like.shape, dtype)
    (found,) = jax.linear_transpose(lambda w: _convolved(box, x, w), struct)(jnp.asarray(g, dtype))
    return found


def _padded(window: Sliding, a: Value, value: Value) -> Any:
    if not any(map(any, window.padding)):
        return jnp.asarray(a)
    whole = ((0, 0),) * (a.ndim - len(window.size))
    return jnp.pad(a, (*whole, *window.padding), constant_values=value)


def _spread(window: Sliding, parts: Sequence[Any], ends: Sequence[int]) -> Any:
    """For each element of the window an array over its places, added up where these stand in a padded array."""
    total: Value = 0
    for part, offsets in zip(parts, itertools.product(*map(range, window.size)), strict=True):
        pads = [(0, 0, 0)] * (part.ndim - len(ends))
        for offset, gap, step, count, end in zip(
            offsets, window.dilation, window.stride, part.shape[part.ndim - len(ends) :], ends, strict=True
        ):
            first = offset * gap
            pads.append((first, end - first - step * (count - 1) - 1, step - 1))
        total = total + lax.pad(part, jnp.zeros((), part.dtype), pads)
    return window.inside(total)


def _ends(window: Sliding, shape: Sequence[int]) -> list[int]:
    """The sizes of the last axes with the padding."""
    last = shape[len(shape) - len(window.size) :]
    return [size + sum(pair) for size, pair in zip(last, window.padding, strict=True)]


def _read(window: Sliding, a: Value, count: Sequence[Any]) -> Iterator[Any]:
    """For each element of the window the array of what it reads, in all its places."""
    return (a[place] for place in window.places(count))


def _largest(box: Pooling, a: Value) -> tuple[list[Any], Any]:
    """What each element of the window reads, and the largest of each window."""
    low = -np.inf if a.dtype.kind == "f" else np.iinfo(a.dtype).min if a.dtype.kind in "iu" else False
    window = box.sliding
    read = list(_read(window, _padded(window, a, low), box.pooled(a.shape)[-len(window.size) :]))
    return read, functools.reduce(jnp.maximum, read)


def _taken(box: Pooling, source: Value, dtype: Value) -> tuple[list[Any], Any]:
    """Where each element of the window is the largest, and how many are, at least 1."""
    read, largest = _largest(box, source)
    taken = [one == largest for one in read]
    ties = functools.reduce(jnp.add, [one.astype(jnp.int32) for one in taken])
    return taken, jnp.maximum(ties, 1).astype(dtype)


@rule_for(MaxPool)
def _max_pool(box: MaxPool, a: Value) -> Any:
    return _largest(box, a)[1]


@rule_for(SpreadToLargest)
def _spread_to_largest(box: SpreadToLargest, g: Value, source: Value) -> Any:
    taken, ties = _taken(box, source, g.dtype)
    share = g / ties
    return _spread(box.sliding, [share * one for one in taken], _ends(box.sliding, source.shape))


@rule_for(MeanOfLargest)
def _mean_of_largest(box: MeanOfLargest, a: Value, source: Value) -> Any:
    taken, ties = _taken(box, source, a.dtype)
    read = _read(box.sliding, _padded(box.sliding, a, 0), ties.shape[-len(box.sliding.size) :])
    return functools.reduce(jnp.add, [part * one for part, one in zip(read, taken, strict=True)]) / ties


def _counted(box: MeanPool | SpreadEvenly, shape: Sequence[int], count: Sequence[Any], dtype: Value) -> Any:
    """How many elements count in each window, a constant."""
    window = box.sliding
    if box.count_padding:
        return np.asarray(np.prod(window.size), dtype)
    inside = window.padded(np.ones(shape[len(shape) - len(window.size) :], dtype), 0)
    total = np.asarray(sum(inside[place] for place in window.places(count)))
    return np.where(total == 0, 1, total).astype(dtype)


@rule_for(MeanPool)
def _mean_pool(box: MeanPool, a: Value) -> Any:
    count = box.pooled(a.shape)[-len(box.sliding.size) :]
    total = functools.reduce(jnp.add, _read(box.sliding, _padded(box.sliding, a, 0), count))
    return total / _counted(box, a.shape, count, a.dtype if a.dtype.kind in "fc" else float)


@rule_for(SpreadEvenly)
def _spread_evenly(box: SpreadEvenly, g: Value, like: Value) -> Any:
    count = g.shape[-len(box.sliding.size) :]
    share = g / _counted(box, like.shape, count, g.dtype if g.dtype.kind in "fc" else float)
    parts = [share] * int(np.prod(box.sliding.size))
    return _spread(box.sliding, parts, _ends(box.sliding, like.shape))
