"""The gamma function, its logarithm and the derivatives of that; beta functions; incomplete functions of both."""

from __future__ import annotations

import math
from math import inf
from typing import Annotated, Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.base import public
from flowgraph.box.vocabulary import Interval, example
from flowgraph.boxes.special.entropy import XLog1pY, XLogY
from flowgraph.boxes.special.scipy_special import Special, special
from flowgraph.errors import UsageError

_POSITIVE = Interval(0, inf, open=True)


class Gamma(Special):
    """Gamma function.

    h = Γ(a)        dh/da = h ψ(a); no value and no slope at 0, −1, −2, ...
    """

    numpy = "scipy.special.gamma"
    symbol = "Γ"
    formula = r"\Gamma(a)"
    domain = {"a": _POSITIVE}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (h * Digamma.apply(a)),)


class GammaLn(Special):
    """Logarithm of the absolute value of the gamma function, of negative numbers too.

    h = ln |Γ(a)|        dh/da = ψ(a); infinite without a slope at 0, −1, −2, ...
    """

    numpy = "scipy.special.gammaln"
    symbol = "ln |Γ|"
    formula = r"\ln |\Gamma(a)|"
    domain = {"a": _POSITIVE}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * Digamma.apply(a),)


class LogGamma(GammaLn):
    """Logarithm of the gamma function of positive numbers, NaN below 0.

    h = ln Γ(a)        dh/da = ψ(a)
    """

    numpy = "scipy.special.loggamma"
    symbol = "ln Γ"
    formula = r"\ln \Gamma(a)"


class ReciprocalGamma(Special):
    """One over the gamma function, 0 where that has no value.

    h = 1 / Γ(a)        dh/da = −h ψ(a), and (−1)ⁿ n! at a = −n

    Below 1/2 by reflection, 1/Γ(a) = Γ(1 − a) sin(πa) / π.
    """

    numpy = "scipy.special.rgamma"
    symbol = "1/Γ"
    formula = r"\frac{1}{\Gamma(a)}"
    derivative = r"-h \odot \psi(a)"
    examples = (example((3, 4)), example(np.array([0.0, -1.0, -3.0, -2.5, 0.5, 4.0])))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        low = a < 0.5
        mirrored = 1 - np.where(low, a, 0.0)
        turn = np.where(low, a, 0.0) * math.pi
        below = np.cos(turn) - np.sin(turn) * (Digamma.apply(mirrored) * (1 / math.pi))
        above = -h * Digamma.apply(np.where(low, 1.0, a))
        return (grad * np.where(low, Gamma.apply(mirrored) * below, above),)


class Digamma(Special):
    """Digamma function, the slope of the logarithm of the gamma function.

    h = ψ(a) = Γ'(a) / Γ(a)        dh/da = ψ′(a), the `Polygamma` of n = 1
    """

    numpy = ("scipy.special.psi", "scipy.special.digamma")
    symbol = "ψ"
    formula = r"\psi(a)"
    domain = {"a": _POSITIVE}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * Polygamma.apply(a, n=1),)


class Polygamma(Special):
    """Derivative of order n of the digamma function; fg.polygamma(n, a) builds it, n a whole number.

    h = ψ⁽ⁿ⁾(a)        dh/da = ψ⁽ⁿ⁺¹⁾(a)

    Parameters
    ----------
    n : int, at least 0, default 1
        The order of the derivative of the digamma function.
    """

    n: Annotated[int, Interval(0)] = 1

    symbol = "ψ⁽ⁿ⁾"
    formula = r"\psi^{(n)}(a)"
    domain = {"a": _POSITIVE}
    examples = (
        example((3, 4)),
        example((4,), n=0),
        example((2, 2), n=2),
        example((4,), n=3),
    )

    def fprop(self, a: Value) -> Value:
        return np.asarray(special().polygamma(self.n, a)).astype(np.result_type(a.dtype, 1.0))[()]

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * Polygamma.apply(a, n=self.n + 1),)


class Beta(Special):
    """Beta function.

    h = B(a, b) = Γ(a) Γ(b) / Γ(a + b)        ∂h/∂a = h (ψ(a) − ψ(a + b)), ∂h/∂b = h (ψ(b) − ψ(a + b))
    """

    numpy = "scipy.special.beta"
    symbol = "B"
    formula = r"B(a, b)"
    domain = {"a": _POSITIVE, "b": _POSITIVE}

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        return _of_log_beta(grad * h, a.astype(h.dtype), b.astype(h.dtype), needs)


class BetaLn(Special):
    """Logarithm of the beta function.

    h = ln |B(a, b)|        ∂h/∂a = ψ(a) − ψ(a + b), ∂h/∂b = ψ(b) − ψ(a + b)
    """

    numpy = "scipy.special.betaln"
    symbol = "ln B"
    formula = r"\ln |B(a, b)|"
    domain = {"a": _POSITIVE, "b": _POSITIVE}

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        return _of_log_beta(grad, a.astype(h.dtype), b.astype(h.dtype), needs)


class BetaInc(Special):
    """Regularised incomplete beta function, the distribution function of a beta distribution.

    h = I_x(a, b)        ∂h/∂x = x^(a−1) (1 − x)^(b−1) / B(a, b); the derivatives by a and b are not implemented
    """

    numpy = "scipy.special.betainc"
    symbol = "I"
    formula = r"I_x(a, b)"
    domain = {"a": _POSITIVE, "b": _POSITIVE, "x": Interval(0, 1, open=True)}
    constant_children = not_implemented_children = frozenset({"a", "b"})

    def bprop(self, grad: Value, h: Value, a: Value, b: Value, x: Value) -> tuple[Value, ...]:
        a, b = a.astype(h.dtype), b.astype(h.dtype)  # whose difference from 1 a narrower dtype may not hold
        log = XLogY.apply(a - 1, x) + XLog1pY.apply(b - 1, -x) - BetaLn.apply(a, b)
        return None, None, grad * np.exp(log)


class StudentCdf(Special):
    """Distribution function of Student's t with df degrees of freedom.

    h = ∫₋∞ᵃ p(t; df) dt        ∂h/∂a = p(a; df) = (1 + a²/df)^(−(df + 1)/2) / (√df B(df/2, 1/2)); that by df is not
    implemented
    """

    numpy = "scipy.special.stdtr"
    symbol = "F_t"
    formula = r"\int_{-\infty}^{a} p(t; \mathrm{df}) \, dt"
    derivative = r"\frac{(1 + a^2 / df)^{-(df + 1) / 2}}{\sqrt{df} \, B(df / 2, 1 / 2)}"
    domain = {"df": _POSITIVE}
    constant_children = not_implemented_children = frozenset({"df"})
    analytic = False

    def bprop(self, grad: Value, h: Value, df: Value, a: Value) -> tuple[Value, ...]:
        df = df.astype(h.dtype)
        log = -(df + 1) / 2 * np.log1p(a * a / df) - BetaLn.apply(df / 2, np.ones_like(df) / 2) - np.log(df) / 2
        return None, grad * np.exp(log)


class GammaInc(Special):
    """Regularised lower incomplete gamma function, the distribution function of a gamma distribution.

    h = P(a, x) = ∫₀ˣ t^(a−1) exp(−t) dt / Γ(a)        ∂h/∂x = x^(a−1) exp(−x) / Γ(a); that by a is not implemented
    """

    numpy = "scipy.special.gammainc"
    symbol = "P"
    formula = r"P(a, x)"
    domain = {"a": _POSITIVE, "x": _POSITIVE}
    constant_children = not_implemented_children = frozenset({"a"})

    def bprop(self, grad: Value, h: Value, a: Value, x: Value) -> tuple[Value, ...]:
        return None, grad * _gamma_density(a.astype(h.dtype), x)


class GammaIncC(Special):
    """Regularised upper incomplete gamma function, the tail of a gamma distribution.

    h = Q(a, x) = 1 − P(a, x)        ∂h/∂x = −x^(a−1) exp(−x) / Γ(a); that by a is not implemented
    """

    numpy = "scipy.special.gammaincc"
    symbol = "Q"
    formula = r"Q(a, x)"
    domain = {"a": _POSITIVE, "x": _POSITIVE}
    constant_children = not_implemented_children = frozenset({"a"})

    def bprop(self, grad: Value, h: Value, a: Value, x: Value) -> tuple[Value, ...]:
        return None, -grad * _gamma_density(a.astype(h.dtype), x)


def _of_log_beta(grad: Value, a: Value, b: Value, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    both = Digamma.apply(a + b)
    return tuple(grad * (Digamma.apply(x) - both) if need else None for x, need in zip((a, b), needs, strict=True))


def _gamma_density(a: Value, x: Value) -> Any:
    return np.exp(XLogY.apply(a - 1, x) - x - GammaLn.apply(a))


@public
def polygamma(n: int, x: Value) -> Any:
    """scipy.special.polygamma of a box, an array or a number, n a whole number.

    Parameters
    ----------
    n : int, at least 0
        Order of the derivative of the digamma function.
    x : box or array_like, any shape
        Where it is evaluated, above 0.

    Returns
    -------
    box or ndarray
        A box for a box, an array for an array.

    Raises
    ------
    UsageError
        If `n` is no whole number from 0.

    Examples
    --------
    >>> import flowgraph as fg
    >>> float(fg.polygamma(1, 1.0).round(6))
    1.644934
    """
    if isinstance(n, Box):
        raise UsageError(f"polygamma: found {n.title} as the order, needs a whole number")
    return Polygamma.apply(x, n=n)


def multigammaln(a: Value, d: int) -> Any:
    """scipy.special.multigammaln of a box: of what gammaln is there, d of them."""
    return sum(special().gammaln(a - i / 2) for i in range(d)) + d * (d - 1) / 4 * np.log(np.pi)


def fdtr(dfn: Value, dfd: Value, x: Value) -> Any:
    """scipy.special.fdtr, the distribution function of F, by betainc."""
    return special().betainc(dfn / 2, dfd / 2, dfn * x / (dfd + dfn * x))


def fdtrc(dfn: Value, dfd: Value, x: Value) -> Any:
    """scipy.special.fdtrc, one less fdtr, by betainc at the other end, where it keeps its digits."""
    return special().betainc(dfd / 2, dfn / 2, dfd / (dfd + dfn * x))
