"""What the code under test holds: what is written in it and in what it calls, and generators of random numbers."""

from __future__ import annotations

import copy
import functools
import math
import pickle
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.target import Inputs, attribute, code_of

GLOBAL = (np.random.get_state.__self__, random.getstate.__self__)  # type: ignore[attr-defined]
RANDOM_SOURCES = (np.random.Generator, np.random.RandomState, random.Random)
MOST = 28  # numbers, each of which makes four test cases of some 40 calls: 4,500 of 60,000
MOST_FUNCTIONS = 40  # that are read: what calls more than that has its numbers elsewhere
MOST_SIZES = 16  # each of which makes a test case for every group of axes
MOST_WORDS = 12  # modes, and whole numbers: each is tried for every setting
LARGEST_WHOLE = 2000  # a year, a length; larger ones are masks and seeds


@dataclass(frozen=True)
class Code:
    """Functions, with those of the same modules that they reach."""

    given: tuple[Callable[..., Any], ...]

    @functools.cached_property
    def functions(self) -> list[Callable[..., Any]]:
        """Themselves and what they reach."""
        functions: list[Callable[..., Any]] = []
        waiting = list(self.given)
        modules = [attribute(function, "__module__") for function in waiting]
        while waiting and len(functions) < MOST_FUNCTIONS:
            function = waiting.pop(0)
            if any(function is known for known in functions):
                continue
            functions.append(function)
            reached = (value for value in reachable_values(function) if code_of(value) is not None)
            waiting += [value for value in reached if attribute(value, "__module__") in modules]
        return functions

    @functools.cached_property
    def values(self) -> list[Any]:
        """What is written in them, and what they reach."""
        values: list[Any] = []
        for function in self.functions:
            code = code_of(function)
            values += [*(_constants_of(code) if code is not None else ()), *reachable_values(function)]
        return values

    @functools.cached_property
    def numbers(self) -> list[float]:
        """Distinct finite numbers, the floats first, and their negatives: a test may be of |x|."""
        floats = [v for v in self.values if type(v) is float and math.isfinite(v) and 1e-13 < abs(v) < 1e7]
        whole = [float(v) for v in self.values if type(v) is int and 0 < abs(v) <= LARGEST_WHOLE]
        return list(dict.fromkeys(signed for v in (*floats, *whole) for signed in (v, -v)))[:MOST]

    @property
    def sizes(self) -> list[int]:
        """Sizes on both sides of the whole numbers: a branch may be on a length."""
        whole = [v for v in self.values if type(v) is int and 2 <= v <= 64]
        return list(dict.fromkeys(near for v in whole for near in (v, v + 1, v - 1)))[:MOST_SIZES]

    def words(self, inputs: Inputs) -> list[str | int]:
        """Values to try for a setting: short strings that may be modes, and whole numbers.

        A whole number may mark an element of an integer array, as -1 or 255 does labels that are left out.
        """
        modes = [v for v in self.values if type(v) is str and 0 < len(v) <= 12 and v.isidentifier()]
        whole = [v for v in (*inputs, *self.values) if type(v) is int and abs(v) <= LARGEST_WHOLE]
        return [*list(dict.fromkeys(modes))[:MOST_WORDS], *list(dict.fromkeys(whole))[:MOST_WORDS]]


def _constants_of(code: CodeType) -> Iterator[Any]:
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _constants_of(value)
        elif isinstance(value, tuple | frozenset):
            yield from value
        else:
            yield value


def reachable_values(function: object) -> Iterator[Any]:
    """Closure cells, defaults, globals named in the code, and the contents of dicts, lists and objects among them.

    Of a callable that is no function of Python, such as one that Numba compiles, what it holds itself.
    """
    inner: Any = attribute(function, "__func__") or function
    inner = attribute(inner, "func") or inner
    code = code_of(inner)
    values: list[Any] = [attribute(function, "__self__")]
    if code is None:
        values.append(function)
    elif type(inner) is not FunctionType:
        values += [inner, attribute(inner, "py_func")]
    else:
        for cell in inner.__closure__ or ():
            with suppress(ValueError):  # of a name that is not bound yet
                values.append(cell.cell_contents)
        values += [*(inner.__defaults__ or ()), *(inner.__kwdefaults__ or {}).values()]
        values += [inner.__globals__[name] for name in code.co_names if name in inner.__globals__]
    for value in values:
        yield value
        yield from contents_of(value)


def contents_of(value: Any) -> list[Any]:
    """The members of a dict, a list or a tuple, and the attributes of an object; of a class and a module none."""
    kind = type(value)  # not __class__, which an object may make up
    if issubclass(kind, dict):
        return list(dict.values(value))
    if issubclass(kind, list | tuple):
        return list(value)
    held = None if issubclass(kind, type | ModuleType) else attribute(value, "__dict__")
    return list(held.values()) if type(held) is dict else []


def whole_numbers_of(value: Value) -> list[int]:
    """The whole numbers of an object that also holds one of a type of compiled code; of others none."""
    held = [] if issubclass(type(value), dict | list | tuple) else contents_of(value)
    return [number for number in held if type(number) is int] if any(map(_is_compiled, held)) else []


def _is_compiled(value: Value) -> bool:
    """Whether the type of a value comes from an extension module, NumPy's aside."""
    name = attribute(type(value), "__module__")
    file = attribute(sys.modules.get(name), "__file__") if type(name) is str else None
    return type(file) is str and file.endswith(tuple(EXTENSION_SUFFIXES)) and name.partition(".")[0] != "numpy"


def random_states(functions: tuple[Callable[..., Any], ...], trial: Callable[[], object]) -> list[tuple[Any, Any]]:
    """The generators that functions hold, and the global ones that a trial draws from, with where they stand before it.

    Nothing can be put back of what has no state.
    """
    reached = {id(value): value for f in functions for value in reachable_values(f)}
    sources = [value for value in reached.values() if issubclass(type(value), RANDOM_SOURCES)]
    held = [source for source in sources if not isinstance(source, random.SystemRandom)]
    states = [(source, state_of(source)) for source in (*held, *GLOBAL)]
    with suppress(Exception):
        trial()
    moved = [pickle.dumps(state_of(source)) != pickle.dumps(state) for source, state in states]
    return [pair for k, pair in enumerate(states) if k < len(held) or moved[k]]


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
