"""Boxes made from the state of another box, without the constructor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from flowgraph.box.naming import current_scope
from flowgraph.box.node import Node

if TYPE_CHECKING:
    from flowgraph.box.naming import Line

_OF_ALL = frozenset({"children", "name", "scope", "built_at", "outputs", "shape", "dtype"})
"""What every box holds beside its settings; one of several outputs has no shape and dtype of its own."""

_OF_ONE_BOX = ("built_for", "differentiable_wrt", "is_derivative")
"""What some boxes hold of their own: for which box a plan made it, what is found out when it is asked for."""


class Twins(Node):
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

    def _on(self, children: tuple[Any, ...], anew: bool = False) -> Self:
        """A box that differs in its children alone; where `anew`, what is known of the value is to be inferred."""
        twin = object.__new__(type(self))
        state = twin.__dict__
        state.update(self.__dict__)
        state["children"] = children
        for name in _OF_ONE_BOX:
            state.pop(name, None)
        if len(state) > len(self.settings) + (7 if "shape" in state else 5):
            for name in state.keys() - _OF_ALL - self.settings.keys():
                del state[name]
        if anew:
            for name in ("outputs", "shape", "dtype"):
                state.pop(name, None)
            state["name"], state["scope"] = None, current_scope()  # by which an error calls a box that is built
        return twin

    def _place(self, name: str | None, scope: str, built_at: Line | None = None) -> None:
        """Name a box that nobody has seen yet, and say where in the user's code it stands."""
        self.__dict__.update(name=name, scope=scope)
        if built_at is not None:
            self.__dict__["built_at"] = built_at

    def _mark_derivative(self) -> None:
        """Note of a box that nobody has seen yet that it is a derivative."""
        self.__dict__["is_derivative"] = True
