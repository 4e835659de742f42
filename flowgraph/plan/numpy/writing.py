"""What grows while a plan is written: the source, its names, and the lines with the buffers that they fill."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Parameter
from flowgraph.plan.binding import Binding, Memory
from flowgraph.plan.memory_order import Order, in_order
from flowgraph.plan.names import Names
from flowgraph.plan.passes.parameter_layout import bytes_of
from flowgraph.plan.rebuild import elements, shape_of, sizes_known
from flowgraph.plan.schedule import Buffer, Schedule
from flowgraph.plan.store import flat_view
from flowgraph.printable import printable
from flowgraph.shapes.spec import shape_text


@dataclass
class Source:
    """The text of a plan's function while it grows: the names of the boxes, what the others stand for."""

    text: str = ""
    arguments: tuple[Box, ...] = ()
    names: dict[Box, str] = field(default_factory=dict)
    bindings: list[Binding] = field(default_factory=list)
    taken: Names = field(default_factory=lambda: Names(()))
    bound: set[str] = field(default_factory=set)

    def bind(self, name: str, make: Callable[[Memory], Any]) -> str:
        """Say once what a name stands for."""
        if name not in self.bound:
            self.bound.add(name)
            self.bindings.append(Binding(name, make))
        return name

    def bind_new(self, name: str, make: Callable[[Memory], Any]) -> str:
        """Bind a name that is free: this one, or this one with a number."""
        return self.bind(self.taken.free(name), make)


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
            self.outs[key] = self.source.bind_new(name, lambda memory: _array(buffer, box, memory, order))
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


def _array(buffer: Buffer, box: Box, memory: Memory, order: Order | None = None) -> Array:
    """A buffer as the array that the value of a box is."""
    if buffer.tile:
        return np.empty((buffer.tile, *shape_of(box)[1:]), box.dtype)
    whole = buffer.whole
    if whole.spare_of is None:
        return in_order(memory.array(buffer.start, box), shape_of(box), order)
    new = flat_view([memory.new[parameter] for parameter in whole.spare_of])
    start = buffer.start // box.dtype.itemsize
    return new[start : start + elements(box)].reshape(box.shape)


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
    if run is not None and (covered := _covered(run, buffer)):
        return f"spare_{name_of_run(writer.source, covered)}"
    return f"{writer.out(writer.wholes[id(buffer)])}_{buffer.section + 1}"


def _covered(run: Sequence[Parameter], section: Buffer) -> list[Parameter]:
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
    sections = [writer.out(one) for _, one in sorted(writer.joins[box].items())]
    listed = " and ".join(sections) if len(sections) < 3 else f"{sections[0]} to {sections[-1]}"
    writer.lines.append((f"    {name} = {out}", f"{shape_text(box.shape)} of {listed}"))
    return name
