"""Rows added to a table in the memory of a plan, where only the rows that were touched last are brought up to date."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.boxes.indexing.gather import PlacesOfRows
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.indexing.scatter import AddAtRows, SetAt
from flowgraph.errors import IndexingError
from flowgraph.plan.binding import Memory
from flowgraph.plan.numpy.rules import Operands, Writes, rule_for
from flowgraph.plan.passes.sparse_rows import FEWER
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.shapes.indexing import ARRAY

MANY = 4
"""One in so many rows that are named again, from which all are added up in their order instead of each by itself."""


class NewRows:
    """The new value of a table of which a step changes some rows, in its buffer.

    The new value of a parameter lies in the buffer that had its value two steps before: it lacks the rows that the last
    step touched. The store keeps which these are, as long as every step comes by here.
    """

    def __init__(self, memory: Memory, parameter: Any, new: Array) -> None:
        self.store = memory.store
        self.parameter, self.new = memory.own(parameter), new
        known = parameter in memory.new and memory.new[parameter].ctypes.data == new.ctypes.data
        self.differing = self.store.differing if known else None
        self.out = new.reshape(len(new), -1)
        self.rows = _elements(self.out)
        self.last_of = LastOf(len(new))

    def add(self, table: Array, change: Array, rows: Array) -> Array:
        """Fill the buffer with the table after what is added to rows of it."""
        old = self._before(table)
        places = _places(rows, len(table))
        added = change.reshape(places.size, old.shape[1])
        at, again = self.last_of(places)
        if again.size * MANY > places.size:
            places, added = sums_by_row(added, places)
            again = _NONE
        sums = old.take(places, 0)
        np.add(sums, added, sums)
        if again.size:
            add_at(sums, at[again], added.take(again, 0))
        return self._put(places, sums)  # of rows that come again the last counts, which has the sum

    def set(self, table: Array, value: Array, rows: Array) -> Array:
        """Fill the buffer with the table after rows of it have got these values; the last of several counts."""
        self._before(table)
        places = _places(rows, len(table))
        return self._put(places, np.ascontiguousarray(value.reshape(places.size, self.out.shape[1])))

    def _before(self, table: Array) -> Array:
        """The rows of the table; the buffer is brought up to date with it."""
        old = table.reshape(self.out.shape)
        last = self.known_before(table)
        if last.size:
            self.rows.put(last, _elements(old.take(last, 0)))
        return old

    def known_before(self, table: Array) -> Array:
        """The rows in which the buffer differs from the table; none, where it has been copied."""
        began = self.store.begun
        last_began, last = (-2, None) if self.differing is None else self.differing.pop(self.parameter, (-2, None))
        if last is None or not began - 1 <= last_began <= began or last.size * FEWER > len(table):
            np.copyto(self.new, table)
            return _NONE
        return last

    def _put(self, places: Array, values: Array) -> Array:
        self.rows.put(places, _elements(values))
        if self.differing is not None:  # a copy: the user, or the next step, writes other numbers into these places
            self.differing[self.parameter] = self.store.begun, places.copy()
        return self.new


_NONE = np.empty(0, np.intp)


def _elements(rows: Array) -> Array:
    """A matrix that lies in rows as an array of rows, each one element: NumPy puts them 3 times faster."""
    return rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).reshape(-1)


def _places(rows: Array, count: int) -> Array:
    """The numbers of the rows, counted from the front."""
    places: Array = rows.reshape(-1).astype(np.intp, copy=False)
    if places.size and places.min() < 0:
        places = np.where(places < 0, places + count, places)
        if places.min() < 0:
            raise IndexingError(f"IndexAdd: found the index {rows.min()}, needs {-count} to {count - 1}")
    return places


class LastOf:
    """Finds rows that come again, in one pass over them, with memory for the numbers of all rows of a table."""

    def __init__(self, count: int) -> None:
        self._place_of = np.empty(count, np.intp)
        self._line = np.empty(0, np.intp)

    def _note(self, rows: Array) -> None:
        if len(self._line) != rows.size:
            self._line = np.arange(rows.size)
        self._place_of[rows] = self._line

    def __call__(self, rows: Array) -> tuple[Array, Array]:
        """For each row the last place that names the same one; and the places of which this is another one."""
        self._note(rows)
        at = self._place_of[rows]
        return at, np.not_equal(at, self._line).nonzero()[0]

    def find(self, out: Array, rows: Array, at: Array) -> Array:
        """For each row of `at` the last place among `rows` that names it, or their number."""
        if at is not rows:
            self._place_of[at] = rows.size
        self._note(rows.reshape(-1))
        return self._place_of.take(at.astype(np.intp, copy=False), out=out, mode="wrap")


def sums_by_row(a: Array, rows: Array) -> tuple[Array, Array]:
    """The numbers of the rows, each once, and the sum of what is added to each."""
    order = rows.argsort(kind="stable")
    places = rows[order]
    is_first = np.empty(places.shape, bool)
    is_first[:1] = True
    np.not_equal(places[1:], places[:-1], is_first[1:])
    starts = is_first.nonzero()[0]
    return places[starts], np.add.reduceat(a.take(order, 0), starts, axis=0)


def add_at(sums: Array, places: Array, rows: Array) -> None:
    """Add each of these rows to the row at its place: elements by their places are added faster than rows."""
    width = sums.shape[1]
    into = (places * width).reshape(-1, 1) + np.arange(width)
    np.add.at(sums.reshape(-1), into.reshape(-1), rows.reshape(-1))


def summer(out: Array) -> Callable[[Array, Array], Array]:
    """What adds up rows that are the same at the last place of each, in zeros: a function of rows and places."""
    flat = out.reshape(len(out), -1)
    width = flat.shape[1]
    line = np.arange(len(out))

    def add_up(a: Array, places: Array) -> Array:
        at = places.reshape(-1)
        count = at.size
        flat[:count] = a.reshape(count, width)
        flat[count:] = 0
        moved = (at != line[:count]).nonzero()[0]
        if moved.size * MANY > count:
            named, sums = sums_by_row(a.reshape(count, width), at)
            flat[:] = 0
            flat[named] = sums
        elif moved.size:
            rows = flat.take(moved, 0)
            flat[moved] = 0
            add_at(flat, at[moved], rows)
        return out

    return add_up


def _binding(name: str, make: Callable[..., Any], data: Callable[[Any, str], Sequence[Any]]) -> Operands:
    """What binds a name, followed by that of the buffer, to what `make` makes of the memory and of `data(box, out)`."""

    def bind(writer: Writes, box: Any, texts: Sequence[str], out: str) -> list[str]:
        writer.source.bind(f"{name}_{out}", make, *data(box, out))
        return list(texts)

    return bind


def adder_in(memory: Memory, table: Any, name: str) -> Callable[..., Array]:
    """What adds rows to a table in a named buffer."""
    return NewRows(memory, table, memory[name]).add


def setter_in(memory: Memory, table: Any, name: str) -> Callable[..., Array]:
    """What sets rows of a table in a named buffer."""
    return NewRows(memory, table, memory[name]).set


def finder_in(memory: Memory, name: str, count: int) -> Callable[..., Array]:
    """What finds rows, in a named buffer."""
    return functools.partial(LastOf(count).find, memory[name])


def summer_in(memory: Memory, name: str) -> Callable[..., Array]:
    """What adds up rows, in a named buffer."""
    return summer(memory[name])


def _is_plain(box: AddAtRows | SetAt) -> bool:
    """Whether the box names whole rows of a table by numbers, and keeps the dtype."""
    a, change, rows = box.children
    return rows.dtype.kind in "iu" and a.dtype == change.dtype and bool(elements(a))


@rule_for(AddAtRows, operands=_binding("add_rows", adder_in, lambda box, out: (box.children[0], out)), when=_is_plain)
def _add_rows(box: AddAtRows, names: Sequence[str], out: str) -> list[str]:
    return [f"add_rows_{out}({', '.join(names)})"]


@rule_for(
    SetAt,
    operands=_binding("set_rows", setter_in, lambda box, out: (box.children[0], out)),
    when=lambda box: box.index == (ARRAY,) and _is_plain(box),
)
def _set_rows(box: SetAt, names: Sequence[str], out: str) -> list[str]:
    return [f"set_rows_{out}({', '.join(names)})"]


@rule_for(
    PlacesOfRows,
    operands=_binding("find_rows", finder_in, lambda box, out: (out, shape_of(box.children[2])[0])),
    when=lambda box: bool(elements(box)),
)
def _find_rows(box: PlacesOfRows, names: Sequence[str], out: str) -> list[str]:
    return [f"find_rows_{out}({', '.join(names[:2])})"]


@rule_for(IndexAdd, operands=_binding("add_up", summer_in, lambda box, out: (out,)), when=lambda box: _is_by_place(box))
def _add_up(box: IndexAdd, names: Sequence[str], out: str) -> list[str]:
    return [f"add_up_{out}({names[0]}, {names[2]})"]


def _is_by_place(box: IndexAdd) -> bool:
    """Whether rows are added up at the last place of each."""
    a, _, *places = box.children
    return box.index == (ARRAY,) and isinstance(places[0], PlacesOfRows) and bool(elements(a)) and a.dtype == box.dtype
