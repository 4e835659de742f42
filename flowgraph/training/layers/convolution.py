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
