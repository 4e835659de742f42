"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.value import Foreign
from flowgraph.interop.torch.rules import rule_for

for _name in ("mm", "bmm", "matmul", "mv"):
    rule_for(f"aten.{_name}")(np.matmul)
rule_for("aten.dot", "aten.vdot")(np.vdot)
rule_for("aten.outer", "aten.ger")(np.outer)


@rule_for("aten.linear")
def linear(x: Foreign, weight: Foreign, bias: Foreign = None) -> Any:
    """x weightᵀ + bias."""
    product = x @ np.transpose(weight)
    return product if bias is None else product + bias


@rule_for("aten.addmm", "aten.baddbmm", "aten.addmv")
def sum_and_product(a: Foreign, left: Foreign, right: Foreign, *, beta: Foreign = 1, alpha: Foreign = 1) -> Any:
    """beta a + alpha left right."""
    product = left @ right
    product = product if alpha == 1 else alpha * product
    if beta == 0:
        return product
    return (a if beta == 1 else beta * a) + product


@rule_for("aten.einsum")
def einsum(equation: str, tensors: Foreign, *, path: Foreign = None) -> Any:
    """Sums of products of elements, by the letters of their axes."""
    return np.einsum(equation, *tensors)


@rule_for("aten.bilinear")
def bilinear(x: Foreign, y: Foreign, weight: Foreign, bias: Foreign = None) -> Any:
    """x weight y + bias, for each output."""
    product = np.einsum("...i,kij,...j->...k", x, weight, y)
    return product if bias is None else product + bias
