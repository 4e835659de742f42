"""Rules of the ONNX back end: which operations, or which boxes, a box is written as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from flowgraph.box import Box
from flowgraph.plan.rules import Condition, Rules, always

F = TypeVar("F", bound=Callable[..., Any])


class Rule(NamedTuple):
    """What stands for boxes of a class, where `when` holds."""

    function: Callable[..., Any]
    when: Condition = always


OPERATIONS: Rules[Rule] = Rules()
PARTS: Rules[Rule] = Rules()


def rule_for(*classes: type[Box], when: Condition = always) -> Callable[[F], F]:
    """Register how boxes of these classes are written: a function of (writer, box, *names of its children).

    It adds operations to the writer and returns the name of the value, or a tuple of names for several outputs.
    """

    def register(function: F) -> F:
        OPERATIONS.add(classes, Rule(function, when))
        return function

    return register


def parts_for(*classes: type[Box], when: Condition = always) -> Callable[[F], F]:
    """Register what boxes of these classes are made of: a function of (box, *children) that builds other boxes."""

    def register(function: F) -> F:
        PARTS.add(classes, Rule(function, when))
        return function

    return register
