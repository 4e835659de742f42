"""autograd's check_grads: derivatives of functional against differences, along directions drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.errors import UsageError
from flowgraph.functional import jvp, make_vjp
from flowgraph.functional.containers import arrays_of, flatten, like, mapped, rebuild

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
            for place, one in zip(places, picked, strict=True):
                given[place] = one
            return f(*given, **keywords)

        point = mapped(_in_double_precision, tuple(arguments[place] for place in places))
        _check(of_places, point, modes, order, getattr(f, "__name__", type(f).__name__))

    return at


def _check(f: Function, x: Any, modes: Sequence[str], order: int, name: str) -> None:
    """Check a function of one container, and then its derivatives as functions of the point and the direction."""
    along = _direction(x)
    differences = _differences(f, x, along)
    if "fwd" in modes:
        weights = _direction(differences)
        found = _inner(name, "fwd", weights, jvp(f)(x, along))
        _compare(name, "JVP", found, _inner(name, "fwd", weights, differences))
        if order > 1:
            _check(lambda pair: jvp(f)(*pair), (x, along), modes, order - 1, f"jvp_{name}")
    if "rev" in modes:
        product, value = make_vjp(f)(x)
        weights = _direction(value)
        found = _inner(name, "rev", along, product(weights))
        _compare(name, "VJP", found, _inner(name, "rev", weights, differences))
        if order > 1:
            of_pair = lambda pair: make_vjp(f)(pair[0])[0](pair[1])  # noqa: E731
            _check(of_pair, (x, weights), modes, order - 1, f"vjp_{name}")


def _in_double_precision(leaf: Any) -> Any:
    array = np.asarray(leaf)
    return array.astype(np.result_type(array, float))[()] if array.dtype.kind in "fc" else leaf


def _direction(x: Any) -> Any:
    """Numbers drawn at random in the place of those of a container; of whole numbers zeros, which move nothing."""
    rng = np.random.default_rng()

    def drawn(leaf: Any) -> Any:
        kind = np.asarray(leaf).dtype.kind
        real, imaginary = rng.normal(size=(2, *np.shape(leaf)))
        return (real + 1j * imaginary if kind == "c" else real * (kind == "f"))[()]

    return mapped(drawn, x)


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
