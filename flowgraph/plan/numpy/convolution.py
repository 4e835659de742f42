"""Convolutions and their gradients in memory of the plan: all views are made before the first run.

Products, and the order of sums, are those of `flowgraph.boxes.neural.convolution`, where the matrices of all rows of
places are made at once; larger convolutions stay calls of the fprop.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
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
from flowgraph.boxes.neural.sliding import Sliding
from flowgraph.plan.numpy.rules import Writes, rule_for
from flowgraph.plan.numpy.scratch import Shapes, arrays_in, bytes_of, place_of
from flowgraph.plan.rebuild import elements, shape_of, sizes_known


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
    if not known or any(one.dtype != box.dtype or not elements(one) for one in both) or box.dtype.kind != "f":
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
        strides = [one * lines.itemsize for one in (row, piece, places, 1)]
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
        return _typed(layout, x=layout.padded, lines=layout.lines, filters=(layout.w[0], layout.read))


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
        return _typed(layout, x=layout.padded, lines=layout.lines, sent=layout.sent, products=products, total=total)


class OfInput:
    """The gradient of the input."""

    def __init__(self, layout: Layout, arrays: dict[str, Array], g: Array | None, w: Array | None, out: Array):
        sliding, rows = layout.sliding, arrays["lines"]
        self.g = Turned(g, arrays["sent"])
        filters, size = arrays["filters"], sliding.size[0]
        turned = filters.reshape(layout.x[1], *sliding.size[1:], size, layout.w[0])
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
        places = [convolution.places_of(others, one, tuple(map(slice, layout.counts[1:]))) for one in offsets]
        self.to = [self.h[(slice(None), slice(None), *place)] for place in places]
        ends: list[tuple[Any, ...]] = [(slice(None), slice(None), *one) for one in offsets]
        self.read = [rows[one] for one in ends]

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
        return _typed(layout, x=layout.padded, lines=layout.lines, sent=layout.sent, filters=filters)


Prepared = Convolved | OfFilters | OfInput


def _typed(layout: Layout, **shapes: tuple[int, ...]) -> Shapes:
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
    layout, made = layout_of(box), _class_of(box)
    first, second = (place_of(writer, child, text) for child, text in zip(box.children[:2], texts[:2], strict=True))
    buffer = writer.plan.scratch[box]

    def make(memory: Any) -> Callable[..., Array]:
        arrays = arrays_in(memory, buffer, made.shapes(layout))
        return made(layout, arrays, first(memory), second(memory), memory[out])

    return [writer.source.bind_new(type(box).__name__, make), *texts]


@rule_for(Conv1d, Conv2d, Conv3d, ConvInput, ConvFilters, operands=_bind, when=_is_prepared, scratch=_scratch)
def _called(box: Convolving, names: Sequence[str], out: str) -> list[str]:
    return [f"{names[0]}({', '.join(names[1:])})"]
