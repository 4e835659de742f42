"""First values of weights: `initialiser(fan_in, fan_out, rng=, dtype=)` gives an array of shape (fan_in, fan_out)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Array
from flowgraph.errors import UsageError
from flowgraph.training.settings import Rng, read_count, read_generator, read_number, strict_keywords

Initialiser: TypeAlias = Callable[..., Array]


@strict_keywords
def glorot_uniform(fan_in: int, fan_out: int, *, rng: Rng = None, dtype: DTypeLike | None = float) -> Array:
    """Uniform on [-b, b] with b = √6 / √(fan_in + fan_out).

    Parameters
    ----------
    fan_in : int
        Rows: units of the layer below.
    fan_out : int
        Columns: units of the layer.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the array.

    Returns
    -------
    ndarray
        Weights, shape (fan_in, fan_out).

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.glorot_uniform(784, 128, rng=0).shape
    (784, 128)

    Source: Larochelle, Training neural networks, "initialization".
    """
    shape = _shape("glorot_uniform", fan_in, fan_out)
    return _uniform(math.sqrt(6 / max(sum(shape), 1)), shape, rng, dtype)


@strict_keywords
def he_uniform(fan_in: int, fan_out: int, *, rng: Rng = None, dtype: DTypeLike | None = float) -> Array:
    """Uniform on [-b, b] with b = √(6 / fan_in), for rectified linear units.

    Source: He et al. 2015, Delving deep into rectifiers.

    Parameters
    ----------
    fan_in : int
        Rows: units of the layer below.
    fan_out : int
        Columns: units of the layer.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the array.

    Returns
    -------
    ndarray
        Weights, shape (fan_in, fan_out).

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> bool(np.abs(fg.he_uniform(6, 50, rng=0)).max() <= 1.0)
    True
    """
    shape = _shape("he_uniform", fan_in, fan_out)
    return _uniform(math.sqrt(6 / max(shape[0], 1)), shape, rng, dtype)


@strict_keywords
def he_normal(fan_in: int, fan_out: int, *, rng: Rng = None, dtype: DTypeLike | None = float) -> Array:
    """Normal of variance 2 / fan_in, for rectified linear units.

    Source: He et al. 2015, Delving deep into rectifiers.

    Parameters
    ----------
    fan_in : int
        Rows: units of the layer below.
    fan_out : int
        Columns: units of the layer.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the array.

    Returns
    -------
    ndarray
        Weights, shape (fan_in, fan_out).

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.he_normal(200, 50, rng=0).std().round(2)
    np.float64(0.1)
    """
    shape = _shape("he_normal", fan_in, fan_out)
    drawn: Array = read_generator("he_normal", rng).normal(0, math.sqrt(2 / max(shape[0], 1)), shape)
    return drawn.astype(dtype)


@strict_keywords
def zeros(fan_in: int, fan_out: int, *, rng: Rng = None, dtype: DTypeLike | None = float) -> Array:
    """Zeros: with tanh no gradient reaches the first layer, so that nothing is learnt there.

    Source: Larochelle, Training neural networks, "initialization".

    Parameters
    ----------
    fan_in : int
        Rows: units of the layer below.
    fan_out : int
        Columns: units of the layer.
    rng : int or numpy.random.Generator, optional
        Not used.
    dtype : dtype_like, default float
        Dtype of the array.

    Returns
    -------
    ndarray
        Weights, shape (fan_in, fan_out).

    Examples
    --------
    >>> from flowgraph.training import zeros
    >>> zeros(1, 2)
    array([[0., 0.]])
    """
    return np.zeros(_shape("zeros", fan_in, fan_out), dtype)


@strict_keywords
def constant(value: float) -> Initialiser:
    """The initialiser that sets all weights to one value: all hidden units stay equal in training.

    Parameters
    ----------
    value : float
        The value of every weight.

    Returns
    -------
    function
        An initialiser: a function of (fan_in, fan_out), with the keywords rng and dtype.

    Examples
    --------
    >>> from flowgraph.training import constant
    >>> constant(0.5)(1, 2)
    array([[0.5, 0.5]])

    Source: Larochelle, Training neural networks, "initialization".
    """
    value = read_number("constant", "value", value)

    def fill_weights(fan_in: int, fan_out: int, *, rng: Rng = None, dtype: DTypeLike | None = float) -> Array:
        return np.full((fan_in, fan_out), value, dtype)

    return fill_weights


InitialiserName: TypeAlias = Literal["glorot_uniform", "he_uniform", "he_normal", "zeros"]

_BY_NAME = {function.__name__: function for function in (glorot_uniform, he_uniform, he_normal, zeros)}


def find_initialiser(init: InitialiserName | Initialiser) -> Initialiser:
    """The initialiser of that name, or the function itself."""
    if callable(init):
        return init
    if not isinstance(init, str) or init not in _BY_NAME:
        raise UsageError(f"init: found {init!r}, needs a function or one of {', '.join(_BY_NAME)}")
    return _BY_NAME[init]


def _shape(who: str, fan_in: int, fan_out: int) -> tuple[int, int]:
    return read_count(who, "fan_in", fan_in, low=0), read_count(who, "fan_out", fan_out, low=0)


def _uniform(bound: float, shape: tuple[int, int], rng: Rng, dtype: DTypeLike | None) -> Array:
    drawn: Array = read_generator("init", rng).uniform(-bound, bound, shape)
    return drawn.astype(dtype)
