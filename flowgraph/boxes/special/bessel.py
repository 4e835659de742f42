"""Bessel functions; none has a derivative by its order here."""

from __future__ import annotations

import math
from math import inf
from typing import Annotated, Any

import numpy as np

from flowgraph.box import Elementwise, Value
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Interval, example
from flowgraph.boxes.elementwise.exponential import ConstantPower
from flowgraph.boxes.special.scipy_special import Special
from flowgraph.errors import UsageError

_POSITIVE = Interval(0, inf, open=True)
_ORDERS = np.array([0.0, 1.0, 2.5, -0.3])
_PLACES = np.array([[0.4, 1.7, 3.1, 0.9], [5.2, 0.2, 1.1, 2.3]])
_WITH_ZERO = example(np.array([0.0, -2.0, 1e-4, 7.0]))
_ORDER = frozenset({"v"})


class BesselJ0(Special):
    """Bessel function of the first kind, of order 0.

    h = J₀(a)        dh/da = −J₁(a)
    """

    numpy = "scipy.special.j0"
    symbol = "J₀"
    formula = r"J_0(a)"
    examples = (example((3, 4)), _WITH_ZERO)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad * BesselJ1.apply(a),)


class BesselJ1(Special):
    """Bessel function of the first kind, of order 1.

    h = J₁(a)        dh/da = (J₀(a) − J₂(a)) / 2
    """

    numpy = "scipy.special.j1"
    symbol = "J₁"
    formula = r"J_1(a)"
    examples = (example((3, 4)), _WITH_ZERO)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (0.5 * (BesselJ0.apply(a) - BesselJ.apply(_two(a), a))),)


class BesselJ(Special):
    """Bessel function of the first kind, of real order.

    h = J_v(a)        ∂h/∂a = (J_{v−1}(a) − J_{v+1}(a)) / 2; the derivative by v is not implemented
    """

    numpy = "scipy.special.jv"
    symbol = "J"
    formula = r"J_v(a)"
    constant_children = not_implemented_children = _ORDER
    analytic = False
    examples = (example(_ORDERS, _PLACES), example(np.array(1.0), np.array([0.0, -2.0, 7.0])))
    of_complex = True

    def bprop(self, grad: Value, h: Value, v: Value, a: Value) -> tuple[Value, ...]:
        v = _order(v, h)
        return None, grad * (0.5 * (BesselJ.apply(v - 1, a) - BesselJ.apply(v + 1, a)))


class BesselY0(Special):
    """Bessel function of the second kind, of order 0.

    h = Y₀(a)        dh/da = −Y₁(a), ∞ at 0, where h is −∞
    """

    numpy = "scipy.special.y0"
    symbol = "Y₀"
    formula = r"Y_0(a)"
    domain = {"a": _POSITIVE}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad * BesselY1.apply(a),)


class BesselY1(Special):
    """Bessel function of the second kind, of order 1.

    h = Y₁(a)        dh/da = (Y₀(a) − Y₂(a)) / 2, ∞ at 0, where h is −∞
    """

    numpy = "scipy.special.y1"
    symbol = "Y₁"
    formula = r"Y_1(a)"
    domain = {"a": _POSITIVE}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * _slope_of_y(BesselY0.apply(a), BesselY.apply(_two(a), a), a),)


class BesselY(Special):
    """Bessel function of the second kind, of whole order; SciPy's yn.

    h = Y_n(a)        ∂h/∂a = (Y_{n−1}(a) − Y_{n+1}(a)) / 2, ∞ at 0, where h is −∞; by n there is none
    """

    numpy = "scipy.special.yn"
    symbol = "Y"
    formula = r"Y_n(a)"
    derivative = r"\frac{Y_{n - 1}(a) - Y_{n + 1}(a)}{2}"
    domain = {"a": _POSITIVE}
    constant_children = not_implemented_children = frozenset({"n"})
    examples = (example(np.array([0, 1, 2, 3]), (3, 4)), example(np.array(2), (4,)))

    def bprop(self, grad: Value, h: Value, n: Value, a: Value) -> tuple[Value, ...]:
        return None, grad * _slope_of_y(BesselY.apply(n - 1, a), BesselY.apply(n + 1, a), a)


class BesselI0(Special):
    """Modified Bessel function of the first kind, of order 0.

    h = I₀(a)        dh/da = I₁(a)
    """

    numpy = "scipy.special.i0"
    symbol = "I₀"
    formula = r"I_0(a)"
    examples = (example((3, 4)), _WITH_ZERO)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * BesselI1.apply(a),)


class BesselI1(Special):
    """Modified Bessel function of the first kind, of order 1.

    h = I₁(a)        dh/da = (I₀(a) + I₂(a)) / 2
    """

    numpy = "scipy.special.i1"
    symbol = "I₁"
    formula = r"I_1(a)"
    examples = (example((3, 4)), _WITH_ZERO)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (0.5 * (BesselI0.apply(a) + BesselI.apply(_two(a), a))),)


class BesselI(Special):
    """Modified Bessel function of the first kind, of real order.

    h = I_v(a)        ∂h/∂a = (I_{v−1}(a) + I_{v+1}(a)) / 2; the derivative by v is not implemented
    """

    numpy = "scipy.special.iv"
    symbol = "I"
    formula = r"I_v(a)"
    constant_children = not_implemented_children = _ORDER
    analytic = False
    examples = (example(_ORDERS, _PLACES), example(np.array(1.0), np.array([0.0, -2.0, 7.0])))
    of_complex = True

    def bprop(self, grad: Value, h: Value, v: Value, a: Value) -> tuple[Value, ...]:
        v = _order(v, h)
        return None, grad * (0.5 * (BesselI.apply(v - 1, a) + BesselI.apply(v + 1, a)))


class BesselI0e(Special):
    """Scaled modified Bessel function of order 0, which falls where I₀ grows.

    h = exp(−|a|) I₀(a)        dh/da = exp(−|a|) I₁(a) − sign(a) h, 0 at the kink a = 0
    """

    numpy = "scipy.special.i0e"
    symbol = "I₀ scaled"
    formula = r"e^{-|a|} I_0(a)"
    kinks = (0.0,)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (BesselI1e.apply(a) - np.sign(a) * h),)


class BesselI1e(Special):
    """Scaled modified Bessel function of order 1.

    h = exp(−|a|) I₁(a)        dh/da = exp(−|a|) (I₀(a) + I₂(a)) / 2 − sign(a) h
    """

    numpy = "scipy.special.i1e"
    symbol = "I₁ scaled"
    formula = r"e^{-|a|} I_1(a)"
    kinks = (0.0,)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        both = BesselI0e.apply(a) + BesselIe.apply(_two(a), a)
        return (grad * (0.5 * both - np.sign(a) * h),)


class BesselIe(Special):
    """Scaled modified Bessel function of real order.

    h = exp(−|a|) I_v(a)        ∂h/∂a = exp(−|a|) (I_{v−1}(a) + I_{v+1}(a)) / 2 − sign(a) h; by v not implemented
    """

    numpy = "scipy.special.ive"
    symbol = "I scaled"
    formula = r"e^{-|a|} I_v(a)"
    kinks = (0.0,)
    constant_children = not_implemented_children = _ORDER
    examples = (example(_ORDERS, _PLACES), example(np.array(1.0), np.array([-2.0, 7.0])))

    def bprop(self, grad: Value, h: Value, v: Value, a: Value) -> tuple[Value, ...]:
        v = _order(v, h)
        both = BesselIe.apply(v - 1, a) + BesselIe.apply(v + 1, a)
        return None, grad * (0.5 * both - np.sign(a) * h)


def _order(v: Value, h: Value) -> Any:
    """The order in the precision of the result, in which it may be moved by one."""
    return v.astype(np.finfo(h.dtype).dtype)


def _two(a: Value) -> Any:
    """The order 2 in the dtype of the child, so that it widens nothing."""
    return a.dtype.type(2)


def _slope_of_y(below: Value, above: Value, a: Value) -> Any:
    """Half the difference, ∞ at 0, where both are −∞."""
    zero = a == 0
    return np.where(zero, np.inf, 0.5 * (np.where(zero, 0, below) - np.where(zero, 0, above)))


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
    formula = r"I_{order}(a)"
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
    return ConstantPower.apply(a / 2, exponent=n) / math.factorial(n) * total


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
