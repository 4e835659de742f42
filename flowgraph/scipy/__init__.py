"""What scipy cannot call on boxes: for code written for autograd.scipy. Its distributions are in flowgraph.stats."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flowgraph.box import Value, holds_box, joined
from flowgraph.errors import UsageError, optional


def of_scipy(part: str, who: str) -> Any:
    """A module of SciPy, such as scipy.linalg, which is imported when `who` first needs it."""
    return optional(f"scipy.{part}", f"{who} needs SciPy", "scipy")


def in_numbers(who: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function as SciPy calls it, on numbers: a box that it returns nevertheless is one from outside of it."""

    @functools.wraps(function)
    def called(*args: Value) -> Any:
        result = function(*args)
        if holds_box(result):
            raise UsageError(
                f"{who}: found a box that its function returned for numbers, as it reads a box from outside; give what "
                f"it reads in args=, where it gets a gradient"
            )
        return result

    return called


def in_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function whose list of numbers or boxes is an array, as SciPy reads it."""
    return functools.wraps(function)(lambda *args: joined(function(*args)))
