"""Exponentials, logarithms, powers and roots, element by element."""

from __future__ import annotations

import math
import operator
from math import inf
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.numpy_dispatch import implements, in_loop
from flowgraph.box.vocabulary import Interval, Slopes, example
from flowgraph.boxes.engine import remedies


class Exp(Elementwise):
    """Exponential.

    h = exp(a)        dh/da = h
    """

    numpy = np.exp
    symbol = "exp"
    formula = r"\exp(a)"
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
    slopes = "finite"
    remedies = {"fprop": remedies.EXPONENTIAL}

    def fprop(self, a: Value) -> Value:
        return np.exp2(a)

    def parts(self, a: Value) -> Value:
        """A power of 2."""
        return np.power(self.dtype.type(2), a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (h * math.log(2)),)


class Expm1(Elementwise):
    """Exponential minus one, exact near 0.

    h = exp(a) - 1        dh/da = exp(a), which for a far below 0 has more digits than h + 1
    """

    numpy = (np.expm1, "scipy.special.expm1")
    symbol = "exp − 1"
    formula = r"\exp(a) - 1"
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

    numpy: ClassVar[Any] = np.logaddexp
    symbol = "logaddexp"
    formula = r"\ln(\exp(a) + \exp(b))"

    _power: ClassVar[np.ufunc] = np.exp

    def fprop(self, a: Value, b: Value) -> Value:
        return np.logaddexp(a, b)

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        h = finite_or_zero(h)
        of_a, of_b = self._power(a - h), self._power(b - h)
        share = grad / one_at_zero(of_a + of_b)
        return share * of_a if needs[0] else None, share * of_b if needs[1] else None


class LogAddExp2(LogAddExp):
    """Logarithm to base 2 of the sum of two powers of two, without overflow.

    h = log₂(2^a + 2^b)        ∂h/∂a = 2^(a - h), ∂h/∂b = 2^(b - h)

    Where both are -inf, both gradients are 0. They are divided by their sum, so that the rounding of a large h does not
    show in them.
    """

    numpy = np.logaddexp2
    symbol = "logaddexp2"
    formula = r"\log_2(2^a + 2^b)"

    _power = np.exp2

    def fprop(self, a: Value, b: Value) -> Value:
        return np.logaddexp2(a, b)


def one_at_zero(total: Value) -> Any:
    """A number to divide by: 1 in place of 0."""
    return np.where(total == 0, 1, total)


def finite_or_zero(a: Value) -> Any:
    """The finite numbers as they are and 0 for the others, so that -inf - (-inf) makes no NaN."""
    return np.where(np.isfinite(a), a, 0)


class Power(Elementwise):
    """A number to the power of another; x ** 2 with a plain number builds a `ConstantPower`.

    h = a^b        ∂h/∂a = b a^(b-1), ∂h/∂b = h ln a

    At a = 0 the gradient of the exponent is 0. Where a < 0, h exists for whole b only: the gradient of a is right, that
    of b is NaN, for there is none.
    """

    symbol = "^"
    numpy = np.power
    formula = "a^b"
    derivative = r"b \odot a^{b - 1}, h \odot \ln a"
    domain = {"a": Interval(0, inf, open=True)}
    remedies = {"fprop": remedies.POWER, "bprop": remedies.POWER}

    @classmethod
    def from_numpy(cls, a: Value, b: Value) -> Box:
        """A plain number as the exponent is a setting, except where `**` is another function than np.power."""
        return ConstantPower(a, exponent=b) if type(b) in (int, float) and a.dtype.kind not in "bc" else cls(a, b)

    def fprop(self, a: Value, b: Value) -> Value:
        return np.power(a, b)

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        base = exponent = None
        if needs[0]:
            b = b.astype(h.dtype)
            near_0 = np.abs(a) < np.finfo(a.dtype).tiny  # where 1 / a may overflow
            base = grad * (b * a ** np.where(near_0 & (b == 0), 1, b - 1))
        if needs[1]:
            exponent = grad * self._of_exponent(h, a)
        return base, exponent

    def _of_exponent(self, h: Value, a: Value) -> Any:
        if h.dtype.kind == "c":
            return h * np.log(np.where(a == 0, 1, a).astype(h.dtype))
        return np.where(a < 0, np.nan, h * np.log(np.where(a > 0, a, 1).astype(h.dtype)))


MOST_FACTORS = 16
"""Up to this power an array is multiplied by itself: each product rounds by half a digit of the last place."""


def _power_by_squares(a: Value, p: int) -> Any:
    """A power by squares and products; of what is between, nothing is further from 1 than the result."""
    square, power = (a if p > 0 else 1 / a), None
    for bit in range(abs(p).bit_length()):
        square = np.square(square) if bit else square
        if abs(p) >> bit & 1:
            power = square if power is None else power * square
    return power


class ConstantPower(Elementwise):
    """A power with a number as its exponent.

    h = a^p        dh/da = p a^(p-1)

    Exact at a = 0 and for a < 0, as no logarithm is taken: a ** 0 has the derivative 0 and a ** 1 has 1 everywhere.

    Parameters
    ----------
    exponent : int or float
        The power p, dimensionless.
    """

    exponent: int | float

    symbol = "^p"
    formula = "a^p"
    remedies = {"fprop": remedies.POWER, "bprop": remedies.POWER}
    examples = (
        example((3, 4), exponent=2),
        example(np.array([[0.0, -1.5], [2.0, 0.5]]), exponent=3),
        example(np.array([0.0, -1.5]), exponent=1),
        example(np.array([0.0, -1.5]), exponent=0),
        example(np.array([0.3, 1.0, 2.5]), exponent=-0.5),
    )

    def fprop(self, a: Value) -> Value:
        p = self.exponent
        if p == 0.5 and a.dtype.kind in "fc":
            return np.sqrt(a)  # as NumPy's operator does for arrays, not for its scalars
        if a.dtype.kind == "b":  # whose power has another dtype in NumPy 2.3 than its square
            return (np.asarray(a) if isinstance(a, np.bool_) else a) ** p
        if self._by_products(a):
            return _power_by_squares(a, int(p))
        return np.square(a) if p == 2 and isinstance(p, int) else a**p

    def parts(self, a: Value) -> Value | None:
        """Products, where they give it."""
        if self.exponent == 2 and a.dtype.kind in "fc":
            return a * a
        return self.fprop(a) if self._by_products(a) else None

    def _by_products(self, a: Value) -> bool:
        """Whether a few products give the power: NumPy takes 50 times as long for a number below 0."""
        p = self.exponent
        return 2 < abs(p) <= MOST_FACTORS and p == int(p) and a.dtype in (np.float32, np.float64)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        p = self.exponent
        if p == 0:
            return (np.zeros_like(grad),)
        if p == 1:
            return (grad,)
        return (grad * (p * a if p == 2 else p * ConstantPower.apply(a, exponent=p - 1)),)

    def slopes_of(self, position: int) -> Slopes:
        """Those of a polynomial are finite."""
        return "finite" if self.exponent >= 0 and float(self.exponent).is_integer() else ""


class Square(Elementwise):
    """Square.

    h = a²        dh/da = 2 a
    """

    numpy = np.square
    symbol = "²"
    formula = "a^2"
    slopes = "finite"
    remedies = {"fprop": remedies.PRODUCT}

    def fprop(self, a: Value) -> Value:
        return np.square(a)

    def parts(self, a: Value) -> Value:
        """A product, which a sum over it may become an inner product with."""
        return a * a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (2 * a),)


class Reciprocal(Elementwise):
    """Reciprocal.

    h = 1 / a        dh/da = -h²
    """

    numpy = np.reciprocal
    symbol = "1/a"
    formula = r"\frac{1}{a}"
    domain = {"a": Interval(0, inf, open=True)}
    remedies = {"fprop": remedies.quotient, "bprop": remedies.quotient}

    def fprop(self, a: Value) -> Value:
        return np.reciprocal(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad * (h * h),)


class Sqrt(Elementwise):
    """Square root.

    h = √a        dh/da = 1 / (2 h), infinite at 0
    """

    numpy = np.sqrt
    symbol = "√"
    formula = r"\sqrt{a}"
    domain = {"a": Interval(0, inf, open=True)}
    remedies = {"fprop": remedies.ROOT, "bprop": remedies.ROOT_SLOPE}

    def fprop(self, a: Value) -> Value:
        return np.sqrt(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / (2 * h),)


class Cbrt(Elementwise):
    """Cube root, of negative numbers too.

    h = ∛a        dh/da = 1 / (3 h²), infinite at 0
    """

    numpy = (np.cbrt, "scipy.special.cbrt")
    symbol = "∛"
    formula = r"\sqrt[3]{a}"
    kinks = (0.0,)
    remedies = {"bprop": remedies.ROOT_SLOPE}

    def fprop(self, a: Value) -> Value:
        return np.cbrt(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / (3 * h * h),)


@implements(operator.pow)
def power(a: Value, b: Value) -> Any:
    """The operator a ** b of a box and a plain number."""
    return ConstantPower(a, exponent=b)


@implements(np.float_power)
def float_power(a: Value, b: Value) -> Any:
    """np.float_power of boxes: a power in double precision."""
    return np.power(*in_loop(np.float_power, (a, b)))
