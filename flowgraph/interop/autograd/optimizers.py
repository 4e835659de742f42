"""autograd's optimisers of functions: plain loops over a gradient function, with its names, defaults and formulas.

They are for code that is carried over. `fg.fit` and the rules in `flowgraph.training` train graphs, in compiled steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.functional.flat import flatten

Gradient = Callable[[Any, int], Any]
Callback = Callable[[Any, int, Any], Any] | None


def sgd(
    grad: Gradient, x0: Any, callback: Callback = None, num_iters: int = 200, step_size: float = 0.1,
    mass: float = 0.9,
) -> Any:  # fmt: skip
    """Gradient descent whose velocity is a moving average of the gradients.

    Parameters
    ----------
    grad : function
        `grad(x, i)` is the gradient at x in step i, in the containers of x.
    x0 : array, or dict, list, tuple of arrays
        Where it starts.
    callback : function, optional
        Called as callback(x, i, gradient) before each step.
    num_iters, step_size, mass
        Number of steps, their length, and how much of the velocity is kept from step to step.

    Returns
    -------
    array, number, or container of such
        Where it ends, in the container of `x0`.

    Examples
    --------
    >>> from flowgraph.functional import grad
    >>> from flowgraph.interop.autograd import sgd
    >>> round(float(sgd(grad(lambda x, i: (x - 3) ** 2), 0.0)), 3)
    3.0
    """
    x, unflatten = flatten(x0)
    velocity = np.zeros(x.shape)
    for i in range(num_iters):
        g = _gradient(grad, x, i, unflatten, callback)
        velocity = mass * velocity - (1 - mass) * g
        x = x + step_size * velocity
    return unflatten(x)


def rmsprop(
    grad: Gradient, x0: Any, callback: Callback = None, num_iters: int = 100, step_size: float = 0.1,
    gamma: float = 0.9, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """Steps divided by the root of a moving average of the squared gradients; see `sgd` for the arguments.

    `gamma` is how much of the average is kept from step to step; it starts at 1.

    Parameters
    ----------
    grad : function
        `grad(x, i)` is the gradient at x in step i.
    x0 : array, number, or container of such
        Where it starts.
    callback : function, optional
        It is called with (x, i, gradient) in each step.
    num_iters : int, default 100
        Number of steps.
    step_size : float, default 0.1
        The learning rate.
    gamma : float, default 0.9
        Decay per step of the average of the squared gradients.
    eps : float, default 1e-8
        What keeps the quotient finite.

    Returns
    -------
    array, number, or container of such
        Where it ends, in the container of `x0`.

    Examples
    --------
    >>> from flowgraph.functional import grad
    >>> from flowgraph.interop.autograd import rmsprop
    >>> round(float(rmsprop(grad(lambda x, i: (x - 3) ** 2), 0.0)), 1)
    3.0
    """
    x, unflatten = flatten(x0)
    squares = np.ones(x.shape)
    for i in range(num_iters):
        g = _gradient(grad, x, i, unflatten, callback)
        squares = gamma * squares + (1 - gamma) * g**2
        x = x - step_size * g / (np.sqrt(squares) + eps)
    return unflatten(x)


def adam(
    grad: Gradient, x0: Any, callback: Callback = None, num_iters: int = 100, step_size: float = 0.001,
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """Adam, with the bias correction of Kingma and Ba; see `sgd` for the arguments.

    `b1` and `b2` are how much is kept from step to step of the averages of gradients and of their squares.

    Parameters
    ----------
    grad : function
        `grad(x, i)` is the gradient at x in step i.
    x0 : array, number, or container of such
        Where it starts.
    callback : function, optional
        It is called with (x, i, gradient) in each step.
    num_iters : int, default 100
        Number of steps.
    step_size : float, default 0.001
        The learning rate.
    b1, b2 : float
        Decays per step of the averages of the gradients and of their squares.
    eps : float, default 1e-8
        What keeps the quotient finite.

    Returns
    -------
    array, number, or container of such
        Where it ends, in the container of `x0`.

    Examples
    --------
    >>> from flowgraph.functional import grad
    >>> from flowgraph.interop.autograd import adam
    >>> round(float(adam(grad(lambda x, i: (x - 3) ** 2), 0.0, num_iters=500, step_size=0.1)), 3)
    3.0
    """
    x, unflatten = flatten(x0)
    mean, squares = np.zeros(x.shape), np.zeros(x.shape)
    for i in range(num_iters):
        g = _gradient(grad, x, i, unflatten, callback)
        mean = (1 - b1) * g + b1 * mean
        squares = (1 - b2) * g**2 + b2 * squares
        x = x - step_size * (mean / (1 - b1 ** (i + 1))) / (np.sqrt(squares / (1 - b2 ** (i + 1))) + eps)
    return unflatten(x)


def _gradient(grad: Gradient, x: Any, i: int, unflatten: Callable[[Any], Any], callback: Callback) -> Any:
    """The gradient at the start of a step, as a vector; the callback receives both."""
    g, _ = flatten(grad(unflatten(x), i))
    if callback is not None:
        callback(unflatten(x), i, unflatten(g))
    return g
