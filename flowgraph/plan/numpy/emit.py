"""The source of a plan: one line of NumPy for each box, with the names of the boxes and their shapes beside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.box.leaves import Parameter
from flowgraph.plan.binding import (
    Binding,
    Names,
    array_at,
    constant,
    fprop_of,
    new_value,
    number_in_array,
    old_value,
    old_values,
    value_itself,
    value_of,
    view_in,
)
from flowgraph.plan.kinds import Order
from flowgraph.plan.numpy.lines import literal_of, number_of
from flowgraph.plan.numpy.rules import CALLS, VIEWS, keep_where, ufunc_of
from flowgraph.plan.rebuild import is_data, shape_of, sizes_known, without_graph
from flowgraph.plan.schedule import Buffer, Schedule
from flowgraph.plan.store import bytes_of
from flowgraph.printable import printable
from flowgraph.shapes.spec import shape_text

# What grows while a plan is written: the source, its names, and the lines with the buffers that they fill.


@dataclass
class Source:
    """The text of a plan's function while it grows: the names of the boxes, what the others stand for."""

    text: str = ""
    arguments: tuple[Box, ...] = ()
    names: dict[Box, str] = field(default_factory=dict)
    bindings: list[Binding] = field(default_factory=list)
    taken: Names = field(default_factory=lambda: Names(()))
    bound: set[str] = field(default_factory=set)

    def bind(self, name: str, make: Callable[..., Any], *data: Any) -> str:
        """Say once what a name stands for: what `make` makes of the memory and of the data."""
        if name not in self.bound:
            self.bound.add(name)
            self.bindings.append(Binding(name, make, data))
        return name

    def bind_new(self, name: str, make: Callable[..., Any], *data: Any) -> str:
        """Bind a name that is free: this one, or this one with a number."""
        return self.bind(self.taken.free(name), make, *data)


class Writing:
    """The lines so far, the names of buffers, and what the boxes are read as; rules are given it."""

    def __init__(self, plan: Schedule, source: Source) -> None:
        self.plan = plan
        self.source = source
        self.lines: list[tuple[str, str]] = []
        self.outs: dict[tuple[int, tuple[int, ...], str, Order | None], str] = {}
        self.texts: dict[Box, str] = {}
        self.scope: str | None = None
        self.numbers: dict[Box, str] = {}
        self.readers: dict[Box, list[Box]] = {}
        for box in plan.graph.boxes:
            for child in box.children:
                self.readers.setdefault(child, []).append(box)
        self.results: set[Box] = set()
        self.new = {box: parameter for parameter, box in plan.updated.items()}
        self.joins: dict[Box, dict[int, Box]] = {}
        self.wholes: dict[int, Box] = {}
        for box, section in plan.sections.items():
            self.joins.setdefault(section.whole, {})[section.number] = box
            self.wholes[id(plan.buffers[box])] = section.whole

    def out(self, box: Box) -> str:
        """The name of the buffer as the array that the value is."""
        buffer = self.plan.buffers[box]
        order = self.plan.orders.get(box)
        key = (id(buffer), shape_of(box), box.dtype.str, order)
        if key not in self.outs:
            name = name_of_buffer(self, buffer)
            place = (buffer.start, shape_of(box), box.dtype.str, order, buffer.whole.spare_of)
            self.outs[key] = self.source.bind_new(name, array_at, *place)
        return self.outs[key]

    def headline(self, box: Box) -> None:
        """A comment with the scope of a box, where it is another than that of the line above."""
        scope = box.scope.rstrip("/")
        if scope != self.scope:
            if scope or self.scope is not None:
                self.lines.append((f"    # {printable(scope)}" if scope else "    #", ""))
            self.scope = scope

    def line(self, box: Box, text: str, comment: bool = True) -> None:
        """A line of source, with the shape of the box as a comment beside it."""
        known = sizes_known(box)
        shape = " and ".join(shape_text(spec.shape) for spec in box.outputs) if known else "size from values"
        self.lines.append((f"    {text}", shape if comment and shape != "()" else ""))


def name_of_run(source: Source, run: Sequence[Parameter]) -> str:
    """The name of flat parameters: of the first and the last."""
    return "_".join(source.names[parameter] for parameter in dict.fromkeys((run[0], run[-1])))


def name_of_buffer(writer: Writing, buffer: Buffer) -> str:
    """What a buffer is called, if that is free: after the parameters whose spare one it is, or its section is."""
    if buffer.spare_of is not None:
        return f"spare_{name_of_run(writer.source, buffer.spare_of)}"
    if buffer.inside is None:
        return "m1"
    run = buffer.whole.spare_of
    if run is not None and (covered := _parameters_in(run, buffer)):
        return f"spare_{name_of_run(writer.source, covered)}"
    return f"{writer.out(writer.wholes[id(buffer)])}_{buffer.section + 1}"


def _parameters_in(run: Sequence[Parameter], section: Buffer) -> list[Parameter]:
    """The flat parameters that a section of it covers."""
    ends = list(itertools.accumulate(map(bytes_of, run)))
    return [p for p, end in zip(run, ends, strict=True) if section.start < end <= section.start + section.size]


def write_join(writer: Writing, box: Box, texts: Sequence[str]) -> str:
    """Copy what was not written into its section, and name the buffer of all."""
    out, name = writer.out(box), writer.source.names[box]
    start = 0
    for section, (child, text) in enumerate(zip(box.children, texts, strict=True)):
        stop = start + shape_of(child)[0]
        if section not in writer.joins[box]:
            writer.line(child, f"{out}[{start}:{stop}] = {text}")
        start = stop
    sections = [writer.out(child) for _, child in sorted(writer.joins[box].items())]
    listed = " and ".join(sections) if len(sections) < 3 else f"{sections[0]} to {sections[-1]}"
    writer.lines.append((f"    {name} = {out}", f"{shape_text(box.shape)} of {listed}"))
    return name


# The source of a plan: one line of NumPy for each box, with the names of the boxes and their shapes beside.

FUNCTIONS: dict[str, Any] = {
    function.__name__: function
    for function in (
        np.add, np.multiply, np.maximum, np.minimum, np.matmul, np.copyto, np.concatenate, np.broadcast_to, keep_where,
    )
} | {"intp": np.intp, "inf": np.inf}  # fmt: skip
"""What lines name, whatever the boxes; ufuncs of the boxes come to them."""


def emit(
    plan: Schedule,
    arguments: Sequence[Box],
    results: Sequence[Box],
    writer: Callable[[Schedule, Source], Writer] | None = None,
) -> Source:
    """The source of a function of the arguments that computes the schedule and returns the results."""
    functions: dict[str, Any] = {}
    for box in plan.graph.boxes:
        kind = plan.kinds[box]
        ufunc = None if kind in ("given", "fixed", "view") else ufunc_of(box)
        if ufunc is not None:
            functions[ufunc.__name__] = ufunc
        elif kind == "fill":
            functions |= plan.kinds.fills[box].functions if box in plan.kinds.fills else {}
    source = Source(arguments=tuple(arguments))
    source.taken = Names({*FUNCTIONS, *functions, "step"})
    source.names = source.taken.of_values(list(dict.fromkeys([*arguments, *plan.updated, *plan.graph.boxes])))
    for parameter, box in plan.updated.items():
        source.names[box] = source.taken.free(f"new_{source.names[parameter]}")
    for box, run in plan.flat.joined.items():
        source.names[box] = source.taken.free(name_of_run(source, run))
    for box, run in plan.flat.new.items():
        source.names[box] = source.taken.free(f"new_{name_of_run(source, run)}")
    source.bindings = [constant(name, function) for name, function in {**FUNCTIONS, **functions}.items()]
    for box in plan.graph.boxes:
        _bind_leaf(plan, source, box)
    return (writer or Writer)(plan, source).write(results)


def _bind_leaf(plan: Schedule, source: Source, box: Box) -> None:
    """Constants, and parameters that the plan updates, have names of their own."""
    name = source.names[box]
    if isinstance(box, Constant):
        source.bind(name, *((value_of, box) if is_data(box) else (value_itself, box.value)))
    elif box in plan.updated:
        source.bind(name, old_value, box)
    elif box in plan.flat.joined:
        source.bind(name, old_values, plan.flat.joined[box])


class Writer(Writing):
    """Writes the line of each box."""

    def write(self, results: Sequence[Box]) -> Source:
        """The source of the step, which returns these results."""
        self.results = set(results)
        waiting: list[Box] = []  # views of what a kernel computes, whose line stands at its last box
        for box in self.plan.graph.boxes:
            kernel = self.plan.kernels.get(box)
            if kernel is None and self.plan.kinds[box] == "view" and box.children[0] not in self.texts:
                waiting.append(box)
            elif kernel is None:
                self._write(box)
            elif box is kernel[-1]:
                self.call_kernel(kernel)
                for view in waiting:
                    self._write(view)
                waiting.clear()
        returned = ", ".join(self.numbers.get(box, self.texts[box]) for box in results)
        body = [beside(text, comment) for text, comment in self.lines]
        arguments = ", ".join(self.source.names[box] for box in self.source.arguments)
        head = f"def step({arguments}):"
        body.append(f"    return ({returned},)" if len(results) == 1 else f"    return ({returned})")
        self.source.text = "\n".join([head, *body]) + "\n"
        return self.source

    def call_kernel(self, boxes: Sequence[Box]) -> None:
        """Write the line that computes several boxes; a schedule of NumPy alone has none."""
        raise NotImplementedError

    def function_of(self, box: Box) -> Callable[..., Any] | None:
        """What is called for a box without lines; None for its fprop."""
        return None

    def _write(self, box: Box) -> None:
        text = self._value(box)
        self.texts.setdefault(box, text)  # _value may have said how parents read it

    def _value(self, box: Box) -> str:
        """Write the lines of a box; the text by which its parents read it."""
        kind = self.plan.kinds[box]
        name = self.source.names[box]
        if kind in ("given", "fixed"):
            return name
        if kind == "view":
            return self._view(box)
        self.headline(box)
        texts = [self.texts[child] for child in box.children]
        if kind == "number":
            if self._write_number(box, name, texts):
                return self.texts[box]
            if any(self.plan.kinds[p] == "fill" and not self._takes_numbers(p) for p in self.readers.get(box, ())):
                self.texts[box] = self._hold_number(box, name)
            if box in self.new:
                self.line(box, f"{self._spare(self.new[box], box)}[()] = {name}")
        elif box in self.joins:
            return write_join(self, box, texts)
        elif kind == "fill":
            self._fill(box, name, texts)
        else:
            call = CALLS.of(box)
            if call is not None and call.operands is not None:
                texts = call.operands(self, box, texts, name)
            self.line(box, f"{name} = {call.expression(box, texts) if call else self._call(box, texts)}")
        return name

    def _write_number(self, box: Box, name: str, texts: list[str]) -> bool:
        """Write the line of a number; whether its rule has said how parents read it."""
        number = number_of(box)
        assert number is not None
        texts = self._numbers(box, texts)
        if number.operands is not None:
            texts = number.operands(self, box, texts, name)
        self.line(box, f"{name} = {number.expression(box, texts)}")
        if number.after is not None:
            self.texts[box] = number.after(self, box, name, texts)
        return number.after is not None

    def _numbers(self, box: Box, texts: list[str]) -> list[str]:
        """The children of a number, literals where NumPy's own number stands beside them and gives the dtype.

        An integer that is compared, or becomes a float, is computed with in another dtype where it is a literal. Of an
        array without axes, in which a parameter is kept, the number is read: it is added in a tenth of the time.
        """
        texts = [
            f"{text}[()]" if child in self.plan.updated and child.shape == () else text
            for child, text in zip(box.children, texts, strict=True)
        ]
        literals = [literal_of(child) for child in box.children]
        beside = [child.dtype for child, literal in zip(box.children, literals, strict=True) if literal is None]
        alike = bool(beside) and len({child.dtype for child in box.children}) == 1
        alike = alike and (beside[0].kind == "f" or beside[0] == box.dtype)
        return [
            (literal if alike else None) or self.numbers.get(child, text)
            for child, literal, text in zip(box.children, literals, texts, strict=True)
        ]

    def _hold_number(self, box: Box, name: str) -> str:
        """A number that arrays are computed with is put into an array without axes, which NumPy takes in faster."""
        held = self.source.bind_new(f"{name}_", number_in_array, box.dtype.str)
        self.numbers[box] = name
        self.line(box, f"{held}[()] = {name}", comment=False)
        return held

    def _call(self, box: Box, texts: list[str]) -> str:
        function = self.function_of(box)
        made = (fprop_of, without_graph(box)) if function is None else (value_itself, function)
        called = self.source.bind_new(type(box).__name__, *made)
        return f"{called}({', '.join(texts)})"

    def _view(self, box: Box) -> str:
        """The text of a view; one of a fixed place is made before the first run, with a name that tells what it is."""
        base = self.texts[box.children[0]]
        view = VIEWS.of(box)
        assert view is not None
        text = view.expression(box, base)
        if self.plan.is_fixed(box):
            child = box.children[0]
            of = self.out(child) if child in self.plan.buffers else base
            return self.source.bind_new(f"{base}_{view.suffix(box)}", view_in, of, without_graph(box))
        return text

    def _fill(self, box: Box, name: str, texts: list[str]) -> None:
        writing = self.plan.kinds.fills[box]
        out = self.out(box)
        inside = self.plan.in_place.get(box)
        if inside is not None and (not isinstance(box, Elementwise) or ufunc_of(box) is None):
            texts = [out if child is inside else text for child, text in zip(box.children, texts, strict=True)]
        if writing.operands is not None:
            texts = writing.operands(self, box, texts, out)
        *before, value = writing.lines(box, texts, out)
        for text in before:
            self.line(box, text, comment=value == out and text is before[-1])
        self.line(box, f"{name} = {value}", comment=value != out)

    def _takes_numbers(self, box: Box) -> bool:
        """Whether a box that fills an array reads its children that are numbers as such."""
        writing = self.plan.kinds.fills.get(box)
        return writing is not None and writing.takes_numbers(box)

    def _spare(self, parameter: Parameter, box: Box) -> str:
        """The name of the spare buffer of a parameter without axes."""
        return self.source.bind_new(f"spare_{self.source.names[parameter]}", new_value, parameter)


def beside(text: str, comment: str) -> str:
    """A line with a comment in a column of its own."""
    return f"{text:<60}  # {printable(comment)}" if comment else text
