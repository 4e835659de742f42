"""Conversion rules for the operations of another library, and how what they give is fitted to its shapes and dtypes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.errors import UnsupportedError, UsageError
from flowgraph.shapes.spec import same, shape_text

Translation = TypeVar("Translation", bound=Callable[..., Any])


class NoBoxesError(Exception):
    """Raised by a conversion rule for settings without boxes; an opaque box is used then."""


class RuleTable:
    """The conversion rules for a library, by the names of its operations.

    A rule takes what the operation takes, with a box in the place of each array, and returns a box, or a tuple of boxes
    where the operation has several results.
    """

    def __init__(self) -> None:
        self._rules: dict[str, Callable[..., Any]] = {}

    def rule_for(self, *names: str) -> Callable[[Translation], Translation]:
        """Register a rule for the operations of these names; a later rule for a name takes the place of an earlier."""
        if not names or not all(isinstance(name, str) for name in names):
            raise UsageError(f"rule_for: found {names!r}, needs names of operations")

        def register(rule: Translation) -> Translation:
            self._rules.update(dict.fromkeys(names, rule))
            return rule

        return register

    def of(self, names: Iterable[str]) -> Callable[..., Any] | None:
        """The rule for the first of these names that has one, None if none has."""
        return next((self._rules[name] for name in names if name in self._rules), None)

    @property
    def names(self) -> list[str]:
        """The names that have rules."""
        return sorted(self._rules)


def fitted(who: str, made: Any, shape: Any, dtype: np.dtype[Any]) -> Box:
    """A box of that dtype: the one that was made, or what converts it; one of another shape is refused."""
    box: Any = made if isinstance(made, Box) else Constant(made)
    if len(box.shape) != len(shape) or not all(map(same, box.shape, shape)):
        raise UnsupportedError(f"{who} gave the shape {shape_text(box.shape)}, needs {shape_text(tuple(shape))}")
    if box.dtype == dtype:
        return box  # type: ignore[no-any-return]
    if isinstance(box, Constant) and box.name is None:
        return Constant(box.value.astype(dtype))
    converted: Box = np.real(box).astype(dtype) if box.dtype.kind == "c" and dtype.kind != "c" else box.astype(dtype)
    return converted
