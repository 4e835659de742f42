"""What random leaves draw, as registered classes with settings, so that a graph with chance in it can be saved."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

draws: dict[str, type[Draw]] = {}
"""Every draw class by name, as the registry of boxes."""


class Draw:
    """A draw for `fg.Random` that has a name and settings: a frozen dataclass with `__call__(generator, shape)`.

    A function does for a graph that only runs; a subclass of this is what `fg.save` can write down.

    >>> from dataclasses import dataclass
    >>> import flowgraph as fg
    >>> from flowgraph.draws import Draw
    >>> @dataclass(frozen=True)
    ... class Noise(Draw):
    ...     scale: float = 1.0
    ...     def __call__(self, generator, shape):
    ...         return generator.normal(0, self.scale, shape)
    >>> fg.Random(Noise(0.1), shape=(2,))
    <Random, draw=Noise(scale=0.1): (2,) float64>
    """

    key: ClassVar[str]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        own = cls.__module__.startswith("flowgraph.")
        cls.key = cls.__name__ if own else f"{cls.__module__}.{cls.__qualname__}"
        draws[cls.key] = cls

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """An array of that shape."""
        raise NotImplementedError(f"{type(self).__name__}: has no __call__; a draw declares one")
