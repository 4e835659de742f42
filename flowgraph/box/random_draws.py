"""What random leaves draw, as classes with settings, so that a graph with them can be saved; the seeds of the draws."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, TypeGuard

import numpy as np

from flowgraph.box.node import full_name, is_built_in
from flowgraph.errors import UsageError

Seed: TypeAlias = "int | np.integer[Any] | Sequence[int] | np.ndarray[Any, Any] | np.random.SeedSequence | None"
"""What a run draws from; None draws anew each time. As text, since NumPy loads np.random when it is asked for."""

draws: dict[str, type[Draw]] = {}
"""Every draw class by name, as the registry of boxes."""


class Draw:
    """A draw for `fg.Random` that has a name and settings: a frozen dataclass with `__call__(generator, shape)`.

    A function does for a graph that only runs; a subclass of this is what `fg.save` can write down. With a method
    `javascript()`, which returns the text of an arrow function that draws one element from a source of uniform numbers,
    a module of `fg.compile(..., backend="javascript")` draws by itself. `in_evaluation` is the number that stands for
    each element where a graph is in use and no longer trains, as a module of PyTorch after `.eval()`: 1 for the mask of
    dropout. A draw that has none is refused there.

    >>> from dataclasses import dataclass
    >>> import flowgraph as fg
    >>> from flowgraph.box.random_draws import Draw
    >>> @dataclass(frozen=True)
    ... class Noise(Draw):
    ...     scale: float = 1.0
    ...     def __call__(self, generator, shape):
    ...         return generator.normal(0, self.scale, shape)
    >>> fg.Random(Noise(0.1), shape=(2,))
    <Random, draw=Noise(scale=0.1): (2,) float64>
    """

    key: ClassVar[str]
    in_evaluation: ClassVar[float | None] = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.key = cls.__name__ if is_built_in(cls) else full_name(cls)
        draws[cls.key] = cls

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """An array of that shape."""
        raise NotImplementedError(f"{type(self).__name__}: has no __call__; a draw declares one")


@dataclass(frozen=True)
class Keep(Draw):
    """A mask: 0 with probability `rate`, else 1 / (1 - rate)."""

    rate: float

    in_evaluation: ClassVar[float | None] = 1.0

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """A mask of this shape."""
        return (generator.random(shape) >= self.rate) / (1 - self.rate)

    def javascript(self) -> str:
        """A function of a source of uniform numbers, which draws one element."""
        return f"(uniform) => (uniform() >= {self.rate} ? {1 / (1 - self.rate)} : 0)"


def seed_of_run(seed: Seed, who: str = "fprop") -> Any:
    """The seed that a run draws from: the one that was given, or fresh entropy for None.

    A seed is what `np.random.default_rng` takes as entropy: an integer from 0, a sequence of such integers, or a
    `np.random.SeedSequence`. What comes back is an integer or a tuple of integers, and gives the same draws again.

    >>> from flowgraph.box.random_draws import seed_of_run
    >>> seed_of_run(7), seed_of_run(None) == seed_of_run(None)
    (7, False)
    """
    if seed is None:
        return int.from_bytes(os.urandom(16))
    if type(seed) is int and seed >= 0:
        return seed
    if isinstance(seed, np.random.SeedSequence):
        return tuple(int(word) for word in seed.generate_state(4))
    if _is_entropy(seed):
        return int(seed)
    if isinstance(seed, list | tuple | np.ndarray) and len(seed) and all(_is_entropy(word) for word in seed):
        return tuple(int(word) for word in seed)
    drawn = ", such as int(rng.integers(2**63))" if isinstance(seed, np.random.Generator) else ""
    raise UsageError(
        f"{who}: found seed={seed!r}, needs an integer from 0{drawn}, a sequence of such integers, or None for new "
        f"draws in each call"
    )


def _is_entropy(number: object) -> TypeGuard[int | np.integer[Any]]:
    return isinstance(number, int | np.integer) and bool(number >= 0)
