"""Rows added to a table in the memory of a plan, by a loop with a stamp for each row that a step has touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.boxes.indexing.scatter import AddAtRows
from flowgraph.plan.binding import Memory
from flowgraph.plan.numba import compiling
from flowgraph.plan.numba.kernels import address_of
from flowgraph.plan.numba.numbers import number_name
from flowgraph.plan.numpy.sparse_rows import NewRows
from flowgraph.plan.numpy.writing import Writing
from flowgraph.plan.rebuild import elements, shape_of, sizes_known

_ADD = """\
def kernel(table, change, named, count, before, known, changed, tick):
    addresses = pointer(table, int64)
    old, new = pointer(addresses[0], {name}), pointer(addresses[1], {name})
    stamps, counts = pointer(addresses[2], int64), pointer(addresses[3], int64)
    added, rows, last = pointer(change, {name}), pointer(named, int64), pointer(before, int64)
    touched = pointer(changed, int64)
    for k in range(count):
        if rows[k] < -{rows} or rows[k] >= {rows}:
            return -1
    found = 0
    for k in range(count):
        row = rows[k] + {rows} if rows[k] < 0 else rows[k]
        if stamps[row] == tick:
            counts[row] = counts[row] + 1
        else:
            stamps[row] = tick
            counts[row] = 1
            touched[found] = row
            found += 1
    for k in range(known):
        row = last[k]
        if stamps[row] != tick:
            for i in range({width}):
                new[{width} * row + i] = old[{width} * row + i]
    for k in range(count):
        row = rows[k] + {rows} if rows[k] < 0 else rows[k]
        if counts[row] == 1:
            for i in range({width}):
                new[{width} * row + i] = old[{width} * row + i] + added[{width} * k + i]
        elif counts[row] > 1:
            counts[row] = -1
            for i in range({width}):
                new[{width} * row + i] = added[{width} * k + i]
        else:
            for i in range({width}):
                new[{width} * row + i] = new[{width} * row + i] + added[{width} * k + i]
    for k in range(found):
        row = touched[k]
        if counts[row] < 0:
            for i in range({width}):
                new[{width} * row + i] = old[{width} * row + i] + new[{width} * row + i]
    return found
"""
"""First all that is added to a row, then the row itself, as the graph adds them up.

A stamp says that a row has been named in this step, a count how often; -1 stands for a row whose sum has been begun.
"""


class StampedRows(NewRows):
    """The new value of a table in its buffer, as `NewRows` keeps it."""

    def __init__(self, memory: Memory, parameter: Any, new: Array, kernel: Callable[..., int]) -> None:
        super().__init__(memory, parameter, new)
        self.kernel = kernel
        self.stamps, self.counts = np.zeros((2, len(new)), np.int64)
        held = (memory.old[parameter], new, self.stamps, self.counts)
        self.addresses = np.array([address_of(a) for a in held], np.int64)
        self.table = address_of(self.addresses)
        self.tick = 0

    def add(self, table: Array, change: Array, rows: Array) -> Array:
        """Fill the buffer with the table after what is added to rows of it."""
        last, count = self.known_before(table), rows.size
        # names keep what has been copied until the kernel has read it
        places = np.ascontiguousarray(rows.reshape(-1), np.int64)
        added = np.ascontiguousarray(change.reshape(count, self.out.shape[1]))
        touched = np.empty(count, np.int64)
        self.tick += 1
        given = (address_of(added), address_of(places), count, address_of(last), last.size, address_of(touched))
        found = self.kernel(self.table, *given, self.tick)
        if found < 0:
            table.take(places, 0)  # NumPy's error of a row that is not there
            raise IndexError("index out of bounds")
        if self.differing is not None:
            self.differing[self.parameter] = self.store.begun, touched[:found]
        return self.new


def bind_changer(writer: Writing, box: Box) -> bool:
    """Bind the name by which the line of NumPy's plan calls what adds rows; whether the box has such a line."""
    if not isinstance(box, AddAtRows) or not is_table(writer, box):
        return False
    parameter, out = box.children[0], writer.out(box)
    rows, *rest = shape_of(parameter)
    text = _ADD.format(name=number_name(box.dtype), rows=rows, width=int(np.prod(rest, dtype=int)))
    kernel = compiling.compiled_kernel(text, ("int64",) * 8)
    writer.source.bind(f"add_rows_{out}", lambda memory: StampedRows(memory, parameter, memory[out], kernel).add)
    return True


def is_table(writer: Writing, box: AddAtRows) -> bool:
    """Whether the box adds rows of floats to a parameter, which lies in rows."""
    a, change, rows = box.children
    floats = box.dtype in (np.float32, np.float64) and a.dtype == change.dtype == box.dtype
    known = all(map(sizes_known, (box, *box.children)))
    indices = rows.dtype.kind == "i" or rows.dtype in (np.uint8, np.uint16, np.uint32)
    return a in writer.plan.updated and floats and indices and known and bool(elements(a)) and bool(elements(change))
