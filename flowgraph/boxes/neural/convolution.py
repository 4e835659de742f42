"""Convolutions as neural networks mean them: sums of products of a filter with every place of an input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from flowgraph.box import Array, Box, Value
from flowgraph.box.axes import AxisLabels
from flowgraph.box.vocabulary import Interval, example
from flowgraph.boxes.neural.pooling import Padding, PerAxis, Sliding, read_sliding
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape, Size, product
from flowgraph.shapes.spec import Spec, same, shape_text

_CACHE = 2**18
"""Numbers in the matrices of some rows that are made at once: a megabyte of float32 stays in the second-level cache.

Of 2**17 to 2**21, within 5 % of the fastest on the convolutions of LeNet; their gradient takes 1.4 times as long with
2**18 as with 2**20, since every slice that it adds costs a call.
"""

_MOST = 2**21
"""Numbers in the matrix of one row, above which the examples are gone over a few at a time."""

_SMALL_PRODUCT, _NARROWEST = 10**6, 256
"""Multiplications up to which OpenBLAS has fast kernels for one product, and columns that are worth one."""


_FEWEST_ROWS = 4
"""Rows of a matrix from which a product is worth its call: with 3, the gradient of an input took 1.7 times as long."""


def convolve_windows(x: Array, w: Array, sliding: Sliding, groups: int, count: Sequence[Any]) -> Array:
    """The convolution of x (N, C, ...) with filters w (F, C / groups, ...), a view of an array with the examples last.

    `count` are the places of the window along each axis.
    """
    filters = _by_group(w.swapaxes(1, 2), groups)[:, None]
    h = np.empty((count[0], len(w), *count[1:], len(x)), np.result_type(x.dtype, w.dtype))
    for part in _parts(x.shape, sliding, count):
        places = math.prod(count[1:]) * (part.stop - part.start)
        pieces = pieces_of(places, filters.size // groups)
        whole = part.stop - part.start == len(x)
        rows = h if whole else np.empty((*h.shape[:-1], part.stop - part.start), h.dtype)
        rows = rows.reshape(count[0], groups, -1, pieces, places // pieces).swapaxes(2, 3)
        for some, columns in _columns(x[part], sliding, groups, count, pieces):
            np.matmul(filters, columns, out=rows[some])
        if not whole:
            h[..., part] = rows.swapaxes(2, 3).reshape(*h.shape[:-1], -1)
    return examples_first(h)


def of_filters(g: Array, x: Array, w: Array, sliding: Sliding, groups: int) -> Array:
    """The gradient of the filters in the shape of w: sums over window positions of input times gradient g."""
    count = g.shape[2:]
    _, filters, read = _by_group(w, groups).shape
    h = np.zeros((groups, read, filters), np.result_type(g.dtype, x.dtype))
    for part in _parts(x.shape, sliding, count):
        sent = _rows_of(g[part], groups)
        for some, columns in _columns(x[part], sliding, groups, count):
            h += np.add.reduce(columns[:, :, 0] @ sent[some].mT, axis=0)
    by_row = np.ascontiguousarray(h.mT).reshape(len(w), w.shape[2], w.shape[1], *w.shape[3:])
    return np.ascontiguousarray(by_row.swapaxes(1, 2))


def of_input(g: Array, w: Array, shape: tuple[int, ...], sliding: Sliding, groups: int) -> Array:
    """The gradient of an input of this shape: every place of the window adds its filter times the gradient g there.

    Elements of filters that add to nothing but the padding, which is cut off, are left out.
    """
    whole, sliding = sliding, sliding.over(shape)
    firsts = [
        (old[0] - new[0]) // d for old, new, d in zip(whole.padding, sliding.padding, sliding.dilation, strict=True)
    ]
    kept: tuple[Any, ...] = tuple(slice(at, at + size) for at, size in zip(firsts, sliding.size, strict=True))
    w = w[(..., *kept)]
    h = _zeros(shape, sliding, np.result_type(g.dtype, w.dtype))
    by_rows = adds_by_rows(shape, sliding, groups)
    for part in _parts(shape, sliding, g.shape[2:]):
        sent, some = _rows_of(g[part], groups), h[..., part]
        if by_rows:
            _add_by_rows(some, sent[:, 0], w, sliding, g.shape[2:])
        else:
            _add_by_places(some, sent, w, sliding, groups, g.shape[2:])
    return examples_first(h[inside_of(shape[2:], sliding)])


def adds_by_rows(shape: Sequence[int], sliding: Sliding, groups: int) -> bool:
    """Whether products of the gradient of an input of this shape sum over the rows of the window."""
    wide = shape[1] * math.prod(sliding.size[1:]) >= _FEWEST_ROWS
    return wide and sliding.stride[0] == sliding.dilation[0] == groups == 1


def is_whole(shape: Sequence[int], sliding: Sliding, count: Sequence[int]) -> bool:
    """Whether the matrices of all rows of places, of all examples of an input of this shape, are made at once."""
    step = _rows_at_once(shape, sliding, count, shape[0]) * (sliding.size[0] if sliding.dilation[0] == 1 else 1)
    return step >= count[0] and shape[0] <= max(1, _MOST // max(1, _numbers(shape, sliding, count)))


def _add_by_places(h: Array, sent: Array, w: Array, sliding: Sliding, groups: int, count: Sequence[int]) -> None:
    """Add to h (rows, channels, ..., examples) each element of the filters at all its places at once."""
    channels, examples = h.shape[1], h.shape[-1]
    filters = np.ascontiguousarray(_by_group(w, groups).mT)
    step = 4 * _rows_at_once((examples, channels), sliding, count, examples)
    for start in range(0, count[0], step):
        some = slice(start, min(start + step, count[0]))
        columns = (filters @ sent[some]).reshape(some.stop - start, channels, *sliding.size, *count[1:], examples)
        for offsets in itertools.product(*map(range, sliding.size)):
            first, *others = places_of(sliding, offsets, (some, *map(slice, count[1:])))
            to: tuple[Any, ...] = (first, slice(None), *others)
            read: tuple[Any, ...] = (slice(None), slice(None), *offsets)
            h[to] += columns[read]


def _add_by_rows(h: Array, sent: Array, w: Array, sliding: Sliding, count: Sequence[int]) -> None:
    """The same where windows move row by row: products sum over the rows of the window, slices over its other axes.

    A row of h gets a row of each filter from the places that hold it there: from as many rows as the window has, fewer
    at both ends. These lie one after another, as the rows of the filters do in the opposite order.
    """
    if not (h.size and sent.size and w.size):
        return
    size, channels, examples, places = sliding.size[0], h.shape[1], h.shape[-1], sent.shape[-1]
    filters = np.ascontiguousarray(np.moveaxis(w[:, :, ::-1], (2, 0), (-2, -1)))
    filters = filters.reshape(-1, size * len(w))
    others = Sliding(sliding.size[1:], sliding.stride[1:], sliding.padding[1:], sliding.dilation[1:])
    step = max(1, 4 * _CACHE // max(1, len(filters) * places))
    # As large whatever the images: the allocator learns from it to keep smaller arrays, which would be new pages again
    # in every call. Pages that nothing is written to cost nothing.
    memory = np.empty(max(4 * _CACHE, len(filters) * places), h.dtype)
    for start in range(0, len(h), step):
        rows = range(start, min(start + step, len(h)))
        shape = (len(rows), len(filters), places)
        lines = memory[: math.prod(shape)].reshape(shape)
        for matrix, block, target in products_of_rows(filters, sent, rows, lines):
            np.matmul(matrix, block, out=target)
        lines = lines.reshape(len(rows), channels, *others.size, *count[1:], examples)
        for offsets in itertools.product(*map(range, others.size)):
            places_there = places_of(others, offsets, tuple(map(slice, count[1:])))
            to: tuple[Any, ...] = (slice(start, rows.stop), slice(None), *places_there)
            read: tuple[Any, ...] = (slice(None), slice(None), *offsets)
            h[to] += lines[read]


def products_of_rows(filters: Array, sent: Array, rows: range, out: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Products of the filters with the rows of places that hold each of these rows: factors, and where in `out`."""
    last, (number, places) = len(sent) - 1, sent.shape[1:]
    size = filters.shape[1] // number
    pieces = pieces_of(places, filters.size)
    strides = [step * sent.itemsize for step in (number * places, places // pieces, places, 1)]
    spans = [(max(0, row - size + 1), min(last, row)) for row in rows]
    for held, group in itertools.groupby(
        range(len(rows)), lambda i: (spans[i][1] - spans[i][0], rows[i] - spans[i][1])
    ):
        some = [*group]
        first, final = spans[some[0]]
        shape = (len(some), pieces, (held[0] + 1) * number, places // pieces)
        block = as_strided(sent[first:], shape, strides, writeable=False)
        begin = size - 1 - rows[some[0]] + first
        matrix = filters[:, begin * number : (begin + final - first + 1) * number]
        target = out[some[0] : some[-1] + 1].reshape(len(some), len(filters), pieces, -1).swapaxes(1, 2)
        yield matrix, block, target


def examples_first(a: Array) -> Array:
    """(rows, channels, ..., examples) as (examples, channels, rows, ...), the same memory."""
    return a.transpose(a.ndim - 1, 1, 0, *range(2, a.ndim - 1))


def _by_group(w: Array, groups: int) -> Array:
    """Per group a matrix: a filter in each row."""
    return w.reshape(groups, len(w) // groups, math.prod(w.shape[1:]))


def _rows_of(g: Array, groups: int) -> Array:
    """Per row and group a matrix: a filter in each row, its other places in all examples in columns."""
    last = np.ascontiguousarray(g.transpose(2, 1, *range(3, g.ndim), 0))
    return last.reshape(last.shape[0], groups, last.shape[1] // groups, math.prod(last.shape[2:]))


def _parts(shape: Sequence[int], sliding: Sliding, count: Sequence[int]) -> Iterator[slice]:
    """Slices of the examples, all in one where the matrix of a row is not too large."""
    examples = shape[0]
    step = max(1, _MOST // max(1, _numbers(shape, sliding, count)))
    for start in range(0, examples, step):
        yield slice(start, min(start + step, examples))


def pieces_of(places: int, each: int) -> int:
    """Equal pieces of the columns of a product, of `each` multiplications a column, that fit BLAS's small kernels.

    1 where such pieces would be too narrow.
    """
    needed = max(1, -(-places * each // _SMALL_PRODUCT))
    return next((pieces for pieces in range(needed, places // _NARROWEST + 1) if places % pieces == 0), 1)


def _numbers(shape: Sequence[int], sliding: Sliding, count: Sequence[int]) -> int:
    """Numbers in the matrix of a row for one example."""
    return shape[1] * math.prod(sliding.size) * math.prod(count[1:])


def _rows_at_once(shape: Sequence[int], sliding: Sliding, count: Sequence[int], examples: int) -> int:
    return max(1, _CACHE // max(1, _numbers(shape, sliding, count) * examples))


def _columns(
    x: Array, sliding: Sliding, groups: int, count: Sequence[int], pieces: int = 1
) -> Iterator[tuple[slice, Array]]:
    """Some rows of places at a time, and per row, group and piece of the other places a matrix.

    What the filter reads stands in its rows, a row of the window after the other, in each the channels; its other
    places in all examples stand in its columns. The matrices of two rows have the rows of the input in common.
    """
    lines = lines_of(_pad_examples_last(x, sliding), sliding, groups, count)
    (size, *_), (stride, *_), (gap, *_) = sliding.size, sliding.stride, sliding.dilation
    length = math.prod(lines.shape[2:])
    places, step = math.prod(count[1:]) * len(x), _rows_at_once(x.shape, sliding, count, len(x))
    step *= size if gap == 1 else 1
    for start in range(0, count[0], step):
        some = slice(start, min(start + step, count[0]))
        number = some.stop - start
        if gap == 1:
            made = np.ascontiguousarray(lines[:, start * stride : (some.stop - 1) * stride + size])
            steps = (stride * length, made[0].size)
        else:
            group, row, *inner = lines.strides
            shape = (groups, number, size, *lines.shape[2:])
            each = (group, stride * row, gap * row, *inner)
            made = np.ascontiguousarray(as_strided(lines[:, start * stride :], shape, each, writeable=False))
            steps = (size * length, made[0].size)
        piece = places // pieces
        shape = (number, groups, pieces, size * length // max(1, places), piece)
        strides = [distance * x.itemsize for distance in (*steps, piece, places, 1)]
        yield some, as_strided(made, shape, strides, writeable=False)


def _zeros(shape: Sequence[int], sliding: Sliding, dtype: Any) -> Array:
    """Zeros for an input of this shape and for what pads it, the examples last."""
    first, *others = [size + sum(pair) for size, pair in zip(shape[2:], sliding.padding, strict=True)]
    return np.zeros((first, shape[1], *others, shape[0]), dtype)


def inside_of(sizes: Sequence[int], sliding: Sliding) -> tuple[slice, ...]:
    """The index of the unpadded part, the examples last."""
    first, *others = [slice(a, a + size) for size, (a, _) in zip(sizes, sliding.padding, strict=True)]
    return (first, slice(None), *others)


def _pad_examples_last(x: Array, sliding: Sliding) -> Array:
    """The examples last, and zeros around."""
    turned = x.transpose(2, 1, *range(3, x.ndim), 0)
    if not any(map(any, sliding.padding)):
        return np.ascontiguousarray(turned)
    padded = _zeros(x.shape, sliding, x.dtype)
    padded[inside_of(x.shape[2:], sliding)] = turned
    return padded


def lines_of(a: Array, sliding: Sliding, groups: int, count: Sequence[int]) -> Array:
    """What the windows read of each row, as a view.

    Groups, rows, the channels of a group, the elements of the window but for its rows, its other places, examples.
    """
    channels, examples = a.strides[1], a.strides[-1]
    spatial, each = a.strides[2:-1], a.shape[1] // groups
    steps = [stride * size for stride, size in zip(sliding.stride[1:], spatial, strict=True)]
    gaps = [dilation * size for dilation, size in zip(sliding.dilation[1:], spatial, strict=True)]
    shape = (groups, a.shape[0], each, *sliding.size[1:], *count[1:], a.shape[-1])
    return as_strided(a, shape, (each * channels, a.strides[0], channels, *gaps, *steps, examples), writeable=False)


def places_of(sliding: Sliding, offsets: tuple[int, ...], some: tuple[slice, ...]) -> list[slice]:
    """The indices of one element of the window in a padded array, for some positions along each axis."""
    indices = []
    for offset, dilation, stride, part in zip(offsets, sliding.dilation, sliding.stride, some, strict=True):
        first = offset * dilation + stride * (part.start or 0)
        indices.append(slice(first, first + stride * (part.stop - (part.start or 0) - 1) + 1, stride))
    return indices


class Convolving(Box, abstract=True):
    """What a convolution and its two gradients share: stride, padding, dilation and groups.

    `stride`, `padding` and `dilation` are a number or one per axis; `padding` adds zeros at both ends, as many or
    (before, after), and may be "same" or "valid". `groups` splits the channels: a filter reads those of its group only.
    """

    stride: PerAxis = 1
    padding: Padding = 0
    dilation: PerAxis = 1
    groups: Annotated[int, Interval(1)] = 1

    first_axes: ClassVar[tuple[str, ...]]
    """Which of the first two axes of each child and of the value are examples (n), filters (f) or channels (c)."""

    def axis_labels(self) -> AxisLabels:
        """Examples are a loop, and filters where all read the same channels; channels and places are read together."""
        loops = "nf" if self.groups == 1 else "n"
        *children, value = ([a if a in loops else None for a in axes] for axes in self.first_axes)
        rest = [None] * (self.ndim - 2)
        return AxisLabels(tuple([*axes, *rest] for axes in children), [*value, *rest])

    def sliding(self, filters: Any) -> Sliding:
        """How the window of filters of this shape moves."""
        size = filters[2:]
        if any(isinstance(extent, Size) or extent < 1 for extent in size):
            raise UsageError(
                f"{type(self).__name__}: found filters of shape {shape_text(filters)}, needs sizes in numbers from 1"
            )
        return read_sliding(self, tuple(size), self.stride, self.padding, self.dilation)


class Convolution(Convolving, abstract=True):
    """A convolution over the axes after examples and channels."""

    spatial: ClassVar[int]

    first_axes = ("nc", "fc", "nf")
    symbol = "conv"
    formula = r"\textstyle\sum_{c, u} w_{f, c, u}\, x_{n, c, s i + d u}"

    def fprop(self, x: Value, w: Value) -> Value:
        sliding = self.sliding(w.shape)
        return convolve_windows(x, w, sliding, self.groups, sliding.counts(self, x.shape[2:]))

    def bprop(
        self, grad: Value, h: Value, x: Value, w: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        settings = self.setting_values()
        return (
            ConvInput.apply(grad, w, x, **settings) if needs[0] else None,
            ConvFilters.apply(grad, x, w, **settings) if needs[1] else None,
        )

    def infer(self, x: Spec, w: Spec) -> Spec:
        """One channel per filter, one element per place of the window."""
        if len(x.shape) != self.spatial + 2 or len(w.shape) != self.spatial + 2:
            axes = ", ".join("DHW"[3 - self.spatial :])
            raise self.shape_error(f"needs x of shape (N, C, {axes}) and w of shape (F, C / groups, ...), same axes")
        filters, channels = w.shape[:2]
        if not isinstance(filters, Size) and filters % self.groups:
            raise self.shape_error(
                f"found {filters} filters in {self.groups} groups, needs a multiple of the number of groups"
            )
        if not same(x.shape[1], channels * self.groups):
            raise self.shape_error(
                f"x has {x.shape[1]} channels, the filters read {channels} in each of {self.groups} groups"
            )
        count = self.sliding(w.shape).counts(self, x.shape[2:])
        return Spec((x.shape[0], filters, *count), np.result_type(x.dtype, w.dtype))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A product and a sum per element of the value and of a filter."""
        return 2 * product(shape) * product(shapes[1][1:])


class Conv1d(Convolution):
    """Convolution along one axis of signals of several channels; filters are not reversed, as is usual in networks.

    h_nfi = Σ_cu w_fcu x_n,c,s·i+d·u        x gets `ConvInput` of the gradient and w, w `ConvFilters` of it and x

    Shapes: x (N, C, L), w (F, C / groups, l), h (N, F, ...).
    """

    spatial = 1

    examples = (example((2, 3, 7), (4, 3, 2)), example((2, 2, 6), (4, 1, 3), stride=2, padding=1, groups=2))


class Conv2d(Convolution):
    """Convolution of images of several channels; filters are not reversed, as is usual in networks.

    h_nfij = Σ_cuv w_fcuv x_n,c,s·i+d·u,s·j+d·v        x gets `ConvInput` of the gradient and w, w `ConvFilters`

    Shapes: x (N, C, H, W), w (F, C / groups, h, w), h (N, F, ..., ...) with (H + padding − d (h − 1) − 1) // s + 1
    rows. Biases are added by hand, + b.reshape(-1, 1, 1).
    """

    spatial = 2

    examples = (
        example((2, 3, 5, 6), (4, 3, 2, 3)),
        example((2, 4, 5, 6), (6, 2, 3, 2), groups=2, padding=1),
        example((1, 2, 7, 6), (3, 2, 3, 2), stride=(2, 3), padding=((0, 2), (1, 0)), dilation=(1, 2)),
        example((2, 2, 4, 5), (2, 1, 3, 2), groups=2, padding="same"),
        example((2, 3, 4, 4), (5, 3, 1, 1)),
    )


class Conv3d(Convolution):
    """Convolution of volumes of several channels; filters are not reversed, as is usual in networks.

    h = Σ w x, as in `Conv2d` with one more axis        x gets `ConvInput` of the gradient and w, w `ConvFilters`

    Shapes: x (N, C, D, H, W), w (F, C / groups, d, h, w), h (N, F, ..., ..., ...).
    """

    spatial = 3

    examples = (example((2, 2, 3, 4, 3), (3, 2, 2, 2, 2), padding=1, stride=2),)


class ConvInput(Convolving):
    """The gradient of a convolution by its input: each window position adds its filter times the gradient there.

    h = Σ_f w grad, at the places of the window        linear in both; `like` is the input of the convolution

    It is the transposed convolution, by which images are enlarged.
    """

    first_axes = ("nf", "fc", "nc", "nc")
    public = False
    symbol = "convᵀ"
    formula = r"\textstyle\sum_{f, u} w_{f, c, u}\, g_{n, f, i}"
    constant_children = frozenset({"like"})
    examples = (
        example((2, 4, 4, 4), (4, 3, 2, 3), (2, 3, 5, 6)),
        example((2, 6, 5, 7), (6, 2, 3, 2), (2, 4, 5, 6), groups=2, padding=1),
        example((1, 3, 4, 2), (3, 2, 3, 2), (1, 2, 7, 6), stride=(2, 3), padding=((0, 2), (1, 0)), dilation=(1, 2)),
    )

    def fprop(self, g: Value, w: Value, like: Value) -> Value:
        return of_input(g, w, like.shape, self.sliding(w.shape), self.groups)

    def bprop(
        self, grad: Value, h: Value, g: Value, w: Value, like: Value, *, needs: tuple[bool, ...] = (True, True, False)
    ) -> tuple[Value, ...]:
        settings = self.setting_values()
        return (
            _convolve_axes(grad, w, settings) if needs[0] else None,
            ConvFilters.apply(g, grad, w, **settings) if needs[1] else None,
            None,
        )

    def infer(self, g: Spec, w: Spec, like: Spec) -> Spec:
        """The shape of the input."""
        _check(self, g, like, w)
        return Spec(like.shape, np.result_type(g.dtype, w.dtype))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """As many as the convolution: a product and a sum per element of the gradient and of a filter."""
        return 2 * product(shapes[0]) * product(shapes[1][1:])


class ConvFilters(Convolving):
    """The gradient of a convolution by its filters: at each window position the input times the gradient there.

    h = Σ_ni grad x, at the places of the window        linear in both; `like` are the filters of the convolution
    """

    first_axes = ("nf", "nc", "fc", "fc")
    public = False
    symbol = "conv filters"
    formula = r"\textstyle\sum_{n, i} g_{n, f, i}\, x_{n, c, s i + d u}"
    constant_children = frozenset({"like"})
    examples = (
        example((2, 4, 4, 4), (2, 3, 5, 6), (4, 3, 2, 3)),
        example((2, 6, 5, 7), (2, 4, 5, 6), (6, 2, 3, 2), groups=2, padding=1),
        example((1, 3, 4, 2), (1, 2, 7, 6), (3, 2, 3, 2), stride=(2, 3), padding=((0, 2), (1, 0)), dilation=(1, 2)),
    )

    def fprop(self, g: Value, x: Value, like: Value) -> Value:
        return of_filters(g, x, like, self.sliding(like.shape), self.groups)

    def bprop(
        self, grad: Value, h: Value, g: Value, x: Value, like: Value, *, needs: tuple[bool, ...] = (True, True, False)
    ) -> tuple[Value, ...]:
        settings = self.setting_values()
        return (
            _convolve_axes(x, grad, settings) if needs[0] else None,
            ConvInput.apply(g, grad, x, **settings) if needs[1] else None,
            None,
        )

    def infer(self, g: Spec, x: Spec, like: Spec) -> Spec:
        """The shape of the filters."""
        _check(self, g, x, like)
        return Spec(like.shape, np.result_type(g.dtype, x.dtype))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """As many as the convolution: a product and a sum per element of the gradient and of a filter."""
        return 2 * product(shapes[0]) * product(shapes[2][1:])


def _convolve_axes(x: Value, w: Value, settings: Mapping[str, Any]) -> Any:
    """The convolution over as many axes as there are."""
    return {3: Conv1d, 4: Conv2d, 5: Conv3d}[x.ndim].apply(x, w, **settings)


def _check(box: Convolving, g: Spec, x: Spec, w: Spec) -> None:
    """Refuse a gradient that is not of the shape that the convolution gives."""
    if not len(g.shape) == len(x.shape) == len(w.shape) in (3, 4, 5):
        raise box.shape_error("needs as many axes in all: examples or filters, channels, and those of the images")
    needed = (x.shape[0], w.shape[0], *box.sliding(w.shape).counts(box, x.shape[2:]))
    fits = all(map(same, g.shape, needed)) and same(x.shape[1], w.shape[1] * box.groups)
    if not fits or (not isinstance(w.shape[0], Size) and w.shape[0] % box.groups):
        raise box.shape_error(f"the convolution gives {shape_text(needed)} in {box.groups} groups")
