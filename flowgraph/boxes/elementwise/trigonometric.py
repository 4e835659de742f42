"""Trigonometric and hyperbolic functions and their inverses, element by element."""

from __future__ import annotations

import math
from math import inf

import numpy as np

from flowgraph.box import Elementwise, Value
from flowgraph.box.vocabulary import Interval
from flowgraph.boxes.elementwise.exponential import one_at_zero
from flowgraph.boxes.engine import remedies


class Sin(Elementwise):
    """Sine.

    h = sin(a)        dh/da = cos(a)
    """

    numpy = np.sin
    symbol = "sin"
    formula = r"\sin(a)"
    slopes = "finite"

    def fprop(self, a: Value) -> Value:
        return np.sin(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * np.cos(a),)


class Cos(Elementwise):
    """Cosine.

    h = cos(a)        dh/da = -sin(a)
    """

    numpy = np.cos
    symbol = "cos"
    formula = r"\cos(a)"
    slopes = "finite"

    def fprop(self, a: Value) -> Value:
        return np.cos(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad * np.sin(a),)


class Tan(Elementwise):
    """Tangent.

    h = tan(a)        dh/da = 1 + h²
    """

    numpy = np.tan
    symbol = "tan"
    formula = r"\tan(a)"
    domain = {"a": Interval(-math.pi / 2, math.pi / 2, open=True)}

    def fprop(self, a: Value) -> Value:
        return np.tan(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (1 + h * h),)


class Arcsin(Elementwise):
    """Inverse sine, an angle in radians from −π/2 to π/2.

    h = arcsin(a)        dh/da = 1 / √(1 - a²), infinite at -1 and 1
    """

    numpy = np.arcsin
    symbol = "arcsin"
    formula = r"\arcsin(a)"
    domain = {"a": Interval(-1, 1, open=True)}

    def fprop(self, a: Value) -> Value:
        return np.arcsin(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / np.sqrt((1 - a) * (1 + a)),)


class Arccos(Elementwise):
    """Inverse cosine, an angle in radians from 0 to π.

    h = arccos(a)        dh/da = -1 / √(1 - a²), infinite at -1 and 1
    """

    numpy = np.arccos
    symbol = "arccos"
    formula = r"\arccos(a)"
    domain = {"a": Interval(-1, 1, open=True)}

    def fprop(self, a: Value) -> Value:
        return np.arccos(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad / np.sqrt((1 - a) * (1 + a)),)


class Arctan(Elementwise):
    """Inverse tangent, an angle in radians from −π/2 to π/2.

    h = arctan(a)        dh/da = 1 / (1 + a²)
    """

    numpy = np.arctan
    symbol = "arctan"
    formula = r"\arctan(a)"
    slopes = "finite"

    def fprop(self, a: Value) -> Value:
        return np.arctan(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / (1 + a * a),)


class Arctan2(Elementwise):
    """Angle of the point (x, y) as seen from the origin, from -π to π.

    h = arctan(y / x), in the quadrant of the point        ∂h/∂y = x / (x² + y²), ∂h/∂x = -y / (x² + y²)

    At the origin, which has no angle, both gradients are 0.
    """

    numpy = np.arctan2
    symbol = "arctan2"
    formula = r"\operatorname{arctan2}(y, x)"
    domain = {"x": Interval(0, inf, open=True)}

    def fprop(self, y: Value, x: Value) -> Value:
        return np.arctan2(y, x)

    def bprop(
        self, grad: Value, h: Value, y: Value, x: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        radius = one_at_zero(np.hypot(x, y))
        along = grad / radius
        return along * (x / radius) if needs[0] else None, -along * (y / radius) if needs[1] else None


class Hypot(Elementwise):
    """Length of the hypotenuse, without overflow of the squares.

    h = √(a² + b²)        ∂h/∂a = a / h, ∂h/∂b = b / h

    At the origin both gradients are 0, the least of the slopes there.
    """

    numpy = np.hypot
    symbol = "hypot"
    formula = r"\sqrt{a^2 + b^2}"
    remedies = {"bprop": remedies.ROOT_SLOPE}

    def fprop(self, a: Value, b: Value) -> Value:
        return np.hypot(a, b)

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        length = one_at_zero(h)
        return grad * (a / length) if needs[0] else None, grad * (b / length) if needs[1] else None


class Sinc(Elementwise):
    """The sinc function of signal processing.

    h = sin(πa) / (πa), 1 at 0        dh/da = (cos(πa) - h) / a, 0 at 0

    Near 0 the derivative is taken from its series, as cos(πa) and h agree there in most of their digits.
    """

    numpy = np.sinc
    symbol = "sinc"
    formula = r"\begin{cases} \frac{\sin(\pi a)}{\pi a} & a \neq 0 \\ 1 & \text{otherwise} \end{cases}"
    derivative = r"\frac{\cos(\pi a) - h}{a}"

    def fprop(self, a: Value) -> Value:
        return np.sinc(a)

    def parts(self, a: Value) -> Value:
        """The quotient; at 0 that of a number so small that it is 1."""
        angle = self.dtype.type(math.pi) * a
        angle = np.where(angle == 0, np.finfo(self.dtype).eps, angle)
        return np.sin(angle) / angle

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        u = math.pi * a
        near = abs(u) < 0.25
        v = u * u
        series = -u * (1 / 3 - v * (1 / 30 - v * (1 / 840 - v * (1 / 45360 - v * (1 / 3991680)))))
        far = np.where(near, 1, u)
        return (grad * (math.pi * np.where(near, series, (np.cos(far) - np.sin(far) / far) / far)),)


class Radians(Elementwise):
    """Degrees in radians.

    h = π a / 180        dh/da = π / 180
    """

    numpy = (np.radians, np.deg2rad)
    symbol = "rad"
    formula = r"\frac{\pi}{180} a"
    analytic = False
    slopes = "constant"

    def fprop(self, a: Value) -> Value:
        return np.radians(a)

    def parts(self, a: Value) -> Value:
        """A product with π / 180."""
        return a.astype(self.dtype) * np.radians(self.dtype.type(1))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (math.pi / 180),)


class Degrees(Elementwise):
    """Radians in degrees.

    h = 180 a / π        dh/da = 180 / π
    """

    numpy = (np.degrees, np.rad2deg)
    symbol = "deg"
    formula = r"\frac{180}{\pi} a"
    analytic = False
    slopes = "constant"

    def fprop(self, a: Value) -> Value:
        return np.degrees(a)

    def parts(self, a: Value) -> Value:
        """A product with 180 / π."""
        return a.astype(self.dtype) * np.degrees(self.dtype.type(1))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (180 / math.pi),)


class Sinh(Elementwise):
    """Hyperbolic sine.

    h = sinh(a)        dh/da = cosh(a)
    """

    numpy = np.sinh
    symbol = "sinh"
    formula = r"\sinh(a)"
    remedies = {"fprop": remedies.EXPONENTIAL}

    def fprop(self, a: Value) -> Value:
        return np.sinh(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * np.cosh(a),)


class Cosh(Elementwise):
    """Hyperbolic cosine.

    h = cosh(a)        dh/da = sinh(a)
    """

    numpy = np.cosh
    symbol = "cosh"
    formula = r"\cosh(a)"
    remedies = {"fprop": remedies.EXPONENTIAL}

    def fprop(self, a: Value) -> Value:
        return np.cosh(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * np.sinh(a),)


class Tanh(Elementwise):
    """Hyperbolic tangent.

    h = tanh(a)        dh/da = 1 - h²

    Source: Larochelle, Training neural networks, "tanh activation function gradient".
    """

    numpy = np.tanh
    symbol = "tanh"
    formula = r"\tanh(a)"
    slopes = "finite"
    saturates = "saturated"

    def fprop(self, a: Value) -> Value:
        return np.tanh(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (1 - h * h),)


class Arcsinh(Elementwise):
    """Inverse of the hyperbolic sine.

    h = arcsinh(a)        dh/da = 1 / √(a² + 1)
    """

    numpy = np.arcsinh
    symbol = "arcsinh"
    formula = r"\operatorname{arcsinh}(a)"

    def fprop(self, a: Value) -> Value:
        return np.arcsinh(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / (np.sqrt(a * a + 1) if a.dtype.kind == "c" else np.hypot(a, 1)),)


class Arccosh(Elementwise):
    """Inverse of the hyperbolic cosine.

    h = arccosh(a)        dh/da = 1 / √(a² - 1), infinite at 1
    """

    numpy = np.arccosh
    symbol = "arccosh"
    formula = r"\operatorname{arccosh}(a)"
    domain = {"a": Interval(1, inf, open=True)}

    def fprop(self, a: Value) -> Value:
        return np.arccosh(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / (np.sqrt(a - 1) * np.sqrt(a + 1)),)


class Arctanh(Elementwise):
    """Inverse of the hyperbolic tangent.

    h = arctanh(a)        dh/da = 1 / (1 - a²), infinite at -1 and 1
    """

    numpy = np.arctanh
    symbol = "arctanh"
    formula = r"\operatorname{arctanh}(a)"
    domain = {"a": Interval(-1, 1, open=True)}

    def fprop(self, a: Value) -> Value:
        return np.arctanh(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / ((1 - a) * (1 + a)),)
