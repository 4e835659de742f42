"""The numbers that a child of a box may have."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Interval:
    """The real numbers from `low` to `high`; the ends belong to it unless `open`.

    Parameters
    ----------
    low : float, default -inf
        The lower end.
    high : float, default inf
        The upper end, above `low`.
    open : bool, default False
        Whether the ends are left out.

    Raises
    ------
    ValueError
        If `low` is not below `high`.

    Examples
    --------
    >>> from flowgraph import Interval
    >>> 0.0 in Interval(0, 1), 0.0 in Interval(0, 1, open=True)
    (True, False)
    """

    low: float = -inf
    high: float = inf
    open: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"Interval: found {self.low} to {self.high}, needs low < high")

    def __repr__(self) -> str:
        ends = {"low": self.low != -inf, "high": self.high != inf, "open": self.open}
        return f"Interval({', '.join(f'{name}={getattr(self, name)!r}' for name, said in ends.items() if said)})"

    def __contains__(self, number: float) -> bool:
        inside = self.low < number < self.high
        return inside or (not self.open and number in (self.low, self.high))
