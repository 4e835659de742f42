"""The source of a native plan: one function of loops, sums in them, and the places of its arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Reduction, Sum
from flowgraph.plan.arena import ALIGNMENT, lay_out
from flowgraph.plan.binding import Names
from flowgraph.plan.numba.blocks import nested, write_block
from flowgraph.plan.numba.loops import Loop, Loops, element_lines
from flowgraph.plan.numba.machine import cast, literal, number_name, steps
from flowgraph.plan.numba.places import LETTERS, own_index, squeezed
from flowgraph.plan.numba.rules import CHECKS, RULES, Rule
from flowgraph.plan.numba.writing import Native, Writing
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.plan.schedule import Buffer, Schedule
from flowgraph.printable import printable
from flowgraph.shapes.spec import shape_text

# The lines of loops over elements, and of the sums, maxima and minima that are taken in them.


def write_loop(writer: Writing, loop: Loop) -> None:
    """The loops over some sizes, with what is set before and stored after sums."""
    if not loop.boxes:  # they have moved to later loops
        return
    sums = [box for box in loop.boxes if isinstance(box, Reduction)]
    for one in sums:
        _start_in_memory(writer, one)
    for axis in range(len(loop.sizes) + 1):
        indent = "    " * (axis + 1)
        for one in _starting(sums, axis):
            writer.lines.append(f"{indent}{writer.variable(one)} = {_identity(one)}")
        if axis < len(loop.sizes):
            count = steps(loop.sizes[axis], axis + 1 == len(loop.sizes))
            writer.lines.append(f"{indent}for {LETTERS[axis]} in range({count}):")
    for box in loop.boxes:
        _write_body(writer, box, "    " * (len(loop.sizes) + 1))
    for axis in range(len(loop.sizes), -1, -1):
        for one in _starting(sums, axis):
            writer.store(one, _kept_index(one), "    " * (axis + 1))


def _starting(sums: list[Reduction], axis: int) -> list[Reduction]:
    return [one for one in sums if _starts(one) == axis]


def _write_body(writer: Writing, box: Box, indent: str) -> None:
    if isinstance(box, Reduction):
        target = writer.variable(box)
        if _starts(box) is None:
            target = f"{writer.array(box, False)}[{', '.join(_kept_index(box))}]"
        child = box.children[0]
        value = cast(writer.read(child, own_index(child.shape)), child.dtype, box.dtype)
        writer.lines.append(f"{indent}{target} = {_combined(box, target, value)}")
        return
    code = 0
    if CHECKS.of(box) is not None:
        writer.native.checks.append(box)
        code = len(writer.native.checks)
    before, value = element_lines(box, writer.read, code)
    writer.lines += [f"{indent}{line}" for line in before]
    writer.lines.append(f"{indent}{writer.variable(box)} = {value}")
    writer.store(box, own_index(box.shape), indent)


def _axes(box: Reduction) -> tuple[list[int], list[str]]:
    """The axes, among those above 1, that are summed over, and the letters of all axes."""
    child = box.children[0]
    shape, letters = shape_of(child), own_index(child.shape)
    summed = box.axes(child.ndim)
    return [LETTERS.index(letters[axis]) for axis in summed if shape[axis] != 1], letters


def _starts(box: Reduction) -> int | None:
    """The first of the loops that are summed over, if these are the innermost; else the sums stand in memory."""
    axes, _ = _axes(box)
    count = len(squeezed(shape_of(box.children[0])))
    first = count - len(axes)
    return first if sorted(axes) == list(range(first, count)) else None


def _kept_index(box: Reduction) -> list[str]:
    """The index of the result in the loops over the child."""
    _, letters = _axes(box)
    summed = box.axes(len(letters))
    if box.keepdims:
        return ["0" if axis in summed else letter for axis, letter in enumerate(letters)]
    return [letter for axis, letter in enumerate(letters) if axis not in summed]


def _start_in_memory(writer: Writing, box: Reduction) -> None:
    if _starts(box) is not None:
        return
    index = own_index(box.shape)
    heads, indent = nested(list(zip(index, shape_of(box), strict=True)))
    writer.lines += [*heads, f"{indent}{writer.array(box, False)}[{', '.join(index)}] = {_identity(box)}"]


def _rule(box: Reduction) -> Rule:
    rule = RULES.of(box)
    assert rule is not None
    return rule


def _identity(box: Reduction) -> str:
    """What changes nothing."""
    identity = _rule(box).identity
    assert identity is not None
    return identity(box)


def _combined(box: Reduction, total: str, value: str) -> str:
    combined = _rule(box).combined
    assert combined is not None
    return combined(box, total, value)


def _zero(box: Sum) -> str:
    return literal(Constant(np.zeros((), box.dtype)))


def _plus(box: Sum, total: str, value: str) -> str:
    return f"plus({total}, {value})" if box.dtype.kind == "f" else f"{number_name(box.dtype, box)}({total} + {value})"


def _lowest(box: Max) -> str:
    if box.dtype.kind in "fb":
        return "False" if box.dtype.kind == "b" else f"{number_name(box.dtype, box)}(-inf)"
    return f"{number_name(box.dtype, box)}({np.iinfo(box.dtype).min})"


def _highest(box: Min) -> str:
    if box.dtype.kind in "fb":
        return "True" if box.dtype.kind == "b" else f"{number_name(box.dtype, box)}(inf)"
    return f"{number_name(box.dtype, box)}({np.iinfo(box.dtype).max})"


def _has_order(box: Box) -> bool:
    return box.dtype.kind != "c"


RULES.add([Sum], Rule("reduction", identity=_zero, combined=_plus))
RULES.add(
    [Max],
    Rule("reduction", identity=_lowest, combined=lambda box, *of: f"maximum({', '.join(of)})", when=_has_order),
)
RULES.add(
    [Min],
    Rule("reduction", identity=_highest, combined=lambda box, *of: f"minimum({', '.join(of)})", when=_has_order),
)


# The source of a native plan: one function of loops, which Numba compiles.


def emit(plan: Schedule, loops: Loops, arguments: Sequence[Box], results: Sequence[Box], blas: bool) -> Native:
    """The source of a function of the arguments, beside the table of addresses, that fills the memory."""
    ufuncs = {ufunc for box in plan.graph.boxes if (ufunc := ufunc_of(box)) is not None}
    ufuncs |= {ufunc for box in plan.graph.boxes if (rule := RULES.of(box)) is not None for ufunc in rule.functions}
    native = Native(arguments={box: place for place, box in enumerate(arguments)}, functions=ufuncs)
    native.addresses += 2 * len(plan.updated)
    names = Names((), suffix="_")  # as no function ends that the lines call, and no variable of a loop
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
