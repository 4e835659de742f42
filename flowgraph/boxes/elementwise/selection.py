"""Choices between numbers, element by element: sign and size, the larger or smaller of two, limits, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Box, Elementwise, Value, join_boxes
from flowgraph.box.vocabulary import example
from flowgraph.boxes.numpy_api.constructors import common_dtype
from flowgraph.errors import UnsupportedError


class Absolute(Elementwise):
    """Absolute value, of complex numbers too.

    h = |a|        dh/da = sign(a), 0 at 0; of a complex a it is conj(a / |a|)
    """

    numpy: ClassVar[np.ufunc] = np.absolute
    symbol = "|a|"
    formula = "|a|"
    kinks = (0.0,)
    analytic = False
    slopes = "finite"

    def fprop(self, a: Value) -> Value:
        return np.absolute(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (grad * (np.conjugate(np.sign(a)) if a.dtype.kind == "c" else np.sign(a)),)


class Fabs(Absolute):
    """Absolute value as a float, of integers too.

    h = |a|        dh/da = sign(a), 0 at 0
    """

    numpy = np.fabs

    def fprop(self, a: Value) -> Value:
        return np.fabs(a)


class Sign(Elementwise):
    """Sign: -1, 0 or 1; of a complex number z / |z|.

    h = sign(a), sign(0) = 0        dh/da = 0, also at the jump; of a complex a only its turning moves h = a / |a|
    """

    numpy = np.sign
    symbol = "sign"
    formula = r"\operatorname{sign}(a)"
    derivative = "0"
    kinks = (0.0,)
    analytic = False
    slopes = "finite"

    def fprop(self, a: Value) -> Value:
        return np.sign(a)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        if a.dtype.kind != "c":
            return (np.zeros_like(grad),)
        turning = grad - np.real(grad * h) * np.conjugate(h)
        return (np.where(a == 0, 0, turning / np.where(a == 0, 1, np.absolute(a))),)


class Extremum(Elementwise, abstract=True):
    """The larger or the smaller of two: the gradient goes to the one that was taken, half to each at a tie."""

    analytic = False
    slopes = "choice"

    def fprop(self, a: Value, b: Value) -> Value:
        return self.numpy(a, b)

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        share = np.where(a == b, grad / 2, grad)
        return np.where(a == h, share, 0) if needs[0] else None, np.where(b == h, share, 0) if needs[1] else None


class Maximum(Extremum):
    """The larger of two; NaN if either is.

    h = max(a, b)        ∂h/∂a = 1 where a > b, 1/2 where a = b, else 0; ∂h/∂b likewise
    """

    numpy = np.maximum
    symbol = "max"
    formula = r"\max(a, b)"


class Minimum(Extremum):
    """The smaller of two; NaN if either is.

    h = min(a, b)        ∂h/∂a = 1 where a < b, 1/2 where a = b, else 0; ∂h/∂b likewise
    """

    numpy = np.minimum
    symbol = "min"
    formula = r"\min(a, b)"


class Fmax(Extremum):
    """The larger of two; where one is NaN, the other.

    h = max(a, b)        ∂h/∂a = 1 where a > b, 1/2 where a = b, else 0; ∂h/∂b likewise
    """

    numpy = np.fmax
    symbol = "fmax"
    formula = r"\max(a, b)"

    def parts(self, a: Value, b: Value) -> Value:
        """The larger one; where one is NaN, the other."""
        larger = np.maximum(a, b)
        return np.where(np.isnan(a), b, np.where(np.isnan(b), a, larger)) if self.dtype.kind == "f" else larger


class Fmin(Extremum):
    """The smaller of two; where one is NaN, the other.

    h = min(a, b)        ∂h/∂a = 1 where a < b, 1/2 where a = b, else 0; ∂h/∂b likewise
    """

    numpy = np.fmin
    symbol = "fmin"
    formula = r"\min(a, b)"

    def parts(self, a: Value, b: Value) -> Value:
        """The smaller one; where one is NaN, the other."""
        smaller = np.minimum(a, b)
        return np.where(np.isnan(a), b, np.where(np.isnan(b), a, smaller)) if self.dtype.kind == "f" else smaller


class Clip(Elementwise):
    """A number limited to an interval.

    h = min(max(a, low), high)        dh/da = 1 where low ≤ a ≤ high and low < high, else 0

    At a limit the gradient passes. np.clip with an array or a box as a limit is np.minimum(np.maximum(a, low), high),
    where at a tie the limit takes half of it.

    Parameters
    ----------
    low : float, default -inf
        The lower limit, in the unit of `a`.
    high : float, default inf
        The upper limit, in the unit of `a`.
    """

    low: int | float = -inf
    high: int | float = inf

    numpy = np.clip
    symbol = "clip"
    formula = r"\min(\max(a, low), high)"
    analytic = False
    slopes = "choice"
    examples = (
        example((3, 4), low=-0.5, high=0.5),
        example(np.array([-2.0, -1.0, 0.0, 3.0]), low=0.5),
        example(np.array([[-2.0, -1.0], [0.0, 3.0]]), high=0.5),
    )

    @classmethod
    def from_numpy(
        cls, a: Value, a_min: Value = None, a_max: Value = None, *, min: Value = None, max: Value = None
    ) -> Any:
        """Limits that are plain numbers are settings; the others are boxes of their own."""
        low, high = (a_min if min is None else min), (a_max if max is None else max)
        if low is None and high is None:
            return a
        plain = isinstance(a, Box) and all(limit is None or type(limit) in (int, float) for limit in (low, high))
        if plain and (a.dtype.kind == "f" or not {low, high} & {-inf, inf}):  # which make floats of integers
            return cls(a, low=-inf if low is None else low, high=inf if high is None else high)
        a = join_boxes(a).astype(common_dtype(*(operand for operand in (a, low, high) if operand is not None)))
        raised = a if low is None else np.maximum(a, low)
        return raised if high is None else np.minimum(raised, high)

    def fprop(self, a: Value) -> Value:
        low, high = None if self.low == -inf else self.low, None if self.high == inf else self.high
        return +a if low is None and high is None else np.clip(a, low, high)

    def parts(self, a: Value) -> Value:
        """A maximum and a minimum with the bounds that are finite."""
        a = a if self.low == -inf else np.maximum(a, self.dtype.type(self.low))
        return a if self.high == inf else np.minimum(a, self.dtype.type(self.high))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        if self.low >= self.high:  # one number whatever a is
            return (np.zeros_like(grad),)
        return (np.where((a >= self.low) & (a <= self.high), grad, 0),)


class Where(Elementwise):
    """A choice between two, by a condition.

    h = a where the condition is true, else b        ∂h/∂a = 1 where true, else 0; ∂h/∂b the other way round

    The branch that is not taken gets an exact 0.
    """

    numpy = np.where
    symbol = "where"
    formula = r"\begin{cases} a & condition \\ b & \text{otherwise} \end{cases}"
    constant_children = frozenset({"condition"})
    slopes = "choice"
    examples = (
        example(np.array([[True, False, True], [False, False, True]]), (2, 3), (2, 3)),
        example(np.array([True, False, True]), (2, 3), ()),
    )

    @classmethod
    def from_numpy(cls, condition: Value, *branches: Any) -> Any:
        """np.where: with two branches a choice, with none the places where the condition holds."""
        if not branches:
            return np.nonzero(condition)
        if len(branches) != 2:
            raise UnsupportedError(
                "np.where: found one branch, needs two, or none for the places where the condition holds; give both "
                "branches, np.where(condition, a, b)"
            )
        condition = join_boxes(condition)
        return cls(condition if condition.dtype.kind == "b" else condition != 0, *branches)

    def fprop(self, condition: Value, a: Value, b: Value) -> Value:
        return np.where(condition, a, b)

    def bprop(
        self,
        grad: Value,
        h: Value,
        condition: Value,
        a: Value,
        b: Value,
        *,
        needs: tuple[bool, ...] = (False, True, True),
    ) -> tuple[Value, ...]:
        taken = np.where(condition, grad, 0) if needs[1] else None
        return None, taken, np.where(condition, 0, grad) if needs[2] else None

    def _dtype_of(self, place: int, children: Sequence[Any]) -> Any:
        """A Python number takes the dtype of the other branch, whatever the condition is made of."""
        return super()._dtype_of(place - 1, children[1:]) if place else None


class NanToNum(Elementwise):
    """Replaces NaN and the infinities by numbers.

    h = a where finite, else the replacement        dh/da = 1 where finite, else 0

    Parameters
    ----------
    nan : float, default 0.0
        What replaces NaN.
    posinf : float or None, default None
        What replaces +∞; None for the largest number of the dtype.
    neginf : float or None, default None
        What replaces −∞; None for the lowest number of the dtype.
    """

    nan: float = 0.0
    posinf: float | None = None
    neginf: float | None = None

    numpy = np.nan_to_num
    symbol = "nan to num"
    formula = r"a \text{ if finite}"
    slopes = "choice"
    examples = (example((3, 4)), example((3, 4), nan=1.0, posinf=2.0, neginf=-2.0))

    @classmethod
    def from_numpy(
        cls, x: Value, copy: bool = True, nan: Value = 0.0, posinf: Value = None, neginf: Value = None
    ) -> Box:
        """A box never shares memory, whatever `copy` says."""
        return cls(x, nan=nan, posinf=posinf, neginf=neginf)

    def fprop(self, a: Value) -> Value:
        return np.nan_to_num(a, nan=self.nan, posinf=self.posinf, neginf=self.neginf)

    def parts(self, a: Value) -> Value | None:
        """A choice for each of the three."""
        if self.dtype.kind == "c" or self.dtype.char == "g":
            return None  # real and imaginary parts are chosen apart; plans do not hold the largest long double
        info, number = np.finfo(self.dtype), self.dtype.type
        finite = np.where(np.isnan(a), number(self.nan), a)
        finite = np.where(a == inf, number(info.max if self.posinf is None else self.posinf), finite)
        return np.where(a == -inf, number(info.min if self.neginf is None else self.neginf), finite)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.where(np.isfinite(a), grad, 0),)
