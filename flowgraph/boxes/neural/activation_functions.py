"""Activations as functions of a box or of an array."""

from __future__ import annotations

from typing import Any, Literal

from flowgraph.box import Value
from flowgraph.box.base import public
from flowgraph.boxes.neural.activation import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus


@public
def linear(a: Value) -> Any:
    """The linear activation: the pre-activation itself, no box at all.

    Source: Larochelle, Neural networks, "linear activation function".

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.

    Returns
    -------
    box or array_like
        `a` itself.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.linear(3.0)
    3.0
    """
    return a


@public
def sigmoid(a: Value) -> Any:
    """Sigmoid of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations, or log-odds in nats.

    Returns
    -------
    box or ndarray
        1 / (1 + exp(−a)): a box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.sigmoid([0.0, 1.0]).round(4)
    array([0.5   , 0.7311])
    """
    return Sigmoid.apply(a)


@public
def relu(a: Value) -> Any:
    """ReLU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.

    Returns
    -------
    box or ndarray
        max(a, 0): a box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.relu([-1.0, 2.0])
    array([0., 2.])
    """
    return ReLU.apply(a)


@public
def leaky_relu(a: Value, slope: float = 0.01) -> Any:
    """LeakyReLU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.
    slope : float, default 0.01
        Slope for a < 0, dimensionless.

    Returns
    -------
    box or ndarray
        A box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.leaky_relu([-1.0, 2.0], slope=0.1)
    array([-0.1,  2. ])
    """
    return LeakyReLU.apply(a, slope=slope)


@public
def elu(a: Value, alpha: float = 1.0) -> Any:
    """ELU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.
    alpha : float, default 1.0
        The value that is approached for a → −∞ is −alpha; dimensionless.

    Returns
    -------
    box or ndarray
        A box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.elu([-1.0, 2.0]).round(4)
    array([-0.6321,  2.    ])
    """
    return ELU.apply(a, alpha=alpha)


@public
def softplus(a: Value) -> Any:
    """Softplus of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.

    Returns
    -------
    box or ndarray
        ln(1 + exp(a)): a box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.softplus([0.0, 1.0]).round(4)
    array([0.6931, 1.3133])
    """
    return Softplus.apply(a)


@public
def gelu(a: Value, approximate: Literal["none", "tanh"] = "none") -> Any:
    """GELU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.
    approximate : {'none', 'tanh'}, default 'none'
        The exact function, or its approximation by tanh.

    Returns
    -------
    box or ndarray
        A box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.gelu([-1.0, 2.0]).round(4)
    array([-0.1587,  1.9545])
    """
    return GELU.apply(a, approximate=approximate)


@public
def silu(a: Value) -> Any:
    """SiLU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.

    Returns
    -------
    box or ndarray
        a σ(a): a box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.silu([0.0, 1.0]).round(4)
    array([0.    , 0.7311])
    """
    return SiLU.apply(a)
