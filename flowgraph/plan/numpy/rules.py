"""Rules of the NumPy back end: which lines compute a box. `rule_for` registers one for a class of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.plan.numpy.ufuncs import keep_where
from flowgraph.plan.rules import Condition, Rules, always, never


class Writes(Protocol):
    """What a rule is given beside its box: the plan, the source with its names, which children are Python's numbers."""

    plan: Any
    source: Any
    numbers: dict[Box, str]

    def line(self, box: Box, text: str, comment: bool = True) -> None:
        """Add a line, with the shape of the box beside it as a comment."""

    def out(self, box: Box) -> str:
        """The name of the buffer of a box."""


Lines = Callable[[Any, Sequence[str], str], list[str]]
Expression = Callable[[Any, Sequence[str]], str]
Operands = Callable[[Writes, Any, Sequence[str], str], list[str]]

AnyLines = TypeVar("AnyLines", bound=Lines)
AnyExpression = TypeVar("AnyExpression", bound=Expression)
AnyView = TypeVar("AnyView", bound=Callable[[Any, str], str])


class Fill(NamedTuple):
    """How a buffer is filled with the value of a box.

    `lines(box, names, out)` are the lines, of which the last is an expression whose value is the buffer `out`;
    `in_place` are the places of children whose buffer `out` may be, `functions` what the lines call, by name.
    `operands` binds what else the lines name, and says what they read in place of the children; `takes_numbers` tells
    whether they read children without axes as Python's numbers; `scratch` says how many bytes of memory of the plan
    they use beside the buffer, of which nothing stays.
    """

    lines: Lines
    in_place: tuple[int, ...] = ()
    functions: Mapping[str, Any] = {}
    operands: Operands | None = None
    takes_numbers: Condition = never
    when: Condition = always
    scratch: Callable[[Any], int] | None = None


class View(NamedTuple):
    """How a child is read as the value of a box.

    `suffix` is added to the name of the child, `fits(box, child)` tells whether no element has to be copied.
    """

    expression: Callable[[Any, str], str]
    suffix: Callable[[Any], str]
    fits: Callable[[Any, Any], bool]
    when: Condition = always


class Value(NamedTuple):
    """The expression of a value that is new: a number made of numbers, or an array that the call returns.

    `operands` says what it reads in place of the names of the children; `after` writes lines that follow, and says how
    parents read the value.
    """

    expression: Expression
    operands: Operands | None = None
    after: Callable[[Writes, Any, str, Sequence[str]], str] | None = None
    when: Condition = always


FILLS: Rules[Fill] = Rules()
VIEWS: Rules[View] = Rules()
NUMBERS: Rules[Value] = Rules()
CALLS: Rules[Value] = Rules()

_functions: dict[str, Any] = {"keep_where": keep_where}


def rule_for(
    *classes: type[Box],
    in_place: tuple[int, ...] = (),
    functions: Sequence[Callable[..., Any]] = (),
    operands: Operands | None = None,
    takes_numbers: Condition = never,
    when: Condition = always,
    scratch: Callable[[Any], int] | None = None,
) -> Callable[[AnyLines], AnyLines]:
    """Register how a buffer is filled with the value of boxes of these classes: a function of (box, names, out).

    It returns lines of Python, in which `names` are the children and `out` is the buffer, an array of the shape and
    dtype of the box; the last line is an expression whose value is `out`, as that of a ufunc called with `out=`.
    `in_place` are the places of children, of the shape and dtype of the box, over which the lines may write.
    `functions` are called in the lines by their `__name__`; `scratch` are bytes beside the buffer.
    A box whose value has no axes stays a call of its fprop.
    """
    named = _named(functions)

    def register(lines: AnyLines) -> AnyLines:
        FILLS.add(classes, Fill(lines, in_place, named, operands, takes_numbers, when, scratch))
        return lines

    return register


def view_for(
    *classes: type[Box],
    suffix: str | Callable[[Any], str],
    fits: Callable[[Any, Any], bool] = lambda box, child: True,
) -> Callable[[AnyView], AnyView]:
    """Register how a child is viewed as the value of boxes of these classes: a function of (box, name of the child)."""
    tell = (lambda box: suffix) if isinstance(suffix, str) else suffix

    def register(expression: AnyView) -> AnyView:
        VIEWS.add(classes, View(expression, tell, fits))
        return expression

    return register


def number_for(
    *classes: type[Box],
    operands: Operands | None = None,
    after: Callable[[Writes, Any, str, Sequence[str]], str] | None = None,
    when: Condition = always,
) -> Callable[[AnyExpression], AnyExpression]:
    """Register the expression of boxes whose value is one number: a function of (box, names)."""

    def register(expression: AnyExpression) -> AnyExpression:
        NUMBERS.add(classes, Value(expression, operands, after, when))
        return expression

    return register


def call_for(
    *classes: type[Box], operands: Operands | None = None, when: Condition = always
) -> Callable[[AnyExpression], AnyExpression]:
    """Register a call that returns the value of boxes as a new array: a function of (box, names)."""

    def register(expression: AnyExpression) -> AnyExpression:
        CALLS.add(classes, Value(expression, operands, when=when))
        return expression

    return register


def _named(functions: Sequence[Callable[..., Any]]) -> dict[str, Any]:
    """Functions by their names, each of which stands for one function in all rules."""
    named: dict[str, Any] = {getattr(function, "__name__", ""): function for function in functions}
    for name, function in named.items():
        own = name.isidentifier() and getattr(np, name, function) is function and name != "step"
        if not own or _functions.setdefault(name, function) is not function:
            raise UsageError(
                f"rule_for: found the function {function!r}, needs one whose __name__ is an identifier that no other "
                f"function of NumPy or of a rule has; wrap it in a function of your own"
            )
    return named
