"""Arithmetic, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Elementwise


class Add(Elementwise):
    """Sum.

    h = a + b        ∂h/∂a = 1, ∂h/∂b = 1
    """

    numpy = np.add
    symbol = "+"
    formula = "a + b"
    derivative = "1, 1"

    def fprop(self, a: Any, b: Any) -> Any:
        return a + b

    def bprop(self, grad: Any, h: Any, a: Any, b: Any) -> tuple[Any, ...]:
        return grad, grad


class Multiply(Elementwise):
    """Product.

    h = a b        ∂h/∂a = b, ∂h/∂b = a
    """

    numpy = np.multiply
    symbol = "×"
    formula = "a b"
    derivative = "b, a"

    def fprop(self, a: Any, b: Any) -> Any:
        return a * b

    def bprop(self, grad: Any, h: Any, a: Any, b: Any, *, needs: tuple[bool, ...] = (True, True)) -> tuple[Any, ...]:
        return grad * b if needs[0] else None, grad * a if needs[1] else None
