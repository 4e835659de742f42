"""Products with a logarithm that are 0 where their first factor is: entropies, divergences; logits."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Interval, Value, example
from flowgraph.boxes.neural.activation import Sigmoid
from flowgraph.boxes.special.scipy_special import Special

_POSITIVE = Interval(0, inf, open=True)
_WITH_ZERO = example(np.array([0.0, 0.0, 1.5, 0.2]), np.array([2.0, 0.3, 0.7, 1.9]))


class XLogY(Special):
    """A number times the logarithm of another, 0 where the number is 0.

    h = x ln y        ∂h/∂x = ln y, ∂h/∂y = x / y; both are 0 where x = y = 0
    """

    numpy = "scipy.special.xlogy"
    symbol = "x log y"
    formula = r"x \ln y"
    derivative = r"\ln y, x / y"
    domain = {"y": _POSITIVE}
    examples = (example((3, 4), (3, 4)), _WITH_ZERO)
    of_complex = True

    def fprop(self, x: Value, y: Value) -> Value:
        """By NumPy's logarithm, which takes a third of the time of SciPy's function; by that for complex numbers."""
        dtype = np.result_type(x.dtype, y.dtype, np.float32)
        if dtype.kind == "c":
            return super().fprop(x, y)
        zero = (x == 0) & ~np.isnan(y)
        return np.where(zero, 0, x.astype(dtype) * quiet_log(np.where(zero, 1, y).astype(dtype)))

    def bprop(
        self, grad: Value, h: Value, x: Value, y: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        y = np.where((x == 0) & (y == 0), 1, y).astype(h.dtype)
        return grad * np.log(y) if needs[0] else None, grad * (x / y) if needs[1] else None


class XLog1pY(Special):
    """A number times the logarithm of one plus another, exact for a small one, 0 where the number is 0.

    h = x ln(1 + y)        ∂h/∂x = ln(1 + y), ∂h/∂y = x / (1 + y); both are 0 where x = 0 and y = −1
    """

    numpy = "scipy.special.xlog1py"
    symbol = "x log(1 + y)"
    formula = r"x \ln(1 + y)"
    derivative = r"\ln(1 + y), x / (1 + y)"
    domain = {"y": Interval(-1, inf, open=True)}
    examples = (example((3, 4), (3, 4)), _WITH_ZERO)
    of_complex = True

    def bprop(
        self, grad: Value, h: Value, x: Value, y: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        y = np.where((x == 0) & (y == -1), 0, y).astype(h.dtype)
        return grad * np.log1p(y) if needs[0] else None, grad * (x / (1 + y)) if needs[1] else None


class Entr(Special):
    """−a ln a: summed over probabilities it is their entropy.

    h = −x ln x, 0 at 0, −∞ below        dh/dx = −ln x − 1, ∞ at 0, NaN below

    Notes
    -----
    - Unit: nats, one value per element.
    """

    numpy = "scipy.special.entr"
    symbol = "entr"
    formula = r"-x \ln x"
    derivative = r"-\ln x - 1"
    domain = {"x": _POSITIVE}

    def fprop(self, x: Value) -> Value:
        """By NumPy's logarithm, which takes half the time of SciPy's function."""
        x = x.astype(np.result_type(x.dtype, np.float32))
        inside = np.where(x > 0, -x * np.log(np.where(x > 0, x, 1)), x)  # NaN is NaN
        return np.where(x == 0, 0, np.where(x < 0, -inf, inside))

    def bprop(self, grad: Value, h: Value, x: Value) -> tuple[Value, ...]:
        return (grad * (-quiet_log(x) - 1),)


class RelEntr(Special):
    """Relative entropy of two parts: summed over probabilities it is the divergence of Kullback and Leibler.

    h = x ln(x / y), 0 where x = 0, ∞ for a negative number or y = 0        ∂h/∂x = ln(x / y) + 1, ∂h/∂y = −x / y

    At x = 0 they are −∞ and 0; where h is infinite, NaN.

    Notes
    -----
    - Unit: nats, one value per element.
    """

    numpy = "scipy.special.rel_entr"
    symbol = "rel_entr"
    formula = r"x \ln(x / y)"
    derivative = r"\ln(x / y) + 1, -x / y"
    domain = {"x": _POSITIVE, "y": _POSITIVE}

    def bprop(
        self, grad: Value, h: Value, x: Value, y: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        x, y = x.astype(h.dtype), y.astype(h.dtype)
        ratio = _ratio(x, y)
        return grad * (quiet_log(ratio) + 1) if needs[0] else None, -grad * ratio if needs[1] else None


class KlDiv(Special):
    """Divergence of Kullback and Leibler of two parts that need not be probabilities: never negative.

    h = x ln(x / y) − x + y, y where x = 0        ∂h/∂x = ln(x / y), ∂h/∂y = (y − x) / y

    At x = 0 they are −∞ and 1; where h is infinite, NaN.

    Notes
    -----
    - Unit: nats, one value per element.
    """

    numpy = "scipy.special.kl_div"
    symbol = "kl_div"
    formula = r"x \ln(x / y) - x + y"
    derivative = r"\ln(x / y), (y - x) / y"
    domain = {"x": _POSITIVE, "y": _POSITIVE}

    def bprop(
        self, grad: Value, h: Value, x: Value, y: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        x, y = x.astype(h.dtype), y.astype(h.dtype)
        ratio = _ratio(x, y)
        gap = (x - y) / np.where(y > 0, y, np.nan)
        near = np.abs(gap) < 0.5
        log = np.where(near, np.log1p(np.where(near, gap, 0)), quiet_log(ratio))
        return grad * log if needs[0] else None, -grad * gap if needs[1] else None


class Logit(Special):
    """Logit, the inverse of the logistic sigmoid.

    h = ln(a / (1 − a))        dh/da = 1 / (a (1 − a)), infinite at 0 and 1, where h is
    """

    numpy = "scipy.special.logit"
    symbol = "logit"
    formula = r"\ln \frac{a}{1 - a}"
    domain = {"a": Interval(0, 1, open=True)}

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad / (a * (1 - a)),)


class LogExpit(Special):
    """Logarithm of the logistic sigmoid, without underflow.

    h = −ln(1 + exp(−a))        dh/da = σ(−a)
    """

    numpy = "scipy.special.log_expit"
    aliases = ("logsigmoid",)
    symbol = "log σ"
    formula = r"-\ln(1 + e^{-a})"

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * Sigmoid.apply(-a),)


def _ratio(x: Value, y: Value) -> Any:
    """x / y of numbers that are not negative, 0 where x is 0, NaN otherwise."""
    legal = (x > 0) & (y > 0)
    return np.where(
        legal, np.where(legal, x, 1) / np.where(legal, y, 1), np.where((x == 0) & (y >= 0), 0, np.full_like(x, np.nan))
    )


def quiet_log(a: Value) -> Any:
    """The logarithm, −∞ at 0 and NaN below without a warning."""
    return np.where(a > 0, np.log(np.where(a > 0, a, 1)), np.where(a == 0, -np.inf, np.full_like(a, np.nan)))
