"""Rules of the JAX back end: what computes the boxes whose own fprop does not run on arrays of JAX."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from jax import lax

from flowgraph.box import Box, Elementwise
from flowgraph.box.vocabulary import Value
from flowgraph.boxes.fourier.signal import Convolve, Correlate
from flowgraph.boxes.fourier.transforms import BothHalves
from flowgraph.boxes.indexing.gather import PlacesOfRows
from flowgraph.boxes.indexing.index import Index, IndexAdd, put_arrays
from flowgraph.boxes.indexing.scatter import AddAtRows, SetAt
from flowgraph.boxes.indexing.select import Choose, Interp
from flowgraph.boxes.linear_algebra.determinant import Cofactors
from flowgraph.boxes.linear_algebra.diagonal import OnDiagonal
from flowgraph.boxes.linear_algebra.eigenvalues import Eigh
from flowgraph.boxes.linear_algebra.factorisation import Cholesky
from flowgraph.boxes.linear_algebra.matrices import GaugeInvarianceCheck
from flowgraph.boxes.neural.activation import NormalCdf
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d, ConvFilters, ConvInput, Convolving
from flowgraph.boxes.neural.label import MinusAt, PlaceOf, check_labels
from flowgraph.boxes.neural.pooling import (
    MaxPool,
    MeanOfLargest,
    Pooling,
    Sliding,
    SpreadEvenly,
    SpreadToLargest,
)
from flowgraph.boxes.numpy_api.polynomial import PolyVal
from flowgraph.boxes.reduction.products import Others
from flowgraph.boxes.reduction.quantile import Median, Quantile
from flowgraph.boxes.special.bessel import BesselI, BesselIe, BesselJ, BesselJ0, BesselJ1, BesselY, BesselY0, BesselY1
from flowgraph.boxes.special.entropy import LogExpit
from flowgraph.boxes.special.error_function import Erfcinv
from flowgraph.boxes.special.exponential_integral import Exprel, InverseBoxCox, LambertW, LogRatio
from flowgraph.boxes.special.gamma_function import Digamma, Polygamma, ReciprocalGamma, StudentCdf
from flowgraph.derivatives.batching import PerRow
from flowgraph.plan.jax.array import Traced, note_refused, struct_of, unwrap_arrays
from flowgraph.plan.jax.evaluation import value_of
from flowgraph.plan.jax.rules import rule_for
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.spec import Spec

# Functions of scipy.special: by JAX where it has them, on the host by SciPy where it has not.


@rule_for(
    BesselI,
    BesselIe,
    BesselJ,
    BesselJ0,
    BesselJ1,
    BesselY,
    BesselY0,
    BesselY1,
    Exprel,
    InverseBoxCox,
    LambertW,
    LogRatio,
    StudentCdf,
)
def on_host(box: Box, *values: Value) -> Any:
    """The value of a box by its own fprop, which NumPy runs on the host while the compiled program waits for it.

    It serves boxes that JAX cannot compute, at the price of a copy to the host and back in each call:
    `rule_for(MyBox)(on_host)`.

    Parameters
    ----------
    box : Box
        The box.
    *values : jax.Array
        Values of its children.

    Returns
    -------
    jax.Array
        The value, or a tuple for a box of several outputs.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.interop.jax import function, on_host, rule_for
    >>> class Slow(fg.Elementwise):
    ...     def fprop(self, a):
    ...         return np.array([float(number) for number in a.ravel()], a.dtype).reshape(a.shape)
    ...     def bprop(self, grad, h, a):
    ...         return (grad,)
    >>> _ = rule_for(Slow)(on_host)
    >>> f = function(fg.Graph(Slow(fg.Input("a", shape=(2,), dtype=np.float32))))
    >>> f({}, {"a": np.array([3.0, 1.0], np.float32)}).tolist()
    [3.0, 1.0]
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Slow)]
    """
    specs = box.infer(*[Spec(tuple(value.shape), np.dtype(value.dtype)) for value in values])
    listed = [specs] if isinstance(specs, Spec) else list(specs)
    structs = [struct_of(spec.shape, spec.dtype) for spec in listed]

    def call(*arrays: Value) -> Any:
        value = box.fprop(*[np.asarray(array)[()] for array in arrays])
        parts = value if isinstance(value, tuple) else (value,)
        return [np.asarray(part, struct.dtype) for part, struct in zip(parts, structs, strict=True)]

    method = "broadcast_all" if isinstance(box, Elementwise) else "sequential"
    parts = jax.pure_callback(call, structs, *values, vmap_method=method)
    return parts[0] if isinstance(specs, Spec) else tuple(parts)


@rule_for(PerRow)
def _per_row(box: PerRow, *children: Value) -> Any:
    """The box under `jax.vmap`; what it refuses of a row is refused of all."""

    def compute(*row: Value) -> Any:
        value, refused = value_of(box.box, row)
        return value, [jnp.any(flag) for flag in refused]

    value, refused = jax.vmap(compute, in_axes=tuple([0 if rows else None for rows in box.batched]))(*children)
    note_refused(refused)
    return value


_OF_FLOATS: dict[type[Box], Callable[[Any, Any], Any]] = {
    Digamma: lambda box, a: jsp.digamma(a),
    Polygamma: lambda box, a: jsp.polygamma(box.n, a),
    LogExpit: lambda box, a: jax.nn.log_sigmoid(a),
    Erfcinv: lambda box, a: -jsp.ndtri(a / 2) / np.sqrt(2).astype(a.dtype),
    NormalCdf: lambda box, a: jsp.ndtr(a),
}
"""Functions of the numbers of a child, in the dtype in which NumPy computes them."""


@rule_for(*_OF_FLOATS)
def _of_floats(box: Box, a: Value) -> Any:
    return _OF_FLOATS[type(box)](box, _floats(a))


@rule_for(ReciprocalGamma)
def _reciprocal_gamma(box: ReciprocalGamma, a: Value) -> Any:
    a = _floats(a)
    pole = (a <= 0) & (a == jnp.floor(a))
    return jnp.where(pole, 0, 1 / jsp.gamma(jnp.where(pole, 1, a)))


@rule_for(PolyVal)
def _polyval(box: PolyVal, p: Value, x: Value) -> Any:
    dtype = np.result_type(p.dtype, x.dtype)
    total = jnp.zeros(x.shape, dtype)
    for coefficient in jnp.asarray(p, dtype):
        total = total * x + coefficient
    return total


def _floats(a: Value) -> Any:
    """The array in the dtype in which NumPy computes functions of its numbers."""
    return jnp.asarray(a, jax.dtypes.canonicalize_dtype(np.result_type(a.dtype, np.float16(1)) if a.dtype.kind in "fc"
                                                        else np.float64))  # fmt: skip


# Quantiles by the methods of NumPy, of which JAX has some.


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
    low, high, weight = unwrap_arrays(box.places_and_weight(count, axis, a.ndim))
    statistic = _at(ordered, low, axis)
    if weight is not None:
        statistic = _between(statistic, _at(ordered, high, axis), weight)
    wrong = n == 0 if box.ignore_nan else jnp.any(missing, axis=axis, keepdims=True)
    statistic = jnp.where(wrong, jnp.nan, statistic).astype(dtype)
    return jnp.moveaxis(statistic, axis, 0) if np.ndim(getattr(box, "q", 0.5)) else jnp.squeeze(statistic, axis)


def _at(ordered: Value, places: Value, axis: int) -> Any:
    shape = [1 if along == axis else size for along, size in enumerate(ordered.shape)]
    shape[axis] = places.shape[axis]
    return jnp.take_along_axis(ordered, jnp.broadcast_to(places, shape), axis)


def _between(low: Value, high: Value, weight: Value) -> Any:
    """The number between two; equal ones, infinities among them, are what they are."""
    between = low * (1 - weight) + high * weight
    return jnp.where((low == high) | (weight == 0), low, jnp.where(weight == 1, high, between))


# Factorisations and products of other places, with the conventions of LAPACK that NumPy has.


@rule_for(Cholesky)
def _cholesky(box: Cholesky, a: Value) -> Any:
    """Of the one triangle that NumPy reads; JAX takes the mean of both."""
    lower = jnp.linalg.cholesky(jnp.swapaxes(a, -1, -2).conj() if box.upper else a, symmetrize_input=False)
    return jnp.swapaxes(lower, -1, -2).conj() if box.upper else lower


@rule_for(Eigh)
def _eigh(box: Eigh, a: Value) -> Any:
    """Of the one triangle that NumPy reads; JAX takes the mean of both."""
    return tuple(jnp.linalg.eigh(a, UPLO=box.UPLO, symmetrize_input=False))


@rule_for(Others)
def _others(box: Others, a: Value) -> Any:
    return _of_others(a, box.axis)


def _of_others(a: Value, axis: int) -> Any:
    """For each element along an axis the product of the others."""
    a = jnp.moveaxis(a, axis, -1)
    ones = jnp.ones_like(a[..., :1])
    left = jnp.concatenate([ones, jnp.cumprod(a[..., :-1], axis=-1)], axis=-1)
    right = jnp.concatenate([jnp.cumprod(a[..., :0:-1], axis=-1)[..., ::-1], ones], axis=-1)
    if not a.shape[-1]:
        return jnp.moveaxis(a, -1, axis)
    return jnp.moveaxis(left * right, -1, axis)


@rule_for(Cofactors)
def _cofactors(box: Cofactors, a: Value) -> Any:
    """By singular values always, since which formula loses fewer digits follows from values."""
    finite = jnp.all(jnp.isfinite(a), axis=(-2, -1), keepdims=True)
    u, s, vh = jnp.linalg.svd(jnp.where(finite, a, 0))
    s = jnp.where(finite[..., 0], s, jnp.nan)
    turn = jnp.linalg.det(u @ vh)[..., None, None].astype(u.dtype)
    return turn * ((u.conj() * _of_others(s, s.ndim - 1)[..., None, :]) @ vh.conj())


@rule_for(GaugeInvarianceCheck)
def _gauge(box: GaugeInvarianceCheck, a: Value, free: Value) -> Any:
    rough = float(np.finfo(free.dtype).eps) ** 0.5
    largest = jnp.max(jnp.abs(free), initial=0)
    Traced(largest > rough * (1 + jnp.max(jnp.abs(a), initial=0))).note_wrong()
    return a


# Boxes that write at places, that choose, and that look at labels.


@rule_for(Index)
def _index(box: Index, a: Value, *indices: Value) -> Any:
    _note_outside(box.index, a.shape, indices)
    return Traced(jnp.asarray(a))[put_arrays(box.index, indices)].value


@rule_for(IndexAdd)
def _index_add(box: IndexAdd, a: Value, like: Value, *indices: Value) -> Any:
    _note_outside(box.index, like.shape, indices)
    return jnp.zeros(like.shape, a.dtype).at[put_arrays(box.index, indices)].add(a)


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
    place = put_arrays(box.index, indices)
    _note_outside(box.index, a.shape, indices)
    if not indices or any(array.dtype.kind == "b" and isinstance(array, jax.Array) for array in indices):
        return a.at[place].set(value)
    at = jnp.arange(a.size).reshape(a.shape)[place]
    sent = jnp.broadcast_to(value, at.shape).reshape(-1)
    last = jnp.full(a.size, -1).at[at.reshape(-1)].max(jnp.arange(at.size))
    written = sent[jnp.maximum(last, 0)] if at.size else a.reshape(-1)
    return jnp.where(last >= 0, written, a.reshape(-1)).reshape(a.shape)


def _note_outside(index: Sequence[Any], shape: Sequence[int], indices: Sequence[Value]) -> None:
    """Note the places that are none of an array, for which NumPy raises an IndexError and JAX takes what it likes."""
    parts = put_arrays(tuple(index), indices)
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
def _interp(box: Interp, x: Value, *knots: Value) -> Any:
    xp, fp = map(jnp.asarray, knots)  # constants, which are arrays of NumPy, cannot be indexed by what is traced
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


# Convolutions by XLA's own, and pooling over the elements of the window.


@rule_for(Convolve, Correlate, when=lambda box: box.outputs[0].dtype.kind in "iu")
def _signals_of_whole_numbers(box: Convolve | Correlate, a: Value, v: Value) -> Any:
    """In their dtype, where jnp.convolve computes in floats."""
    dtype, around = np.result_type(a.dtype, v.dtype), len(v) - 1 if isinstance(box, Convolve) else 0
    kernel = v[::-1] if isinstance(box, Convolve) else v
    signal, window = (jnp.asarray(line, dtype)[None, None] for line in (a, kernel))
    return lax.conv_general_dilated(signal, window, (1,), [(around, around)])[0, 0]


def _convolve(box: Convolving, x: Value, w: Value) -> Any:
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
    return _convolve(box, x, w)


@rule_for(ConvInput)
def _of_input(box: ConvInput, g: Value, w: Value, like: Value) -> Any:
    """What arrives at the convolution sent back to what it reads: the convolution transposed."""
    dtype = np.result_type(g.dtype, w.dtype)
    struct = struct_of(like.shape, dtype)
    (gradient,) = jax.linear_transpose(lambda x: _convolve(box, x, w), struct)(jnp.asarray(g, dtype))
    return gradient


@rule_for(ConvFilters)
def _of_filters(box: ConvFilters, g: Value, x: Value, like: Value) -> Any:
    dtype = np.result_type(g.dtype, x.dtype)
    struct = struct_of(like.shape, dtype)
    (gradient,) = jax.linear_transpose(lambda w: _convolve(box, x, w), struct)(jnp.asarray(g, dtype))
    return gradient


def _pad(window: Sliding, a: Value, value: Value) -> Any:
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


def _read_windows(window: Sliding, a: Value, count: Sequence[Any]) -> Iterator[Any]:
    """For each element of the window the array of what it reads, in all its places."""
    return (a[place] for place in window.places(count))


def _largest(box: Pooling, a: Value) -> tuple[list[Any], Any]:
    """What each element of the window reads, and the largest of each window."""
    low = -np.inf if a.dtype.kind == "f" else np.iinfo(a.dtype).min if a.dtype.kind in "iu" else False
    window = box.sliding
    read = list(_read_windows(window, _pad(window, a, low), box.shape_of_windows(a.shape)[-len(window.size) :]))
    return read, functools.reduce(jnp.maximum, read)


def _find_largest(box: Pooling, source: Value, dtype: Value) -> tuple[list[Any], Any]:
    """Where each element of the window is the largest, and how many are, at least 1."""
    read, largest = _largest(box, source)
    taken = [part == largest for part in read]
    ties = functools.reduce(jnp.add, [is_largest.astype(jnp.int32) for is_largest in taken])
    return taken, jnp.maximum(ties, 1).astype(dtype)


@rule_for(MaxPool)
def _max_pool(box: MaxPool, a: Value) -> Any:
    return _largest(box, a)[1]


@rule_for(SpreadToLargest)
def _spread_to_largest(box: SpreadToLargest, g: Value, source: Value) -> Any:
    taken, ties = _find_largest(box, source, g.dtype)
    share = g / ties
    return _spread(box.sliding, [share * is_largest for is_largest in taken], _ends(box.sliding, source.shape))


@rule_for(MeanOfLargest)
def _mean_of_largest(box: MeanOfLargest, a: Value, source: Value) -> Any:
    taken, ties = _find_largest(box, source, a.dtype)
    read = _read_windows(box.sliding, _pad(box.sliding, a, 0), ties.shape[-len(box.sliding.size) :])
    return functools.reduce(jnp.add, [part * is_largest for part, is_largest in zip(read, taken, strict=True)]) / ties


def _count_in_windows(box: SpreadEvenly, shape: Sequence[int], count: Sequence[Any], dtype: Value) -> Any:
    """How many elements count in each window, a constant."""
    window = box.sliding
    if box.count_padding:
        return np.asarray(np.prod(window.size), dtype)
    inside = window.pad_array(np.ones(shape[len(shape) - len(window.size) :], dtype), 0)
    total = np.asarray(sum(inside[place] for place in window.places(count)))
    return np.where(total == 0, 1, total).astype(dtype)


@rule_for(SpreadEvenly)
def _spread_evenly(box: SpreadEvenly, g: Value, like: Value) -> Any:
    count = g.shape[-len(box.sliding.size) :]
    share = g / _count_in_windows(box, like.shape, count, g.dtype if g.dtype.kind in "fc" else float)
    parts = [share] * int(np.prod(box.sliding.size))
    return _spread(box.sliding, parts, _ends(box.sliding, like.shape))
