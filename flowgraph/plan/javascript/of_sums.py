"""Rules of reductions, matrix products and parts of neural networks."""

from __future__ import annotations

from typing import Any

from flowgraph.box import Box
from flowgraph.boxes.linear_algebra.einsum import Einsum
from flowgraph.boxes.linear_algebra.products import AddMatMul, Affine, MatMul, TensorDot
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlaceOf, PlacesOf
from flowgraph.boxes.neural.loss import NegativeLogLikelihood, SoftmaxCrossEntropy
from flowgraph.boxes.neural.regularizer import L1, L2
from flowgraph.boxes.neural.softmax import LogSoftmax, Softmax
from flowgraph.boxes.reduction.extremes import AllTrue, AnyTrue, ArgMax, ArgMin, CountNonzero, Max, Min
from flowgraph.boxes.reduction.products import CumProd, CumSum, Prod
from flowgraph.boxes.reduction.sums import LogSumExp, Mean, Std, Sum, Var
from flowgraph.plan.javascript.rules import axes, dtype, literal, rule_for

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
    return f"cumulative({a}, {literal(box.axis)}, {dtype(box)}, (x, y) => x + y)"


@rule_for(CumProd)
def _cumulative_product(box: Any, a: str) -> str:
    return f"cumulative({a}, {literal(box.axis)}, {dtype(box)}, (x, y) => x * y)"


@rule_for(MatMul)
def _matmul(box: Box, left: str, right: str) -> str:
    return f"matmul({left}, {right}, {dtype(box)})"


@rule_for(Affine)
def _affine(box: Box, h: str, weights: str, bias: str) -> str:
    return f"affine({h}, {weights}, {bias}, {dtype(box)})"


@rule_for(AddMatMul)
def _add_matmul(box: Box, c: str, left: str, right: str) -> str:
    return f"affine({left}, {right}, {c}, {dtype(box)})"


@rule_for(TensorDot)
def _tensordot(box: Any, a: str, b: str) -> str:
    of_a, of_b = box.axes
    return f"tensordot({a}, {b}, {axes(of_a)}, {axes(of_b)}, {dtype(box)})"


@rule_for(Einsum, when=lambda box: "." not in box.subscripts)
def _einsum(box: Any, *names: str) -> str:
    inputs, output = box.subscripts.split("->")
    letters = ", ".join(f'"{one}"' for one in inputs.split(","))
    return f'einsum([{letters}], "{output}", {dtype(box)}, {", ".join(names)})'


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
