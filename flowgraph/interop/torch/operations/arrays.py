"""Arrays that are made of a shape and a number, axes, slices, joins, reductions and products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.value import Foreign
from flowgraph.boxes import broadcast_like, logsumexp
from flowgraph.boxes.engine.stop_gradient import StopGradient
from flowgraph.errors import UnsupportedError
from flowgraph.interop.rule_table import NoBoxesError
from flowgraph.interop.torch.rules import rule_for
from flowgraph.interop.torch.symbolic_sizes import counted, filled, number_of, size_behind
from flowgraph.shapes.size import Size


@rule_for("aten.full.default")
def full(size: Foreign, value: Foreign, **settings: Foreign) -> Any:
    """The same number everywhere."""
    return filled(size, value)


@rule_for("aten.zeros.default", "aten.empty.memory_format")
def zeros(size: Foreign, **settings: Foreign) -> Any:
    """Zeros."""
    return filled(size, 0.0)


@rule_for("aten.ones.default")
def ones(size: Foreign, **settings: Foreign) -> Any:
    """Ones."""
    return filled(size, 1.0)


@rule_for("aten.full_like")
def full_like(a: Foreign, value: Foreign, **settings: Foreign) -> Any:
    """The same number in the shape of another array."""
    return np.full_like(a, value)


@rule_for("aten.zeros_like", "aten.empty_like")
def zeros_like(a: Foreign, **settings: Foreign) -> Any:
    """Zeros in the shape of another array."""
    return np.zeros_like(a)


@rule_for("aten.ones_like")
def ones_like(a: Foreign, **settings: Foreign) -> Any:
    """Ones in the shape of another array."""
    return np.ones_like(a)


@rule_for("aten.new_zeros")
def new_zeros(a: Foreign, size: Foreign, **settings: Foreign) -> Any:
    """Zeros."""
    return filled(size, 0.0)


@rule_for("aten.new_ones")
def new_ones(a: Foreign, size: Foreign, **settings: Foreign) -> Any:
    """Ones."""
    return filled(size, 1.0)


@rule_for("aten.new_full")
def new_full(a: Foreign, size: Foreign, value: Foreign, **settings: Foreign) -> Any:
    """The same number everywhere."""
    return filled(size, value)


@rule_for("aten.arange.default")
def count(end: Foreign, **settings: Foreign) -> Any:
    """Numbers from 0 up to, not including, the end."""
    return arange(0, end)


@rule_for("aten.arange.start", "aten.arange.start_step")
def arange(start: Foreign, end: Foreign, step: Foreign = 1, **settings: Foreign) -> Any:
    """Numbers in equal steps."""
    first, last = size_behind(start), size_behind(end)
    if not isinstance(first, Size) and not isinstance(last, Size):
        return np.arange(first, last, step)
    if step != 1:
        raise UnsupportedError(f"graph_of: found steps of {step} from {first} to {last}, needs steps of 1")
    return counted(last - first) + start


@rule_for("aten.linspace")
def linspace(start: Foreign, end: Foreign, steps: Foreign, **settings: Foreign) -> Any:
    """So many numbers in equal steps, both ends among them."""
    if not any(isinstance(one, Size | Box) for one in (start, end, steps)):
        return np.linspace(start, end, steps)
    last = number_of(steps - 1) if isinstance(steps, Size) else steps - 1
    return start + counted(steps) * ((end - start) / np.maximum(last, 1))


@rule_for("aten.scalar_tensor")
def number(value: Foreign, **settings: Foreign) -> Any:
    """One number."""
    return value if isinstance(value, Box) else np.asarray(value)


@rule_for("aten.eye.default", "aten.eye.m")
def eye(rows: Foreign, columns: Foreign = None, **settings: Foreign) -> Any:
    """Ones on the diagonal."""
    return counted(rows)[:, None] == counted(rows if columns is None else columns)[None, :]


@rule_for("aten.one_hot")
def one_hot(labels: Foreign, classes: int = -1) -> Any:
    """A row with one 1 for each label."""
    return labels[..., None] == np.arange(classes)


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


def axes_of(dim: Foreign) -> Any:
    """The axes of NumPy, None for all."""
    if isinstance(dim, list | tuple):
        return tuple(dim) or None
    return dim


@rule_for("aten.sum")
def sum_along(a: Foreign, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None) -> Any:
    """The sum."""
    return np.sum(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.mean")
def mean_along(a: Foreign, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None) -> Any:
    """The mean."""
    return np.mean(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.prod.default", "aten.prod.dim_int")
def prod_along(a: Foreign, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None) -> Any:
    """The product."""
    return np.prod(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.any")
def any_along(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """Whether any holds."""
    return np.any(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.all")
def all_along(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """Whether all hold."""
    return np.all(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.amax", "aten.max.default")
def amax(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """The largest."""
    return np.max(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.amin", "aten.min.default")
def amin(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """The smallest."""
    return np.min(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.argmax")
def argmax(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """The place of the largest."""
    return np.argmax(a, axis=dim, keepdims=keepdim)


@rule_for("aten.argmin")
def argmin(a: Foreign, dim: Foreign = None, keepdim: bool = False) -> Any:
    """The place of the smallest."""
    return np.argmin(a, axis=dim, keepdims=keepdim)


@rule_for("aten.max.dim")
def max_and_place(a: Foreign, dim: int, keepdim: bool = False) -> tuple[Any, ...]:
    """The largest, which alone gets the gradient, and its place."""
    return _taken(a, np.argmax(a, axis=dim, keepdims=True), dim, keepdim)


@rule_for("aten.min.dim")
def min_and_place(a: Foreign, dim: int, keepdim: bool = False) -> tuple[Any, ...]:
    """The smallest, which alone gets the gradient, and its place."""
    return _taken(a, np.argmin(a, axis=dim, keepdims=True), dim, keepdim)


def _taken(a: Foreign, place: Foreign, dim: int, keepdim: bool) -> tuple[Any, ...]:
    found = np.take_along_axis(a, place, axis=dim)
    return (found, place) if keepdim else (np.squeeze(found, axis=dim), np.squeeze(place, axis=dim))


def _ddof(unbiased: Foreign, correction: Foreign) -> float:
    if correction is not None:
        return float(correction)
    return 0.0 if unbiased is False else 1.0


@rule_for("aten.var.default", "aten.var.dim", "aten.var.correction")
def var_along(a: Foreign, *given: Foreign, correction: Foreign = None, keepdim: bool = False, **rest: Foreign) -> Any:
    """The variance."""
    dim, unbiased, keepdim = _read(given, keepdim)
    return np.var(a, axis=axes_of(dim), ddof=_ddof(unbiased, correction), keepdims=keepdim)


@rule_for("aten.std.default", "aten.std.dim", "aten.std.correction")
def std_along(a: Foreign, *given: Foreign, correction: Foreign = None, keepdim: bool = False, **rest: Foreign) -> Any:
    """The standard deviation."""
    dim, unbiased, keepdim = _read(given, keepdim)
    return np.std(a, axis=axes_of(dim), ddof=_ddof(unbiased, correction), keepdims=keepdim)


@rule_for("aten.var_mean.correction")
def var_mean(a: Foreign, dim: Foreign = None, *, correction: Foreign = None, keepdim: bool = False) -> tuple[Any, ...]:
    """The variance and the mean."""
    return var_along(a, dim, correction=correction, keepdim=keepdim), mean_along(a, dim, keepdim)


def _read(given: tuple[Any, ...], keepdim: bool) -> tuple[Any, Any, bool]:
    """Axes, whether the variance is unbiased and whether axes are kept, of `var(unbiased)` and `var(dim, unbiased)`."""
    if given and isinstance(given[0], bool):
        return None, given[0], keepdim
    dim, unbiased, kept = [*given, None, None, None][:3]
    return dim, unbiased, keepdim or bool(kept)


@rule_for("aten.logsumexp")
def logsumexp_along(a: Foreign, dim: Foreign, keepdim: bool = False) -> Any:
    """log Σ exp(a)."""
    return logsumexp(a, axis=axes_of(dim), keepdims=keepdim)


@rule_for("aten.cumsum")
def cumsum(a: Foreign, dim: int, *, dtype: Foreign = None) -> Any:
    """Sums of the first numbers."""
    return np.cumsum(a, axis=dim)


@rule_for("aten.cumprod")
def cumprod(a: Foreign, dim: int, *, dtype: Foreign = None) -> Any:
    """Products of the first numbers."""
    return np.cumprod(a, axis=dim)


@rule_for("aten.linalg_vector_norm", "aten.norm.ScalarOpt_dim", "aten.norm.Scalar")
def vector_norm(
    a: Foreign, ord: Foreign = 2, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None
) -> Any:
    """The norm of order `ord`, 2 unless it is given."""
    order = 2 if ord is None else ord
    axis = axes_of(dim)
    size = np.abs(a)
    if order == math.inf:
        return np.max(size, axis=axis, keepdims=keepdim)
    if order == 1:
        return np.sum(size, axis=axis, keepdims=keepdim)
    if order == 2:
        return np.linalg.vector_norm(a, axis=axis, keepdims=keepdim)
    return np.sum(size**order, axis=axis, keepdims=keepdim) ** (1 / order)


for _name in ("mm", "bmm", "matmul", "mv"):
    rule_for(f"aten.{_name}")(np.matmul)
rule_for("aten.dot", "aten.vdot")(np.vdot)
rule_for("aten.outer", "aten.ger")(np.outer)


rule_for("aten.linalg_inv", "aten.inverse")(np.linalg.inv)


@rule_for("aten.linalg_cholesky", "aten.cholesky")
def cholesky(a: Foreign, upper: bool = False) -> Any:
    """The triangular factor of a positive definite matrix."""
    return np.linalg.cholesky(a, upper=upper)


@rule_for("aten.linalg_solve")
def solved(a: Foreign, b: Foreign, *, left: bool = True) -> Any:
    """The solution of a x = b, or of x a = b; b may be a vector, or a stack of vectors."""
    if b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]):
        if not left:
            raise NoBoxesError("linalg_solve of vectors from the right")
        return np.linalg.solve(a, b[..., None])[..., 0]
    if left:
        return np.linalg.solve(a, b)
    return np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


@rule_for("aten.linear")
def linear(x: Foreign, weight: Foreign, bias: Foreign = None) -> Any:
    """x weightᵀ + bias."""
    product = x @ np.transpose(weight)
    return product if bias is None else product + bias


@rule_for("aten.addmm", "aten.baddbmm", "aten.addmv")
def sum_and_product(a: Foreign, left: Foreign, right: Foreign, *, beta: Foreign = 1, alpha: Foreign = 1) -> Any:
    """beta a + alpha left right."""
    product = left @ right
    product = product if alpha == 1 else alpha * product
    if beta == 0:
        return product
    return (a if beta == 1 else beta * a) + product


@rule_for("aten.einsum")
def einsum(equation: str, tensors: Foreign, *, path: Foreign = None) -> Any:
    """Sums of products of elements, by the letters of their axes."""
    return np.einsum(equation, *tensors)


@rule_for("aten.bilinear")
def bilinear(x: Foreign, y: Foreign, weight: Foreign, bias: Foreign = None) -> Any:
    """x weight y + bias, for each output."""
    product = np.einsum("...i,kij,...j->...k", x, weight, y)
    return product if bias is None else product + bias
