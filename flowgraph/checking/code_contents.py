"""What the code under test holds: generators of random numbers, and what is written in it and in what it calls."""

from __future__ import annotations

import copy
import math
import random
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from types import CodeType
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.target import Inputs, Target

RANDOM_SOURCES = (np.random.Generator, np.random.RandomState, random.Random)
MOST = 28  # numbers, each of which makes four regimes of some 40 calls: 4,500 of 60,000


def functions_of(functions: tuple[Callable[..., Any], ...]) -> list[Callable[..., Any]]:
    """The functions and those of the same modules that they reach."""
    found: list[Callable[..., Any]] = []
    waiting = list(functions)
    modules = {getattr(function, "__module__", None) for function in functions}
    while waiting and len(found) < 40:
        function = waiting.pop(0)
        if any(function is known for known in found):
            continue
        found.append(function)
        for value in reachable_values(function):
            if hasattr(value, "__code__") and getattr(value, "__module__", None) in modules:
                waiting.append(value)
    return found


def _written(code: CodeType) -> Iterator[Any]:
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _written(value)
        elif isinstance(value, tuple | frozenset):
            yield from value
        else:
            yield value


def _values(functions: tuple[Callable[..., Any], ...]) -> Iterator[Any]:
    for function in functions_of(functions):
        inner = getattr(function, "__func__", function)
        code = getattr(inner, "__code__", None)
        if isinstance(code, CodeType):
            yield from _written(code)
        yield from reachable_values(function)


def numbers_in(functions: tuple[Callable[..., Any], ...]) -> list[float]:
    """Distinct finite numbers, and the negatives of the floats: a test may be of |x|."""
    found: dict[float, None] = {}
    whole: dict[float, None] = {}
    for value in _values(functions):
        if type(value) is float and math.isfinite(value) and 1e-13 < abs(value) < 1e7:
            found[value] = None
            found[-value] = None
        elif type(value) is int and 0 < abs(value) <= 2000:
            whole[float(value)] = None
            whole[float(-value)] = None
    return list({**found, **whole})[:MOST]


def sizes_in(functions: tuple[Callable[..., Any], ...]) -> list[int]:
    """Sizes on both sides of the whole numbers in the code: a branch may be on a length."""
    sizes: dict[int, None] = {}
    for value in _values(functions):
        if type(value) is int and 2 <= value <= 64:
            for near in (value, value + 1, value - 1):
                sizes[near] = None
    return list(sizes)[:16]


def words_in(functions: tuple[Callable[..., Any], ...], inputs: Inputs) -> list[str | int]:
    """Values to try for a setting: short strings in the code that may be modes, and integers.

    A whole number may mark an element of an integer array, as -1 or 255 does labels that are left out.
    """
    known = list(_values(functions))
    modes = {v: None for v in known if type(v) is str and 0 < len(v) <= 12 and v.isidentifier()}
    given = [v for v in inputs if type(v) is int]
    whole = {v: None for v in [*given, *known] if type(v) is int and abs(v) <= 2000}
    return [*list(modes)[:12], *list(whole)[:12]]


def draws(functions: tuple[Callable[..., Any], ...]) -> bool:
    """Whether a name in the code says that it draws at random."""
    codes = [getattr(getattr(f, "__func__", f), "__code__", None) for f in functions_of(functions)]
    names = [name for code in codes if code is not None for name in (*code.co_names, *code.co_freevars)]
    return any("random" in name or "rng" in name for name in names)


def random_sources(target: Target) -> Iterator[Any]:
    """The generators that the functions of a target hold, each once."""
    seen: set[int] = set()
    for function in (target.fprop, target.bprop, *target.code):
        for value in reachable_values(function):
            stateless = isinstance(value, random.SystemRandom)  # nothing can be put back
            if isinstance(value, RANDOM_SOURCES) and not stateless and id(value) not in seen:
                seen.add(id(value))
                yield value


def reachable_values(function: Callable[..., Any]) -> Iterator[Any]:
    """Closure cells, defaults, globals named in the code, and the contents of dicts, lists and objects among them."""
    inner = getattr(function, "__func__", function)
    inner = getattr(inner, "func", inner)
    code = getattr(inner, "__code__", None)
    values: list[Any] = [getattr(function, "__self__", None)]
    if code is not None:
        values += [getattr(cell, "cell_contents", None) for cell in _filled(inner.__closure__ or ())]
        values += list(inner.__defaults__ or ()) + list((inner.__kwdefaults__ or {}).values())
        values += [inner.__globals__[name] for name in code.co_names if name in inner.__globals__]
    else:
        values.append(function)
    for value in values:
        yield value
        if isinstance(value, dict):
            yield from list(value.values())
        elif isinstance(value, list | tuple):
            yield from value
        elif hasattr(value, "__dict__") and not isinstance(value, type) and not inspect_module(value):
            yield from list(vars(value).values())


def whole_numbers_of(value: Value) -> list[int]:
    """The whole numbers of an object that also holds one of a type of compiled code; of others none."""
    held = list(vars(value).values()) if hasattr(value, "__dict__") and not isinstance(value, type) else []
    return [one for one in held if type(one) is int] if any(map(_is_compiled, held)) else []


def _is_compiled(value: Value) -> bool:
    """Whether the type of a value comes from an extension module, NumPy's aside."""
    name = type(value).__module__
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return file.endswith(tuple(EXTENSION_SUFFIXES)) and name.partition(".")[0] != "numpy"


def _filled(cells: tuple[Any, ...]) -> Iterator[Any]:
    for cell in cells:
        try:
            cell.cell_contents  # noqa: B018
        except ValueError:
            continue
        yield cell


def inspect_module(value: Value) -> bool:
    """Whether a value is a module."""
    return type(value).__name__ == "module"


def state_of(source: Any) -> Any:
    """Where a generator stands."""
    if isinstance(source, np.random.Generator):
        return copy.deepcopy(source.bit_generator.state)
    return source.get_state() if isinstance(source, np.random.RandomState) else source.getstate()


def restore(source: Any, state: Any) -> None:
    """Put a generator back to where it stood."""
    if isinstance(source, np.random.Generator):
        source.bit_generator.state = state
    elif isinstance(source, np.random.RandomState):
        source.set_state(state)
    else:
        source.setstate(state)
