"""The back end of JavaScript: a graph as a module, which Node.js runs when Python calls the plan."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.box.leaves import Parameter, Random
from flowgraph.graph import Graph
from flowgraph.plan.binding import Binding, Memory, Names, Program
from flowgraph.plan.emitter import RefusedError, Request
from flowgraph.plan.javascript import boxes as boxes  # it registers its rules
from flowgraph.plan.javascript.boxes import RULES, literal
from flowgraph.plan.javascript.kernels import called_by, names_of_kernels
from flowgraph.plan.javascript.node import run_in_node
from flowgraph.plan.javascript.numbers import function_of, roots_of, step_of
from flowgraph.plan.passes.inlining import open_composites
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import owner_of
from flowgraph.plan.schedule import Schedule
from flowgraph.shapes.size import Shape, Size

# A graph as a module of JavaScript: one line for each box, after the functions that the lines call.

_RESERVED = re.findall(
    r"\w+",
    """
arguments await break case catch class const continue debugger default delete do else enum eval export extends false
finally for function if implements import in instanceof interface let new null package private protected public return
static super switch this throw true try typeof undefined var void while with yield
Array ArrayBuffer Float32Array Float64Array Infinity Int32Array JSON Math NaN Number Object RangeError TypeError
Uint8Array atob seed sizes parameters given uniform step initial values async of get set
""",
)

AFTER_KERNELS = "// The graph."
"""The line after the functions that a module takes from `kernels/`: a page of several modules has them once."""

_LARGEST_WRITTEN = 64
"""Elements of a constant that are written as numbers, for people to read; more are written as base64."""

DTYPES = (*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float32", "float64", "bool")


class Writer:
    """The lines of one graph."""

    def __init__(
        self, boxes: Sequence[Box], outputs: Sequence[Box], leaves: Sequence[Box], parameters: Sequence[Parameter]
    ) -> None:
        self.leaves = leaves
        self.parameters = parameters
        self._roots = roots_of(boxes, outputs, lambda box: RULES.of(box) is not None)
        self._members: dict[Box, list[Box]] = {}
        for box, root in reversed(self._roots.items()):
            self._members.setdefault(root, []).append(box)
        values = [box for box in boxes if self._roots.get(box, box) is box]
        given = [leaf for leaf in (*leaves, *parameters) if leaf not in set(boxes)]
        self.names = Names([*_RESERVED, *names_of_kernels()]).of_values([*values, *given])
        self.lines: list[str] = []
        self.constants: list[str] = []
        for box in (*given, *boxes):  # given to every call, although nothing may read them
            _check_dtype(box)
        for box in values:
            self._add(box)
        text = "\n".join([*self.lines, *[self.names[box] for box in outputs]])
        self.constants = [line for line in self.constants if re.search(rf"\b{line.split()[1]}\b", text)]

    def _add(self, box: Box) -> None:
        name = self.names[box]
        if isinstance(box, Constant):
            self.constants.append(f"const {name} = {write_array(box.value)};")
        elif box.children:
            self.lines.append(f"const {name} = {self._expression(box)};")

    def _expression(self, box: Box) -> str:
        """The expression of a box: by its rule, or a function of numbers; refused without."""
        rule = RULES.of(box)
        if rule is not None:
            return rule.expression(box, *[self.names[child] for child in box.children])
        if box not in self._members:
            owner = owner_of(box)
            what = "" if type(owner) is type(box) else f"is made of {type(box).__name__}, which "
            raise RefusedError(
                f"{what}has no rule for JavaScript; register one with flowgraph.plan.javascript.rule_for", box
            )
        function, operands = function_of(self._members[box], self.names)
        if not operands:
            return f'array([({function})()], [], "{box.dtype.name}")'
        return f'map("{box.dtype.name}", {function}, {", ".join(self.names[operand] for operand in operands)})'

    def leaf_lines(self) -> list[str]:
        """What reads the inputs and draws."""
        lines = []
        for leaf in self.leaves:
            name, shape, of = self.names[leaf], _shape(leaf.shape), leaf.dtype.name
            key = quote_text(name_of(leaf))
            read = f'readInput({key}, given[{key}], sizes, {shape}, "{of}")'
            if isinstance(leaf, Random) and hasattr(leaf.draw, "javascript"):
                drawn = f'drawn(uniform, {leaf.draw.javascript()}, {shape_in_numbers(leaf.shape)}, "{of}")'
                read = f"given[{key}] === undefined ? {drawn} : {read}"
            lines.append(f"const {name} = {read};")
        return lines


def name_of(leaf: Box) -> str:
    """The name by which a leaf is given: its own, or that of the draw."""
    return str(leaf.name or leaf.title)


def quote_text(text: str) -> str:
    """A string of JavaScript, of letters that every encoding has."""
    return json.dumps(text).replace("<", "\\u003c")  # so that no name ends the script of a page


def module(
    writer: Writer, kept: Sequence[Box], new: Sequence[Box], reads: Sequence[Parameter], updated: Sequence[Parameter]
) -> str:
    """The text of the module: the kernels that it calls, the values of parameters, and the function `step`."""
    names = writer.names
    parameters = [*reads, *updated]
    random = any(isinstance(leaf, Random) and hasattr(leaf.draw, "javascript") for leaf in writer.leaves)
    body = ["const sizes = {};"]
    body += ["const uniform = generator(seed);"] if random else []
    body += [f"const {names[p]} = parameters[{quote_text(name_of(p))}];" for p in parameters]
    body += [*writer.leaf_lines(), *writer.lines]
    results = ", ".join(names[box] for box in kept)
    changed = ", ".join(f"{quote_text(name_of(p))}: {names[box]}" for p, box in zip(updated, new, strict=True))
    start = "".join(f"  {quote_text(name_of(p))}: {write_array(p.value)},\n" for p in parameters)
    seed = ", seed = Date.now()" if random else ""
    text = "\n".join(
        [
            *([*writer.constants, ""] if writer.constants else []),
            f"export const initial = {{\n{start}}};\n" if start else "export const initial = {};\n",
            f"// Values of the outputs for the given inputs, and the new values of the parameters.\n"
            f"export function step(given, parameters = initial{seed}) {{",
            *[f"  {line}" for line in body],
            f"  return {{ values: [{results}], parameters: {{ ...parameters{', ' + changed if changed else ''} }} }};",
            "}",
            "",
        ]
    )
    return f"\n\n{AFTER_KERNELS}\n".join(["\n\n".join(called_by(text)), text])


def _check_dtype(box: Box) -> None:
    strange = [str(spec.dtype) for spec in box.outputs if spec.dtype.name not in DTYPES]
    if strange:
        raise RefusedError(f"has the dtype {strange[0]}, which JavaScript has no numbers for", box)


def write_array(value: Any) -> str:
    """An array as JavaScript: its numbers, or base64 where they are many."""
    array = np.asarray(value)
    shape = literal(array.shape)
    stored = array.astype({"int64": "<f8", "uint64": "<f8"}.get(array.dtype.name, array.dtype.newbyteorder("<")))
    if array.dtype.kind in "iu" and not np.array_equal(stored.astype(array.dtype), array):
        raise RefusedError("holds whole numbers beyond 2**53, which JavaScript's numbers are not exact for")
    if array.size <= _LARGEST_WRITTEN:
        numbers = array.astype(int) if array.dtype.kind == "b" else array
        return f'array({literal(numbers.ravel().tolist())}, {shape}, "{array.dtype.name}")'
    text = base64.b64encode(np.ascontiguousarray(stored).tobytes()).decode()
    return f'decoded("{text}", {shape}, "{array.dtype.name}")'


def _shape(shape: Shape) -> str:
    """A shape as names and numbers; a size that is no name has no place in the shape of an input."""
    return f"[{', '.join(_text(size) for size in shape)}]"


def _text(size: int | Size) -> str:
    return f'"{size}"' if isinstance(size, Size) else str(size)


def shape_in_numbers(shape: Shape) -> str:
    """A shape in numbers, of the names that inputs have given."""
    return f"[{', '.join(_polynomial(size) for size in shape)}]"


def _polynomial(size: int | Size) -> str:
    if not isinstance(size, Size):
        return str(size)
    terms = [" * ".join([str(factor), *(f'sizes["{name}"]' for name in names)]) for names, factor in size.terms.items()]
    return " + ".join(terms)


# The back end of JavaScript behind `fg.compile(..., backend="javascript")`.

_LEFT_OUT = frozenset({"pooling", "scales", "transpose_layout", "products", "batch_one", "accumulation"})
"""Passes that make lines of NumPy faster and harder to read; the kernels gain nothing from them."""


class JavaScriptEmitter:
    """Sizes stay names, which the functions read from their inputs; a call from Python runs in Node.js."""

    name: ClassVar[str] = "javascript"
    standalone: ClassVar[bool] = True

    def why_missing(self) -> None:
        """The text needs nothing to be written; a call says what is missing to run it."""

    def has_rule(self, box: Box) -> bool:
        """Whether a line computes the box."""
        return RULES.of(box) is not None or isinstance(box, Elementwise)

    def schedule(self, request: Request) -> Schedule:
        """The simplified graph; values live as long as JavaScript keeps them."""
        small = in_lines(request.graph, request.without, len(request.store.parameters))
        new = small.outputs[request.returned :]
        return Schedule(small, dict(zip(request.store.parameters, new, strict=True)))

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """A module whose function `step` takes and returns arrays by name, and the Python that calls it."""
        updated = request.store.parameters
        writer = Writer(schedule.graph.boxes, schedule.graph.outputs, request.leaves, [*request.reads, *updated])
        kept = schedule.graph.outputs[: request.returned]
        text = module(writer, kept, schedule.graph.outputs[request.returned :], request.reads, updated)
        leaves, reads = [name_of(leaf) for leaf in request.leaves], [name_of(parameter) for parameter in request.reads]

        def make(memory: Memory) -> Any:
            def call(*values: Any) -> tuple[Any, ...]:
                given = dict(zip(leaves, values[: len(leaves)], strict=True))
                known = dict(zip(reads, values[len(leaves) :], strict=True))
                known |= {name_of(parameter): array for parameter, array in memory.old.items()}
                results, new = run_in_node(text, given, known)
                for parameter, array in memory.new.items():
                    array[...] = new[name_of(parameter)]
                return tuple(map(_as_returned, results))

            return call

        names = ", ".join(f"a{place}" for place in range(len(leaves) + len(reads)))
        call = f"def step({names}):\n    return _call({names})\n"
        return Program(text, call, [Binding("_call", make)], 0, (False,) * len(kept))


def in_lines(graph: Graph, without: frozenset[str] = frozenset(), updated: int = 0) -> Graph:
    """The simplified graph, of boxes that are lines or functions of numbers; the last `updated` are new values.

    Boxes that work element by element are opened behind the passes: their steps are those of NumPy, bit by bit.
    """
    small = simplify(graph, without | _LEFT_OUT, updated)
    return open_composites(small, lambda box: RULES.of(box) is not None or step_of(box) is not None, symbolic=True)


def _as_returned(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(part[()] for part in value)
    return value[()]
