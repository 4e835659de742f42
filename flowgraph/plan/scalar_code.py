"""Expressions of single numbers: each operation once, and the text that computes them.

Loops of few numbers, in Python and through Numba, and functions of numbers in JavaScript are written so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

LONGEST = 500
"""Characters of an expression from which it gets a name: parsers count how deep brackets stand."""


class NotScalarError(Exception):
    """Why something is no function of single numbers."""


class Expression:
    """One number: its text is `pattern` with the texts of its operands, expressions and numbers, in it."""

    __slots__ = ("operands", "pattern", "uses")

    def __init__(self, pattern: str, operands: tuple[Any, ...] = ()) -> None:
        self.pattern, self.operands = pattern, operands
        self.uses = 0


class Code:
    """What computes expressions: assignments, each before it is read; what is read once stands where it is read.

    `name` has a place for the number of an assignment; `literal` writes a number; `kind` makes the expressions, of
    which there may be `most`.
    """

    def __init__(
        self,
        name: str,
        literal: Callable[[Any], str],
        kind: Callable[[str, tuple[Any, ...]], Expression] = Expression,
        most: float = np.inf,
    ) -> None:
        self.name, self.literal, self.kind, self.most = name, literal, kind, most
        self.assigned: dict[str, str] = {}
        self._expressions: dict[Any, Expression] = {}
        self._texts: dict[int, str] = {}

    def number_named(self, name: str) -> Expression:
        """A number that has a name already."""
        return self.kind(name, ())

    def note(self, pattern: str, *operands: Any) -> Expression:
        """The number of an operation, the one that there is already for the same."""
        key = (pattern, *[id(each) if isinstance(each, Expression) else _bits(each) for each in operands])
        if key not in self._expressions:
            if len(self._expressions) >= self.most:
                raise NotScalarError(f"more than {self.most} operations")
            self._expressions[key] = self.kind(pattern, operands)
            for operand in operands:
                if isinstance(operand, Expression):
                    operand.uses += 1
        return self._expressions[key]

    def text_of_result(self, result: Any) -> str:
        """The text of a number that is stacked, handed on or returned."""
        stack = [result]
        while stack:
            number = stack[-1]
            missing = list(filter(self._is_missing, number.operands)) if self._is_missing(number) else []
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if self._is_missing(number):
                self._texts[id(number)] = self._text_of(number)
        return self._text(result)

    def _is_missing(self, operand: Any) -> bool:
        return isinstance(operand, Expression) and id(operand) not in self._texts

    def _text(self, operand: Any) -> str:
        return self._texts[id(operand)] if isinstance(operand, Expression) else self.literal(operand)

    def _text_of(self, number: Expression) -> str:
        if not number.operands:
            return number.pattern
        text = fill_pattern(number.pattern, list(map(self._text, number.operands)))
        if number.uses < 2 and len(text) < LONGEST:
            return text
        name = self.name.format(len(self.assigned))
        self.assigned[name] = text
        return name


def _bits(number: Any) -> Any:
    value = np.asarray(number)
    return value.dtype.str, value.tobytes()


_ATOM = re.compile(r"[\w.]+(?:\((?:[^()]|\([^()]*\))*\))?")
"""A name, a number or a call: what needs no parentheses in a larger expression."""

_PLACE = re.compile(r"(?P<before>\(|, |^)?\{(?P<number>\d)\}(?=(?P<after>[,)]|$))?")


def fill_pattern(pattern: str, texts: Sequence[str]) -> str:
    """The pattern with the texts of operands at their places, in parentheses unless one is an argument by itself."""

    def operand_text(place: re.Match[str]) -> str:
        before, text = place["before"], texts[int(place["number"])]
        alone = before is not None and place["after"] is not None
        return f"{before or ''}{text}" if alone or _ATOM.fullmatch(text) else f"{before or ''}({text})"

    return _PLACE.sub(operand_text, pattern)
