"""Convolutions and pooling as calls of NumPy over windows, in memory of the plan."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from flowgraph.box import Array, Box
from flowgraph.boxes.neural import convolution
from flowgraph.boxes.neural.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvFilters,
    ConvInput,
    Convolving,
    examples_first,
)
from flowgraph.boxes.neural.pooling import MaxPool, Pooling, Sliding, SpreadToRectified
from flowgraph.plan.binding import OF_EITHER, Memory
from flowgraph.plan.kinds import in_order
from flowgraph.plan.numpy.rules import Writes, rule_for
from flowgraph.plan.rebuild import elements, shape_of, sizes_known, without_graph
from flowgraph.plan.schedule import Buffer, Schedule
from flowgraph.plan.store import align_size

# Memory of a plan that the lines of a box use beside its buffer, and arrays that lie at one place in every run.

Shapes = Mapping[str, tuple[tuple[int, ...], Any]]
"""Arrays by name: shape and dtype."""


def give_scratch(plan: Schedule) -> None:
    """Give the lines of each box the memory that they use; it is free again in the next line."""
    for line, box in enumerate(plan.graph.boxes):
        writing = plan.kinds.fills.get(box)
        if writing is not None and writing.scratch is not None and box not in plan.kernels:
            plan.scratch[box] = Buffer(writing.scratch(box), line, line)


def bytes_of(shapes: Shapes) -> int:
    """Bytes of these arrays, one after another."""
    return sum(_bytes(*array) for array in shapes.values())


def arrays_in(memory: Memory, start: int, shapes: Shapes) -> dict[str, Array]:
    """The arrays in the scratch memory of a box, which begins at that byte."""
    arrays = {}
    for name, (shape, dtype) in shapes.items():
        size = math.prod(shape) * np.dtype(dtype).itemsize
        arrays[name] = memory.arena[start : start + size].view(dtype).reshape(shape)
        start += _bytes(shape, dtype)
    return arrays


def _bytes(shape: tuple[int, ...], dtype: Any) -> int:
    return align_size(math.prod(shape) * np.dtype(dtype).itemsize)


def place_of(writer: Writes, box: Box, text: str) -> str | None:
    """The name of the place of a value that parents read by this text; None where that is another one in every run."""
    plan = writer.plan
    if not plan.is_fixed(box):
        return None
    return writer.out(box) if plan.kinds[box] == "fill" else text


def placed_in(memory: Memory, name: str | None) -> Array | None:
    """The array of that name, None for no name."""
    return None if name is None else memory[name]


# Convolutions and their gradients in memory of the plan: all views are made before the first run.
# Products, and the order of sums, are those of `flowgraph.boxes.neural.convolution`, where the matrices of all rows of
# places are made at once; larger convolutions stay calls of the fprop.


class Layout(NamedTuple):
    """The sizes of a convolution of x (N, C, ...) with filters w (F, C, ...) whose window has `counts` places."""

    x: tuple[int, ...]
    w: tuple[int, ...]
    counts: tuple[int, ...]
    sliding: Sliding
    dtype: Any

    @property
    def places(self) -> int:
        """Columns of the matrix of a row of places."""
        return math.prod(self.counts[1:]) * self.x[0]

    @property
    def padded(self) -> tuple[int, ...]:
        """The shape of x with what pads it, the examples last."""
        first, *others = [size + sum(pair) for size, pair in zip(self.x[2:], self.sliding.padding, strict=True)]
        return (first, self.x[1], *others, self.x[0])

    @property
    def lines(self) -> tuple[int, ...]:
        """Of each row of x what the windows read, beside each other."""
        return (self.padded[0], self.x[1], *self.w[3:], *self.counts[1:], self.x[0])

    @property
    def sent(self) -> tuple[int, ...]:
        """The value of the convolution, the examples last."""
        return (self.counts[0], self.w[0], *self.counts[1:], self.x[0])

    @property
    def read(self) -> int:
        """Elements of a filter."""
        return math.prod(self.w[1:])


def layout_of(box: Convolving) -> Layout:
    """The sizes of a convolution, or of what one of its gradients is the gradient of."""
    first, second = (shape_of(child) for child in box.children[:2])
    if isinstance(box, ConvInput):
        x, w, count = shape_of(box), second, first[2:]
    elif isinstance(box, ConvFilters):
        x, w, count = second, shape_of(box), first[2:]
    else:
        x, w, count = first, second, shape_of(box)[2:]
    return Layout(x, w, tuple(map(int, count)), box.sliding(w), box.dtype)


def _is_prepared(box: Convolving) -> bool:
    """Whether the views of a convolution or of one of its gradients are made before the first run."""
    both = box.children[:2]
    known = all(map(sizes_known, (box, *box.children))) and box.groups == 1
    if not known or any(child.dtype != box.dtype or not elements(child) for child in both) or box.dtype.kind != "f":
        return False
    layout = layout_of(box)
    if not convolution.is_whole(layout.x, layout.sliding, layout.counts):
        return False
    if isinstance(box, ConvInput):
        return convolution.adds_by_rows(layout.x, layout.sliding, 1)
    return layout.sliding.dilation[0] == 1


class Turned:
    """An operand with the examples last and with its padding: where it lies, or copied into `memory`."""

    def __init__(self, given: Array | None, memory: Array, sliding: Sliding | None = None) -> None:
        padding = any(map(any, sliding.padding)) if sliding else False
        self.target = None
        self.around: Array | None = None
        if given is not None and not padding:
            last = given.transpose(2, 1, *range(3, given.ndim), 0)
            if last.flags.c_contiguous:
                self.last = last
                return
        self.last = memory
        if sliding is not None and padding:
            self.around = memory
            sizes = [size - sum(pair) for size, pair in zip(_spatial(memory), sliding.padding, strict=True)]
            memory = memory[convolution.inside_of(sizes, sliding)]
        self.target = examples_first(memory)

    def load(self, value: Array) -> None:
        """Copy the operand, unless it is read where it lies."""
        if self.target is not None:
            if self.around is not None:
                self.around.fill(0)
            np.copyto(self.target, value)


def _spatial(last: Array) -> Sequence[int]:
    return (last.shape[0], *last.shape[2:-1])


class Target:
    """The buffer of a value whose examples come last: the array in which it is made, copied where needed."""

    def __init__(self, out: Array) -> None:
        self.out = out
        last = out.transpose(2, 1, *range(3, out.ndim), 0)
        self.apart = not last.flags.c_contiguous
        self.made = np.empty_like(last, order="C") if self.apart else last

    def value(self) -> Array:
        """The buffer, filled."""
        if self.apart:
            np.copyto(self.out, examples_first(self.made))
        return self.out


class Lines:
    """What the windows read of each row of x, copied at once; `columns` is a view: a matrix for each row of places."""

    def __init__(self, layout: Layout, x: Turned, lines: Array, pieces: int = 1) -> None:
        self.x, self.lines = x, lines
        self.windows = convolution.lines_of(x.last, layout.sliding, 1, layout.counts)[0]
        places = layout.places
        piece, row = places // pieces, lines[0].size * layout.sliding.stride[0]
        strides = [step * lines.itemsize for step in (row, piece, places, 1)]
        self.columns = as_strided(lines, (layout.counts[0], pieces, layout.read, piece), strides, writeable=False)

    def load(self, value: Array) -> None:
        """Copy what the windows read."""
        self.x.load(value)
        np.copyto(self.lines, self.windows)


class Convolved:
    """A convolution."""

    def __init__(self, layout: Layout, arrays: dict[str, Array], x: Array | None, other: Array | None, out: Array):
        pieces = convolution.pieces_of(layout.places, math.prod(layout.w))
        self.x = Lines(layout, Turned(x, arrays["x"], layout.sliding), arrays["lines"], pieces)
        self.filters = arrays["filters"]
        self.given = _by_rows(self.filters, layout).swapaxes(1, 2)
        self.target = Target(out)
        shape = (layout.counts[0], layout.w[0], pieces, layout.places // pieces)
        self.rows = self.target.made.reshape(shape).swapaxes(1, 2)

    def __call__(self, x: Array, w: Array) -> Array:
        """Fill the buffer."""
        self.x.load(x)
        np.copyto(self.given, w)
        np.matmul(self.filters, self.x.columns, self.rows)
        return self.target.value()

    @staticmethod
    def shapes(layout: Layout) -> Shapes:
        """Arrays beside the buffer."""
        return _with_dtype(layout, x=layout.padded, lines=layout.lines, filters=(layout.w[0], layout.read))


class OfFilters:
    """The gradient of the filters."""

    def __init__(self, layout: Layout, arrays: dict[str, Array], g: Array | None, x: Array | None, out: Array):
        self.x = Lines(layout, Turned(x, arrays["x"], layout.sliding), arrays["lines"])
        self.g = Turned(g, arrays["sent"])
        self.columns = self.x.columns[:, 0]
        self.sent = self.g.last.reshape(layout.counts[0], layout.w[0], -1).mT
        self.products, self.total = arrays["products"], arrays["total"]
        self.out = out
        self.result = _by_rows(self.total.T, layout).swapaxes(1, 2)

    def __call__(self, g: Array, x: Array, like: Array) -> Array:
        """Fill the buffer."""
        self.x.load(x)
        self.g.load(g)
        np.matmul(self.columns, self.sent, self.products)
        np.add.reduce(self.products, axis=0, out=self.total)
        np.copyto(self.out, self.result)
        return self.out

    @staticmethod
    def shapes(layout: Layout) -> Shapes:
        """Arrays beside the buffer."""
        total = (layout.read, layout.w[0])
        products = (layout.counts[0], *total)
        return _with_dtype(
            layout, x=layout.padded, lines=layout.lines, sent=layout.sent, products=products, total=total
        )


class OfInput:
    """The gradient of the input."""

    def __init__(self, layout: Layout, arrays: dict[str, Array], g: Array | None, w: Array | None, out: Array):
        sliding, rows = layout.sliding, arrays["lines"]
        self.g = Turned(g, arrays["sent"])
        filters, size = arrays["filters"], sliding.size[0]
        turned = filters.reshape(layout.x[1], *sliding.size[1:], size, layout.w[0])
        # A row of x is read by window row k of the places k rows before it: so the rows of the window go backwards.
        self.given = np.moveaxis(turned, (-2, -1), (2, 0))[:, :, ::-1]
        sent = self.g.last.reshape(layout.counts[0], layout.w[0], -1)
        flat = rows.reshape(len(rows), len(filters), -1)
        self.products = [*convolution.products_of_rows(filters, sent, range(len(rows)), flat)]
        self.target = Target(out)
        padded = any(map(any, sliding.padding))
        self.h = arrays["x"] if padded else self.target.made
        self.inside = self.h[convolution.inside_of(layout.x[2:], sliding)] if padded else None
        others = Sliding(sliding.size[1:], sliding.stride[1:], sliding.padding[1:], sliding.dilation[1:])
        offsets = [*itertools.product(*map(range, others.size))]
        places = [convolution.places_of(others, offset, tuple(map(slice, layout.counts[1:]))) for offset in offsets]
        self.to = [self.h[(slice(None), slice(None), *place)] for place in places]
        ends: list[tuple[Any, ...]] = [(slice(None), slice(None), *offset) for offset in offsets]
        self.read = [rows[end] for end in ends]

    def __call__(self, g: Array, w: Array, like: Array) -> Array:
        """Fill the buffer."""
        self.g.load(g)
        np.copyto(self.given, w)
        for matrix, block, target in self.products:
            np.matmul(matrix, block, target)
        self.h.fill(0)
        for to, read in zip(self.to, self.read, strict=True):
            np.add(to, read, to)
        if self.inside is not None:
            np.copyto(self.target.made, self.inside)
        return self.target.value()

    @staticmethod
    def shapes(layout: Layout) -> Shapes:
        """Arrays beside the buffer."""
        filters = (layout.x[1] * math.prod(layout.w[3:]), layout.w[2] * layout.w[0])
        return _with_dtype(layout, x=layout.padded, lines=layout.lines, sent=layout.sent, filters=filters)


Prepared = Convolved | OfFilters | OfInput


def _with_dtype(layout: Layout, **shapes: tuple[int, ...]) -> Shapes:
    return {name: (shape, layout.dtype) for name, shape in shapes.items()}


def _by_rows(filters: Array, layout: Layout) -> Array:
    """A filter in each row as (filters, rows of the window, channels, ...)."""
    return filters.reshape(layout.w[0], layout.w[2], layout.w[1], *layout.w[3:])


def _class_of(box: Box) -> type[Prepared]:
    return OfInput if isinstance(box, ConvInput) else OfFilters if isinstance(box, ConvFilters) else Convolved


def _scratch(box: Convolving) -> int:
    return bytes_of(_class_of(box).shapes(layout_of(box)))


def _bind(writer: Writes, box: Convolving, texts: Sequence[str], out: str) -> list[str]:
    """The function that computes the box, and its arguments."""
    read = tuple([place_of(writer, child, text) for child, text in zip(box.children[:2], texts[:2], strict=True)])
    data = _class_of(box), layout_of(box), writer.plan.scratch[box].start, read, out
    return [writer.source.bind_new(type(box).__name__, prepared_in, *data), *texts]


def prepared_in(
    memory: Memory, cls: type[Prepared], layout: Layout, start: int, read: tuple[str | None, str | None], out: str
) -> Prepared:
    """A convolution, or a gradient of one, from named arrays into a named buffer."""
    arrays = arrays_in(memory, start, cls.shapes(layout))
    first, second = (placed_in(memory, name) for name in read)
    return cls(layout, arrays, first, second, memory[out])


@rule_for(Conv1d, Conv2d, Conv3d, ConvInput, ConvFilters, operands=_bind, when=_is_prepared, scratch=_scratch)
def _lines_of_call(box: Convolving, names: Sequence[str], out: str) -> list[str]:
    return [f"{names[0]}({', '.join(names[1:])})"]


# Max pooling, and its gradient over a rectifier, into a buffer: views of the elements of windows are made once.


class Windows:
    """The elements of all windows of an array: one array for each, views made once where it stays at its place."""

    def __init__(self, sliding: Sliding, count: Sequence[int], fixed: Array | None) -> None:
        self.places = [*sliding.places(count)]
        self.fixed = None if fixed is None else self._views(fixed)

    def of(self, a: Array) -> list[Array]:
        """The elements of the array."""
        return self._views(a) if self.fixed is None else self.fixed

    def _views(self, a: Array) -> list[Array]:
        return [a[place] for place in self.places]


class Largest:
    """Max pooling without padding."""

    def __init__(self, box: MaxPool, a: Array | None, out: Array) -> None:
        self.windows = Windows(box.sliding, _count(box, out.shape), a)
        self.out = out

    def __call__(self, a: Array) -> Array:
        """Fill the buffer."""
        largest, *others = self.windows.of(a)
        out = self.out
        if not others:
            np.copyto(out, largest)
        for read in others:
            largest = np.maximum(largest, read, out=out)
        return out


class SpreadRectified:
    """The gradient of pooling over a rectifier, without padding: each number of g where the source is the largest.

    What is as large as the floor comes as half of a share of all in the window. Where g is infinite or NaN, the fprop
    says which zeros become NaN.
    """

    def __init__(
        self,
        box: SpreadToRectified,
        shape: tuple[int, ...],
        arrays: dict[str, Array],
        source: Array | None,
        out: Array,
    ) -> None:
        self.box, self.out = box, out
        order = tuple(int(axis) for axis in np.argsort([-step for step in out.strides], kind="stable"))
        count = _count(box, shape)
        self.source = Windows(box.sliding, count, source)
        self.targets = Windows(box.sliding, count, out).of(out)
        self.covers = box.sliding.covers(out.shape)
        self.taken = [in_order(is_largest, shape, order) for is_largest in arrays["taken"]]
        self.counts = [is_largest.view(np.uint8) for is_largest in self.taken]
        self.share, self.ties, self.test = (in_order(arrays[name], shape, order) for name in ("share", "ties", "test"))
        self.divided = box.dtype.type(0.5 * box.half)

    def __call__(self, g: Array, source: Array, largest: Array) -> Array:
        """Fill the buffer."""
        share, ties, test = self.share, self.ties, self.test
        np.copyto(share, g)
        if not np.isfinite(share, test).all():
            np.copyto(self.out, self.box.fprop(g, source, largest))
            return self.out
        for read, taken in zip(self.source.of(source), self.taken, strict=True):
            np.equal(read, largest, taken)
        first, *others = self.counts
        for count in others:
            first = np.add(first, count, ties)
        np.logical_and(np.equal(largest, self.box.floor, test), first, test)
        if test.any():
            share[test] *= self.divided
            first = np.where(test, self.counts[0].dtype.type(len(self.counts)), first)
        if first.max() > 1:
            np.divide(share, np.maximum(first, 1), share, dtype=share.dtype)
        if not self.covers:
            self.out.fill(0)
        for taken, target in zip(self.taken, self.targets, strict=True):
            np.multiply(share, taken, target)
        return self.out

    @staticmethod
    def shapes(box: SpreadToRectified, shape: tuple[int, ...]) -> Shapes:
        """Arrays beside the buffer, in its order in memory, for windows in this shape."""
        windows = math.prod(shape)
        taken = (math.prod(box.sliding.size), windows)
        return {
            "taken": (taken, bool), "share": ((windows,), box.dtype), "ties": ((windows,), np.uint8),
            "test": ((windows,), bool),
        }  # fmt: skip


def _count(box: Pooling, shape: Sequence[int]) -> Sequence[int]:
    """How many windows there are along each axis that the window moves along."""
    return shape[len(shape) - len(box.sliding.size) :]


def _is_pooled(box: Pooling) -> bool:
    """Whether windows are views of the array itself, and there are some."""
    sliding = box.sliding
    return all(map(sizes_known, (box, *box.children))) and elements(box) > 0 and not any(map(any, sliding.padding))


def _spreads_at_once(box: SpreadToRectified) -> bool:
    return _is_pooled(box) and box.sliding.apart and math.prod(box.sliding.size) < 256


def _scratch_of_pooling(box: SpreadToRectified) -> int:
    return bytes_of(SpreadRectified.shapes(box, shape_of(box.children[0])))


def _bind_spread(writer: Writes, box: SpreadToRectified, texts: Sequence[str], out: str) -> list[str]:
    """The function that computes the box, and its arguments."""
    windows = shape_of(box.children[0])
    data = without_graph(box), windows, writer.plan.scratch[box].start, place_of(writer, box.children[1], texts[1]), out
    return [writer.source.bind_new("spread_rectified", spreading_in, *data), *texts]


def spreading_in(
    memory: Memory, box: SpreadToRectified, windows: tuple[int, ...], start: int, source: str | None, out: str
) -> SpreadRectified:
    """The gradient of pooling over a rectifier, of an array of `windows`, into a named buffer."""
    arrays = arrays_in(memory, start, SpreadRectified.shapes(box, windows))
    return SpreadRectified(box, windows, arrays, placed_in(memory, source), memory[out])


@rule_for(SpreadToRectified, operands=_bind_spread, when=_spreads_at_once, scratch=_scratch_of_pooling)
def _spread(box: SpreadToRectified, names: Sequence[str], out: str) -> list[str]:
    return [f"{names[0]}({', '.join(names[1:])})"]


def _bind_largest(writer: Writes, box: MaxPool, texts: Sequence[str], out: str) -> list[str]:
    place = place_of(writer, box.children[0], texts[0])
    return [writer.source.bind_new("MaxPool", largest_in, without_graph(box), place, out), *texts]


def largest_in(memory: Memory, box: MaxPool, place: str | None, out: str) -> Largest:
    """Max pooling into a named buffer."""
    return Largest(box, placed_in(memory, place), memory[out])


@rule_for(MaxPool, operands=_bind_largest, when=_is_pooled)
def _largest(box: MaxPool, names: Sequence[str], out: str) -> list[str]:
    return [f"{names[0]}({names[1]})"]


OF_EITHER |= {prepared_in, spreading_in, largest_in}
