"""What a package of boxes exports: its classes, as the registry has them, and the functions that it marks as public."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flowgraph.box.base import Box, registry

F = TypeVar("F", bound=Callable[..., Any])

_functions: dict[str, Callable[..., Any]] = {}


def public(function: F) -> F:
    """Export a function beside the boxes, such as `fg.relu`, under its name, which must be unique."""
    name = function.__name__
    known = _functions.setdefault(name, function)
    assert (known.__module__, known.__qualname__) == (function.__module__, function.__qualname__), f"{name}: taken"
    return function


def exports(package: str, path: Iterable[str]) -> dict[str, Any]:
    """Import every module of a package, and return its boxes and public functions by name."""
    for module in sorted(module.name for module in pkgutil.walk_packages(path, f"{package}.")):
        importlib.import_module(module)
    declared: list[Any] = [*registry.values(), *_functions.values()]
    own = [one for one in declared if one.__module__.startswith(f"{package}.")]
    return {one.__name__: one for one in sorted(own, key=lambda one: one.__name__)}


def is_public(one: object) -> bool:
    """Whether a name is exported as `fg.<name>`; boxes that are used in gradients only are not."""
    return not (isinstance(one, type) and issubclass(one, Box)) or one.public
