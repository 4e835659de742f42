"""The arrays and settings on which a box class is tested, drawn from its declarations."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.example import Example


@dataclass(frozen=True)
class Case:
    """A box class, arrays for its children, settings."""

    cls: type[fg.Box]
    children: tuple[np.ndarray, ...]
    settings: dict[str, Any]

    @property
    def box(self) -> fg.Box:
        """The box on these arrays as constants; its fprop and bprop are what is tested."""
        return self.cls(*self.children, **self.settings)

    @property
    def floats(self) -> list[int]:
        """The positions of the children that have a gradient."""
        constant = self.box.constant
        return [i for i, a in enumerate(self.children) if a.dtype.kind == "f" and not constant[i]]

    def cast(self, dtype: Any) -> Case:
        """The same case with floats of another dtype."""
        return self.replace(*(a.astype(dtype) if a.dtype.kind == "f" else a for a in self.children))

    def replace(self, *children: Any) -> Case:
        """The same settings on other arrays."""
        return Case(self.cls, children, self.settings)

    def __str__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f"{self.cls.__name__}({', '.join(str(a.shape) for a in self.children)}{settings})"


def cases(cls: type[fg.Box]) -> list[Case]:
    """Every example of the class, and for an elementwise box broadcasts and 0-d arrays."""
    return list(_cases(cls))


def _cases(cls: type[fg.Box]) -> Iterator[Case]:
    rng = np.random.default_rng(zlib.crc32(cls.__name__.encode()))
    count = len(cls.child_names) + cls.variadic
    for one in cls.examples or (Example(((3, 4),) * count),):
        yield _drawn(cls, one, rng)
    if issubclass(cls, fg.Elementwise) and not cls.variadic:
        for one in cls.examples[:2] or (Example(((3, 4),) * count),):
            yield _drawn(cls, Example(tuple(_scalar(c) for c in one.children), one.settings), rng)
            if count > 1:
                for i in range(count):
                    smaller = [(4,) if j == i and isinstance(c, tuple) else c for j, c in enumerate(one.children)]
                    if all(isinstance(c, tuple) for c in one.children):
                        yield _drawn(cls, Example(tuple(smaller), one.settings), rng)


def _scalar(child: Any) -> Any:
    return () if isinstance(child, tuple) else child.reshape(-1)[0]


def _drawn(cls: type[fg.Box], one: Example, rng: np.random.Generator) -> Case:
    names = list(cls.child_names)
    if cls.variadic:
        names = names[: len(one.children)] + [names[-1]] * (len(one.children) - len(names))
    children = tuple(
        draw(rng, child, cls.domain.get(name, fg.Interval()), cls.kinks)
        if isinstance(child, tuple)
        else np.array(child)
        for name, child in zip(names, one.children, strict=True)
    )
    return Case(cls, children, dict(one.settings))


def draw(rng: np.random.Generator, shape: tuple[int, ...], domain: fg.Interval, kinks: tuple[float, ...]) -> np.ndarray:
    """Normal values, moved into the domain and away from its ends and from kinks."""
    values = rng.normal(size=shape)
    low, high = domain.low, domain.high
    if np.isfinite(low) and np.isfinite(high):
        values = low + (high - low) * rng.uniform(0.05, 0.95, size=shape)
    elif np.isfinite(low):
        values = low + 0.1 + np.abs(values)
    elif np.isfinite(high):
        values = high - 0.1 - np.abs(values)
    for kink in kinks:
        values = np.where(np.abs(values - kink) < 0.02, values + 0.05, values)
    return np.asarray(values)
