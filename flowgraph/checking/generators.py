"""Where the checker draws its random numbers from."""

from __future__ import annotations

import numpy as np

OWN = 20_317


def generator(seed: int) -> np.random.Generator:
    """A generator that no `default_rng(0)` of a user repeats.

    Examples are often drawn like that, and an incoming gradient equal to the example sees nothing of a normalisation.
    """
    return np.random.default_rng([OWN, seed])
