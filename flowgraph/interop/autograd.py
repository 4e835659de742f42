"""autograd's API besides derivatives: custom gradients, its optimisers, fixed points, checks.

The derivatives are in `flowgraph.functional`, NumPy in `flowgraph.numpy`, the distributions in `flowgraph.stats`, the
rest of its SciPy in `flowgraph.scipy`. docs/from-autograd.md has the table of what stands for what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.functional import jvp, make_vjp
from flowgraph.functional.arguments import name_of
from flowgraph.functional.custom import CustomVjp, custom_vjp
from flowgraph.loops import vectors
from flowgraph.loops.containers import arrays_of, flatten, like, map_leaves, rebuild

__all__ = ["adam", "check_grads", "defvjp", "fixed_point", "primitive", "rmsprop", "sgd"]

Maker = Callable[..., Callable[[Any], Any]]


def primitive(f: Callable[..., Any]) -> CustomVjp:
    """A function that is not looked into: one box in a graph, whose gradients `defvjp` gives.

    Parameters
    ----------
    f : function
        A function of arrays.

    Returns
    -------
    CustomVjp
        The function, to which `defvjp` gives gradients.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.functional import grad
    >>> from flowgraph.interop.autograd import defvjp, primitive
    >>> @primitive
    ... def square(x):
    ...     return x * x
    >>> defvjp(square, lambda value, x: lambda g: 2 * g * x)
    >>> grad(square)(3.0)
    np.float64(6.0)
    """
    made: CustomVjp = custom_vjp(f)
    return made


def defvjp(f: CustomVjp, *makers: Maker | None, argnums: Sequence[int] | None = None) -> None:
    """Give a primitive its gradients, by one maker for each argument.

    Parameters
    ----------
    f : primitive
        What `primitive` returned.
    *makers : function or None
        `maker(value, *arguments)` returns the function from the gradient that arrives to that of the argument; None
        stands for an argument without gradient.
    argnums : sequence of int, optional
        The arguments that the makers are for; the first ones if left out.

    Raises
    ------
    UsageError
        If `f` is no primitive, or the numbers of makers and arguments differ.

    Examples
    --------
    >>> from flowgraph.functional import grad
    >>> from flowgraph.interop.autograd import defvjp, primitive
    >>> cube = primitive(lambda x: x**3)
    >>> defvjp(cube, lambda value, x: lambda g: 3 * g * x**2)
    >>> float(grad(cube)(2.0))
    12.0
    """
    if not isinstance(f, CustomVjp):
        raise UsageError(f"defvjp: found {name_of(f)}, needs a primitive; define it under the decorator @primitive")
    places = tuple(range(len(makers)) if argnums is None else argnums)
    if len(places) != len(makers):
        raise UsageError(f"defvjp: found {len(makers)} functions for argnums={argnums!r}, needs one for each")
    of_place = dict(zip(places, makers, strict=True))

    def bprop(grad: Any, value: Any, *args: Any, **keywords: Any) -> tuple[Any, ...]:
        gradients = []
        for place, arg in enumerate(args):
            maker = of_place.get(place)
            wanted = maker is not None and arrays_of(arg)
            gradients.append(maker(value, *args, **keywords)(grad) if maker is not None and wanted else None)
        return tuple(gradients)

    f.bprop(bprop)


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


def iterate_to_fixed_point(f: Iteration, a: Any, x0: Any, distance: Callable[[Any, Any], Any], tol: float) -> Any:
    step = f(a)
    x, previous = step(x0), x0
    while distance(x, previous) > tol:
        x, previous = step(x), x
    return x


_fixed_point = custom_vjp(iterate_to_fixed_point, shape=lambda f, a, x0, distance, tol: np.shape(x0))


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


Function = Callable[..., Any]

MODES = ("fwd", "rev")

STEP = 1e-5

CLOSE = 1e-6
"""The largest difference, absolute or relative, of what counts as the same."""


def check_grads(
    f: Function, argnum: int | Sequence[int] = 0, modes: Sequence[str] = MODES, order: int = 2
) -> Callable[..., None]:
    """A function that checks the derivatives of `f` at the arguments it is called with; AssertionError says what fails.

    Whatever `flowgraph.functional` differentiates can be checked, containers and complex numbers too, at these
    arguments and along one direction. `fg.check` looks at each element, at other arguments and shapes, and at kinks.

    Parameters
    ----------
    f : function
        What is checked; arguments of single precision are taken in double precision.
    argnum : int or sequence of int, default 0
        The arguments whose derivatives are checked, as in autograd the first one if left out; others are held fixed.
    modes : sequence of {'fwd', 'rev'}, default ('fwd', 'rev')
        Which products are checked: with the Jacobian, and with its transpose.
    order : int, default 2
        With 2, the derivatives of these products are checked too, with 3 those of these, and so on.

    Returns
    -------
    function
        Called with arguments of `f`, and keywords, it returns None.

    Raises
    ------
    UsageError
        If a mode, a place or the order is unknown.
    AssertionError
        By the function, if a derivative is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.interop.autograd import check_grads
    >>> check_grads(lambda x: np.sum(np.tanh(x)), modes=["rev"])(np.ones(3))
    >>> check_grads(np.multiply, (0, 1))(np.ones(3), 2.0)
    """
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or type(order) is not int or order < 1:
        raise UsageError(f"check_grads: found modes={modes!r}, order={order!r}, needs 'fwd' or 'rev', and 1 or more")
    places = tuple(argnum) if isinstance(argnum, Sequence) else (argnum,)
    if not places or any(type(place) is not int for place in places):
        raise UsageError(f"check_grads: found argnum={argnum!r}, needs the place of an argument, or some of them")

    def at(*arguments: Any, **keywords: Any) -> None:
        if not all(-len(arguments) <= place < len(arguments) for place in places):
            raise UsageError(f"check_grads: found argnum={argnum!r}, and {len(arguments)} arguments")

        def of_places(picked: tuple[Any, ...]) -> Any:
            given = list(arguments)
            for place, argument in zip(places, picked, strict=True):
                given[place] = argument
            return f(*given, **keywords)

        point = map_leaves(_in_double_precision, tuple(arguments[place] for place in places))
        _check(of_places, point, modes, order, getattr(f, "__name__", type(f).__name__))

    return at


def _check(f: Function, x: Any, modes: Sequence[str], order: int, name: str) -> None:
    """Check a function of one container, and then its derivatives as functions of the point and the direction."""
    along = _direction(x)
    differences = _differences(f, x, along)
    if "fwd" in modes:
        weights = _direction(differences)
        product_of_f = _inner(name, "fwd", weights, jvp(f)(x, along))
        _compare(name, "JVP", product_of_f, _inner(name, "fwd", weights, differences))
        if order > 1:
            _check(lambda pair: jvp(f)(*pair), (x, along), modes, order - 1, f"jvp_{name}")
    if "rev" in modes:
        product, value = make_vjp(f)(x)
        weights = _direction(value)
        product_of_f = _inner(name, "rev", along, product(weights))
        _compare(name, "VJP", product_of_f, _inner(name, "rev", weights, differences))
        if order > 1:
            of_pair = lambda pair: make_vjp(f)(pair[0])[0](pair[1])  # noqa: E731
            _check(of_pair, (x, weights), modes, order - 1, f"vjp_{name}")


def _in_double_precision(leaf: Any) -> Any:
    array = np.asarray(leaf)
    return array.astype(np.result_type(array, float))[()] if array.dtype.kind in "fc" else leaf


def _direction(x: Any) -> Any:
    """Numbers drawn at random in the place of those of a container; of whole numbers zeros, which move nothing."""
    rng = np.random.default_rng()

    def draw_like(leaf: Any) -> Any:
        kind = np.asarray(leaf).dtype.kind
        real, imaginary = rng.normal(size=(2, *np.shape(leaf)))
        return (real + 1j * imaginary if kind == "c" else real * (kind == "f"))[()]

    return map_leaves(draw_like, x)


def _differences(f: Function, x: Any, along: Any) -> Any:
    """The derivative along a direction, by central differences, in the container that `f` returns."""
    ends: list[list[Any]] = []
    for step in (STEP / 2, -STEP / 2):
        moved = [leaf + step * move for leaf, move in zip(arrays_of(x), arrays_of(along), strict=True)]
        ends.append([])
        structure = flatten(f(like(x, moved)), ends[-1])
    return rebuild(structure, iter([(ahead - behind) / STEP for ahead, behind in zip(*ends, strict=True)]))


def _inner(name: str, mode: str, x: Any, y: Any) -> float:
    """The real inner product of two containers of the same shapes."""
    pairs = arrays_of(x), arrays_of(y)
    shapes = [[(np.shape(leaf), np.iscomplexobj(leaf)) for leaf in side] for side in pairs]
    if shapes[0] != shapes[1]:
        raise AssertionError(f"check_grads: {name}, mode {mode!r}: found {shapes[1]}, needs {shapes[0]}")
    return float(sum(np.real(np.vdot(a, b)) for a, b in zip(*pairs, strict=True)))


def _compare(name: str, product: str, found: float, needed: float) -> None:
    difference = abs(found - needed)
    if not (difference < CLOSE or difference / abs(found + needed) < CLOSE):
        raise AssertionError(
            f"Derivative ({product}) check of {name} failed along a random direction: found {found}, needs {needed} by "
            f"differences; fg.check says which element of which argument it is"
        )


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
    x, unflatten = vectors.flatten(x0)
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
    x, unflatten = vectors.flatten(x0)
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
    x, unflatten = vectors.flatten(x0)
    mean, squares = np.zeros(x.shape), np.zeros(x.shape)
    for i in range(num_iters):
        g = _gradient(grad, x, i, unflatten, callback)
        mean = (1 - b1) * g + b1 * mean
        squares = (1 - b2) * g**2 + b2 * squares
        x = x - step_size * (mean / (1 - b1 ** (i + 1))) / (np.sqrt(squares / (1 - b2 ** (i + 1))) + eps)
    return unflatten(x)


def _gradient(grad: Gradient, x: Any, i: int, unflatten: Callable[[Any], Any], callback: Callback) -> Any:
    """The gradient at the start of a step, as a vector; the callback receives both."""
    g, _ = vectors.flatten(grad(unflatten(x), i))
    if callback is not None:
        callback(unflatten(x), i, unflatten(g))
    return g
