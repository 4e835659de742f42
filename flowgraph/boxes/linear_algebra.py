"""Products of vectors, matrices and stacks of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.example import example
from flowgraph.size import Shape, product


class MatMul(Box):
    """Matrix product, of vectors, matrices and stacks of matrices, as np.matmul.

    h = left right        ∂l/∂left = ∂l/∂h rightᵀ, ∂l/∂right = leftᵀ ∂l/∂h

    Source: Larochelle, Training neural networks, "gradient of the weights".
    """

    numpy = np.matmul
    symbol = "@"
    formula = r"left \, right"
    derivative = r"\nabla_h \, right^\top, \; left^\top \nabla_h"
    signature = "(m?,k),(k,n?)->(m?,n?)"
    examples = (
        example((3, 4), (4, 2)),
        example((4,), (4,)),
        example((4,), (4, 2)),
        example((3, 4), (4,)),
        example((5, 3, 4), (4, 2)),
        example((3, 4), (5, 4, 2)),
        example((5, 1, 3, 4), (2, 4, 6)),
        example((4,), (5, 4, 2)),
        example((5, 3, 4), (4,)),
    )

    def fprop(self, left: Any, right: Any) -> Any:
        return left @ right

    def bprop(
        self, grad: Any, h: Any, left: Any, right: Any, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Any, ...]:
        if left.ndim == 2 and right.ndim == 2:
            return grad @ right.T if needs[0] else None, left.T @ grad if needs[1] else None
        if left.ndim == 1 and right.ndim == 1:
            return grad * right if needs[0] else None, grad * left if needs[1] else None
        rows = np.expand_dims(left, 0) if left.ndim == 1 else left
        columns = np.expand_dims(right, 1) if right.ndim == 1 else right
        if left.ndim == 1:
            grad = np.expand_dims(grad, -1 if right.ndim == 1 else -2)
        if right.ndim == 1:
            grad = np.expand_dims(grad, -1)
        dleft = grad @ np.swapaxes(columns, -1, -2) if needs[0] else None
        dright = np.swapaxes(rows, -1, -2) @ grad if needs[1] else None
        if left.ndim == 1 and needs[0]:
            dleft = np.squeeze(dleft, -2)
        if right.ndim == 1 and needs[1]:
            dright = np.squeeze(dright, -1)
        return dleft, dright

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """2 m k n."""
        return 2 * product(shape) * shapes[0][-1]
