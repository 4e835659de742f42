"""Loops of single numbers: the body as one line of Python for each number, without arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.graph import Graph
from flowgraph.loops.body import Body
from flowgraph.plan.passes.inlining import open_composites
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import shape_of

# Numbers that one step of a loop computes, noted as expressions while a fprop runs on them, and their text.

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


# A loop over few numbers, as arithmetic of Python's floats: NumPy takes longer to begin a call than to add so few.
# The values of the body are arrays of expressions, on which each box calls its own fprop: what it does with the
# elements
# is noted, line by line.

LARGEST = 64
"""Elements of all slots and outputs together up to which a body is written as numbers."""


class Numbers:
    """The function of all steps."""

    def __init__(self, body: Body, slots: Sequence[Any], results: Sequence[Any], tape: Tape) -> None:
        self.text = _text(body, slots, results)
        space: dict[str, Any] = {name: getattr(math, name) for name in OF_MATH}
        exec(compile(self.text, "<steps of a loop>", "exec"), space)
        self.function: Callable[..., Any] = space["loop"]
        self.carries, self.elements = body.carries, body.elements
        self.shapes = [shape_of(one) for one in body.results]
        self.slots, self.results, self.tape = slots, results, tape

    def __call__(self, arrays: Sequence[Array], length: int, reverse: bool) -> tuple[Any, ...] | None:
        """The last carries and what was stacked; None where NumPy is to say what comes of it."""
        inner = self.carries + self.elements
        columns = [column for array in arrays[self.carries : inner] for column in _columns(array, reverse)]
        given = [number for array in (*arrays[: self.carries], *arrays[inner:]) for number in array.ravel().tolist()]
        try:
            last, stacks = self.function(length, columns, *given)
        except (ArithmeticError, ValueError):  # which of Python's floats are errors, and of NumPy's warnings
            return None
        state, rows = np.array(last, float), np.array(stacks, float).reshape(len(stacks), length)
        if not (np.isfinite(state).all() and np.isfinite(rows).all()):
            return None
        steps = (rows[:, ::-1] if reverse else rows).T
        return (*parted(state, self.shapes[: self.carries], ()), *parted(steps, self.shapes[self.carries :], (length,)))


def parted(numbers: Array, shapes: Sequence[tuple[int, ...]], steps: tuple[int, ...]) -> list[Any]:
    """Arrays of these shapes, one for each step, of numbers one after another along the last axis."""
    found, place = [], 0
    for shape in shapes:
        size = math.prod(shape)
        found.append(numbers[..., place : place + size].reshape((*steps, *shape))[()])
        place += size
    return found


def in_numbers(body: Body) -> Numbers | None:
    """The function of a body of few numbers, None where it has many, or what is not written in Python's floats."""
    specs = [one.spec for one in (*body.leaves, *body.results)]
    if (
        any(spec.dtype != np.float64 for spec in specs)
        or sum(math.prod(shape_of(one)) for one in (*body.leaves, *body.results)) > LARGEST
    ):
        return None
    tape = Tape()
    slots = {slot: slots_of(tape, place, slot.shape) for place, slot in enumerate(body.leaves)}
    try:
        results = evaluated(simplify(open_composites(Graph(*body.results))), slots)
        return Numbers(body, list(slots.values()), results, tape)
    except Exception:  # whatever a fprop raises on expressions, on arrays it runs
        return None


def slots_of(tape: Tape, place: int, shape: Any) -> Any:
    """The numbers of one slot."""
    names = np.empty(shape, object)
    for number, index in enumerate(np.ndindex(shape)):
        names[index] = tape.slot(f"s{place}_{number}")
    return names


def evaluated(graph: Graph, slots: dict[Box, Any]) -> list[Any]:
    """The outputs as arrays of expressions and numbers."""
    values: dict[Box, Any] = dict(slots)
    for box in graph.boxes:
        if isinstance(box, Constant):
            values[box] = box.value.astype(object) if box.dtype == np.float64 else box.value
        elif box not in values:
            (spec,) = box.outputs
            value = box.fprop(*[values[child] for child in box.children])
            values[box] = np.empty(spec.shape, object)
            values[box][...] = value
            if np.shape(value) != spec.shape:
                raise ValueError("the shape of the value depends on what its elements are")
    return [values[box] for box in graph.outputs]


def _text(body: Body, slots: Sequence[Any], results: Sequence[Any]) -> str:
    """The source of the loop: one assignment for each number that is read more than once."""
    carries, inner = slots[: body.carries], body.carries + body.elements
    state, given = names_of(carries), names_of(slots[inner:])
    columns = names_of(slots[body.carries : inner])
    step = step_of(body, state, results)
    stacks = [f"y{i}" for i in range(len(step.stacked))]
    head = [f"{name} = []; {name}_append = {name}.append" for name in stacks]
    loop = "for _ in range(length):"
    if len(columns) == 1:
        loop = f"for {columns[0]} in columns[0]:"
    elif columns:
        loop = f"for {', '.join(columns)} in zip(*columns):"
    appended = [f"{name}_append({text})" for name, text in zip(stacks, step.stacked, strict=True)]
    inside = [*step.lines, *appended, *(step.changed or ["pass"])]
    return "\n".join(
        [
            f"def loop({', '.join(['length', 'columns', *state, *given])}):",
            *(f"    {line}" for line in [*head, loop]),
            *(f"        {line}" for line in inside),
            f"    return [{', '.join(state)}], [{', '.join(stacks)}]",
        ]
    )


def _columns(array: Array, reverse: bool) -> list[Any]:
    """The elements of an input, as one list of numbers for each place in an element."""
    flat = array.reshape(len(array), -1).T
    return (flat[:, ::-1] if reverse else flat).tolist()  # type: ignore[no-any-return]
