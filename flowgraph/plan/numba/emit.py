"""The source of a native plan: one function of loops, which Numba compiles."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.plan.arena import ALIGNMENT, lay_out
from flowgraph.plan.names import Names
from flowgraph.plan.numba.blocks import write_block
from flowgraph.plan.numba.loops import Loops
from flowgraph.plan.numba.numbers import NUMBERS, number_name
from flowgraph.plan.numba.places import LETTERS
from flowgraph.plan.numba.rules import RULES
from flowgraph.plan.numba.sums import write_loop
from flowgraph.plan.numba.writing import Native, Writing
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.plan.schedule import Buffer, Schedule
from flowgraph.printable import printable
from flowgraph.shapes.spec import shape_text

RESERVED = (
    *NUMBERS, *LETTERS, "z", "inf", "nan", "carray", "pointer", "plus", "plus_product", "call_loop", "dot", "product",
    "add_product", "erf", "erfc", "step", "table", "addresses", "memory", "range", "complex", "bool_", "native",
    "refuse", "code", "largest", "smallest", "hidden", "maximum", "minimum", "exp", "log1p",
)  # fmt: skip


def emit(plan: Schedule, loops: Loops, arguments: Sequence[Box], results: Sequence[Box], blas: bool) -> Native:
    """The source of a function of the arguments, beside the table of addresses, that fills the memory."""
    ufuncs = {ufunc for box in plan.graph.boxes if (ufunc := ufunc_of(box)) is not None}
    ufuncs |= {ufunc for box in plan.graph.boxes if (rule := RULES.of(box)) is not None for ufunc in rule.functions}
    native = Native(arguments={box: place for place, box in enumerate(arguments)}, functions=ufuncs)
    native.addresses += 2 * len(plan.updated)
    names = Names({*RESERVED, *[ufunc.__name__ for ufunc in ufuncs]})
    native.names = names.of_values(list(dict.fromkeys([*arguments, *plan.updated, *plan.graph.boxes])))
    writer = Writer(plan, loops, native, names, blas)
    for parameter, base in writer.new.items():
        native.names[base] = names.free(f"new_{native.names[parameter]}")
    writer.write(set(results) | set(writer.new.values()))
    return native


class Writer(Writing):
    """Writes the whole function: its loops, and the places of its arrays."""

    def write(self, kept: set[Box]) -> None:
        """The whole text."""
        self.kept = kept
        for at, loop in enumerate(self.loops.listed):
            self.at = at
            self.sizes = loop.sizes if loop.role == "loop" else None
            if loop.role == "block":
                box = loop.boxes[0]
                self.lines.append(f"    # {self.native.names[box]} {printable(shape_text(box.shape))}")
                write_block(self, box)
            else:
                write_loop(self, loop)
        self._lay_out()
        head = ", ".join(["table", *[self.native.names[box] for box in self.native.arguments]])
        body = [f"def step({head}):", *self._head(), *self.lines, "    return 0"]
        self.native.text = "\n".join(body) + "\n"

    def _lay_out(self) -> None:
        """Offsets of all arrays in one block of memory: values that live at the same time do not overlap."""
        end = len(self.loops.listed)
        buffers: dict[Box, Buffer] = {}
        new = set(self.new.values())
        for base, _ in self.arrays:
            if base in new or base in self.new or base in self.native.arguments:
                continue
            size = elements(base) * base.dtype.itemsize
            if base in self.loops.of:
                last = end if base in self.kept else self.loops.last.get(base, end)
                buffers[base] = Buffer(size, self.loops.of[base], last)
            else:
                self.native.fixed[base] = 0
        self.reuse.reuse_dying_buffers(buffers)
        start = lay_out({id(buffer): buffer for buffer in buffers.values()}.values())
        self.native.offsets = {base: buffer.offset for base, buffer in buffers.items()}
        for base in self.native.fixed:
            self.native.fixed[base] = start
            start += -(-elements(base) * base.dtype.itemsize // ALIGNMENT) * ALIGNMENT
        self.native.bytes = start

    def _head(self) -> list[str]:
        """Lines that give arrays their names: what a table tells, and offsets in the memory."""
        count = self.native.addresses
        lines = [f"    addresses = carray(pointer(table, int64), ({count},))", "    memory = addresses[0]"]
        order: list[Box] = [*self.new, *self.new.values()]
        numbers = {box: number for number, box in enumerate(order, 1)}
        for (base, shape), name in self.arrays.items():
            size = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
            if base in self.native.arguments:
                if shape != shape_of(base):
                    lines.append(f"    {name} = {self.native.names[base]}.reshape({size})")
                continue
            offset = self.native.offsets.get(base, self.native.fixed.get(base, 0))
            start = f"addresses[{numbers[base]}]" if base in numbers else f"memory + {offset}"
            lines.append(f"    {name} = carray(pointer({start}, {number_name(base.dtype, base)}), {size})")
        return lines
