"""How a room gives methods to the classes of a room below it, which know nothing of it.

A graph can be drawn, but the engine does not draw: the room that does declares a class of methods, and attaches them to
`Graph`. What type checkers see of it stands in attached.pyi.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

Methods = TypeVar("Methods", bound=type)


class Attribute:
    """A property, but where a box has a setting of that name, the setting is read."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self._read, self.__doc__ = read, read.__doc__

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else self._read(owner)


class OnGraph:
    """The base of `Graph` that stands for the methods that rooms above attach to it."""


class OnBox:
    """The same of `Box`."""


class OnRun:
    """The same of `Run`."""


class OnGrads:
    """The same of `Grads`."""


class OnPlan:
    """The same of `Plan`."""


def attached_to(owner: type) -> Callable[[Methods], Methods]:
    """Give the methods and attributes of the decorated class to `owner`, which must not have one of their names."""

    def attach(methods: Methods) -> Methods:
        for name, method in vars(methods).items():
            if isinstance(method, FunctionType | Attribute):
                assert not hasattr(owner, name), f"{owner.__name__}.{name}: attached twice"
                setattr(owner, name, method)
        return methods

    return attach
