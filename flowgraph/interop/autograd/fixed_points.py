"""The fixed point of an iteration as a function of its parameters, differentiated implicitly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.functional import make_vjp
from flowgraph.functional.containers import arrays_of
from flowgraph.functional.custom import custom_vjp

Iteration = Callable[[Any], Callable[[Any], Any]]


def fixed_point(f: Iteration, a: Any, x0: Any, distance: Callable[[Any, Any], Any], tol: float) -> Any:
    """The x with f(a)(x) = x, reached by iteration from x0.

    The gradient by `a` is that of the fixed point, not of the iterations: its own fixed point is iterated, so that
    memory does not grow with their number. It can be differentiated again.

    Parameters
    ----------
    f : function
        f(a) is the iteration, a function of x.
    a : array, number, or container of such
        What the iteration depends on.
    x0 : array or number
        Where it starts; it has no gradient.
    distance : function
        distance(x, previous), a number; the iteration ends once it is at most `tol`.
    tol : float
        The largest distance at the end.

    >>> from flowgraph.functional import grad
    >>> from flowgraph.interop.autograd import fixed_point
    >>> def root(a):
    ...     return fixed_point(lambda a: lambda x: (x + a / x) / 2, a, 1.0, lambda x, y: abs(x - y), 1e-9)
    >>> round(float(grad(root)(4.0)), 6)
    0.25

    Returns
    -------
    array or number
        The fixed point.
    """
    return _fixed_point(f, a, x0, distance, tol)


def _iterated(f: Iteration, a: Any, x0: Any, distance: Callable[[Any, Any], Any], tol: float) -> Any:
    step = f(a)
    x, previous = step(x0), x0
    while distance(x, previous) > tol:
        x, previous = step(x), x
    return x


_fixed_point = custom_vjp(_iterated, shape=lambda f, a, x0, distance, tol: np.shape(x0))


@_fixed_point.bprop  # type: ignore[untyped-decorator]
def _by_parameters(
    grad: Any, x: Any, f: Iteration, a: Any, x0: Any, distance: Callable[[Any, Any], Any], tol: float
) -> tuple[Any, ...]:
    """The gradient w = grad + (∂f/∂x)ᵀ w is a fixed point too; then (∂f/∂a)ᵀ w."""

    def backward(parameters: Any) -> Callable[[Any], Any]:
        at, point, arriving = parameters
        product, _ = make_vjp(f(at))(point)
        return lambda w: product(w) + arriving

    boxes = any(isinstance(leaf, Box) for leaf in arrays_of((a, x, grad)))
    start = np.zeros_like(x) if boxes or np.ndim(x) else 0.0
    w = _fixed_point(backward, (a, x, grad), start, distance, tol)
    product, _ = make_vjp(lambda at, point: f(at)(point))(a, x)
    return None, product(w), None, None, None
