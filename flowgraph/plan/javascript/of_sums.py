"""Rules of reductions, and of products, solutions and determinants of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.linear_algebra.determinant import Det
from flowgraph.boxes.linear_algebra.einsum import Einsum
from flowgraph.boxes.linear_algebra.inverse import Inv, Solve
from flowgraph.boxes.linear_algebra.products import AddMatMul, Affine, MatMul, TensorDot
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
    letters = ", ".join(f'"{one}"' for one in inputs.split(","))
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
