"""Example arrays such as a user of these functions has."""

from __future__ import annotations

from typing import Any

import numpy as np

Called = tuple[str, Any, tuple[Any, ...]]


def normal(*shape: int, seed: int = 0) -> Any:
    """Standard normal."""
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def uniform(*shape: int, low: float = 0.1, high: float = 0.9, seed: int = 1) -> Any:
    """Within the domain of most."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


X, Y, P, Q, W = normal(3, 4), normal(3, 4, seed=1), uniform(3, 4), uniform(3, 4, seed=2), normal(4, 2)
V, S, T = normal(5), normal(3, 3), normal(2, 3, 4)
POSITIVE = S @ S.T + 3 * np.eye(3)
MASK = X > 0
INDEX = np.array([2, 0, 2, 1])
