"""Loops over elements: what is computed element by element over arrays of one shape, and their sums, in one loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Constant, Leaf
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlacesOf
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Reduction, Sum
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numba.kernels import (
    LETTERS,
    Kernel,
    flat_text,
    join_loops,
    layout_of,
    own_index,
    rows_of,
    strides_of,
)
from flowgraph.plan.numba.machine import cast, literal, number_name, steps
from flowgraph.plan.numba.rules import CHECKS, RULES, Read, Rule, checked_child, expression, guard, indexed_for
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.rebuild import elements, shape_of
from flowgraph.plan.schedule import Schedule
from flowgraph.shapes.indexing import ARRAY

# Which elements of its children one element of a box reads, and what is made of them.


def role_of(box: Box) -> str:
    """How a box is computed: "element" by element, as a "reduction" of elements, as a "block" of loops of its own."""
    rule = RULES.of(box)
    if rule is not None:
        return rule.role
    if ufunc_of(box) is not None:
        return "element"
    raise RefusedError("has no rule for Numba", box)


def _are_rows(places: Box) -> bool:
    return isinstance(places, PlacesOf) and not places.columns


def is_indexed(box: Box) -> bool:
    """Whether an element of the box is made of elements of its children at other indices."""
    rule = RULES.of(box)
    return rule is not None and rule.indexed is not None


def product_index(box: Box, index: Sequence[str], between: str) -> tuple[list[str], list[str]]:
    """The indices of the factors of one term of a matrix product, where `between` is that of the axis summed over."""
    left, right = box.children[-2:]
    rest = list(index)
    column = [rest.pop()] if right.ndim > 1 else []
    row = [rest.pop()] if left.ndim > 1 else []
    stack_left, stack_right = (_stack(child, rest) for child in (left, right))
    return [*stack_left, *row, between], [*stack_right, between, *column]


def _stack(child: Box, index: Sequence[str]) -> list[str]:
    sizes = shape_of(child)[:-2]
    last = list(index)[len(index) - len(sizes) :]
    return ["0" if size == 1 else letter for size, letter in zip(sizes, last, strict=True)]


@indexed_for(MatMul, when=lambda box: box.dtype.kind != "b" and box.children[0].shape[-1] == 1)
def _outer_product(box: MatMul, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    left, right = product_index(box, index, "0")
    texts = [
        cast(read(child, at), child.dtype, box.dtype) for child, at in zip(box.children, (left, right), strict=True)
    ]
    return [], exact(box, f"{texts[0]} * {texts[1]}")


@indexed_for(
    Index,
    when=lambda box: box.index == (ARRAY,) and box.children[0].ndim == 1 and isinstance(box.children[1], PlacesOf),
)
def _pick_element(box: Index, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    return [], read(box.children[0], [read(box.children[1], index)])


@indexed_for(Index, when=lambda box: box.shape == () and ARRAY not in box.index)
def _single(box: Index, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    (a,) = box.children
    places = [place for place in box.index if place is not Ellipsis]
    return [], read(a, [str(place % size) for place, size in zip(places, shape_of(a), strict=True)])


@indexed_for(Reshape, Barrier, when=lambda box: box.shape == ())
@indexed_for(IndexAdd, when=lambda box: box.shape == () and ARRAY not in box.index)
def _only(box: Box, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    return [], read(box.children[0], ["0"] * box.children[0].ndim)


@indexed_for(PlacesOf, when=lambda box: box.children[0].ndim <= 1 and not box.columns)
def _place(box: PlacesOf, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    labels, like = box.children
    label = read(labels, index if labels.ndim else [])
    return guard(box, label, code), f"{flat_text(0, (shape_of(like)[-1],), index)} + int64({label})"


@indexed_for(OneHot)
def _one_hot(box: OneHot, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    label, number = read(box.children[0], index[:-1]), number_name(box.dtype, box)
    return guard(box, label, code), f"{number}(1) if {label} == {index[-1]} else {number}(0)"


@indexed_for(MinusAt, when=lambda box: box.children[1].ndim <= 1 and _are_rows(box.children[1]))
def _minus_at(box: MinusAt, read: Read, index: Sequence[str], code: int) -> tuple[list[str], str]:
    a, places, amount = box.children
    row = index[0] if a.ndim > 1 else "0"
    value, less = (
        cast(text, child.dtype, box.dtype) for text, child in ((read(a, index), a), (read(amount, []), amount))
    )
    at = flat_text(0, rows_of(shape_of(box)), index)
    return [], f"{exact(box, f'{value} - {less}')} if {read(places, [row])} == {at} else {value}"


def exact(box: Box, text: str) -> str:
    """What Numba computes in wider integers than NumPy, in the dtype of the box."""
    return f"{number_name(box.dtype, box)}({text})" if box.dtype.kind in "iu" else text


# Sums, maxima and minima: what changes nothing, and how one more element comes to the others.


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


def _larger(box: Max, total: str, value: str) -> str:
    return f"{'largest' if box.dtype.kind == 'f' else 'maximum'}({total}, {value})"


def _smaller(box: Min, total: str, value: str) -> str:
    return f"{'smallest' if box.dtype.kind == 'f' else 'minimum'}({total}, {value})"


RULES.add([Sum], Rule(identity=_zero, combined=_plus))
RULES.add([Max], Rule(identity=_lowest, combined=_larger, when=_has_order))
RULES.add([Min], Rule(identity=_highest, combined=_smaller, when=_has_order))


# One loop over arrays of one shape, and the sums, maxima and minima that are taken in it.


class Along(NamedTuple):
    """An array in a loop: how far apart in memory its elements are along each axis of the loop."""

    box: Box
    strides: Sequence[int]

    @property
    def depth(self) -> int:
        """The innermost of the axes, counted from 1, along which another element comes; 0 if there is none."""
        return max([depth for depth, step in enumerate(self.strides, 1) if step], default=0)

    @property
    def place(self) -> str:
        """The place of the element in memory."""
        return flat_text(0, self.strides, LETTERS[: len(self.strides)])

    @property
    def is_at_once(self) -> bool:
        """Whether the loops come to each element of the array once, and stay there until they are done with it."""
        return all(self.strides[: self.depth])


def loop_shape(box: Box) -> tuple[int, ...]:
    """Over which elements the loop of a box goes."""
    return shape_of(box.children[0] if isinstance(box, Reduction) else box)


def write_loop(kernel: Kernel, boxes: Sequence[Box]) -> None:
    """Write the loop that computes boxes of one shape, and what is summed over some axes of it."""
    plan, shape = kernel.plan, loop_shape(boxes[0])
    kernel.boxes += boxes
    plain, inside = not any(map(is_indexed, boxes)), set(boxes)
    read = dict.fromkeys(
        [child for box in boxes if not is_indexed(box) for child in box.children if child not in inside]
    )
    arrays = [child for child in read if kernel.number(child) is None]
    written = [box for box in boxes if box.shape and box not in kernel.local]
    full = [np.broadcast_to(layout_of(plan, box), shape) for box in arrays]
    full += [_over(box, layout_of(plan, box), shape) for box in written]
    axes = _axes(plan, boxes[0], full) if plain else range(len(shape))
    strides = [[strides_of(array)[axis] for axis in axes] for array in full]
    sizes, strides = join_loops([shape[axis] for axis in axes], strides, plain)
    along = [Along(*pair) for pair in zip([*arrays, *written], strides, strict=True)]
    sums = [Along(box, ()) for box in boxes if isinstance(box, Reduction) and not box.shape]
    _Loop(kernel, sizes, along[: len(arrays)], [*along[len(arrays) :], *sums]).write(boxes)


def _over(box: Box, layout: Array, shape: tuple[int, ...]) -> Array:
    """The array of a box; that of a sum is repeated along the axes that are summed over."""
    if isinstance(box, Reduction) and not box.keepdims:
        layout = np.expand_dims(layout, box.axes(len(shape)))
    return np.broadcast_to(layout, shape)


def _axes(plan: Schedule, first: Box, full: Sequence[Array]) -> Sequence[int]:
    """The axes from the outermost loop to the innermost, in the order in which the elements lie in memory."""
    if isinstance(first, Reduction) and full:
        return sorted(range(full[0].ndim), key=lambda axis: (-abs(full[0].strides[axis]), axis))
    return plan.orders.get(first) or range(len(loop_shape(first)))


class _Loop:
    """The lines of one loop: what is read, and set, before each of its axes, what is computed inside, and stored."""

    def __init__(self, kernel: Kernel, sizes: Sequence[int], arrays: Sequence[Along], written: Sequence[Along]) -> None:
        self.kernel, self.sizes, self.arrays = kernel, sizes, arrays
        self.places = {array.box: array for array in written}
        self.sums = [array for array in written if isinstance(array.box, Reduction)]
        self.values: dict[Box, str] = {}

    def line(self, depth: int, text: str) -> None:
        """A line inside of so many axes."""
        self.kernel.lines.append(f"{'    ' * (depth + 1)}{text}")

    def write(self, boxes: Sequence[Box]) -> None:
        """The lines."""
        inside = len(self.sizes)
        for reduced in self.sums:
            if not reduced.is_at_once:
                self.line(0, f"for z in range({elements(reduced.box)}):")
                self.line(1, self.kernel.store(reduced.box, "z", _identity(reduced.box)))
        for depth in range(inside + 1):
            self._begin(depth)
            if depth < inside:
                self.line(depth, f"for {LETTERS[depth]} in range({steps(self.sizes[depth], depth + 1 == inside)}):")
        for box in boxes:
            self._sum(box) if isinstance(box, Reduction) else self._element(box)
        for depth in range(inside, -1, -1):
            self._end(depth)

    def _begin(self, depth: int) -> None:
        """What is read, and set, before the loop over one more axis."""
        for array in self.arrays:
            if array.depth == depth:
                self.values[array.box] = self.kernel.name("x")
                self.line(depth, f"{self.values[array.box]} = {self.kernel.element(array.box, array.place)}")
        for reduced in self.sums:
            if reduced.depth == depth and self._has_total(reduced):
                self.line(depth, f"{self.kernel.variable(reduced.box)} = {_identity(reduced.box)}")

    def _end(self, depth: int) -> None:
        """What is stored after it."""
        for reduced in self.sums:
            if reduced.depth == depth and reduced.box.shape and self._has_total(reduced):
                total = self.kernel.texts[reduced.box]
                added = total if reduced.is_at_once else _combine(reduced.box, self._there(reduced), total)
                self.line(depth, self.kernel.store(reduced.box, reduced.place, added))

    def _has_total(self, reduced: Along) -> bool:
        """Whether a sum is taken in a variable, and not in memory: the innermost axes are summed over."""
        return reduced.is_at_once or reduced.depth < len(self.sizes)

    def _there(self, reduced: Along) -> str:
        return self.kernel.element(reduced.box, reduced.place)

    def _read_child(self, child: Box, index: Sequence[str] = ()) -> str:
        return self.values.get(child) or self.kernel.number(child) or self.kernel.read_element(child, index)

    def _sum(self, box: Reduction) -> None:
        (child,) = box.children
        reduced, value = self.places[box], cast(self._read_child(child), child.dtype, box.dtype)
        if self._has_total(reduced):
            total = self.kernel.texts[box]
            self.line(len(self.sizes), f"{total} = {_combine(box, total, value)}")
        else:
            added = _combine(box, self._there(reduced), value)
            self.line(len(self.sizes), self.kernel.store(box, reduced.place, added))

    def _element(self, box: Box) -> None:
        kernel, rule, check, code = self.kernel, RULES.of(box), CHECKS.of(box), 0
        if check is not None:
            kernel.checks.append(box)
            code = len(kernel.checks)
        before: list[str] = []
        if rule is not None and rule.indexed is not None:
            before, value = rule.indexed(box, self._read_child, own_index(box.shape), code)
        else:
            texts = [self._read_child(child) for child in box.children]
            before = guard(box, texts[check.place], code) if check is not None else []
            value = expression(box, texts)
        self.values[box] = kernel.variable(box)
        for text in [*before, f"{self.values[box]} = {value}"]:
            self.line(len(self.sizes), text)
        if box in self.places:
            self.line(len(self.sizes), kernel.store(box, self.places[box].place, self.values[box]))


def _identity(box: Box) -> str:
    """What changes nothing."""
    rule = RULES.of(box)
    assert rule is not None
    assert rule.identity is not None
    return rule.identity(box)


def _combine(box: Box, total: str, value: str) -> str:
    rule = RULES.of(box)
    assert rule is not None
    assert rule.combined is not None
    return rule.combined(box, total, value)


# Loop fusion in a plan that is one kernel: boxes of one shape that read each other share a loop.


def find_loops(plan: Schedule) -> list[list[Box]]:
    """The boxes that are computed, in the order in which they are, those of one loop together.

    Each box joins the first loop over its shape in which what it reads is known, or opens one at the end; a block has
    loops of its own. What only one later loop reads, element by element, is then computed there, without an array
    between.
    """
    shapes: list[tuple[int, ...] | None] = []
    at: dict[Box, int] = {}
    behind: dict[Box, int] = {}
    for box in plan.graph.boxes:
        if isinstance(box, Leaf):
            continue
        first = max([behind[child] for child in box.children if child in behind], default=0)
        if plan.kinds[box] == "view" or isinstance(box, Barrier):
            late = [at[plan.bases[child]] for child in box.children[1:] if plan.bases[child] in at]
            behind[box] = max([first, *(late if isinstance(box, Barrier) else ())])
            if plan.kinds[box] == "view":
                continue
        shape = None if role_of(box) == "block" else loop_shape(box)
        for child in box.children:
            base = plan.bases[child]
            if base in at:
                first = max(first, at[base] + (not _reads_own(plan, box, child, shape)))
        free = [place for place in range(first, len(shapes)) if shapes[place] == shape and shape is not None]
        at[box] = free[0] if free else len(shapes)
        shapes += [] if free else [shape]
    _sink(plan, at, shapes)
    loops: list[list[Box]] = [[] for _ in shapes]
    for box in at:
        loops[at[box]].append(box)
    return [loop for loop in loops if loop]


def _reads_own(plan: Schedule, box: Box, child: Box, shape: tuple[int, ...] | None) -> bool:
    """Whether the box reads of a child what the same loop has just computed."""
    if shape is None or child.shape != shape or plan.bases[child] is not child or isinstance(child, Reduction):
        return False
    if CHECKS.of(box) is not None and child is checked_child(box):  # which is looked at again, when it is refused
        return False
    return role_of(child) == "element" and not (isinstance(box, Index) and child is box.children[0])


def _sink(plan: Schedule, at: dict[Box, int], shapes: Sequence[tuple[int, ...] | None]) -> None:
    """Move boxes to the loops that read them, the last box first, where no more arrays are needed for it."""
    readers: dict[Box, list[tuple[Box, Box]]] = {}
    for box in at:
        for child in box.children:
            readers.setdefault(plan.bases[child], []).append((box, child))
    kept = {plan.bases[box] for box in plan.graph.outputs}
    for box in reversed(list(at)):
        there = {at[reader] for reader, _ in readers.get(box, ())}
        if role_of(box) != "element" or box in kept or len(there) != 1 or there == {at[box]}:
            continue
        (place,) = there
        arrays = {plan.bases[child] for child in box.children} & at.keys()
        own = shapes[place] == shapes[at[box]] and all(_reads_own(plan, *pair, shapes[place]) for pair in readers[box])
        if own and sum(elements(array) > 1 for array in arrays) < 2:
            at[box] = place
