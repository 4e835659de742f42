"""Arrays for examples, fixed by their shape and a seed."""

from __future__ import annotations

from typing import Any

import numpy as np


def normal(*shape: int, seed: int = 0) -> Any:
    """Standard normal."""
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def uniform(*shape: int, low: float = 0.1, high: float = 0.9, seed: int = 0) -> Any:
    """Uniform from low to high."""
    return np.random.default_rng([seed, 1, *shape]).uniform(low, high, shape)


def spd(size: int, seed: int = 0) -> Any:
    """Symmetric and positive definite."""
    root = normal(size, size, seed=seed)
    return root @ root.T + size * np.eye(size)


def tensor(array: Any, grad: bool = True) -> Any:
    """A tensor in float64 that requires a gradient."""
    import torch

    return torch.tensor(array, dtype=torch.float64, requires_grad=grad)


def jaxed(array: Any) -> Any:
    """A JAX array in float64."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.numpy.asarray(array)
