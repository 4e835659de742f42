"""Convolutions as neural networks mean them: sums of products of a filter with every place of an input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.example import example
from flowgraph.box.interval import Interval
from flowgraph.boxes.neural.examples_last import convolved, of_filters, of_input
from flowgraph.boxes.neural.sliding import Padding, PerAxis, Sliding, read_sliding
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape, Size, product
from flowgraph.shapes.spec import Spec, same, shape_text


class Convolving(Box, abstract=True):
    """What a convolution and its two gradients share: stride, padding, dilation and groups.

    `stride`, `padding` and `dilation` are a number or one per axis; `padding` adds zeros at both ends, as many or
    (before, after), and may be "same" or "valid". `groups` splits the channels: a filter reads those of its group only.
    """

    stride: PerAxis = 1
    padding: Padding = 0
    dilation: PerAxis = 1
    groups: Annotated[int, Interval(1)] = 1

    def sliding(self, filters: Any) -> Sliding:
        """How the window of filters of this shape moves."""
        size = filters[2:]
        if any(isinstance(one, Size) or one < 1 for one in size):
            raise UsageError(
                f"{type(self).__name__}: found filters of shape {shape_text(filters)}, needs sizes in numbers from 1"
            )
        return read_sliding(self, tuple(size), self.stride, self.padding, self.dilation)


class Convolution(Convolving, abstract=True):
    """A convolution over the axes after examples and channels."""

    spatial: ClassVar[int]

    symbol = "conv"
    formula = r"\textstyle\sum_{c, u} w_{f, c, u}\, x_{n, c, s i + d u}"
    derivative = r"w_{f, c, u}, x_{n, c, s i + d u}"

    def fprop(self, x: Value, w: Value) -> Value:
        sliding = self.sliding(w.shape)
        return convolved(x, w, sliding, self.groups, sliding.counts(self, x.shape[2:]))

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

    public = False
    symbol = "convᵀ"
    formula = r"\textstyle\sum_{f, u} w_{f, c, u}\, g_{n, f, i}"
    derivative = r"w_{f, c, u}, g_{n, f, i}"
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
            _convolved(grad, w, settings) if needs[0] else None,
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

    public = False
    symbol = "conv filters"
    formula = r"\textstyle\sum_{n, i} g_{n, f, i}\, x_{n, c, s i + d u}"
    derivative = r"x_{n, c, s i + d u}, g_{n, f, i}"
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
            _convolved(x, grad, settings) if needs[0] else None,
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


def _convolved(x: Value, w: Value, settings: Mapping[str, Any]) -> Any:
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
