"""Arrays that are made of a shape and a number, axes, slices, joins, reductions and products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import broadcast_like, logsumexp
from flowgraph.boxes.engine.passing_on import StopGradient
from flowgraph.errors import UnsupportedError
from flowgraph.interop.rules import NoBoxesError, along, pad_or_cut, taken_along, times
from flowgraph.interop.torch.operations import register
from flowgraph.interop.torch.symbolic_sizes import count_up_to, fill_sizes, number_of, size_behind
from flowgraph.shapes.size import Size


def arange(start: Foreign, end: Foreign, step: Foreign = 1, **settings: Foreign) -> Any:
    """Numbers in equal steps."""
    first, last = size_behind(start), size_behind(end)
    if not isinstance(first, Size) and not isinstance(last, Size):
        return np.arange(first, last, step)
    if step != 1:
        raise UnsupportedError(f"graph_of: found steps of {step} from {first} to {last}, needs steps of 1")
    return count_up_to(last - first) + start


def linspace(start: Foreign, end: Foreign, steps: Foreign, **settings: Foreign) -> Any:
    """So many numbers in equal steps, both ends among them."""
    if not any(isinstance(number, Size | Box) for number in (start, end, steps)):
        return np.linspace(start, end, steps)
    last = number_of(steps - 1) if isinstance(steps, Size) else steps - 1
    return start + count_up_to(steps) * ((end - start) / np.maximum(last, 1))


def eye(rows: Foreign, columns: Foreign = None, **settings: Foreign) -> Any:
    """Ones on the diagonal."""
    return count_up_to(rows)[:, None] == count_up_to(rows if columns is None else columns)[None, :]


register({
    "full.default": lambda size, value, **settings: fill_sizes(size, value),
    "zeros.default empty.memory_format": lambda size, **settings: fill_sizes(size, 0.0),
    "full_like": lambda a, value, **settings: np.full_like(a, value),
    "zeros_like empty_like": lambda a, **settings: np.zeros_like(a),
    "arange.default": lambda end, **settings: arange(0, end),
    "arange.start arange.start_step": arange,
    "linspace": linspace,
    "scalar_tensor": lambda value, **settings: value if isinstance(value, Box) else np.asarray(value),
    "eye.default eye.m": eye,
    "one_hot": lambda labels, classes=-1: labels[..., None] == np.arange(classes),
})  # fmt: skip


def squeeze_axes(a: Foreign, dim: Foreign) -> Any:
    """Without those of these axes whose size is 1."""
    dims = dim if isinstance(dim, list | tuple) else (dim,)
    return np.squeeze(a, axis=tuple(axis for axis in dims if a.shape and a.shape[axis] == 1))


def expand_to(a: Foreign, size: Foreign, *, implicit: bool = False) -> Any:
    """Repeated along axes of size 1 and new ones; -1 keeps a size."""
    kept = (None,) * (len(size) - len(a.shape)) + tuple(a.shape)
    sizes = tuple(old if wanted == -1 else wanted for wanted, old in zip(size, kept, strict=True))
    if any(isinstance(wanted, Size) and wanted != old for wanted, old in zip(sizes, kept, strict=True)):
        return broadcast_like(a, fill_sizes(sizes, False))
    return np.broadcast_to(a, sizes)


def repeat_tensor(a: Foreign, repeats: Foreign) -> Any:
    """Side by side so many times."""
    if not any(isinstance(count, Size) for count in repeats):
        return np.tile(a, tuple(repeats))
    shape = (1,) * (len(repeats) - len(a.shape)) + tuple(a.shape)
    pairs = [number for pair in zip(repeats, shape, strict=True) for number in pair]
    apart = np.reshape(a, tuple(number for size in shape for number in (1, size)))
    return np.reshape(expand_to(apart, pairs), tuple(count * size for count, size in zip(repeats, shape, strict=True)))


def join_tensors(tensors: Foreign, dim: int = 0) -> Any:
    """One after the other; empty tensors of one axis join anything."""
    return np.concatenate([tensor for tensor in tensors if tuple(tensor.shape) != (0,)] or tensors, axis=dim)


def split(a: Foreign, size: int, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of so many elements; the last one may be shorter."""
    return tuple(np.split(a, range(size, a.shape[dim], size), axis=dim))


def slice_axis(a: Foreign, dim: int = 0, start: Foreign = None, end: Foreign = None, step: int = 1) -> Any:
    """From start to end along an axis."""
    end = None if isinstance(end, int) and end >= 2**62 else end
    if start in (None, 0) and step == 1 and end is None:
        return a
    return a[along(a, dim, slice(start, end, step))]


def embedding(
    weight: Foreign, indices: Foreign, padding_idx: Foreign = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Any:
    """A row of the table for each number; the row of `padding_idx` gets no gradient."""
    if scale_grad_by_freq:
        raise NoBoxesError("embedding with scale_grad_by_freq")
    rows = weight[indices]
    if not isinstance(padding_idx, int) or padding_idx < 0:
        return rows
    return np.where((indices == padding_idx)[..., None], StopGradient(rows), rows)


def padded_as(a: Foreign, pad: Foreign, mode: str = "constant", value: Foreign = None) -> Any:
    """Numbers around the last axes: constant, mirrored, repeated or in a circle; fewer where `pad` is below 0."""
    pairs = [(0, 0)] * (len(a.shape) - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    names = {"replicate": "edge", "circular": "wrap"}
    settings = {"constant_values": 0 if value is None else value} if mode == "constant" else {}
    return pad_or_cut(a, pairs, mode=names.get(mode, mode), **settings)


register({
    "view.default reshape _unsafe_view": lambda a, shape: np.reshape(a, tuple(shape)),
    "permute": lambda a, dims: np.transpose(a, tuple(dims)),
    "transpose.int swapaxes swapdims": lambda a, axis, other: np.swapaxes(a, axis, other) if len(a.shape) else a,
    "t numpy_T mT": lambda a: np.swapaxes(a, -1, -2) if len(a.shape) > 1 else a,
    "unsqueeze": np.expand_dims,
    "squeeze": np.squeeze,
    "squeeze.dim squeeze.dims": squeeze_axes,
    "expand": expand_to,
    "repeat": repeat_tensor,
    "repeat_interleave.self_int": lambda a, repeats, dim=None, *, output_size=None: np.repeat(a, repeats, axis=dim),
    "roll": np.roll,
    "flip": np.flip,
    "tril": np.tril,
    "triu": np.triu,
    "unbind": lambda a, dim=0: np.unstack(a, axis=dim),
    "cat concat": join_tensors,
    "stack": np.stack,
    "split.Tensor": split,
    "split_with_sizes split.sizes": lambda a, sizes, dim=0: tuple(
        np.split(a, np.cumsum(sizes)[:-1].tolist(), axis=dim)
    ),
    "slice.Tensor": slice_axis,
    "select.int": lambda a, dim, index: a[along(a, dim, index)],
    "index.Tensor": lambda a, indices: a[tuple(slice(None) if index is None else index for index in indices)],
    "index_select": lambda a, dim, index: np.take(a, index, axis=dim),
    "gather": lambda a, dim, index, *, sparse_grad=False: taken_along(a, index, dim),
    "embedding": embedding,
    # what is written to a whole array: an assignment to elements, of which the rest is `where`
    "copy": lambda a, source, non_blocking=False: broadcast_like(source, a),
    "constant_pad_nd": lambda a, pad, value=0: padded_as(a, pad, "constant", value),
    "pad": padded_as,
    "diagonal": np.diagonal,
})  # fmt: skip


def axes_of(dim: Foreign) -> Any:
    """The axes of NumPy, None for all."""
    return (tuple(dim) or None) if isinstance(dim, list | tuple) else dim


def reduced_by(function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for a reduction, which is converted to the dtype that PyTorch gives."""

    def rule(a: Foreign, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None) -> Any:
        return function(a, axis=axes_of(dim), keepdims=keepdim)

    return rule


def with_place(place_of: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """A rule for the largest or smallest, which alone gets the gradient, and its place."""

    def rule(a: Foreign, dim: int, keepdim: bool = False) -> tuple[Any, ...]:
        place = place_of(a, axis=dim, keepdims=True)
        values = np.take_along_axis(a, place, axis=dim)
        return (values, place) if keepdim else (np.squeeze(values, axis=dim), np.squeeze(place, axis=dim))

    return rule


def spread_by(function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for the variance or its root, which is called with `unbiased`, `dim, unbiased` or `dim, correction=`."""

    def rule(a: Foreign, *given: Foreign, correction: Foreign = None, keepdim: bool = False, **rest: Foreign) -> Any:
        if given and isinstance(given[0], bool):
            given = (None, *given)
        dim, unbiased, kept = [*given, None, None, None][:3]
        freedom = float(correction) if correction is not None else 0.0 if unbiased is False else 1.0
        return function(a, axis=axes_of(dim), ddof=freedom, keepdims=keepdim or bool(kept))

    return rule


variance = spread_by(np.var)


def vector_norm(
    a: Foreign, ord: Foreign = 2, dim: Foreign = None, keepdim: bool = False, *, dtype: Foreign = None
) -> Any:
    """The norm of order `ord`, 2 unless it is given."""
    settings = {"axis": axes_of(dim), "keepdims": keepdim}
    if ord is None or ord == 2:
        return np.linalg.vector_norm(a, **settings)
    if ord == math.inf:
        return np.max(np.abs(a), **settings)
    if ord == 1:
        return np.sum(np.abs(a), **settings)
    return np.sum(np.abs(a) ** ord, **settings) ** (1 / ord)


def distances(a: Foreign, b: Foreign, p: float = 2.0, compute_mode: Foreign = None) -> Any:
    """The distance of each row of a from each of b."""
    if p not in (1, 2, math.inf):
        raise NoBoxesError(f"distances of p={p}")
    return vector_norm(a[..., :, None, :] - b[..., None, :, :], p, -1)


def distances_within(a: Foreign, p: float = 2.0) -> Any:
    """The distance of each row from each that follows it."""
    rows, others = np.triu_indices(a.shape[0], 1)
    return distances(a[rows][:, None], a[others][:, None], p)[:, 0, 0]


register({
    "sum": reduced_by(np.sum),
    "mean": reduced_by(np.mean),
    "prod.default prod.dim_int": reduced_by(np.prod),
    "any": reduced_by(np.any),
    "all": reduced_by(np.all),
    "amax max.default": reduced_by(np.max),
    "amin min.default": reduced_by(np.min),
    "argmax": reduced_by(np.argmax),
    "argmin": reduced_by(np.argmin),
    "logsumexp": reduced_by(logsumexp),
    "max.dim": with_place(np.argmax),
    "min.dim": with_place(np.argmin),
    "var.default var.dim var.correction": variance,
    "std.default std.dim std.correction": spread_by(np.std),
    "var_mean.correction": lambda a, dim=None, *, correction=None, keepdim=False: (
        variance(a, dim, correction=correction, keepdim=keepdim), np.mean(a, axis=axes_of(dim), keepdims=keepdim)
    ),
    "cumsum": lambda a, dim, *, dtype=None: np.cumsum(a, axis=dim),
    "cumprod": lambda a, dim, *, dtype=None: np.cumprod(a, axis=dim),
    "_cdist_forward": distances,
    "_pdist_forward": distances_within,
    "linalg_vector_norm norm.ScalarOpt_dim norm.Scalar": vector_norm,
})  # fmt: skip


def solve_system(a: Foreign, b: Foreign, *, left: bool = True) -> Any:
    """The solution of a x = b, or of x a = b; b may be a vector, or a stack of vectors."""
    if b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]):
        if not left:
            raise NoBoxesError("linalg_solve of vectors from the right")
        return np.linalg.solve(a, b[..., None])[..., 0]
    if left:
        return np.linalg.solve(a, b)
    return np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


def sum_and_product(a: Foreign, left: Foreign, right: Foreign, *, beta: Foreign = 1, alpha: Foreign = 1) -> Any:
    """beta a + alpha left right; an a that counts for nothing may be anything."""
    product = times(alpha, left @ right)
    return product if beta == 0 else times(beta, a) + product


def plus(a: Foreign, bias: Foreign) -> Any:
    """The sum, of which the second may be left out."""
    return a if bias is None else a + bias


register({
    "mm bmm matmul mv": np.matmul,
    "dot vdot": np.vdot,
    "linalg_inv inverse": np.linalg.inv,
    "linalg_cholesky cholesky": lambda a, upper=False: np.linalg.cholesky(a, upper=upper),
    "linalg_solve": solve_system,
    "linear": lambda x, weight, bias=None: plus(x @ np.transpose(weight), bias),
    "addmm baddbmm addmv": sum_and_product,
    "einsum": lambda equation, tensors, *, path=None: np.einsum(equation, *tensors),
    "bilinear": lambda x, y, weight, bias=None: plus(np.einsum("...i,kij,...j->...k", x, weight, y), bias),
})  # fmt: skip
