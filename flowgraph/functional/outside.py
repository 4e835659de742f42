"""Detects changes of what a function reads besides its arguments."""

from __future__ import annotations

import builtins
import functools
import logging
import random
import sys
import weakref
from collections.abc import Iterable, Mapping
from operator import is_not
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any

import numpy as np

from flowgraph.box import Array, Value
from flowgraph.functional import steady
from flowgraph.functional.captured import LARGE
from flowgraph.functional.generators import GENERATORS
from flowgraph.functional.steady import BY_TEXT, LIBRARIES, root_of

_ABSENT = object()

MOST = 256
"""Names and elements that are looked at before each call; what reads more is called anew."""


class Outside:
    """Everything that a function can reach by names in its code: globals, closures, defaults, attributes, elements.

    Names are followed through functions, objects, classes, modules and containers. `blind` says what cannot be
    watched, if anything: what is no plain object (an iterator, a file, a clock), too many names, arrays that may change
    in place and are too large to be compared in each call. `generators` are the random generators among all this.
    """

    def __init__(self, *roots: Any) -> None:
        self.blind: str | None = None
        self.generators: list[Any] = []
        self._owners: dict[int, weakref.ref[Any]] = {}
        self._names: dict[tuple[int, str], tuple[Mapping[str, Any], str]] = {}
        self._slots: list[tuple[Any, str]] = []
        self._cells: list[CellType] = []
        self._holders: list[Iterable[Any]] = []
        self._arrays: list[tuple[Array, tuple[int, ...], bytes]] = []
        self._frozen: list[Array] = []
        self._bytes = self._count = 0
        self._used: set[str] = set()
        self._spaces: list[Mapping[str, Any]] = []
        self._globals: dict[int, tuple[Mapping[str, Any], set[str]]] = {}
        self._sizes: list[steady.Sized] = []
        self._all_spaces: list[Mapping[str, Any]] = []
        self._lengths: list[int] = []
        self._objects: list[Any] = []
        self._classes: dict[type, Mapping[str, Any]] = {}
        self._known: dict[int, Any] = {}
        self._waiting: list[Any] = list(roots)
        self._seen: list[Any] = []
        try:
            self._look_around()
        except Exception as error:  # whatever the attributes of a user's objects raise when they are looked at
            self._blind(f"what raises a {type(error).__name__} when it is looked at")
        self._known.clear()
        if self.blind:
            found = self._names, self._spaces, self._globals, self._objects, self._classes, self._arrays, self._holders
            for kept in found:
                kept.clear()

    def is_same(self) -> bool:
        """Whether every name still refers to the same object, and every array has the same numbers."""
        if self.blind:
            return False
        try:
            if list(map(len, self._all_spaces)) != self._lengths and any(map(steady.has_grown, self._sizes)):
                return False
            now = self._read()
        except Exception:  # such as that of a container that another thread changes
            return False
        moved = len(now) != len(self._seen) or any(map(is_not, now, self._seen))
        if moved or any(array.flags.writeable for array in self._frozen):
            return False
        return not self._arrays or all(a.shape == shape and a.tobytes() == bits for a, shape, bits in self._arrays)

    def lends(self, array: Array) -> bool:
        """Whether an array is a large one from outside, or a part of it."""
        owner = steady.owner_of(array)
        known = self._owners.get(id(owner))
        return array.dtype.isnative and known is not None and known() is owner

    def _look_around(self) -> None:
        while self._waiting and self._count <= MOST:
            one = self._waiting.pop()
            if id(one) not in self._known:
                self._known[id(one)] = one
                self._open(one)
        if self._count > MOST:
            self.blind = f"more than {MOST} names and elements"
        if not self.blind:
            self._seen = self._read()
            used = self._used if BY_TEXT.isdisjoint(self._used) else None
            read = [*((space, used) for space in self._spaces), *self._globals.values()]
            self._sizes = [steady.sized(space, names) for space, names in read]
            self._all_spaces, self._lengths = [space for space, _ in read], [one.size for one in self._sizes]

    def _read(self) -> list[Any]:
        found = [space.get(name, _ABSENT) for space, name in self._names.values()]
        found += [getattr(one, name, _ABSENT) for one, name in self._slots]
        for cell in self._cells:
            try:
                found.append(cell.cell_contents)
            except ValueError:  # a name that its function has not bound yet
                found.append(_ABSENT)
        for holder in self._holders:
            found += holder
            if isinstance(holder, Mapping):
                found += holder.values()
        return found

    def _open(self, one: Value) -> None:
        """Record the objects that an object reads or holds."""
        if isinstance(one, np.ndarray):
            self._open_array(one)
        elif steady.is_atom(one):
            return
        elif isinstance(one, steady.CONTAINERS):
            self._open_container(one)
        elif isinstance(one, FunctionType):
            self._open_function(one)
        elif isinstance(one, BuiltinFunctionType):
            self._open_builtin(one)
        elif isinstance(one, steady.WRAPPERS):
            self._waiting += steady.wrapped_by(one)
        elif isinstance(one, type):
            self._open_class(one, steady.OPERATORS | steady.MAKERS)
            self._open_class(type(one))
        elif isinstance(one, ModuleType):
            self._open_module(one)
        elif isinstance(one, GENERATORS) and not isinstance(one, random.SystemRandom):
            self.generators.append(one)
        else:
            self._open_object(one)

    def _open_array(self, array: Array) -> None:
        owner = steady.owner_of(array)
        if isinstance(owner, np.ndarray):
            self._owners[id(owner)] = weakref.ref(owner)
        if array.dtype.hasobject:
            self._blind(f"an array of {array.dtype}")
        elif steady.is_frozen(array):
            self._frozen.append(array)
        else:
            self._bytes += array.nbytes
            if self._bytes > LARGE:
                self._blind(f"arrays of more than {LARGE >> 10} kB that may change in place")
            else:
                self._count += 1
                self._arrays.append((array, array.shape, array.tobytes()))
        if hasattr(array, "__dict__"):  # of a subclass, such as a masked array
            for name in vars(array):
                self._watch(vars(array), name)

    def _open_container(self, one: Value) -> None:
        self._count += len(one)
        if self._count <= MOST:
            self._waiting += one.values() if isinstance(one, Mapping) else one
            if not isinstance(one, tuple | frozenset):
                self._holders.append(one)
        if type(one) not in steady.CONTAINERS:
            self._open_object(one)

    def _open_function(self, function: FunctionType) -> None:
        root = root_of(function.__module__)
        if root != "builtins" and (root in LIBRARIES or root in sys.stdlib_module_names):  # exec names that module
            if root not in steady.MODULES:
                self._blind(f"{function.__module__}.{function.__qualname__}")
            self._add_names({function.__name__} & BY_TEXT)
            self._waiting += [getattr(function, "__wrapped__", None), *steady.contents_of(function.__closure__ or ())]
            return
        names = set(steady.names_in(function.__code__))
        space = function.__globals__
        for name in sorted(names):
            if name in space or name in vars(builtins):
                self._watch(space, name)
            if name in steady.READERS and name not in space:
                self._blind(f"{name}()")
            elif name not in space and name in steady.CLOCKS:
                self._blind(f"the module {name}")
        self._cells += function.__closure__ or ()
        self._count += len(function.__closure__ or ())
        self._waiting += [
            *steady.contents_of(function.__closure__ or ()),
            function.__defaults__,
            function.__kwdefaults__,
        ]
        self._slots += [(function, "__code__"), (function, "__defaults__"), (function, "__kwdefaults__")]
        self._add_space(vars(function))
        self._add_names(names)
        self._globals.setdefault(id(space), (space, set()))[1].update(names)
        if not steady.GLOBALS_BY_TEXT.isdisjoint(names):
            self._add_space(space)

    def _open_builtin(self, one: Value) -> None:
        owner = one.__self__
        if owner is None or isinstance(owner, ModuleType):
            if root_of(one.__module__ or "builtins") not in steady.MODULES or one.__name__ in steady.READERS:
                self._blind(f"{one.__module__}.{one.__name__}")
            self._add_names({one.__name__} & BY_TEXT)
        else:
            self._waiting.append(owner)

    def _open_class(self, cls: type, unnamed: frozenset[str] = steady.OPERATORS) -> None:
        """The user's classes in the MRO, whose methods instances use without naming them."""
        for base in cls.__mro__:
            if root_of(base.__module__) in LIBRARIES or root_of(base.__module__) in sys.stdlib_module_names:
                continue
            if base not in self._classes:
                self._classes[base] = vars(base)
                self._add_space(vars(base))
            for name in unnamed & vars(base).keys():
                self._watch(self._classes[base], name)

    def _open_module(self, module: ModuleType) -> None:
        root = root_of(module.__name__)
        if root in sys.stdlib_module_names and root not in steady.MODULES:
            self._blind(f"the module {module.__name__}")
        elif root not in LIBRARIES and root not in sys.stdlib_module_names:
            self._add_space(vars(module))
        elif root == "copy":
            self._add_names({"copy"})

    def _open_object(self, one: Value) -> None:
        """The attributes of an object that the code names, and those of its class."""
        cls = type(one)
        root = root_of(cls.__module__)
        derived = vars(one).get("_f") if root == "flowgraph" and hasattr(one, "__dict__") else None
        if derived is not None and "__wrapped__" in vars(one):
            self._waiting.append(derived)  # a derivative, whose own memory is no part of what it reads
        elif root in steady.OF_STEADY_TYPES:
            self._add_names(BY_TEXT if root == "operator" else ())
            if isinstance(one, logging.Logger):
                self._holders.append(steady.LoggerState(one))
        elif isinstance(one, functools._lru_cache_wrapper):
            self._waiting.append(one.__wrapped__)
            self._holders.append(steady.CacheState(one))
        elif steady.has_hidden_state(cls) or (root in sys.stdlib_module_names and root not in ("types", "argparse")):
            self._blind(f"a {cls.__module__}.{cls.__qualname__}")
        else:
            if hasattr(one, "__dict__"):
                self._open_attributes(one, everything=root in LIBRARIES)
            for name in steady.slots_of(cls):
                self._slots.append((one, name))
                self._count += 1
                self._waiting.append(getattr(one, name, None))
            self._open_class(cls)

    def _open_attributes(self, one: Value, everything: bool) -> None:
        """Those that the code names; all of an object whose methods are not read."""
        space = vars(one)
        self._add_space(space)
        self._objects.append(one)
        for name in sorted(space if everything else self._used):
            self._watch_attribute(one, name)

    def _watch_attribute(self, one: Value, name: str) -> None:
        """An attribute of an object; or one of its class, which the object may hide later."""
        if name in vars(one) or hasattr(type(one), name):
            self._watch(vars(one), name)

    def _add_names(self, names: Iterable[str]) -> None:
        """Names that the code uses: look them up in all objects, classes and modules."""
        new = set(names) - self._used
        everything = not BY_TEXT.isdisjoint(new) and BY_TEXT.isdisjoint(self._used)
        self._used |= new
        for space in self._spaces:
            for name in sorted(steady.plain_names(space) if everything else new & space.keys()):
                self._watch(space, name)
        for one in self._objects:
            for name in sorted(new):
                self._watch_attribute(one, name)

    def _add_space(self, space: Mapping[str, Any]) -> None:
        self._spaces.append(space)
        everything = not BY_TEXT.isdisjoint(self._used)
        for name in sorted(steady.plain_names(space) if everything else self._used & space.keys()):
            self._watch(space, name)

    def _watch(self, space: Mapping[str, Any], name: str) -> None:
        if (id(space), name) not in self._names and self._count <= MOST:
            self._names[id(space), name] = space, name
            self._count += 1
            self._waiting.append(space.get(name))

    def _blind(self, what: str) -> None:
        self.blind = self.blind or what
