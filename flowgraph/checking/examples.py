"""What `fg.check` takes, written down in a module: which of its names that is, how it is loaded, where it stands."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from flowgraph.box import Box, Leaf, registry
from flowgraph.checking.check import check
from flowgraph.checking.report import Report
from flowgraph.checking.target import attribute
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.saving.limits import size_of

MOST_WRAPPED = 8  # times that a function is wrapped: a mock says that it wraps another one, and so does that one
NEEDED = (
    "a box class, a box, a graph, a tuple of a function, a module of torch or an autograd.Function and its arguments, "
    "or functools.partial(fg.check, function, ...)"
)


def is_example(thing: Any) -> bool:
    """Whether it is what `fg.check` takes, written down: a tuple of a callable and its arguments, or a partial call."""
    if isinstance(thing, functools.partial):
        return thing.func is check
    return isinstance(thing, tuple) and len(thing) > 1 and callable(thing[0]) and any(map(_is_array, thing[1:]))


def check_example(thing: Any, **options: Any) -> Report:
    """fg.check of a box class, a box, a graph or an example; options of a partial call are kept."""
    if isinstance(thing, functools.partial):
        return check(*thing.args, **{**options, **thing.keywords})
    return check(*thing, **options) if isinstance(thing, tuple) else check(thing, **options)


def place_of(thing: Any) -> tuple[str, int] | None:
    """File and line of the function or class of an example; None where its source is not known.

    Of what wraps a function, as jax.custom_vjp and jax.jit do, the place is that of the function.
    """
    if isinstance(thing, functools.partial):
        thing = thing.args[0] if thing.args else thing
    target = thing[0] if isinstance(thing, tuple) else thing
    try:
        for _ in range(MOST_WRAPPED):
            target = target if inspect.isclass(target) else _wrapped_function(target) or target
        owner = target if inspect.isclass(target) or inspect.isroutine(target) else type(target)
        return str(inspect.getsourcefile(owner) or ""), inspect.getsourcelines(owner)[1]
    except Exception:  # of what is no file, or says that it is of another one
        return None


def _wrapped_function(function: object) -> Any:
    """The function that an object wraps, by the attribute that Python, JAX or functools.partial give it; or None."""
    held = (attribute(function, name) for name in ("__wrapped__", "fun", "func"))
    return next((inner for inner in held if inspect.isroutine(inner) or attribute(inner, "__wrapped__")), None)


def load(where: str) -> ModuleType:
    """A module by its dotted name, or by the path of its file; the current directory is on the import path."""
    path = Path(where)
    if where.endswith(".py") or len(path.parts) > 1 or path.is_file():
        size_of(path, "a Python file", UsageError)
        return _load_file(path.resolve())
    _put_first(Path.cwd())
    try:
        if not all(map(str.isidentifier, where.split("."))):
            raise ModuleNotFoundError(name=where)
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is None or not (where == error.name or where.startswith(error.name + ".")):
            raise
        raise UsageError(
            f"found no module {where!r} from {Path.cwd()}; give mymodule:MyBox, or a path, path/to/file.py:MyBox"
        ) from None


def _load_file(path: Path) -> ModuleType:
    """The module of a file, imported under its full name if it belongs to a package."""
    names, root = [path.stem], path.parent
    while (root / "__init__.py").exists():
        names.insert(0, root.name)
        root = root.parent
    _put_first(root)
    name = ".".join(names)
    known = sys.modules.get(name)
    if known is not None and Path(str(known.__file__)).resolve() == path:
        return known
    if len(names) > 1:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file; its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _put_first(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def targets_of(module: ModuleType) -> dict[str, Any]:
    """By name, in the order of the source: box classes that the module defines, and examples at its top."""
    boxes = [cls for cls in classes_of(module) if cls.__module__ == module.__name__]
    targets: dict[str, Any] = {cls.__qualname__: cls for cls in boxes if cls.examples is not None}
    return {**targets, **{name: thing for name, thing in vars(module).items() if is_example(thing)}}


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
