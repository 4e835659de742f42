"""The rules by which primitives of JAX become boxes; `primitive_rule` registers one for a primitive of your own."""

from __future__ import annotations

import math
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.value import Foreign
from flowgraph.boxes import (
    Conv1d,
    Conv2d,
    Conv3d,
    Digamma,
    Erf,
    Erfc,
    Erfinv,
    GammaLn,
    MaxPool,
    MeanPool,
    relu,
    sigmoid,
    silu,
)
from flowgraph.boxes.engine.stop_gradient import StopGradient
from flowgraph.interop.rule_table import NoBoxesError, RuleTable, Translation, shortest, shortest_padding

PRIMITIVES = RuleTable()


def primitive_rule(*names: str) -> Callable[[Translation], Translation]:
    """Register how a primitive of JAX becomes boxes, by its name: "dot_general".

    "function:relu" is a function of JAX's own that is traced as a call and has no parameters but its arrays.

    The rule takes boxes or numbers by position and the parameters of the primitive by name; its result is converted to
    the dtype that JAX gives.
    """
    return PRIMITIVES.rule_for(*names)


for _name, _function in {
    "neg": np.negative, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "square": np.square, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "logistic": sigmoid, "erf": Erf, "erfc": Erfc,
    "erf_inv": Erfinv, "lgamma": GammaLn, "digamma": Digamma, "abs": np.abs, "sign": np.sign, "floor": np.floor,
    "ceil": np.ceil, "is_finite": np.isfinite, "real": np.real, "imag": np.imag, "conj": np.conj,
    "stop_gradient": StopGradient,
}.items():  # fmt: skip

    def _unary(a: Foreign, *, function: Foreign = _function, **settings: Foreign) -> Any:
        return function(a)

    primitive_rule(_name)(_unary)

for _name, _function in {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum, "min": np.minimum,
    "pow": np.power, "rem": np.fmod, "atan2": np.arctan2, "eq": np.equal, "ne": np.not_equal, "lt": np.less,
    "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}.items():  # fmt: skip

    def _binary(a: Foreign, b: Foreign, *, function: Foreign = _function, **settings: Foreign) -> Any:
        return function(a, b)

    primitive_rule(_name)(_binary)


primitive_rule("function:relu")(relu)
primitive_rule("function:silu")(silu)
primitive_rule("function:logaddexp")(np.logaddexp)


@primitive_rule("copy", "copy_p", "reduce_precision", "optimization_barrier", "convert_element_type", "pvary")
def same(a: Foreign, **settings: Foreign) -> Any:
    """The same numbers, which are converted to the dtype of the result."""
    return a


@primitive_rule("div")
def div(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """a / b, towards 0 for whole numbers."""
    whole = a.dtype.kind in "iu" and b.dtype.kind in "iu"
    return np.trunc(a / b) if whole else a / b


@primitive_rule("integer_pow")
def integer_pow(a: Foreign, *, y: int, **settings: Foreign) -> Any:
    """A power with a whole number."""
    return np.square(a) if y == 2 else 1 / a ** (-y) if y < 0 else a**y


@primitive_rule("rsqrt")
def rsqrt(a: Foreign, **settings: Foreign) -> Any:
    """1 / √a."""
    return 1 / np.sqrt(a)


@primitive_rule("round")
def rounded(a: Foreign, *, rounding_method: Foreign = None, **settings: Foreign) -> Any:
    """To whole numbers: halves to even ones, or away from 0."""
    if int(rounding_method or 0) == 1:
        return np.rint(a)
    return np.trunc(a + np.copysign(0.5, a))


@primitive_rule("not")
def negated(a: Foreign, **settings: Foreign) -> Any:
    """Not, of booleans or of bits."""
    return np.logical_not(a) if a.dtype == bool else np.invert(a)


@primitive_rule("and")
def both(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """And, of booleans or of bits."""
    return np.logical_and(a, b) if a.dtype == bool else np.bitwise_and(a, b)


@primitive_rule("or")
def either(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """Or, of booleans or of bits."""
    return np.logical_or(a, b) if a.dtype == bool else np.bitwise_or(a, b)


@primitive_rule("xor")
def one_of(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """Exclusive or, of booleans or of bits."""
    return np.logical_xor(a, b) if a.dtype == bool else np.bitwise_xor(a, b)


@primitive_rule("select_n")
def select(which: Foreign, *cases: Foreign, **settings: Foreign) -> Any:
    """For each element the case of that number."""
    if which.dtype == bool:
        return np.where(which, cases[1], cases[0])
    result = cases[-1]
    for number in range(len(cases) - 2, -1, -1):
        result = np.where(which == number, cases[number], result)
    return result


@primitive_rule("clamp")
def clamp(low: Foreign, a: Foreign, high: Foreign, **settings: Foreign) -> Any:
    """Between two bounds; the gradient passes inside them."""
    return np.where(a < low, low, np.where(a > high, high, a))


@primitive_rule("complex")
def complex_of(a: Foreign, b: Foreign, **settings: Foreign) -> Any:
    """a + i b."""
    return a + 1j * b


for _name, _function in {
    "reduce_sum": np.sum, "reduce_max": np.max, "reduce_min": np.min, "reduce_prod": np.prod, "reduce_and": np.all,
    "reduce_or": np.any,
}.items():  # fmt: skip

    def _reduced(a: Foreign, *, axes: Foreign, function: Foreign = _function, **settings: Foreign) -> Any:
        return function(a, axis=tuple(axes)) if axes else a

    primitive_rule(_name)(_reduced)

for _name, _function in {"argmax": np.argmax, "argmin": np.argmin}.items():

    def _place(a: Foreign, *, axes: Foreign, function: Foreign = _function, **settings: Foreign) -> Any:
        return function(a, axis=axes[0])

    primitive_rule(_name)(_place)

for _name, _function in {"cumsum": np.cumsum, "cumprod": np.cumprod}.items():

    def _cumulative(a: Foreign, *, axis: int, reverse: bool, function: Foreign = _function, **settings: Foreign) -> Any:
        return np.flip(function(np.flip(a, axis), axis=axis), axis) if reverse else function(a, axis=axis)

    primitive_rule(_name)(_cumulative)


@primitive_rule("broadcast_in_dim")
def broadcast(a: Foreign, *dynamic: Foreign, shape: Foreign, broadcast_dimensions: Foreign, **settings: Foreign) -> Any:
    """Axes at these places, repeated to the shape."""
    if dynamic:
        raise NoBoxesError("broadcast_in_dim to a shape that depends on values")
    placed = [1] * len(shape)
    for size, place in zip(a.shape, broadcast_dimensions, strict=True):
        placed[place] = size
    moved = a if list(a.shape) == placed else np.reshape(a, tuple(placed))
    return moved if tuple(placed) == tuple(shape) else np.broadcast_to(moved, tuple(shape))


@primitive_rule("reshape")
def reshaped(a: Foreign, *dynamic: Foreign, new_sizes: Foreign, dimensions: Foreign = None, **settings: Foreign) -> Any:
    """In rows, in another shape."""
    if dynamic:
        raise NoBoxesError("reshape to a shape that depends on values")
    return np.reshape(a if dimensions is None else np.transpose(a, dimensions), tuple(new_sizes))


@primitive_rule("squeeze")
def squeezed(a: Foreign, *, dimensions: Foreign, **settings: Foreign) -> Any:
    """Without some axes of size 1."""
    return np.squeeze(a, axis=tuple(dimensions)) if dimensions else a


@primitive_rule("expand_dims")
def expanded(a: Foreign, *, dimensions: Foreign, **settings: Foreign) -> Any:
    """With new axes of size 1."""
    return np.expand_dims(a, tuple(dimensions))


@primitive_rule("transpose")
def transposed(a: Foreign, *, permutation: Foreign, **settings: Foreign) -> Any:
    """Axes in another order."""
    return np.transpose(a, tuple(permutation))


@primitive_rule("rev")
def reversed_along(a: Foreign, *, dimensions: Foreign, **settings: Foreign) -> Any:
    """Axes reversed."""
    return np.flip(a, tuple(dimensions))


@primitive_rule("slice")
def sliced(
    a: Foreign, *, start_indices: Foreign, limit_indices: Foreign, strides: Foreign = None, **settings: Foreign
) -> Any:
    """From starts to limits, in steps."""
    steps = strides or (1,) * len(start_indices)
    bounds = zip(start_indices, limit_indices, steps, a.shape, strict=True)
    return a[
        tuple(
            slice(None) if (start, limit, step) == (0, size, 1) else slice(start, limit, step)
            for start, limit, step, size in bounds
        )
    ]


@primitive_rule("concatenate")
def joined(*arrays: Foreign, dimension: int, **settings: Foreign) -> Any:
    """One after the other."""
    return np.concatenate(arrays, axis=dimension)


@primitive_rule("split")
def split(a: Foreign, *, sizes: Foreign, axis: int, **settings: Foreign) -> tuple[Any, ...]:
    """Pieces of these sizes."""
    return tuple(np.split(a, np.cumsum(sizes)[:-1].tolist(), axis=axis))


@primitive_rule("pad")
def padded(a: Foreign, value: Foreign, *, padding_config: Foreign, **settings: Foreign) -> Any:
    """A number around, or fewer elements where the padding is below 0."""
    if any(inside for _, _, inside in padding_config):
        raise NoBoxesError("pad between elements")
    pairs = [(before, after) for before, after, _ in padding_config]
    around = [(max(before, 0), max(after, 0)) for before, after in pairs]
    constant: Any = getattr(value, "value", value)
    if isinstance(constant, Box):
        raise NoBoxesError("pad with a number that is computed")
    whole = np.pad(a, around, constant_values=np.asarray(constant)[()]) if any(map(any, around)) else a
    cut = [slice(max(-before, 0), -max(-after, 0) or None) for before, after in pairs]
    return whole[tuple(cut)] if any(number < 0 for pair in pairs for number in pair) else whole


@primitive_rule("iota")
def iota(*, shape: Foreign, dimension: int, **settings: Foreign) -> Any:
    """Numbers from 0 along an axis."""
    along = [1] * len(shape)
    along[dimension] = shape[dimension]
    return np.broadcast_to(np.arange(shape[dimension]).reshape(along), tuple(shape))


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
