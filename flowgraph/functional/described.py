"""What all derivatives of functions take: described once, in sections that each docstring gets, and read once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from flowgraph.errors import UsageError

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


def described(returns: str) -> Callable[[F], F]:
    """Add the sections Parameters, Returns and Raises to the docstring of a derivative, before its examples.

    >>> from flowgraph.functional import vjp
    >>> vjp.__doc__.splitlines()[2]
    'Parameters'
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


def read_argnums(who: str, argnums: Any, unknown: Mapping[str, Any]) -> Any:
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
