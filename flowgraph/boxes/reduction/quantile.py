"""Boxes of the median and the quantiles, which take one or two numbers of those in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.inference import axis_of, small_shape, try_fprop
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.indexing.gather import add_along_axis
from flowgraph.boxes.indexing.index import arange_like
from flowgraph.boxes.numpy_api.array_arguments import expand_along, take_axis
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import Spec

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


def _averaged(n: int, q: Value) -> Place:
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
    "averaged_inverted_cdf": _averaged,
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
    return held(below, n), held(below + 1, n), weight


def held(place: Value, n: int) -> Any:
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

    def chosen(self, n: int, axis: int, ndim: int) -> tuple[Any, Any, Any]:
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
        low, high, weight = self.chosen(n, axis, a.ndim)
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
    derivative = "1_{a = h}"
    core = Core("axis")
    examples = (
        example(_LINES, axis=1),
        example((4, 3)),
        example((3,), axis=-1),
        example(_HOLES, axis=-1, ignore_nan=True),
    )

    def fprop(self, a: Value) -> Value:
        return (np.nanmedian if self.ignore_nan else np.median)(a, axis=self.axis)

    def chosen(self, n: int, axis: int, ndim: int) -> tuple[Any, Any, Any]:
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
    derivative = r"(1 - w)\, 1_{(i)} + w\, 1_{(i+1)}"
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

    def chosen(self, n: int, axis: int, ndim: int) -> tuple[Any, Any, Any]:
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
