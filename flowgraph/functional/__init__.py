"""Derivatives of Python functions written in NumPy, as functions; `vmap`, a function of one example over many.

Each of these takes a function and gives another, called as the first is; arguments may be arrays, floats, and dicts,
lists, tuples and dataclasses of them, and gradients come in the same containers. The settings are the same for all, and
described by each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from flowgraph.box.random_draws import Seed
from flowgraph.boxes.engine.passing_on import stop_gradient
from flowgraph.derivatives.backward_graph import Fallback
from flowgraph.errors import UsageError
from flowgraph.functional import transforms
from flowgraph.functional.arguments import asked_argnums, describe_derivative, is_argument
from flowgraph.functional.calls import Derived
from flowgraph.functional.custom import custom_vjp
from flowgraph.functional.jit import jit
from flowgraph.functional.mapping import trace, vmap
from flowgraph.functional.recomputed import checkpoint
from flowgraph.loops.vectors import flatten, flatten_func

__all__ = [
    "checkpoint",
    "custom_vjp",
    "elementwise_grad",
    "flatten",
    "flatten_func",
    "grad",
    "grad_and_aux",
    "hessian",
    "hessian_vector_product",
    "hvp",
    "jacobian",
    "jit",
    "jvp",
    "make_jvp",
    "make_vjp",
    "stop_gradient",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]

Function = Callable[..., Any]

_CALLED_HERE = {
    "make_hvp": "hvp, called as hvp(f)(x, vector)",
    "vector_jacobian_product": "vjp, called as vjp(f)(x, vector)",
    "tensor_jacobian_product": "vjp, called as vjp(f)(x, vector)",
    "hessian_tensor_product": "hvp, called as hvp(f)(x, vector)",
    "deriv": "grad, or elementwise_grad of an array",
    "jacfwd": "jacobian",
    "jacrev": "jacobian",
    "multigrad_dict": "grad of a function of a dict",
    "holomorphic_grad": "grad, of np.real and np.imag of the result",
}
"""Names of other libraries that stand for what is here under another."""


@describe_derivative("Called as `f`, it gives the gradient, in the container of the argument.")
def grad(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    **unknown: Any,
) -> Derived:
    """The gradient of a function with a scalar result.

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return Derived(f, asked_argnums("grad", argnums, unknown), transforms.grad, False, fallback, seed)


@describe_derivative("Called as `f`, it gives the pair (value, gradient).")
def value_and_grad(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    **unknown: Any,
) -> Derived:
    """The value and the gradient, for the price of one run.

    >>> import numpy as np
    >>> from flowgraph.functional import value_and_grad
    >>> value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    return Derived(
        f, asked_argnums("value_and_grad", argnums, unknown), transforms.value_and_grad, False, fallback, seed
    )


@describe_derivative("Called as `f`, it gives the derivatives, of the shape of the argument.")
def elementwise_grad(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    **unknown: Any,
) -> Derived:
    """The derivative of each element of the result, for functions that work element by element.

    >>> import numpy as np
    >>> from flowgraph.functional import elementwise_grad
    >>> elementwise_grad(np.sin)(np.zeros(2))
    array([1., 1.])
    """
    return Derived(
        f, asked_argnums("elementwise_grad", argnums, unknown), transforms.elementwise_grad, False, fallback, seed
    )


@describe_derivative("Called as `f`, it gives the array of derivatives, shape (*result.shape, *argument.shape).")
def jacobian(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    **unknown: Any,
) -> Derived:
    """All derivatives of the result, of shape (*result.shape, *argument.shape).

    >>> import numpy as np
    >>> from flowgraph.functional import jacobian
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return Derived(f, asked_argnums("jacobian", argnums, unknown), transforms.jacobian, False, fallback, seed)


@describe_derivative("Called as `f`, it gives the second derivatives, shape (*argument.shape, *argument.shape).")
def hessian(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    **unknown: Any,
) -> Derived:
    """The second derivatives of a scalar, of shape (*argument.shape, *argument.shape); of containers, by pairs.

    >>> import numpy as np
    >>> from flowgraph.functional import hessian
    >>> hessian(lambda x: np.prod(x))(np.array([2.0, 3.0]))
    array([[0., 1.],
           [1., 0.]])
    """
    return Derived(f, asked_argnums("hessian", argnums, unknown), transforms.hessian, False, fallback, seed)


@overload
def vjp(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    **unknown: Any,
) -> Derived: ...
@overload
def vjp(
    f: Function, argnums: Any, *args: Any, fallback: Fallback | None = None, seed: Seed = None
) -> tuple[Any, Function]: ...
@describe_derivative(
    "Called with the arguments of `f`, then a cotangent of the shape of the result, it gives Jᵀ times that."
)
def vjp(
    f: Function, argnums: Any = 0, *args: Any, fallback: Fallback | None = None, seed: Seed = None, **unknown: Any
) -> Any:
    """The vector-Jacobian product: a function of the arguments, then of a vector of the shape of the result.

    With arguments in the place of `argnums`, as in JAX, it is called at these: the pair of the value, and the function
    from a vector to the gradients, one for each argument.

    >>> import numpy as np
    >>> from flowgraph.functional import vjp
    >>> vjp(lambda x: x**2)(np.array([1.0, 3.0]), np.array([1.0, 10.0]))
    array([ 2., 60.])
    >>> value, product = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> value, product(1.0)
    (np.float64(12.0), (np.float64(4.0), np.float64(3.0)))
    """
    if args or is_argument(argnums):
        args = (argnums, *args)
        product, value = _products(f, tuple(range(len(args))), fallback, seed, **unknown).pullback(args, {})
        return value, product
    return _products(f, argnums, fallback, seed, **unknown)


def _products(
    f: Function, argnums: Any, fallback: Fallback | None = None, seed: Seed = None, **unknown: Any
) -> Derived:
    return Derived(f, asked_argnums("vjp", argnums, unknown), transforms.vjp, True, fallback, seed)


@describe_derivative("Called with the arguments of `f`, then a vector like the argument, it gives J times that.")
def jvp(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    **unknown: Any,
) -> Derived:
    """The Jacobian-vector product: a function of the arguments, then of a vector like those that are differentiated.

    >>> import numpy as np
    >>> from flowgraph.functional import jvp
    >>> jvp(lambda x: x**2)(np.array([1.0, 3.0]), np.array([1.0, 0.0]))
    array([2., 0.])
    """
    return Derived(f, asked_argnums("jvp", argnums, unknown), transforms.jvp, True, fallback, seed)


@describe_derivative("Called with the arguments of `f`, then a vector like the argument, it gives H times that.")
def hvp(
    f: Function,
    argnums: int | Sequence[int] = 0,
    *,
    fallback: Fallback | None = None,
    seed: Seed = None,
    **unknown: Any,
) -> Derived:
    """The Hessian-vector product: a function of the arguments, then of a vector like those that are differentiated.

    >>> import numpy as np
    >>> from flowgraph.functional import hvp
    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    return Derived(f, asked_argnums("hvp", argnums, unknown), transforms.hvp, True, fallback, seed)


@describe_derivative("Called as `f`, it gives the pair (gradient, second result).")
def grad_and_aux(
    f: Function,
    argnums: Any = 0,
    *,
    fallback: Fallback | None = None,
    seed: Any = None,
    **unknown: Any,
) -> Derived:
    """The gradient of the first of two results, and the second as it is.

    >>> import numpy as np
    >>> from flowgraph.functional import grad_and_aux
    >>> grad_and_aux(lambda x: (np.sum(x**2), {"largest": np.max(x)}))(np.array([1.0, 2.0]))
    (array([2., 4.]), {'largest': np.float64(2.0)})
    """
    places = asked_argnums("grad_and_aux", argnums, unknown)
    return Derived(f, places, transforms.grad_and_aux, False, fallback, seed)


@describe_derivative("Called with the arguments of `f`, then a vector like the argument, it gives H times that.")
def hessian_vector_product(f: Function, argnums: Any = 0, **settings: Any) -> Derived:
    """`hvp` under the name that autograd has for it: a function of the arguments, then of the vector.

    >>> import numpy as np
    >>> from flowgraph.functional import hessian_vector_product
    >>> hessian_vector_product(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    return hvp(f, argnums, **settings)


@describe_derivative("Called as `f`, it gives the pair (function of a cotangent, value).")
def make_vjp(f: Function, argnums: Any = 0, **settings: Any) -> Callable[..., tuple[Function, Any]]:
    """At some arguments: the function from a vector to the vector-Jacobian product, and the value.

    >>> import numpy as np
    >>> from flowgraph.functional import make_vjp
    >>> product, value = make_vjp(lambda x: x**2)(np.array([1.0, 3.0]))
    >>> value, product(np.array([1.0, 1.0]))
    (array([1., 9.]), array([2., 6.]))
    """
    derived = _products(f, argnums, **settings)

    def at(*args: Any, **keywords: Any) -> tuple[Function, Any]:
        return derived.pullback(args, keywords)

    return at


@describe_derivative(
    "Called as `f`, it gives a function of a vector, which gives the pair (value, J times the vector)."
)
def make_jvp(f: Function, argnums: Any = 0, **settings: Any) -> Callable[..., Function]:
    """At some arguments: the function from a vector to the value and the Jacobian-vector product.

    >>> import numpy as np
    >>> from flowgraph.functional import make_jvp
    >>> make_jvp(lambda x: x**2)(np.array([1.0, 3.0]))(np.array([1.0, 0.0]))
    (array([1., 9.]), array([2., 0.]))
    """
    derived = jvp(f, argnums, **settings)

    def at(*args: Any, **keywords: Any) -> Function:
        return lambda vector: (f(*args, **keywords), derived(*args, vector, **keywords))

    return at


def __getattr__(name: str) -> Any:
    if name in _CALLED_HERE:
        raise UsageError(f"flowgraph.functional: found {name!r}, which is {_CALLED_HERE[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
