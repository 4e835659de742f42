"""First values of weights: `initialiser(fan_in, fan_out, rng=, dtype=)` gives an array of shape (fan_in, fan_out)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from flowgraph.box import Array
from flowgraph.errors import UsageError
from flowgraph.training.keywords import strict_keywords

Initialiser: TypeAlias = Callable[..., Array]


@strict_keywords
def glorot_uniform(fan_in: int, fan_out: int, *, rng: Any = None, dtype: Any = float) -> Array:
    """Uniform on [-b, b] with b = √6 / √(fan_in + fan_out).

    `rng` is a seed or a NumPy generator; None draws differently every time.

    >>> import flowgraph as fg
    >>> fg.glorot_uniform(784, 128, rng=0).shape
    (784, 128)

    Source: Larochelle, Training neural networks, "initialization".
    """
    return _uniform(math.sqrt(6 / max(fan_in + fan_out, 1)), fan_in, fan_out, rng, dtype)


@strict_keywords
def he_uniform(fan_in: int, fan_out: int, *, rng: Any = None, dtype: Any = float) -> Array:
    """Uniform on [-b, b] with b = √(6 / fan_in), for rectified linear units.

    Source: He et al. 2015, Delving deep into rectifiers.
    """
    return _uniform(math.sqrt(6 / max(fan_in, 1)), fan_in, fan_out, rng, dtype)


@strict_keywords
def he_normal(fan_in: int, fan_out: int, *, rng: Any = None, dtype: Any = float) -> Array:
    """Normal of variance 2 / fan_in, for rectified linear units.

    Source: He et al. 2015, Delving deep into rectifiers.
    """
    drawn: Array = np.random.default_rng(rng).normal(0, math.sqrt(2 / max(fan_in, 1)), (fan_in, fan_out))
    return drawn.astype(dtype)


@strict_keywords
def zeros(fan_in: int, fan_out: int, *, rng: Any = None, dtype: Any = float) -> Array:
    """Zeros: with tanh no gradient reaches the first layer, so that nothing is learnt there.

    Source: Larochelle, Training neural networks, "initialization".
    """
    return np.zeros((fan_in, fan_out), dtype)


def constant(value: float) -> Initialiser:
    """The initialiser that sets all weights to one value: all hidden units stay the same for ever.

    >>> from flowgraph.training import constant
    >>> constant(0.5)(1, 2)
    array([[0.5, 0.5]])

    Source: Larochelle, Training neural networks, "initialization".
    """

    def filled(fan_in: int, fan_out: int, *, rng: Any = None, dtype: Any = float) -> Array:
        return np.full((fan_in, fan_out), value, dtype)

    return filled


_BY_NAME = {function.__name__: function for function in (glorot_uniform, he_uniform, he_normal, zeros)}


def find_initialiser(init: str | Initialiser) -> Initialiser:
    """The initialiser of that name, or the function itself."""
    if callable(init):
        return init
    if init not in _BY_NAME:
        raise UsageError(f"init: found {init!r}, needs a function or one of {', '.join(_BY_NAME)}")
    return _BY_NAME[init]


def _uniform(bound: float, fan_in: int, fan_out: int, rng: Any, dtype: Any) -> Array:
    drawn: Array = np.random.default_rng(rng).uniform(-bound, bound, (fan_in, fan_out))
    return drawn.astype(dtype)
