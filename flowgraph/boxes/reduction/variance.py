"""Variance and standard deviation along axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Value
from flowgraph.box.axes import Axes
from flowgraph.box.example import example
from flowgraph.boxes.elementwise.complex_numbers import conjugate, real_part
from flowgraph.boxes.elementwise.exponential import one_at_zero
from flowgraph.boxes.engine import remedies
from flowgraph.boxes.engine.shape_like import count, count_like
from flowgraph.boxes.reduction.masked import in_floats, one_of, squares
from flowgraph.boxes.reduction.sums import EXAMPLES, Reduction, average, positive


class Var(Reduction):
    """Variance along axes.

    h = Σ (a - mean)² / (n - ddof)        dh/da = 2 (a - mean) / (n - ddof)
    """

    ddof: int | float = 0

    numpy = np.var
    symbol = "var"
    per_element = 4  # the mean, a difference, its square, a sum
    formula = r"\frac{1}{n - ddof} \sum (a - \bar a)^2"
    derivative = r"\frac{2 (a - \bar a)}{n - ddof}"
    remedies = {"fprop": remedies.MEAN}
    examples = (*EXAMPLES[:4], example((3, 4), axis=1, ddof=1), example((5,), keepdims=True))

    @classmethod
    def from_numpy(
        cls, a: Value, axis: Axes | None = None, *, ddof: Any = 0, keepdims: bool = False,
        dtype: DTypeLike | None = None, where: Value = None, mean: Value = None, correction: Any = None,
    ) -> Any:  # fmt: skip
        """np.var: in another dtype, of the elements that a mask keeps, around a mean that is known."""
        a, ddof = in_floats(a, dtype, real=True), one_of(ddof, correction)
        if where is None and mean is None:
            return cls(a, axis=axis, ddof=ddof, keepdims=keepdims)
        total, number = squares(a, where, axis, keepdims, mean)
        return total / np.maximum(number - ddof, 0)

    def fprop(self, a: Value) -> Value:
        return spread(a, self.axis, self.ddof, self.keepdims)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        centred = a - np.mean(a, axis=self.axis, keepdims=True)
        freedom = positive(count_like(real_part(a), self.axis) - self.ddof)
        return (self.restored(grad / freedom, a) * (2 * conjugate(centred)),)


class Std(Reduction):
    """Standard deviation along axes.

    h = √(Σ (a - mean)² / (n - ddof))        dh/da = (a - mean) / ((n - ddof) h)

    Where all numbers along the axes are equal there is no derivative; the gradient is 0 there.
    """

    ddof: int | float = 0

    numpy = np.std
    symbol = "std"
    per_element = 4  # the mean, a difference, its square, a sum
    formula = r"\sqrt{\frac{1}{n - ddof} \sum (a - \bar a)^2}"
    derivative = r"\frac{a - \bar a}{(n - ddof)\, h}"
    remedies = {"fprop": remedies.MEAN, "bprop": remedies.ROOT_SLOPE}
    examples = (*EXAMPLES[:4], example((3, 4), axis=1, ddof=1), example((5,), keepdims=True))

    @classmethod
    def from_numpy(
        cls, a: Value, axis: Axes | None = None, *, ddof: Any = 0, keepdims: bool = False,
        dtype: DTypeLike | None = None, where: Value = None, mean: Value = None, correction: Any = None,
    ) -> Any:  # fmt: skip
        """np.std: in another dtype, of the elements that a mask keeps, around a mean that is known."""
        a, ddof = in_floats(a, dtype, real=True), one_of(ddof, correction)
        if where is None and mean is None:
            return cls(a, axis=axis, ddof=ddof, keepdims=keepdims)
        variance = np.var(a, axis=axis, ddof=ddof, keepdims=keepdims, where=where, mean=mean)
        return np.where(variance == 0, 0, np.sqrt(one_at_zero(variance)))

    def fprop(self, a: Value) -> Value:
        return np.sqrt(spread(a, self.axis, self.ddof, self.keepdims))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        centred = a - np.mean(a, axis=self.axis, keepdims=True)
        freedom = positive(count_like(real_part(a), self.axis) - self.ddof)
        return (self.restored(grad / (freedom * one_at_zero(h)), a) * conjugate(centred),)


def spread(a: Value, axis: Axes | None, ddof: float, keepdims: bool) -> Any:
    """The variance, of complex numbers that of their distance; an empty one is NaN, as in NumPy."""
    centred = a - average(a, axis, True)
    total = real_part(conjugate(centred) * centred).sum(axis=axis, keepdims=keepdims)
    return total / max(count(a.shape, axis) - ddof, 0)
