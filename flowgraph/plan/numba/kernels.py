"""Kernels: consecutive lines of a NumPy plan, element by element over arrays of one shape, as one compiled loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Constant, Leaf
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Where
from flowgraph.plan.binding import Memory
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.kinds import empty
from flowgraph.plan.numba.loops import is_literal
from flowgraph.plan.numba.machine import literal, number_name, steps
from flowgraph.plan.numba.places import LEAST, LETTERS, SLOW, flat_text
from flowgraph.plan.numba.rules import RULES, expression
from flowgraph.plan.numpy.emit import Writing
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, shape_of, sizes_known
from flowgraph.plan.schedule import Schedule

# Which lines of a NumPy plan become one kernel: consecutive ones, element by element over arrays of one shape.

FEWEST = 2
"""Lines from which a kernel is made of them. One line alone is no faster in a kernel: NumPy's ufunc goes once over the
arrays too, and begins its call in the same time."""

MOST = 64
"""Lines of one kernel: a bound on the seconds in which Numba compiles it, not tuned."""


def find_kernels(plan: Schedule) -> list[tuple[Box, ...]]:
    """The groups of lines of a schedule that become kernels."""
    found: list[tuple[Box, ...]] = []
    members: list[Box] = []

    def end() -> None:
        if len(members) >= FEWEST:
            found.append(tuple(members))
        members.clear()

    for box in plan.graph.boxes:
        if isinstance(box, Leaf) or plan.kinds[box] in ("view", "fixed"):
            continue
        fits = is_member(plan, box)
        if not fits or not _joins(plan, box, members):
            end()
        if fits:
            members.append(box)
    end()
    return found


def is_member(plan: Schedule, box: Box) -> bool:
    """Whether the elements of the value are computed one by one by what Numba compiles as fast as NumPy does it."""
    if plan.kinds[box] != "fill" or not sizes_known(box) or not elements(box):
        return False
    ufunc = ufunc_of(box)
    rule = RULES.of(box)
    if ufunc is None and type(box) not in (Where, Cast) and (rule is None or rule.element is None):
        return False
    if ufunc in SLOW and elements(box) >= LEAST:
        return False
    return _is_compiled(box) and all(_has_place(plan, child) for child in box.children)


def _is_compiled(box: Box) -> bool:
    try:
        for one in (box, *box.children):
            number_name(one.dtype, one)
        expression(box, ["0"] * len(box.children))
    except RefusedError:
        return False
    return True


def _has_place(plan: Schedule, box: Box) -> bool:
    """Whether the elements of a child can be found by its strides, which are known before a run."""
    if len(box.outputs) != 1 or not sizes_known(box):
        return False
    return not isinstance(box, Constant) or all(stride % box.dtype.itemsize == 0 for stride in box.value.strides)


def _joins(plan: Schedule, box: Box, members: Sequence[Box]) -> bool:
    """Whether a box goes on with the loop of others: in their order, and reading of them only its own element."""
    if not members:
        return True
    inside = set(members)
    first = members[0]
    same = box.shape == first.shape and plan.orders.get(box) == plan.orders.get(first) and len(members) < MOST
    return same and not any(plan.bases[child] in inside and child not in inside for child in box.children)


def used_ufuncs(boxes: Iterable[Box]) -> set[np.ufunc]:
    """The ufuncs that the expressions of boxes may call by name."""
    named = {ufunc for box in boxes if (ufunc := ufunc_of(box)) is not None}
    return named | {ufunc for box in boxes if (rule := RULES.of(box)) is not None for ufunc in rule.functions}


# A kernel: one loop over arrays of one shape that computes several boxes of a NumPy plan, compiled by Numba.
# Kernels of equal text are one function. A kernel knows sizes and strides; where its arrays are stands in a table.

AddressOf = Callable[[Box, str, Array], str]
"""The text of the address of an array that is not always at one place, for its box, its text and its layout."""


class Operand(NamedTuple):
    """An array of a kernel: the number of its pointer, the dtype, and how far apart elements are along each loop."""

    number: int
    dtype: np.dtype[Any]
    strides: tuple[int, ...]


@dataclass
class Kernel:
    """What grows while the lines of a kernel are written.

    `fixed` are the names of arrays whose addresses the table holds, `given` the texts of what each call passes on: the
    address of an array, or a number.
    """

    boxes: Sequence[Box]
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    fixed: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    pointers: list[str] = field(default_factory=list)
    numbers: dict[Any, int] = field(default_factory=dict)
    read: dict[Box, Operand] = field(default_factory=dict)
    written: dict[Box, Operand] = field(default_factory=dict)
    texts: dict[Box, str] = field(default_factory=dict)
    lines: list[tuple[int, str]] = field(default_factory=list)


def kernel_of(writer: Writing, boxes: Sequence[Box], local: Collection[Box], address: AddressOf) -> Kernel:
    """The kernel of boxes, of which the `local` ones need no memory."""
    plan, first = writer.plan, boxes[0]
    order = plan.orders.get(first) or tuple(range(first.ndim))
    kernel = Kernel(boxes, shape_of(first), order)
    inside = set(boxes)
    for box in boxes:
        for child in box.children:
            if child not in inside and child not in kernel.read and child not in kernel.texts:
                _read(writer, kernel, child, address)
    for box in boxes:
        if box not in local:
            number = _pointer(kernel, id(plan.buffers[box]), writer.out(box), box)
            kernel.written[box] = Operand(number, box.dtype, _strides(kernel, layout_of(plan, box)))
    return kernel


def _read(writer: Writing, kernel: Kernel, child: Box, address: AddressOf) -> None:
    """Say where a child of the members is read."""
    plan = writer.plan
    if is_literal(child):
        assert isinstance(child, Constant)
        kernel.texts[child] = literal(child)
        return
    text = writer.texts[child]
    if child.shape == () and child not in writer.numbers and not plan.is_fixed(child):
        kernel.texts[child] = f"g{len(kernel.given)}"
        kernel.given.append(f"number({text})")
        kernel.types.append(number_name(child.dtype))
        return
    layout = layout_of(plan, child)
    if plan.is_fixed(child) or child in writer.numbers:
        in_buffer = child in plan.buffers
        key: Any = id(plan.buffers[child]) if in_buffer else child
        number = _pointer(kernel, key, writer.out(child) if in_buffer else text, child)
    else:
        number = len(kernel.pointers)
        kernel.pointers.append(f"    p{number} = pointer(g{len(kernel.given)}, {in_memory(child.dtype)})")
        kernel.given.append(address(child, text, layout))
        kernel.types.append("int64")
    kernel.read[child] = Operand(number, child.dtype, _strides(kernel, layout))


def in_memory(dtype: np.dtype[Any]) -> str:
    """The type of an element in memory, where Numba has a byte for what is true or false."""
    return "uint8" if dtype.kind == "b" else number_name(dtype)


def _pointer(kernel: Kernel, key: object, name: str, box: Box) -> int:
    """The number of the pointer to an array at a fixed place: one for what lies in one buffer."""
    known = key, box.dtype
    if known not in kernel.numbers:
        kernel.numbers[known] = len(kernel.pointers)
        kernel.pointers.append(
            f"    p{len(kernel.pointers)} = pointer(addresses[{len(kernel.fixed)}], {in_memory(box.dtype)})"
        )
        kernel.fixed.append(name)
    return kernel.numbers[known]


def layout_of(plan: Schedule, box: Box) -> Array:
    """An array of no account with the strides of a value."""
    views: list[Box] = []
    while plan.kinds[box] == "view":
        views.append(box)
        box = box.children[0]
    layout = box.value if isinstance(box, Constant) else empty(shape_of(box), box.dtype, plan.orders.get(box))
    for view in reversed(views):
        layout = np.asarray(view.fprop(layout))
    return layout


def _strides(kernel: Kernel, layout: Array) -> tuple[int, ...]:
    """Elements from one to the next along the axes of the loops, 0 where the array is repeated."""
    full = np.broadcast_to(layout, kernel.shape)
    return tuple([full.strides[axis] // layout.itemsize for axis in kernel.axes])


def text_of(kernel: Kernel) -> str:
    """The source of the function, which names nothing of the plan."""
    operands = [*kernel.read.values(), *kernel.written.values()]
    sizes, strides = joined([kernel.shape[axis] for axis in kernel.axes], [one.strides for one in operands])
    letters = LETTERS[: len(sizes)]
    places = [flat_text(0, along, letters) for along in strides]
    depths = [max([depth for depth, step in enumerate(along, 1) if step], default=0) for along in strides]
    head = ["table", *[f"g{number}" for number in range(len(kernel.given))]]
    lines = [f"def kernel({', '.join(head)}):", "    addresses = pointer(table, int64)", *kernel.pointers]
    values = dict(kernel.texts) | {box: f"x{number}" for number, box in enumerate(kernel.read)}
    for depth in range(len(sizes) + 1):
        indent = "    " * (depth + 1)
        for box, place, at in zip(kernel.read, places, depths, strict=False):
            if at == depth:
                element = f"p{kernel.read[box].number}[{place}]"
                lines.append(f"{indent}{values[box]} = {f'{element} != 0' if box.dtype.kind == 'b' else element}")
        if depth < len(sizes):
            lines.append(f"{indent}for {letters[depth]} in range({steps(sizes[depth], depth + 1 == len(sizes))}):")
    indent = "    " * (len(sizes) + 1)
    lines += [f"{indent}{line}" for line in _body(kernel, values)]
    for (box, one), place in zip(kernel.written.items(), places[len(kernel.read) :], strict=True):
        value = f"uint8({values[box]})" if box.dtype.kind == "b" else values[box]
        lines.append(f"{indent}p{one.number}[{place}] = {value}")
    return "\n".join([*lines, "    return 0"]) + "\n"


def _body(kernel: Kernel, values: dict[Box, str]) -> list[str]:
    lines = []
    for number, box in enumerate(kernel.boxes):
        values[box] = f"v{number}"
        lines.append(f"v{number} = {expression(box, [values[child] for child in box.children])}")
    return lines


def joined(sizes: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """The loops of which none could be one with the next, for all arrays; those over one element are left out."""
    kept: list[int] = []
    found: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(sizes):
        if size == 1:
            continue
        if kept and all(some[-1] == along[axis] * size for some, along in zip(found, strides, strict=True)):
            kept[-1] *= size
            for some, along in zip(found, strides, strict=True):
                some[-1] = along[axis]
            continue
        kept.append(size)
        for some, along in zip(found, strides, strict=True):
            some.append(along[axis])
    return kept, found


def address_of(a: Array) -> int:
    """Where the first element of an array is in memory."""
    place: int = a.__array_interface__["data"][0]
    return place


class Addressed:
    """Tells where the elements of an array are, if they lie as the kernel expects; otherwise those of a copy."""

    def __init__(self, layout: Array) -> None:
        self.shape, self.dtype, self.strides = layout.shape, layout.dtype, layout.strides
        self.held = threading.local()  # of each thread: pieces of a batch run at the same time

    def __call__(self, a: Array) -> int:
        """The address of the first element."""
        place = address_of(a)
        as_expected = a.dtype == self.dtype and a.strides == self.strides and a.shape == self.shape
        if as_expected and place % self.dtype.itemsize == 0:
            return place
        copy = self.held.copy = _like(self.shape, self.dtype, self.strides)
        np.copyto(copy, a, casting="unsafe")
        return address_of(copy)


def _like(shape: tuple[int, ...], dtype: np.dtype[Any], strides: tuple[int, ...]) -> Array:
    """An array with such strides, in memory of its own; a repeated axis gets its elements once."""
    low = sum(min(0, step * (size - 1)) for size, step in zip(shape, strides, strict=True))
    high = sum(max(0, step * (size - 1)) for size, step in zip(shape, strides, strict=True))
    return np.ndarray(shape, dtype, np.empty(high - low + dtype.itemsize, np.uint8), -low, strides)


def addresses(names: Sequence[str], memory: Memory) -> Array:
    """The table of a kernel: where its arrays begin."""
    return np.array([address_of(memory[name]) for name in names], np.int64)


def number(value: Any) -> Any:
    """A number as Python has it."""
    return np.asarray(value).item()


def signature_of(kernel: Kernel) -> tuple[str, ...]:
    """The types of the arguments, by name."""
    return ("int64", *kernel.types)
