"""Primitives of JAX as functions of NumPy, which take their parameters by name.

The checker runs them on arrays, `flowgraph.interop.jax` on boxes; both convert the results to the dtype that JAX says.
"""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign

Rule = Callable[..., Any]


WITHOUT_EFFECT = frozenset((
    "accuracy", "sharding", "out_sharding", "weak_type", "unique_indices", "indices_are_sorted", "dtype", "new_dtype",
    "index_dtype", "input_dtype",
))  # fmt: skip
"""Parameters that a rule need not take.

By `accuracy` only the last digits change; a sharding says where elements lie; promises about indices change nothing
where they are kept; results are converted to the dtype that JAX says.
"""


def settings_of(rule: Rule, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a rule takes of the parameters of an equation.

    None where the rule leaves out one that may change its numbers, or needs one that this release of JAX does not have.
    """
    taken = inspect.signature(rule).parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in taken):
        return dict(parameters)
    keywords = {one.name: one.default is one.empty for one in taken if one.kind is one.KEYWORD_ONLY}
    is_incomplete = any(needed and name not in parameters for name, needed in keywords.items())
    if is_incomplete or any(name not in keywords and _has_effect(name, value) for name, value in parameters.items()):
        return None
    return {name: value for name, value in parameters.items() if name in keywords}


def _has_effect(name: str, value: Foreign) -> bool:
    if name == "precision":  # a pair of levels, which CPUs exceed; an algorithm instead computes in other dtypes
        return value is not None and type(value) is not tuple
    return name not in WITHOUT_EFFECT


def plain(function: Rule) -> Rule:
    """A function of arrays alone."""
    return lambda *arrays: function(*arrays)


def reduce_axes(function: Rule) -> Rule:
    """A reduction over the axes of the primitive."""
    return lambda a, *, axes: function(a, axis=tuple(axes)) if axes else a


def place_of(function: Rule) -> Rule:
    """The place of an extreme along an axis."""
    return lambda a, *, axes: function(a, axis=axes[0])


def accumulate_along(function: Rule) -> Rule:
    """What is accumulated along an axis, from its end where the primitive says so."""

    def rule(a: Foreign, *, axis: int, reverse: bool) -> Any:
        return np.flip(function(np.flip(a, axis), axis=axis), axis) if reverse else function(a, axis=axis)

    return rule


def of_truth_or_bits(of_truth: Rule, of_bits: Rule) -> Rule:
    """One function of booleans, another one of the bits of whole numbers."""
    return lambda a, *rest: (of_truth if a.dtype == bool else of_bits)(a, *rest)


def broadcast(a: Foreign, *, shape: Foreign, broadcast_dimensions: Foreign) -> Any:
    """Axes at these places, repeated to the shape."""
    placed = [1] * len(shape)
    for size, place in zip(a.shape, broadcast_dimensions, strict=True):
        placed[place] = size
    moved = a if list(a.shape) == placed else np.reshape(a, tuple(placed))
    return moved if tuple(placed) == tuple(shape) else np.broadcast_to(moved, tuple(shape))


def reshape_rows(a: Foreign, *, new_sizes: Foreign, dimensions: Foreign = None) -> Any:
    """In rows, in another shape."""
    return np.reshape(a if dimensions is None else np.transpose(a, dimensions), tuple(new_sizes))


def slice_rows(a: Foreign, *, start_indices: Foreign, limit_indices: Foreign, strides: Foreign = None) -> Any:
    """From starts to limits, in steps."""
    bounds = zip(start_indices, limit_indices, strides or (1,) * len(start_indices), a.shape, strict=True)
    return a[tuple(slice(None) if bound[:3] == (0, bound[3], 1) else slice(*bound[:3]) for bound in bounds)]


def iota(*, shape: Foreign, dimension: int) -> Any:
    """Numbers from 0 along an axis."""
    sizes = [1] * len(shape)
    sizes[dimension] = -1
    return np.broadcast_to(np.arange(shape[dimension]).reshape(sizes), tuple(shape))


def wide(preferred: Foreign, *arrays: Foreign) -> list[Any]:
    """The arrays in the dtype in which their products are summed."""
    return [a if preferred is None or a.dtype == preferred else a.astype(preferred) for a in arrays]


def dot_general(a: Foreign, b: Foreign, *, dimension_numbers: Foreign, preferred_element_type: Foreign = None) -> Any:
    """The sum over some axes of products, for each index of others; a product of matrices where it is one."""
    a, b = wide(preferred_element_type, a, b)
    (of_a, of_b), (each_a, each_b) = dimension_numbers
    stacked, last, before = tuple(range(len(each_a))), len(a.shape) - 1, len(b.shape) - 2
    if tuple(each_a) == tuple(each_b) == stacked and len(b.shape) == len(stacked) + 2:
        plain_product = len(stacked) == 0 and len(a.shape) in (1, 2)
        if tuple(of_a) == (last,) and tuple(of_b) == (before,) and (plain_product or len(a.shape) == len(b.shape)):
            return a @ b
    letters = iter(string.ascii_letters)
    left, right = [next(letters) for _ in a.shape], [next(letters) for _ in b.shape]
    for of_left, of_right in (*zip(of_a, of_b, strict=True), *zip(each_a, each_b, strict=True)):
        right[of_right] = left[of_left]
    kept = [left[i] for i in each_a]
    kept += [letter for i, letter in enumerate(left) if i not in each_a and i not in of_a]
    kept += [letter for i, letter in enumerate(right) if i not in each_b and i not in of_b]
    return np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", a, b)


def select(which: Foreign, *cases: Foreign) -> Any:
    """For each element the case of that number."""
    if which.dtype == bool:
        return np.where(which, cases[1], cases[0])
    result = cases[-1]
    for number in range(len(cases) - 2, -1, -1):
        result = np.where(which == number, cases[number], result)
    return result


def integer_pow(a: Foreign, *, y: int) -> Any:
    """A power with a whole number."""
    return np.square(a) if y == 2 else 1 / a ** (-y) if y < 0 else a**y


PLAIN: dict[str, Rule] = {
    "neg": np.negative, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "square": np.square, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "abs": np.abs, "sign": np.sign,
    "floor": np.floor, "ceil": np.ceil, "is_finite": np.isfinite,
    "add": np.add, "add_any": np.add, "sub": np.subtract, "max": np.maximum,
    "min": np.minimum, "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal,
    "rsqrt": lambda a: 1 / np.sqrt(a),
    "clamp": lambda low, a, high: np.where(a < low, low, np.where(a > high, high, a)),
}  # fmt: skip
"""Functions of arrays alone."""

PRIMITIVES: dict[str, Rule] = {
    **{name: plain(function) for name, function in PLAIN.items()},
    **dict.fromkeys(("copy", "convert_element_type"), plain(lambda a: a)),
    "and": of_truth_or_bits(np.logical_and, np.bitwise_and),
    "or": of_truth_or_bits(np.logical_or, np.bitwise_or),
    "xor": of_truth_or_bits(np.logical_xor, np.bitwise_xor),
    "not": of_truth_or_bits(np.logical_not, np.invert),
    "mul": lambda a, b, *, out_dtype=None: np.multiply(*wide(out_dtype, a, b)),
    "integer_pow": integer_pow,
    "select_n": select,
    "reduce_sum": reduce_axes(np.sum),
    "reduce_max": reduce_axes(np.max),
    "reduce_min": reduce_axes(np.min),
    "reduce_prod": reduce_axes(np.prod),
    "reduce_and": reduce_axes(np.all),
    "reduce_or": reduce_axes(np.any),
    "argmax": place_of(np.argmax),
    "argmin": place_of(np.argmin),
    "cumsum": accumulate_along(np.cumsum),
    "cumprod": accumulate_along(np.cumprod),
    "broadcast_in_dim": broadcast,
    "reshape": reshape_rows,
    "squeeze": lambda a, *, dimensions: np.squeeze(a, axis=tuple(dimensions)) if dimensions else a,
    "transpose": lambda a, *, permutation: np.transpose(a, tuple(permutation)),
    "rev": lambda a, *, dimensions: np.flip(a, tuple(dimensions)),
    "slice": slice_rows,
    "concatenate": lambda *arrays, dimension: np.concatenate(arrays, axis=dimension),
    "split": lambda a, *, sizes, axis: tuple(np.split(a, np.cumsum(sizes)[:-1].tolist(), axis=axis)),
    "iota": iota,
    "dot_general": dot_general,
}  # fmt: skip
"""By the name of the primitive; what several of them give is a tuple."""

OF_FLOATS: dict[str, Rule] = {
    "pow": plain(np.power), "rem": plain(np.fmod), "atan2": plain(np.arctan2), "div": plain(np.divide),
}  # fmt: skip
"""Those that are the same of floats alone: whole numbers are divided in another way by XLA."""
