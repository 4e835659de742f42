"""Derivatives of Python functions written in NumPy, as functions.

Each of these takes a function and gives another, called as the first is; arguments may be arrays, floats, and dicts,
lists, tuples and dataclasses of them, and gradients come in the same containers. `argnums` says by which positional
arguments: a place, or a tuple of places for a tuple of gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowgraph.functional import transforms
from flowgraph.functional.calls import Derived
from flowgraph.functional.trace import trace

__all__ = [
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "trace",
    "value_and_grad",
    "vjp",
]

Function = Callable[..., Any]


def grad(f: Function, argnums: Any = 0, *, fallback: str | None = None) -> Derived:
    """The gradient of a function with a scalar result.

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return Derived(f, argnums, transforms.grad, False, fallback)


def value_and_grad(f: Function, argnums: Any = 0, *, fallback: str | None = None) -> Derived:
    """The value and the gradient, for the price of one run."""
    return Derived(f, argnums, transforms.value_and_grad, False, fallback)


def elementwise_grad(f: Function, argnums: Any = 0, *, fallback: str | None = None) -> Derived:
    """The derivative of each element of the result, for functions that work element by element.

    >>> import numpy as np
    >>> from flowgraph.functional import elementwise_grad
    >>> elementwise_grad(np.sin)(np.zeros(2))
    array([1., 1.])
    """
    return Derived(f, argnums, transforms.elementwise_grad, False, fallback)


def jacobian(f: Function, argnums: Any = 0, *, fallback: str | None = None) -> Derived:
    """All derivatives of the result, of shape (*result.shape, *argument.shape)."""
    return Derived(f, argnums, transforms.jacobian, False, fallback)


def hessian(f: Function, argnums: Any = 0, *, fallback: str | None = None) -> Derived:
    """The second derivatives of a scalar, of shape (*argument.shape, *argument.shape); of containers, by pairs."""
    return Derived(f, argnums, transforms.hessian, False, fallback)


def vjp(f: Function, argnums: Any = 0, *, fallback: str | None = None) -> Derived:
    """The vector-Jacobian product: a function of the arguments, then of a vector of the shape of the result."""
    return Derived(f, argnums, transforms.vjp, True, fallback)


def jvp(f: Function, argnums: Any = 0, *, fallback: str | None = None) -> Derived:
    """The Jacobian-vector product: a function of the arguments, then of a vector like those that are differentiated.

    >>> import numpy as np
    >>> from flowgraph.functional import jvp
    >>> jvp(lambda x: x**2)(np.array([1.0, 3.0]), np.array([1.0, 0.0]))
    array([2., 0.])
    """
    return Derived(f, argnums, transforms.jvp, True, fallback)


def hvp(f: Function, argnums: Any = 0, *, fallback: str | None = None) -> Derived:
    """The Hessian-vector product: a function of the arguments, then of a vector like those that are differentiated."""
    return Derived(f, argnums, transforms.hvp, True, fallback)
