"""Axes, slices, joins and repetitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import broadcast_like
from flowgraph.boxes.engine.passing_on import StopGradient
from flowgraph.interop.rule_table import NoBoxesError
from flowgraph.interop.torch.rules import rule_for
from flowgraph.interop.torch.symbolic_sizes import filled
from flowgraph.shapes.size import Size

rule_for("aten.squeeze")(np.squeeze)
rule_for("aten.roll")(np.roll)
rule_for("aten.flip")(np.flip)
rule_for("aten.tril")(np.tril)
rule_for("aten.triu")(np.triu)
rule_for("aten.unbind")(np.unstack)


@rule_for("aten.view.default", "aten.reshape", "aten._unsafe_view")
def reshaped(a: Foreign, shape: Foreign) -> Any:
    """In rows, in another shape."""
    return np.reshape(a, tuple(shape))


@rule_for("aten.flatten.using_ints")
def flattened(a: Foreign, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Some axes as one."""
    count = max(len(a.shape), 1)
    start, end = start_dim % count, end_dim % count
    return np.reshape(a, (*a.shape[:start], -1, *a.shape[end + 1 :]))


@rule_for("aten.unflatten")
def unflattened(a: Foreign, dim: int, sizes: Foreign) -> Any:
    """One axis as several."""
    dim %= len(a.shape)
    return np.reshape(a, (*a.shape[:dim], *sizes, *a.shape[dim + 1 :]))


@rule_for("aten.permute")
def permuted(a: Foreign, dims: Foreign) -> Any:
    """Axes in another order."""
    return np.transpose(a, tuple(dims))


@rule_for("aten.transpose.int", "aten.swapaxes", "aten.swapdims")
def transposed(a: Foreign, one: int, other: int) -> Any:
    """Two axes exchanged."""
    return np.swapaxes(a, one, other) if len(a.shape) else a


@rule_for("aten.t", "aten.numpy_T", "aten.mT")
def turned(a: Foreign) -> Any:
    """The last two axes exchanged."""
    return np.swapaxes(a, -1, -2) if len(a.shape) > 1 else a


@rule_for("aten.movedim")
def moved(a: Foreign, source: Foreign, destination: Foreign) -> Any:
    """Axes at other places."""
    return np.moveaxis(a, source, destination)


@rule_for("aten.unsqueeze")
def unsqueezed(a: Foreign, dim: int) -> Any:
    """A new axis of size 1."""
    return np.expand_dims(a, dim)


@rule_for("aten.squeeze.dim", "aten.squeeze.dims")
def squeezed(a: Foreign, dim: Foreign) -> Any:
    """Without those of these axes whose size is 1."""
    dims = dim if isinstance(dim, list | tuple) else (dim,)
    return np.squeeze(a, axis=tuple(one for one in dims if a.shape and a.shape[one] == 1))


@rule_for("aten.expand")
def expanded(a: Foreign, size: Foreign, *, implicit: bool = False) -> Any:
    """Repeated along axes of size 1 and new ones; -1 keeps a size."""
    new = len(size) - len(a.shape)
    kept = (None,) * new + tuple(a.shape)
    sizes = tuple(old if one == -1 else one for one, old in zip(size, kept, strict=True))
    if any(isinstance(one, Size) and one != old for one, old in zip(sizes, kept, strict=True)):
        return broadcast_like(a, filled(sizes, False))
    return np.broadcast_to(a, sizes)


@rule_for("aten.repeat")
def repeated(a: Foreign, repeats: Foreign) -> Any:
    """Side by side so many times."""
    if not any(isinstance(one, Size) for one in repeats):
        return np.tile(a, tuple(repeats))
    shape = (1,) * (len(repeats) - len(a.shape)) + tuple(a.shape)
    pairs = [one for pair in zip(repeats, shape, strict=True) for one in pair]
    apart = np.reshape(a, tuple(one for size in shape for one in (1, size)))
    return np.reshape(expanded(apart, pairs), tuple(one * size for one, size in zip(repeats, shape, strict=True)))


@rule_for("aten.repeat_interleave.self_int")
def interleaved(a: Foreign, repeats: int, dim: Foreign = None, *, output_size: Foreign = None) -> Any:
    """Each element so many times."""
    return np.repeat(a, repeats, axis=dim)


@rule_for("aten.cat", "aten.concat")
def joined(tensors: Foreign, dim: int = 0) -> Any:
    """One after the other; empty tensors of one axis join anything."""
    kept = [one for one in tensors if tuple(one.shape) != (0,)] or tensors
    return np.concatenate(kept, axis=dim)


@rule_for("aten.stack")
def stacked(tensors: Foreign, dim: int = 0) -> Any:
    """Along a new axis."""
    return np.stack(tensors, axis=dim)


@rule_for("aten.split.Tensor")
def split(a: Foreign, size: int, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of so many elements; the last one may be shorter."""
    return tuple(np.split(a, range(size, a.shape[dim], size), axis=dim))


@rule_for("aten.split_with_sizes", "aten.split.sizes")
def split_with_sizes(a: Foreign, sizes: Foreign, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of these sizes."""
    return tuple(np.split(a, np.cumsum(sizes)[:-1].tolist(), axis=dim))


@rule_for("aten.chunk")
def chunks(a: Foreign, count: int, dim: int = 0) -> tuple[Any, ...]:
    """So many pieces, as equal as they can be."""
    return split(a, max(-(-a.shape[dim] // count), 1), dim)


@rule_for("aten.slice.Tensor")
def sliced(a: Foreign, dim: int = 0, start: Foreign = None, end: Foreign = None, step: int = 1) -> Any:
    """From start to end along an axis."""
    if start in (None, 0) and step == 1 and (end is None or (isinstance(end, int) and end >= 2**62)):
        return a
    return a[
        _along(a, dim, slice(start, end if end is None or not isinstance(end, int) or end < 2**62 else None, step))
    ]


@rule_for("aten.narrow")
def narrowed(a: Foreign, dim: int, start: int, length: int) -> Any:
    """So many elements from start on along an axis."""
    return a[_along(a, dim, slice(start, start + length))]


@rule_for("aten.select.int")
def selected(a: Foreign, dim: int, index: int) -> Any:
    """One element along an axis, which goes."""
    return a[_along(a, dim, index)]


def _along(a: Foreign, dim: int, index: Foreign) -> tuple[Any, ...]:
    return (*(slice(None) for _ in range(dim % len(a.shape))), index)


@rule_for("aten.index.Tensor")
def indexed(a: Foreign, indices: Foreign) -> Any:
    """Elements at places that other tensors give."""
    return a[tuple(slice(None) if one is None else one for one in indices)]


@rule_for("aten.index_select")
def index_select(a: Foreign, dim: int, index: Foreign) -> Any:
    """Elements along an axis."""
    return np.take(a, index, axis=dim)


@rule_for("aten.gather")
def gathered(a: Foreign, dim: int, index: Foreign, *, sparse_grad: bool = False) -> Any:
    """For each place the element that an index names along an axis."""
    if any(one != other for i, (one, other) in enumerate(zip(a.shape, index.shape, strict=True)) if i != dim % a.ndim):
        a = a[tuple(slice(None) if i == dim % a.ndim else slice(0, n) for i, n in enumerate(index.shape))]
    return np.take_along_axis(a, index, axis=dim)


@rule_for("aten.embedding")
def embedding(
    weight: Foreign,
    indices: Foreign,
    padding_idx: Foreign = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """A row of the table for each number; the row of `padding_idx` gets no gradient."""
    if scale_grad_by_freq:
        raise NoBoxesError("embedding with scale_grad_by_freq")
    rows = weight[indices]
    if not isinstance(padding_idx, int) or padding_idx < 0:
        return rows
    return np.where((indices == padding_idx)[..., None], StopGradient(rows), rows)


@rule_for("aten.copy")
def copied(a: Foreign, source: Foreign, non_blocking: bool = False) -> Any:
    """What is written to a whole array, of its shape: an assignment to elements, of which the rest is `where`."""
    return broadcast_like(source, a)


@rule_for("aten.constant_pad_nd")
def padded(a: Foreign, pad: Foreign, value: Foreign = 0) -> Any:
    """Numbers around the last axes, or fewer where `pad` is below 0."""
    return _padded(a, pad, "constant", value)


@rule_for("aten.pad")
def padded_as(a: Foreign, pad: Foreign, mode: str = "constant", value: Foreign = None) -> Any:
    """Numbers around the last axes: constant, mirrored, repeated or in a circle."""
    return _padded(a, pad, mode, 0 if value is None else value)


def _padded(a: Foreign, pad: Foreign, mode: str, value: Foreign) -> Any:
    pairs = [(0, 0)] * (len(a.shape) - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    cut = tuple(slice(max(-before, 0), None if after >= 0 else after) for before, after in pairs)
    if any(number < 0 for number in pad):
        a = a[cut]
    around = [(max(before, 0), max(after, 0)) for before, after in pairs]
    if mode == "constant":
        return np.pad(a, around, constant_values=value)
    names: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    return np.pad(a, around, mode=names[mode])


@rule_for("aten.diagonal")
def diagonal(a: Foreign, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A diagonal, as the last axis."""
    return np.diagonal(a, offset, dim1, dim2)
