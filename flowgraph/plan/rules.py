"""Rules of a back end, each registered for classes of boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

from flowgraph.box import Box
from flowgraph.box.node import is_built_in
from flowgraph.errors import UsageError

Condition = Callable[[Any], bool]


class _Conditional(Protocol):
    @property
    def when(self) -> Condition:
        """For which boxes of its classes the rule holds."""


R = TypeVar("R", bound=_Conditional)
F = TypeVar("F", bound=Callable[..., Any])


class Rules(Generic[R]):
    """Rules by the class of a box: exactly that class, since a subclass may compute something else.

    `kind` is the named tuple that a rule is.
    """

    of_others: ClassVar[int] = 0
    """How many are not flowgraph's own, of all back ends: another one may change every plan, and another process, which
    has others, makes other plans."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.by_class: dict[type[Box], list[R]] = {}

    def add(self, classes: Iterable[type[Box]], rule: R) -> None:
        """Register a rule, which is asked before those of the same class that were registered earlier."""
        Rules.of_others += not all(is_built_in(part) for part in cast(Iterable[Any], rule) if callable(part))
        for cls in classes:
            if not (isinstance(cls, type) and issubclass(cls, Box)):
                raise UsageError(f"rule: found {cls!r}, needs a class of boxes")
            self.by_class.setdefault(cls, []).insert(0, rule)

    def rule(self, *classes: type[Box], field: str = "", **settings: Any) -> Callable[[F], F]:
        """Register a function for boxes of these classes: as this field of a rule, or its first, and the settings."""

        def register(function: F) -> F:
            self.add(classes, self.kind(**{field or self.kind._fields[0]: function}, **settings))
            return function

        return register

    def of(self, box: Box) -> R | None:
        """The rule for a box, None if there is none."""
        for rule in self.by_class.get(type(box), ()):
            if rule.when(box):
                return rule
        return None

    def has(self, box: Box) -> bool:
        """Whether there are rules for the class of a box, whatever their conditions."""
        return type(box) in self.by_class


def always(box: Box) -> bool:
    """The condition of a rule for all boxes of its classes."""
    return True


def never(box: Box) -> bool:
    """The condition of a rule for no box."""
    return False
