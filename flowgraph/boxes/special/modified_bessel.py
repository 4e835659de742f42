"""Modified Bessel functions of the first kind, of whole order, in plain NumPy: np.i0 and what its derivatives need."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np

from flowgraph.box import Elementwise, Value
from flowgraph.box.example import example
from flowgraph.box.interval import Interval
from flowgraph.box.numpy_dispatch import implements
from flowgraph.errors import UsageError

_FAR = 30.0
"""Where both series are exact to rounding, 7e-16 at most for the orders 0 to 3."""

_LARGEST = 8
"""Of an order: as far as these terms are enough."""

_SMALL_TERMS = 8
"""Terms beyond the first of the power series between -1 and 1: the next is below 1e-18."""

_TERMS = 64
"""Terms of the power series, half as many of the asymptotic one: 48 are enough at 30 for these orders, 32 are not."""


class ModifiedBessel(Elementwise):
    """Modified Bessel function of the first kind, I_n, of the whole order n from 0.

    h = I_n(a)        dh/da = (I_{n-1}(a) + I_{n+1}(a)) / 2, I_1(a) for n = 0, I_{n-1}(a) − n h / a for the largest n

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 9.6.10, 9.6.26, 9.7.1.

    Parameters
    ----------
    order : int, at least 0, at most 8, default 0
        The order n.
    """

    order: Annotated[int, Interval(0, _LARGEST)] = 0

    symbol = "I"
    formula = r"I_n(a)"
    derivative = r"\tfrac{1}{2}\left(I_{n-1}(a) + I_{n+1}(a)\right)"
    examples = (
        example((3, 4)),
        example(np.array([0.0, -0.5, 7.9, 8.1, 29.0, 31.0])),
        example(np.array([-3.0, 0.2, 12.0, -40.0]), order=1),
        example((4,), order=3),
        example(np.array([0.0, 3.0, -8.0, 32.0]), order=8),
    )

    def fprop(self, a: Value) -> Value:
        if self.order == 0:
            return np.i0(a)
        if a.dtype.kind == "c":
            raise UsageError("ModifiedBessel: found complex numbers, needs real ones")
        size = np.abs(a) if a.dtype.kind == "f" else np.abs(a).astype(np.float64)
        h = np.where(size < _FAR, _near(np.minimum(size, _FAR), self.order), _far(np.maximum(size, _FAR), self.order))
        return h * np.sign(a) if self.order % 2 else h

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        if self.order == 0:
            return (grad * ModifiedBessel.apply(a, order=1),)
        below = ModifiedBessel.apply(a, order=self.order - 1)
        if self.order == _LARGEST:
            return (grad * (below - self.order * _over_argument(h, a)),)
        return (grad * ((below + ModifiedBessel.apply(a, order=self.order + 1)) / 2),)


@implements(np.i0)
def i0(x: Value) -> Any:
    """np.i0 of a box."""
    return ModifiedBessel(x)


def _near(a: Value, n: int) -> Any:
    """The power series (a/2)^n Σ (a²/4)^k / (k! (n + k)!), whose terms are all positive."""
    total, quarter = np.ones_like(a), a * a / 4
    for k in range(_TERMS, 0, -1):
        total = 1 + total * quarter / (k * (n + k))
    return (a / 2) ** n / math.factorial(n) * total


def _far(a: Value, n: int) -> Any:
    """The asymptotic series exp(a) / √(2πa) (1 - (4n² - 1) / 8a + ...)."""
    total = np.ones_like(a)
    for k in range(_TERMS // 2, 0, -1):
        total = 1 - total * (4 * n * n - (2 * k - 1) ** 2) / (8 * k * a)
    return np.exp(a / 2) / np.sqrt(2 * np.pi * a) * total * np.exp(a / 2)


def _over_argument(h: Value, a: Value) -> Any:
    """I_n(a) / a for the largest n; near 0 by the power series, whose derivatives are right there too."""
    small = np.abs(a) < 1
    near = np.where(small, a, 0)
    total, quarter = np.ones_like(near), near * near / 4
    for k in range(_SMALL_TERMS, 0, -1):
        total = 1 + total * quarter / (k * (_LARGEST + k))
    power = math.prod([near / 2] * (_LARGEST - 1)) / 2
    return np.where(small, power / math.factorial(_LARGEST) * total, h / np.where(small, 1, a))
