"""Solutions of ordinary differential equations with gradients, by the adjoint equation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Value, holds_box, join_boxes
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.functional import make_vjp
from flowgraph.functional.custom import custom_vjp
from flowgraph.loops.containers import arrays_of
from flowgraph.loops.vectors import flatten
from flowgraph.scipy import in_arrays, in_numbers, of_scipy

Slope = Callable[..., Any]
Solver = Callable[..., Any]


def odeint(func: Slope, y0: Value, t: Value, args: tuple[Any, ...] = (), **settings: Value) -> Any:
    """scipy.integrate.odeint, which also takes boxes: gradients by the start, the times and the arguments of `func`.

    The backward pass integrates the adjoint equation from the last time to the first, so that memory does not grow with
    the steps of the solver; its accuracy is that of the settings.

    Parameters
    ----------
    func : function
        func(y, t, *args), the slope dy/dt, written in NumPy.
    y0 : array or Box, shape (D,)
        The state at the first time; a number is a state of one.
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
    return _solution(_by_odeint, func, np.atleast_1d(join_boxes(y0)), join_boxes(t), args, **settings)


def solve_ivp(
    fun: Slope, t_span: tuple[Value, Value], y0: Value, method: Value = "RK45", t_eval: Value = None, *,
    args: tuple[Any, ...] | None = None, **options: Value,
) -> Any:  # fmt: skip
    """scipy.integrate.solve_ivp, which also takes boxes: gradients as those of `odeint`.

    Parameters
    ----------
    fun : function
        fun(t, y, *args), the slope dy/dt, written in NumPy.
    t_span : pair of numbers
        The first and the last time.
    y0 : array or Box, shape (D,)
        The state at the first time.
    method : str
        As in SciPy.
    t_eval : array, shape (T,)
        The times at which the state is wanted; with boxes it is needed, as a graph does not know the steps of a solver.
    args : tuple, optional
        What else `fun` is given: arrays, numbers, and containers of them.
    **options
        Of SciPy's function, such as rtol and atol; dense_output, events and vectorized are refused with boxes.

    Returns
    -------
    OdeResult
        SciPy's; with boxes it has `t` and `y`, a box of shape (D, T), and a run raises an error where the solver fails.

    Raises
    ------
    UsageError
        If boxes are given without t_eval, or with dense_output, events or vectorized.

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.integrate import solve_ivp
    >>> def decay(rate):
    ...     return solve_ivp(lambda t, y, r: -r * y, (0, 1), np.ones(1), t_eval=[1.0], args=(rate,), rtol=1e-8).y[0, 0]
    >>> round(float(grad(decay)(1.0)), 4)  # the derivative of exp(-rate)
    -0.3679
    """
    given = () if args is None else tuple(args)
    if not holds_box([*t_span, y0, t_eval, *arrays_of(given)]):
        return of_scipy("integrate", "solve_ivp").solve_ivp(
            in_numbers("solve_ivp", fun), t_span, y0, method, t_eval, args=args, **options
        )
    refused = [name for name in ("dense_output", "events", "vectorized") if options.get(name)]
    if refused or t_eval is None:
        raise UsageError(
            f"solve_ivp: found boxes {'with ' + refused[0] if refused else 'without t_eval'}, needs t_eval= alone, the "
            f"times at which the state is wanted"
        )
    goes_on = int(not holds_box([t_span[1], t_eval]) and t_span[1] != t_eval[-1])
    times = np.concatenate([join_boxes([t_span[0]]), join_boxes(t_eval), join_boxes([t_span[1]] * goes_on)])

    def slope(y: Value, t: Value, *more: Value) -> Any:
        return fun(t, y, *more)

    states = _solution(_by_solve_ivp, slope, join_boxes(y0), times, given, method=method, **options)
    return of_scipy("optimize", "solve_ivp").OptimizeResult(
        t=join_boxes(t_eval), y=np.transpose(states[1 : len(times) - goes_on])
    )


def _by_odeint(func: Slope, y0: Value, t: Value, args: tuple[Any, ...], **settings: Value) -> Any:
    return of_scipy("integrate", "odeint").odeint(in_numbers("odeint", func), y0, t, args, **settings)


def _by_solve_ivp(func: Slope, y0: Value, t: Value, args: tuple[Any, ...], **settings: Value) -> Any:
    """The states at the times, in their order, which may run backwards."""
    if t[0] == t[-1]:  # SciPy gives no state then
        return np.stack([y0] * len(t))
    solution = of_scipy("integrate", "solve_ivp").solve_ivp(
        in_numbers("solve_ivp", lambda t, y: func(y, t, *args)), (t[0], t[-1]), y0, t_eval=t[1:], **settings
    )
    if solution.status < 0:
        raise FlowgraphError(f"solve_ivp: {solution.message}")
    return np.concatenate([[y0], solution.y.T])


def _solve_directly(
    solver: Solver, func: Slope, y0: Value, t: Value, args: tuple[Any, ...] = (), **settings: Value
) -> Any:
    return solver(func, y0, t, args, **settings)


_solution = custom_vjp(_solve_directly, shape=lambda solver, func, y0, t, args=(), **_: (*np.shape(t), *np.shape(y0)))


@_solution.bprop  # type: ignore[untyped-decorator]
def _adjoint(
    grad: Value, y: Value, solver: Solver, func: Slope, y0: Value, t: Value, args: tuple[Any, ...] = (),
    **settings: Value,
) -> tuple[Any, ...]:  # fmt: skip
    """From the last time to the first: the gradient by the state runs back along the solution, and collects the rest.

    The state is integrated back along with its adjoint a (da/dt = −aᵀ ∂f/∂y), and with the gradients by the time and by
    the arguments, whose slopes are −aᵀ ∂f/∂t and −aᵀ ∂f/∂args.
    """
    func = in_arrays(func)
    flat, unflatten = flatten(args)
    count, size = np.shape(y)
    back = _augment_slopes(func, unflatten, size)
    by_state, by_time, by_args = grad[-1], 0.0, np.zeros(np.shape(flat))
    by_times = []
    for i in range(count - 1, 0, -1):
        of_time = np.dot(func(y[i], t[i], *args), grad[i])
        by_times.append(of_time)
        by_time = by_time - of_time
        start = np.hstack([y[i], by_state, by_time, by_args])
        end = _solution(solver, back, start, np.stack([t[i], t[i - 1]]), (flat,), **settings)[1]
        by_state, by_time, by_args = end[size : 2 * size], end[2 * size], end[2 * size + 1 :]
        by_state = by_state + grad[i - 1]
    by_times.append(by_time)
    return None, None, by_state, np.stack(by_times[::-1]), unflatten(by_args)


def _augment_slopes(func: Slope, unflatten: Callable[[Any], Any], size: int) -> Slope:
    """The slopes of the state and of the three gradients."""
    product_at = make_vjp(lambda y, t, flat: func(y, t, *unflatten(flat)), (0, 1, 2))

    def slopes(state: Value, t: Value, flat: Value) -> Any:
        product, slope = product_at(state[:size], t, flat)
        by_state, by_time, by_args = product(-state[size : 2 * size])
        return np.hstack([slope, by_state, by_time, by_args])

    return slopes
