"""Structure that the arrays of an example share and random ones lack: a contract its author may rely on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flowgraph.checking.target import Array


@dataclass(frozen=True)
class Structure:
    """A property of an array. `made` makes an array of any shape have it, `tangent` keeps a direction within it."""

    name: str
    holds: Callable[[Array], bool]
    impose: Callable[[Array], Array]
    tangent: Callable[[Array, Array], Array] | None = None

    def made(self, x: Array) -> Array:
        """The array with the property; a number and an empty array have none."""
        return self.impose(x) if x.ndim and x.size else x


def _sums_to_one(x: Array) -> bool:
    return bool(x.ndim >= 1 and x.size and x.min() >= 0 and np.allclose(x.sum(axis=-1), 1, atol=1e-6))


def _normalised(x: Array) -> Array:
    positive = np.abs(x) + 1e-3
    return np.asarray(positive / positive.sum(axis=-1, keepdims=True))


def _sums_to_one_everywhere(x: Array) -> bool:
    return bool(x.ndim >= 2 and x.size and x.min() >= 0 and np.isclose(x.sum(), 1, atol=1e-6))


def _square(x: Array) -> bool:
    return x.ndim >= 2 and x.shape[-1] == x.shape[-2] and x.shape[-1] >= 2


def _symmetric(x: Array) -> bool:
    return _square(x) and np.allclose(x, np.swapaxes(x, -1, -2), rtol=1e-9, atol=1e-12)


def _symmetrised(x: Array) -> Array:
    return np.asarray((x + np.swapaxes(x, -1, -2)) / 2) if _square(x) else x


def _positive_definite(x: Array) -> bool:
    return _symmetric(x) and bool(np.linalg.eigvalsh(x).min() > 0)


def made_positive_definite(x: Array) -> Array:
    """A symmetric positive definite matrix for each square one; other arrays as they are."""
    if not _square(x):
        return x
    size = x.shape[-1]
    return np.asarray(x @ np.swapaxes(x, -1, -2) / size + np.eye(size) * (0.5 + 0.1 * np.abs(x).mean()))


def _sorted(x: Array) -> bool:
    return x.ndim >= 1 and x.shape[-1] >= 4 and bool(np.all(np.diff(x, axis=-1) > 0))


def _unit_rows(x: Array) -> bool:
    return bool(x.ndim >= 1 and x.size > 1 and np.allclose((x * x).sum(axis=-1), 1, atol=1e-9))


STRUCTURES = (
    Structure(
        "sums to 1 along its last axis",
        _sums_to_one,
        _normalised,
        lambda x, d: np.asarray(d - d.mean(axis=-1, keepdims=True)),
    ),
    Structure(
        "sums to 1",
        _sums_to_one_everywhere,
        lambda x: (np.abs(x) + 1e-3) / (np.abs(x) + 1e-3).sum(),
        lambda x, d: np.asarray(d - d.mean()),
    ),
    Structure(
        "is symmetric positive definite", _positive_definite, made_positive_definite, lambda x, d: _symmetrised(d)
    ),
    Structure("is symmetric", _symmetric, _symmetrised, lambda x, d: _symmetrised(d)),
    Structure("is sorted", _sorted, lambda x: np.sort(x, axis=-1)),
    Structure(
        "has rows of length 1",
        _unit_rows,
        lambda x: x / np.sqrt((x * x).sum(axis=-1, keepdims=True)),
        lambda x, d: np.asarray(d - x * (x * d).sum(axis=-1, keepdims=True)),
    ),
)


def structure_of(x: object) -> Structure | None:
    """The first structure that an array of at least two elements has."""
    if not isinstance(x, np.ndarray) or x.size < 2 or x.dtype.kind != "f" or not np.all(np.isfinite(x)):
        return None
    return next((structure for structure in STRUCTURES if structure.holds(x)), None)
