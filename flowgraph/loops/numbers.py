"""Loops of single numbers: the body as one line of Python for each number, without arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from flowgraph.box import Array, Box, Constant
from flowgraph.graph import Graph
from flowgraph.loops.body import LARGEST, Body
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.passes.inlining import open_composites
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import elements, shape_of, sizes_known
from flowgraph.plan.scalar_code import Code, Expression, NotScalarError

MOST_LINES = 2000
"""Operations of one step from which a body stays calls of NumPy, which take them many at a time."""

_OF_MATH = {
    "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "log2": "log2", "log10": "log10", "sqrt": "sqrt",
    "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arctanh": "atanh", "absolute": "fabs",
}  # fmt: skip
"""Functions of `math` by the names that NumPy has for them."""

OF_MATH = ("pow", *_OF_MATH.values())
"""What the lines of a loop call."""

_PATTERNS = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}", "negative": "-{0}",
    "positive": "{0}", "power": "pow({0}, {1})", **{name: f"{of_math}({{0}})" for name, of_math in _OF_MATH.items()},
}  # fmt: skip
_NEUTRAL = {"add": (0.0, 0.0), "subtract": (None, 0.0), "multiply": (1.0, 1.0), "divide": (None, 1.0)}
"""The left and the right operand beside which the other one is the value."""


class Float(NDArrayOperatorsMixin, Expression):
    """A float of Python, or of Numba, in an array of objects, for which NumPy calls its operators."""

    __slots__ = ("code",)
    code: Code

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **settings: Any) -> Any:
        if method != "__call__" or settings:
            raise NotScalarError(f"np.{ufunc.__name__}.{method} with {', '.join(settings)}")
        if any(isinstance(operand, np.ndarray) for operand in operands):
            return elementwise(self.code, ufunc, operands)
        return call_of(self.code, ufunc, operands)

    def __bool__(self) -> NoReturn:
        raise NotScalarError("a case distinction on a value")


def elementwise(code: Code, ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
    """The value of a ufunc on arrays of expressions and numbers."""
    return np.frompyfunc(lambda *each: call_of(code, ufunc, each), len(operands), 1)(*operands)


def call_of(code: Code, ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
    """The value of a ufunc on expressions and numbers."""
    if ufunc is np.square:
        ufunc, operands = np.multiply, (*operands, *operands)
    elif ufunc is np.reciprocal:
        ufunc, operands = np.divide, (1.0, *operands)
    name = ufunc.__name__
    for operand, other, neutral in zip(operands, operands[::-1], _NEUTRAL.get(name, ()), strict=False):
        if isinstance(operand, int | float) and operand == neutral:
            return other
    if name not in _PATTERNS:
        raise NotScalarError(f"np.{name}")
    return code.note(_PATTERNS[name], *operands)


def code_of_step() -> Code:
    """The code of one step."""

    def make(pattern: str, operands: tuple[Any, ...]) -> Float:
        number = Float(pattern, operands)
        number.code = code
        return number

    code = Code("v{}", _constant, make, MOST_LINES)
    return code


def _constant(number: Any) -> str:
    if not math.isfinite(number):
        raise NotScalarError(f"the constant {number}")
    return repr(float(number))


class Step(NamedTuple):
    """The text of one step: the lines that compute its numbers, what is stacked, and the line that changes carries."""

    lines: list[str]
    stacked: list[str]
    changed: list[str]


def step_of(body: Body, state: Sequence[str], results: Sequence[Any]) -> Step:
    """One step, whose carries have the names of `state`; those that stay as they are are left out."""
    writer = code_of_step()
    new = [writer.text_of_result(number) for array in results[: body.carries] for number in array.flat]
    stacked = [writer.text_of_result(number) for array in results[body.carries :] for number in array.flat]
    changed = [(name, text) for name, text in zip(state, new, strict=True) if name != text]
    line = [f"{', '.join(n for n, _ in changed)} = {', '.join(t for _, t in changed)}"] if changed else []
    return Step(lines_of(writer), stacked, line)


def names_of(slots: Sequence[Any]) -> list[str]:
    """The names of the numbers that slots hold."""
    return [number.pattern for array in slots for number in array.flat]


def lines_of(writer: Code) -> list[str]:
    """The assignments of a writer."""
    return [f"{name} = {text}" for name, text in writer.assigned.items()]


# A loop over few numbers, as arithmetic of Python's floats: NumPy takes longer to begin a call than to add so few. The
# values of the body are arrays of expressions: of a ufunc one for each element, of any other box what its fprop makes
# of the arrays by sums and products.


class Numbers:
    """The function of all steps."""

    def __init__(self, body: Body, slots: Sequence[Any], results: Sequence[Any], code: Code) -> None:
        self.text = _text(body, slots, results)
        space: dict[str, Any] = {name: getattr(math, name) for name in OF_MATH}
        exec(compile(self.text, "<steps of a loop>", "exec"), space)
        self.function: Callable[..., Any] = space["loop"]
        self.carries, self.elements = body.carries, body.elements
        self.shapes = [shape_of(result) for result in body.results]
        self.slots, self.results, self.code = slots, results, code

    def __call__(self, arrays: Sequence[Array], length: int, reverse: bool) -> tuple[Any, ...] | None:
        """The last carries and what was stacked; None where NumPy has to compute them, with its warnings and errors."""
        inner = self.carries + self.elements
        columns = [column for array in arrays[self.carries : inner] for column in _columns(array, reverse)]
        given = [number for array in (*arrays[: self.carries], *arrays[inner:]) for number in array.ravel().tolist()]
        try:
            last, stacks = self.function(length, columns, *given)
        except (ArithmeticError, ValueError):  # where Python's floats raise, NumPy's warn
            return None
        state, rows = np.array(last, float), np.array(stacks, float).reshape(len(stacks), length)
        if not (np.isfinite(state).all() and np.isfinite(rows).all()):
            return None
        steps = (rows[:, ::-1] if reverse else rows).T
        return (
            *split_numbers(state, self.shapes[: self.carries], ()),
            *split_numbers(steps, self.shapes[self.carries :], (length,)),
        )


def split_numbers(numbers: Array, shapes: Sequence[tuple[int, ...]], steps: tuple[int, ...]) -> list[Any]:
    """Arrays of these shapes, one for each step, of numbers one after another along the last axis."""
    arrays, place = [], 0
    for shape in shapes:
        size = math.prod(shape)
        arrays.append(numbers[..., place : place + size].reshape((*steps, *shape))[()])
        place += size
    return arrays


def in_numbers(body: Body) -> Numbers | None:
    """The function of a body of few numbers; None for many, for sizes that depend on values, for what is no float."""
    boxes = (*body.leaves, *body.results)
    if any(box.dtype != np.float64 or not sizes_known(box) for box in boxes) or sum(map(elements, boxes)) > LARGEST:
        return None
    code = code_of_step()
    slots = {slot: slots_of(code, place, slot.shape) for place, slot in enumerate(body.leaves)}
    try:
        results = evaluate_graph(simplify(open_composites(Graph(*body.results))), slots, code)
        return Numbers(body, list(slots.values()), results, code)
    except Exception:  # whatever a fprop raises on expressions, on arrays it runs
        return None


def slots_of(code: Code, place: int, shape: Any) -> Any:
    """The numbers of one slot."""
    names = np.empty(shape, object)
    for number, index in enumerate(np.ndindex(shape)):
        names[index] = code.number_named(f"s{place}_{number}")
    return names


def evaluate_graph(graph: Graph, slots: dict[Box, Any], code: Code) -> list[Any]:
    """The outputs as arrays of expressions and numbers."""
    values: dict[Box, Any] = dict(slots)
    for box in graph.boxes:
        if isinstance(box, Constant):
            values[box] = box.value.astype(object) if box.dtype == np.float64 else box.value
        elif box not in values:
            (spec,) = box.outputs
            ufunc, children = ufunc_of(box), [values[child] for child in box.children]
            value = box.fprop(*children) if ufunc is None else elementwise(code, ufunc, children)
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
