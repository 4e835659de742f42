"""What a module has that can be checked by its name: box classes, and examples of functions of any framework."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from flowgraph.box import Box, Leaf, registry
from flowgraph.checking.check import check
from flowgraph.checking.report import Report
from flowgraph.graph import Graph

NEEDED = (
    "a box class, a box, a graph, a tuple of a function, a module of torch or an autograd.Function and its arguments, "
    "or functools.partial(fg.check, function, ...)"
)


def is_example(thing: Any) -> bool:
    """Whether it is what `fg.check` takes, written down: a tuple of a callable and its arguments, or a partial call."""
    if isinstance(thing, functools.partial):
        return thing.func is check
    return isinstance(thing, tuple) and len(thing) > 1 and callable(thing[0]) and any(map(_is_array, thing[1:]))


def checked(thing: Any, **options: Any) -> Report:
    """fg.check of a box class, a box, a graph or an example; options of a partial call are kept."""
    if isinstance(thing, functools.partial):
        return check(*thing.args, **{**options, **thing.keywords})
    return check(*thing, **options) if isinstance(thing, tuple) else check(thing, **options)


def target_of(thing: Any) -> Any:
    """The function or class of an example, to find its place in the source."""
    if isinstance(thing, functools.partial):
        return thing.args[0] if thing.args else thing
    return thing[0] if isinstance(thing, tuple) else thing


def targets_of(module: ModuleType) -> dict[str, Any]:
    """By name, in the order of the source: box classes that the module defines, and examples at its top."""
    boxes = [cls for cls in classes_of(module) if cls.__module__ == module.__name__]
    found: dict[str, Any] = {cls.__qualname__: cls for cls in boxes if cls.examples is not None}
    return {**found, **{name: thing for name, thing in vars(module).items() if is_example(thing)}}


def classes_of(module: ModuleType) -> list[type[Box]]:
    """The box classes that the module itself defines, in their order, those of a package in all its modules."""
    inside = module.__name__ + "."
    package = hasattr(module, "__path__")
    return [
        cls
        for cls in registry.values()
        if (cls.__module__ == module.__name__ or (package and cls.__module__.startswith(inside)))
        and not issubclass(cls, Leaf)
    ]


def is_checkable(thing: Any) -> bool:
    """Whether it can be checked as it is."""
    return isinstance(thing, Box | Graph) or (inspect.isclass(thing) and issubclass(thing, Box)) or is_example(thing)


def _is_array(value: Any) -> bool:
    """An array or a number of floats, of any framework, or a container of them."""
    if isinstance(value, Mapping | list | tuple):
        return any(map(_is_array, value.values() if isinstance(value, Mapping) else value))
    dtype = getattr(value, "dtype", None)
    kind = str(dtype).rpartition(".")[2]
    return type(value) is float or (dtype is not None and kind.startswith(("float", "bfloat", "complex")))
