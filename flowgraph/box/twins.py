"""Boxes made from the state of another box, without the constructor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from flowgraph.box.naming import Line


class Twins:
    """What is made past the constructor. No other file writes to a box: a box that a user has seen never changes."""

    is_derivative: bool = False

    @classmethod
    def _of_state(cls, state: Mapping[str, Any], **more: Any) -> Self:
        """A box of this state; nothing is inferred, checked or asked of the user's line."""
        box = object.__new__(cls)
        box.__dict__.update(state, **more)
        return box

    def _twin(self, **changes: Any) -> Self:
        """A box of the same state, but for the changes."""
        return self._of_state(self.__dict__, **changes)

    def _place(self, name: str | None, scope: str, built_at: Line | None = None) -> None:
        """Name a box that nobody has seen yet, and say where in the user's code it stands."""
        self.__dict__.update(name=name, scope=scope)
        if built_at is not None:
            self.__dict__["built_at"] = built_at

    def _mark_derivative(self) -> None:
        """Note of a box that nobody has seen yet that it is a derivative."""
        self.__dict__["is_derivative"] = True
