"""Arithmetic, element by element."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, Elementwise, Value
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Interval, Slopes, example
from flowgraph.boxes.engine import remedies


class Add(Elementwise):
    """Sum.

    h = a + b        ∂h/∂a = 1, ∂h/∂b = 1
    """

    numpy = np.add
    symbol = "+"
    formula = "a + b"
    slopes = "constant"
    remedies = {"fprop": remedies.SUM}

    def fprop(self, a: Value, b: Value) -> Value:
        return a + b

    def bprop(self, grad: Value, h: Value, a: Value, b: Value) -> tuple[Value, ...]:
        return grad, grad


class Subtract(Elementwise):
    """Difference.

    h = a - b        ∂h/∂a = 1, ∂h/∂b = -1
    """

    numpy = np.subtract
    symbol = "−"
    formula = "a - b"
    slopes = "constant"
    remedies = {"fprop": remedies.SUM}

    def fprop(self, a: Value, b: Value) -> Value:
        return a - b

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        return grad, -grad if needs[1] else None


class Multiply(Elementwise):
    """Product.

    h = a b        ∂h/∂a = b, ∂h/∂b = a
    """

    numpy = np.multiply
    symbol = "×"
    formula = "a b"
    slopes = "finite"
    remedies = {"fprop": remedies.PRODUCT}

    def fprop(self, a: Value, b: Value) -> Value:
        return a * b

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        return grad * b if needs[0] else None, grad * a if needs[1] else None

    def slopes_of(self, position: int) -> Slopes:
        """With respect to a factor, as certain as the other factor, if that is constant."""
        return "constant" if _is_harmless(self.children[1 - position]) else "finite"


class Divide(Elementwise):
    """Quotient.

    h = a / b        ∂h/∂a = 1 / b, ∂h/∂b = -h / b
    """

    numpy = np.divide
    symbol = "÷"
    formula = r"\frac{a}{b}"
    domain = {"b": Interval(0, inf, open=True)}
    remedies = {"fprop": remedies.quotient, "bprop": remedies.quotient}

    def fprop(self, a: Value, b: Value) -> Value:
        return a / b

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        quotient = grad / b
        return quotient, -(quotient * h) if needs[1] else None

    def slopes_of(self, position: int) -> Slopes:
        """With respect to the numerator as a product, if the denominator is constant; nothing for the denominator."""
        return "constant" if position == 0 and _is_harmless(self.children[1]) else ""


class Negative(Elementwise):
    """The number with its sign changed.

    h = -a        dh/da = -1
    """

    numpy = np.negative
    symbol = "−"
    formula = "-a"
    slopes = "constant"

    def fprop(self, a: Value) -> Value:
        return -a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad,)


class Positive(Elementwise):
    """The number itself.

    h = +a        dh/da = 1
    """

    numpy = np.positive
    symbol = "+"
    formula = "+a"
    slopes = "constant"

    def fprop(self, a: Value) -> Value:
        return +a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad,)


class Remainder(Elementwise):
    """The remainder of a / b, with the sign of b: a − b floor(a / b).

    h = a - b ⌊a / b⌋        ∂h/∂a = 1, ∂h/∂b = -⌊a / b⌋

    At the jumps, where b divides a, these are the slopes from the side of the value.
    """

    numpy = np.remainder
    symbol = "mod"
    formula = r"a - b \lfloor a / b \rfloor"
    remedies = {"fprop": remedies.quotient}
    examples = (
        example(np.array([[5.3, -5.3, 7.1], [0.4, -0.4, 2.9]]), np.array([2.0, 3.0, -2.0])),
        example(np.array([5.3, -5.3, 7.1]), np.array(2.0)),
    )

    def fprop(self, a: Value, b: Value) -> Value:
        return a % b

    def parts(self, a: Value, b: Value) -> Value:
        """The remainder of C, and b added where it has the other sign; a zero has that of b."""
        rest = np.fmod(a, b)
        other = np.where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest)
        return np.where(rest == 0, np.copysign(rest, b), other) if self.dtype.kind == "f" else other

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        return grad, -(grad * (a // b)) if needs[1] else None


class Fmod(Elementwise):
    """The remainder of C, which has the sign of a.

    h = a - b trunc(a / b)        ∂h/∂a = 1, ∂h/∂b = -trunc(a / b)

    At the jumps, where b divides a, these are the slopes from the side of the value.
    """

    numpy = np.fmod
    symbol = "fmod"
    formula = r"a - b \operatorname{trunc}(a / b)"
    remedies = {"fprop": remedies.quotient}
    examples = (example(np.array([[5.3, -5.3, 7.1], [0.4, -0.4, 2.9]]), np.array([2.0, 3.0, -2.0])),)

    def fprop(self, a: Value, b: Value) -> Value:
        return np.fmod(a, b)

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        return grad, -(grad * np.trunc(a / b)) if needs[1] else None


class FloorDivide(Elementwise):
    """Quotient, rounded down to a whole number; piecewise constant.

    h = ⌊a / b⌋        ∂h/∂a = 0, ∂h/∂b = 0, also at the jumps
    """

    numpy = np.floor_divide
    symbol = "//"
    formula = r"\lfloor a / b \rfloor"
    derivative = "0, 0"
    remedies = {"fprop": remedies.quotient}
    examples = (example(np.array([[5.3, -5.3, 7.1], [0.4, -0.4, 2.9]]), np.array([2.0, 3.0, -2.0])),)

    def fprop(self, a: Value, b: Value) -> Value:
        return a // b

    def parts(self, a: Value, b: Value) -> Value | None:
        """Of floats the floor: -1 or 0 by an infinite divisor, by zero the quotient itself."""
        if self.dtype.kind != "f":
            return None
        number = self.dtype.type
        beyond = np.isinf(b) & np.logical_not(np.isinf(a) | np.isnan(a))
        far = np.where((a != 0) & ((a < 0) != (b < 0)), number(-1), number(0))
        near = np.where(beyond, number(1), b)
        whole = np.where(b == 0, a / b, np.rint((a - np.remainder(a, near)) / near))
        return np.where(beyond, far, np.where(whole == 0, np.copysign(whole, a / b), whole))

    def bprop(self, grad: Value, h: Value, a: Value, b: Value) -> tuple[Value, ...]:
        flat = np.zeros_like(grad)
        return flat, flat


@implements(np.divmod)
def divmod(a: Value, b: Value) -> tuple[Any, Any]:
    """np.divmod of boxes: the whole quotient and the remainder."""
    return np.floor_divide(a, b), np.remainder(a, b)


def _is_harmless(box: Box) -> bool:
    """Whether a number times or divided by it is a NaN or 0 only if the number is."""
    return isinstance(box, Constant) and _is_finite_and_not_zero(box.value)


def _is_finite_and_not_zero(value: Array) -> bool:
    return bool(np.all(np.isfinite(value) & (value != 0)))
