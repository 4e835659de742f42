"""The text of a plan bound to memory: names in it, and what they stand for."""

from __future__ import annotations

import builtins
import functools
import itertools
import keyword
import linecache
import math
import re
import types
import unicodedata
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Constant, Leaf
from flowgraph.box.leaves import Parameter
from flowgraph.box.results import as_values
from flowgraph.graph.passes import guard_values
from flowgraph.plan.kinds import Order, in_order
from flowgraph.plan.rebuild import LARGEST_READ
from flowgraph.plan.store import WORTH_RETURNING, Store, aligned_bytes, flat_view, return_free_memory

# Names for the values of a plan, as in hand-written code: 'layer1/a' becomes a1.

_NUMBERS = {0.0: "zero", 1.0: "one", 2.0: "two", 0.5: "half", -1.0: "minus_one"}


class Names:
    """The identifiers that a source has used; those that it gives end with the suffix."""

    def __init__(self, used: Iterable[str], suffix: str = "") -> None:
        self.used = set(used)
        self.suffix = suffix
        self._counts: dict[str, int] = {}

    def free(self, name: str) -> str:
        """The name, with a number that makes it its own."""
        name = name.removesuffix(self.suffix)
        stem, first = _stem(name)
        candidate, count = f"{name}{self.suffix}", self._counts.get(stem, first)
        while candidate in self.used:
            count += 1
            candidate = f"{stem}{count}{self.suffix}"
        self._counts[stem] = count
        self.used.add(candidate)
        return candidate

    def of_values(self, boxes: Sequence[Box]) -> dict[Box, str]:
        """An identifier for each box: its own name where it has one, short where that is clear."""
        given = {box: _short(box.name) for box in boxes if box.name is not None}
        counts = Counter(given.values())
        result: dict[Box, str] = {}
        for box in sorted(given, key=lambda box: not isinstance(box, Leaf)):
            name = given[box]
            unclear = counts[name] > 1 and name in self.used
            result[box] = self.free(_identifier(box.name or "") if unclear else name)
        for box in boxes:
            if box not in result:
                result[box] = self.free(_constant(box) if isinstance(box, Constant) else "t1")
        return result


@functools.lru_cache(1024)
def _stem(name: str) -> tuple[str, int]:
    """What stands before the number of a name that is taken, and the number before the next one."""
    stem = name.rstrip("0123456789")
    return (stem, int(name[len(stem) :] or 1)) if stem in ("t", "c", "m", name) else (f"{name}_", 1)


def _short(name: str) -> str:
    """The last part of a path, with the number at the end of the scope before it."""
    *scopes, last = name.split("/")
    number = re.search(r"\d+$", scopes[-1]) if scopes else None
    return _identifier(last + (number.group() if number else ""))


def _identifier(text: str) -> str:
    signs = unicodedata.normalize("NFKC", text)  # as Python reads identifiers: other signs would be the same name
    word = "".join(sign if f"_{sign}".isidentifier() else "_" for sign in signs)
    word = word if word.isidentifier() else f"_{word}"
    return word + "_" if keyword.iskeyword(word) else word


def _constant(box: Constant) -> str:
    if box.shape == () and box.dtype.kind == "f" and float(box.value) in _NUMBERS:
        return _NUMBERS[float(box.value)]
    return "ones" if box.shape and box.value.size <= LARGEST_READ and (box.value == 1).all() else "c1"


# The source of a program becomes functions: its names are bound to memory, constants and what its lines call.

Function = Callable[..., Any]

_numbers = itertools.count(1)

_BYTES_OF_PARSER = 64
"""What Python takes to compile a function, for each character of it: measured on the step of an LSTM."""


class Memory:
    """What the names of a function are made of.

    `arena` has the bytes that the program asked for, the same for both functions of it; `old` are the arrays from which
    this one reads the parameters that it updates, `new` those into which it writes them, both of the `store`. Names
    bound before are items, and noted in `asked`. In a program that equal graphs share, `own` has the leaf of this one
    for each of its leaves.
    """

    def __init__(
        self,
        arena: Array,
        old: Mapping[Parameter, Array],
        new: Mapping[Parameter, Array],
        store: Store,
        own: Mapping[Box, Box] = MappingProxyType({}),
    ) -> None:
        self.arena = arena
        self.old = old
        self.new = new
        self.store = store
        self.space: dict[str, Any] = {}
        self.asked: set[str] = set()
        self._own = own

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return self.space[name]

    def own(self, leaf: Any) -> Any:
        """The leaf whose value this function reads where the program reads that one."""
        return self._own.get(leaf, leaf)


class Binding(NamedTuple):
    """A global name of a program, and what makes its value for one of the two functions, of the memory and some data.

    The data keep no graph alive: numbers, texts, leaves, boxes without children.
    """

    name: str
    make: Callable[..., Any]
    data: tuple[Any, ...] = ()


def constant(name: str, value: object) -> Binding:
    """A name that is the same in both functions."""
    return Binding(name, value_itself, (value,))


# What makes the values of names, of a memory and of data.


def value_itself(memory: Memory, value: Any) -> Any:
    """A value that is the same in every memory."""
    return value


def value_of(memory: Memory, leaf: Any) -> Array:
    """The numbers of a constant."""
    array: Array = memory.own(leaf).value
    return array


def old_value(memory: Memory, parameter: Any) -> Array:
    """Where a parameter is read that the program updates."""
    return memory.old[parameter]


def new_value(memory: Memory, parameter: Any) -> Array:
    """Where the new value of a parameter goes."""
    return memory.new[parameter]


def old_values(memory: Memory, run: Sequence[Any]) -> Array:
    """The flat array of adjacent parameters."""
    return flat_view([memory.old[parameter] for parameter in run])


def number_in_array(memory: Memory, dtype: str) -> Array:
    """An array without axes, which holds a number."""
    return np.empty((), dtype)


def array_at(
    memory: Memory, start: int, shape: tuple[int, ...], dtype: str, order: Order | None, spare_of: Sequence[Any] | None
) -> Array:
    """The array that begins at a byte of the arena, or of the new values of adjacent parameters."""
    if spare_of is not None:
        new = flat_view([memory.new[parameter] for parameter in spare_of])
        start //= new.itemsize
        return new[start : start + math.prod(shape)].reshape(shape)
    stop = start + math.prod(shape) * np.dtype(dtype).itemsize
    array = memory.arena[start:stop].view(dtype).reshape(shape)
    return array if order is None else in_order(array, shape, order)


def view_in(memory: Memory, of: str, box: Box) -> Any:
    """The view of a named array that a box is."""
    return box.fprop(memory[of])


def fprop_of(memory: Memory, box: Box) -> Function:
    """The fprop of a box, as a line calls it."""
    fprop = guard_values(box, box.fprop)
    return lambda *values: as_values(fprop(*values))


@dataclass
class Program:
    """Source text, and what it needs to become a function.

    `text` is what `plan.source` shows. `call` is the Python source of the function `step` that a call of the plan runs;
    its global names are what `bindings` makes, in their order. Its arguments are the leaves and parameters of the
    request, its results a tuple. `bytes` is the size of the memory that the bindings may use. A result marked in
    `copied` lies in that memory or with the parameters: the next call overwrites it, unless it is copied. `note` is
    what the back end says of it, `compiled` the number of values that Numba computes in a program of Python.
    """

    text: str
    call: str
    bindings: list[Binding] = field(default_factory=list)
    bytes: int = 0
    copied: tuple[bool, ...] = ()
    note: str = ""
    compiled: int = 0

    @functools.cached_property
    def code(self) -> types.CodeType:
        """The code of the function; its lines are known to tracebacks as long as the program lives."""
        path = f"<plan {next(_numbers)}>"
        linecache.cache[path] = (len(self.call), None, self.call.splitlines(keepends=True), path)
        weakref.finalize(self, linecache.cache.pop, path, None).atexit = False
        module = compile(self.call, path, "exec")
        if len(self.call) * _BYTES_OF_PARSER > WORTH_RETURNING:
            return_free_memory()
        return next(part for part in module.co_consts if isinstance(part, types.CodeType))


def bind(program: Program, store: Store, own: Mapping[Box, Box] = MappingProxyType({})) -> tuple[Function, ...]:
    """The functions of a program: one for either of the two places in which the store has its parameters.

    `own` has the leaves of this plan for those of a program that equal graphs share.
    """
    arena = aligned_bytes(program.bytes)
    instead = {parameter: leaf for leaf, parameter in own.items()}
    known = [instead.get(parameter, parameter) for parameter in store.parameters]
    sides: list[Any] = [dict(zip(known, buffers, strict=True)) for buffers in store.buffers]
    same: dict[str, Any] = {}
    return tuple([_function(program, Memory(arena, sides[now], sides[1 - now], store, own), same) for now in (0, 1)])


def bind_alone(program: Program, arenas: Sequence[Array], store: Store) -> list[Function]:
    """Functions of a program that neither reads nor writes parameters of the store: one for each of these arenas."""
    return [_function(program, Memory(arena, {}, {}, store), {}) for arena in arenas]


OF_EITHER: set[Callable[..., Any]] = {value_itself, value_of, number_in_array, view_in, fprop_of}
"""What makes the same for both functions of a program, if the names that it asks for stand for the same.

The two run one after the other, in one arena; only the parameters lie elsewhere.
"""


def _function(program: Program, memory: Memory, same: dict[str, Any]) -> Function:
    """A function of the program; `same` gets the values that do not depend on where the parameters are, or has them."""
    known = same.copy()
    memory.space |= {"__builtins__": builtins, **known}  # compiled code that imports asks the globals of its caller
    for name, make, data in program.bindings:
        if name not in known:
            memory.asked.clear()
            memory.space[name] = value = make(memory, *data)
            if (make is array_at and data[-1] is None) or (make in OF_EITHER and memory.asked <= same.keys()):
                same[name] = value
    # Two functions of one code object would share the caches that the interpreter keeps with its instructions, in which
    # the names of the one displace those of the other at every step.
    return types.FunctionType(program.code.replace(), memory.space, "step")
