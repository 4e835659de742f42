"""What JavaScript each box is: a table of expressions, and rules of boxes that need more than one."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.boxes.engine.shape_like import (
    BroadcastLike,
    CountLike,
    FitLike,
    RepeatRows,
    ReshapeLike,
    RowsAs,
    SumLike,
    UnitRows,
)
from flowgraph.boxes.indexing.gather import ArgSort, TakeAlongAxis
from flowgraph.boxes.indexing.index import ArangeLike, Index, IndexAdd
from flowgraph.boxes.indexing.scatter import SetAt
from flowgraph.boxes.linear_algebra.determinant import Det
from flowgraph.boxes.linear_algebra.diagonal import Diag, Diagonal, OnDiagonal, Tril, Triu
from flowgraph.boxes.linear_algebra.einsum import Einsum
from flowgraph.boxes.linear_algebra.inverse import Inv, Solve
from flowgraph.boxes.linear_algebra.products import AddMatMul, Affine, MatMul, TensorDot
from flowgraph.boxes.neural.activation import NormalCdf
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d, ConvFilters, ConvInput
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlaceOf, PlacesOf
from flowgraph.boxes.neural.loss import L1, L2, BinaryCrossEntropy, Hinge, NegativeLogLikelihood, SoftmaxCrossEntropy
from flowgraph.boxes.neural.pooling import MaxPool, MeanOfLargest, MeanPool, Sliding, SpreadEvenly, SpreadToLargest
from flowgraph.boxes.neural.softmax import LogSoftmax, Softmax
from flowgraph.boxes.reduction.extremes import AllTrue, AnyTrue, ArgMax, ArgMin, CountNonzero, Max, Min
from flowgraph.boxes.reduction.products import CumProd, CumSum, Prod
from flowgraph.boxes.reduction.sums import LogSumExp, Mean, Std, Sum, Var
from flowgraph.boxes.shape.arrangement import Flip, Roll, Transpose
from flowgraph.boxes.shape.joining import Concatenate, Split, SplitLike, Stack, Unstack
from flowgraph.boxes.shape.padding import Pad
from flowgraph.boxes.shape.reshaping import BroadcastArrays, BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.plan.rules import Condition, Rules, always
from flowgraph.shapes.size import Size

Expression = Callable[..., str]
AnyExpression = TypeVar("AnyExpression", bound=Expression)


class Rule(NamedTuple):
    """`expression(box, *names)` is JavaScript; the functions of `kernels/` that it calls are found by their names."""

    expression: Expression
    when: Condition = always


RULES: Rules[Rule] = Rules(Rule)


def rule_for(*classes: type[Box], when: Condition = always) -> Callable[[AnyExpression], AnyExpression]:
    """Register the expression of boxes of exactly these classes.

    It gets the box and the names of its children's values, arrays `{data, shape, dtype}`, and returns an expression
    whose value is such an array, or a list of them for a box of several outputs.

    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.plan.javascript import rule_for
    >>> class Halved(fg.Box):
    ...     def fprop(self, a): return np.fft.ifftshift(a) / 2
    ...     def infer(self, a): return a
    >>> @rule_for(Halved)
    ... def halved(box, a):
    ...     return f"map({box.dtype.name!r}, (x) => x / 2, flip({a}, null))"
    >>> plan = fg.compile(Halved(fg.Input("a", shape=("N",))), backend="javascript")
    >>> "flip(a, null)" in plan.source
    True
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Halved)]
    """
    return RULES.rule(*classes, when=when)


def literal(value: Any) -> str:
    """A number, a list of them or None as JavaScript writes them."""
    if value is None:
        return "null"
    if isinstance(value, tuple | list | range):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    number = float(value)
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return str(int(number)) if number == int(number) and abs(number) < 2**53 and str(number) != "-0.0" else repr(number)


def axes(value: Any) -> str:
    """An axis, several, or None for all, as a list."""
    return literal(value if value is None or isinstance(value, tuple | list) else (value,))


def dtype(box: Box) -> str:
    """The dtype of a value as a string of JavaScript."""
    return f'"{box.dtype.name}"'


# Most boxes are one call of a function of `kernels/`.


class _Template(string.Formatter):
    """Fills in an expression for one box.

    A number stands for the value of that child, `names` for those of all, `rest` for all but the first, `dtype` for the
    dtype of the box, `window` for that of a pooling, and any other word for a setting: `axis:list` as a list of axes,
    `keepdims:flag` as true or false.
    """

    def __init__(self, template: str) -> None:
        self.template = template

    def __call__(self, box: Box, *names: str) -> str:
        return self.vformat(self.template, (box, *names), {})

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What a field stands for."""
        box, *names = args
        if isinstance(key, int):
            return names[key]
        match key:
            case "names":
                return ", ".join(names)
            case "rest":
                return ", ".join(names[1:])
            case "dtype":
                return dtype(box)
            case "window":
                return _window(box.sliding)
        return getattr(box, key)

    def format_field(self, value: Any, format_spec: str) -> str:
        """A field as JavaScript; texts are that already."""
        if isinstance(value, str):
            return value
        return axes(value) if format_spec == "list" else literal(bool(value) if format_spec == "flag" else value)


_TEMPLATES: Mapping[type[Box], str] = {
    Part: "{0}[{index}]",
    ExpandDims: "expandDims({0}, {axis:list})",
    Squeeze: "squeeze({0}, {axis:list})",
    BroadcastTo: "broadcastTo({0}, {to})",
    BroadcastLike: "broadcastTo({0}, {1}.shape)",
    SumLike: "sumTo({0}, {1}.shape)",
    ReshapeLike: "reshape({0}, {1}.shape)",
    FitLike: "fitTo({0}, {1}.shape, {axes:list})",
    CountLike: "countAlong({0}, {axis:list})",
    ArangeLike: "arange({0}.shape.at({axis}))",
    RepeatRows: "broadcastTo({0}, [{1}.shape[0], ...{0}.shape])",
    RowsAs: "reshape({0}, [...{1}.shape, ...{0}.shape.slice(1)])",
    Concatenate: "concatenate({axis}, {dtype}, {names})",
    Stack: "stack({axis}, {dtype}, {names})",
    SplitLike: "splitLike({0}, {axis}, {rest})",
    Split: "splitAt({0}, {axis}, {at}, {uneven:flag})",
    Unstack: "unstack({0}, {axis})",
    Flip: "flip({0}, {axis:list})",
    Diagonal: "takeDiagonal({0}, {offset}, {axis1}, {axis2})",
    OnDiagonal: "onDiagonal({0}, {1}, {offset}, {axis1}, {axis2})",
    Diag: "diag({0}, {k})",
    Tril: "triangle({0}, {k}, true)",
    Triu: "triangle({0}, {k}, false)",
    TakeAlongAxis: "takeAlong({0}, {1}, {axis})",
    ArgSort: "argSort({0}, {axis})",
    # reductions
    Sum: "sum({0}, {axis:list}, {keepdims:flag}, {dtype})",
    Mean: "mean({0}, {axis:list}, {keepdims:flag}, {dtype})",
    Prod: "prod({0}, {axis:list}, {keepdims:flag}, {dtype})",
    LogSumExp: "logSumExp({0}, {axis:list}, {keepdims:flag}, {dtype})",
    Var: "variance({0}, {axis:list}, {keepdims:flag}, {dtype}, {ddof}, false)",
    Std: "variance({0}, {axis:list}, {keepdims:flag}, {dtype}, {ddof}, true)",
    Max: "max({0}, {axis:list}, {keepdims:flag})",
    Min: "min({0}, {axis:list}, {keepdims:flag})",
    ArgMax: "argMax({0}, {axis:list}, {keepdims:flag})",
    ArgMin: "argMin({0}, {axis:list}, {keepdims:flag})",
    AnyTrue: "anyTrue({0}, {axis:list}, {keepdims:flag})",
    AllTrue: "allTrue({0}, {axis:list}, {keepdims:flag})",
    CountNonzero: "countNonzero({0}, {axis:list}, {keepdims:flag})",
    CumProd: "cumulative({0}, {axis}, {dtype}, 'times')",
    # matrices
    MatMul: "matmul({0}, {1}, {dtype})",
    Solve: "solve({0}, {1}, {dtype})",
    Inv: "inverse({0}, {dtype})",
    Det: "determinant({0}, {dtype})",
    # parts of neural networks
    Softmax: "softmax({0}, {axis:list}, {dtype})",
    LogSoftmax: "softmax({0}, {axis:list}, {dtype}, true)",
    SoftmaxCrossEntropy: "crossEntropy({0}, {1}, {dtype})",
    NegativeLogLikelihood: "negativeLogLikelihood({0}, {1}, {dtype})",
    BinaryCrossEntropy: "binaryCrossEntropy({0}, {1}, {dtype})",
    Hinge: "hinge({0}, {1}, {dtype})",
    L1: "l1({dtype}, {names})",
    L2: "l2({dtype}, {names})",
    OneHot: "oneHot({0}, {1})",
    PlacesOf: "labelPlaces({0}, {1}, {columns:flag})",
    PlaceOf: "reshape(labelPlaces(reshape({0}, [1]), {1}, false), [])",
    MinusAt: "minusAt({0}, {1}, {2}, {dtype})",
    NormalCdf: "map({dtype}, ndtr, {0})",
    MaxPool: "maxPool({0}, {window})",
    SpreadToLargest: "spreadToLargest({0}, {1}, {window})",
    MeanOfLargest: "meanOfLargest({0}, {1}, {window})",
    MeanPool: "meanPool({0}, {window}, {count_padding:flag}, {dtype})",
    SpreadEvenly: "spreadEvenly({0}, {1}, {window}, {count_padding:flag})",
}

_OF_FLOATS = (
    SoftmaxCrossEntropy, NegativeLogLikelihood, BinaryCrossEntropy, Hinge, L1, L2, MeanPool, MeanOfLargest,
    SpreadEvenly,
)  # fmt: skip
"""Boxes whose function computes in floats, where NumPy's whole numbers overflow."""


def _has_floats(box: Box) -> bool:
    return box.children[0].dtype.kind == "f"


for _cls, _template in _TEMPLATES.items():
    rule_for(_cls, when=_has_floats if _cls in _OF_FLOATS else always)(_Template(_template))


def _window(window: Sliding) -> str:
    named = {name: getattr(window, name) for name in ("size", "stride", "padding", "dilation")}
    return "{ " + ", ".join(f"{name}: {literal(value)}" for name, value in named.items()) + " }"


# Rules of boxes whose expression depends on their settings, or on the dtypes of their children.


@rule_for(Reshape)
def _reshape(box: Any, a: str) -> str:
    sizes = []
    for size in box.to:
        if isinstance(size, range):
            sizes.append(f"sizeOf({a}.shape.slice({size.start}, {size.stop}))")
        elif size == -1:
            others = [literal(other) for other in box.to if not isinstance(other, range) and other != -1]
            ranges = [f"sizeOf({a}.shape.slice({r.start}, {r.stop}))" for r in box.to if isinstance(r, range)]
            sizes.append(f"{a}.data.length / ({' * '.join([*others, *ranges]) or '1'})")
        else:
            sizes.append(literal(size))
    return f"reshape({a}, [{', '.join(sizes)}])"


@rule_for(Conv1d, Conv2d, Conv3d, when=lambda box: box.dtype.kind == "f")
def _convolution(box: Any, x: str, w: str) -> str:
    return f"convolve({x}, {w}, {_window(box.sliding(box.children[1].shape))}, {box.groups}, {dtype(box)})"


@rule_for(ConvInput, when=lambda box: box.dtype.kind == "f")
def _convolution_by_input(box: Any, g: str, w: str, like: str) -> str:
    window = _window(box.sliding(box.children[1].shape))
    return f"convolutionByInput({g}, {w}, {like}, {window}, {box.groups}, {dtype(box)})"


@rule_for(ConvFilters, when=lambda box: box.dtype.kind == "f")
def _convolution_by_filters(box: Any, g: str, x: str, like: str) -> str:
    window = _window(box.sliding(box.children[2].shape))
    return f"convolutionByFilters({g}, {x}, {like}, {window}, {box.groups}, {dtype(box)})"


@rule_for(Transpose)
def _transpose(box: Any, a: str) -> str:
    return f"transpose({a})" if box.axes is None else f"transpose({a}, {axes(box.axes)})"


@rule_for(BroadcastArrays)
def _broadcast_arrays(box: Any, *names: str) -> str:
    shapes = ", ".join(f"{name}.shape" for name in names)
    return f"[{', '.join(names)}].map((a) => broadcastTo(a, broadcastShapes({shapes})))"


@rule_for(UnitRows)
def _unit_rows(box: Any, like: str) -> str:
    identity = f"diag(map({dtype(box)}, () => 1, reshape({like}, [{like}.data.length])), 0)"
    return f"reshape({identity}, [{like}.data.length, ...{like}.shape])"


@rule_for(Roll)
def _roll(box: Any, a: str) -> str:
    shifts = box.shift if box.axis is None else np.broadcast_to(box.shift, np.shape(np.atleast_1d(box.axis))).tolist()
    return f"roll({a}, {axes(shifts)}, {axes(box.axis)})"


@rule_for(Pad, when=lambda box: box.mode == "constant" and not isinstance(box.constant_values, tuple))
def _pad(box: Any, a: str) -> str:
    return f"pad({a}, {literal(box.pad_width)}, {literal(box.constant_values)})"


@rule_for(Index, when=lambda box: _is_known(box.index))
def _index(box: Any, a: str, *indices: str) -> str:
    return f"index({a}, {_entries(box.index, box.children[0].ndim, box.children[1:], indices)})"


@rule_for(IndexAdd, when=lambda box: _is_known(box.index))
def _index_add(box: Any, a: str, like: str, *indices: str) -> str:
    return f"indexAdd({a}, {like}, {_entries(box.index, box.children[1].ndim, box.children[2:], indices)})"


@rule_for(SetAt, when=lambda box: _is_known(box.index))
def _set_at(box: Any, a: str, value: str, *indices: str) -> str:
    entries = _entries(box.index, box.children[0].ndim, box.children[2:], indices)
    return f"setAt({a}, {value}, {entries}, {dtype(box)})"


def _is_known(index: tuple[Any, ...]) -> bool:
    parts = [
        part for item in index for part in ((item.start, item.stop, item.step) if isinstance(item, slice) else (item,))
    ]
    return not any(isinstance(part, Size) for part in parts)


def _entries(index: tuple[Any, ...], ndim: int, arrays: tuple[Box, ...], names: tuple[str, ...]) -> str:
    """The entries of an index; an ellipsis becomes as many whole slices as axes are left for it."""
    given = iter(zip(arrays, names, strict=True))
    listed: list[str] = []
    place, read = -1, 0
    for item in index:
        if item is Ellipsis:
            place = len(listed)
            continue
        if isinstance(item, str):
            array, name = next(given)
            listed.append(name)
            read += array.ndim if array.dtype.kind == "b" else 1
            continue
        listed.append(literal([item.start, item.stop, item.step] if isinstance(item, slice) else item))
        read += item is not None
    if place >= 0:
        listed[place:place] = ["[null, null, 1]"] * (ndim - read)
    return f"[{', '.join(listed)}]"


@rule_for(CumSum)
def _cumulative_sum(box: Any, a: str) -> str:
    return f"cumulative({a}, {literal(box.axis)}, {dtype(box)}, 'plus'{', true' if box.reverse else ''})"


@rule_for(Affine)
def _affine(box: Box, h: str, weights: str, bias: str) -> str:
    return _product_and_sum(box, box.children[:2], h, weights, bias)


@rule_for(AddMatMul)
def _add_matmul(box: Box, c: str, left: str, right: str) -> str:
    return _product_and_sum(box, box.children[1:], left, right, c)


def _product_and_sum(box: Box, factors: Sequence[Box], left: str, right: str, added: str) -> str:
    """The product is one of the dtype of its factors, which the number that is added may widen."""
    product = np.result_type(*[factor.dtype for factor in factors])
    if product == box.dtype:
        return f"affine({left}, {right}, {added}, {dtype(box)})"
    return f'map({dtype(box)}, (a, b) => a + b, matmul({left}, {right}, "{product.name}"), {added})'


@rule_for(TensorDot)
def _tensordot(box: Any, a: str, b: str) -> str:
    of_a, of_b = box.axes
    return f"tensordot({a}, {b}, {axes(of_a)}, {axes(of_b)}, {dtype(box)})"


@rule_for(Einsum, when=lambda box: "." not in box.subscripts)
def _einsum(box: Any, *names: str) -> str:
    inputs, output = box.subscripts.split("->")
    letters = ", ".join(f'"{subscript}"' for subscript in inputs.split(","))
    return f'einsum([{letters}], "{output}", {dtype(box)}, {", ".join(names)})'
