"""What grows while the loops of a native plan are written: its lines, the names of its arrays and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.plan.binding import Names
from flowgraph.plan.numba.loops import Loops, is_literal, is_local, is_number, is_own
from flowgraph.plan.numba.machine import literal, number_name
from flowgraph.plan.numba.places import Called, addresses_of, element, is_rows, squeezed
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.plan.schedule import Buffer, Schedule

# In-place reuse: an output may overwrite an input that the same loop reads for the last time.


@dataclass
class InPlaceReuse:
    """What loops read and write, by line: who may have the buffer of whom.

    `reads` has, by array and loop, the last line that reads it there, -1 if another element than the loop's own is read
    anywhere in it; `writes` has the loop and the line in which an array is written at the loop's own index.
    """

    reads: dict[Box, dict[int, int]] = field(default_factory=dict)
    writes: dict[Box, tuple[int, int]] = field(default_factory=dict)

    def read(self, base: Box, loop: int, line: int, own: bool) -> None:
        """A line reads an element of the array."""
        lines = self.reads.setdefault(base, {})
        lines[loop] = line if own and lines.get(loop, 0) >= 0 else -1

    def write(self, box: Box, loop: int, line: int) -> None:
        """A line writes the element of the box at the loop's own index."""
        self.writes[box] = loop, line

    def reuse_dying_buffers(self, buffers: dict[Box, Buffer]) -> None:
        """Let arrays have the buffers of those that die in the loop that writes them, before the line that does."""
        dying: dict[int, list[Box]] = {}
        for base, lines in self.reads.items():
            if base in buffers and lines.get(buffers[base].last, -1) >= 0:
                dying.setdefault(buffers[base].last, []).append(base)
        for box, (loop, line) in self.writes.items():
            if box not in buffers:
                continue
            for base in dying.get(loop, ()):
                buffer = buffers[base]
                if buffer.size == buffers[box].size and buffer.last == loop and self.reads[base][loop] <= line:
                    buffer.last = buffers[box].last
                    buffers[box] = buffer
                    break


# What grows while the loops of a native plan are written: its lines, the names of its arrays and numbers.


@dataclass
class Native:
    """The text of a native function, and what its memory holds.

    `fixed` are offsets of constants and of parameters that are only read; `offsets` those of values; `checks` are the
    boxes that refuse labels, by the code that the function returns; `called` are the functions whose addresses stand in
    the table, by their place there; `addresses` is the length of the table.
    """

    text: str = ""
    names: dict[Box, str] = field(default_factory=dict)
    arguments: dict[Box, int] = field(default_factory=dict)
    fixed: dict[Box, int] = field(default_factory=dict)
    offsets: dict[Box, int] = field(default_factory=dict)
    bytes: int = 0
    checks: list[Box] = field(default_factory=list)
    functions: set[np.ufunc] = field(default_factory=set)
    called: dict[Called, int] = field(default_factory=dict)
    addresses: int = 1


class Writing:
    """The lines so far, and how values are read and stored in them; rules are given it."""

    def __init__(self, plan: Schedule, loops: Loops, native: Native, names: Names, blas: bool) -> None:
        self.plan = plan
        self.loops = loops
        self.places = loops.places
        self.new = {parameter: loops.places[box].base for parameter, box in plan.updated.items()}
        self.native = native
        self.taken = names
        self.blas = blas
        self.lines: list[str] = []
        self.at = 0
        self.sizes: tuple[int, ...] | None = None
        self.kept: set[Box] = set()
        self.arrays: dict[tuple[Box, tuple[int, ...]], str] = {}
        self.variables: dict[Box, str] = {}
        self.reuse = InPlaceReuse()

    def read(self, child: Box, index: Sequence[str]) -> str:
        """The text of an element of a value."""
        place = self.places[child]
        base = place.base
        if is_literal(base):
            return literal(base)  # type: ignore[arg-type]
        if is_number(self.loops, base):
            return self.variable(base)
        if base in self.native.arguments and base.shape == ():
            return self.native.names[base]
        here = self.sizes is not None and self.loops.of.get(base) == self.at
        if here and is_local(self.loops, child, index, self.sizes or ()):
            return self.variable(base)
        own = self.sizes is not None and is_own(self.loops, child, index, self.sizes)
        self.reuse.read(base, self.at, len(self.lines), own)
        return element(place, shape_of(child), index, self.array)

    def variable(self, box: Box) -> str:
        """The name of one number of the value."""
        if box not in self.variables:
            name = self.native.names[box]
            self.variables[box] = (
                self.taken.free(f"{name}element") if elements(box) > 1 and box in self.loops.stored else name
            )
        return self.variables[box]

    def array(self, base: Box, flat: bool) -> str:
        """The name of the array of a value."""
        shape = shape_of(base) or (1,)
        return self.shaped(base, (elements(base),) if flat else shape)

    def shaped(self, base: Box, shape: tuple[int, ...]) -> str:
        """The name of the array in a shape of as many elements."""
        key = (base, shape)
        if key not in self.arrays:
            name = self.native.names[base]
            own = shape == (shape_of(base) or (1,))
            if own and base in self.loops.of and elements(base) == 1:
                name = self.taken.free(f"{name}kept")
            self.arrays[key] = name if own else self.taken.free(f"{name}{'flat' if len(shape) == 1 else 'reshaped'}")
        return self.arrays[key]

    def is_matrix(self, box: Box) -> bool:
        """Whether a value is an array of rows, or the transpose of one."""
        place, shape = self.places[box], shape_of(box)
        whole = elements(place.base) == elements(box)
        return whole and (is_rows(place.strides, shape) or is_rows(place.strides[::-1], shape[::-1]))

    def matrix(self, box: Box) -> str:
        """A matrix as a whole."""
        place, shape = self.places[box], shape_of(box)
        if is_rows(place.strides, shape):
            return self.shaped(place.base, shape)
        return f"{self.shaped(place.base, shape[::-1])}.T"

    def address(self, function: np.ufunc | str, dtype: np.dtype[Any]) -> str:
        """Where the table has what is called, and for a loop of NumPy what it is given beside."""
        called = function, dtype
        count = len(addresses_of(called))
        if called not in self.native.called:
            self.native.called[called] = self.native.addresses
            self.native.addresses += count
        place = self.native.called[called]
        return ", ".join(f"addresses[{place + number}]" for number in range(count))

    def plus_product(self, box: Box, total: str, left: str, right: str) -> str:
        """A sum and one product more."""
        if box.dtype.kind == "f":
            return f"plus_product({total}, {left}, {right})"
        return f"{number_name(box.dtype, box)}({total} + {left} * {right})"

    def store(self, box: Box, index: Sequence[str], indent: str) -> None:
        """Put the number of a box into its array, if it has one."""
        if box in self.loops.stored or box in self.kept:
            if self.loops.roles[box] == "element" and self.sizes == squeezed(shape_of(box)):
                self.reuse.write(box, self.at, len(self.lines))
            self.lines.append(f"{indent}{self.array(box, False)}[{', '.join(index) or '0'}] = {self.variable(box)}")
