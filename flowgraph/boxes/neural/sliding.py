"""A window that slides over the last axes of an array: its size, steps, padding and gaps, and where it stands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape, Size, add, unknown
from flowgraph.shapes.spec import shape_text

Pairs = tuple[tuple[int, int], ...]

PerAxis = int | tuple[int, ...]
"""A number for each axis of a window, or one for all."""

Padding = int | tuple[int | tuple[int, int], ...] | Literal["same", "valid"]
"""How many zeros stand around: one number, one per axis, or one before and one after each."""


class Sliding(NamedTuple):
    """A sliding window, axis by axis: its size, stride, padding at both ends, and dilation.

    A dilation of d leaves d − 1 elements out between two of the window.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Pairs
    dilation: tuple[int, ...]

    @property
    def spans(self) -> tuple[int, ...]:
        """From the first to the last element of the window, both counted."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.size, self.dilation, strict=True))

    @property
    def apart(self) -> bool:
        """Whether no two windows have an element in common."""
        return all(step >= span for step, span in zip(self.stride, self.spans, strict=True))

    def covers(self, shape: Sequence[int]) -> bool:
        """Whether windows that are apart leave no element of the last axes out, of which `shape` counts the padding."""
        sizes = shape[len(shape) - len(self.size) :]
        return self.stride == self.size and not any(size % step for size, step in zip(sizes, self.stride, strict=True))

    def counts(self, box: Box, shape: Shape) -> Shape:
        """How many places the window has along each axis of a shape; the box is named where it has none."""
        return tuple(
            self._count_of(box, size, span, stride, pair)
            for size, span, stride, pair in zip(shape, self.spans, self.stride, self.padding, strict=True)
        )

    def over(self, shape: Sequence[int]) -> Sliding:
        """The same windows over the last axes of a shape, without the elements that read padding in every window.

        So the work is bounded by what is read: a window of 3 over one element with padding around it has one element.
        """
        if not any(map(any, self.padding)):
            return self
        sizes, padding = [], []
        for n, k, step, (before, after), d in zip(
            shape[len(shape) - len(self.size) :], self.size, self.stride, self.padding, self.dilation, strict=True
        ):
            last = (n + before + after - d * (k - 1) - 1) // step * step  # where the last window begins
            first = min(-(-max(before - last, 0) // d), before // d, k - 1)
            rest = min(max(k + (-(n + before) // d), 0), after // d, k - 1 - first)
            sizes.append(k - first - rest)
            padding.append((before - first * d, after - rest * d))
        return self._replace(size=tuple(sizes), padding=tuple(padding))

    def padded(self, a: Value, value: Value) -> Any:
        """The array with the padding of the value around its last axes."""
        if not any(map(any, self.padding)):
            return a
        whole = ((0, 0),) * (a.ndim - len(self.size))
        return np.pad(a, (*whole, *self.padding), constant_values=value)

    def inside(self, a: Value) -> Any:
        """A padded array without the padding."""
        cuts: list[Any] = [
            slice(before, a.shape[i - len(self.size)] - after) for i, (before, after) in enumerate(self.padding)
        ]
        return a[(..., *cuts)]

    def places(self, count: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """For each element of the window, its indices in a padded array for all positions at once."""
        for offsets in itertools.product(*map(range, self.size)):
            yield (
                ...,
                *(
                    slice(o * d, o * d + s * (n - 1) + 1, s)
                    for o, d, s, n in zip(offsets, self.dilation, self.stride, count, strict=True)
                ),
            )

    @staticmethod
    def _count_of(box: Box, size: Any, span: int, stride: int, pair: tuple[int, int]) -> Any:
        if isinstance(size, Size):
            return add(size, sum(pair) + 1 - span) if stride == 1 else unknown()
        count = (size + sum(pair) - span) // stride + 1
        if count < 1:
            raise box.shape_error(f"the window spans {span} elements, an axis of {size} with padding {pair} has fewer")
        return count


def read_sliding(
    box: Box, size: tuple[int, ...], stride: int | Sequence[Any], padding: Any, dilation: int | Sequence[Any]
) -> Sliding:
    """The window from a user's settings: a number for all axes or one per axis."""
    steps = numbers(box, "stride", stride, len(size), 1)
    gaps = numbers(box, "dilation", dilation, len(size), 1)
    return Sliding(size, steps, _pairs(box, size, steps, padding, gaps), gaps)


def numbers(box: Box, name: str, given: Any, count: int, low: int) -> tuple[int, ...]:
    """Whole numbers from `low`, one per axis."""
    listed = tuple(given) if isinstance(given, tuple | list) else (given,) * count
    if len(listed) != count or not all(_whole(number, low) for number in listed):
        raise UsageError(
            f"{type(box).__name__}: found {name}={given!r}, needs a whole number from {low}, or {count} of them"
        )
    return tuple(map(int, listed))


def _pairs(box: Box, size: tuple[int, ...], stride: tuple[int, ...], padding: Any, dilation: tuple[int, ...]) -> Pairs:
    if padding == "valid":
        return ((0, 0),) * len(size)
    if padding == "same":
        if any(step != 1 for step in stride):
            raise UsageError(
                f"{type(box).__name__}: found padding='same' and stride={shape_text(stride)}, needs stride=1"
            )
        totals = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    listed = tuple(padding) if isinstance(padding, tuple | list) else (padding,) * len(size)
    pairs = tuple(tuple(width) if isinstance(width, tuple | list) else (width, width) for width in listed)
    if len(pairs) != len(size) or not all(len(pair) == 2 and all(_whole(width, 0) for width in pair) for pair in pairs):
        raise UsageError(
            f"{type(box).__name__}: found padding={padding!r}, needs a whole number from 0, {len(size)} numbers "
            f"or pairs (before, after), 'same' or 'valid'"
        )
    return tuple((int(before), int(after)) for before, after in pairs)


def _whole(number: Any, low: int) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool) and int(number) >= low
