"""One entry of the catalogue: an operation with its example, right or with one planted mistake."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Entry:
    """`family` is "ok" for a right bprop, else V, S, R, E, C or 2."""

    family: str
    name: str
    fprop: object
    bprop: object
    inputs: tuple
    options: dict = field(default_factory=dict)

    @property
    def held_out(self) -> bool:
        """A third, by a hash of the name: never looked at while the checker is mended."""
        return zlib.crc32(self.name.encode()) % 3 == 0


ENTRIES: list[Entry] = []


def ok(name, fprop, bprop, *inputs, **options):
    ENTRIES.append(Entry("ok", name, fprop, bprop, inputs, options))


def bug(family, name, fprop, bprop, *inputs, **options):
    ENTRIES.append(Entry(family, name, fprop, bprop, inputs, options))


def need(condition):
    """What an operation asks of its inputs; a derived input without it is not legal."""
    if not condition:
        raise ValueError("outside of the contract")


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def uniform(*shape, low=0.1, high=0.9, seed=0):
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def fit(grad, like):
    """Sums over the axes along which `like` was broadcast."""
    grad = np.asarray(grad)
    shape = np.shape(like)
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    axes = tuple(k for k, n in enumerate(shape) if n == 1 and grad.shape[k] != 1)
    return grad.sum(axis=axes, keepdims=True) if axes else grad


def like(grad, x):
    """The gradient in the shape and the kind of x."""
    grad = fit(grad, x)
    return np.asarray(grad, x.dtype) if isinstance(x, (np.ndarray, np.generic)) else float(grad)


def back(grad, x, axis, keepdims=False):
    """What came out of a reduction over `axis`, spread over x again."""
    if axis is not None and not keepdims:
        axes = axis if isinstance(axis, tuple) else (axis,)
        grad = np.expand_dims(grad, tuple(a % np.ndim(x) for a in axes)) if np.ndim(x) else grad
    return np.broadcast_to(grad, np.shape(x))
