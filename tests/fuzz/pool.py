"""What a program has computed so far, on arrays and on boxes, and how its next line finds operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Pool:
    """The values of a program while it is drawn, by name."""

    def __init__(self, rng: np.random.Generator, batch: bool = False, edges: bool = False) -> None:
        self.rng = rng
        self.batch = batch
        self.edges = edges
        self.arrays: dict[str, Any] = {}
        self.boxes: dict[str, Any] = {}
        self.read: set[str] = set()

    def pick(
        self,
        kinds: str = "fc",
        ndim: int | None = None,
        least: int = 0,
        where: Callable[[Any], bool] | None = None,
    ) -> str | None:
        """A value of these dtype kinds, with `ndim` axes or at least `least`; later and unread ones come more often."""
        names = [
            name
            for name, a in self.arrays.items()
            if a.dtype.kind in kinds
            and (a.ndim == ndim if ndim is not None else a.ndim >= least)
            and (where is None or where(a))
        ]
        if not names:
            return None
        if self.flag():
            names = [name for name in names if name not in self.read] or names
        return names[int(len(names) * self.rng.random() ** 0.5)]

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name]

    def fits(self, name: str, kinds: str = "fc") -> str | None:
        """A value whose shape broadcasts with that of another."""
        shape = self.arrays[name].shape
        return self.pick(kinds, where=lambda a: _broadcasts(a.shape, shape))

    def axis(self, name: str, negative: bool = True) -> int:
        """An axis of a value, counted from either end."""
        ndim = self.arrays[name].ndim
        return int(self.rng.integers(-ndim if negative else 0, ndim)) if ndim else 0

    def flag(self, chance: float = 0.5) -> bool:
        """True, with this chance."""
        return bool(self.rng.random() < chance)

    def one(self, options: Any) -> Any:
        """One of several options."""
        return options[int(self.rng.integers(len(options)))]

    def line(self, text: str) -> str:
        """One of the lines of a text."""
        return str(self.one([line.strip() for line in text.strip().splitlines()]))

    def number(self) -> str:
        """A number as text: a whole one, a simple fraction, now and then one at the edge of a range."""
        simple = ("2", "3", "-1", "0.5", "-2.0", "0.25", "1.5", "3.0", "-0.75", "1", "0.1", "1.0")
        edge = ("0", "0.0", "1e20", "1e-20", "1e150", "1e-150", "-1e200", "1e-300", "4e-321", "7e-5", "np.pi")
        if self.edges and self.flag():
            exponent = self.rng.integers(-322, 309) if self.flag() else self.rng.integers(-45, 39)
            return f"{self.one((1, -1, 3))}e{exponent}"
        return str(self.one(edge if self.flag(0.1) else simple))


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1], strict=False))
