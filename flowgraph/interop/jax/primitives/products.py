"""Products of matrices, convolutions and pooling."""

from __future__ import annotations

import math
import string
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import Conv1d, Conv2d, Conv3d, MaxPool, MeanPool
from flowgraph.interop.fitting import shortest, shortest_padding
from flowgraph.interop.jax.rules import primitive_rule
from flowgraph.interop.rule_table import NoBoxesError

CONVOLUTIONS: dict[int, Any] = {3: Conv1d, 4: Conv2d, 5: Conv3d}
"""By the number of axes of their input."""


@primitive_rule("dot_general")
def dot_general(a: Foreign, b: Foreign, *, dimension_numbers: Foreign, **settings: Foreign) -> Any:
    """The sum over some axes of products, for each index of others; a product of matrices where it is one."""
    (of_a, of_b), (each_a, each_b) = dimension_numbers
    last, before = len(a.shape) - 1, len(b.shape) - 2
    stacked = tuple(range(len(each_a)))
    if tuple(each_a) == tuple(each_b) == stacked and len(b.shape) == len(stacked) + 2:
        plain = len(stacked) == 0 and len(a.shape) in (1, 2)
        if tuple(of_a) == (last,) and tuple(of_b) == (before,) and (plain or len(a.shape) == len(b.shape)):
            return a @ b
    letters = iter(string.ascii_letters)
    left = [next(letters) for _ in a.shape]
    right = [next(letters) for _ in b.shape]
    for one, other in (*zip(of_a, of_b, strict=True), *zip(each_a, each_b, strict=True)):
        right[other] = left[one]
    kept = [left[i] for i in each_a]
    kept += [letter for i, letter in enumerate(left) if i not in each_a and i not in of_a]
    kept += [letter for i, letter in enumerate(right) if i not in each_b and i not in of_b]
    return np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", a, b)


@primitive_rule("conv_general_dilated")
def convolution(  # noqa: PLR0913  the parameters of the primitive
    x: Foreign, w: Foreign, *, window_strides: Foreign,
    padding: Foreign, lhs_dilation: Foreign, rhs_dilation: Foreign, dimension_numbers: Foreign,
    feature_group_count: int, batch_group_count: int, **settings: Foreign,
) -> Any:  # fmt: skip
    """A convolution, its axes in any order."""
    if set(lhs_dilation) - {1} or batch_group_count != 1 or len(x.shape) not in CONVOLUTIONS:
        raise NoBoxesError("a transposed convolution")
    if any(number < 0 for pair in padding for number in pair):
        raise NoBoxesError("a convolution of a part of its input")
    of_x, of_w, of_h = dimension_numbers
    h = CONVOLUTIONS[len(x.shape)](
        _in_order(x, of_x), _in_order(w, of_w), stride=shortest(tuple(window_strides)),
        padding=shortest_padding(padding), dilation=shortest(tuple(rhs_dilation)), groups=feature_group_count,
    )  # fmt: skip
    return _in_order(h, np.argsort(of_h).tolist())


def _in_order(a: Foreign, axes: Foreign) -> Any:
    return a if list(axes) == list(range(len(axes))) else np.transpose(a, tuple(axes))


@primitive_rule("reduce_window_max")
def largest(a: Foreign, **window: Foreign) -> Any:
    """The largest in each window."""
    return _pooled(MaxPool, a, **window)


@primitive_rule("reduce_window_sum")
def window_sum(a: Foreign, **window: Foreign) -> Any:
    """The sum of each window."""
    return _pooled(MeanPool, a, **window) * math.prod(window["window_dimensions"])


def _pooled(
    pooling: Foreign, a: Foreign, *,
    window_dimensions: Foreign, window_strides: Foreign, padding: Foreign, base_dilation: Foreign,
    window_dilation: Foreign, **settings: Foreign,
) -> Any:  # fmt: skip
    """A pooling over the axes whose window is larger than 1, which are moved to the end."""
    rows = list(zip(window_dimensions, window_strides, padding, window_dilation, strict=True))
    axes = [i for i, row in enumerate(rows) if row != (1, 1, (0, 0), 1)]
    if set(base_dilation) - {1} or not axes:
        raise NoBoxesError("pooling between elements")
    if any(2 * number > rows[i][0] for i in axes for number in rows[i][2]):
        raise NoBoxesError("padding of more than half of the window")
    order = [i for i in range(len(rows)) if i not in axes] + axes
    size, stride, pads, dilation = (tuple(rows[i][column] for i in axes) for column in range(4))
    h = pooling(
        _in_order(a, order), size=shortest(size) if len(size) == 2 else size,
        stride=None if stride == size else shortest(stride), padding=shortest_padding(pads),
        dilation=shortest(dilation),
    )  # fmt: skip
    return _in_order(h, np.argsort(order).tolist())
