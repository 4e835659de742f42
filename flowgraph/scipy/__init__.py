"""What scipy cannot call on boxes: for code written for autograd.scipy. Its distributions are in flowgraph.stats."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any

from flowgraph.box import Value, holds_box, join_boxes
from flowgraph.errors import UsageError, optional


def of_scipy(part: str, who: str) -> Any:
    """A module of SciPy, such as scipy.linalg, which is imported when `who` first needs it."""
    return optional(f"scipy.{part}", f"{who} needs SciPy", "scipy")


def for_boxes(part: str, without_effect: Collection[str] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """SciPy's function of that name for arrays, the decorated one where an argument holds a box.

    Settings `without_effect` on values are for arrays alone.
    """

    def choose_by_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__

        @functools.wraps(function)
        def choose(*args: Value, **settings: Value) -> Any:
            if not holds_box([args, settings]):
                return getattr(of_scipy(part, f"flowgraph.scipy.{part}.{name}"), name)(*args, **settings)
            return function(*args, **{key: value for key, value in settings.items() if key not in without_effect})

        choose.__doc__ = f"scipy.{part}.{name}, which also takes boxes: {function.__doc__}"
        return choose

    return choose_by_arguments


def in_numbers(who: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function as SciPy calls it, on numbers: a box that it returns nevertheless is one from outside of it."""

    @functools.wraps(function)
    def call_on_numbers(*args: Value) -> Any:
        result = function(*args)
        if holds_box(result):
            raise UsageError(
                f"{who}: found a box that its function returned for numbers, as it reads a box from outside; give what "
                f"it reads in args=, where it gets a gradient"
            )
        return result

    return call_on_numbers


def in_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function whose list of numbers or boxes is an array, as SciPy reads it."""
    return functools.wraps(function)(lambda *args: join_boxes(function(*args)))
