"""Several arrays made one, end to end, on a new axis or in blocks; and one array taken apart along an axis."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.arrays import array_of
from flowgraph.box.axes import Core
from flowgraph.box.inference import Axes, axis_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.numpy_api.constructors import as_box, with_axis
from flowgraph.errors import UsageError
from flowgraph.shapes.indexing import plain_place, sliced_size
from flowgraph.shapes.size import Size, add, divide, unknown
from flowgraph.shapes.spec import Spec, same, shape_text


class Concatenate(Box):
    """Arrays joined end to end along an axis.

    h = (a, b, ...) along the axis        each gets its part of the gradient

    Shapes: equal but for the sizes along the axis, which add up.
    """

    axis: int = 0

    numpy = np.concatenate
    symbol = "concatenate"
    core = Core("axis", line=True)
    slopes = "share"
    arithmetic = False
    examples = (
        example((3, 4), (2, 4)),
        example((3, 1), (3, 4), (3, 2), axis=-1),
        example((2, 3, 4), (2, 0, 4), axis=1),
        example((3, 4)),
    )

    @classmethod
    def from_numpy(
        cls, arrays: Value, /, axis: Axes | None = 0, *, dtype: DTypeLike | None = None, casting: str = "same_kind"
    ) -> Any:
        """np.concatenate of a sequence; axis None joins them in rows."""
        if dtype is not None:
            return cls.from_numpy(_cast(arrays, dtype, casting), axis)
        listed = list(arrays)
        if axis is None:
            listed, axis = [np.ravel(a) for a in listed], 0
        return cls(*listed, axis=axis)

    def fprop(self, *arrays: Value) -> Value:
        return np.concatenate(arrays, axis=self.axis)

    def bprop(self, grad: Value, h: Value, *arrays: Value) -> tuple[Value, ...]:
        return split_like(grad, *arrays, axis=self.axis)

    def infer(self, *arrays: Spec) -> Spec:
        """The sum of the sizes along the axis."""
        if not arrays or not arrays[0].shape:
            raise self.shape_error("needs one array or more, each with one axis or more; np.stack joins numbers")
        axis = axis_of(self, self.axis, len(arrays[0].shape))
        shape = _common(self, arrays, axis)
        total = sum_of([a.shape[axis] for a in arrays])
        dtypes = {a.dtype for a in arrays}
        alike = len(dtypes) == 1 and arrays[0].dtype.isnative
        dtype = arrays[0].dtype if alike else np.result_type(*[a.dtype for a in arrays])
        return Spec((*shape[:axis], total, *shape[axis + 1 :]), dtype)


class SplitLike(Box):
    """One array cut along an axis into parts as long as some other arrays: the gradient of joining.

    h = (the first part of a, the next part of a, ...)        da = the gradients of the parts, joined
    """

    axis: int = 0

    symbol = "split like"
    arithmetic = False
    core = Core("axis", line=True)
    constant_children = frozenset({"likes"})
    slopes = "share"
    examples = (example((5, 4), (3, 4), (2, 4)), example((3, 4), (3, 1), (3, 3), axis=-1))

    def fprop(self, a: Value, *likes: Value) -> tuple[Value, ...]:
        return sections(a, [like.shape[self.axis] for like in likes], self.axis)

    def bprop(self, grad: Value, h: Value, a: Value, *likes: Value) -> tuple[Value, ...]:
        return join_gradients(grad, h, self.axis), *(None for _ in likes)

    def infer(self, a: Spec, *likes: Spec) -> tuple[Spec, ...]:
        """The shapes of the others, the dtype of a."""
        if len(likes) < 2:
            raise self.shape_error(f"found {len(likes)} arrays to split like, needs two or more")
        axis = axis_of(self, self.axis, len(a.shape))
        if any(len(like.shape) != len(a.shape) for like in likes):
            raise self.shape_error(f"found parts without {len(a.shape)} axes, needs as many as the array has")
        total = sum_of(like.shape[axis] for like in likes)
        if not same(total, a.shape[axis]):
            raise self.shape_error(f"the parts are {total} long in all, the axis {a.shape[axis]}")
        for like in likes:
            needed = (*a.shape[:axis], like.shape[axis], *a.shape[axis + 1 :])
            if not all(map(same, like.shape, needed)):
                raise self.shape_error(f"a part is {shape_text(like.shape)}, needs {shape_text(needed)}")
        return tuple(Spec(like.shape, a.dtype) for like in likes)


class Stack(Box):
    """Arrays of one shape laid next to each other along a new axis.

    h_i = the i-th array        each gets its slice of the gradient
    """

    axis: int = 0

    numpy = np.stack
    symbol = "stack"
    core = Core("axis", line=True, of_value=True)
    slopes = "share"
    arithmetic = False
    examples = (example((3, 4), (3, 4)), example((3,), (3,), (3,), axis=-1), example((), ()), example((2,), axis=1))

    @classmethod
    def from_numpy(
        cls, arrays: Value, axis: int = 0, *, dtype: DTypeLike | None = None, casting: str = "same_kind"
    ) -> Box:
        """np.stack of a sequence."""
        return cls(*(arrays if dtype is None else _cast(arrays, dtype, casting)), axis=axis)

    def fprop(self, *arrays: Value) -> Value:
        return np.stack(arrays, axis=self.axis)

    def parts(self, *arrays: Value) -> Value:
        """Arrays with an axis more, end to end along it."""
        return np.concatenate([np.expand_dims(a, self.axis) for a in arrays], self.axis)

    def bprop(self, grad: Value, h: Value, *arrays: Value) -> tuple[Value, ...]:
        lead = (slice(None),) * (self.axis % grad.ndim)
        return tuple(grad[(*lead, i)] for i in range(len(arrays)))

    def infer(self, *arrays: Spec) -> Spec:
        """The number of arrays at the new axis."""
        if not arrays:
            raise self.shape_error("needs one array or more")
        axis = axis_of(self, self.axis, len(arrays[0].shape) + 1)
        shape = _common(self, arrays, None)
        return Spec((*shape[:axis], len(arrays), *shape[axis:]), np.result_type(*(a.dtype for a in arrays)))


def sections(a: Value, sizes: Sequence[Any], axis: int) -> tuple[Any, ...]:
    """The parts of an array that have these sizes along an axis: slices, which a plan takes without a call."""
    ends = itertools.accumulate(sizes, initial=0)
    lead = (slice(None),) * (axis % a.ndim)
    return tuple(a[(*lead, slice(start, stop))] for start, stop in itertools.pairwise(ends))


def sum_of(sizes: Iterable[int | Size]) -> int | Size:
    """The sum of sizes."""
    total: int | Size = 0
    for size in sizes:
        total = add(total, size)
    return total


def split_like(a: Value, *likes: Value, axis: int) -> tuple[Any, ...]:
    """The parts of an array, as long as other arrays: boxes of boxes, views of arrays."""
    return (a,) if len(likes) == 1 else tuple(SplitLike.apply(a, *likes, axis=axis))


def join_gradients(grads: Sequence[Any], parts: Value, axis: int) -> Any:
    """The gradients of the parts of an array, end to end; zeros for a part that has none."""
    return np.concatenate(
        [np.zeros_like(parts[i]) if grad is None else grad for i, grad in enumerate(grads)], axis=axis
    )


@implements(np.vstack)
def vstack(tup: Value, *, dtype: DTypeLike | None = None, casting: str = "same_kind") -> Any:
    """np.vstack of boxes: vectors become rows."""
    return Concatenate.from_numpy([np.atleast_2d(a) for a in tup], 0, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Value, *, dtype: DTypeLike | None = None, casting: str = "same_kind") -> Any:
    """np.hstack of boxes: along the second axis, vectors along the first."""
    listed = [np.atleast_1d(a) for a in tup]
    axis = 0 if listed and listed[0].ndim == 1 else 1
    return Concatenate.from_numpy(listed, axis, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Value) -> Any:
    """np.dstack of boxes: along the third axis."""
    return np.concatenate([np.atleast_3d(a) for a in tup], axis=2)


@implements(np.column_stack)
def column_stack(tup: Value) -> Any:
    """np.column_stack of boxes: vectors become columns."""
    return np.concatenate([a if np.ndim(a) >= 2 else np.atleast_2d(a).T for a in tup], axis=1)


@implements(np.append)
def append(arr: Value, values: Value, axis: int | None = None) -> Any:
    """np.append of boxes."""
    return np.concatenate([arr, values], axis=axis)


@implements(np.block)
def block(arrays: Value) -> Any:
    """np.block of boxes: the innermost lists along the last axis, those around them along the last but one ..."""
    depth, leaves = _depth(arrays), list(_leaves(arrays))
    ndim = max(depth, *(np.ndim(leaf) for leaf in leaves))
    return _block(arrays, depth, ndim)


@implements(np.tile)
def tile(A: Value, reps: int | Sequence[Any]) -> Any:
    """np.tile of a box."""
    given = reps.tolist() if isinstance(reps, np.ndarray) else reps
    times = tuple(given) if isinstance(given, tuple | list) else (given,)
    result = A if A.ndim >= len(times) else np.expand_dims(A, tuple(range(len(times) - A.ndim)))
    counts = [max(operator.index(count), 0) for count in (1,) * (result.ndim - len(times)) + times]
    if all(count == 1 for count in counts):
        return result
    apart = np.expand_dims(result, tuple(range(0, 2 * result.ndim, 2)))
    sizes = [size for pair in zip(counts, result.shape, strict=True) for size in pair]
    whole = [count * size for count, size in zip(counts, result.shape, strict=True)]
    return np.reshape(np.broadcast_to(apart, sizes), whole)


@implements(np.repeat)
def repeat(a: Value, repeats: int | Sequence[Any], axis: int | None = None) -> Any:
    """np.repeat of a box: every element several times, one after the other."""
    a, axis = with_axis(a, axis)
    axis = axis_of(a, axis, a.ndim)
    if isinstance(repeats, Box):
        raise UsageError(f"np.repeat: found {repeats.title} as the number of times, needs integers known before a run")
    size, times = a.shape[axis], array_of("np.repeat: repeats", repeats)
    times = times if times.size else times.astype(int)
    if times.dtype.kind not in "biu" or np.any(times < 0):
        raise UsageError(f"np.repeat: found repeats={repeats!r}, needs whole numbers from 0 on")
    if times.size not in (1, size):
        raise a.shape_error(f"np.repeat: found {times.size} numbers of times for an axis of {size}, needs one")
    if not times.size or np.any(times != times.flat[0]):
        return a[(*(slice(None),) * axis, np.repeat(np.arange(size), times))]
    count, before, after = int(times.flat[0]), a.shape[:axis], a.shape[axis + 1 :]
    spread = np.broadcast_to(np.expand_dims(a, axis + 1), (*before, size, count, *after))
    return np.reshape(spread, (*before, size * count, *after))


def _cast(arrays: Value, dtype: Any, casting: Any) -> list[Any]:
    """Arrays in another dtype, where NumPy's rule of casting allows it."""
    boxes = [as_box(a) for a in arrays]
    for box in boxes:
        if not np.can_cast(box.dtype, dtype, casting):
            raise UsageError(
                f"np.concatenate: found {box.title} of dtype {box.dtype}, {casting!r} has no cast to {dtype}"
            )
    return [box.astype(dtype) for box in boxes]


def _common(box: Box, arrays: Sequence[Spec], axis: int | None) -> list[int | Size]:
    """The sizes that the arrays share, all but that of the axis along which they are joined."""
    first = list(arrays[0].shape)
    for place, a in enumerate(arrays):
        if a.shape == tuple(first):
            continue
        differ = len(a.shape) != len(first) or any(
            i != axis and not same(size, other) for i, (size, other) in enumerate(zip(first, a.shape, strict=True))
        )
        if differ:
            name = box.names_of_children()[place]
            but = "" if axis is None else f" but for axis {axis}"
            raise box.shape_error(f"child {name!r} has the shape {shape_text(a.shape)}, needs {shape_text(first)}{but}")
        first = [other if isinstance(size, Size) else size for size, other in zip(first, a.shape, strict=True)]
    return first


def _depth(arrays: Value) -> int:
    return 1 + max((_depth(item) for item in arrays), default=0) if isinstance(arrays, list) else 0


def _leaves(arrays: Value) -> Iterable[Any]:
    if not isinstance(arrays, list):
        yield arrays
        return
    for item in arrays:
        yield from _leaves(item)


def _block(arrays: Value, depth: int, ndim: int) -> Any:
    if not isinstance(arrays, list):
        missing = ndim - np.ndim(arrays)
        return np.expand_dims(arrays, tuple(range(missing))) if missing else arrays
    return np.concatenate([_block(item, depth - 1, ndim) for item in arrays], axis=-depth)


MOST_PARTS = 1 << 17
"""Outputs of one box, at most: each is a box of its own."""


class Split(Box):
    """An array split along an axis, at indices or into equal sections; `uneven` lets the first ones be longer.

    h = (a[:i], a[i:j], ..., a[k:])        da = the gradients of the parts, joined

    Parameters
    ----------
    at : int or tuple of int
        The number of sections, or the places at which the array is cut.
    uneven : bool, default False
        Whether sections may differ in length, the first ones being longer.
    """

    at: int | tuple[int, ...]
    axis: int = 0
    uneven: bool = False

    symbol = "split"
    core = Core("axis", line=True)
    slopes = "share"
    arithmetic = False
    examples = (
        example((6, 4), at=3),
        example((3, 5), at=(1, 4), axis=1),
        example((5,), at=(-3, -1)),
        example((5, 2), at=3, uneven=True),
        example((3,), at=(2, 7)),
    )

    def check_settings(self) -> None:
        """Refuse places that do not follow each other, whose parts would overlap."""
        if isinstance(self.at, int) and 2 <= self.at <= MOST_PARTS:
            return
        if not isinstance(self.at, tuple) or not self.at or not follow_each_other(self.at):
            raise UsageError(
                f"Split: found at={self.at!r}, needs a number of sections from 2 to {MOST_PARTS:,}, or a tuple of "
                f"ascending places, all counted from the front or all from the back"
            )

    def fprop(self, a: Value) -> tuple[Value, ...]:
        return sections(a, self._sizes(a.shape[self.axis]), self.axis)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (join_gradients(grad, h, self.axis),)

    def infer(self, a: Spec) -> tuple[Spec, ...]:
        """The sizes of the parts along the axis."""
        axis = axis_of(self, self.axis, len(a.shape))
        return tuple(Spec((*a.shape[:axis], n, *a.shape[axis + 1 :]), a.dtype) for n in self._sizes(a.shape[axis]))

    def _sizes(self, size: int | Size) -> list[int | Size]:
        if not isinstance(self.at, int):
            return [sliced_size(size, slice(*ends)) for ends in itertools.pairwise((None, *self.at, None))]
        equal = divide(size, self.at)
        if equal is not None:
            return [equal] * self.at
        if isinstance(size, Size):
            return [unknown() for _ in range(self.at)]
        if not self.uneven:
            raise self.shape_error(
                f"an axis of size {size} cannot be divided into {self.at} equal sections; use np.array_split"
            )
        return [size // self.at + (i < size % self.at) for i in range(self.at)]


class Unstack(Box):
    """The slices of an array along an axis whose size is known, each without that axis.

    h = (a[0], a[1], ...)        da = the gradients of the slices, stacked
    """

    axis: int = 0

    numpy = np.unstack
    symbol = "unstack"
    core = Core("axis", line=True)
    slopes = "share"
    arithmetic = False
    examples = (example((3, 4)), example((2, 3, 2), axis=-1), example((2,)))

    @classmethod
    def from_numpy(cls, x: Value, /, *, axis: int = 0) -> tuple[Any, ...]:
        """np.unstack: a tuple of boxes."""
        if x.ndim and x.shape[axis_of(x, axis, x.ndim)] in (0, 1):
            return tuple(np.moveaxis(x, axis, 0))
        return tuple(cls(x, axis=axis))

    def fprop(self, a: Value) -> tuple[Value, ...]:
        lead = (slice(None),) * (self.axis % a.ndim)
        return tuple(a[(*lead, i)] for i in range(a.shape[self.axis]))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        slices = [np.zeros_like(h[i]) if part is None else part for i, part in enumerate(grad)]
        return (np.stack(slices, axis=self.axis),)

    def infer(self, a: Spec) -> tuple[Spec, ...]:
        """As many slices as the axis is long."""
        axis = axis_of(self, self.axis, len(a.shape))
        size = a.shape[axis]
        if isinstance(size, Size) or not 2 <= size <= MOST_PARTS:
            raise self.shape_error(f"axis {axis} has the size {size}, needs a number from 2 to {MOST_PARTS:,}")
        return (Spec((*a.shape[:axis], *a.shape[axis + 1 :]), a.dtype),) * size


@implements(np.split)
def split(ary: Value, indices_or_sections: int | Sequence[Any], axis: int = 0) -> list[Any]:
    """np.split of a box: a list of its parts."""
    return _parts(ary, indices_or_sections, axis, uneven=False)


@implements(np.array_split)
def array_split(ary: Value, indices_or_sections: int | Sequence[Any], axis: int = 0) -> list[Any]:
    """np.array_split of a box: sections of sizes as equal as can be."""
    return _parts(ary, indices_or_sections, axis, uneven=True)


@implements(np.vsplit)
def vsplit(ary: Value, indices_or_sections: int | Sequence[Any]) -> list[Any]:
    """np.vsplit of a box: along the first axis of two or more."""
    return split(ary, indices_or_sections, _needs_axis(ary, 2, 0))


@implements(np.hsplit)
def hsplit(ary: Value, indices_or_sections: int | Sequence[Any]) -> list[Any]:
    """np.hsplit of a box: along the second axis, a vector along its only one."""
    return split(ary, indices_or_sections, _needs_axis(ary, 1, min(1, ary.ndim - 1)))


@implements(np.dsplit)
def dsplit(ary: Value, indices_or_sections: int | Sequence[Any]) -> list[Any]:
    """np.dsplit of a box: along the third axis."""
    return split(ary, indices_or_sections, _needs_axis(ary, 3, 2))


def follow_each_other(places: tuple[int, ...]) -> bool:
    """Whether places cut an axis of any size into parts that do not overlap."""
    return (places[0] < 0) == (places[-1] < 0) and all(a <= b for a, b in itertools.pairwise(places))


def _parts(a: Value, sections: Any, axis: int, uneven: bool) -> list[Any]:
    axis = axis_of(a, axis, a.ndim)
    lead = (slice(None),) * axis
    if np.ndim(sections) == 0 and not isinstance(sections, Size):
        count = operator.index(sections)
        return [a] if count == 1 else list(Split(a, at=count, axis=axis, uneven=uneven))
    places = tuple(plain_place(place, a.shape[axis]) for place in sections)
    if places and follow_each_other(places):
        return list(Split(a, at=places, axis=axis))
    return [a[(*lead, slice(*ends))] for ends in itertools.pairwise((0, *places, None))]


def _needs_axis(a: Value, ndim: int, axis: int) -> int:
    if a.ndim < ndim:
        raise a.shape_error(f"found {a.ndim} axes, needs {ndim} or more to be split there")
    return axis
