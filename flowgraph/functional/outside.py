"""What a function reads besides its arguments, to see when it is no longer the same."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from operator import is_not
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_LIBRARIES = frozenset({"numpy", "scipy", "flowgraph", "builtins"})
_MOST = 1000


class Outside:
    """Names in globals, closures and defaults of a function and of the functions that it calls, the attributes of
    objects among them and what is in dicts and lists of up to 1000 places, one level deep."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self._cells: list[CellType] = []
        self._names: list[tuple[Mapping[str, Any], str]] = []
        self._dicts: list[Mapping[Any, Any]] = []
        self._rows: list[Any] = []
        self._known: set[int] = set()
        waiting: list[Any] = [f]
        while waiting:
            one = waiting.pop()
            if id(one) not in self._known:
                self._known.add(id(one))
                waiting.extend(self._opened(one))
        self._seen = self._read()

    def is_same(self) -> bool:
        """Whether every name still stands for the same object."""
        now = self._read()
        return len(now) == len(self._seen) and not any(map(is_not, now, self._seen))

    def _read(self) -> list[Any]:
        found = [space.get(name) for space, name in self._names]
        for cell in self._cells:
            try:
                found.append(cell.cell_contents)
            except ValueError:  # a name that its function has not bound yet
                found.append(None)
        for one in self._dicts:
            found.extend(one.values())
        for one in self._rows:
            found.extend(one)
        return found

    def _opened(self, one: Any) -> list[Any]:
        """Note what an object reads or holds; the objects in that."""
        if isinstance(one, FunctionType):
            return self._of_function(one) if _is_of_user(one) else []
        if isinstance(one, MethodType):
            return [one.__func__, one.__self__]
        if isinstance(one, functools.partial):
            return [one.func, *one.args, *one.keywords.values()]
        if isinstance(one, dict | list):
            holders: list[Any] = self._dicts if isinstance(one, dict) else self._rows
            holders += [one] * (len(one) <= _MOST)
        elif not isinstance(one, type | ModuleType) and hasattr(one, "__dict__"):
            return self._of_object(one)
        return []

    def _of_object(self, one: Any) -> list[Any]:
        """The attributes of a user's object; its methods, or the function that a derivative is of."""
        if not _is_of_user(type(one)):
            return [vars(one).get("__wrapped__")]
        self._dicts.append(vars(one))
        return [part for cls in type(one).__mro__ for part in vars(cls).values() if isinstance(part, FunctionType)]

    def _of_function(self, function: FunctionType) -> list[Any]:
        names = list(_names(function.__code__))
        modules = [one for one in map(function.__globals__.get, names) if isinstance(one, ModuleType)]
        own = [vars(module) for module in modules if _root(module.__name__) not in _LIBRARIES]
        spaces: list[Mapping[str, Any]] = [function.__globals__, *own]
        read = [(space, name) for space in spaces for name in names if name in space]
        cells = function.__closure__ or ()
        self._names += read
        self._cells += cells
        self._rows.append(function.__defaults__ or ())
        return [*(space[name] for space, name in read), *_contents(cells), *(function.__defaults__ or ())]


def _contents(cells: Any) -> Iterator[Any]:
    for cell in cells:
        try:
            yield cell.cell_contents
        except ValueError:  # a name that its function has not bound yet
            continue


def _is_of_user(one: Any) -> bool:
    return _root(getattr(one, "__module__", None) or "builtins") not in _LIBRARIES


def _root(module: str) -> str:
    return module.partition(".")[0]


def _names(code: CodeType) -> Iterator[str]:
    """The global names in the code, and in that of functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
