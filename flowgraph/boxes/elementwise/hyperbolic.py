"""Hyperbolic functions and their inverses, element by element."""

from __future__ import annotations

from math import inf

import numpy as np

from flowgraph.box import Elementwise, Value
from flowgraph.box.interval import Interval
from flowgraph.boxes.engine import remedies


class Sinh(Elementwise):
    """Hyperbolic sine.

    h = sinh(a)        dh/da = cosh(a)
    """

    numpy = np.sinh
    symbol = "sinh"
    formula = r"\sinh(a)"
    derivative = r"\cosh(a)"
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
    derivative = r"\sinh(a)"
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
    derivative = "1 - h^2"
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
    derivative = r"\frac{1}{\sqrt{a^2 + 1}}"

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
    derivative = r"\frac{1}{\sqrt{a^2 - 1}}"
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
    derivative = r"\frac{1}{1 - a^2}"
    domain = {"a": Interval(-1, 1, open=True)}

    def fprop(self, a: Value) -> Value:
        return np.arctanh(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / ((1 - a) * (1 + a)),)
