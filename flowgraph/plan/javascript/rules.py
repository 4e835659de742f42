"""Rules of the JavaScript back end: the expression that computes a box from the names of its children's values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from flowgraph.box import Box
from flowgraph.plan.rules import Condition, Rules, always

Expression = Callable[..., str]
AnyExpression = TypeVar("AnyExpression", bound=Expression)


class Rule(NamedTuple):
    """`expression(box, *names)` is JavaScript; the functions of `kernels/` that it calls are found by their names."""

    expression: Expression
    when: Condition = always


RULES: Rules[Rule] = Rules()


def rule_for(*classes: type[Box], when: Condition = always) -> Callable[[AnyExpression], AnyExpression]:
    """Register the expression of boxes of exactly these classes.

    It gets the box and the names of its children's values, arrays `{data, shape, dtype}`, and returns an expression
    whose value is such an array, or a list of them for a box of several outputs.

    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.plan.javascript import rule_for
    >>> class Halved(fg.Box):
    ...     def fprop(self, a): return np.fft.ifftshift(a) / 2
    ...     def infer(self, a): return a
    >>> @rule_for(Halved)
    ... def halved(box, a):
    ...     return f"map({box.dtype.name!r}, (x) => x / 2, flip({a}, null))"
    >>> plan = fg.compile(Halved(fg.Input("a", shape=("N",))), backend="javascript")
    >>> "flip(a, null)" in plan.source
    True
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Halved)]
    """

    def register(expression: AnyExpression) -> AnyExpression:
        RULES.add(classes, Rule(expression, when))
        return expression

    return register


def literal(value: Any) -> str:
    """A number, a list of them or None as JavaScript writes them."""
    if value is None:
        return "null"
    if isinstance(value, tuple | list | range):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    number = float(value)
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return str(int(number)) if number == int(number) and abs(number) < 2**53 and str(number) != "-0.0" else repr(number)


def axes(value: Any) -> str:
    """An axis, several, or None for all, as a list."""
    return literal(value if value is None or isinstance(value, tuple | list) else (value,))


def dtype(box: Box) -> str:
    """The dtype of a value as a string of JavaScript."""
    return f'"{box.dtype.name}"'
