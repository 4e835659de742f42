"""A slope with its own error bar: central differences, Richardson's extrapolation.

D(h) = (F(x + h d) - F(x - h d)) / 2h = F'd + c2 h² + c4 h⁴ + ...

Each column of the tableau removes one power; an entry's bar is its distance to the entries that it came from plus the
rounding of F amplified by 1/h. Per output the entry with the least bar is kept.
Source: Richardson (1911); Ridders, "Accurate computation of F'(x) and F'(x)F''(x)" (1982).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flowgraph.checking.target import Array

STEP = 0.0371  # not a power of two, so that x ± h falls on no grid the code may have
SHRINK = 4.0  # the factor between steps: three of them cover what six halvings do, with half of the calls
SETTLING = 8  # steps, down to 2e-6: finer ones are rounded where the value is larger than its change
CLEAR = 30  # roundings of two quotients: a move that is as large is none of them


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


class Stencil:
    """F along one line through x, evaluated at ±h0·4^-k as needed.

    `along` gives the value at a step, None outside of the domain.
    """

    def __init__(self, along: Callable[[float], Array | None], base: Array, start: float = STEP) -> None:
        self.along = along
        self.base = base
        self.start = start
        self.plus: list[Array | None] = []
        self.minus: list[Array | None] = []

    def extend(self, depth: int) -> None:
        """Evaluate the missing points up to this depth, each to the right and to the left."""
        for k in range(len(self.plus), depth):
            h = self.start * SHRINK**-k
            up, down = self.along(h), self.along(-h)  # both before one is kept: the time may end in between
            self.plus.append(up)
            self.minus.append(down)

    @property
    def stands_alone(self) -> bool:
        """Whether the finest steps are all refused, though coarser ones may be legal: a domain with a hole around x."""
        return all(value is None for value in (*self.plus[-3:], *self.minus[-3:]))

    def quotients(self, side: int, noise: Array | float = 0.0) -> tuple[Array, Array, Array] | None:
        """(Quotients, their rounding floors, steps × outputs each; the steps) of one side, of both where `side` is 0.

        None of fewer than two legal steps.
        """
        right = self.plus if side >= 0 else [self.base] * len(self.plus)
        left = self.minus if side <= 0 else [self.base] * len(self.minus)
        pairs = [(k, up, down) for k, (up, down) in enumerate(zip(right, left, strict=True))]
        usable = [(k, up, down) for k, up, down in pairs if up is not None and down is not None]
        if len(usable) < 2:
            return None
        h = np.array([self.start * SHRINK**-k for k, _, _ in usable])
        width = (h if side else 2 * h)[:, None]
        slopes = (np.stack([up for _, up, _ in usable]) - np.stack([down for _, _, down in usable])) / width
        return slopes, 2 * (noise + _input_rounding(slopes)) / width, h

    def slopes(self, noise: Array, confirmed: bool = False) -> Slopes | None:
        """The extrapolated slopes: central where both sides are legal, else of one side, None where neither is.

        Those that are `confirmed` count only if every finer step agrees, and tell of no kinks.
        """
        for side in (0, 1, -1):
            rows = self.quotients(side, noise)
            if rows is not None:
                ratio = SHRINK if side else SHRINK**2
                value, error = extrapolate(*rows[:2], ratio, trusted_by_finer(*rows[:2]) if confirmed else None)
                plain = side or confirmed
                return Slopes.plain(value, error, bool(side)) if plain else self._with_kinks(value, error, noise)
        return None

    def _with_kinks(self, value: Array, error: Array, noise: Array) -> Slopes:
        """Where the one-sided slopes do not converge to each other, any slope between them is a subgradient."""
        usable = [k for k in range(len(self.plus)) if self.plus[k] is not None and self.minus[k] is not None]
        coarse, fine = (self._both_sides(k) for k in usable[-2:])
        jump = np.abs(fine[0] - fine[1])
        typical = np.abs(fine[0]) + np.abs(fine[1])
        floor = 2 * (2 * noise + float(np.finfo(value.dtype).eps) * typical) / (self.start * SHRINK ** -usable[-1])
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

    def settles(self, side: int, noise: Array | float = 0.0) -> Array | None:
        """Per output, whether the quotients of one side settle as the step shrinks; None of fewer than five steps.

        Those of which a move is not clear of the noise are taken to settle.

        Each move is then less than half of that three steps before, as of x^1.5 and what is smoother. Where the
        derivative is infinite the quotients grow, like h^(-a), or by as much per step for a logarithm; of x^1.1 and
        x log x they have not settled before rounding takes over.
        """
        self.extend(SETTLING + 4)
        quotients = self.quotients(side, noise)
        if quotients is None or len(quotients[0]) < 5:
            return None
        rows, floors = quotients[0][:SETTLING], quotients[1][:SETTLING]
        moves = np.abs(np.diff(rows, axis=0))
        size = np.abs(rows).max(axis=0) + 1e-300
        late, early = moves[-1], moves[len(moves) // 2]
        clear = np.all(moves > CLEAR * (floors[1:] + floors[:-1]), axis=0)
        return np.asarray((late < 0.5 * early) | (late < 1e-5 * size) | ~clear)


def _input_rounding(quotients: Array) -> Array:
    """x + h d is itself rounded, by a unit of x, and F carries that on with its slope (|d| is about |x|)."""
    unit = float(np.finfo(quotients.dtype).eps)
    middle = len(quotients) // 2
    return np.asarray(unit * np.partition(np.abs(quotients), middle, axis=0)[middle])


def extrapolate(
    quotients: Array, floors: Array, ratio: float, trusted: Callable[..., Array] | None = None
) -> tuple[Array, Array]:
    """The best entry of the tableau per output and its bar.

    T[k, j] = (r^j T[k, j-1] - T[k-1, j-1]) / (r^j - 1),  r = SHRINK² of central quotients, SHRINK of those of one side
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
        column, power = higher, power * ratio
    value, bar = np.concatenate(values), np.concatenate(bars)
    bar = np.where(np.isfinite(bar), bar, np.inf)
    if trusted is not None:
        bar = np.where(trusted(value, bar, np.concatenate(rows)), bar, np.inf)
    best = np.argmin(bar, axis=0), np.arange(bar.shape[1])
    return value[best], bar[best]


def trusted_by_finer(quotients: Array, floors: Array) -> Callable[[Array, Array, Array], Array]:
    """An estimate counts only if every finer step agrees with it within the error bar of that step."""

    def trust_rows(value: Array, bar: Array, rows: Array) -> Array:
        agrees = np.ones(value.shape, bool)
        for k in range(len(quotients)):
            own = np.abs(quotients[rows] - value)
            apart = np.abs(quotients[k] - value) > bar + own + 6 * floors[k]
            agrees &= ~(apart & (rows < k)[:, None])
        return agrees

    return trust_rows
