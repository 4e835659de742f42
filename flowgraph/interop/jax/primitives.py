"""The rules by which primitives of JAX become boxes; `primitive_rule` registers one for a primitive of your own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import Digamma, Erf, Erfc, Erfinv, GammaLn, MaxPool, MeanPool, relu, sigmoid, silu
from flowgraph.boxes.engine.passing_on import StopGradient
from flowgraph.checking.frameworks import jax_numpy
from flowgraph.interop.rules import (
    CONVOLUTIONS,
    NoBoxesError,
    RuleTable,
    Translation,
    padded,
    shortest,
    shortest_padding,
)

PRIMITIVES = RuleTable()


def primitive_rule(*names: str) -> Callable[[Translation], Translation]:
    """Register how a primitive of JAX becomes boxes, by its name: "dot_general".

    "function:relu" is a function of JAX's own that is traced as a call and has no parameters but its arrays.

    The rule takes boxes or numbers by position and the parameters of the primitive by name; its result is converted to
    the dtype that JAX gives.
    """
    return PRIMITIVES.rule_for(*names)


def quotient(a: Foreign, b: Foreign, **parameters: Foreign) -> Any:
    """The quotient, towards 0 for whole numbers."""
    whole = a.dtype.kind in "iu" and b.dtype.kind in "iu"
    return np.trunc(a / b) if whole else a / b


def rounded(a: Foreign, *, rounding_method: Foreign = None, **parameters: Foreign) -> Any:
    """To whole numbers: halves to even ones, or away from 0."""
    return np.rint(a) if int(rounding_method or 0) == 1 else np.trunc(a + np.copysign(0.5, a))


def pad(a: Foreign, value: Foreign, *, padding_config: Foreign, **parameters: Foreign) -> Any:
    """A number around, or fewer elements where the padding is below 0."""
    if any(inside for _, _, inside in padding_config):
        raise NoBoxesError("pad between elements")
    constant: Any = getattr(value, "value", value)
    if isinstance(constant, Box):
        raise NoBoxesError("pad with a number that is computed")
    pairs = [(before, after) for before, after, _ in padding_config]
    return padded(a, pairs, constant_values=np.asarray(constant)[()])


_BOXES: dict[str, Callable[..., Any]] = {
    "logistic": sigmoid, "erf": Erf, "erfc": Erfc, "erf_inv": Erfinv, "lgamma": GammaLn, "digamma": Digamma,
    "real": np.real, "imag": np.imag, "conj": np.conj, "complex": lambda a, b: a + 1j * b,
    "stop_gradient": StopGradient, "reduce_precision": lambda a: a, "optimization_barrier": lambda a: a,
    "pvary": lambda a: a, "function:relu": relu, "function:silu": silu, "function:logaddexp": np.logaddexp,
}  # fmt: skip
_RULES: dict[str, Callable[..., Any]] = {
    **jax_numpy.PRIMITIVES, **jax_numpy.OF_FLOATS, "div": quotient, "round": rounded, "pad": pad,
    **{name: jax_numpy.plain(function) for name, function in _BOXES.items()},
}  # fmt: skip
for _name, _rule in _RULES.items():
    primitive_rule(_name)(_rule)


@primitive_rule("gather")
def gathered(
    a: Foreign, indices: Foreign, *, dimension_numbers: Foreign, slice_sizes: Foreign, **settings: Foreign
) -> Any:
    """Elements along some adjacent axes, at places that an array gives."""
    axes = tuple(dimension_numbers.start_index_map)
    first, after = axes[0], axes[-1] + 1
    if axes != tuple(range(first, after)) or tuple(dimension_numbers.collapsed_slice_dims) != axes:
        raise NoBoxesError("gather of slices, or along axes that are not adjacent")
    rest = [place for place in range(len(a.shape)) if place not in axes]
    new = len(indices.shape) - 1
    offset = tuple(place if place < first else place - len(axes) + new for place in rest)
    batched = getattr(dimension_numbers, "operand_batching_dims", ())
    if batched or tuple(dimension_numbers.offset_dims) != offset or any(slice_sizes[i] != a.shape[i] for i in rest):
        raise NoBoxesError("gather of parts of the other axes")
    places = [indices[..., number] for number in range(len(axes))]
    return a[(*(slice(None) for _ in range(first)), *places)]


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
