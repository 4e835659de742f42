"""Independent values of reductions and order statistics: numbers in lists, places by their definitions."""

import math
import statistics
from fractions import Fraction

import numpy as np


def rows(a, axis):
    """For each place of the result, the numbers along the reduced axes; and the shape of the result with them kept."""
    axes = set(range(a.ndim)) if axis is None else {i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))}
    kept = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    lists = {place: [] for place in np.ndindex(kept)}
    for place in np.ndindex(a.shape):
        lists[tuple(0 if i in axes else k for i, k in enumerate(place))].append(a[place].item())
    return list(lists.values()), kept, tuple(n for i, n in enumerate(a.shape) if i not in axes)


def reduced(function, otype=float):
    """The function on the list of numbers along the axes."""

    def value(a, axis, keepdims, **settings):
        lists, kept, shape = rows(a, axis)
        numbers = [function(one, **settings) for one in lists]
        return np.array(numbers, otype).reshape(kept if keepdims else shape)

    return value


def line(a, place, axis):
    """The numbers along one axis through a place."""
    return [a[(*place[:axis], i, *place[axis + 1 :])].item() for i in range(a.shape[axis])]


def running(function):
    """The function on every beginning of the list of numbers along one axis."""

    def value(a, axis, reverse=False):
        a, axis = (np.array(list(a.flat)), 0) if axis is None else (a, axis % a.ndim)
        h = np.empty(a.shape)
        for place in np.ndindex(a.shape):
            numbers, here = line(a, place, axis), place[axis]
            h[place] = function(numbers[here:] if reverse else numbers[: here + 1])
        return h

    return value


def variance(numbers, ddof):
    return (statistics.pvariance if ddof == 0 else statistics.variance)(numbers)


def others(a, axis):
    h = np.empty(a.shape)
    for place in np.ndindex(a.shape):
        numbers = line(a, place, axis)
        h[place] = math.prod(numbers[: place[axis]] + numbers[place[axis] + 1 :])
    return h


_PLOTTING = {
    "interpolated_inverted_cdf": (0, 1), "hazen": (Fraction(1, 2),) * 2, "weibull": (0, 0), "linear": (1, 1),
    "median_unbiased": (Fraction(1, 3),) * 2, "normal_unbiased": (Fraction(3, 8),) * 2,
}  # fmt: skip


def quantile_of(numbers, q, method):
    """One quantile of a list: exact fractions until the last step; places are counted from 1, as in the source."""
    ordered, n = sorted(numbers), len(numbers)
    q = Fraction(q).limit_denominator(1000)

    def at(place):
        return ordered[min(max(place, 1), n) - 1]

    if method in _PLOTTING:
        alpha, beta = _PLOTTING[method]
        t = alpha + q * (n + 1 - alpha - beta)
        below = math.floor(t)
        w = float(t - below)
        return at(below) * (1 - w) + at(below + 1) * w
    t, spaced = n * q, (n - 1) * q + 1
    if method == "inverted_cdf":
        return at(math.ceil(t))
    if method == "averaged_inverted_cdf":
        return (at(math.ceil(t)) + at(math.floor(t) + 1)) / 2
    if method == "closest_observation":
        down, up = math.ceil(t - Fraction(1, 2)), math.floor(t + Fraction(1, 2))
        return at(down if down == up or down % 2 == 0 else up)
    low, high = math.floor(spaced), math.ceil(spaced)
    near = low if spaced - low < Fraction(1, 2) or (spaced - low == Fraction(1, 2) and low % 2) else high
    return {"lower": at(low), "higher": at(high), "nearest": at(near), "midpoint": (at(low) + at(high)) / 2}[method]


def quantile(a, axis, ignore_nan, q, method):
    lines = np.moveaxis(a, axis, -1)
    h = np.empty((*np.shape(q), *lines.shape[:-1]))
    for place in np.ndindex(h.shape):
        part = q[place[0]] if np.ndim(q) else q
        line = [x for x in lines[place[np.ndim(q) :]].tolist() if not (ignore_nan and math.isnan(x))]
        h[place] = quantile_of(line, part, method)
    return h


VALUES = {
    "Sum": reduced(math.fsum),
    "Mean": reduced(statistics.mean),
    "Prod": reduced(math.prod),
    "Max": reduced(lambda numbers: sorted(numbers)[-1]),
    "Min": reduced(lambda numbers: sorted(numbers)[0]),
    "Var": reduced(variance),
    "Std": reduced(lambda numbers, ddof: math.sqrt(variance(numbers, ddof))),
    "LogSumExp": reduced(lambda numbers: math.log(math.fsum(math.exp(x) for x in numbers))),
    "ArgMax": reduced(lambda numbers: numbers.index(max(numbers)), int),
    "ArgMin": reduced(lambda numbers: numbers.index(min(numbers)), int),
    "NanArgMax": reduced(lambda numbers: numbers.index(max(x for x in numbers if x == x)), int),
    "NanArgMin": reduced(lambda numbers: numbers.index(min(x for x in numbers if x == x)), int),
    "AnyTrue": reduced(lambda numbers: any(numbers), bool),
    "AllTrue": reduced(lambda numbers: all(numbers), bool),
    "CountNonzero": reduced(lambda numbers: len(numbers) - numbers.count(0), int),
    "CumSum": running(math.fsum),
    "CumProd": running(math.prod),
    "Others": others,
    "Median": lambda a, axis, ignore_nan: quantile(a, axis, ignore_nan, 0.5, "linear"),
    "Quantile": quantile,
}
