"""Rules of the Numba back end: which loops compute a box. `rule_for` registers one for a class of your own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.plan.numba.numbers import number_name
from flowgraph.plan.rules import Condition, Rules, always

Read = Callable[[Box, Sequence[str]], str]
"""The text of an element of a child."""

Element = Callable[[Any, Sequence[str]], str]
Indexed = Callable[[Any, Read, Sequence[str], int], tuple[list[str], str]]
Block = Callable[[Any, Any], None]
"""Writes the lines of a box, given the `writing.Writing` of the plan, whose loops read these rules, and the box."""

AnyElement = TypeVar("AnyElement", bound=Element)
AnyIndexed = TypeVar("AnyIndexed", bound=Indexed)
AnyBlock = TypeVar("AnyBlock", bound=Block)


class Rule(NamedTuple):
    """How a box is computed, by its role: one of the four functions.

    An "element" has an expression, `element(box, texts)` of the elements of its children at the same index, or
    `indexed(box, read, index, code)` of any elements, with lines that go before it. A "reduction" has `identity(box)`,
    and `combined(box, total, value)` of that and the elements of the child. A "block" writes loops of its own.
    `functions` are ufuncs that the expression calls by name.
    """

    role: str
    element: Element | None = None
    indexed: Indexed | None = None
    block: Block | None = None
    identity: Callable[[Any], str] | None = None
    combined: Callable[[Any, str, str], str] | None = None
    functions: tuple[np.ufunc, ...] = ()
    when: Condition = always


RULES: Rules[Rule] = Rules()


def rule_for(
    *classes: type[Box], functions: tuple[np.ufunc, ...] = (), when: Condition = always
) -> Callable[[AnyElement], AnyElement]:
    """Register the expression of one element of boxes of these classes: a function of (box, texts).

    `texts` are the elements of the children at the same index, each a number of the child's dtype. The expression is
    what Numba compiles, and is converted to the dtype of the box. It may call `maximum`, `minimum`, `exp`, `log1p`,
    `erf` and `erfc`, and by their names the ufuncs in `functions`, of those that Numba has.
    """
    for function in functions:
        if not isinstance(function, np.ufunc):
            raise UsageError(f"rule_for: found the function {function!r}, needs ufuncs of NumPy, which Numba compiles")

    def register(expression: AnyElement) -> AnyElement:
        def converted(box: Box, texts: Sequence[str]) -> str:
            return f"{number_name(box.dtype, box)}({expression(box, texts)})"

        RULES.add(classes, Rule("element", element=converted, functions=functions, when=when))
        return expression

    return register


def element_for(*classes: type[Box], when: Condition = always) -> Callable[[AnyElement], AnyElement]:
    """Register an expression that has the dtype of the box by itself."""

    def register(expression: AnyElement) -> AnyElement:
        RULES.add(classes, Rule("element", element=expression, when=when))
        return expression

    return register


def indexed_for(*classes: type[Box], when: Condition = always) -> Callable[[AnyIndexed], AnyIndexed]:
    """Register the expression of one element that is made of elements of the children at other indices."""

    def register(indexed: AnyIndexed) -> AnyIndexed:
        RULES.add(classes, Rule("element", indexed=indexed, when=when))
        return indexed

    return register


def block_for(*classes: type[Box], when: Condition = always) -> Callable[[AnyBlock], AnyBlock]:
    """Register what writes loops of its own."""

    def register(block: AnyBlock) -> AnyBlock:
        RULES.add(classes, Rule("block", block=block, when=when))
        return block

    return register
