"""Rows added to a table in the memory of a plan, where only the rows that were touched last are brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.box import Array
from flowgraph.boxes.indexing.scatter import AddAtRows
from flowgraph.errors import IndexingError
from flowgraph.plan.binding import Memory
from flowgraph.plan.numpy.rules import rule_for
from flowgraph.plan.rebuild import elements

if TYPE_CHECKING:
    from flowgraph.plan.numpy.emit import Writer

MANY = 4
"""One in so many rows that are named again, from which all are added up in their order instead of each by itself."""


def adder(memory: Memory, parameter: Any, new: Array) -> Callable[[Array, Array, Array], Array]:
    """What adds rows to a table: a function of the table, of what is added, and of the rows.

    The new value of a parameter lies in the buffer that had its value two steps before: it lacks the rows that the last
    step touched. The store keeps which these are, as long as every step comes by here.
    """
    store = memory.store
    known = parameter in memory.new and memory.new[parameter].ctypes.data == new.ctypes.data
    differing = store.differing if known else {}

    def add(table: Array, change: Array, rows: Array) -> Array:
        began = store.begun
        last_began, last = differing.pop(parameter, (-2, None))
        count = len(table)
        old = table.reshape(count, -1)
        out = new.reshape(old.shape)
        if last is None or not began - 1 <= last_began <= began:
            np.copyto(new, table)
        else:
            out[last] = old.take(last, 0)  # which takes half the time of an index
        places, sums = sums_by_row(change.reshape(rows.size, old.shape[1]), _places(rows, count))
        out[places] = np.add(sums, old.take(places, 0), sums)
        if known:
            differing[parameter] = began, places
        return new

    return add


def _places(rows: Array, count: int) -> Array:
    """The numbers of the rows, counted from the front."""
    places: Array = rows.reshape(-1)
    if places.size and (places.dtype.kind == "i" and places.min() < 0):
        places = np.where(places < 0, places + count, places)
        if places.min() < 0:
            raise IndexingError(f"IndexAdd: found the index {rows.min()}, needs {-count} to {count - 1}")
    return places


def sums_by_row(a: Array, rows: Array) -> tuple[Array, Array]:
    """The numbers of the rows, each once, and the sum of what is added to each."""
    order = rows.argsort(kind="stable")
    places = rows[order]
    is_first = np.empty(places.shape, bool)
    is_first[:1] = True
    np.not_equal(places[1:], places[:-1], is_first[1:])
    starts = is_first.nonzero()[0]
    again = len(places) - len(starts)
    if again * MANY > len(places):
        return places[starts], np.add.reduceat(a.take(order, 0), starts, axis=0)
    sums = a.take(order[starts], 0)
    if again:
        rest = (~is_first).nonzero()[0]
        owner = np.cumsum(is_first)[rest] - 1
        width = sums.shape[1]
        at = (owner * width).reshape(-1, 1) + np.arange(width)
        np.add.at(sums.reshape(-1), at.reshape(-1), a.take(order[rest], 0).reshape(-1))
    return places[starts], sums


def _bind_adder(writer: Writer, box: AddAtRows, texts: Sequence[str], out: str) -> list[str]:
    """What adds rows to the table in the buffer of its new value."""
    parameter = box.children[0]
    writer.source.bind(f"add_rows_{out}", lambda memory: adder(memory, parameter, memory[out]))
    return list(texts)


def _is_plain(box: AddAtRows) -> bool:
    """Whether the box names whole rows of a table by numbers, and keeps the dtype."""
    a, change, rows = box.children
    return rows.dtype.kind in "iu" and a.dtype == change.dtype and bool(elements(a))


@rule_for(AddAtRows, operands=_bind_adder, when=_is_plain)
def _add_rows(box: AddAtRows, names: Sequence[str], out: str) -> list[str]:
    return [f"add_rows_{out}({', '.join(names)})"]
