"""Scalar code: a fprop called on single numbers, which note what is done to them, and the text of what they noted.

Loops of few numbers, in Python and through Numba, and functions of numbers in JavaScript are written so: a `Tape` says
which text stands for a ufunc, all else is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from flowgraph.box import Box

LONGEST = 500
"""Characters of an expression from which it gets a name: parsers count how deep brackets stand."""


class Untraceable(Exception):
    """Why a fprop is no function of numbers, and of which box, where it stands inside of another."""

    box: Box | None = None


class Number(NDArrayOperatorsMixin):
    """One number in a fprop that is written down: `pattern` with the texts of its operands is its own text."""

    __slots__ = ("dtype", "operands", "pattern", "tape", "uses")

    shape = ()
    ndim = 0
    size = 1

    def __init__(self, tape: Tape, pattern: str, operands: tuple[Any, ...], dtype: np.dtype[Any]) -> None:
        self.tape, self.pattern, self.operands, self.dtype = tape, pattern, operands, dtype
        self.uses = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        """Note the call of a ufunc."""
        settings.pop("where", None) if settings.get("where") is True else None
        if method != "__call__" or settings.keys() - {"dtype", "casting"}:
            raise Untraceable(f"np.{ufunc.__name__}.{method} with {', '.join(settings)}")
        if any(isinstance(operand, np.ndarray) and operand.dtype == object for operand in inputs):
            return ufunc(*map(in_array, inputs))  # element by element, which comes back here for each
        return self.tape.call(ufunc, inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Note the call of a function of NumPy."""
        return self.tape.call_function(function, args, kwargs)

    def __bool__(self) -> NoReturn:
        raise Untraceable("a case distinction on a value")

    def __getattr__(self, name: str) -> Any:
        """A ufunc on an array of objects calls the method of its name."""
        ufunc = getattr(np, name, None)
        if not isinstance(ufunc, np.ufunc) or ufunc.nin != 1:
            raise AttributeError(name)
        return lambda: self.tape.call(ufunc, (self,))

    def astype(self, to: Any, **settings: Any) -> Number:
        """The number in another dtype."""
        return self.tape.cast(self, np.dtype(to))


def in_array(value: Any) -> Any:
    """A number as an array of objects without axes; all else as it is."""
    if not isinstance(value, Number):
        return value
    array = np.empty((), object)
    array[()] = value
    return array


class Tape:
    """The numbers that were computed, each once; a language says what stands for a ufunc, a function and a cast."""

    most = 1 << 62
    """How many there may be."""

    def __init__(self) -> None:
        self.known: dict[Any, Number] = {}

    def note(self, pattern: str, operands: Sequence[Any], dtype: np.dtype[Any]) -> Number:
        """The number of an operation, the one that there is already for the same."""
        key = (
            pattern,
            dtype,
            *[id(operand) if isinstance(operand, Number) else np.asarray(operand).tobytes() for operand in operands],
        )
        if key not in self.known:
            if len(self.known) >= self.most:
                raise Untraceable(f"more than {self.most} operations")
            self.known[key] = Number(self, pattern, tuple(operands), dtype)
            for operand in operands:
                if isinstance(operand, Number):
                    operand.uses += 1
        return self.known[key]

    def given(self, name: str, dtype: np.dtype[Any]) -> Number:
        """A number that has a name already."""
        return Number(self, name, (), dtype)

    def call(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
        """The value of a ufunc."""
        raise NotImplementedError

    def call_function(self, function: Any, args: Any, kwargs: Any) -> Any:
        """The value of another function of NumPy."""
        raise NotImplementedError

    def cast(self, number: Number, to: np.dtype[Any]) -> Number:
        """A number in another dtype."""
        raise NotImplementedError


_ATOM = re.compile(r"[\w.]+(?:\((?:[^()]|\([^()]*\))*\))?")
"""A name, a number or a call: what needs no parentheses in a larger expression."""


_PLACE = re.compile(r"(?P<before>\(|, |^)?\{(?P<number>\d)\}(?=(?P<after>[,)]|$))?")


def _placed(place: re.Match[str], texts: Sequence[str]) -> str:
    """The text of an operand at its place in a pattern, in parentheses unless it is an argument by itself."""
    before, text = place["before"], texts[int(place["number"])]
    alone = before is not None and place["after"] is not None
    return f"{before or ''}{text}" if alone or _ATOM.fullmatch(text) else f"{before or ''}({text})"


class Statements:
    """What computes numbers, each before it is read; what is read once stands where it is read.

    `name` has a place for the number of a statement; `literal` writes a constant.
    """

    def __init__(self, name: str, literal: Callable[[Any], str]) -> None:
        self.name, self.literal = name, literal
        self.assigned: dict[str, str] = {}
        self._texts: dict[int, str] = {}

    def read(self, result: Any) -> str:
        """The text of a number that is stacked, handed on or returned."""
        stack = [result]
        while stack:
            number = stack[-1]
            missing = (
                [operand for operand in number.operands if self._is_missing(operand)]
                if self._is_missing(number)
                else []
            )
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if self._is_missing(number):
                self._texts[id(number)] = self._written(number)
        return self._texts[id(result)] if isinstance(result, Number) else self.literal(result)

    def _is_missing(self, operand: Any) -> bool:
        return isinstance(operand, Number) and id(operand) not in self._texts

    def _written(self, number: Number) -> str:
        if not number.operands:
            return number.pattern
        texts = [
            self._texts[id(operand)] if isinstance(operand, Number) else self.literal(operand)
            for operand in number.operands
        ]
        text = _PLACE.sub(lambda place: _placed(place, texts), number.pattern)
        if number.uses < 2 and len(text) < LONGEST:
            return text
        name = self.name.format(len(self.assigned))
        self.assigned[name] = text
        return name
