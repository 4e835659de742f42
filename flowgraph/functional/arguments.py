"""The arguments of a call and of a derivative: their names, and which of them are differentiated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, NoReturn, TypeVar

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.arrays import refuse_masked
from flowgraph.box.node import current
from flowgraph.errors import DtypeError, FlowgraphError, UsageError
from flowgraph.loops.body import name_of as name_of
from flowgraph.loops.containers import ARRAYS, arrays_of, paths


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """A name for each positional argument."""
    if type(f) is FunctionType and not vars(f) and count <= f.__code__.co_argcount:
        return list(f.__code__.co_varnames[:count])  # what inspect takes thirty microseconds to find out
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return [f"argument{i}" for i in range(count)]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "argument")
    return (names + [f"{rest}{i}" for i in range(len(names), count)])[:count]


def is_argument(argnums: Any) -> bool:
    """Whether what stands in the place of argnums holds arrays or fractions, as an argument and no place does."""
    return any(isinstance(leaf, Box | np.ndarray | float | complex | np.inexact) for leaf in arrays_of(argnums))


def read_argnums(f: Callable[..., Any], argnums: object, args: Sequence[Any]) -> tuple[int, ...]:
    """The places of the arguments that are differentiated, counted from the front."""
    if type(argnums) is int and 0 <= argnums < len(args):
        return (argnums,)
    listed = argnums if isinstance(argnums, tuple | list) else (argnums,)
    if not listed:
        raise UsageError(f"{name_of(f)}: found no argnums, needs the place of an argument or several")
    places = []
    for place in listed:
        if not isinstance(place, int | np.integer) or isinstance(place, bool):
            raise UsageError(f"{name_of(f)}: found argnums={argnums!r}, needs an integer or a tuple of integers")
        if not args:
            raise UsageError(
                f"{name_of(f)}: found no positional argument; what is differentiated (argnums={argnums!r}) is given by "
                f"position, and the vector of vjp, jvp or hvp after all arguments"
            )
        if not -len(args) <= place < len(args):
            raise UsageError(
                f"{name_of(f)}: found argnums={argnums!r}, but it was called with {len(args)} positional arguments; "
                f"needs places from 0 to {len(args) - 1}"
            )
        places.append(int(place) % len(args))
    if len(set(places)) < len(places):
        raise UsageError(f"{name_of(f)}: found argnums={argnums!r}, which names an argument twice")
    return tuple(places)


def check_arguments(f: Callable[..., Any], places: Sequence[int], args: Sequence[Any]) -> None:
    """Check that every differentiated argument consists of arrays of real or complex numbers."""
    names = argument_names(f, len(args))
    for place in places:
        count = 0
        for path, leaf in paths(args[place], names[place]):
            if leaf is None and path != names[place]:
                continue  # a part of the structure
            count += 1
            if not isinstance(leaf, ARRAYS) and not isinstance(leaf, bool | int):
                raise UsageError(
                    f"{name_of(f)}: found a {type(leaf).__name__} at {path}, which is differentiated; needs arrays "
                    f"and floats in it, or other argnums"
                )
            dtype = leaf.dtype if isinstance(leaf, Box) else np.asarray(leaf).dtype
            if dtype.kind not in "fc":
                raise DtypeError(
                    f"{name_of(f)}: found dtype {dtype} at {path}, which is differentiated, and only real or complex "
                    f"values have a gradient; give floats, {path}.astype(float) or {path}=1.0, or other argnums"
                )
        if not count:
            raise UsageError(
                f"{name_of(f)}: found no array in {names[place]}, which is differentiated; needs arrays or floats "
                f"in it, or other argnums"
            )


OF_VALUES = (
    ArithmeticError, AssertionError, AttributeError, BufferError, LookupError, MemoryError, NotImplementedError,
    RuntimeError, SystemError, TypeError, ValueError, Warning,
)  # fmt: skip
"""What code raises of the values that it was given, as NumPy, SciPy and compiled code do."""


def call_function(f: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The result of a function on boxes."""
    try:
        return f(*args, **keywords)
    except FlowgraphError:
        raise
    except BaseException as error:  # passed on always: extensions in C have kinds of their own
        trace = current()
        if trace is not None and trace.refused is not None:  # compiled code loses it, and fails somewhere behind it
            refused = (
                f"{name_of(f)}: before this a box was asked for its numbers: {trace.refused}\n"
                f"of compiled code, which takes numbers alone, see if flowgraph.scipy has the function (root and "
                f"fixed_point have a gradient by what is in args=), or put the call into a function under custom_vjp"
            )
            if isinstance(error, SystemError):  # which says of compiled code that it saw an error and went on
                raise UsageError(refused) from error
            error.add_note(refused)
        if not isinstance(error, ValueError) or not isinstance(error.__cause__, UsageError):
            raise  # NumPy raises a ValueError in place of a refusal
        raise UsageError(
            f"{name_of(f)}: found a box assigned to an element of an array, where it would carry no gradient; build "
            f"the array with np.stack or np.concatenate, or with fg.set_at(array, index, box)"
        ) from error


def native(leaf: Value) -> Any:
    """A number as an array, in the byte order of this machine, which is that of all results."""
    refuse_masked("an argument", leaf)
    array = np.asarray(leaf)
    return (array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("=")))[()]


F = TypeVar("F", bound=Callable[..., Any])

_ENTRIES = {
    "f": (
        "f : function",
        "Written in NumPy; its arguments are arrays, floats, and dicts, lists, tuples and dataclasses of them.",
    ),
    "argnums": (
        "argnums : int or sequence of int, default 0",
        "Places of the positional arguments by which it is differentiated; several give a tuple.",
    ),
    "args": ("*args", "The further arguments of `f`, where it is called at once."),
    "fallback": (
        "fallback : {'central differences'}, optional",
        "How the derivative of a `bprop` that does not run on boxes is taken; by default it is refused.",
    ),
    "seed": (
        "seed : int, optional",
        "What fixes the draws of `fg.Random` and `fg.dropout`; by default each call draws anew.",
    ),
    "unknown": ("**unknown", "`argnum`, autograd's name for `argnums`; any other keyword is refused."),
    "settings": ("**settings", "fallback and seed, as `grad` takes them."),
}


def describe_derivative(returns: str) -> Callable[[F], F]:
    """Add the sections Parameters, Returns and Raises to the docstring of a derivative, before its examples.

    >>> from flowgraph.functional import vjp
    >>> [line for line in vjp.__doc__.splitlines() if line in ("Parameters", "Returns", "Raises")]
    ['Parameters', 'Returns', 'Raises']
    """

    def add(function: F) -> F:
        text = inspect.cleandoc(function.__doc__ or "")
        prose, mark, examples = text.partition(">>>")
        lines = ["Parameters", "----------"]
        for name in inspect.signature(function).parameters:
            head, words = _ENTRIES[name]
            lines += [head, f"    {words}"]
        lines += ["", "Returns", "-------", "function", f"    {returns}"]
        lines += [
            "",
            "Raises",
            "------",
            "UsageError",
            "    If a keyword is unknown, or `f` returns what has no such derivative.",
        ]
        lines += ["", "Examples", "--------", mark + examples] if mark else []
        function.__doc__ = "\n".join([prose.rstrip(), "", *lines])
        return function

    return add


def asked_argnums(who: str, argnums: Any, unknown: Mapping[str, Any]) -> Any:
    """The places that are differentiated by, also under autograd's name; any other keyword is refused."""
    for name in unknown:
        if name != "argnum":
            refuse_keyword(who, name, "argnums=, fallback= or seed=")
    if "argnum" not in unknown:
        return argnums
    if argnums != 0:
        raise UsageError(f"{who}: found argnums={argnums!r} and argnum={unknown['argnum']!r}, needs one of them")
    return unknown["argnum"]


def refuse_keyword(who: str, name: str, needed: str) -> NoReturn:
    """Refuse a keyword, with what stands for it here where other libraries or versions have it."""
    if name == "cache":
        raise UsageError(
            f"{who}: found cache=, which there is no more: the function is called in every call; "
            f"functional.jit({who}(f)) calls it once for all arguments of the same shapes and dtypes"
        )
    way_out = "; what else the function returns is kept by grad_and_aux(f)" if name == "has_aux" else ""
    raise UsageError(f"{who}: found {name}=, needs {needed}{way_out}")
