"""Windows that slide along axes, and pooling: the largest or the mean of what a window holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.vocabulary import example
from flowgraph.errors import DtypeError, UsageError
from flowgraph.shapes.size import Shape, Size, add, product, unknown
from flowgraph.shapes.spec import Spec, same, shape_text

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

    def pad_array(self, a: Value, value: Value) -> Any:
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


_TIES = np.array([[[0.5, 0.5, -1.0, 2.0], [0.5, 0.1, 2.0, 2.0], [1.0, 3.0, 0.0, 0.0]]])


class Pooling(Box, abstract=True):
    """A window over the last axes: over the last two for a number as `size`, over as many as it has numbers otherwise.

    `stride` is the size unless it is given; `padding` and `dilation` are a number or one per axis; no padding is larger
    than half of the window.
    """

    size: PerAxis = 2  # type: ignore[assignment]  # elsewhere the number of elements
    stride: PerAxis | None = None
    padding: Padding = 0
    dilation: PerAxis = 1

    core = Core(last=lambda box: len(box.sliding.size))

    def check_settings(self) -> None:
        """Read the window once, so that what makes no sense is refused where it is written."""
        window = self.sliding
        if any(2 * width > size for size, pair in zip(window.size, window.padding, strict=True) for width in pair):
            raise UsageError(
                f"{type(self).__name__}: found padding={self.padding!r}, needs at most half of size={self.size!r}"
            )

    @property
    def sliding(self) -> Sliding:
        """How the window moves."""
        axes = len(self.size) if isinstance(self.size, tuple | list) else 2
        size = numbers(self, "size", self.size, axes, 1)
        return read_sliding(self, size, size if self.stride is None else self.stride, self.padding, self.dilation)

    def shape_of_windows(self, shape: Shape) -> Shape:
        """The shape of one number per window."""
        axes = len(self.sliding.size)
        if len(shape) < axes:
            raise self.shape_error(f"found {len(shape)} axes, needs {axes} or more for a window of {axes}")
        return (*shape[: len(shape) - axes], *self.sliding.counts(self, shape[len(shape) - axes :]))

    def check_pooled(self, grad: Spec, a: Spec) -> None:
        """Refuse a gradient that is not of the shape that the pooling gives."""
        needed = self.shape_of_windows(a.shape)
        if len(grad.shape) != len(needed) or not all(map(same, grad.shape, needed)):
            raise self.shape_error(f"the pooling gives {shape_text(needed)}")


class MaxPool(Pooling):
    """The largest element in each position of a sliding window.

    h = max of the window        the largest gets the gradient, those that tie share it equally

    Shapes: a (..., H, W), images of any number of channels and examples. What is padded is never the largest.
    """

    symbol = "max pool"
    formula = r"\max_u a_{s i + d u}"
    examples = (
        example((2, 3, 4, 6)),
        example((1, 2, 5, 6), size=(3, 2), stride=(1, 2), padding=1),
        example((2, 6, 5), size=(2,), dilation=2, stride=1),
    )

    def fprop(self, a: Value) -> Value:
        return _largest(self, a, self.sliding.over(a.shape))[1]

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (SpreadToLargest.apply(grad, a, **self.setting_values()),)

    def infer(self, a: Spec) -> Spec:
        """One number per window."""
        if a.dtype.kind == "c":
            raise DtypeError(f"{self.title}: found complex numbers, none of which is the largest; needs real ones")
        return Spec(self.shape_of_windows(a.shape), a.dtype)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A comparison per element of every window."""
        return product(shape) * product(self.sliding.size)


class SpreadToLargest(Pooling):
    """The gradient of `MaxPool`: each number goes to the largest of its window in `source`, in equal shares to ties.

    h = Σ of the shares        of the gradient, the mean over the largest of each window: `MeanOfLargest`
    """

    public = False
    symbol = "to the largest"
    constant_children = frozenset({"source"})
    examples = (
        example((1, 1, 2), _TIES),
        example(
            (1, 2, 6, 4), np.sin(np.arange(60.0)).reshape(1, 2, 5, 6), size=(2, 3), stride=1, padding=1, dilation=(1, 2)
        ),
    )

    def fprop(self, g: Value, source: Value) -> Value:
        sliding = self.sliding.over(source.shape)
        places, taken, padded = _find_largest(self, source, sliding)
        share = np.empty_like(taken[0], g.dtype)  # in the order in memory of the source
        ties = _ties(taken)
        if ties.size and ties.max() > 1:
            np.divide(g, np.maximum(ties, 1), out=share, dtype=g.dtype)
        else:
            np.copyto(share, g)
        apart = sliding.apart
        covered = apart and sliding.covers(padded.shape)
        h = np.empty_like(padded, g.dtype) if covered else np.zeros_like(padded, g.dtype)
        for place, mask in zip(places, taken, strict=True):
            if apart:
                np.multiply(share, mask, out=h[place])
            else:
                h[place] += share * mask
        return sliding.inside(h)

    def bprop(self, grad: Value, h: Value, g: Value, source: Value) -> tuple[Value, ...]:
        return MeanOfLargest.apply(grad, source, **self.setting_values()), None

    def infer(self, g: Spec, source: Spec) -> Spec:
        """The shape of what was pooled."""
        self.check_pooled(g, source)
        return Spec(source.shape, g.dtype)


class MeanOfLargest(Pooling):
    """In each window the mean of the numbers that stand where the largest of `source` do.

    h = mean of a over the ties        the gradient goes back in equal shares: `SpreadToLargest`
    """

    public = False
    symbol = "at the largest"
    formula = r"\textstyle\frac{1}{k} \sum_{u: b_u = \max b} a_u"
    constant_children = frozenset({"source"})
    examples = (
        example((1, 3, 4), _TIES),
        example((2, 4, 4), np.cos(np.arange(32.0)).reshape(2, 4, 4), size=3, stride=1),
    )

    def fprop(self, a: Value, source: Value) -> Value:
        sliding = self.sliding.over(source.shape)
        places, taken, _ = _find_largest(self, source, sliding)
        read = sliding.pad_array(a, 0)
        total = sum(read[place] * mask for place, mask in zip(places, taken, strict=True))
        return total / np.maximum(_ties(taken), 1).astype(a.dtype)

    def bprop(self, grad: Value, h: Value, a: Value, source: Value) -> tuple[Value, ...]:
        return SpreadToLargest.apply(grad, source, **self.setting_values()), None

    def infer(self, a: Spec, source: Spec) -> Spec:
        """One number per window."""
        if len(a.shape) != len(source.shape) or not all(map(same, a.shape, source.shape)):
            raise self.shape_error(f"needs {shape_text(source.shape)} in both")
        return Spec(self.shape_of_windows(source.shape), a.dtype)


class MeanPool(Pooling):
    """Mean in each position of a sliding window; zeros that pad it count unless `count_padding` is False.

    h = mean of the window        each gets the gradient over the number that counts

    Shapes: a (..., H, W), images of any number of channels and examples.

    Parameters
    ----------
    count_padding : bool, default True
        Whether zeros of the padding count in the mean.
    """

    count_padding: bool = True

    aliases = ("avg_pool", "average_pool")
    symbol = "mean pool"
    formula = r"\textstyle\frac{1}{k} \sum_u a_{s i + d u}"
    examples = (
        example((2, 3, 4, 6)),
        example((1, 2, 5, 6), size=(3, 2), stride=(1, 2), padding=1),
        example((1, 2, 5, 6), size=3, stride=2, padding=(1, (0, 1)), count_padding=False),
        example((2, 6, 5), size=(2,), dilation=2, stride=1),
    )

    def fprop(self, a: Value) -> Value:
        sliding = self.sliding.over(a.shape)
        read = sliding.pad_array(a, 0)
        count = self.shape_of_windows(a.shape)[-len(sliding.size) :]
        total = sum(read[place] for place in sliding.places(count))
        return total / _count_elements(self, a, count)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (SpreadEvenly.apply(grad, a, **self.setting_values()),)

    def infer(self, a: Spec) -> Spec:
        """One number per window, of whole numbers a float."""
        return Spec(self.shape_of_windows(a.shape), np.result_type(a.dtype, 1.0) if a.dtype.kind in "biu" else a.dtype)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A sum per element of every window, and a quotient."""
        return product(shape) * (product(self.sliding.size) + 1)


class SpreadEvenly(Pooling):
    """The gradient of `MeanPool`: each number goes to all of its window, over the number that counts.

    h = Σ of the shares        of the gradient, the mean of each window: `MeanPool`
    """

    public = False
    count_padding: bool = True

    symbol = "to all"
    formula = r"\textstyle\sum_i g_i / k"
    constant_children = frozenset({"like"})
    examples = (
        example((2, 2, 3), (2, 4, 6)),
        example((1, 2, 3, 3), (1, 2, 5, 6), size=3, stride=2, padding=(1, (0, 1)), count_padding=False),
    )

    def fprop(self, g: Value, like: Value) -> Value:
        sliding = self.sliding.over(like.shape)
        count = g.shape[-len(sliding.size) :]
        share = g / _count_elements(self, g, count, like)
        h = np.zeros(sliding.pad_array(np.broadcast_to(np.zeros((), share.dtype), like.shape), 0).shape, share.dtype)
        for place in sliding.places(count):
            h[place] += share
        return sliding.inside(h)

    def bprop(self, grad: Value, h: Value, g: Value, like: Value) -> tuple[Value, ...]:
        return MeanPool.apply(grad, **self.setting_values()), None

    def infer(self, g: Spec, like: Spec) -> Spec:
        """The shape of what was pooled."""
        self.check_pooled(g, like)
        return Spec(like.shape, g.dtype)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A quotient per window, and a sum per element of it."""
        return product(shapes[0]) * (product(self.sliding.size) + 1)


def _largest(box: Pooling, a: Value, sliding: Sliding) -> tuple[Any, Any, list[Any]]:
    """The array with padding that is never the largest, the largest of each window, the places of its elements."""
    low = -np.inf if a.dtype.kind == "f" else np.iinfo(a.dtype).min if a.dtype.kind in "iu" else False
    padded = sliding.pad_array(a, low)
    places = [*sliding.places(sliding.counts(box, a.shape[a.ndim - len(sliding.size) :]))]
    largest = padded[places[0]].copy("K")
    for place in places[1:]:
        np.maximum(largest, padded[place], out=largest)
    return padded, largest, places


def _find_largest(box: Pooling, source: Value, sliding: Sliding) -> tuple[list[Any], list[Any], Any]:
    """For each element of the window its places, and where it is the largest; the padded array."""
    padded, largest, places = _largest(box, source, sliding)
    return places, [padded[place] == largest for place in places], padded


def _ties(taken: list[Any]) -> Any:
    """How many are the largest in each window: none where one is NaN."""
    ties = taken[0].astype(np.uint8 if len(taken) < 256 else np.intp)
    for mask in taken[1:]:
        ties += mask
    return ties


def _count_elements(box: Box, values: Value, count: Any, like: Value = None) -> Any:
    """How many elements count in each window."""
    sliding: Sliding = box.sliding
    dtype = values.dtype if values.dtype.kind in "fc" else float
    if box.count_padding:
        return np.asarray(np.prod(sliding.size), dtype)[()]
    shape = (values if like is None else like).shape[-len(sliding.size) :]
    sliding = sliding.over(shape)
    inside = sliding.pad_array(np.ones(shape, dtype), 0)
    total = sum(inside[place] for place in sliding.places(count))
    return np.where(total == 0, 1, total).astype(dtype)


_STEPS = np.array([[[0.5, 0.5, -1.0, 2.0], [0.0, 0.1, -2.0, 2.0], [0.0, -3.0, -1.0, -2.0], [-1.0, 0.0, -1.0, -3.0]]])


class SpreadToRectified(Pooling):
    """The gradient of `MaxPool` of np.maximum(source, floor) by the source.

    h = Σ of the shares of `SpreadToLargest` where a > floor, half of them where a = floor, else 0

    `largest` is what the pooling gives, by which the largest are found. All that lies below the floor ties with what is
    at it.

    Parameters
    ----------
    floor : float, default 0.0
        The lower limit, in the unit of `source`.
    half : bool, default True
        Whether half of a share passes at the floor, as for np.maximum; else none, as for `ReLU`.
    """

    floor: float = 0.0
    half: bool = True

    public = False
    symbol = "to the rectified"
    constant_children = frozenset({"source", "largest"})
    examples = (
        example((1, 2, 2), _STEPS, np.array([[[0.5, 2.0], [0.0, 0.0]]])),
        example((1, 2, 2), _STEPS, np.array([[[0.5, 2.0], [0.0, 0.0]]]), half=False),
        example((1, 1, 3), _STEPS, np.array([[[0.5, 0.5, 2.0]]]), size=(4, 2), stride=1, floor=0.25),
    )

    def fprop(self, g: Value, source: Value, largest: Value) -> Value:
        settings = self.setting_values()
        floor, half = settings.pop("floor"), settings.pop("half")
        sent = SpreadToLargest.apply(g, np.maximum(source, floor), **settings)
        if not half:
            return np.where(source > floor, sent, 0)
        return np.where(source >= floor, np.where(source == floor, sent / 2, sent), 0)

    def infer(self, g: Spec, source: Spec, largest: Spec) -> Spec:
        """The shape of what was pooled."""
        self.check_pooled(g, source)
        if len(g.shape) != len(largest.shape) or not all(map(same, g.shape, largest.shape)):
            raise self.shape_error(f"needs {shape_text(g.shape)} of the gradient and of the largest")
        return Spec(source.shape, g.dtype)
