"""Where a quantile lies among n numbers in order, by each method of NumPy.

A method gives, for n and q, the place below the quantile, counted from 0, and the weight of the number after it; None
for the discrete methods, which take one number as it is.

Source: Hyndman and Fan, Sample quantiles in statistical packages (1996).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from flowgraph.box.value import Value

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
