"""Random generators that a function can reach, and whether one of them drew while it was called."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

GENERATORS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)


def states(generators: Sequence[Any]) -> list[Any]:
    """The states of these generators and of those that `np.random` and `random` keep, to compare."""
    return [
        _state(np.random.mtrand._rand),
        random.getstate(),
        *[_state(generator) for generator in generators],
    ]


def _state(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return pickle.dumps(generator.get_state(legacy=False))
    bits = generator.bit_generator if isinstance(generator, np.random.Generator) else generator
    return pickle.dumps(bits.state)
