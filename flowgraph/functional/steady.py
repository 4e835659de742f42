"""Objects that are treated as constant: modules, types and names that a function may use without a new trace."""

from __future__ import annotations

import functools
import logging
import threading
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Iterable, Iterator, Mapping
from types import (
    CellType,
    ClassMethodDescriptorType,
    CodeType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    SimpleNamespace,
    WrapperDescriptorType,
)
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.graph import Graph

LIBRARIES = frozenset({"numpy", "scipy", "flowgraph", "builtins"})
"""Packages whose functions are not looked into."""

MODULES = frozenset({
    "math", "cmath", "operator", "_operator", "functools", "_functools", "itertools", "collections", "_collections",
    "typing", "dataclasses", "warnings", "logging", "copy", "types", "enum", "abc", "numbers", "fractions", "decimal",
    "statistics", "string", "re", "json", "contextlib", "inspect", "argparse", "datetime", "pathlib", "uuid", "random",
    "typing_extensions", "_thread", "threading", "__future__",
}) | LIBRARIES  # fmt: skip
"""Modules whose functions give the same for the same arguments, or draw from generators that are watched."""

OF_STEADY_TYPES = frozenset({
    "re", "fractions", "decimal", "pathlib", "datetime", "uuid", "operator", "typing", "logging",
})  # fmt: skip
"""Modules whose instances never change in a way that a result could depend on."""

CLOCKS = frozenset({"time", "os", "secrets", "socket", "subprocess", "urllib", "sys"})
"""Modules that a function may import by itself, and whose functions give something else in each call."""

READERS = frozenset({
    "open", "input", "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "now", "today", "uuid4", "getcontext",
    "localcontext", "geterr", "getEffectiveLevel", "isEnabledFor",
})  # fmt: skip
"""Names of functions that read a file, a clock, a keyboard, or what a library keeps for the whole process."""

WRAPPERS = (MethodType, staticmethod, classmethod, functools.partial, property, functools.cached_property)
"""What is called in place of a function that it holds."""

BY_TEXT = frozenset({
    "getattr", "vars", "eval", "exec", "globals", "locals", "__dict__", "__getattribute__", "asdict", "astuple",
    "replace", "deepcopy", "copy", "attrgetter", "methodcaller", "dir", "getmembers", "hasattr",
})  # fmt: skip
"""Names of what reads attributes without naming them in the code."""

GLOBALS_BY_TEXT = frozenset({"globals", "eval", "exec"})
"""Names of what reads globals without naming them in the code."""

_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor", "lshift",
           "rshift")  # fmt: skip

OPERATORS = frozenset(
    f"__{name}__" for name in [
        "call", "getitem", "len", "iter", "next", "reversed", "contains", "getattr", "getattribute", "get", "enter",
        "exit", "bool", "float", "int", "index", "complex", "round", "array", "array_ufunc", "array_function", "eq",
        "ne", "lt", "le", "gt", "ge", "hash", "neg", "pos", "abs", "invert", "missing", "floor", "ceil", "trunc",
        "str", "repr", "format", "bytes", "setitem", "delitem", "setattr", "delattr", "set", "delete",
        *(f"{kind}{name}" for kind in ("", "r", "i") for name in _BINARY),
    ]
)  # fmt: skip
"""Methods that are called without being named."""

MAKERS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__class_getitem__"})
"""Methods that make instances."""

_Pair: Any = namedtuple("_Pair", "field")

ATOMS = (
    int, float, complex, str, bytes, bool, type(None), type(...), type(NotImplemented), range, CodeType, np.generic,
    np.dtype, np.ufunc, Box, Graph, CellType, GetSetDescriptorType, MemberDescriptorType, MethodDescriptorType,
    WrapperDescriptorType, MethodWrapperType, ClassMethodDescriptorType, type(np.sum), type(_Pair.field),
    type(threading.Lock()), type(threading.RLock()),
)  # fmt: skip
"""What never changes, and parameters, whose values are read in each call."""

CONTAINERS = (dict, list, set, frozenset, tuple, deque, OrderedDict, defaultdict, MappingProxyType)

_OPEN_LAYOUT = (*CONTAINERS, SimpleNamespace, np.ndarray, BaseException, object)
"""Types written in C whose instances keep attributes and elements, and nothing that could not be read."""

_HEAP_TYPE = 1 << 9
"""Set in the flags of a class that a class statement made: Py_TPFLAGS_HEAPTYPE of Python's C API."""


class LoggerState:
    """The levels of a logger and of those above it, by which a function may take a branch."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def __iter__(self) -> Iterator[object]:
        one: logging.Logger | None = self._logger
        yield self._logger.manager.disable
        while one is not None:
            yield from (one.level, one.disabled)
            one = one.parent if one.propagate else None


class CacheState:
    """How much an `lru_cache` has computed: other numbers are in it after a call of what it had not known, or none."""

    def __init__(self, cached: Any) -> None:
        self._cached = cached
        self._marks: dict[tuple[int, int], object] = {}

    def __iter__(self) -> Iterator[object]:
        info = self._cached.cache_info()
        yield self._marks.setdefault((info.misses, info.currsize), object())


def is_atom(one: Value) -> bool:
    """Whether it never changes; a ufunc of objects alone calls a function of Python, from np.frompyfunc, that may."""
    return isinstance(one, ATOMS) and not (isinstance(one, np.ufunc) and set("".join(one.types)) <= set("O->"))


def root_of(module: str | None) -> str:
    """The package that a module belongs to."""
    return (module or "builtins").partition(".")[0]


def names_in(code: CodeType) -> Iterator[str]:
    """The names of globals and attributes in the code, and in that of functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def plain_names(space: Mapping[str, Any]) -> set[str]:
    """The names that a user may have given."""
    return {name for name in space if isinstance(name, str) and not name.startswith(("__", "_abc_"))}


class Sized(NamedTuple):
    """A space as it was: the names that are looked for in it, None for all, its size, and those that it had."""

    space: Mapping[str, Any]
    names: set[str] | None
    size: int
    found: set[str]


def found_in(space: Mapping[str, Any], names: set[str] | None) -> set[str]:
    """Which of the names a space has; where all are read, none is asked for."""
    return names & space.keys() if names is not None else set()


def sized(space: Mapping[str, Any], names: set[str] | None) -> Sized:
    """A space as it is now."""
    return Sized(space, names, len(space), found_in(space, names))


def has_grown(was: Sized) -> bool:
    """Whether a space has a name now that the code looks for and did not find; any new one where all are read."""
    if len(was.space) == was.size:
        return False
    return was.names is None or found_in(was.space, was.names) != was.found


def slots_of(cls: type) -> list[str]:
    """The attributes that instances have outside of their dict."""
    return [n for base in cls.__mro__ for n, v in vars(base).items() if isinstance(v, MemberDescriptorType)]


def has_hidden_state(cls: type) -> bool:
    """Whether instances may have state besides attributes, as types written in C do."""
    if not cls.__flags__ & _HEAP_TYPE:
        return cls not in _OPEN_LAYOUT
    base = next(base for base in cls.__mro__ if base in _OPEN_LAYOUT)
    attributes = 8 * (len(slots_of(cls)) + 2)
    return cls.__basicsize__ > base.__basicsize__ + attributes


def owner_of(array: Value) -> Any:
    """The object whose memory an array shows."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array


def is_frozen(array: Value) -> bool:
    """Whether nobody can write to an array without making it writeable first."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None or isinstance(array, bytes)


def wrapped_by(one: Value) -> list[Any]:
    """The function inside a wrapper such as a partial, and its fixed arguments."""
    if isinstance(one, functools.partial):
        return [one.func, one.args, one.keywords]
    if isinstance(one, property):
        return [one.fget]
    if isinstance(one, functools.cached_property):
        return [one.func]
    return [one.__func__, getattr(one, "__self__", None)]


def contents_of(cells: Iterable[CellType]) -> Iterator[Any]:
    """The contents of the cells of a closure."""
    for cell in cells:
        try:
            yield cell.cell_contents
        except ValueError:  # a name that its function has not bound yet
            continue
