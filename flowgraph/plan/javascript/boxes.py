"""What JavaScript each box is: elements in another order, sums and sorting, convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlaceOf, PlacesOf
from flowgraph.boxes.neural.loss import L1, L2, BinaryCrossEntropy, Hinge, NegativeLogLikelihood, SoftmaxCrossEntropy
from flowgraph.boxes.neural.pooling import MaxPool, MeanOfLargest, MeanPool, SpreadEvenly, SpreadToLargest
from flowgraph.boxes.neural.softmax import LogSoftmax, Softmax
from flowgraph.boxes.reduction.extremes import AllTrue, AnyTrue, ArgMax, ArgMin, CountNonzero, Max, Min
from flowgraph.boxes.reduction.products import CumProd, CumSum, Prod
from flowgraph.boxes.reduction.sums import LogSumExp, Mean, Std, Sum, Var
from flowgraph.boxes.shape.arrangement import Flip, Roll, Transpose
from flowgraph.boxes.shape.joining import Concatenate, Split, SplitLike, Stack, Unstack
from flowgraph.boxes.shape.padding import Pad
from flowgraph.boxes.shape.reshaping import BroadcastArrays, BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.plan.javascript.rules import axes, dtype, literal, rule_for
from flowgraph.shapes.size import Size

# Rules of boxes that move elements, and of those whose shape follows another box.


@rule_for(Part)
def _part(box: Any, whole: str) -> str:
    return f"{whole}[{box.index}]"


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


@rule_for(ExpandDims)
def _expand_dims(box: Any, a: str) -> str:
    return f"expandDims({a}, {axes(box.axis)})"


@rule_for(Squeeze)
def _squeeze(box: Any, a: str) -> str:
    return f"squeeze({a}, {axes(box.axis)})"


@rule_for(Transpose)
def _transpose(box: Any, a: str) -> str:
    return f"transpose({a})" if box.axes is None else f"transpose({a}, {axes(box.axes)})"


@rule_for(BroadcastTo)
def _broadcast_to(box: Any, a: str) -> str:
    return f"broadcastTo({a}, {literal(box.to)})"


@rule_for(BroadcastArrays)
def _broadcast_arrays(box: Any, *names: str) -> str:
    shapes = ", ".join(f"{name}.shape" for name in names)
    return f"[{', '.join(names)}].map((a) => broadcastTo(a, broadcastShapes({shapes})))"


@rule_for(BroadcastLike)
def _broadcast_like(box: Box, a: str, like: str) -> str:
    return f"broadcastTo({a}, {like}.shape)"


@rule_for(SumLike)
def _sum_like(box: Box, a: str, like: str) -> str:
    return f"sumTo({a}, {like}.shape)"


@rule_for(ReshapeLike)
def _reshape_like(box: Box, a: str, like: str) -> str:
    return f"reshape({a}, {like}.shape)"


@rule_for(FitLike)
def _fit_like(box: Any, a: str, like: str) -> str:
    return f"fitTo({a}, {like}.shape, {axes(box.axes)})"


@rule_for(CountLike)
def _count_like(box: Any, like: str) -> str:
    return f"countAlong({like}, {axes(box.axis)})"


@rule_for(ArangeLike)
def _arange_like(box: Any, like: str) -> str:
    return f"arange({like}.shape.at({box.axis}))"


@rule_for(UnitRows)
def _unit_rows(box: Any, like: str) -> str:
    identity = f"diag(map({dtype(box)}, () => 1, reshape({like}, [{like}.data.length])), 0)"
    return f"reshape({identity}, [{like}.data.length, ...{like}.shape])"


@rule_for(RepeatRows)
def _repeat_rows(box: Any, a: str, rows: str) -> str:
    return f"broadcastTo({a}, [{rows}.shape[0], ...{a}.shape])"


@rule_for(RowsAs)
def _rows_as(box: Any, a: str, like: str) -> str:
    return f"reshape({a}, [...{like}.shape, ...{a}.shape.slice(1)])"


@rule_for(Concatenate)
def _concatenate(box: Any, *names: str) -> str:
    return f"concatenate({box.axis}, {dtype(box)}, {', '.join(names)})"


@rule_for(Stack)
def _stack(box: Any, *names: str) -> str:
    return f"stack({box.axis}, {dtype(box)}, {', '.join(names)})"


@rule_for(SplitLike)
def _split_like(box: Any, a: str, *likes: str) -> str:
    return f"splitLike({a}, {box.axis}, {', '.join(likes)})"


@rule_for(Split)
def _split(box: Any, a: str) -> str:
    return f"splitAt({a}, {box.axis}, {literal(box.at)}, {literal(bool(box.uneven))})"


@rule_for(Unstack)
def _unstack(box: Any, a: str) -> str:
    return f"unstack({a}, {box.axis})"


@rule_for(Flip)
def _flip(box: Any, a: str) -> str:
    return f"flip({a}, {axes(box.axis)})"


@rule_for(Roll)
def _roll(box: Any, a: str) -> str:
    shifts = box.shift if box.axis is None else np.broadcast_to(box.shift, np.shape(np.atleast_1d(box.axis))).tolist()
    return f"roll({a}, {axes(shifts)}, {axes(box.axis)})"


@rule_for(Pad, when=lambda box: box.mode == "constant" and not isinstance(box.constant_values, tuple))
def _pad(box: Any, a: str) -> str:
    return f"pad({a}, {literal(box.pad_width)}, {literal(box.constant_values)})"


@rule_for(Diagonal)
def _diagonal(box: Any, a: str) -> str:
    return f"takeDiagonal({a}, {box.offset}, {box.axis1}, {box.axis2})"


@rule_for(OnDiagonal)
def _on_diagonal(box: Any, a: str, like: str) -> str:
    return f"onDiagonal({a}, {like}, {box.offset}, {box.axis1}, {box.axis2})"


@rule_for(Diag)
def _diag(box: Any, a: str) -> str:
    return f"diag({a}, {box.k})"


@rule_for(Tril, Triu)
def _triangle(box: Any, a: str) -> str:
    return f"triangle({a}, {box.k}, {literal(isinstance(box, Tril))})"


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


@rule_for(TakeAlongAxis)
def _take_along_axis(box: Any, a: str, indices: str) -> str:
    return f"takeAlong({a}, {indices}, {box.axis})"


@rule_for(ArgSort)
def _arg_sort(box: Any, a: str) -> str:
    return f"argSort({a}, {box.axis})"


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


# Rules of reductions, and of products, solutions and determinants of matrices.

_TYPED = {Sum: "sum", Mean: "mean", Prod: "prod", LogSumExp: "logSumExp"}
_PLAIN = {
    Max: "max",
    Min: "min",
    ArgMax: "argMax",
    ArgMin: "argMin",
    AnyTrue: "anyTrue",
    AllTrue: "allTrue",
    CountNonzero: "countNonzero",
}


@rule_for(*_TYPED)
def _reduction_in_dtype(box: Any, a: str) -> str:
    return f"{_TYPED[type(box)]}({a}, {axes(box.axis)}, {literal(bool(box.keepdims))}, {dtype(box)})"


@rule_for(*_PLAIN)
def _reduction(box: Any, a: str) -> str:
    return f"{_PLAIN[type(box)]}({a}, {axes(box.axis)}, {literal(bool(box.keepdims))})"


@rule_for(Var, Std)
def _spread(box: Any, a: str) -> str:
    root = literal(isinstance(box, Std))
    return f"variance({a}, {axes(box.axis)}, {literal(bool(box.keepdims))}, {dtype(box)}, {literal(box.ddof)}, {root})"


@rule_for(CumSum)
def _cumulative_sum(box: Any, a: str) -> str:
    return f"cumulative({a}, {literal(box.axis)}, {dtype(box)}, (x, y) => x + y{', true' if box.reverse else ''})"


@rule_for(CumProd)
def _cumulative_product(box: Any, a: str) -> str:
    return f"cumulative({a}, {literal(box.axis)}, {dtype(box)}, (x, y) => x * y)"


@rule_for(MatMul)
def _matmul(box: Box, left: str, right: str) -> str:
    return f"matmul({left}, {right}, {dtype(box)})"


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


@rule_for(Solve)
def _solve(box: Box, a: str, b: str) -> str:
    return f"solve({a}, {b}, {dtype(box)})"


@rule_for(Inv)
def _inverse(box: Box, a: str) -> str:
    return f"inverse({a}, {dtype(box)})"


@rule_for(Det)
def _determinant(box: Box, a: str) -> str:
    return f"determinant({a}, {dtype(box)})"


# Rules of the parts of neural networks.


@rule_for(Softmax, LogSoftmax)
def _softmax(box: Any, a: str) -> str:
    logarithm = ", true" if isinstance(box, LogSoftmax) else ""
    return f"softmax({a}, {axes(box.axis)}, {dtype(box)}{logarithm})"


@rule_for(SoftmaxCrossEntropy)
def _cross_entropy(box: Box, logits: str, targets: str) -> str:
    return f"crossEntropy({logits}, {targets}, {dtype(box)})"


@rule_for(NegativeLogLikelihood)
def _negative_log_likelihood(box: Box, f: str, targets: str) -> str:
    return f"negativeLogLikelihood({f}, {targets}, {dtype(box)})"


@rule_for(OneHot)
def _one_hot(box: Box, labels: str, like: str) -> str:
    return f"oneHot({labels}, {like})"


@rule_for(PlacesOf)
def _places_of(box: Any, labels: str, like: str) -> str:
    return f"labelPlaces({labels}, {like}, {literal(bool(box.columns))})"


@rule_for(PlaceOf)
def _place_of(box: Any, labels: str, like: str) -> str:
    return f"reshape(labelPlaces(reshape({labels}, [1]), {like}, false), [])"


@rule_for(MinusAt)
def _minus_at(box: Box, a: str, places: str, amount: str) -> str:
    return f"minusAt({a}, {places}, {amount}, {dtype(box)})"


@rule_for(L1)
def _l1(box: Box, *weights: str) -> str:
    return f"l1({dtype(box)}, {', '.join(weights)})"


@rule_for(L2)
def _l2(box: Box, *weights: str) -> str:
    return f"l2({dtype(box)}, {', '.join(weights)})"


@rule_for(BinaryCrossEntropy)
def _binary_cross_entropy(box: Box, logits: str, targets: str) -> str:
    return f"binaryCrossEntropy({logits}, {targets}, {dtype(box)})"


@rule_for(Hinge)
def _hinge(box: Box, f: str, targets: str) -> str:
    return f"hinge({f}, {targets}, {dtype(box)})"


@rule_for(NormalCdf)
def _normal_cdf(box: Box, a: str) -> str:
    return f"map({dtype(box)}, ndtr, {a})"


@rule_for(MaxPool)
def _max_pool(box: Any, a: str) -> str:
    return f"maxPool({a}, {_window(box)})"


@rule_for(SpreadToLargest)
def _spread_to_largest(box: Any, g: str, source: str) -> str:
    return f"spreadToLargest({g}, {source}, {_window(box)})"


@rule_for(MeanOfLargest)
def _mean_of_largest(box: Any, a: str, source: str) -> str:
    return f"meanOfLargest({a}, {source}, {_window(box)})"


@rule_for(MeanPool)
def _mean_pool(box: Any, a: str) -> str:
    return f"meanPool({a}, {_window(box)}, {literal(bool(box.count_padding))}, {dtype(box)})"


@rule_for(SpreadEvenly)
def _spread_evenly(box: Any, g: str, like: str) -> str:
    return f"spreadEvenly({g}, {like}, {_window(box)}, {literal(bool(box.count_padding))})"


def _window(box: Any) -> str:
    window = box.sliding
    named = {name: getattr(window, name) for name in ("size", "stride", "padding", "dilation")}
    return "{ " + ", ".join(f"{name}: {literal(value)}" for name, value in named.items()) + " }"
