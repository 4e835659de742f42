"""The schedule of a plan: which boxes are computed in which order, and in which memory."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from types import MappingProxyType
from typing import NamedTuple

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.arithmetic import Positive
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.kinds import Kinds, Order
from flowgraph.plan.rebuild import elements, sizes_known
from flowgraph.plan.store import align_size

# Memory plan: each value is a scalar, a view, a section of what it is joined to, or a buffer that is reused.


class Section(NamedTuple):
    """A part of what is joined: of which box, its number, the byte where it begins."""

    whole: Box
    number: int
    offset: int


def find_sections(plan: Schedule) -> None:
    """For boxes that fill an array which is joined to others later: the box that joins them, and the place there.

    What is joined stays alive as long as its sections are read, since they are the same memory.
    """
    outside = {*plan.updated.values(), *plan.flat.new, *plan.kernels, *plan.orders}
    for box in plan.graph.boxes:
        if not _joins_rows(box) or plan.kinds[box] != "fill" or box in outside:
            continue
        start = stop = 0
        for number, child in enumerate(box.children):
            start, stop = stop, stop + elements(child)
            filled = _box_that_fills(plan, child)
            if filled is None or filled in plan.sections or filled in outside or filled.dtype != box.dtype:
                continue
            plan.sections[filled] = Section(box, number, start * box.dtype.itemsize)
            plan.last[box] = max(plan.last[box], plan.last[filled])


def _joins_rows(box: Box) -> bool:
    return isinstance(box, Concatenate) and box.axis in (0, -box.ndim) and sizes_known(box)


def _box_that_fills(plan: Schedule, box: Box) -> Box | None:
    """The box whose line writes the elements of a child, in their order; None where they are written elsewhere."""
    while plan.kinds[box] == "view" and isinstance(box, Reshape):
        box = box.children[0]
    return box if plan.kinds[box] == "fill" and not _joins_rows(box) and elements(box) else None


class FlatParameters(NamedTuple):
    """Boxes that are a flat array of adjacent parameters: of their values, and of their new values."""

    joined: Mapping[Box, tuple[Parameter, ...]] = MappingProxyType({})
    new: Mapping[Box, tuple[Parameter, ...]] = MappingProxyType({})


@dataclass
class Buffer:
    """Bytes for one value after another: from the line `first` to the line `last`; or the spare ones of parameters.

    It is not `stored` where one kernel computes and reads the value, element by element. A buffer may be the section
    number `section` inside another, from the byte `offset` of that.
    """

    size: int
    first: int
    last: int
    spare_of: tuple[Parameter, ...] | None = None
    offset: int = 0
    stored: bool = True
    inside: Buffer | None = None
    section: int = 0

    @property
    def whole(self) -> Buffer:
        """The buffer that this one is a section of, itself if of none."""
        buffer = self
        while buffer.inside is not None:
            buffer = buffer.inside
        return buffer

    @property
    def start(self) -> int:
        """The byte of the whole where it begins, or of the memory, where the whole has its place there."""
        buffer, start = self, self.offset
        while buffer.inside is not None:
            buffer = buffer.inside
            start += buffer.offset
        return start

    @property
    def is_own(self) -> bool:
        """Whether these are bytes of the plan that no other buffer counts."""
        return self.stored and self.spare_of is None and self.inside is None


@dataclass
class Schedule:
    """The lines of a plan in their order, and where the value of each box is.

    `kinds` says how a value comes, of what kind it is; `orders` are those of values that do not lie in rows. `scratch`
    is the memory that the lines of a box use beside its buffer.
    """

    graph: Graph
    updated: Mapping[Parameter, Box]
    kinds: Kinds = field(default_factory=Kinds)
    buffers: dict[Box, Buffer] = field(default_factory=dict)
    in_place: dict[Box, Box] = field(default_factory=dict)
    bases: dict[Box, Box] = field(default_factory=dict)
    last: dict[Box, int] = field(default_factory=dict)
    kernels: dict[Box, Sequence[Box]] = field(default_factory=dict)
    flat: FlatParameters = field(default_factory=FlatParameters)
    sections: dict[Box, Section] = field(default_factory=dict)
    orders: dict[Box, Order] = field(default_factory=dict)
    scratch: dict[Box, Buffer] = field(default_factory=dict)

    def is_fixed(self, box: Box) -> bool:
        """Whether the value is at the same place in memory in every run, so that views of it are made once."""
        return self.kinds[self.bases[box]] in ("fixed", "fill")

    def local_boxes(self) -> set[Box]:
        """Members of kernels that are read inside their kernel only: they need no memory."""
        if not self.kernels:
            return set()
        read_outside = set(self.graph.outputs)
        for box in self.graph.boxes:
            kernel = self.kernels.get(box)
            read_outside |= {child for child in box.children if self.kernels.get(child) is not kernel}
        return self.kernels.keys() - read_outside


FindKernels = Callable[[Schedule], Iterable[Sequence[Box]]]
"""The consecutive boxes of a schedule that one loop computes together."""


def schedule(
    graph: Graph,
    updated: Mapping[Parameter, Box],
    flat: FlatParameters | None = None,
    ordered: bool = False,
    fused: FindKernels | None = None,
) -> Schedule:
    """Places for all values; a new value of a parameter goes to the parameter's spare buffer.

    Where `ordered`, values lie in the order of those they are computed from. `fused` finds the boxes
    that kernels compute.
    """
    flat = flat or FlatParameters()
    plan = Schedule(graph, updated, kinds := Kinds(updated, flat.joined), flat=flat, orders=kinds.orders)
    _find_kinds(plan, ordered)
    _find_last(plan)
    for kernel in fused(plan) if fused is not None else ():
        plan.kernels.update(dict.fromkeys(kernel, kernel))
    find_sections(plan)
    _give_buffers(plan)
    kinds.forget_layouts()
    return plan


def _find_kinds(plan: Schedule, ordered: bool) -> None:
    """Find the kinds; where `ordered`, also in which order the axes of a value lie."""
    in_rows = {*plan.updated.values(), *plan.flat.new, *plan.flat.joined}
    kinds = plan.kinds
    for box in plan.graph.boxes:
        kind = kinds.in_order(box) if ordered and box not in in_rows else kinds[box]
        plan.bases[box] = plan.bases[box.children[0]] if kind == "view" else box


def _find_last(plan: Schedule) -> None:
    """The last line that reads each value, also through a view of it, or through what a fprop made of it."""
    boxes = plan.graph.boxes
    last = dict.fromkeys(boxes, -1)
    last.update(dict.fromkeys(plan.graph.outputs, len(boxes)))
    last.update(dict.fromkeys(plan.flat.new.keys() & last.keys(), len(boxes)))  # they hold new values of parameters
    for line in range(len(boxes) - 1, -1, -1):
        box = boxes[line]
        until = max(last[box], line) if plan.kinds[box] in ("view", "call") else line
        for child in box.children:
            if last[child] < until:
                last[child] = until
    plan.last = last


def _give_buffers(plan: Schedule) -> None:
    targets = {box: (parameter,) for parameter, box in plan.updated.items()} | dict(plan.flat.new)
    local = plan.local_boxes()
    for line, box in enumerate(plan.graph.boxes):
        if plan.kinds[box] != "fill" or box in plan.buffers:  # whose sections are filled already
            continue
        child = _dying_child(plan, box, line, local)
        if child is not None:
            plan.in_place[box] = child
            buffer = plan.buffers[child]
            buffer.last = max(buffer.last, plan.last[box])
        else:
            buffer = Buffer(elements(box) * box.dtype.itemsize, line, plan.last[box])
            buffer.stored = box not in local
        plan.buffers[box] = buffer
        if box in targets:
            buffer.spare_of = targets[box]
        if box in plan.kernels:
            _hold(plan, box)
        if box in plan.sections:
            _place_inside(plan, box)
    for buffer in plan.buffers.values():
        around = buffer.inside
        while around is not None:
            around.first, around.last = min(around.first, buffer.first), max(around.last, buffer.last)
            around = around.inside


def _place_inside(plan: Schedule, box: Box) -> None:
    """Make the buffer of a box the section of what it is joined to, unless it is one of another kind already."""
    buffer = plan.buffers[box]
    whole, number, offset = plan.sections[box]
    if buffer.spare_of is not None or buffer.inside is not None or not buffer.stored:
        del plan.sections[box]
        return
    if whole not in plan.buffers:
        size = elements(whole) * whole.dtype.itemsize
        plan.buffers[whole] = Buffer(size, buffer.first, max(plan.last[whole], plan.graph.slots[whole]))
    buffer.inside, buffer.section, buffer.offset = plan.buffers[whole], number, offset


def _hold(plan: Schedule, box: Box) -> None:
    """What a kernel reads and writes stays until its end: its first line comes again for each element."""
    kernel = plan.kernels[box]
    first, last = plan.graph.slots[kernel[0]], plan.graph.slots[kernel[-1]]
    plan.buffers[box].first = min(plan.buffers[box].first, first)
    for value in (box, *box.children):
        buffer = plan.buffers.get(plan.bases[value])
        if buffer is not None:
            buffer.last = max(buffer.last, last)


def _dying_child(plan: Schedule, box: Box, line: int, local: set[Box]) -> Box | None:
    """A child that nobody reads later and in whose buffer the value fits, element over element."""
    in_place = plan.kinds.fills[box].in_place
    for place in in_place:
        child = box.children[place]
        if (
            plan.kinds[child] == "fill"
            and plan.last[child] == line
            and child not in plan.sections
            and child.shape == box.shape
            and child.dtype == box.dtype
            and plan.orders.get(child) == plan.orders.get(box)
            and not _is_aliased(plan, child, box.children, in_place)
            and not _viewed_in_kernel(plan, box, plan.buffers[child])
            and (plan.buffers[child].stored or box in local)
        ):
            return child
    return None


def _is_aliased(plan: Schedule, child: Box, children: Sequence[Box], in_place: Sequence[int]) -> bool:
    """Whether writing over a child spoils another one: a view of its buffer, or the child itself at another place.

    A sum x + x reads each element before it is written over; in x + x @ x the product reads those that are.
    """
    buffer = plan.buffers[child]
    read_on = [operand for place, operand in enumerate(children) if operand is not child or place not in in_place]
    return _lies_in(plan, [plan.bases[other] for other in read_on], buffer)


def _viewed_in_kernel(plan: Schedule, box: Box, buffer: Buffer) -> bool:
    """Whether the box's kernel reads a view of the buffer, of which an element may be what an earlier one overwrote."""
    read = [child for each in plan.kernels.get(box, ()) for child in each.children]
    return _lies_in(
        plan, [owner for value in read if plan.kinds[value] != "fill" for owner in _owners(plan, value)], buffer
    )


def _owners(plan: Schedule, box: Box) -> list[Box]:
    """The boxes in whose buffers a value may lie: what a fprop returns may be a view of its children."""
    owners: dict[Box, None] = {}
    stack = [box]
    while stack:
        owner = stack.pop()
        if owner in owners:
            continue
        owners[owner] = None
        if plan.kinds[owner] in ("view", "call"):
            stack += owner.children
    return list(owners)


def _lies_in(plan: Schedule, boxes: Iterable[Box], buffer: Buffer) -> bool:
    """Whether a box has its value in the buffer, or in a section of it."""
    return any(box in plan.buffers and _is_part(plan.buffers[box], buffer) for box in boxes)


def _is_part(buffer: Buffer, of: Buffer) -> bool:
    """Whether a buffer is a section of another, or of its sections, or that itself."""
    around: Buffer | None = buffer
    while around is not None and around is not of:
        around = around.inside
    return around is of


# Buffers laid into one block of memory, so that those alive at the same time do not overlap.


def lay_out(buffers: Iterable[Buffer]) -> int:
    """Give each buffer its offset, the largest first, each at the lowest place free; return the bytes needed."""
    taken: list[tuple[int, int, int, int]] = []  # where each begins and ends, its first and its last line
    total = 0
    for buffer in sorted(buffers, key=lambda buffer: (-buffer.size, buffer.first)):
        size, first, last = align_size(buffer.size), buffer.first, buffer.last
        free = 0
        for start, stop, since, until in taken:
            if since <= last and until >= first:
                if start - free >= size:
                    break
                free = max(free, stop)
        buffer.offset = free
        bisect.insort(taken, (free, free + size, first, last))
        total = max(total, free + size)
    return total


# New values of parameters, each in memory of its own.


def with_new_values(graph: Graph, parameters: Sequence[Parameter], flat: FlatParameters | None = None) -> Graph:
    """The graph whose last outputs, the new values, each fill a buffer of their own: a copy where they would not.

    New values that are sections of a flat array share its buffer.
    """
    together = {p for run in flat.new.values() for p in run} if flat else set()
    kept = len(graph.outputs) - len(parameters)
    seen: set[Box] = set()
    outputs = list(graph.outputs)
    kinds = Kinds()
    for place in range(kept, len(outputs)):
        box = outputs[place]
        if parameters[place - kept] not in together and (kinds[box] not in ("fill", "number") or box in seen):
            outputs[place] = Positive(box)
        seen.add(box)
    return graph if all(map(is_, outputs, graph.outputs)) else Graph(*outputs)


def depths(graph: Graph) -> dict[Box, int]:
    """The length of the longest chain of boxes up to each: in this order backpropagation comes to them.

    What the first of them read can die early.
    """
    depth: dict[Box, int] = {}
    for box in graph.boxes:
        depth[box] = 1 + max([depth[child] for child in box.children], default=0)
    return depth
