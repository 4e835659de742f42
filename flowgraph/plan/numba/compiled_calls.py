"""What Numba has compiled in place of a call of a box, in a plan that NumPy runs: registered by class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from flowgraph.box import Box
from flowgraph.plan.rules import Condition, Rules, always
from flowgraph.plan.schedule import Schedule

Made = Callable[[Schedule, Any], Callable[..., Any] | None]
AnyMade = TypeVar("AnyMade", bound=Made)


class Compiled(NamedTuple):
    """`make(plan, box)` is a function of the values of the children, None where there is none for this box.

    Where `fills`, the function has one argument more, the array that it fills and returns.
    """

    make: Made
    fills: bool
    when: Condition = always


COMPILED: Rules[Compiled] = Rules()


def compiled_for(*classes: type[Box], fills: bool = False, when: Condition = always) -> Callable[[AnyMade], AnyMade]:
    """Register what makes the function of boxes of these classes: of the schedule, and of the box."""

    def register(make: AnyMade) -> AnyMade:
        COMPILED.add(classes, Compiled(make, fills, when))
        return make

    return register


def compiled_call(plan: Schedule, box: Box, fills: bool) -> Callable[..., Any] | None:
    """The function for a box that is a call, or that fills a buffer; None where there is none."""
    rule = COMPILED.of(box)
    return rule.make(plan, box) if rule is not None and rule.fills == fills else None
