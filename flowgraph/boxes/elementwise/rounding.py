"""Piecewise constant functions: rounding, the sign, and what takes a number apart at its bits."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from flowgraph.box import Elementwise, Value
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Interval, example
from flowgraph.peers import existing

_WHOLE = tuple(float(i) for i in range(-8, 9))
_HALVES = tuple(i + 0.5 for i in range(-8, 8))


class Staircase(Elementwise, abstract=True):
    """A piecewise constant function: its derivative is 0, also at the jumps."""

    derivative = "0"

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.zeros_like(grad),)


class Floor(Staircase):
    """Round down: the largest whole number that is at most a.

    h = ⌊a⌋        dh/da = 0
    """

    numpy = np.floor
    symbol = "⌊a⌋"
    formula = r"\lfloor a \rfloor"
    kinks = _WHOLE

    def fprop(self, a: Value) -> Value:
        return np.floor(a)


class Ceil(Staircase):
    """Round up: the smallest whole number that is at least a.

    h = ⌈a⌉        dh/da = 0
    """

    numpy = np.ceil
    symbol = "⌈a⌉"
    formula = r"\lceil a \rceil"
    kinks = _WHOLE

    def fprop(self, a: Value) -> Value:
        return np.ceil(a)


class Trunc(Staircase):
    """Round towards 0: the whole part.

    h = a without its fraction        dh/da = 0
    """

    numpy = (np.trunc, *existing("numpy.fix"))
    symbol = "trunc"
    formula = r"\operatorname{trunc}(a)"
    kinks = _WHOLE

    def fprop(self, a: Value) -> Value:
        return np.trunc(a)

    def parts(self, a: Value) -> Value:
        """The floor of what is positive, the ceiling of the rest."""
        return np.where(a < 0, np.ceil(a), np.floor(a))


class Rint(Staircase):
    """Round to the nearest whole number, to the even one in a tie.

    h = a, rounded        dh/da = 0
    """

    numpy = np.rint
    symbol = "rint"
    formula = r"\operatorname{round}(a)"
    kinks = _HALVES

    def fprop(self, a: Value) -> Value:
        return np.rint(a)


class Round(Staircase):
    """Round to a number of decimals, to the even digit in a tie.

    h = a, rounded        dh/da = 0

    Parameters
    ----------
    decimals : int, default 0
        Number of decimal places; below 0 it rounds to tens, hundreds and so on.
    """

    decimals: Annotated[int, Interval(-400, 400)] = 0  # NumPy loops over them

    numpy = (np.round, np.around)
    symbol = "round"
    formula = r"\operatorname{round}(a)"
    kinks = _HALVES
    examples = (example((3, 4)), example(np.array([0.123, -4.567]), decimals=1), example((2,), decimals=-1))

    def fprop(self, a: Value) -> Value:
        return np.round(a, self.decimals)

    def parts(self, a: Value) -> Value:
        """Scaled, rounded to a whole number, and scaled back."""
        scale = a.dtype.type(10.0 ** abs(self.decimals))
        return np.rint(a * scale) / scale if self.decimals >= 0 else np.rint(a / scale) * scale


@implements(np.modf)
def modf(x: Value) -> tuple[Any, Any]:
    """np.modf of a box: the fraction and the whole part, both with the sign of the number; an infinity is whole."""
    a = x.astype(np.modf(np.zeros((), x.dtype))[0].dtype) if x.dtype.kind in "biu" else x
    finite, sign = np.where(np.isinf(a), 0, a), np.copysign(1, a)
    # computed on the positive side and multiplied by the sign, so that the fraction of -3 is -0.0
    return sign * (sign * finite - sign * np.trunc(finite)), np.trunc(a)


class Copysign(Elementwise):
    """The magnitude of one number with the sign of another, also that of -0.0.

    h = |a| sign(b)        ∂h/∂a = sign(a) sign(b), 0 at a = 0; ∂h/∂b = 0, also at the jump
    """

    numpy = np.copysign
    symbol = "copysign"
    derivative = r"\operatorname{sign}(a) \odot \operatorname{copysign}(1, b), 0"
    kinks = (0.0,)

    def fprop(self, a: Value, b: Value) -> Value:
        return np.copysign(a, b)

    def parts(self, a: Value, b: Value) -> Value:
        """The magnitude, negated where the sign bit is set."""
        return np.where(np.signbit(b), -np.abs(a), np.abs(a))

    def bprop(self, grad: Value, h: Value, a: Value, b: Value) -> tuple[Value, ...]:
        return np.where(np.signbit(a) == np.signbit(b), grad, -grad) * (a != 0), np.zeros_like(grad)


class Heaviside(Elementwise):
    """The unit step from 0 to 1, with a given value at 0.

    h = 0 where a < 0, b where a = 0, 1 where a > 0        ∂h/∂a = 0, also at the jump; ∂h/∂b = 1 where a = 0, else 0
    """

    numpy = np.heaviside
    symbol = "step"
    formula = r"1_{a > 0} + b\, 1_{a = 0}"
    kinks = (0.0,)
    examples = (example((3, 4), (4,)), example(np.array([-1.0, 0.5, 2.0]), ()))

    def fprop(self, a: Value, b: Value) -> Value:
        return np.heaviside(a, b)

    def parts(self, a: Value, b: Value) -> Value:
        """Choices; NaN stays NaN."""
        zero, one = self.dtype.type(0), self.dtype.type(1)
        return np.where(np.isnan(a), a, np.where(a < 0, zero, np.where(a == 0, b, one)))

    def bprop(self, grad: Value, h: Value, a: Value, b: Value) -> tuple[Value, ...]:
        return np.zeros_like(grad), np.where(a == 0, grad, 0)


class Ldexp(Elementwise):
    """A number times a power of two, exactly.

    h = a 2^n        ∂h/∂a = 2^n; n is a whole number
    """

    numpy = np.ldexp
    symbol = "× 2ⁿ"
    formula = "a \\, 2^{exponents}"
    constant_children = frozenset({"exponents"})
    examples = (
        example((3, 4), np.array([0, 3, -2, 1])),
        example((), np.array([[1], [-1]])),
    )

    def fprop(self, a: Value, exponents: Value) -> Value:
        return np.ldexp(a, exponents)

    def bprop(self, grad: Value, h: Value, a: Value, exponents: Value) -> tuple[Value, ...]:
        return np.ldexp(grad, exponents), None
