"""Operations of PyTorch on the positions of elements: sorting, scattering, searching among sorted numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import add_at, set_at
from flowgraph.boxes.indexing.gather import index_along_axis, order_along
from flowgraph.interop.rules import NoBoxesError, along, taken_along, times
from flowgraph.interop.torch.operations import register


def sort_along(a: Foreign, dim: int = -1, descending: bool = False, *, stable: Foreign = None) -> Any:
    """The sorted elements along an axis, and the indices that sort them."""
    if not len(a.shape):
        return a, np.zeros_like(a, dtype=int)
    order = order_along(a, dim, descending=descending)
    return np.take_along_axis(a, order, axis=dim), order


def largest(a: Foreign, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest elements along an axis, or the k smallest, and their indices."""
    if not len(a.shape):
        return sort_along(a)
    order = order_along(a, dim, descending=largest)[along(a, dim, slice(k))]
    return np.take_along_axis(a, order, axis=dim), order


def element_of_rank(a: Foreign, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along an axis, and its index."""
    if not len(a.shape):
        return sort_along(a)
    order = order_along(a, dim)[along(a, dim, slice(k - 1, k))]
    parts = np.take_along_axis(a, order, axis=dim), order
    return parts if keepdim else tuple(np.squeeze(part, axis=dim) for part in parts)


def scatter(a: Foreign, dim: int, index: Foreign, source: Foreign, *, reduce: str = "none") -> Any:
    """An array with numbers put at places along an axis, or added there; a source may be longer than the places."""
    if reduce not in ("none", "add", "sum") or not len(a.shape):
        raise NoBoxesError(f"scatter with reduce={reduce!r}, or of a number")
    if getattr(source, "shape", ()):
        source = source[tuple(slice(size) for size in index.shape)]
    return (set_at if reduce == "none" else add_at)(a, index_along_axis(index, index, dim % index.ndim), source)


def scatter_reduced(
    a: Foreign, dim: int, index: Foreign, source: Foreign, reduce: str, *, include_self: bool = True
) -> Any:
    """Sums at places along an axis, of what stands there too."""
    if not include_self:
        raise NoBoxesError("scatter_reduce without what stands there")
    return scatter(a, dim, index, source, reduce="add" if reduce == "sum" else reduce)


def index_put(a: Foreign, indices: Foreign, values: Foreign, accumulate: bool = False) -> Any:
    """An array with values at an index, or added there."""
    index = tuple(slice(None) if part is None else part for part in indices)
    return (add_at if accumulate else set_at)(a, index, values)


def put_where(a: Foreign, mask: Foreign, source: Foreign) -> Any:
    """An array with the elements of a source, in order, where a mask says so."""
    mask = np.broadcast_to(mask, a.shape)
    number = np.reshape(np.cumsum(np.ravel(mask)) - 1, a.shape)
    return np.where(mask, np.take(np.ravel(source), np.maximum(number, 0)), a)


def count_before(ordered: Foreign, values: Foreign, is_right: bool) -> Any:
    """For each value how many of the ordered numbers stand before it, in the same row where there are rows."""
    if len(ordered.shape) == 1:
        return np.searchsorted(ordered, values, side="right" if is_right else "left")
    each, among = values[..., None], ordered[..., None, :]
    return np.sum(among <= each if is_right else among < each, axis=-1)


def searchsorted(
    ordered: Foreign,
    values: Foreign,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: Foreign = None,
    sorter: Foreign = None,
) -> Any:
    """The place at which each value would be inserted."""
    if sorter is not None:
        ordered = np.take_along_axis(ordered, sorter, axis=-1)
    return count_before(ordered, values, right or side == "right")


def windows(a: Foreign, dim: int, size: int, step: int) -> Any:
    """Windows along an axis, as a last axis."""
    count = (a.shape[dim] - size) // step + 1
    taken = a[along(a, dim, step * np.arange(count)[:, None] + np.arange(size))]
    return np.moveaxis(taken, dim % len(a.shape) + 1, -1)


register({
    "sort.default": sort_along,
    "sort.stable": lambda a, *, stable=None, dim=-1, descending=False: sort_along(a, dim, descending),
    "argsort.default": lambda a, dim=-1, descending=False: sort_along(a, dim, descending)[1],
    "argsort.stable": lambda a, *, stable=None, dim=-1, descending=False: sort_along(a, dim, descending)[1],
    "topk": largest,
    "kthvalue": element_of_rank,
    "scatter.src scatter.value scatter.reduce scatter.value_reduce": scatter,
    "scatter_add": lambda a, dim, index, source: scatter(a, dim, index, source, reduce="add"),
    "scatter_reduce.two": scatter_reduced,
    "index_put": index_put,
    "index_add": lambda a, dim, index, source, *, alpha=1: add_at(a, along(a, dim, index), times(alpha, source)),
    "index_copy": lambda a, dim, index, source: set_at(a, along(a, dim, index), source),
    "masked_scatter": put_where,
    "searchsorted.Tensor": searchsorted,
    "bucketize.Tensor": lambda values, ordered, *, out_int32=False, right=False: count_before(ordered, values, right),
    "unfold": windows,
    "take_along_dim": lambda a, index, dim=None: (
        np.take(np.ravel(a), index) if dim is None else taken_along(a, index, dim)
    ),
})  # fmt: skip
