"""The error function and the normal distribution: their tails, inverses and logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Interval, Value
from flowgraph.boxes.special.scipy_special import Special, special

_SLOPE = 2 / math.sqrt(math.pi)
_FAR = 10.0
"""From here on the series below is exact to rounding; before it the difference of two close numbers has 14 digits."""

_TERMS = 12
"""Terms of that series: the error at 10 is 3e-16 with 12, 2e-14 with 10."""


class Erf(Special):
    """Error function.

    h = 2/√π ∫₀^a exp(−t²) dt        dh/da = 2/√π exp(−a²)
    """

    numpy = "scipy.special.erf"
    symbol = "erf"
    formula = r"\operatorname{erf}(a)"
    of_complex = True
    slopes = "finite"

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (np.exp(-a * a) * _SLOPE),)


class Erfc(Special):
    """Complement of the error function, 1 − erf(a), accurate to rounding in its tail.

    h = 2/√π ∫_a^∞ exp(−t²) dt        dh/da = −2/√π exp(−a²)
    """

    numpy = "scipy.special.erfc"
    symbol = "erfc"
    formula = r"\operatorname{erfc}(a)"
    of_complex = True
    slopes = "finite"

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (np.exp(-a * a) * -_SLOPE),)


class Erfcx(Special):
    """Scaled complement of the error function, which falls like 1 / (a √π) instead of vanishing.

    h = exp(a²) erfc(a)        dh/da = 2 a h − 2/√π

    From a = 10 on the two terms cancel, and the slope is taken from the asymptotic series.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.23.
    """

    numpy = "scipy.special.erfcx"
    symbol = "erfcx"
    formula = r"e^{a^2} \operatorname{erfc}(a)"
    derivative = r"2 a \odot h - \frac{2}{\sqrt\pi}"

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * _slope_of_erfcx(h, a),)


class Dawsn(Special):
    """Dawson's integral.

    h = exp(−a²) ∫₀^a exp(t²) dt        dh/da = 1 − 2 a h

    Beyond |a| = 10 the two terms cancel, and the slope is taken from the asymptotic series.
    """

    numpy = "scipy.special.dawsn"
    symbol = "dawsn"
    formula = r"e^{-a^2} \textstyle\int_0^a e^{t^2} dt"
    derivative = r"1 - 2 a \odot h"

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        far = np.abs(a) > _FAR
        return (grad * np.where(far, -_far(a, far, 1), 1 - 2 * np.where(far, 0, a * h)),)


class Erfinv(Special):
    """Inverse of the error function.

    h = erf⁻¹(a)        dh/da = √π/2 exp(h²), infinite at −1 and 1, where h is
    """

    numpy = "scipy.special.erfinv"
    symbol = "erf⁻¹"
    formula = r"\operatorname{erf}^{-1}(a)"
    domain = {"a": Interval(-1, 1, open=True)}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (np.exp(h * h) * (1 / _SLOPE)),)


class Erfcinv(Special):
    """Inverse of the complement of the error function.

    h = erfc⁻¹(a)        dh/da = −√π/2 exp(h²), infinite at 0 and 2, where h is
    """

    numpy = "scipy.special.erfcinv"
    symbol = "erfc⁻¹"
    formula = r"\operatorname{erfc}^{-1}(a)"
    domain = {"a": Interval(0, 2, open=True)}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (np.exp(h * h) * (-1 / _SLOPE)),)


class NormalQuantile(Special):
    """Quantile of the standard normal distribution, the inverse of Φ.

    h = Φ⁻¹(a)        dh/da = √(2π) exp(h²/2), infinite at 0 and 1, where h is
    """

    numpy = "scipy.special.ndtri"
    symbol = "Φ⁻¹"
    formula = r"\Phi^{-1}(a)"
    domain = {"a": Interval(0, 1, open=True)}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (np.exp(h * h * 0.5) * math.sqrt(2 * math.pi)),)


class LogNormalCdf(Special):
    """Logarithm of the standard normal distribution function, accurate to rounding in both tails.

    h = ln Φ(a)        dh/da = φ(a) / Φ(a), the `NormalHazard`
    """

    numpy = "scipy.special.log_ndtr"
    symbol = "log Φ"
    formula = r"\ln \Phi(a)"

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * NormalHazard.apply(a),)


class NormalHazard(Special):
    """Density over distribution function of the standard normal: the slope of ln Φ, about −a far below 0.

    h = φ(a) / Φ(a) = √(2/π) / erfcx(−a/√2)        dh/da = −h (a + h)

    Below 0 a + h cancels, and the slope is taken from that of erfcx.
    """

    symbol = "φ/Φ"
    formula = r"\frac{e^{-a^2/2}}{\sqrt{2\pi}\, \Phi(a)}"
    derivative = r"-h \odot (a + h)"

    def fprop(self, a: Value) -> Value:
        return math.sqrt(2 / math.pi) / special().erfcx(a * -math.sqrt(0.5))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        below = a < 0
        u = np.where(below, a, 0) * -math.sqrt(0.5)
        scaled = Erfcx.apply(u)
        return (grad * np.where(below, h * _slope_of_erfcx(scaled, u) * math.sqrt(0.5) / scaled, -h * (a + h)),)


def _slope_of_erfcx(h: Value, a: Value) -> Any:
    far = a > _FAR
    return np.where(far, _far(a, far, -1) * -_SLOPE, 2 * np.where(far, 0, a * h) - _SLOPE)


def _far(a: Value, far: Value, sign: int) -> Any:
    """Σ (±1)^k (2k+1)!! / (2a²)^k over 2a²: what remains of the cancelling terms of erfcx and dawsn far from 0."""
    place = np.where(far, a, _FAR)
    t = 0.5 / (place * place)
    total = np.ones_like(t)
    for k in range(_TERMS, 0, -1):
        total = 1 + total * t * (sign * (2 * k + 1))
    return total * t
