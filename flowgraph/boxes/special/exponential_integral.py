"""Exponential integrals, the dilogarithm, Lambert's W, the Box-Cox transform with the ratios that its slopes are of."""

from __future__ import annotations

import math
from math import inf
from typing import Annotated, Any

import numpy as np

from flowgraph.box.vocabulary import Interval, Value, example
from flowgraph.boxes.special.entropy import quiet_log
from flowgraph.boxes.special.scipy_special import Special, special
from flowgraph.errors import UnsupportedError

_POSITIVE = Interval(0, inf, open=True)
_AROUND_0 = example(np.array([0.0, 1e-9, -1e-5, 0.3, -0.9, 2.5]))


class Expi(Special):
    """Exponential integral Ei, of negative numbers too.

    h = −∫_{−a}^∞ exp(−t) / t dt        dh/da = exp(a) / a, infinite at 0, where h is −∞
    """

    numpy = "scipy.special.expi"
    symbol = "Ei"
    formula = r"\operatorname{Ei}(a)"
    domain = {"a": _POSITIVE}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (np.exp(a) / a),)


class Exp1(Special):
    """Exponential integral E₁ of positive numbers.

    h = ∫_a^∞ exp(−t) / t dt        dh/da = −exp(−a) / a, infinite at 0, where h is ∞
    """

    numpy = "scipy.special.exp1"
    symbol = "E₁"
    formula = r"E_1(a)"
    domain = {"a": _POSITIVE}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad * (np.exp(-a) / a),)


class Expn(Special):
    """Exponential integral E_n of a whole order n from 0.

    h = ∫₁^∞ exp(−a t) / tⁿ dt        ∂h/∂a = −E_{n−1}(a), −(1 + 1/a) h for n = 0; by n it is not implemented
    """

    numpy = "scipy.special.expn"
    symbol = "E_n"
    formula = r"E_n(a)"
    derivative = r"-E_{n - 1}(a)"
    domain = {"a": _POSITIVE}
    constant_children = not_implemented_children = frozenset({"n"})
    examples = (example(np.array([0, 1, 2, 5]), (3, 4)), example(np.array(3), (4,)))

    def bprop(self, grad: Value, h: Value, n: Value, a: Value) -> tuple[Value, ...]:
        below = Expn.apply(np.where(n == 0, 0, n - 1), a)
        return None, -grad * np.where(n == 0, h + h / np.where(n == 0, a, 1), below)


TOLERANCE = 1e-8
"""That of scipy.special.lambertw."""


class LambertW(Special):
    """Lambert's W, complex as SciPy's, to SciPy's own tolerance.

    h solves h exp(h) = a        dh/da = 1 / (a + exp(h)), infinite at −1/e, where the branches 0 and −1 meet

    Of real numbers branch 0 is real from −1/e on, and branch −1 between −1/e and 0.

    Parameters
    ----------
    a : Box, any shape
        Numbers, real or complex.
    k : int
        The branch.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.LambertW(fg.Parameter([1.0, 2.0]))
    <LambertW, k=0: (2,) complex128>
    """

    numpy = "scipy.special.lambertw"
    symbol = "W"
    formula = r"W_k(a)"
    domain = {"a": Interval(-1 / math.e, inf, open=True)}
    of_complex = True
    examples = (
        example((3, 4)),
        example(np.array([0.5 - 2j, 1j, -3 + 0.1j]), k=-1),
        example(np.array([-0.3, -0.1]), k=-1),
    )

    k: int = 0

    @classmethod
    def from_numpy(cls, z: Value, k: Any, tol: float = TOLERANCE) -> LambertW:
        if np.ndim(k) or tol != TOLERANCE:
            raise UnsupportedError("scipy.special.lambertw: a box takes one number k, and SciPy's own tolerance")
        return cls(z, k=int(k))

    def fprop(self, a: Value) -> Value:
        return special().lambertw(a, self.k)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        back = grad / (a + np.exp(h))
        back = back if a.dtype.kind == "c" else np.real(back)
        return (back.astype(a.dtype) if a.dtype.kind in "fc" else back,)  # h is complex128 of any child


class Spence(Special):
    """Dilogarithm of 1 − a, as SciPy's spence.

    h = ∫₁^a ln t / (1 − t) dt        dh/da = ln a / (1 − a), −1 at 1, −∞ at 0
    """

    numpy = "scipy.special.spence"
    symbol = "spence"
    formula = r"\textstyle\int_1^a \frac{\ln t}{1 - t} dt"
    domain = {"a": _POSITIVE}
    examples = (example((3, 4)), example(np.array([1.0, 1 + 1e-9, 0.9999, 3.0])))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (-grad * LogRatio.apply(a - 1),)


MOST_BY_SCIPY = 20
"""The highest order of derivatives that SciPy's series give to the last digits."""


class Ratio(Special, abstract=True):
    """A quotient that is smooth through 0, or its derivative of the whole order `order`."""

    order: Annotated[int, Interval(0, 170)] = 0


class Exprel(Ratio):
    """The exponential less one over its argument, exact near 0, and its derivatives.

    h = (exp(a) − 1) / a, 1 at 0        the derivative of order k is ∫₀¹ tᵏ exp(a t) dt

    Parameters
    ----------
    order : int, at least 0, at most 170, default 0
        Which derivative of (exp(a) − 1) / a the value is; 0 is the function itself.
    """

    numpy = "scipy.special.exprel"
    symbol = "exprel"
    formula = r"\frac{e^a - 1}{a}"
    examples = (example((3, 4)), _AROUND_0, example(np.array([0.0, -2.0, -40.0, 5.0]), order=1), example((4,), order=2))

    def fprop(self, a: Value) -> Value:
        if self.order == 0:
            return special().exprel(a)
        k, a = self.order + 1, a * 1.0
        low = a < -1
        size = np.where(low, -a, 1).astype(np.result_type(a.dtype, float))
        below = special().gammainc(size.dtype.type(k), size) * _factorial_over_power(k - 1, size) / size
        above = np.where(low, 0, np.minimum(a, 1000))  # it is infinite there; hyp1f1 takes minutes at 1e100
        return np.where(low, below, special().hyp1f1(k, k + 1, above) / k).astype(a.dtype)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * Exprel.apply(a, order=self.order + 1),)


class LogRatio(Ratio):
    """The logarithm of one plus a number over that number, exact near 0, and its derivatives.

    h = ln(1 + a) / a, 1 at 0        the derivative of order k is (−1)ᵏ k! ∫₀¹ tᵏ / (1 + a t)^(k+1) dt

    Parameters
    ----------
    order : int, at least 0, at most 170, default 0
        Which derivative of ln(1 + a) / a the value is; 0 is the function itself.
    """

    symbol = "log(1 + a)/a"
    formula = r"\frac{\ln(1 + a)}{a}"
    domain = {"a": Interval(-1, inf, open=True)}
    examples = (example((3, 4)), _AROUND_0, example(np.array([0.0, -0.6, 7.0]), order=1), example((4,), order=2))

    def fprop(self, a: Value) -> Value:
        if self.order == 0:
            zero = a == 0
            return np.where(zero, 1, np.log1p(a) / np.where(zero, 1, a))
        k, far = self.order, a > 1000  # where the series that SciPy sums loses its digits
        close = np.where(far, 1, a)
        near = (
            _high_slope(close, k)
            if k > MOST_BY_SCIPY
            else special().hyp2f1(k + 1, k + 1, k + 2, -close) * ((-1) ** k * math.factorial(k) / (k + 1))
        )
        return np.where(far, _far_slope(np.where(far, a, 1000.0), k), near).astype(np.result_type(a.dtype, 1.0))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * LogRatio.apply(a, order=self.order + 1),)


def _far_slope(a: Value, order: int) -> Any:
    """The derivative of f = ln(1 + a) / a of that order, by (a f)⁽ᵏ⁾ = a f⁽ᵏ⁾ + k f⁽ᵏ⁻¹⁾, for large numbers."""
    a = np.minimum(a, np.finfo(a.dtype).max)
    slope, term = np.log1p(a) / a, 1 / (1 + a)
    for k in range(1, order + 1):
        slope = (term - k * slope) / a
        term = term * (-k / (1 + a))
    return slope


def _high_slope(a: Value, order: int) -> Any:
    """The derivative of ln(1 + a) / a of a high order: (−1)ᵏ k! / ((k + 1) (1 + a)ᵏ) F(1, 1; k + 2; −a).

    F is Gauss's continued fraction, of which 600 parts are enough up to a = 1000; SciPy's series lose digits there,
    or overflow.
    """
    a, c = a.astype(np.result_type(a.dtype, float)), order + 2
    fraction = np.ones_like(a)
    for n in range(600, 0, -1):
        m = n // 2
        part = m * (c + m - 2) if n % 2 == 0 else (c + m - 1) * (1 + m) if m else (c - 1)
        fraction = 1 + part / ((c + n - 2) * (c + n - 1)) * a / fraction
    return (-1) ** order * _factorial_over_power(order, 1 + a) / ((order + 1) * fraction)


def _factorial_over_power(k: int, a: Value) -> Any:
    """k! / aᵏ, factor by factor: neither k! nor aᵏ need be a number."""
    product = np.ones_like(a)
    for j in range(1, k + 1):
        product = product * (j / a)
    return product


class BoxCox(Special):
    """Box-Cox transform of positive numbers.

    h = (x^λ − 1) / λ, ln x for λ = 0        ∂h/∂x = x^(λ−1), ∂h/∂λ = ln² x · exprel′(λ ln x)
    """

    numpy = "scipy.special.boxcox"
    symbol = "boxcox"
    formula = r"\frac{x^\lambda - 1}{\lambda}"
    derivative = r"x^{\lambda - 1}, \ln^2 x \odot \operatorname{exprel}'(\lambda \ln x)"
    domain = {"x": _POSITIVE}
    examples = (example((3, 4), (3, 4)), example((4,), np.array([0.0, 1e-7, -0.5, 1.0])))

    def bprop(
        self, grad: Value, h: Value, x: Value, lmbda: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        x, lmbda = x.astype(h.dtype), lmbda.astype(h.dtype)  # nothing in the narrower dtype of a child
        return grad * x ** (lmbda - 1) if needs[0] else None, _of_power(grad, quiet_log(x), lmbda) if needs[1] else None


class BoxCox1p(Special):
    """Box-Cox transform of one plus a number, exact for a small one.

    h = ((1 + x)^λ − 1) / λ, ln(1 + x) for λ = 0        ∂h/∂x = (1 + x)^(λ−1), ∂h/∂λ = ln²(1 + x) · exprel′(λ ln(1 + x))
    """

    numpy = "scipy.special.boxcox1p"
    symbol = "boxcox1p"
    formula = r"\frac{(1 + x)^\lambda - 1}{\lambda}"
    derivative = r"(1 + x)^{\lambda - 1}, \ln^2(1 + x) \odot \operatorname{exprel}'(\lambda \ln(1 + x))"
    domain = {"x": Interval(-1, inf, open=True)}
    examples = (example((3, 4), (3, 4)), example((4,), np.array([0.0, 1e-7, -0.5, 1.0])))

    def bprop(
        self, grad: Value, h: Value, x: Value, lmbda: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        log, lmbda = np.log1p(x.astype(h.dtype)), lmbda.astype(h.dtype)
        return grad * np.exp((lmbda - 1) * log) if needs[0] else None, _of_power(grad, log, lmbda) if needs[1] else None


class InverseBoxCox(Special):
    """Inverse of the Box-Cox transform.

    h = (λ y + 1)^(1/λ), exp(y) for λ = 0        ∂h/∂y = h^(1−λ), ∂h/∂λ = −h^(1−λ) ln² h · exprel′(λ ln h)
    """

    numpy = "scipy.special.inv_boxcox"
    symbol = "inverse boxcox"
    formula = r"\begin{cases} (\lambda y + 1)^{1 / \lambda} & \lambda \neq 0 \\ e^y & \lambda = 0 \end{cases}"
    derivative = r"h^{1 - \lambda}, -h^{1 - \lambda} \odot \ln^2 h \odot \operatorname{exprel}'(\lambda \ln h)"
    examples = (
        example(np.array([[0.5, 1.2, -0.3], [2.0, 0.0, 1e-3]]), np.array([0.7, -0.2, 1.5])),
        example(np.array([0.5, -0.4, 3.0]), np.array([0.0, 1e-7, 0.5])),
    )

    def bprop(
        self, grad: Value, h: Value, y: Value, lmbda: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        y, lmbda = y.astype(h.dtype), lmbda.astype(h.dtype)
        product = lmbda * y
        end = (product == -1) & (lmbda > 0)  # where h is 0, its logarithm −∞, and a power of 0 still has its slopes
        log = y * LogRatio.apply(np.where(end, 0, product))
        power = np.where(end, product + 1, 1) ** (1 / np.where(end, lmbda, 1) - 1)
        slope = grad * np.where(end, power, np.exp(log * (1 - lmbda)))
        return slope if needs[0] else None, -_of_power(slope, log, lmbda, end) if needs[1] else None


def _of_power(grad: Value, log: Value, lmbda: Value, gone: Value = False) -> Any:
    """The gradient of λ of (exp(λ log) − 1) / λ; where the exponential has vanished, that of −1 / λ."""
    gone = gone | ((log == -np.inf) & (lmbda > 0))
    log = np.where(gone, 0, log)
    return grad * np.where(gone, np.where(gone, lmbda, 1) ** -2, log * log * Exprel.apply(lmbda * log, order=1))
