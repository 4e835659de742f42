"""Convolutional layers: a convolution box with its filters and biases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Value
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d
from flowgraph.errors import UsageError
from flowgraph.training.keywords import strict_settings
from flowgraph.training.layers.layer import Layer, uniform
from flowgraph.training.settings import Rng, read_count, read_generator

BOXES = {1: Conv1d, 2: Conv2d, 3: Conv3d}


@strict_settings
class ConvLayer(Layer):
    """a = x ∗ W + b: a convolution with its parameters, filters uniform on ±√(6 / fan_in) and biases of zeros.

    It is called so since `fg.Conv2d` is the box, which takes its filters as a child. `size` is that of the filters, one
    number per axis: three make it a `Conv3d`; one number alone is a square for images. `stride`, `padding`, `dilation`
    and `groups` are those of the box.

    Shapes: x (N, channels, ...), a (N, filters, ...).

    Parameters
    ----------
    channels : int
        Channels of the input.
    filters : int
        Channels of the output.
    size : int or sequence of int
        Size of the filters in elements, one number per axis; one number alone is a square for images.
    stride : int or tuple of int, default 1
        Steps between windows, in elements.
    padding : int, tuple or 'same', default 0
        Zeros around each spatial axis, in elements.
    dilation : int or tuple of int, default 1
        Distance between the elements of a window, in elements.
    groups : int, default 1
        Number of groups of channels that are convolved separately; it divides both numbers of channels.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the filters; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Raises
    ------
    UsageError
        If `size` has more than three numbers, or `groups` does not divide the channels.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.ConvLayer(3, 8, 5, padding="same", rng=0)(fg.Input("x", shape=("N", 3, 32, 32)))
    <Add 'a': (N, 8, 32, 32) float64>

    Source: LeCun et al. 1998, Gradient-based learning applied to document recognition; the bound is that of He et al.
    2015, Delving deep into rectifiers.
    """

    def __init__(  # noqa: PLR0913  a keyword for each setting of the layer
        self,
        channels: int,
        filters: int,
        size: int | Sequence[int],
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        rng: Rng = None,
        dtype: Any = float,
    ) -> None:
        super().__init__()
        sizes = tuple(size) if isinstance(size, Sequence) else (size, size)
        if len(sizes) not in BOXES:
            raise UsageError(f"ConvLayer: found size={size!r}, needs one, two or three numbers, (5, 5)")
        channels, filters = (read_count("ConvLayer", n, v) for n, v in (("channels", channels), ("filters", filters)))
        groups = read_count("ConvLayer", "groups", groups)
        if channels % groups or filters % groups:
            raise UsageError(f"ConvLayer: found groups={groups}, needs a divisor of {channels} and of {filters}")
        shape = (filters, channels // groups, *(read_count("ConvLayer", "size", one) for one in sizes))
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        bound = math.sqrt(6 / math.prod(shape[1:]))
        self.W = Parameter(uniform(read_generator("ConvLayer", rng), bound, shape, dtype), name="W")
        self.b = Parameter(np.zeros(filters, dtype), name="b")

    def __call__(self, x: Value) -> Any:
        """The convolution plus biases: (N, filters, *sizes) of (N, channels, *sizes)."""
        axes = self.W.value.ndim - 2
        with self._built(x, axes + 2):
            biases: Any = np.expand_dims(self.b, tuple(range(1, axes + 1)))
            return (BOXES[axes](x, self.W, **self.settings) + biases).named("a")
