"""Conversion rules for the operations of another library: one function each, registered under their names."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flowgraph.errors import UsageError

Translation = TypeVar("Translation", bound=Callable[..., Any])


class NoBoxesError(Exception):
    """Raised by a conversion rule for settings without boxes; an opaque box is used then."""


class RuleTable:
    """The conversion rules for a library, in the modules of a package, one module for each family.

    A rule takes what the operation takes, with a box in the place of each array, and returns a box, or a tuple of boxes
    where the operation has several results.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._rules: dict[str, Callable[..., Any]] = {}
        self._is_read = False

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
        self._read()
        return next((self._rules[name] for name in names if name in self._rules), None)

    @property
    def names(self) -> list[str]:
        """The names that have rules."""
        self._read()
        return sorted(self._rules)

    def _read(self) -> None:
        """Import the modules that register rules."""
        if not self._is_read:
            self._is_read = True
            package = importlib.import_module(self._package)
            for module in sorted(one.name for one in pkgutil.iter_modules(package.__path__, f"{self._package}.")):
                importlib.import_module(module)
