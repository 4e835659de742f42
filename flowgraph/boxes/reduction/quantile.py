"""The median, quantiles and percentiles as NumPy calls them; weighted means, covariances, correlations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value, join_boxes
from flowgraph.box.axes import Core
from flowgraph.box.inference import Axes, axes_of, axis_of, small_shape, try_fprop
from flowgraph.box.node import current
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.shape_like import broadcast_like, count_like
from flowgraph.boxes.indexing.gather import add_along_axis
from flowgraph.boxes.indexing.index import arange_like
from flowgraph.boxes.numpy_api.constructors import (
    as_box,
    axes_back,
    expand_along,
    one_axis,
    take_axis,
)
from flowgraph.boxes.reduction.extremes import may_be_nan
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import Spec, same, shape_text

# A method gives, for n and q, the place below the quantile, counted from 0, and the weight of the number after it; None
# for the discrete methods, which take one number as it is.
#
# Source: Hyndman and Fan, Sample quantiles in statistical packages (1996).


Place = tuple[Any, Any]


def _between(t: Value) -> Place:
    below = np.floor(t)
    return below, t - below


def _plotting(alpha: float, beta: float) -> Callable[[Any, Any], Place]:
    """The continuous methods, by the positions that they give to the first and the last number."""
    return lambda n, q: _between(n * q + (alpha + q * (1 - alpha - beta)) - 1)


def _average_at_steps(n: int, q: Value) -> Place:
    below, rest = _between(n * q - 1)
    return below, np.where(rest == 0, 0.5, 1.0)


def _closest(n: int, q: Value) -> Place:
    """The nearest number; of two as near the one at an even place, counted from 1."""
    below, rest = _between(n * q - 1.5)
    return np.where((rest == 0) & (below % 2 == 1), below, below + 1), None


def _midpoint(n: int, q: Value) -> Place:
    below, rest = _between((n - 1) * q)
    return below, np.where(rest == 0, 0.0, 0.5)


Method = Literal[
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
    "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest",
]  # fmt: skip
"""What NumPy calls the ways in which quantiles between two numbers are estimated."""

METHODS: dict[str, Callable[[Any, Any], Place]] = {
    "inverted_cdf": lambda n, q: (np.ceil(n * q - 1), None),
    "averaged_inverted_cdf": _average_at_steps,
    "closest_observation": _closest,
    "interpolated_inverted_cdf": _plotting(0, 1),
    "hazen": _plotting(0.5, 0.5),
    "weibull": _plotting(0, 0),
    "linear": lambda n, q: _between((n - 1) * q),
    "median_unbiased": _plotting(1 / 3.0, 1 / 3.0),
    "normal_unbiased": _plotting(3 / 8.0, 3 / 8.0),
    "lower": lambda n, q: (np.floor((n - 1) * q), None),
    "higher": lambda n, q: (np.ceil((n - 1) * q), None),
    "midpoint": _midpoint,
    "nearest": lambda n, q: (np.round((n - 1) * q), None),
}


def places(method: str, n: int, q: Value) -> tuple[Any, Any, Any]:
    """The places below and above a quantile among n numbers, as integers, and the weight of the one above."""
    below, weight = METHODS[method](n, q)
    return clip_place(below, n), clip_place(below + 1, n), weight


def clip_place(place: Value, n: int) -> Any:
    """An index clipped to 0 and n - 1."""
    return np.minimum(np.maximum(place, 0), n - 1).astype(int)


_LINES = np.array([[0.3, -1.2, 2.5], [1.5, 0.1, -2.0]])
_HOLES = np.array([[0.3, np.nan, 2.5, 0.9], [1.5, 0.1, np.nan, np.nan]])


class OrderStatistic(Box, abstract=True):
    """One or two neighbours among the numbers along an axis in order; each gets its share of the gradient.

    Equal numbers are in order as they come, so at a tie one of them gets the gradient, as in np.sort. A line with a NaN
    is NaN, unless `ignore_nan` passes over it; what is passed over gets 0.
    """

    axis: int = 0
    ignore_nan: bool = False

    def places_and_weight(self, n: int, axis: int, ndim: int) -> tuple[Any, Any, Any]:
        """Which of n numbers in order are taken: the places below and above, and the weight of the one above."""
        raise NotImplementedError

    def lined_up(self, grad: Value, axis: int) -> Any:
        """The gradient with the axis of the quantiles where the numbers lie."""
        return np.expand_dims(grad, axis)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        if a.size == 0:
            return (np.zeros_like(a),)
        axis = self.axis % a.ndim
        grad = self.lined_up(grad, axis)
        if self.ignore_nan:
            n = np.sum(~np.isnan(a), axis=axis, keepdims=True)
            grad = np.where(n > 0, grad, 0)
        else:
            n = count_like(arange_like(a, axis))
        low, high, weight = self.places_and_weight(n, axis, a.ndim)
        ranks = low if weight is None else np.concatenate([low, high], axis=axis)
        shares = grad if weight is None else np.concatenate([grad * (1 - weight), grad * weight], axis=axis)
        return (_at_ranks(shares.astype(a.dtype), a, ranks, axis),)

    def rest(self, a: Spec) -> Shape:
        """The sizes of the other axes."""
        axis = axis_of(self, self.axis, len(a.shape))
        return a.shape[:axis] + a.shape[axis + 1 :]

    def infer(self, a: Spec) -> Spec:
        """The other axes; the dtype of a trial on two elements per axis."""
        rest = self.rest(a)
        trial = try_fprop(self, (Spec(small_shape(len(a.shape)), a.dtype),))
        assert isinstance(trial, Spec)
        return Spec((*trial.shape[: len(trial.shape) - len(rest)], *rest), trial.dtype)


def _at_ranks(shares: Value, a: Value, ranks: Value, axis: int) -> Any:
    """Zeros of the shape of an array, with shares added where the elements of these ranks stand."""
    order = np.argsort(a, axis=axis, kind="stable")
    if not isinstance(a, Box) or isinstance(a.shape[axis], int):
        return add_along_axis(shares, a, np.take_along_axis(order, ranks, axis), axis)
    one_more = [(0, int(i == axis)) for i in range(a.ndim)]  # in a run without elements there is a place to take
    order, longer = np.pad(order, one_more), cast(Any, np.pad(a, one_more))
    h = add_along_axis(shares, longer, np.take_along_axis(order, ranks, axis), axis)
    return take_axis(h, axis, slice(None, -1))


class Median(OrderStatistic):
    """Median along an axis: the middle element in order, or the mean of the two middle ones.

    h = a₍ₘ₎, the middle in order        dh/da = 1 at the middle, 1/2 at each of two, else 0

    Equal numbers are in order as they come. A line with a NaN is NaN, unless `ignore_nan` passes over it.
    """

    symbol = "median"
    formula = r"\operatorname{median} a"
    core = Core("axis")
    examples = (
        example(_LINES, axis=1),
        example((4, 3)),
        example((3,), axis=-1),
        example(_HOLES, axis=-1, ignore_nan=True),
    )

    def fprop(self, a: Value) -> Value:
        return (np.nanmedian if self.ignore_nan else np.median)(a, axis=self.axis)

    def places_and_weight(self, n: int, axis: int, ndim: int) -> tuple[Any, Any, Any]:
        """The middle two, which are one for an odd n."""
        ones = np.ones((1,) * ndim, dtype=int)
        return (n - 1) // 2 * ones, n // 2 * ones, 0.5


class Quantile(OrderStatistic):
    """Quantile of the numbers along an axis, a fraction `q` of them below; several `q` are a new first axis.

    h = (1 - w) a₍ᵢ₎ + w a₍ᵢ₊₁₎, numbers in order        dh/da = 1 - w and w at these two, else 0

    The place i and the weight w follow from q by `method`, one of NumPy's; w = 0 for those that take one number. Equal
    numbers are in order as they come. A line with a NaN is NaN, unless `ignore_nan` passes over it.
    Source: Hyndman and Fan, Sample quantiles in statistical packages (1996).

    Parameters
    ----------
    q : float or tuple of float, default 0.5
        The part of the numbers that lies below, from 0 to 1; several give a new first axis.
    method : str, default 'linear'
        How a quantile between two numbers is taken: one of the methods of `numpy.quantile`.
    """

    q: float | tuple[float, ...] = 0.5
    method: Method = "linear"

    symbol = "quantile"
    formula = r"(1 - w)\, a_{(i)} + w\, a_{(i+1)}"
    examples = (
        example(_LINES, q=0.3, axis=1),
        example((4, 3), q=(0.1, 0.5, 1.0)),
        *(example((3, 2), q=(0.0, 0.35, 0.8), method=method) for method in METHODS),
        example(_HOLES, q=(0.25, 0.6), axis=-1, ignore_nan=True),
    )

    def fprop(self, a: Value) -> Value:
        if self.ignore_nan and a.size == 0:  # np.nanquantile loses the axis of the quantiles
            return np.full((*np.shape(self.q), *np.delete(a.shape, self.axis)), np.nan, a.dtype)
        return (np.nanquantile if self.ignore_nan else np.quantile)(a, self.q, axis=self.axis, method=self.method)

    def places_and_weight(self, n: int, axis: int, ndim: int) -> tuple[Any, Any, Any]:
        """The places that the method gives."""
        return places(self.method, n, expand_along(np.atleast_1d(self.q).astype(np.float64), axis, ndim))

    def lined_up(self, grad: Value, axis: int) -> Any:
        """The axis of the quantiles is the first, or there is none."""
        return np.moveaxis(grad, 0, axis) if np.ndim(self.q) else np.expand_dims(grad, axis)

    def check_settings(self) -> None:
        """Refuse parts outside 0 to 1."""
        numbers = np.asarray(self.q)
        if not np.all((numbers >= 0) & (numbers <= 1)):
            raise UsageError(f"Quantile: found q={self.q!r}, needs a number from 0 to 1 or a sequence of such numbers")


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
    tape, known = current(), None if isinstance(w, Box) else np.sum(w, axis=axis)
    w = broadcast_like(w.astype(dtype), a)
    total = np.sum(w, axis=axis, keepdims=keepdims)
    if tape is not None and known is None:
        known = tape.value_of(total)
    if known is not None and np.any(known == 0):
        raise UsageError("np.average: found weights whose sum is 0, needs another sum to divide by")
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
    w = join_boxes(weights)
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
    w = join_boxes(weights)
    if len(w.shape) != 1 or not same(w.shape[0], x.shape[1]):
        raise ShapeError(f"np.cov: found {name} of shape {shape_text(w.shape)}, needs ({x.shape[1]},), one per column")
    if not isinstance(w, Box) and (np.any(w < 0) or (name == "fweights" and np.any(w != np.round(w)))):
        raise UsageError(f"np.cov: found {name} = {w}, needs numbers from 0{', whole ones' * (name == 'fweights')}")
    return w.astype(np.float64)


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
    if weights is not None and not (ignore_nan and merged.shape[place] == 0):  # of nothing, however weighted, it is NaN
        h = _weighted_quantile(merged, join_boxes(parts), full, place, ignore_nan)
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


def _weighted_quantile(a: Value, q: Value, weights: Value, axis: int, ignore_nan: bool) -> Any:
    """The first number at which the sum of the weights, of numbers in order, reaches the part q of their total."""
    if ignore_nan:
        weights = np.where(np.isnan(a), 0, weights)
    order = np.argsort(a, axis=axis, kind="stable")
    running = np.cumsum(np.take_along_axis(weights, order, axis).astype(np.float64), axis=axis)
    share = running / np.expand_dims(take_axis(running, axis, -1), axis)
    below = np.expand_dims(np.where(share == 0, -1, share), -1) < np.atleast_1d(q)
    rank = clip_place(np.moveaxis(np.sum(below, axis=axis), -1, axis), count_like(arange_like(a, axis)))
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
