"""Functions with custom gradients in the form of autograd: a closure for each argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flowgraph.errors import UsageError
from flowgraph.functional.arguments import name_of
from flowgraph.functional.containers import arrays_of
from flowgraph.functional.custom import CustomVjp, custom_vjp

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
        found = []
        for place, arg in enumerate(args):
            maker = of_place.get(place)
            wanted = maker is not None and arrays_of(arg)
            found.append(maker(value, *args, **keywords)(grad) if maker is not None and wanted else None)
        return tuple(found)

    f.bprop(bprop)
