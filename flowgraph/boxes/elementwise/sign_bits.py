"""Sign, copysign, frexp and ldexp, and the Heaviside step."""

from __future__ import annotations

import numpy as np

from flowgraph.box import Elementwise, Value
from flowgraph.box.example import example


class Copysign(Elementwise):
    """The magnitude of one number with the sign of another, also that of -0.0.

    h = |a| sign(b)        ∂h/∂a = sign(a) sign(b), 0 at a = 0; ∂h/∂b = 0, also at the jump
    """

    numpy = np.copysign
    symbol = "copysign"
    formula = r"|a| \operatorname{sign}(b)"
    derivative = r"\operatorname{sign}(a) \operatorname{sign}(b), 0"
    kinks = (0.0,)

    def fprop(self, a: Value, b: Value) -> Value:
        return np.copysign(a, b)

    def bprop(self, grad: Value, h: Value, a: Value, b: Value) -> tuple[Value, ...]:
        return np.where(np.signbit(a) == np.signbit(b), grad, -grad) * (a != 0), np.zeros_like(grad)


class Heaviside(Elementwise):
    """The unit step from 0 to 1, with a given value at 0.

    h = 0 where a < 0, b where a = 0, 1 where a > 0        ∂h/∂a = 0, also at the jump; ∂h/∂b = 1 where a = 0, else 0
    """

    numpy = np.heaviside
    symbol = "step"
    formula = r"1_{a > 0} + b\, 1_{a = 0}"
    derivative = "0, 1_{a = 0}"
    kinks = (0.0,)
    examples = (example((3, 4), (4,)), example(np.array([-1.0, 0.5, 2.0]), ()))

    def fprop(self, a: Value, b: Value) -> Value:
        return np.heaviside(a, b)

    def bprop(self, grad: Value, h: Value, a: Value, b: Value) -> tuple[Value, ...]:
        return np.zeros_like(grad), np.where(a == 0, grad, 0)


class Ldexp(Elementwise):
    """A number times a power of two, exactly.

    h = a 2^n        ∂h/∂a = 2^n; n is a whole number
    """

    numpy = np.ldexp
    symbol = "× 2ⁿ"
    formula = "a \\, 2^n"
    derivative = "2^n"
    constant_children = frozenset({"exponents"})
    examples = (
        example((3, 4), np.array([0, 3, -2, 1])),
        example((), np.array([[1], [-1]])),
    )

    def fprop(self, a: Value, exponents: Value) -> Value:
        return np.ldexp(a, exponents)

    def bprop(self, grad: Value, h: Value, a: Value, exponents: Value) -> tuple[Value, ...]:
        return np.ldexp(grad, exponents), None
