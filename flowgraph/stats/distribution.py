"""What distributions of one number share: their functions of SciPy, made of a density and what is known of the rest."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Box, holds_box
from flowgraph.box.vocabulary import Value
from flowgraph.errors import UsageError
from flowgraph.scipy import of_scipy


def as_operand(a: Value) -> Any:
    """A box or a Python number as it is, anything else as an array."""
    return a if isinstance(a, Box) or type(a) in (int, float) else np.asarray(a)


def positive(a: Value, least: float = 0.0, closed: bool = False) -> Any:
    """A parameter, NaN where it is not above its least value (nor equal to it, if that is allowed)."""
    a = as_operand(a)
    if type(a) in (int, float):
        return a if a > least or (closed and a == least) else math.nan
    return np.where((a >= least) if closed else (a > least), a, math.nan)


def weak(a: Value) -> Any:
    """What NumPy computed of Python's numbers, as such a number: it widens no array or box of another precision."""
    return float(a) if type(a) is np.float64 else a


def is_unbounded(end: Value) -> bool:
    """Whether an end of a support is infinite in every case."""
    return isinstance(end, float) and math.isinf(end)


class Distribution(types.ModuleType):
    """A distribution of scipy.stats, by its name there, whose functions take boxes.

    Its functions take the value, the shapes, `loc` and `scale`, in this order or by name, in arrays, numbers and boxes
    that broadcast. They are NaN where a parameter is out of range. What else scipy.stats has for the distribution, such
    as `rvs`, is that of SciPy, and refuses boxes.
    """

    shapes: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters beside loc and scale."""

    support: ClassVar[tuple[float, float, float]] = (-math.inf, math.inf, 0.0)
    """The least and the largest value in standard form, and one between them."""

    places: ClassVar[dict[str, Any]] = {"loc": 0.0, "scale": 1.0}
    """The parameters beside the shapes, with what they are where left out."""

    def __init__(self) -> None:
        name = type(self).__name__.lower().removeprefix("_")
        super().__init__(f"flowgraph.stats.{name}", inspect.getdoc(self))
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self._of = inspect.Signature(
            [inspect.Parameter(one, kind) for one in self.shapes]
            + [inspect.Parameter(one, kind, default=value) for one, value in self.places.items()]
        )

    def log_density(self, z: Value, *shapes: Value) -> Any:
        """Logarithm of the density, or probability, of a value in standard form, within the support."""
        raise NotImplementedError

    def below(self, z: Value, *shapes: Value) -> Any:
        """Probability of a value up to z, within the support."""
        raise NotImplementedError

    def above(self, z: Value, *shapes: Value) -> Any:
        """Probability of a value above z, within the support."""
        return 1 - self.below(z, *shapes)

    def log_below(self, z: Value, *shapes: Value) -> Any:
        """Logarithm of the probability of a value up to z."""
        return np.log(self.below(z, *shapes))

    def log_above(self, z: Value, *shapes: Value) -> Any:
        """Logarithm of the probability of a value above z."""
        return np.log(self.above(z, *shapes))

    quantile: ClassVar[Callable[..., Any] | None] = None
    """The value in standard form up to which a probability lies, a function of it and the shapes."""

    def shapes_in_range(self, *shapes: Value) -> tuple[Any, ...]:
        """The shapes, NaN where they are out of range."""
        return tuple(map(positive, shapes))

    def ends(self, *shapes: Value) -> tuple[Any, Any, Any]:
        """The support, where it depends on the shapes."""
        return self.support

    def cdf(self, x: Value, *parameters: Value, **named: Value) -> Any:
        """Probability of a value up to x."""
        z, shapes, _ = self._standard("cdf", x, parameters, named)
        return self._within(self.below, z, shapes, 0.0, 1.0)

    def sf(self, x: Value, *parameters: Value, **named: Value) -> Any:
        """Probability of a value above x."""
        z, shapes, _ = self._standard("sf", x, parameters, named)
        return self._within(self.above, z, shapes, 1.0, 0.0)

    def logcdf(self, x: Value, *parameters: Value, **named: Value) -> Any:
        """Logarithm of the probability of a value up to x."""
        z, shapes, _ = self._standard("logcdf", x, parameters, named)
        return self._within(self.log_below, z, shapes, -math.inf, 0.0)

    def logsf(self, x: Value, *parameters: Value, **named: Value) -> Any:
        """Logarithm of the probability of a value above x."""
        z, shapes, _ = self._standard("logsf", x, parameters, named)
        return self._within(self.log_above, z, shapes, 0.0, -math.inf)

    def ppf(self, q: Value, *parameters: Value, **named: Value) -> Any:
        """The value up to which the probability q lies, NaN where q is none."""
        if self.quantile is None:
            return self._pass_on("ppf")(q, *parameters, **named)
        loc, scale, shapes = self._parameters("ppf", parameters, named)
        q = as_operand(q)
        return self.quantile(np.where((q >= 0) & (q <= 1), q, math.nan), *shapes) * scale + loc

    def _parameters(self, function: str, parameters: Any, named: Any) -> tuple[Any, Any, tuple[Any, ...]]:
        """The place, the scale and the shapes."""
        try:
            given = self._of.bind(*parameters, **named)
        except TypeError as error:
            raise UsageError(f"{self.__name__}.{function}: {error}; needs the value, then {self._of}") from None
        given.apply_defaults()
        values = given.arguments
        shapes = [values[one] for one in self.shapes]
        return as_operand(values["loc"]), positive(values.get("scale", 1.0)), self.shapes_in_range(*shapes)

    def _standard(self, function: str, x: Value, parameters: Any, named: Any) -> tuple[Any, tuple[Any, ...], Any]:
        """The value in units of the scale, the shapes and the scale."""
        loc, scale, shapes = self._parameters(function, parameters, named)
        z = (as_operand(x) - loc) / scale
        return (np.float64(z) if type(z) in (int, float) else z), shapes, scale

    def _within(
        self, function: Callable[..., Any], z: Value, shapes: tuple[Any, ...], under: float, over: float
    ) -> Any:
        """A function of the values in the support, elsewhere what it is below and above it; NaN stays NaN.

        Another value stands for those outside, so that no gradient of theirs is NaN.
        """
        low, high, inner = self.ends(*shapes)
        sides: list[tuple[Any, float]] = []
        if not is_unbounded(low):
            sides.append((z < low, under))
        if not is_unbounded(high):
            sides.append((z > high, over))
        if not sides:
            return function(z, *shapes)
        outside = sides[0][0] if len(sides) == 1 else sides[0][0] | sides[1][0]
        value = function(np.where(outside, inner, z), *shapes)
        for beyond, there in sides:
            value = np.where(beyond & ~np.isnan(value), there, value)
        return value

    def _pass_on(self, function: str) -> Any:
        """What scipy.stats has by that name, where it is a function one that refuses boxes."""
        found = getattr(getattr(of_scipy("stats", self.__name__), self.__name__.rpartition(".")[2]), function)

        def call(*args: Value, **named: Value) -> Any:
            if holds_box([args, named]):
                what = f"{self.__name__}.{function}"
                raise UsageError(f"{what}: found a box, needs arrays: it is computed by SciPy, and has no gradient")
            return found(*args, **named)

        return call if callable(found) else found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._pass_on(name)


class Continuous(Distribution):
    """A distribution with a density."""

    def logpdf(self, x: Value, *parameters: Value, **named: Value) -> Any:
        """Logarithm of the density at x, minus infinity outside of the support."""
        z, shapes, scale = self._standard("logpdf", x, parameters, named)
        return self._within(self.log_density, z, shapes, -math.inf, -math.inf) - weak(np.log(scale))

    def pdf(self, x: Value, *parameters: Value, **named: Value) -> Any:
        """Density at x."""
        return np.exp(self.logpdf(x, *parameters, **named))


class Discrete(Distribution):
    """A distribution of whole numbers, of which each has a probability."""

    places = {"loc": 0}

    def logpmf(self, k: Value, *parameters: Value, **named: Value) -> Any:
        """Logarithm of the probability of the number k, minus infinity where k is none of those that occur."""
        z, shapes, _ = self._standard("logpmf", k, parameters, named, whole=False)
        value = self._within(self.log_density, np.floor(z), shapes, -math.inf, -math.inf)
        return np.where((np.floor(z) != z) & ~np.isnan(value), -math.inf, value)

    def pmf(self, k: Value, *parameters: Value, **named: Value) -> Any:
        """Probability of the number k."""
        return np.exp(self.logpmf(k, *parameters, **named))

    def _standard(self, function: str, x: Value, parameters: Any, named: Any, whole: bool = True) -> Any:
        """The largest whole number up to the value, or the value itself."""
        z, shapes, scale = super()._standard(function, x, parameters, named)
        return np.floor(z) if whole else z, shapes, scale
