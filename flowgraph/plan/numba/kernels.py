"""Kernels: functions of loops that Numba compiles; where their arrays are in memory, and what their lines read."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.plan.binding import Memory
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.kinds import empty
from flowgraph.plan.numba.machine import literal, number_name
from flowgraph.plan.numba.rules import RULES
from flowgraph.plan.numpy.emit import Writing
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.rebuild import like, shape_of
from flowgraph.plan.schedule import Schedule

# Indices of elements, and how far apart in memory they are.

LETTERS = "ijklmnopqrstuvw"
"""Variables of loops, by axis."""


def sizes_above_one(shape: Sequence[Any]) -> tuple[int, ...]:
    """The sizes above 1: the loops that go over all elements."""
    return tuple([size for size in shape if size != 1])


def own_index(shape: Sequence[Any]) -> list[str]:
    """The index of an element in the loops over the sizes above 1."""
    letters = iter(LETTERS)
    if len(sizes_above_one(shape)) > len(LETTERS):
        raise RefusedError(f"has {len(shape)} axes")
    return ["0" if size == 1 else next(letters) for size in shape]


def rows_of(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of an array in rows, counted in elements."""
    return tuple([math.prod(shape[axis + 1 :]) for axis in range(len(shape))])


def flat_text(offset: int, strides: Sequence[int], index: Sequence[str]) -> str:
    """An offset and an index by its strides as one sum."""
    pairs = [pair for pair in zip(strides, index, strict=True) if pair[0] and pair[1] != "0"]
    terms = [letter if stride == 1 else f"{stride} * {letter}" for stride, letter in pairs]
    return " + ".join([*([str(offset)] if offset or not terms else []), *terms])


def is_rows(strides: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether elements lie row by row without gaps."""
    pairs = zip(shape, strides, rows_of(shape), strict=True)
    return all(size == 1 or stride == row for size, stride, row in pairs)


def join_loops(
    sizes: Sequence[int], strides: Sequence[Sequence[int]], join: bool = True
) -> tuple[list[int], list[list[int]]]:
    """The loops of which none could be one with the next, for all arrays; those over one element are left out."""
    kept: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(sizes):
        if size == 1:
            continue
        if join and kept and all(some[-1] == along[axis] * size for some, along in zip(steps, strides, strict=True)):
            kept[-1] *= size
            for some, along in zip(steps, strides, strict=True):
                some[-1] = along[axis]
            continue
        kept.append(size)
        for some, along in zip(steps, strides, strict=True):
            some.append(along[axis])
    return kept, steps


# A kernel: a function that computes several boxes of a plan. Kernels of equal text are one function: where its arrays
# are, and the addresses of what it calls, stand in a table.


FindAddress = Callable[[Box, str, Array], str]
"""The text of an address: of the array of a box, from its text and its layout."""


class Kernel:
    """What grows while a kernel is written.

    `table` are the addresses that the table holds: the names of arrays, or numbers. `given` are the texts of what each
    call passes on, of these `types`; `lines` are those of the function, `checks` the boxes that refuse some values, by
    the number that it returns. `local` are boxes that need no memory. `find` gives the text of the address of an array
    that is not always at one place. The kernel that computes all of the plan has none: it is given the leaves
    themselves, reads views in their arrays, and its variables have the names of boxes.
    """

    def __init__(self, writer: Writing, local: Collection[Box], find: FindAddress | None = None) -> None:
        self.writer, self.plan, self.local, self.find = writer, writer.plan, local, find
        self.table: list[str | int] = []
        self.given: list[str] = []
        self.types: list[str] = ["int64"]
        self.lines: list[str] = []
        self.checks: list[Box] = []
        self.texts: dict[Box, str] = {}
        self.boxes: list[Box] = []
        self._pointers: dict[Any, str] = {}
        self._heads: list[str] = []
        self._arguments: dict[Box, str] = {}
        self._count = 0

    def text(self) -> str:
        """The source of the function, which names nothing of the plan but boxes."""
        head = ["table", *[f"g{number}" for number in range(len(self.given))]]
        lines = [f"def kernel({', '.join(head)}):", "    addresses = pointer(table, int64)", *self._heads, *self.lines]
        return "\n".join([*lines, "    return 0"]) + "\n"

    def ufuncs(self) -> frozenset[np.ufunc]:
        """The ufuncs that its expressions may call by name."""
        named = {ufunc for box in self.boxes if (ufunc := ufunc_of(box)) is not None}
        return frozenset(
            named | {f for box in self.boxes if (rule := RULES.of(box)) is not None for f in rule.functions}
        )

    def name(self, letter: str) -> str:
        """A variable that there is not yet."""
        self._count += 1
        return f"{letter}{self._count}"

    def variable(self, box: Box) -> str:
        """A variable for one number of the value."""
        self.texts[box] = f"{self.writer.source.names[box]}_" if self.find is None else self.name("v")
        return self.texts[box]

    def number(self, box: Box) -> str | None:
        """The text of a value that is one number, repeated or not, and no array: None for the others."""
        plan = self.plan
        while plan.kinds[box] == "view":
            box = box.children[0]
        if isinstance(box, Constant) and box.shape == ():
            return literal(box)
        if box.shape or plan.is_fixed(box) or box in self.writer.numbers:
            return None
        if box not in self.texts:
            text = self.writer.texts[box]
            self.texts[box] = self._argument(
                text if self.find is None else f"number({text})", number_name(box.dtype, box)
            )
        return self.texts[box]

    def keep(self, box: Box, names: Sequence[str]) -> None:
        """Store a number in arrays without axes of these names."""
        for name in names:
            kind = in_memory(box.dtype)
            value = f"uint8({self.texts[box]})" if box.dtype.kind == "b" else self.texts[box]
            self.lines.append(f"    pointer({self.entry(name)}, {kind})[0] = {value}")

    def read_element(self, box: Box, index: Sequence[str]) -> str:
        """The text of an element of a value."""
        number = self.number(box)
        return number or self.element(box, flat_text(0, strides_of(layout_of(self.plan, box)), index))

    def element(self, box: Box, place: str) -> str:
        """The text of the number at a place in memory; what is true or false is a byte there."""
        text = f"{self.pointer(box)}[{place}]"
        return f"({text} != 0)" if box.dtype.kind == "b" else text

    def store(self, box: Box, place: str, value: str) -> str:
        """The line that writes a number of the value to its place in memory."""
        return f"{self.pointer(box)}[{place}] = {f'uint8({value})' if box.dtype.kind == 'b' else value}"

    def pointer(self, box: Box) -> str:
        """The name of the pointer to the first element of a value: one for what lies in one buffer."""
        key = (id(self.plan.buffers[box]) if box in self.plan.buffers else box), box.dtype
        if key not in self._pointers:
            name = self._pointers[key] = f"p{len(self._pointers)}"
            self._heads.append(f"    {name} = pointer({self.address(box)}, {in_memory(box.dtype)})")
        return self._pointers[key]

    def address(self, box: Box) -> str:
        """The text of the address of the first element of a value."""
        plan, texts = self.plan, self.writer.texts
        if box in plan.buffers:
            return self.entry(self.writer.out(box))
        if plan.is_fixed(box) or box in self.writer.numbers:
            return self.entry(texts[box])
        if self.find is None:
            base = plan.bases[box]
            if base not in self._arguments:
                self._arguments[base] = self._argument(texts[base], f"{number_name(base.dtype, base)}[{base.ndim}]")
            offset = offset_of(plan, box)
            return f"int64({self._arguments[base]}.ctypes.data){f' + {offset}' if offset else ''}"
        return self._argument(self.find(box, texts[box], layout_of(plan, box)), "int64")

    def entry(self, held: str | int) -> str:
        """The text of an address that stands in the table."""
        if held not in self.table:
            self.table.append(held)
        return f"addresses[{self.table.index(held)}]"

    def _argument(self, text: str, kind: str) -> str:
        self.given.append(text)
        self.types.append(kind)
        return f"g{len(self.given) - 1}"


def in_memory(dtype: np.dtype[Any]) -> str:
    """The type of an element in memory, where Numba has a byte for what is true or false."""
    return "uint8" if dtype.kind == "b" else number_name(dtype)


def layout_of(plan: Schedule, box: Box) -> Array:
    """An array with the strides of a value, whose numbers do not matter."""
    return _layouts(plan, box)[1]


def offset_of(plan: Schedule, box: Box) -> int:
    """How many bytes the first element of a view is from that of the array that it views."""
    base, view = _layouts(plan, box)
    if not np.may_share_memory(base, view):
        raise RefusedError("is no view of its child", box)  # its offset would lead into foreign memory
    return address_of(view) - address_of(base)


def _layouts(plan: Schedule, box: Box) -> tuple[Array, Array]:
    """Arrays with the layout of a value and of what it is a view of; their numbers do not matter."""
    views: list[Box] = []
    while plan.kinds[box] == "view":
        views.append(box)
        box = box.children[0]
    base = box.value if isinstance(box, Constant) else empty(shape_of(box), box.dtype, plan.orders.get(box))
    layout = base
    for view in reversed(views):
        layout = np.asarray(view.fprop(layout))
    return base, layout


def strides_of(layout: Array) -> tuple[int, ...]:
    """How far apart elements are along each axis, counted in elements."""
    return tuple([stride // layout.itemsize for stride in layout.strides])


def address_of(a: Array) -> int:
    """Where the first element of an array is in memory."""
    place: int = a.__array_interface__["data"][0]
    return place


class Addressed:
    """Tells where the elements of an array are, if they lie as the kernel expects; otherwise those of a copy."""

    def __init__(self, layout: Array) -> None:
        self.shape, self.dtype, self.strides = layout.shape, layout.dtype, layout.strides
        self.held = threading.local()  # of each thread: shards of a batch run at the same time

    def __call__(self, a: Array) -> int:
        """The address of the first element."""
        place = address_of(a)
        as_expected = a.dtype == self.dtype and a.strides == self.strides and a.shape == self.shape
        if as_expected and place % self.dtype.itemsize == 0:
            return place
        copy = self.held.copy = like(self.shape, self.dtype, self.strides)
        np.copyto(copy, a, casting="unsafe")
        return address_of(copy)


def addresses(memory: Memory, table: Sequence[str | int]) -> Array:
    """The table of a kernel: where its arrays begin, and what it calls."""
    return np.array([held if isinstance(held, int) else address_of(memory[held]) for held in table], np.int64)


def address_in(memory: Memory, name: str) -> int:
    """The address of a named array."""
    return address_of(memory[name])


def addressed_in(memory: Memory, layout: Array) -> Addressed:
    """What finds addresses of arrays that lie as this one does."""
    return Addressed(layout)


def number(value: Any) -> Any:
    """A number as Python has it."""
    return np.asarray(value).item()
