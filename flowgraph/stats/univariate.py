"""Distributions of one number, in standard form: their densities, and what is known in closed form beside."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.special.scipy_special import special
from flowgraph.stats.distribution import Continuous, Discrete, as_operand, positive, weak

LOG_ROOT_2_PI = math.log(2 * math.pi) / 2


class _Norm(Continuous):
    """The normal distribution, as scipy.stats.norm: of the mean `loc` and the standard deviation `scale`."""

    def log_density(self, z: Value) -> Any:
        return -z * z / 2 - LOG_ROOT_2_PI

    def below(self, z: Value) -> Any:
        return special().ndtr(z)

    def above(self, z: Value) -> Any:
        return special().ndtr(-z)

    def log_below(self, z: Value) -> Any:
        return special().log_ndtr(z)

    def log_above(self, z: Value) -> Any:
        return special().log_ndtr(-z)

    def quantile(self, q: Value) -> Any:
        return special().ndtri(q)


class _T(Continuous):
    """Student's t distribution, as scipy.stats.t; of infinitely many degrees of freedom it is the normal one.

    The derivatives of its distribution functions by df are not implemented.
    """

    shapes = ("df",)

    def log_density(self, z: Value, df: Value) -> Any:
        return self._choose(norm.log_density, self._heavy_tailed, z, df)

    def below(self, z: Value, df: Value) -> Any:
        return self._choose(norm.below, lambda z, df: special().stdtr(df, z), z, df)

    def above(self, z: Value, df: Value) -> Any:
        return self.below(-z, df)

    def _choose(self, normal: Any, heavy_tailed: Any, z: Value, df: Value) -> Any:
        """A function of the normal distribution where df is infinite."""
        if isinstance(df, int | float):
            return normal(z) if df == math.inf else heavy_tailed(z, df)
        infinite = np.isinf(df)
        return np.where(infinite, normal(z), heavy_tailed(z, np.where(infinite, 1.0, df)))

    def _heavy_tailed(self, z: Value, df: Value) -> Any:
        """The log density in standard form; the beta function keeps its digits where df is large."""
        constant = weak(-special().betaln(df / 2, 0.5) - np.log(df) / 2)
        return constant - (df + 1) / 2 * np.log1p(z * z / df)


class _Gamma(Continuous):
    """The gamma distribution of shape a, as scipy.stats.gamma.

    The derivatives of its distribution functions by a are not implemented.
    """

    shapes, support = ("a",), (0.0, math.inf, 1.0)

    def log_density(self, z: Value, a: Value) -> Any:
        return special().xlogy(a - 1, z) - z - weak(special().gammaln(a))

    def below(self, z: Value, a: Value) -> Any:
        return special().gammainc(a, z)

    def above(self, z: Value, a: Value) -> Any:
        return special().gammaincc(a, z)


class _Chi2(Continuous):
    """The chi-squared distribution, as scipy.stats.chi2: a gamma distribution of shape df/2 and twice the scale.

    The derivatives of its distribution functions by df are not implemented.
    """

    shapes, support = ("df",), (0.0, math.inf, 1.0)

    def log_density(self, z: Value, df: Value) -> Any:
        return gamma.log_density(z / 2, df / 2) - math.log(2)

    def below(self, z: Value, df: Value) -> Any:
        return gamma.below(z / 2, df / 2)

    def above(self, z: Value, df: Value) -> Any:
        return gamma.above(z / 2, df / 2)


class _Beta(Continuous):
    """The beta distribution, as scipy.stats.beta.

    The derivatives of its distribution functions by a and b are not implemented.
    """

    shapes, support = ("a", "b"), (0.0, 1.0, 0.5)

    def log_density(self, z: Value, a: Value, b: Value) -> Any:
        return special().xlog1py(b - 1, -z) + special().xlogy(a - 1, z) - weak(special().betaln(a, b))

    def below(self, z: Value, a: Value, b: Value) -> Any:
        return special().betainc(a, b, z)

    def above(self, z: Value, a: Value, b: Value) -> Any:
        return special().betainc(b, a, 1 - z)


class _Expon(Continuous):
    """The exponential distribution, as scipy.stats.expon."""

    support = (0.0, math.inf, 1.0)

    def log_density(self, z: Value) -> Any:
        return -z

    def below(self, z: Value) -> Any:
        return -np.expm1(-z)

    def log_above(self, z: Value) -> Any:
        return -z

    def above(self, z: Value) -> Any:
        return np.exp(-z)

    def quantile(self, q: Value) -> Any:
        return -np.log1p(-q)


class _Laplace(Continuous):
    """The Laplace distribution, as scipy.stats.laplace."""

    def log_density(self, z: Value) -> Any:
        return -np.abs(z) - math.log(2)

    def below(self, z: Value) -> Any:
        tail = np.exp(-np.abs(z)) / 2
        return np.where(z < 0, tail, 1 - tail)

    def above(self, z: Value) -> Any:
        return self.below(-z)

    def log_below(self, z: Value) -> Any:
        return np.where(z < 0, z - math.log(2), np.log1p(-np.exp(-np.abs(z)) / 2))

    def log_above(self, z: Value) -> Any:
        return self.log_below(-z)

    def quantile(self, q: Value) -> Any:
        return np.where(q < 0.5, np.log(2 * q), -np.log(2 * (1 - q)))


class _Logistic(Continuous):
    """The logistic distribution, as scipy.stats.logistic."""

    def log_density(self, z: Value) -> Any:
        return special().log_expit(z) + special().log_expit(-z)

    def below(self, z: Value) -> Any:
        return special().expit(z)

    def above(self, z: Value) -> Any:
        return special().expit(-z)

    def log_below(self, z: Value) -> Any:
        return special().log_expit(z)

    def log_above(self, z: Value) -> Any:
        return special().log_expit(-z)

    def quantile(self, q: Value) -> Any:
        return special().logit(q)


class _Cauchy(Continuous):
    """The Cauchy distribution, as scipy.stats.cauchy."""

    def log_density(self, z: Value) -> Any:
        return -np.log1p(z * z) - math.log(math.pi)

    def below(self, z: Value) -> Any:
        return np.arctan2(1.0, -z) / math.pi

    def above(self, z: Value) -> Any:
        return np.arctan2(1.0, z) / math.pi

    def quantile(self, q: Value) -> Any:
        return np.where(q < 0.5, -1.0, 1.0) / np.tan(math.pi * np.where(q < 0.5, q, 1 - q))


class _Uniform(Continuous):
    """The uniform distribution from `loc` to `loc + scale`, as scipy.stats.uniform."""

    support = (0.0, 1.0, 0.5)

    def log_density(self, z: Value) -> Any:
        return 0.0 * z

    def below(self, z: Value) -> Any:
        return z

    def quantile(self, q: Value) -> Any:
        return q


class _Pareto(Continuous):
    """The Pareto distribution of shape b, as scipy.stats.pareto."""

    shapes, support = ("b",), (1.0, math.inf, 2.0)

    def log_density(self, z: Value, b: Value) -> Any:
        return weak(np.log(b)) - (b + 1) * np.log(z)

    def below(self, z: Value, b: Value) -> Any:
        return -np.expm1(self.log_above(z, b))

    def above(self, z: Value, b: Value) -> Any:
        return np.exp(self.log_above(z, b))

    def log_above(self, z: Value, b: Value) -> Any:
        return -b * np.log(z)

    def quantile(self, q: Value, b: Value) -> Any:
        return np.exp(-np.log1p(-q) / b)


class _TruncNorm(Continuous):
    """The normal distribution between a and b, counted in scales from `loc`, as scipy.stats.truncnorm."""

    shapes = ("a", "b")

    def shapes_in_range(self, a: Value, b: Value) -> tuple[Any, ...]:
        a, b = np.float64(a) if type(a) in (int, float) else as_operand(a), as_operand(b)
        return np.where(a < b, a, math.nan), b

    def ends(self, a: Value, b: Value) -> tuple[Any, Any, Any]:
        return a, b, np.clip(0.0, a, b)

    def log_density(self, z: Value, a: Value, b: Value) -> Any:
        return norm.log_density(z) - self._log_mass(a, b)

    def below(self, z: Value, a: Value, b: Value) -> Any:
        return np.exp(self.log_below(z, a, b))

    def above(self, z: Value, a: Value, b: Value) -> Any:
        return np.exp(self.log_above(z, a, b))

    def log_below(self, z: Value, a: Value, b: Value) -> Any:
        return self._log_mass(a, z) - self._log_mass(a, b)

    def log_above(self, z: Value, a: Value, b: Value) -> Any:
        return self._log_mass(z, b) - self._log_mass(a, b)

    def _log_mass(self, a: Value, b: Value) -> Any:
        """Log of the probability that a normal number lies between a and b, by the tail in which most of it is."""
        a, b = np.clip(a, -1e100, 1e100), np.clip(b, -1e100, 1e100)  # the same, and its derivative is no 0 times inf
        mirrored = a + b > 0
        left, right = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
        up_to = norm.log_below(right)
        return up_to + np.log(-np.expm1(norm.log_below(left) - up_to))


class _Poisson(Discrete):
    """The Poisson distribution of the mean mu, as scipy.stats.poisson; there is no derivative by the count."""

    shapes, support = ("mu",), (0.0, math.inf, 0.0)

    def shapes_in_range(self, mu: Value) -> tuple[Any, ...]:
        return (positive(mu, closed=True),)

    def log_density(self, z: Value, mu: Value) -> Any:
        return special().xlogy(z, mu) - special().gammaln(z + 1.0) - mu

    def below(self, z: Value, mu: Value) -> Any:
        return special().gammaincc(z + 1.0, mu)

    def above(self, z: Value, mu: Value) -> Any:
        return special().gammainc(z + 1.0, mu)


class _Bernoulli(Discrete):
    """The Bernoulli distribution of the probability p of 1, as scipy.stats.bernoulli."""

    shapes, support = ("p",), (0.0, 1.0, 0.0)

    def shapes_in_range(self, p: Value) -> tuple[Any, ...]:
        p = as_operand(p)
        return (np.where((p >= 0) & (p <= 1), p, math.nan),)

    def log_density(self, z: Value, p: Value) -> Any:
        return special().xlogy(z, p) + special().xlog1py(1 - z, -p)

    def below(self, z: Value, p: Value) -> Any:
        return np.where(z < 1, 1 - p, 1.0 + 0 * p)

    def above(self, z: Value, p: Value) -> Any:
        return np.where(z < 1, p, 0 * p)

    def log_above(self, z: Value, p: Value) -> Any:
        return np.where(z < 1, np.log(p), -math.inf)


norm = _Norm()
gamma = _Gamma()
DISTRIBUTIONS = {one.__name__: one for one in (
    norm, _T(), gamma, _Chi2(), _Beta(), _Expon(), _Laplace(), _Logistic(), _Cauchy(), _Uniform(), _Pareto(),
    _TruncNorm(), _Poisson(), _Bernoulli(),
)}  # fmt: skip
"""Each distribution by the name under which it is imported."""
