"""Exponentials and logarithms, element by element."""

from __future__ import annotations

import math
from math import inf
from typing import Any

import numpy as np

from flowgraph.box import Elementwise, Value
from flowgraph.box.vocabulary import Interval
from flowgraph.boxes.engine import remedies


class Exp(Elementwise):
    """Exponential.

    h = exp(a)        dh/da = h
    """

    numpy = np.exp
    symbol = "exp"
    formula = r"\exp(a)"
    derivative = "h"
    slopes = "finite"
    remedies = {"fprop": remedies.EXPONENTIAL}

    def fprop(self, a: Value) -> Value:
        return np.exp(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * h,)


class Exp2(Elementwise):
    """Power of two.

    h = 2^a        dh/da = h ln 2
    """

    numpy = (np.exp2, "scipy.special.exp2")
    symbol = "2^"
    formula = "2^a"
    derivative = r"h \ln 2"
    slopes = "finite"
    remedies = {"fprop": remedies.EXPONENTIAL}

    def fprop(self, a: Value) -> Value:
        return np.exp2(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (h * math.log(2)),)


class Expm1(Elementwise):
    """Exponential minus one, exact near 0.

    h = exp(a) - 1        dh/da = exp(a), which for a far below 0 has more digits than h + 1
    """

    numpy = (np.expm1, "scipy.special.expm1")
    symbol = "exp − 1"
    formula = r"\exp(a) - 1"
    derivative = r"\exp(a)"
    slopes = "finite"
    remedies = {"fprop": remedies.EXPONENTIAL}

    def fprop(self, a: Value) -> Value:
        return np.expm1(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * np.exp(a),)


class Log(Elementwise):
    """Natural logarithm.

    h = ln a        dh/da = 1 / a
    """

    numpy = np.log
    symbol = "log"
    formula = r"\ln a"
    derivative = r"\frac{1}{a}"
    domain = {"a": Interval(0, inf, open=True)}
    remedies = {"fprop": remedies.logarithm, "bprop": remedies.logarithm}

    def fprop(self, a: Value) -> Value:
        return np.log(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / a,)


class Log2(Elementwise):
    """Logarithm to base 2.

    h = log₂ a        dh/da = 1 / (a ln 2)
    """

    numpy = np.log2
    symbol = "log₂"
    formula = r"\log_2 a"
    derivative = r"\frac{1}{a \ln 2}"
    domain = {"a": Interval(0, inf, open=True)}
    remedies = {"fprop": remedies.logarithm, "bprop": remedies.logarithm}

    def fprop(self, a: Value) -> Value:
        return np.log2(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / (a * math.log(2)),)


class Log10(Elementwise):
    """Logarithm to base 10.

    h = log₁₀ a        dh/da = 1 / (a ln 10)
    """

    numpy = np.log10
    symbol = "log₁₀"
    formula = r"\log_{10} a"
    derivative = r"\frac{1}{a \ln 10}"
    domain = {"a": Interval(0, inf, open=True)}
    remedies = {"fprop": remedies.logarithm, "bprop": remedies.logarithm}

    def fprop(self, a: Value) -> Value:
        return np.log10(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / (a * math.log(10)),)


class Log1p(Elementwise):
    """Logarithm of one plus a number, exact near 0.

    h = ln(1 + a)        dh/da = 1 / (1 + a)
    """

    numpy = (np.log1p, "scipy.special.log1p")
    symbol = "log(1 + a)"
    formula = r"\ln(1 + a)"
    derivative = r"\frac{1}{1 + a}"
    domain = {"a": Interval(-1, inf, open=True)}

    def fprop(self, a: Value) -> Value:
        return np.log1p(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / (1 + a),)


class LogAddExp(Elementwise):
    """Logarithm of the sum of two exponentials, without overflow.

    h = ln(exp(a) + exp(b))        ∂h/∂a = exp(a - h), ∂h/∂b = exp(b - h)

    Where both are -inf, both gradients are 0. They are divided by their sum, so that the rounding of a large h does not
    show in them.
    """

    numpy = np.logaddexp
    symbol = "logaddexp"
    formula = r"\ln(\exp(a) + \exp(b))"
    derivative = r"\exp(a - h), \exp(b - h)"

    def fprop(self, a: Value, b: Value) -> Value:
        return np.logaddexp(a, b)

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        h = finite_or_zero(h)
        of_a, of_b = np.exp(a - h), np.exp(b - h)
        share = grad / one_at_zero(of_a + of_b)
        return share * of_a if needs[0] else None, share * of_b if needs[1] else None


class LogAddExp2(Elementwise):
    """Logarithm to base 2 of the sum of two powers of two, without overflow.

    h = log₂(2^a + 2^b)        ∂h/∂a = 2^(a - h), ∂h/∂b = 2^(b - h)

    Where both are -inf, both gradients are 0. They are divided by their sum, so that the rounding of a large h does not
    show in them.
    """

    numpy = np.logaddexp2
    symbol = "logaddexp2"
    formula = r"\log_2(2^a + 2^b)"
    derivative = r"2^{a - h}, 2^{b - h}"

    def fprop(self, a: Value, b: Value) -> Value:
        return np.logaddexp2(a, b)

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        h = finite_or_zero(h)
        of_a, of_b = np.exp2(a - h), np.exp2(b - h)
        share = grad / one_at_zero(of_a + of_b)
        return share * of_a if needs[0] else None, share * of_b if needs[1] else None


def one_at_zero(total: Value) -> Any:
    """A number to divide by: 1 in place of 0."""
    return np.where(total == 0, 1, total)


def finite_or_zero(a: Value) -> Any:
    """The finite numbers as they are and 0 for the others, so that -inf - (-inf) makes no NaN."""
    return np.where(np.isfinite(a), a, 0)
