"""Products, and the determinant."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.reading.node import Node
from flowgraph.interop.onnx.reading.rules import reader_for


@reader_for("MatMul", light=False)
def _(node: Node, a: Foreign, b: Foreign) -> Any:
    return np.matmul(a, b)


@reader_for("Gemm", light=False)
def _(node: Node, a: Foreign, b: Foreign, c: Foreign = None) -> Any:
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    a = np.transpose(a) if node.get("transA", 0) else a
    b = np.transpose(b) if node.get("transB", 0) else b
    h = np.matmul(a, b)
    h = h if alpha == 1 else h * h.dtype.type(alpha)
    if c is None:
        return h
    return h + (c if beta == 1 else c * c.dtype.type(beta))


@reader_for("Einsum", light=False)
def _(node: Node, *operands: Foreign) -> Any:
    return np.einsum(node.get("equation").replace(" ", ""), *operands)


@reader_for("Det", light=False)
def _(node: Node, a: Foreign) -> Any:
    return np.linalg.det(a)
