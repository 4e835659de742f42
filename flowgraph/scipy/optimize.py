"""scipy.optimize on boxes: roots, minima and fixed points, with gradients by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Value, holds_box
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.functional import grad as gradient_of
from flowgraph.functional import jacobian, make_vjp, value_and_grad
from flowgraph.functional.custom import custom_vjp
from flowgraph.loops.containers import arrays_of
from flowgraph.loops.vectors import flatten
from flowgraph.scipy import in_arrays, in_numbers, of_scipy

Objective = Callable[..., Any]


def root(fun: Objective, x0: Value, args: tuple[Any, ...] = (), method: str = "hybr", **settings: Value) -> Any:
    """scipy.optimize.root, which also takes boxes: gradients by the arguments of `fun`.

    x solves f(x, a) = 0        dx/da = −(∂f/∂x)⁻¹ ∂f/∂a

    Where it starts has no influence on a root, and gets no gradient.

    Parameters
    ----------
    fun : function
        fun(x, *args), as many numbers as x has, written in NumPy.
    x0 : array, shape (n,)
        Where the search starts.
    args : tuple
        What else `fun` is given: arrays, numbers, and containers of them.
    method : str
        As in SciPy.
    **settings
        Of SciPy's function, such as tol; the Jacobian is computed from `fun` unless `jac` is given.

    Returns
    -------
    OptimizeResult
        SciPy's; with boxes in `args` it has `x` and `fun`, boxes, and a run raises an error where no root is found.

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.optimize import root
    >>> square_root = lambda a: root(lambda x, a: x**2 - a, np.ones(1), (a,)).x[0]
    >>> round(float(grad(square_root)(4.0)), 6)
    0.25
    """
    if not holds_box([x0, *arrays_of(args)]):
        return of_scipy("optimize", "root").root(in_numbers("root", fun), x0, args, method, **settings)
    start, fun = _start("root", x0), in_arrays(fun)

    def solver(*given: Value) -> Any:
        jac = settings.get("jac", jacobian(fun))
        return of_scipy("optimize", "root").root(
            in_numbers("root", fun), start, given, method, **{**settings, "jac": jac}
        )

    x = _solution(solver, fun, start, args)
    return of_scipy("optimize", "root").OptimizeResult(x=x, fun=fun(x, *args))


def minimize(fun: Objective, x0: Value, args: tuple[Any, ...] = (), method: Any = None, **settings: Value) -> Any:
    """scipy.optimize.minimize, which also takes boxes: gradients by the arguments of `fun`.

    ∂f/∂x (x, a) = 0 at a minimum        dx/da = −(∂²f/∂x²)⁻¹ ∂²f/∂x∂a

    Where it starts has no influence on a minimum that is alone in its neighbourhood, and gets no gradient.

    Parameters
    ----------
    fun : function
        fun(x, *args), a number, written in NumPy.
    x0 : array, shape (n,)
        Where the search starts.
    args : tuple
        What else `fun` is given: arrays, numbers, and containers of them.
    method : str, optional
        As in SciPy.
    **settings
        Of SciPy's function, such as tol; `jac` is computed from `fun` unless it is given. bounds and constraints are
        refused with boxes: a minimum at an edge moves with the edge.

    Returns
    -------
    OptimizeResult
        SciPy's; with boxes in `args` it has `x` and `fun`, boxes, and a run raises an error where no minimum is found.

    Raises
    ------
    UsageError
        If bounds or constraints are given with boxes.

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.optimize import minimize
    >>> nearest = lambda a: minimize(lambda x, a: np.sum((x - a**2) ** 2), np.zeros(2), (a,)).x[0]
    >>> round(float(grad(nearest)(np.array([3.0, 1.0]))[0]), 4)
    6.0
    """
    if not holds_box([x0, *arrays_of(args)]):
        return of_scipy("optimize", "minimize").minimize(in_numbers("minimize", fun), x0, args, method, **settings)
    for name in ("bounds", "constraints"):
        if settings.get(name):
            raise UsageError(f"minimize: found boxes with {name}, needs a minimum inside; leave {name} out")
    start = _start("minimize", x0)

    def solver(*given: Value) -> Any:
        both = fun if "jac" in settings else value_and_grad(fun)
        of_numbers = in_numbers("minimize", both)
        return of_scipy("optimize", "minimize").minimize(of_numbers, start, given, method, **{"jac": True, **settings})

    x = _solution(solver, gradient_of(fun), start, args)
    return of_scipy("optimize", "minimize").OptimizeResult(x=x, fun=fun(x, *args))


def fixed_point(func: Objective, x0: Value, args: tuple[Any, ...] = (), **settings: Value) -> Any:
    """scipy.optimize.fixed_point, which also takes boxes: gradients by the arguments of `func`.

    x = f(x, a)        dx/da = (1 − ∂f/∂x)⁻¹ ∂f/∂a

    Parameters
    ----------
    func : function
        func(x, *args), as many numbers as x has, written in NumPy.
    x0 : array, shape (n,)
        Where the search starts; it gets no gradient.
    args : tuple
        What else `func` is given: arrays, numbers, and containers of them.
    **settings
        Of SciPy's function, such as xtol.

    Returns
    -------
    array or Box, shape (n,)

    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.scipy.optimize import fixed_point
    >>> square_root = lambda a: fixed_point(lambda x, a: (x + a / x) / 2, np.ones(1), (a,))[0]
    >>> round(float(grad(square_root)(4.0)), 6)
    0.25
    """
    if not holds_box([x0, *arrays_of(args)]):
        return of_scipy("optimize", "fixed_point").fixed_point(in_numbers("fixed_point", func), x0, args, **settings)

    def solver(*given: Value) -> Any:
        point = of_scipy("optimize", "fixed_point").fixed_point(
            in_numbers("fixed_point", func), start, given, **settings
        )
        return of_scipy("optimize", "fixed_point").OptimizeResult(x=point, success=True)

    start = _start("fixed_point", x0)
    return _solution(solver, lambda x, *given: func(x, *given) - x, start, args)


def _start(who: str, x0: Value) -> Any:
    if holds_box(x0) or np.ndim(x0) != 1:
        what = "a box" if holds_box(x0) else f"the shape {np.shape(x0)}"
        raise UsageError(f"{who}: found {what} as x0, needs an array of one axis, as it gets no gradient")
    return np.asarray(x0, float)


def _solve_equation(solver: Objective, equation: Objective, start: Value, args: tuple[Any, ...]) -> Any:
    solution = solver(*args)
    if not (solution.success or _is_exact(equation, solution.x, args)):
        raise FlowgraphError(
            f"scipy.optimize: {solution.message} A gradient needs a solution; try another x0 or method"
        )
    return solution.x


def _is_exact(equation: Objective, x: Value, args: tuple[Any, ...]) -> bool:
    """Whether Newton's step from x is small: a search that asks for more than rounding allows ends without success."""
    try:
        step = np.linalg.solve(jacobian(equation)(x, *args), equation(x, *args))
    except np.linalg.LinAlgError:
        return False
    return bool(np.all(np.abs(step) <= 1e-6 * (1 + np.abs(x))))


_solution = custom_vjp(_solve_equation, shape=lambda solver, equation, start, args: np.shape(start))


@_solution.bprop  # type: ignore[untyped-decorator]
def _implicit(
    grad: Value, x: Value, solver: Objective, equation: Objective, start: Value, args: tuple[Any, ...]
) -> tuple[Any, ...]:
    """−wᵀ ∂f/∂a with (∂f/∂x)ᵀ w = grad, where f(x, a) = 0 is the equation."""
    w = np.linalg.solve(np.transpose(jacobian(equation)(x, *args)), grad)
    flat, unflatten = flatten(args)
    product, _ = make_vjp(lambda a: equation(x, *unflatten(a)))(flat)
    return None, None, None, unflatten(-product(w))


def __getattr__(name: str) -> Any:
    return getattr(of_scipy("optimize", name), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(of_scipy("optimize", "dir"))})
