"""How a box is begun: the line of the user's code, its name in its scope, its settings."""

from __future__ import annotations

from typing import Any

from flowgraph.box.naming import current_scope, users_line
from flowgraph.box.node import Node
from flowgraph.box.settings import read_settings
from flowgraph.errors import UsageError
from flowgraph.printable import why_not_a_name


class Construction(Node):
    """The first part of the constructor of a box: line, name, scope and settings, before its children."""

    def check_settings(self) -> None:
        """Refuse settings that make no sense; called before the children are read."""

    def _start(self, name: str | None) -> None:
        """Where in the user's code and under which name the box is built."""
        scope = current_scope()
        self.__dict__.update(built_at=users_line(), scope=scope, name=None if name is None else scope + _valid(name))

    def _set(self, given: dict[str, Any]) -> None:
        self.__dict__.update(read_settings(type(self), given))
        self.check_settings()


def _valid(name: Any) -> str:
    problem = why_not_a_name(name)
    if problem is not None:
        raise UsageError(f"name: found {name!r}, {problem}")
    return name  # type: ignore[no-any-return]
