"""Solutions of ordinary differential equations with gradients, by the adjoint equation."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.errors import install_hint
from flowgraph.functional import make_vjp
from flowgraph.functional.custom import custom_vjp
from flowgraph.functional.flat import flatten

Slope = Callable[..., Any]


def odeint(func: Slope, y0: Value, t: Value, args: tuple[Any, ...] = (), **settings: Value) -> Any:
    """scipy.integrate.odeint, which also takes boxes: gradients by the start, the times and the arguments of `func`.

    The backward pass integrates the adjoint equation from the last time to the first, so that memory does not grow with
    the steps of the solver; its accuracy is that of the settings.

    Parameters
    ----------
    func : function
        func(y, t, *args), the slope dy/dt, written in NumPy.
    y0 : array or Box, shape (D,)
        The state at the first time.
    t : array or Box, shape (T,)
        The times at which the state is wanted.
    args : tuple
        What else `func` is given: arrays, numbers, and containers of them.
    **settings
        Of SciPy's function, such as rtol and atol.

    Returns
    -------
    array or Box, shape (T, D)

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.integrate import odeint
    >>> decay = lambda rate: odeint(lambda y, t, r: -r * y, np.ones(1), np.linspace(0, 1, 2), (rate,))[-1, 0]
    >>> round(float(grad(decay)(1.0)), 4)  # the derivative of exp(-rate)
    -0.3679
    """
    return _solution(func, y0, t, args, **settings)


def _solved(func: Slope, y0: Value, t: Value, args: tuple[Any, ...] = (), **settings: Value) -> Any:
    try:
        integrate = importlib.import_module("scipy.integrate")
    except ImportError as missing:
        raise ImportError(f"odeint needs SciPy; {install_hint('scipy')}") from missing
    return integrate.odeint(func, y0, t, args, **settings)


_solution = custom_vjp(_solved, shape=lambda func, y0, t, args=(), **_: (*np.shape(t), *np.shape(y0)))


@_solution.bprop  # type: ignore[untyped-decorator]
def _adjoint(
    grad: Value, y: Value, func: Slope, y0: Value, t: Value, args: tuple[Any, ...] = (), **settings: Value
) -> tuple[Any, ...]:
    """From the last time to the first: the gradient by the state runs back along the solution, and collects the rest.

    The state is integrated back along with its adjoint a (da/dt = −aᵀ ∂f/∂y), and with the gradients by the time and by
    the arguments, whose slopes are −aᵀ ∂f/∂t and −aᵀ ∂f/∂args.
    """
    flat, unflatten = flatten(args)
    count, size = np.shape(y)
    back = _augmented(func, unflatten, size)
    by_state, by_time, by_args = grad[-1], 0.0, np.zeros(np.shape(flat))
    by_times = []
    for i in range(count - 1, 0, -1):
        of_time = np.dot(func(y[i], t[i], *args), grad[i])
        by_times.append(of_time)
        by_time = by_time - of_time
        start = np.hstack([y[i], by_state, by_time, by_args])
        end = _solution(back, start, np.stack([t[i], t[i - 1]]), (flat,), **settings)[1]
        by_state, by_time, by_args = end[size : 2 * size], end[2 * size], end[2 * size + 1 :]
        by_state = by_state + grad[i - 1]
    by_times.append(by_time)
    return None, by_state, np.stack(by_times[::-1]), unflatten(by_args)


def _augmented(func: Slope, unflatten: Callable[[Any], Any], size: int) -> Slope:
    """The slopes of the state and of the three gradients."""
    product_at = make_vjp(lambda y, t, flat: func(y, t, *unflatten(flat)), (0, 1, 2))

    def slopes(state: Value, t: Value, flat: Value) -> Any:
        product, slope = product_at(state[:size], t, flat)
        by_state, by_time, by_args = product(-state[size : 2 * size])
        return np.hstack([slope, by_state, by_time, by_args])

    return slopes
