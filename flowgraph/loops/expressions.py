"""Numbers that one step of a loop computes, noted as expressions while a fprop runs on them, and their text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from flowgraph.loops.body import Body

MOST_LINES = 2000
"""Operations of one step from which a body stays calls of NumPy, which take them many at a time."""


class _TooLongError(Exception):
    """The body has more operations than are written one by one."""


class Expression:
    """A number that one step computes: an operation on others."""

    __slots__ = ("arguments", "operation", "tape", "uses")

    def __init__(self, tape: Tape, operation: str, arguments: tuple[Any, ...]) -> None:
        self.tape = tape
        self.operation = operation
        self.arguments = arguments
        self.uses = 0

    def __add__(self, other: Any) -> Any:
        return self if _is(other, 0.0) else self.tape.note("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self if _is(other, 0.0) else self.tape.note("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self if _is(other, 0.0) else self.tape.note("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.tape.note("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return self if _is(other, 1.0) else self.tape.note("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self if _is(other, 1.0) else self.tape.note("*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self if _is(other, 1.0) else self.tape.note("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.tape.note("/", other, self)

    def __pow__(self, other: Any) -> Any:
        return self.tape.note("pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.tape.note("pow", other, self)

    def __neg__(self) -> Any:
        return self.tape.note("neg", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self.tape.note("fabs", self)

    def __getattr__(self, name: str) -> Any:
        """A function of NumPy on an array of objects calls the method of its name."""
        function = _FUNCTIONS.get(name)
        if function is None:
            raise AttributeError(name)
        return lambda: self.tape.note(function, self)

    def __bool__(self) -> bool:
        raise TypeError("which branch is taken is not known before a run")

    def _compare(self, other: object) -> Any:
        return bool(self)

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _compare
    __hash__ = None  # type: ignore[assignment]


def _is(other: object, number: float) -> bool:
    return isinstance(other, int | float) and other == number


_FUNCTIONS = {
    "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "log2": "log2", "log10": "log10", "sqrt": "sqrt",
    "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arctanh": "atanh",
}  # fmt: skip
"""Functions of `math` by the names that NumPy has for them."""

OF_MATH = ("fabs", "pow", *_FUNCTIONS.values())
"""What the lines of a loop call."""


class Tape:
    """The operations of one step, each once."""

    def __init__(self) -> None:
        self.known: dict[Any, Expression] = {}

    def note(self, operation: str, *arguments: Any) -> Expression:
        """The expression of an operation, the one that there is already for the same."""
        key = (operation, *[id(one) if isinstance(one, Expression) else float(one) for one in arguments])
        if key not in self.known:
            if len(self.known) >= MOST_LINES:
                raise _TooLongError
            self.known[key] = Expression(self, operation, arguments)
            for one in arguments:
                if isinstance(one, Expression):
                    one.uses += 1
        return self.known[key]

    def slot(self, name: str) -> Expression:
        """A number that is given."""
        return Expression(self, name, ())


class Step(NamedTuple):
    """The text of one step: the lines that compute its numbers, what is stacked, and the line that changes carries."""

    lines: list[str]
    stacked: list[str]
    changed: list[str]


def step_of(body: Body, state: Sequence[str], results: Sequence[Any]) -> Step:
    """One step, whose carries have the names of `state`; those that stay as they are are left out."""
    writer = Lines()
    new = [writer.read(one) for array in results[: body.carries] for one in array.flat]
    stacked = [writer.read(one) for array in results[body.carries :] for one in array.flat]
    changed = [(name, text) for name, text in zip(state, new, strict=True) if name != text]
    line = [f"{', '.join(n for n, _ in changed)} = {', '.join(t for _, t in changed)}"] if changed else []
    return Step(writer.lines, stacked, line)


def names_of(slots: Sequence[Any]) -> list[str]:
    """The names of the numbers that slots hold."""
    return [one.operation for array in slots for one in array.flat]


class Lines:
    """The lines that compute the numbers of one step, each before it is read."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.texts: dict[int, str] = {}

    def read(self, result: Any) -> str:
        """How a number is read that is stacked or handed on."""
        stack = [result]
        while stack:
            one = stack[-1]
            missing = [a for a in one.arguments if self._is_missing(a)] if isinstance(one, Expression) else []
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if self._is_missing(one):
                self.texts[id(one)] = self._written(one)
        return self._operand(result)

    def _is_missing(self, one: Any) -> bool:
        return isinstance(one, Expression) and id(one) not in self.texts

    def _operand(self, one: Any) -> str:
        return self.texts[id(one)] if isinstance(one, Expression) else f"({float(one)!r})"

    def _written(self, one: Expression) -> str:
        if not one.arguments:
            return one.operation
        operands = [self._operand(argument) for argument in one.arguments]
        if one.operation in ("+", "-", "*", "/"):
            text = f"({operands[0]} {one.operation} {operands[1]})"
        elif one.operation == "neg":
            text = f"(-{operands[0]})"
        else:
            text = f"{one.operation}({', '.join(operands)})"
        if one.uses < 2 and len(text) < _LONGEST:
            return text
        name = f"v{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name


_LONGEST = 500
"""Characters of an expression from which it gets a name: Python's parser counts how deep brackets stand."""
