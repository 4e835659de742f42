"""Activation functions, element by element, and by the names that one calls them; tanh is in trigonometric."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Literal

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.base import public
from flowgraph.box.vocabulary import example
from flowgraph.errors import DtypeError, UsageError
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec


def refuse_not_finite(box: Box, name: str) -> None:
    """Refuse an infinity or a NaN as a setting."""
    number = getattr(box, name)
    if not math.isfinite(number):
        raise UsageError(f"{type(box).__name__}: found {name}={number!r}, needs a finite number")


_START = -0.5
"""Where the series starts, as its recurrence loses digits at the ends: the error of Φ is 9e-16, with 0 it is 2e-15."""

_PEAK = 5.3
"""The number that the variable of the series maps to its middle; of 3 to 9 the one with the smallest error."""

_DEGREE = 22
"""The error of the series from 0 to 40 is 4e-15 with 22, as small as rounding leaves it; 3e-14 with 20."""

_ALL_UNDERFLOW = 40.0
"""exp(-z²/2) is 0 in a double from 38.6 on."""


class NormalCdf(Elementwise):
    """Standard normal distribution function.

    h = Φ(a) = ½ erfc(−a/√2)        dh/da = φ(a) = exp(−a²/2) / √(2π)

    Accurate to 1e-15, and both tails to 1e-12 of their size, as far as a double reaches. NumPy has no erf and SciPy is
    an extra, so the value is computed here from the Mills ratio M(z) = Φ(−z) / φ(z): (1 + z) M(z) is so smooth from 0
    to ∞ that a Chebyshev series of degree 22 gives it to rounding, three times faster than math.erfc number by number.
    """

    numpy = "scipy.special.ndtr"
    symbol = "Φ"
    formula = r"\Phi(a)"

    def infer(self, *specs: Spec) -> Spec:
        """The shape of the child, which has to be real."""
        if specs[0].dtype.kind == "c":
            raise DtypeError(f"{self.title}: found complex numbers, needs real ones: its value is computed for those")
        return super().infer(*specs)

    def fprop(self, a: Value) -> Value:
        dtype = np.result_type(a.dtype, 1.0)
        z = np.array(a, np.float64)  # in single precision the square of a large number would have too few digits
        np.minimum(np.abs(z, z), _ALL_UNDERFLOW, out=z)
        ratio = _mills_ratio(z.astype(dtype) if dtype == np.float32 else z)
        z *= z
        z *= -0.5
        np.exp(z, z)
        z *= ratio
        z *= 1 / math.sqrt(2 * math.pi)
        tail = z.astype(dtype, copy=False)
        return tail + (1 - 2 * tail) * (a >= 0)  # 1 - tail there; np.where would branch at every element

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (np.exp(a * a * -0.5) * (1 / math.sqrt(2 * math.pi))),)


def _mills_ratio(z: Value) -> Any:
    """The series, summed by Clenshaw's recurrence; in single precision as far as that shows it."""
    twice = 2 * (z - _START - _PEAK) / (z - _START + _PEAK)
    first, *others = _coefficients()[: _IN_SINGLE if z.dtype == np.float32 else None]
    last, two, next_one = np.zeros_like(twice), np.zeros_like(twice), np.empty_like(twice)
    for coefficient in reversed(others):  # next = coefficient + twice * last - two, without an array for each of them
        np.multiply(twice, last, next_one)
        next_one += coefficient
        next_one -= two
        last, two, next_one = next_one, last, two
    return (first + 0.5 * twice * last - two) / (1 + z)


_IN_SINGLE = 13
"""Coefficients from here on add up to 2e-8, a third of the rounding of 1 in single precision."""


@cache
def _coefficients() -> tuple[float, ...]:
    """Chebyshev coefficients of (1 + z) M(z) in t = (z + 0.5 - 5.3) / (z + 0.5 + 5.3), from Chebyshev's points."""
    count = _DEGREE + 1
    angles = [math.pi * (i + 0.5) / count for i in range(count)]
    points = [_START + _PEAK * (1 + math.cos(angle)) / (1 - math.cos(angle)) for angle in angles]
    values = [(1 + z) * _mills_ratio_at(z) for z in points]
    sums = [math.fsum(v * math.cos(k * angle) for v, angle in zip(values, angles, strict=True)) for k in range(count)]
    return (sums[0] / count, *(2 * total / count for total in sums[1:]))


def _mills_ratio_at(z: float) -> float:
    """M(z) of one number: by its definition near 0, by Laplace's continued fraction z + 1/(z + 2/(z + ...)) beyond."""
    if z < 1:
        return math.sqrt(math.pi / 2) * math.exp(z * z / 2) * math.erfc(z / math.sqrt(2))
    denominator = z
    for k in range(400, 0, -1):  # exact to rounding at z = 1, where 200 leave 3e-12
        denominator = z + k / denominator
    return 1 / denominator


def exp_of_minus_size(a: Value) -> Any:
    """exp(−|a|), of which nothing overflows; the size of the lowest whole number of a dtype would."""
    return np.exp(-np.abs(a) if a.dtype.kind == "f" else np.minimum(a, -1.0 * a))


class Sigmoid(Elementwise):
    """Logistic sigmoid.

    h = 1 / (1 + exp(−a))        dh/da = h (1 − h)

    The exponential is taken of −|a|, so that nothing overflows.

    Source: Larochelle, Training neural networks, "sigmoid activation function gradient".
    """

    numpy = "scipy.special.expit"
    symbol = "σ"
    formula = r"\frac{1}{1 + e^{-a}}"
    slopes = "finite"
    saturates = "saturated"

    def fprop(self, a: Value) -> Value:
        small = exp_of_minus_size(a)
        return np.where(a >= 0, 1, small) / (1 + small)

    def parts(self, a: Value) -> Value:
        """1 or exp(−|a|) over 1 + exp(−|a|): the larger of the two, where a choice would branch at every element."""
        if a.dtype.kind != "f":
            return self.fprop(a)
        small = exp_of_minus_size(a)
        return np.maximum(a >= np.zeros((), a.dtype), small) / (1 + small)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (h * (1 - h)),)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """An exponential, a sum, a quotient."""
        return 3 * product(shape)


class ReLU(Elementwise):
    """Rectified linear unit.

    h = max(0, a)        dh/da = 1 where a > 0, else 0; 0 at the kink a = 0

    Source: Larochelle, Training neural networks, "rectified linear activation function gradient".
    """

    symbol = "relu"
    formula = r"\max(0, a)"
    kinks = (0.0,)
    slopes = "choice"
    saturates = "dead"

    def fprop(self, a: Value) -> Value:
        return np.maximum(a, 0)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.where(a > 0, grad, 0),)


class LeakyReLU(Elementwise):
    """Rectified linear unit with a slope on the left.

    h = a where a > 0, else slope · a        dh/da = 1 where a > 0, else slope; slope at the kink a = 0

    Parameters
    ----------
    slope : float, default 0.01
        Slope for a < 0, dimensionless.
    """

    slope: float = 0.01

    symbol = "leaky relu"
    formula = r"\max(0, a) + s \min(0, a)"
    kinks = (0.0,)
    slopes = "finite"
    examples = (example((3, 4)), example((3, 4), slope=0.2))

    def fprop(self, a: Value) -> Value:
        return np.where(a > 0, a, self.slope * a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.where(a > 0, grad, self.slope * grad),)

    def check_settings(self) -> None:
        """The slope is any finite number."""
        refuse_not_finite(self, "slope")


class ELU(Elementwise):
    """Exponential linear unit.

    h = a where a > 0, else α (exp(a) − 1)        dh/da = 1 where a > 0, else α exp(a); α at a = 0

    Parameters
    ----------
    alpha : float, default 1.0
        The value that is approached for a → −∞ is −alpha; dimensionless.
    """

    alpha: float = 1.0

    symbol = "elu"
    formula = r"\max(0, a) + \alpha (e^{\min(0, a)} - 1)"
    kinks = (0.0,)
    slopes = "finite"
    saturates = "saturated"
    examples = (example((3, 4)), example((3, 4), alpha=0.5))

    def fprop(self, a: Value) -> Value:
        return np.where(a > 0, a, self.alpha * np.expm1(np.minimum(a, 0)))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        left = np.exp(np.where(a > 0, 0, a))  # no overflow where the right branch is taken
        return (np.where(a > 0, grad, grad * (self.alpha * left)),)

    def check_settings(self) -> None:
        """Alpha is any finite number."""
        refuse_not_finite(self, "alpha")

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """An exponential, a difference, a product."""
        return 3 * product(shape)


class Softplus(Elementwise):
    """Softplus, a smooth rectifier.

    h = log(1 + exp(a))        dh/da = σ(a)
    """

    symbol = "softplus"
    formula = r"\log(1 + e^a)"
    slopes = "finite"
    saturates = "saturated"

    def fprop(self, a: Value) -> Value:
        return np.maximum(a, 0) + np.log1p(exp_of_minus_size(a))  # np.logaddexp(a, 0) has no vector instructions

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * Sigmoid.apply(a),)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """An exponential, a sum, a logarithm."""
        return 3 * product(shape)


class GELU(Elementwise):
    """Gaussian error linear unit.

    h = a Φ(a)        dh/da = Φ(a) + a φ(a)

    Φ and φ are the standard normal distribution and density. `approximate="tanh"` takes
    Φ(a) ≈ ½ + ½ tanh(√(2/π) (a + 0.044715 a³)), off by less than 0.0005, as many trained models have it.

    Parameters
    ----------
    approximate : {'none', 'tanh'}, default 'none'
        The exact function, or its approximation by tanh.
    """

    approximate: Literal["none", "tanh"] = "none"

    symbol = "gelu"
    formula = r"a \Phi(a)"
    slopes = "finite"
    saturates = "saturated"
    examples = (example((3, 4)), example((3, 4), approximate="tanh"))

    def fprop(self, a: Value) -> Value:
        return a * (NormalCdf.apply(a) if self.approximate == "none" else 0.5 + 0.5 * np.tanh(_inner(a)))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        if self.approximate == "none":
            return (grad * (NormalCdf.apply(a) + a * (np.exp(a * a * -0.5) * (1 / math.sqrt(2 * math.pi)))),)
        t = np.tanh(_inner(a))
        slope = _SCALE * (1 + 3 * _CUBIC * a * a)
        return (grad * (0.5 + 0.5 * t + 0.5 * a * (1 - t * t) * slope),)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A distribution function, counted as ten, and a product."""
        return 11 * product(shape)


_SCALE = math.sqrt(2 / math.pi)
_CUBIC = 0.044715  # Hendrycks and Gimpel 2016, Gaussian error linear units, "gelu approximation"


def _inner(a: Value) -> Any:
    return _SCALE * (a + _CUBIC * a * a * a)


class SiLU(Elementwise):
    """Sigmoid linear unit, also called swish.

    h = a σ(a)        dh/da = σ(a) (1 + a (1 − σ(a)))
    """

    aliases = ("swish",)
    symbol = "silu"
    formula = r"a \sigma(a)"
    slopes = "finite"
    saturates = "saturated"

    def fprop(self, a: Value) -> Value:
        return a * Sigmoid.apply(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        s = Sigmoid.apply(a)
        return (grad * (s * (1 + a * (1 - s))),)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A sigmoid and a product."""
        return 4 * product(shape)


@public
def linear(a: Value) -> Any:
    """The linear activation: the pre-activation itself, no box at all.

    Source: Larochelle, Neural networks, "linear activation function".

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.

    Returns
    -------
    box or array_like
        `a` itself.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.linear(3.0)
    3.0
    """
    return a


@public
def sigmoid(a: Value) -> Any:
    """Sigmoid of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations, or log-odds in nats.

    Returns
    -------
    box or ndarray
        1 / (1 + exp(−a)): a box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.sigmoid([0.0, 1.0]).round(4)
    array([0.5   , 0.7311])
    """
    return Sigmoid.apply(a)


@public
def relu(a: Value) -> Any:
    """ReLU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.

    Returns
    -------
    box or ndarray
        max(a, 0): a box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.relu([-1.0, 2.0])
    array([0., 2.])
    """
    return ReLU.apply(a)


@public
def leaky_relu(a: Value, slope: float = 0.01) -> Any:
    """LeakyReLU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.
    slope : float, default 0.01
        Slope for a < 0, dimensionless.

    Returns
    -------
    box or ndarray
        A box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.leaky_relu([-1.0, 2.0], slope=0.1)
    array([-0.1,  2. ])
    """
    return LeakyReLU.apply(a, slope=slope)


@public
def elu(a: Value, alpha: float = 1.0) -> Any:
    """ELU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.
    alpha : float, default 1.0
        The value that is approached for a → −∞ is −alpha; dimensionless.

    Returns
    -------
    box or ndarray
        A box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.elu([-1.0, 2.0]).round(4)
    array([-0.6321,  2.    ])
    """
    return ELU.apply(a, alpha=alpha)


@public
def softplus(a: Value) -> Any:
    """Softplus of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.

    Returns
    -------
    box or ndarray
        ln(1 + exp(a)): a box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.softplus([0.0, 1.0]).round(4)
    array([0.6931, 1.3133])
    """
    return Softplus.apply(a)


@public
def gelu(a: Value, approximate: Literal["none", "tanh"] = "none") -> Any:
    """GELU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.
    approximate : {'none', 'tanh'}, default 'none'
        The exact function, or its approximation by tanh.

    Returns
    -------
    box or ndarray
        A box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.gelu([-1.0, 2.0]).round(4)
    array([-0.1587,  1.9545])
    """
    return GELU.apply(a, approximate=approximate)


@public
def silu(a: Value) -> Any:
    """SiLU of a box, or of an array.

    Parameters
    ----------
    a : box or array_like, any shape
        Pre-activations.

    Returns
    -------
    box or ndarray
        a σ(a): a box for a box, an array for an array.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.silu([0.0, 1.0]).round(4)
    array([0.    , 0.7311])
    """
    return SiLU.apply(a)
