"""What a user names on the command line: `mymodule:MyBox`, `file.py:graph`, and arrays for its inputs."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from flowgraph.box import Box, Leaf
from flowgraph.checking.check import NEEDED, classes_of, is_checkable, targets_of
from flowgraph.checking.code_contents import reachable_values
from flowgraph.checking.target import name_of, parameter_names
from flowgraph.data.files import read_npz
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.saving.replacing import must_exist

_R = TypeVar("_R")


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


def _named(module: ModuleType, where: str, name: str, with_arguments: bool) -> Any:
    target: Any = module
    for part in name.split("."):
        if not hasattr(target, part):
            there = ", ".join(_names(module)) or "none"
            raise UsageError(f"{where}: has no {name!r}; its targets are {there}")
        target = getattr(target, part)
    if is_checkable(target) or (isinstance(target, tuple) and target and callable(target[0])):
        return target
    if with_arguments and callable(target):
        return target
    if not callable(target) or (inspect.isclass(target) and not hasattr(target, "forward")):
        raise UsageError(f"{where}:{name} is a {type(target).__name__}, needs {NEEDED}")
    needed = _needed(target)
    if needed:
        raise UsageError(
            f"{where}:{name} is a function of {', '.join(needed)}, and the command line has no values for them; "
            f"give them with --feeds arguments.npz, or name a function without parameters that returns a graph, or a "
            f"tuple of {name} and its arguments"
        )
    return target()


def _names(module: ModuleType) -> list[str]:
    """What a name after the colon may be: box classes that the module defines, and its graphs, boxes and examples."""
    classes = [cls.__qualname__ for cls in classes_of(module)]
    return classes + [
        name
        for name, thing in vars(module).items()
        if is_checkable(thing) and not isinstance(thing, type | Leaf) and not name.startswith("_")
    ]


def _needed(function: Any) -> list[str]:
    """The arguments without which it cannot be called: those of forward where it has one."""
    forward = getattr(function, "forward", None)
    called = function if forward is None else forward
    parameters = inspect.signature(called).parameters.values()
    needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty
              and parameter.kind.value < 3]  # fmt: skip
    return needed[1:] if forward is not None and inspect.isclass(function) else needed


def _targets_of(module: ModuleType, where: str) -> list[tuple[str, Any]]:
    targets = {cls.__qualname__: cls for cls in classes_of(module)} | targets_of(module)
    if not targets:
        raise UsageError(f"{where}: defines no box class and no example; name what is meant, {where}:graph")
    return list(targets.items())


def _put_first(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def on_inputs(graph: Graph, arrays: Mapping[str, Any], rng: np.random.Generator, call: Callable[[Any], _R]) -> _R:
    """What `call` gives for the inputs of a graph by name: arrays, and drawn numbers where there are none."""
    sizes: dict[str, int] = {}
    inputs = {graph.names[box]: box for box in graph.inputs}
    unknown = sorted(arrays.keys() - inputs.keys())
    if unknown:
        raise UsageError(f"the graph has no input {unknown[0]!r}; it has {', '.join(inputs) or 'none'}")
    drawn = [name for name in inputs if name not in arrays]
    fed = {name: _drawn(box, sizes, rng) if name in drawn else arrays[name] for name, box in inputs.items()}
    try:
        return call(fed)
    except Exception as error:
        if not drawn:
            raise
        raise UsageError(
            f"the graph did not run on numbers drawn for {', '.join(drawn)} ({error}); "
            f"give its inputs with --feeds inputs.npz"
        ) from error


def _drawn(box: Box, sizes: dict[str, int], rng: np.random.Generator) -> Any:
    """Normal numbers, or the labels 0 and 1; a named axis has one size."""
    shape = tuple(size if type(size) is int else sizes.setdefault(str(size), 3 + len(sizes)) for size in box.shape)
    if box.dtype.kind in "fc":
        return rng.normal(size=shape).astype(box.dtype)
    return rng.integers(0, 2, size=shape).astype(box.dtype)


def read_feeds(feeds: Path | None) -> dict[str, Any]:
    """The arrays of an .npz by name; none without a file."""
    return {} if feeds is None else read_npz(feeds)


def arguments_of(function: Any, arrays: Mapping[str, Any]) -> list[Any]:
    """The arrays of the parameters of a function, tensors where it is torch's, in the order in which it takes them."""
    known = parameter_names(getattr(function, "forward", function), len(arrays) + 1)
    names = [name for name in known if name in arrays]
    if len(names) < len(arrays):
        unknown = next(name for name in arrays if name not in names)
        raise UsageError(f"{name_of(function)} has no argument {unknown!r}; it has {', '.join(known) or 'none'}")
    torch = sys.modules.get("torch")
    if torch is not None and (isinstance(function, torch.nn.Module) or _names_torch(function)):
        return [torch.from_numpy(arrays[name]) for name in names]
    return [arrays[name] for name in names]


def _names_torch(function: Callable[..., Any]) -> bool:
    return any(getattr(value, "__name__", "").partition(".")[0] == "torch" for value in reachable_values(function))
