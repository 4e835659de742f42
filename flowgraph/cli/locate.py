"""From what a user writes on the command line, `mymodule:MyBox` or `file.py:graph`, to the thing that is meant."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from flowgraph.box import Leaf
from flowgraph.checking.check import NEEDED, classes_of, is_checkable, targets_of
from flowgraph.errors import UsageError
from flowgraph.saving.replacing import must_exist


def locate(place: str, with_arguments: bool = False) -> list[tuple[str, Any]]:
    """The targets of a place with their names: one with a name after the colon, all of the module without it.

    These are the boxes that it defines, and the examples that it has at its top. A function `with_arguments` is a
    target itself; without them it is called for one.
    """
    where, _, name = place.rpartition(":") if ":" in place[2:] else (place, "", "")  # C:\\boxes.py has no name
    module = load(where)
    return [(name, _named(module, where, name, with_arguments))] if name else _targets_of(module, where)


def load(where: str) -> ModuleType:
    """A module by its dotted name, or by the path of its file; the current directory is on the import path."""
    path = Path(where)
    if where.endswith(".py") or len(path.parts) > 1 or path.is_file():
        return _load_file(must_exist(path).resolve())
    _put_first(Path.cwd())
    try:
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


def _named(module: ModuleType, where: str, name: str, with_arguments: bool) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            there = ", ".join(_names(module)) or "none"
            raise UsageError(f"{where}: has no {name!r}; its targets are {there}")
        found = getattr(found, part)
    if is_checkable(found) or (isinstance(found, tuple) and found and callable(found[0])):
        return found
    if with_arguments and callable(found):
        return found
    if not callable(found) or (inspect.isclass(found) and not hasattr(found, "forward")):
        raise UsageError(f"{where}:{name} is a {type(found).__name__}, needs {NEEDED}")
    needed = _needed(found)
    if needed:
        raise UsageError(
            f"{where}:{name} is a function of {', '.join(needed)}, and the command line has no values for them; "
            f"give them with --feeds arguments.npz, or name a function without parameters that returns a graph, or a "
            f"tuple of {name} and its arguments"
        )
    return found()


def _names(module: ModuleType) -> list[str]:
    """What a name after the colon may be: box classes that the module defines, and its graphs, boxes and examples."""
    found = [cls.__qualname__ for cls in classes_of(module)]
    return found + [
        name
        for name, thing in vars(module).items()
        if is_checkable(thing) and not isinstance(thing, type | Leaf) and not name.startswith("_")
    ]


def _needed(function: Any) -> list[str]:
    """The arguments without which it cannot be called: those of forward where it has one."""
    forward = getattr(function, "forward", None)
    called = function if forward is None else forward
    needed = [
        one.name for one in inspect.signature(called).parameters.values() if one.default is one.empty
        and one.kind.value < 3
    ]  # fmt: skip
    return needed[1:] if forward is not None and inspect.isclass(function) else needed


def _targets_of(module: ModuleType, where: str) -> list[tuple[str, Any]]:
    found = {cls.__qualname__: cls for cls in classes_of(module)} | targets_of(module)
    if not found:
        raise UsageError(f"{where}: defines no box class and no example; name what is meant, {where}:graph")
    return list(found.items())


def _put_first(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
