"""What Numba compiles in place of one call of NumPy: pooling, rows added to a table."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.boxes.indexing.scatter import AddAtRows
from flowgraph.boxes.neural.pooling import MaxPool, Pooling, SpreadToRectified
from flowgraph.plan.binding import Memory
from flowgraph.plan.kinds import empty
from flowgraph.plan.numba import compiling
from flowgraph.plan.numba.kernels import LETTERS, Addressed, address_of, flat_text, layout_of
from flowgraph.plan.numba.machine import number_name, steps
from flowgraph.plan.numpy.emit import Writing
from flowgraph.plan.numpy.sparse_rows import NewRows
from flowgraph.plan.rebuild import elements, shape_of, sizes_known
from flowgraph.plan.rules import Condition, Rules, always
from flowgraph.plan.schedule import Schedule

# What Numba has compiled in place of a call of a box, in a plan that NumPy runs: registered by class.

Made = Callable[[Schedule, Any], Callable[..., Any] | None]


class Compiled(NamedTuple):
    """`make(plan, box)` is a function of the values of the children, None where there is none for this box.

    Where `fills`, the function has one argument more, the array that it fills and returns.
    """

    make: Made
    fills: bool = False
    when: Condition = always


COMPILED: Rules[Compiled] = Rules(Compiled)

compiled_for = COMPILED.rule
"""Register what makes the function of boxes of some classes: of the schedule, and of the box."""


def compiled_call(plan: Schedule, box: Box, fills: bool) -> Callable[..., Any] | None:
    """The function for a box that is a call, or that fills a buffer; None where there is none."""
    rule = COMPILED.of(box)
    return rule.make(plan, box) if rule is not None and rule.fills == fills else None


# Pooling by windows that are not padded, and its gradient over a rectifier, as loops in the order of memory.

LARGEST_WINDOW = 16
"""Elements of a window whose comparisons are written out, one line each: a bound on the text, not tuned."""


def is_plain(box: Pooling) -> bool:
    """Whether windows are small, not padded, and of floats that lie without gaps."""
    floats = box.dtype in (np.float32, np.float64) and all(child.dtype == box.dtype for child in box.children)
    known = (
        floats
        and all(map(sizes_known, (box, *box.children)))
        and bool(elements(box))
        and all(map(elements, box.children))
    )
    sliding = box.sliding
    return known and not any(map(any, sliding.padding)) and math.prod(sliding.size) <= LARGEST_WINDOW


@compiled_for(MaxPool, when=lambda box: is_plain(box))
def largest_of_windows(plan: Schedule, box: MaxPool) -> Callable[[Array], Array]:
    """What computes the pooling of an array."""
    order = plan.orders.get(box)
    windows = Windows(box, layout_of(plan, box.children[0]), empty(shape_of(box), box.dtype, order))
    name = number_name(box.dtype)
    body = ["h = p0[{0}]", *[f"h = largest(h, p0[{{0}} + {offset}])" for offset in windows.offsets[1:]], "p1[{1}] = h"]
    text = windows.text([("p0", name), ("p1", name)], [windows.inside, windows.place(windows.pooled)], body)
    kernel = compiling.compiled_kernel(text, ("int64",) * 2)
    find = Addressed(windows.layout)
    shape, dtype = shape_of(box), box.dtype

    def largest(a: Array) -> Array:
        h = empty(shape, dtype, order)
        kernel(find(a), address_of(h))
        return h  # type: ignore[no-any-return]

    return largest


@compiled_for(SpreadToRectified, fills=True, when=lambda box: is_plain(box) and box.sliding.apart)
def spread_to_rectified(plan: Schedule, box: SpreadToRectified) -> Callable[..., Array]:
    """What fills an array with the gradient: (g, source, largest, out). Where g is not finite, the box says it."""
    g, source, largest = (layout_of(plan, child) for child in box.children)
    windows = Windows(box, source, largest)
    out = layout_of(plan, box)
    places = [windows.place(g), windows.inside, windows.place(largest), windows.place(out, windows.steps)]
    name, count = number_name(box.dtype), len(windows.offsets)
    starts = windows.starts(out)
    number = f"{name}({{}})".format
    taken = [
        f"t{i} = {number('1.0')} if p1[{{1}} + {offset}] == m else {number('0.0')}"
        for i, offset in enumerate(windows.offsets)
    ]
    ties = " + ".join(f"t{i}" for i in range(count))
    body = [
        "m = p2[{2}]", *taken, f"ties = {ties}", "share = p0[{0}]",
        f"low = m == {number(repr(float(box.floor)))} and ties > {number('0.0')}",
        f"share = share * {number(0.5 * box.half)} if low else share",
        f"ties = {number(float(count))} if low else ties",
        f"share = share / (ties if ties > {number('1.0')} else {number('1.0')})",
        *[f"p3[{{3}} + {start}] = share * t{i}" for i, start in enumerate(starts)],
    ]  # fmt: skip
    arrays = [("p0", name), ("p1", name), ("p2", name), ("p3", name)]
    text = windows.text(arrays, places, body, finite=0)
    kernel = compiling.compiled_kernel(text, ("int64",) * 4)
    finders = [Addressed(layout) for layout in (g, source, largest)]
    covered = box.sliding.covers(shape_of(box))

    def spread(*arrays: Array) -> Array:
        *read, h = arrays
        if not covered:
            h[...] = 0
        addresses = [find(a) for find, a in zip(finders, read, strict=True)]
        if kernel(*addresses, address_of(h)):
            np.copyto(h, box.fprop(*read))
        return h

    return spread


class Windows:
    """Loops over the places of a window, in the order in which the elements of what is pooled lie in memory."""

    def __init__(self, box: Pooling, layout: Array, pooled: Array) -> None:
        self.layout, self.pooled = layout, pooled
        sliding = box.sliding
        axes = len(sliding.size)
        self.steps = (*(1,) * (layout.ndim - axes), *sliding.stride)
        self.gaps = sliding.dilation
        self.size = sliding.size
        self.axes = sorted(range(pooled.ndim), key=lambda axis: (-abs(pooled.strides[axis]), axis))
        self.inside = self.place(layout, self.steps)
        self.offsets = self.starts(layout)

    def place(self, a: Array, steps: Sequence[int] | None = None) -> str:
        """The place in memory of the first element of a window, or of what belongs to it."""
        steps = steps or (1,) * a.ndim
        return flat_text(0, [a.strides[axis] // a.itemsize * steps[axis] for axis in self.axes], LETTERS[: a.ndim])

    def starts(self, a: Array) -> list[int]:
        """How far the elements of a window are from its first one."""
        last = [stride // a.itemsize for stride in a.strides[a.ndim - len(self.size) :]]
        return [
            sum(offset * gap * stride for offset, gap, stride in zip(offsets, self.gaps, last, strict=True))
            for offsets in itertools.product(*map(range, self.size))
        ]

    def text(
        self, arrays: Sequence[tuple[str, str]], places: Sequence[str], body: Sequence[str], finite: int | None = None
    ) -> str:
        """The source of a kernel: a loop for each axis, and `body`, whose `{0}` stands for the first of the places.

        It returns 1 before it has written anything, if the array of the number `finite` has an element that is not.
        """
        arguments = [f"g{number}" for number in range(len(arrays))]
        lines = [f"def kernel({', '.join(arguments)}):"]
        lines += [f"    {name} = pointer(g{number}, {kind})" for number, (name, kind) in enumerate(arrays)]
        if finite is not None:
            name, kind = arrays[finite]
            heads, indent = self._heads()
            lines += [f"    bad = {kind}(0)", *heads]
            lines += [f"{indent}bad = plus(bad, {name}[{places[finite]}] * {kind}(0))", "    if bad != 0:"]
            lines.append("        return 1")
        heads, indent = self._heads()
        lines += [*heads, *[f"{indent}{line.format(*places)}" for line in body], "    return 0"]
        return "\n".join(lines) + "\n"

    def _heads(self) -> tuple[list[str], str]:
        indent, lines = "    ", []
        for letter, axis in zip(LETTERS, self.axes, strict=False):
            count = steps(self.pooled.shape[axis], axis == self.axes[-1])
            lines.append(f"{indent}for {letter} in range({count}):")
            indent += "    "
        return lines, indent


# Rows added to a table in the memory of a plan, by a loop with a stamp for each row that a step has touched.


def add_rows(
    old: Array, new: Array, stamps: Array, added: Array, rows: Array, last: Array, touched: Array, tick: int
) -> int:
    """Fill `new` with `old` plus what is added to rows of it; how many rows have changed, -1 where one is not there.

    First all that is added to a row is added up, then the row itself, as the graph adds them up. A stamp says that a
    row has been named in this step. `last` are the rows in which `new` differs from `old` before; those that are named
    are written to `touched`.
    """
    size, width = old.shape
    for row in last:
        for i in range(width):
            new[row, i] = old[row, i]
    count = 0
    for k in range(rows.size):
        row = rows[k] + size * (rows[k] < 0)
        if not 0 <= row < size:
            return -1
        if stamps[row] == tick:
            for i in range(width):
                new[row, i] += added[k, i]
        else:
            stamps[row] = tick
            touched[count] = row
            count += 1
            for i in range(width):
                new[row, i] = added[k, i]
    for row in touched[:count]:
        for i in range(width):
            new[row, i] += old[row, i]
    return count


class StampedRows(NewRows):
    """The new value of a table in its buffer, as `NewRows` keeps it."""

    def __init__(self, memory: Memory, parameter: Any, new: Array, kernel: Callable[..., int]) -> None:
        super().__init__(memory, parameter, new)
        self.kernel = kernel
        self.old = memory.old[parameter].reshape(self.out.shape)
        self.stamps = np.zeros(len(new), np.int64)
        self.tick = 0

    def add(self, table: Array, change: Array, rows: Array) -> Array:
        """Fill the buffer with the table after what is added to rows of it."""
        last, count = self.known_before(table), rows.size
        places = np.ascontiguousarray(rows.reshape(-1), np.int64)
        added = np.ascontiguousarray(change.reshape(count, self.out.shape[1]))
        touched = np.empty(count, np.int64)
        self.tick += 1
        changed = self.kernel(self.old, self.out, self.stamps, added, places, last, touched, self.tick)
        if changed < 0:
            table.take(places, 0)  # NumPy's error of a row that is not there
            raise IndexError("index out of bounds")
        if self.differing is not None:
            self.differing[self.parameter] = self.store.begun, touched[:changed]
        return self.new


def bind_changer(writer: Writing, box: Box) -> bool:
    """Bind the name by which the line of NumPy's plan calls what adds rows; whether the box has such a line."""
    if not isinstance(box, AddAtRows) or not is_table(writer, box):
        return False
    parameter, out = box.children[0], writer.out(box)
    name = number_name(box.dtype)
    arrays = (f"{name}[2]", f"out {name}[2]", "out int64[1]", f"{name}[2]", "int64[1]", "int64[1]", "out int64[1]")
    kernel = compiling.compiled_function(add_rows, (*arrays, "int64"))
    writer.source.bind(f"add_rows_{out}", stamped_in, parameter, out, kernel)
    return True


def stamped_in(memory: Memory, table: Any, name: str, kernel: Callable[..., int]) -> Callable[..., Array]:
    """What adds rows to a table in a named buffer, by a kernel."""
    return StampedRows(memory, table, memory[name], kernel).add


def is_table(writer: Writing, box: AddAtRows) -> bool:
    """Whether the box adds rows of floats to a parameter, which lies in rows."""
    a, change, rows = box.children
    floats = box.dtype in (np.float32, np.float64) and a.dtype == change.dtype == box.dtype
    known = all(map(sizes_known, (box, *box.children)))
    indices = rows.dtype.kind == "i" or rows.dtype in (np.uint8, np.uint16, np.uint32)
    return a in writer.plan.updated and floats and indices and known and bool(elements(a)) and bool(elements(change))
