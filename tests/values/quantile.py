"""Independent values of the order statistics: numbers sorted in a list, places by the definitions of the methods."""

import math
from fractions import Fraction

import numpy as np

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
    "Median": lambda a, axis, ignore_nan: quantile(a, axis, ignore_nan, 0.5, "linear"),
    "Quantile": quantile,
}
