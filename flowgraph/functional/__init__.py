"""Derivatives of Python functions written in NumPy, as functions.

Each of these takes a function and gives another, called as the first is; arguments may be arrays, floats, and dicts,
lists, tuples and dataclasses of them, and gradients come in the same containers. All take the same settings:

- `argnums` says by which positional arguments: a place, or a tuple of places for a tuple of gradients.
- `seed` repeats what `fg.Random` and `fg.dropout` in the function draw; without it every call draws anew.
- `cache=False` calls the function in every call, where it reads something that cannot be seen from its code.
- `fallback="central differences"` is for what has no second derivative, as in `fg.gradient`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowgraph.box.random_draws import Seed
from flowgraph.derivatives.backward_graph import Fallback
from flowgraph.errors import UsageError
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

_CALLED_HERE = {
    "hessian_vector_product": "hvp, called as hvp(f)(x, vector)",
    "make_hvp": "hvp, called as hvp(f)(x, vector)",
    "make_vjp": "vjp, called as vjp(f)(x, vector)",
    "vector_jacobian_product": "vjp, called as vjp(f)(x, vector)",
    "make_jvp": "jvp, called as jvp(f)(x, vector)",
    "jacfwd": "jacobian",
    "jacrev": "jacobian",
    "multigrad": "grad with a tuple as argnums",
    "holomorphic_grad": "grad, of np.real and np.imag of the result",
}
"""Names of other libraries that stand for what is here under another."""


def grad(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    cache: bool = True,
    **unknown: Any,
) -> Derived:
    """The gradient of a function with a scalar result.

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    _refuse("grad", unknown)
    return Derived(f, argnums, transforms.grad, False, fallback, seed, cache)


def value_and_grad(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    cache: bool = True,
    **unknown: Any,
) -> Derived:
    """The value and the gradient, for the price of one run."""
    _refuse("value_and_grad", unknown)
    return Derived(f, argnums, transforms.value_and_grad, False, fallback, seed, cache)


def elementwise_grad(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    cache: bool = True,
    **unknown: Any,
) -> Derived:
    """The derivative of each element of the result, for functions that work element by element.

    >>> import numpy as np
    >>> from flowgraph.functional import elementwise_grad
    >>> elementwise_grad(np.sin)(np.zeros(2))
    array([1., 1.])
    """
    _refuse("elementwise_grad", unknown)
    return Derived(f, argnums, transforms.elementwise_grad, False, fallback, seed, cache)


def jacobian(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    cache: bool = True,
    **unknown: Any,
) -> Derived:
    """All derivatives of the result, of shape (*result.shape, *argument.shape)."""
    _refuse("jacobian", unknown)
    return Derived(f, argnums, transforms.jacobian, False, fallback, seed, cache)


def hessian(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    cache: bool = True,
    **unknown: Any,
) -> Derived:
    """The second derivatives of a scalar, of shape (*argument.shape, *argument.shape); of containers, by pairs."""
    _refuse("hessian", unknown)
    return Derived(f, argnums, transforms.hessian, False, fallback, seed, cache)


def vjp(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    cache: bool = True,
    **unknown: Any,
) -> Derived:
    """The vector-Jacobian product: a function of the arguments, then of a vector of the shape of the result."""
    _refuse("vjp", unknown)
    return Derived(f, argnums, transforms.vjp, True, fallback, seed, cache)


def jvp(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    cache: bool = True,
    **unknown: Any,
) -> Derived:
    """The Jacobian-vector product: a function of the arguments, then of a vector like those that are differentiated.

    >>> import numpy as np
    >>> from flowgraph.functional import jvp
    >>> jvp(lambda x: x**2)(np.array([1.0, 3.0]), np.array([1.0, 0.0]))
    array([2., 0.])
    """
    _refuse("jvp", unknown)
    return Derived(f, argnums, transforms.jvp, True, fallback, seed, cache)


def hvp(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    cache: bool = True,
    **unknown: Any,
) -> Derived:
    """The Hessian-vector product: a function of the arguments, then of a vector like those that are differentiated."""
    _refuse("hvp", unknown)
    return Derived(f, argnums, transforms.hvp, True, fallback, seed, cache)


def _refuse(who: str, unknown: Mapping[str, Any]) -> None:
    """Refuse a keyword that is none; `argnum` is what autograd calls argnums."""
    for name, value in unknown.items():
        if name == "argnum":
            raise UsageError(f"{who}: found argnum={value!r}, needs argnums={value!r}")
        raise UsageError(f"{who}: found {name}=, needs argnums=, fallback=, seed= or cache=")


def __getattr__(name: str) -> Any:
    if name in _CALLED_HERE:
        raise UsageError(f"flowgraph.functional: found {name!r}, which is {_CALLED_HERE[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
