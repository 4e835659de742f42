"""A slope with its own error bar: central differences, Richardson's extrapolation.

D(h) = (F(x + h d) - F(x - h d)) / 2h = F'd + c2 h² + c4 h⁴ + ...

Each column of the tableau removes one power; an entry's bar is its distance to the entries that it came from plus the
rounding of F amplified by 1/h. Per output the entry with the least bar is kept.
Source: Richardson (1911); Ridders, "Accurate computation of F'(x) and F'(x)F''(x)" (1982).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flowgraph.checking.target import Array

STEP = 0.0371  # not a power of two, so that x ± h falls on no grid the code may have
SHRINK = 4.0  # the factor between steps: three of them cover what six halvings do, with half of the calls


@dataclass
class Slopes:
    """Per output: the slope along one direction, its error bar, and the hull of the one-sided slopes at a kink."""

    value: Array
    error: Array
    low: Array
    high: Array
    kinked: Array
    one_sided: bool = False

    @classmethod
    def plain(cls, value: Array, error: Array, one_sided: bool = False) -> Slopes:
        """Those of a function without kinks."""
        return cls(value, error, value.copy(), value.copy(), np.zeros(value.shape, bool), one_sided)

    def split(self, count: int) -> list[Slopes]:
        """Those of `count` stencils that were put side by side."""
        whole = (self.value, self.error, self.low, self.high, self.kinked)
        value, error, low, high, kinked = (x.reshape(count, -1) for x in whole)
        return [Slopes(value[k], error[k], low[k], high[k], kinked[k], self.one_sided) for k in range(count)]


class Stencil:
    """F along one line through x, evaluated at ±h0·4^-k as needed.

    `along` gives the values at a list of steps, None for each that is outside of the domain.
    """

    def __init__(self, along: Callable[[list[float]], list[Array | None]], base: Array, start: float = STEP) -> None:
        self.along = along
        self.base = base
        self.start = start
        self.plus: list[Array | None] = []
        self.minus: list[Array | None] = []

    @classmethod
    def side_by_side(cls, stencils: Sequence[Stencil]) -> Stencil:
        """All outputs of several whose steps are the same and all legal, so that one tableau serves them."""
        joint = cls(stencils[0].along, np.concatenate([one.base for one in stencils]), stencils[0].start)
        depth = range(len(stencils[0].plus))
        joint.plus = [np.concatenate([one.plus[k] for one in stencils]) for k in depth]
        joint.minus = [np.concatenate([one.minus[k] for one in stencils]) for k in depth]
        return joint

    @property
    def is_whole(self) -> bool:
        """Whether every step is legal, to both sides."""
        return all(value is not None for value in self.plus) and all(value is not None for value in self.minus)

    def missing(self, depth: int) -> list[float]:
        """The steps up to this depth that have not been evaluated, each to the right and to the left."""
        return [side * self.start * SHRINK**-k for k in range(len(self.plus), depth) for side in (1, -1)]

    def take(self, values: Sequence[Array | None]) -> None:
        """The values at the steps that were missing."""
        self.plus += values[::2]
        self.minus += values[1::2]

    def extend(self, depth: int) -> None:
        """Evaluate the missing points."""
        self.take(self.along(self.missing(depth)))

    @property
    def stands_alone(self) -> bool:
        """Whether the finest steps are all refused, though coarser ones may be legal: a domain with a hole around x."""
        return all(value is None for value in (*self.plus[-3:], *self.minus[-3:]))

    def rows(self, plus: bool, minus: bool) -> tuple[Array, list[int]]:
        """The steps at which the asked sides are all legal."""
        usable = [
            k
            for k in range(len(self.plus))
            if (not plus or self.plus[k] is not None) and (not minus or self.minus[k] is not None)
        ]
        return np.array([self.start * SHRINK**-k for k in usable]), usable

    def central(self, noise: Array) -> tuple[Array, Array] | None:
        """Quotients (steps × outputs) and their rounding floors."""
        h, usable = self.rows(True, True)
        if len(usable) < 2:
            return None
        up = np.stack([self.plus[k] for k in usable])  # type: ignore[misc]
        down = np.stack([self.minus[k] for k in usable])  # type: ignore[misc]
        quotients = (up - down) / (2 * h[:, None])
        return quotients, (noise + _input_rounding(quotients)) / h[:, None]

    def one_sided(self, side: int, noise: Array) -> tuple[Array, Array] | None:
        """Quotients of one side (steps × outputs) and their rounding floors; None of fewer than two legal steps."""
        h, usable = self.rows(side > 0, side < 0)
        if len(usable) < 2:
            return None
        values = self.plus if side > 0 else self.minus
        moved = np.stack([values[k] for k in usable])  # type: ignore[misc]
        quotients = side * (moved - self.base) / h[:, None]
        return quotients, 2 * (noise + _input_rounding(quotients)) / h[:, None]

    def slopes(self, noise: Array) -> Slopes | None:
        """The extrapolated slopes: central where both sides are legal, else of one side, None where neither is."""
        central = self.central(noise)
        if central is not None:
            value, error = extrapolate(*central, ratio=SHRINK**2, growth=SHRINK**2)
            return self._with_kinks(value, error, noise)
        right, left = self.one_sided(1, noise), self.one_sided(-1, noise)
        side = right if right is not None else left
        if side is None:
            return None
        value, error = extrapolate(*side, ratio=SHRINK, growth=SHRINK)
        return Slopes.plain(value, error, one_sided=True)

    def _with_kinks(self, value: Array, error: Array, noise: Array) -> Slopes:
        """Where the one-sided slopes do not converge to each other, any slope between them is a subgradient."""
        h, usable = self.rows(True, True)
        coarse, fine = (self._both_sides(k) for k in usable[-2:])
        jump = np.abs(fine[0] - fine[1])
        typical = np.abs(fine[0]) + np.abs(fine[1])
        floor = 2 * (2 * noise + float(np.finfo(value.dtype).eps) * typical) / h[-1]
        kinked = (jump > 0.4 * np.abs(coarse[0] - coarse[1])) & (jump > 8 * floor + 1e-7 * typical)
        if not kinked.any():
            return Slopes(value, error, value, value, kinked)
        slack = 2 * (np.abs(fine[0] - coarse[0]) + np.abs(fine[1] - coarse[1])) + floor
        low = np.where(kinked, np.minimum(*fine) - slack, value)
        high = np.where(kinked, np.maximum(*fine) + slack, value)
        return Slopes(value, error, low, high, kinked)

    def _both_sides(self, k: int) -> tuple[Array, Array]:
        """The quotients of one step to the right and to the left."""
        h = self.start * SHRINK**-k
        return (self.plus[k] - self.base) / h, (self.base - self.minus[k]) / h


def _input_rounding(quotients: Array) -> Array:
    """x + h d is itself rounded, by a unit of x, and F carries that on with its slope (|d| is about |x|)."""
    unit = float(np.finfo(quotients.dtype).eps)
    middle = len(quotients) // 2
    return np.asarray(unit * np.partition(np.abs(quotients), middle, axis=0)[middle])


def extrapolate(
    quotients: Array, floors: Array, ratio: float, growth: float, trusted: Callable[..., Array] | None = None
) -> tuple[Array, Array]:
    """The best entry of the tableau per output and its bar.

    T[k, j] = (r_j T[k, j-1] - T[k-1, j-1]) / (r_j - 1),  r_j = ratio · growth^(j-1)
    """
    column, floor, power = quotients, floors, ratio
    values = [column[1:]]
    bars = [np.abs(column[1:] - column[:-1]) + floor[1:]]
    rows = [np.arange(1, len(column))]
    for order in range(1, min(len(quotients), 8)):
        higher = (power * column[1:] - column[:-1]) / (power - 1)
        floor = (power * floor[1:] + floor[:-1]) / (power - 1)
        bars.append(np.maximum(np.abs(higher - column[1:]), np.abs(higher - column[:-1])) + floor)
        values.append(higher)
        rows.append(np.arange(order, len(quotients)))
        column, power = higher, power * growth
    value, bar = np.concatenate(values), np.concatenate(bars)
    bar = np.where(np.isfinite(bar), bar, np.inf)
    if trusted is not None:
        bar = np.where(trusted(value, bar, np.concatenate(rows)), bar, np.inf)
    best = np.argmin(bar, axis=0), np.arange(bar.shape[1])
    return value[best], bar[best]


def trusted_by_finer(quotients: Array, floors: Array) -> Callable[[Array, Array, Array], Array]:
    """An estimate counts only if every finer step agrees with it within the error bar of that step."""

    def trusted(value: Array, bar: Array, rows: Array) -> Array:
        agrees = np.ones(value.shape, bool)
        for k in range(len(quotients)):
            own = np.abs(quotients[rows] - value)
            apart = np.abs(quotients[k] - value) > bar + own + 6 * floors[k]
            agrees &= ~(apart & (rows < k)[:, None])
        return agrees

    return trusted
