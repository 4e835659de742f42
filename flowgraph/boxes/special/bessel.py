"""Bessel functions of scipy.special; none has a derivative by its order here."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from flowgraph.box.example import example
from flowgraph.box.interval import Interval
from flowgraph.box.value import Value
from flowgraph.boxes.special.scipy_special import Special, special

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
    derivative = r"-J_1(a)"
    examples = (example((3, 4)), _WITH_ZERO)

    def fprop(self, a: Value) -> Value:
        return special().j0(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad * BesselJ1.apply(a),)


class BesselJ1(Special):
    """Bessel function of the first kind, of order 1.

    h = J₁(a)        dh/da = (J₀(a) − J₂(a)) / 2
    """

    numpy = "scipy.special.j1"
    symbol = "J₁"
    formula = r"J_1(a)"
    derivative = r"\frac{J_0(a) - J_2(a)}{2}"
    examples = (example((3, 4)), _WITH_ZERO)

    def fprop(self, a: Value) -> Value:
        return special().j1(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (0.5 * (BesselJ0.apply(a) - BesselJ.apply(_two(a), a))),)


class BesselJ(Special):
    """Bessel function of the first kind, of real order.

    h = J_v(a)        ∂h/∂a = (J_{v−1}(a) − J_{v+1}(a)) / 2; the derivative by v is not implemented
    """

    numpy = "scipy.special.jv"
    symbol = "J"
    formula = r"J_v(a)"
    derivative = r"\frac{J_{v - 1}(a) - J_{v + 1}(a)}{2}"
    constant_children = not_implemented_children = _ORDER
    analytic = False
    examples = (example(_ORDERS, _PLACES), example(np.array(1.0), np.array([0.0, -2.0, 7.0])))
    of_complex = True

    def fprop(self, v: Value, a: Value) -> Value:
        return special().jv(v, a)

    def bprop(self, grad: Value, h: Value, v: Value, a: Value) -> tuple[Value, ...]:
        return None, grad * (0.5 * (BesselJ.apply(v - 1, a) - BesselJ.apply(v + 1, a)))


class BesselY0(Special):
    """Bessel function of the second kind, of order 0.

    h = Y₀(a)        dh/da = −Y₁(a), ∞ at 0, where h is −∞
    """

    numpy = "scipy.special.y0"
    symbol = "Y₀"
    formula = r"Y_0(a)"
    derivative = r"-Y_1(a)"
    domain = {"a": _POSITIVE}

    def fprop(self, a: Value) -> Value:
        return special().y0(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad * BesselY1.apply(a),)


class BesselY1(Special):
    """Bessel function of the second kind, of order 1.

    h = Y₁(a)        dh/da = (Y₀(a) − Y₂(a)) / 2, ∞ at 0, where h is −∞
    """

    numpy = "scipy.special.y1"
    symbol = "Y₁"
    formula = r"Y_1(a)"
    derivative = r"\frac{Y_0(a) - Y_2(a)}{2}"
    domain = {"a": _POSITIVE}

    def fprop(self, a: Value) -> Value:
        return special().y1(a)

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

    def fprop(self, n: Value, a: Value) -> Value:
        return special().yn(n, a)

    def bprop(self, grad: Value, h: Value, n: Value, a: Value) -> tuple[Value, ...]:
        return None, grad * _slope_of_y(BesselY.apply(n - 1, a), BesselY.apply(n + 1, a), a)


class BesselI0(Special):
    """Modified Bessel function of the first kind, of order 0.

    h = I₀(a)        dh/da = I₁(a)
    """

    numpy = "scipy.special.i0"
    symbol = "I₀"
    formula = r"I_0(a)"
    derivative = r"I_1(a)"
    examples = (example((3, 4)), _WITH_ZERO)

    def fprop(self, a: Value) -> Value:
        return special().i0(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * BesselI1.apply(a),)


class BesselI1(Special):
    """Modified Bessel function of the first kind, of order 1.

    h = I₁(a)        dh/da = (I₀(a) + I₂(a)) / 2
    """

    numpy = "scipy.special.i1"
    symbol = "I₁"
    formula = r"I_1(a)"
    derivative = r"\frac{I_0(a) + I_2(a)}{2}"
    examples = (example((3, 4)), _WITH_ZERO)

    def fprop(self, a: Value) -> Value:
        return special().i1(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (0.5 * (BesselI0.apply(a) + BesselI.apply(_two(a), a))),)


class BesselI(Special):
    """Modified Bessel function of the first kind, of real order.

    h = I_v(a)        ∂h/∂a = (I_{v−1}(a) + I_{v+1}(a)) / 2; the derivative by v is not implemented
    """

    numpy = "scipy.special.iv"
    symbol = "I"
    formula = r"I_v(a)"
    derivative = r"\frac{I_{v - 1}(a) + I_{v + 1}(a)}{2}"
    constant_children = not_implemented_children = _ORDER
    analytic = False
    examples = (example(_ORDERS, _PLACES), example(np.array(1.0), np.array([0.0, -2.0, 7.0])))
    of_complex = True

    def fprop(self, v: Value, a: Value) -> Value:
        return special().iv(v, a)

    def bprop(self, grad: Value, h: Value, v: Value, a: Value) -> tuple[Value, ...]:
        return None, grad * (0.5 * (BesselI.apply(v - 1, a) + BesselI.apply(v + 1, a)))


class BesselI0e(Special):
    """Scaled modified Bessel function of order 0, which falls where I₀ grows.

    h = exp(−|a|) I₀(a)        dh/da = exp(−|a|) I₁(a) − sign(a) h, 0 at the kink a = 0
    """

    numpy = "scipy.special.i0e"
    symbol = "I₀ scaled"
    formula = r"e^{-|a|} I_0(a)"
    derivative = r"e^{-|a|} I_1(a) - \operatorname{sign}(a)\, h"
    kinks = (0.0,)

    def fprop(self, a: Value) -> Value:
        return special().i0e(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (BesselI1e.apply(a) - np.sign(a) * h),)


class BesselI1e(Special):
    """Scaled modified Bessel function of order 1.

    h = exp(−|a|) I₁(a)        dh/da = exp(−|a|) (I₀(a) + I₂(a)) / 2 − sign(a) h
    """

    numpy = "scipy.special.i1e"
    symbol = "I₁ scaled"
    formula = r"e^{-|a|} I_1(a)"
    derivative = r"e^{-|a|} \frac{I_0(a) + I_2(a)}{2} - \operatorname{sign}(a)\, h"
    kinks = (0.0,)

    def fprop(self, a: Value) -> Value:
        return special().i1e(a)

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
    derivative = r"e^{-|a|} \frac{I_{v - 1}(a) + I_{v + 1}(a)}{2} - \operatorname{sign}(a)\, h"
    kinks = (0.0,)
    constant_children = not_implemented_children = _ORDER
    examples = (example(_ORDERS, _PLACES), example(np.array(1.0), np.array([-2.0, 7.0])))

    def fprop(self, v: Value, a: Value) -> Value:
        return special().ive(v, a)

    def bprop(self, grad: Value, h: Value, v: Value, a: Value) -> tuple[Value, ...]:
        both = BesselIe.apply(v - 1, a) + BesselIe.apply(v + 1, a)
        return None, grad * (0.5 * both - np.sign(a) * h)


def _two(a: Value) -> Any:
    """The order 2 in the dtype of the child, so that it widens nothing."""
    return a.dtype.type(2)


def _slope_of_y(below: Value, above: Value, a: Value) -> Any:
    """Half the difference, ∞ at 0, where both are −∞."""
    zero = a == 0
    return np.where(zero, np.inf, 0.5 * (np.where(zero, 0, below) - np.where(zero, 0, above)))
