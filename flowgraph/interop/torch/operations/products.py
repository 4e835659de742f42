"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.rule_table import NoBoxesError
from flowgraph.interop.torch.rules import rule_for

for _name in ("mm", "bmm", "matmul", "mv"):
    rule_for(f"aten.{_name}")(np.matmul)
rule_for("aten.dot", "aten.vdot")(np.vdot)
rule_for("aten.outer", "aten.ger")(np.outer)


rule_for("aten.linalg_inv", "aten.inverse")(np.linalg.inv)


@rule_for("aten.linalg_cholesky", "aten.cholesky")
def cholesky(a: Foreign, upper: bool = False) -> Any:
    """The triangular factor of a positive definite matrix."""
    return np.linalg.cholesky(a, upper=upper)


@rule_for("aten.linalg_solve")
def solved(a: Foreign, b: Foreign, *, left: bool = True) -> Any:
    """The solution of a x = b, or of x a = b; b may be a vector, or a stack of vectors."""
    if b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]):
        if not left:
            raise NoBoxesError("linalg_solve of vectors from the right")
        return np.linalg.solve(a, b[..., None])[..., 0]
    if left:
        return np.linalg.solve(a, b)
    return np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


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
